"""Numbers, durations, origins and tables, as every text shows them."""

import io
import math
import shutil
from collections.abc import Sequence
from typing import Any
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kt_evolution.display.terminal import printable


def number(value: Any) -> str:
    """Returns a value with four digits, or all those of an integer."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}" if abs(value) >= 10_000 else str(int(value))
    return f"{value:.4g}"


def prediction(mean: float, std: float) -> str:
    """Returns a mean and its standard deviation: "0.95 ± 0.012"."""
    return f"{number(mean)} ± {std:.2g}"


def duration(seconds: float) -> str:
    """Returns seconds as a clock shows them: "8.0 s", "1:05", "2:00:09"."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def origin(operator: str, parents: Sequence[str]) -> str:
    """Returns how a model was proposed.

    Args:
        operator: String, the names of operators, with "+" between them.
        parents: Sequence of the ids of the parents.
    """
    words = operator.replace("+", " and ")
    return f"{words} of {' and '.join(parents)}" if parents else words


def new_table(
    header: Sequence[str],
    align: Literal["left", "right"],
    padding: int = 2,
) -> Table:
    """Returns a table without lines, whose last column gives way first."""
    table = Table(
        box=None, header_style="dim", padding=(0, padding, 0, 0), pad_edge=False
    )
    for name in header:
        table.add_column(_cell(name), justify=align, no_wrap=True)
    table.columns[-1].no_wrap = False
    return table


def add_row(table: Table, cells: Sequence[str], style: str = "") -> None:
    """Adds cells to a table as they are: they are no markup."""
    table.add_row(*map(_cell, cells), style=style)


def _cell(text: str) -> Text:
    return Text(printable(text), no_wrap=True, overflow="ellipsis")


def text_table(
    rows: Sequence[Sequence[str]], align: Literal["left", "right"] = "left"
) -> str:
    """Returns rows as columns of text, within the width of the terminal.

    Args:
        rows: Sequence of rows of cells, the header first.
        align: String, on which side the cells of a column begin.
    """
    # A file or a pipe has no width.
    width = shutil.get_terminal_size((10_000, 24)).columns
    console = Console(file=io.StringIO(), width=width, color_system=None)
    header, *body = rows
    table = new_table(header, align)
    for row in body:
        add_row(table, row)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())
