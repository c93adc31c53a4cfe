"""Restoring: the state of a search from its journal alone."""

import contextlib
import gc
from collections.abc import Iterator
from pathlib import Path

import keras_tuner as kt

from kt_evolution.display.terminal import printable
from kt_evolution.project.event_checks import EventCheck
from kt_evolution.project.event_checks import check_version
from kt_evolution.project.event_lines import from_line
from kt_evolution.project.journal import JOURNAL
from kt_evolution.project.journal import Journal
from kt_evolution.project.journal import damaged_line
from kt_evolution.project.state import SearchState


def check_is_ours(folder: Path, name: str, journal: Journal) -> None:
    """Raises if a project has trials, but no journal.

    Args:
        folder: Path, the project.
        name: String, its name.
        journal: Its `Journal`.
    """
    has_trials = any(folder.glob("trial_*/trial.json"))
    if has_trials and not journal.has_content():
        raise RuntimeError(
            f"The project in {folder} has trials but no "
            "journal.jsonl: it was made by another oracle, or the file was "
            "deleted. It can't be continued, but a new search can start "
            "from its trials:\n"
            f"    EvolutionTuner(..., project_name="
            f"{f'{name}_2'!r}, "
            f"warm_start={str(folder)!r})\n"
            "Or use `overwrite=True` to delete it."
        )


def replay(journal: Journal, state: SearchState, folder: Path) -> EventCheck:
    """Applies the lines of a journal to a new state.

    Args:
        journal: The `Journal`.
        state: The `SearchState`.
        folder: Path, the project, for errors.

    Returns:
        The `EventCheck` of the next line.

    Raises:
        JournalError: If a line is not one of a search.
    """
    check = EventCheck()
    if not journal.exists():
        return check
    check_version(journal.first(), str(folder))
    with _paused_garbage_collection():
        for number, line in enumerate(journal.read(), start=1):
            try:
                check(line)
                check_version(line, str(folder))
                event = from_line(line)
                if event is not None:
                    state.apply(event)
            except kt.errors.FatalError:
                # The user's arguments do not fit the project.
                raise
            except (LookupError, ValueError) as error:
                raise damaged_line(
                    folder / JOURNAL,
                    number,
                    f"is no line of a search: {printable(str(error))}",
                ) from error
    return check


@contextlib.contextmanager
def _paused_garbage_collection() -> Iterator[None]:
    """Turns garbage collection off: it would double the time of a restart."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
