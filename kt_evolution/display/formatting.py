"""Numbers, durations, origins and tables, as every text shows them."""

import io
import math
import re
import shutil
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kt_evolution.display.terminal import printable
from kt_evolution.display.terminal import unstyled

if TYPE_CHECKING:
    from kt_evolution.limits import Limit

# How many significant digits are shown, and how many at most, where more are
# needed to distinguish values. A 32-bit float has no more than `MOST_DIGITS`.
DIGITS = 4
MOST_DIGITS = 9
# In characters.
FEW_WORDS = 100
# From so many times a bound on, a share of it in percent is hard to read.
MANY_TIMES = 10.0

# The line of a traceback that names the error; its module is left out.
_ERROR = re.compile(r"(?:\w+\.)*(\w*(?:Error|Exception|Exit)\b)")


def number(value: Any, digits: int = DIGITS) -> str:
    """Returns a number with four digits, or all those of an integer.

    Counts have commas between thousands, so that a column of them is aligned.
    A value that is close to an integer gets as many digits as show that it is
    not the integer.

    Args:
        value: Any value; what is no number is returned as text.
        digits: Int, how many significant digits. Defaults to 4.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    shortest = _shortest(value)
    for more in range(digits, MOST_DIGITS + 1):
        text = f"{shortest:.{more}g}"
        if not float(text).is_integer():
            return text
    return f"{shortest:.{digits}g}"


def setting(value: Any, digits: int = DIGITS) -> str:
    """Returns the value of a hyperparameter: a `number` as code has it.

    It has no commas, because values are copied and are listed with commas.

    Args:
        value: Any value.
        digits: Int, see `number`. Defaults to 4.
    """
    text = number(value, digits)
    return text if isinstance(value, str) else text.replace(",", "")


def numbers(values: Iterable[Any]) -> list[str]:
    """Returns values with as many digits as distinguish different ones.

    Example:

    ```python
    numbers([0.5, 0.99997, 0.99998])  # ["0.5", "0.99997", "0.99998"]
    ```

    Args:
        values: Iterable of values that are shown below each other.
    """
    shown = list(values)
    num_different = len(set(map(str, shown)))
    best: list[str] = []
    for digits in range(DIGITS, MOST_DIGITS + 1):
        texts = [number(value, digits) for value in shown]
        if len(set(texts)) > len(set(best)) or not best:
            best = texts
        if len(set(best)) >= num_different:
            break
    return best


def score_rows(
    metrics: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> list[list[str]]:
    """Returns the rows of a table of metrics, see `numbers`.

    Args:
        metrics: Sequence of dicts of names to values.
        names: Sequence of the names of the columns. What a row does not have
            is left empty.
    """
    columns = []
    for name in names:
        shown = iter(numbers(row[name] for row in metrics if name in row))
        columns.append([next(shown) if name in row else "" for row in metrics])
    return [list(row) for row in zip(*columns, strict=True)]


def same_width(ids: Iterable[str]) -> list[str]:
    """Returns ids of trials with spaces before those that are shorter.

    Ids get wider once there are more trials than the first `max_trials`.
    """
    listed = list(ids)
    width = max(map(len, listed), default=0)
    return [one.rjust(width) for one in listed]


def _shortest(value: float) -> float:
    """Returns the shortest decimal number with the same 32-bit float.

    Keras computes with 32-bit floats: 0.825 becomes 0.824999988079071. Other
    numbers are returned as they are.
    """
    with np.errstate(over="ignore"):
        narrow = np.float32(value)
    return float(str(narrow)) if float(narrow) == value else value


def prediction(mean: float, std: float) -> str:
    """Returns a mean and its standard deviation: "0.95 ± 0.012".

    The mean has the decimals of the deviation, where those are more than the
    usual digits.
    """
    digits = DIGITS
    if 0.0 < std < math.inf and mean and math.isfinite(mean):
        # Two digits of the deviation.
        last = math.floor(math.log10(std)) - 1
        digits = math.floor(math.log10(abs(mean))) - last + 1
        digits = min(max(digits, DIGITS), MOST_DIGITS)
    return f"{number(mean, digits)} ± {std:.2g}"


def distances(
    limits: Iterable["Limit"], metrics: Mapping[str, float]
) -> tuple[str, ...]:
    """Returns how far a trial is from the limits that it breaks.

    Args:
        limits: Iterable of `Limit`s.
        metrics: Dict of names to values.

    Returns:
        Tuple of strings such as "latency 5.3 (33% over 4)".
    """
    broken = []
    for limit in limits:
        value = metrics.get(limit.name, math.nan)
        if limit.max is not None and value > limit.max:
            broken.append(_distance(limit.name, value, "over", limit.max))
        elif limit.min is not None and value < limit.min:
            broken.append(_distance(limit.name, value, "under", limit.min))
        elif math.isnan(value):
            broken.append(f"{limit.name} is not known")
    return tuple(broken)


def _distance(name: str, value: float, side: str, bound: float) -> str:
    shown, limit = numbers([value, bound])
    if not bound:
        return f"{name} {shown} ({side} {limit})"
    if value / bound >= MANY_TIMES:
        return f"{name} {shown} ({value / bound:,.0f} times {limit})"
    percent = 100.0 * abs((value - bound) / bound)
    share = f"{percent:,.0f}" if percent >= 10.0 else f"{percent:.2g}"
    return f"{name} {shown} ({share}% {side} {limit})"


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
    """Returns how a model was made, in words.

    Args:
        operator: String, the names of operators, with "+" between them.
        parents: Sequence of the ids of the parents.
    """
    words = operator.replace("+", " and ")
    return f"{words} of {' and '.join(parents)}" if parents else words


def pause_words(epochs: int | None, max_epochs: int | None) -> str:
    """Returns where a trial is paused: "paused at epoch 3 of 27".

    Args:
        epochs: Int, for how many epochs it was trained, or None.
        max_epochs: Int, the last epoch, or None if it is not known.
    """
    where = f" at epoch {epochs}" if epochs else ""
    return f"paused{where}{f' of {max_epochs}' if max_epochs else ''}"


def promotion_words(epochs: Sequence[int]) -> str:
    """Returns where a trial was promoted: "promoted at epochs 1 and 3".

    Args:
        epochs: Sequence of ints, the rungs from which it was trained on.
    """
    if not epochs:
        return ""
    *others, last = map(str, epochs)
    before = f"{', '.join(others)} and " if others else ""
    return f"promoted at epoch{'s' if others else ''} {before}{last}"


def saving_words(num_trained: int, num_in_full: int) -> str:
    """Returns how many epochs a fidelity saved.

    Args:
        num_trained: Int, the epochs of all trials together.
        num_in_full: Int, the epochs if each were trained to the last one.
    """
    num_saved = num_in_full - num_trained
    share = num_saved / max(num_in_full, 1)
    return (
        f"{number(num_trained)} of the {number(num_in_full)} epochs of full "
        f"trainings were trained: {number(num_saved)} ({share:.0%}) are saved"
    )


def nothing_completed(paused: Sequence[int | None]) -> str:
    """Returns that no trial is completed, and how far the paused ones are.

    Args:
        paused: Sequence of the epochs at which trials are paused.
    """
    if not paused:
        return "No trial is completed."
    are = "1 is" if len(paused) == 1 else f"{len(paused)} are"
    furthest = max(epochs or 0 for epochs in paused)
    return (
        f"No trial is trained to the end yet: {are} paused, the furthest at "
        f"epoch {furthest}."
    )


def failure_reason(message: str) -> str:
    """Returns why a trial failed as one line, empty if there is no message.

    Args:
        message: String, a traceback or a sentence.
    """
    lines = [line.rstrip() for line in unstyled(message).splitlines()]
    lines = [line for line in lines if line]
    # What an error says may have several lines.
    for number in reversed(range(len(lines))):
        match = _ERROR.match(lines[number])
        if match:
            return _named(lines[number][match.start(1) :], lines[number + 1 :])
    return lines[-1].strip() if lines else ""


def _named(line: str, following: Sequence[str]) -> str:
    """Returns the line that names an error, with what it says."""
    name, _, text = line.partition(": ")
    # Keras says first which layer it was.
    if text.startswith("Exception encountered when") and following:
        return f"{name}: {following[0].strip()}"
    # TensorFlow says first where it was, in many lines, and then names nodes.
    if text.startswith("Graph execution error"):
        said = [one for one in map(str.strip, following) if one[:2] != "[["]
        return f"{name}: {said[-1]}" if said else line
    return line


def times(count: int) -> str:
    """Returns how often something happened: "once", "3 times"."""
    return "once" if count == 1 else f"{number(count)} times"


def shortened(text: str) -> str:
    """Returns a few words of a text that may be long."""
    if len(text) <= FEW_WORDS:
        return text
    return f"{text[: FEW_WORDS - 1].rstrip()}\u2026"


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
