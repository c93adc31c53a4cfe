"""Ctrl-C at each line of our code that a search runs, one at a time."""

import contextlib
import sys
from pathlib import Path
from typing import Any

import kt_evolution
from tests.project import searches

OURS = str(Path(kt_evolution.__file__).parent)


class Interruption:
    """Counts the lines that our code runs, and interrupts one of them.

    Args:
        number: Int, the line that raises KeyboardInterrupt, or None.

    Attributes:
        lines: List of (file, line number), in the order in which they ran.
    """

    def __init__(self, number: int | None = None) -> None:
        self.number = number
        self.lines: list[tuple[str, int]] = []

    def __enter__(self) -> "Interruption":
        sys.settrace(self._enter_frame)
        return self

    def __exit__(self, *args: Any) -> None:
        sys.settrace(None)

    def _enter_frame(self, frame: Any, event: str, argument: Any) -> Any:
        is_ours = frame.f_code.co_filename.startswith(OURS)
        return self._at_line if is_ours else None

    def _at_line(self, frame: Any, event: str, argument: Any) -> Any:
        if event == "line":
            self.lines.append((frame.f_code.co_filename, frame.f_lineno))
            if len(self.lines) - 1 == self.number:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self._at_line


def make_tuner(folder: Path, **kwargs: Any) -> Any:
    return searches.make_tuner(folder, max_trials=7, **kwargs)


def lines_of_a_search(folder: Path, **kwargs: Any) -> list[tuple[str, int]]:
    """Returns the lines that a search runs."""
    folder.mkdir(parents=True)
    tuner = make_tuner(folder, **kwargs)
    with Interruption() as interruption:
        tuner.search(verbose=0)
    return interruption.lines


def search_twice(folder: Path, number: int, **kwargs: Any) -> Any:
    """Searches, is interrupted at a line, and goes on with the same tuner."""
    folder.mkdir(parents=True)
    tuner = make_tuner(folder, **kwargs)
    with (
        Interruption(number),
        contextlib.suppress(KeyboardInterrupt),
    ):
        tuner.search(verbose=0)
    tuner.search(verbose=0)
    return tuner
