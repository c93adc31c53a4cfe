"""Follows a search that another process runs. It only reads."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from kt_evolution.project.folders import check_project
from kt_evolution.project.journal import JOURNAL
from kt_evolution.project.search_lock import is_searching
from kt_evolution.reporting.reading import read_search
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.user_warnings import ignored_warnings

# Seconds between two looks at a project.
INTERVAL = 1.0
# How much longer to wait than what was done with a search took, so that a
# large project costs a small share of the time.
PATIENCE = 4.0


def follow(
    directory: str | os.PathLike[str],
    objective: str | None = None,
    interval: float = INTERVAL,
) -> Iterator[SearchRecord]:
    """Yields a search again and again until no process runs it.

    It is the same object until its project changes. What is yielded last has
    the end of the search. A project of Keras Tuner's own oracles does not say
    whether it is searched, so that it is followed for ever.

    Args:
        directory: String or path, the folder of a project.
        objective: String, see `read_search`.
        interval: Float, the seconds between two looks. Defaults to 1.

    Raises:
        ValueError: If there is no project, or no such metric.
    """
    folder = check_project("source", Path(directory))
    seen: tuple[tuple[int, int], ...] = ()
    search: SearchRecord | None = None
    while True:
        # Asked before the files are read, which then have all results.
        is_over = (folder / JOURNAL).exists() and not is_searching(folder)
        began = time.monotonic()
        mark = _mark(folder)
        if search is None or mark != seen:
            search = _read(folder, objective, is_first=search is None)
            seen = mark
        yield search
        if is_over:
            return
        time.sleep(max(interval, PATIENCE * (time.monotonic() - began)))


def _read(folder: Path, objective: str | None, is_first: bool) -> SearchRecord:
    """Reads a search, and warns of what can't be read only once."""
    with contextlib.nullcontext() if is_first else ignored_warnings(""):
        return read_search(folder, objective)


def _mark(folder: Path) -> tuple[tuple[int, int], ...]:
    """Returns the times and sizes of the files that a search writes."""
    if (folder / JOURNAL).exists():
        paths = [folder / JOURNAL]
    else:
        paths = sorted(folder.glob("trial_*/trial.json"))
    marks = []
    for path in paths:
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        marks.append((status.st_mtime_ns, status.st_size))
    return tuple(marks)
