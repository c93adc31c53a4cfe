"""Whether a search has come to its end, for a process that only reads it."""

import contextlib
from pathlib import Path

from kt_evolution.keras_tuner_bridge.trial_status import TrialStatus
from kt_evolution.project.journal import JOURNAL
from kt_evolution.project.journal import JournalError
from kt_evolution.project.reader import read_stored
from kt_evolution.project.search_lock import FILE_NAME


class Finished:
    """Looks into a project for the end of its search.

    Args:
        folder: Path, the project. It need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # The size and the time of the journal that was read last.
        self._seen: tuple[int, int] | None = None

    def how(self, max_trials: int | None) -> str | None:
        """Returns how the search has ended, None if it may go on.

        Args:
            max_trials: Int, how many trials there are to be, or None.
        """
        # A killed process leaves its lock, one that ends does not.
        if (self._folder / FILE_NAME).exists():
            return None
        with contextlib.suppress(OSError, JournalError):
            status = (self._folder / JOURNAL).stat()
            seen = status.st_size, status.st_mtime_ns
            if seen != self._seen:
                self._seen = seen
                return self._read(max_trials)
        return None

    def _read(self, max_trials: int | None) -> str | None:
        project = read_stored(self._folder, salvage=True)
        if project.stop_reason is not None:
            return project.stop_reason.rstrip(".")
        num_running = sum(
            trial.status == TrialStatus.RUNNING for trial in project.trials
        )
        if max_trials is None or len(project.trials) < max_trials:
            return None
        if num_running or project.is_interrupted:
            return None
        return f"all {len(project.trials)} trials have been run"
