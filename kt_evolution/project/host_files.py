"""The files of a project that Keras Tuner's own tools read.

They are written as Keras Tuner writes them, and never read here: the journal
has all that they have.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_tuner.engine.trial import Trial

from kt_evolution import files
from kt_evolution.project.event_lines import python_scalar
from kt_evolution.project.journal import JournalError
from kt_evolution.project.journal import write_atomically
from kt_evolution.project.state import SearchState

# `oracle.json` lists all trials. It is written when their number has grown by
# this share, and at the end, so that its cost per trial stays bounded.
ORACLE_FILE_GROWTH = 0.25


class HostFiles:
    """The `trial.json` of each trial, and `oracle.json`.

    Args:
        folder: Path, the project, or None if nothing is to be written.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._size_when_saved = 0
        # Trials whose files may differ from the journal.
        self._doubtful: set[str] = set()

    def write_trial(self, trial: Trial) -> None:
        """Writes the `trial.json` of a trial."""
        if self._folder is None:
            return
        folder = self._folder / f"trial_{trial.trial_id}"
        check_entries(folder, self._folder)
        text = json.dumps(trial.get_state(), default=python_scalar)
        write_atomically(folder / "trial.json", text)

    def doubt(self, state: SearchState) -> None:
        """Doubts what a process that may have died has left behind.

        The files of trials that were running or ending may be torn or missing.
        They are not written now: the disk may be read-only, or the project may
        belong to a running search.

        Args:
            state: The `SearchState` that the journal holds.
        """
        self._doubtful = {*state.retry_queue, *state.end_order[-1:]}
        self._size_when_saved = _size_of(state)

    def write_doubtful(self, state: SearchState) -> None:
        """Writes the files that are in doubt."""
        if not self._doubtful:
            return
        for trial_id in sorted(self._doubtful & state.trials.keys()):
            self.write_trial(state.trials[trial_id])
        self._doubtful.clear()
        # Now `oracle.json` counts as outdated, too.
        self._size_when_saved = 0

    def update_oracle(
        self, state: SearchState, get_state: Callable[[], dict[str, Any]]
    ) -> None:
        """Writes `oracle.json`, if there are enough new trials.

        Args:
            state: The `SearchState`.
            get_state: Function that returns the content of the file.
        """
        due = self._size_when_saved * (1 + ORACLE_FILE_GROWTH)
        if _size_of(state) >= due:
            self.write_oracle(state, get_state)

    def write_oracle(
        self, state: SearchState, get_state: Callable[[], dict[str, Any]]
    ) -> None:
        """Writes `oracle.json`, if trials began or ended since the last time.

        Args: See `update_oracle`.
        """
        size = _size_of(state)
        if self._folder is not None and size != self._size_when_saved:
            path = self._folder / "oracle.json"
            text = json.dumps(get_state(), default=python_scalar)
            write_atomically(path, text)
            self._size_when_saved = size


def _size_of(state: SearchState) -> int:
    return len(state.start_order) + len(state.end_order)


def check_entries(folder: Path, project: Path) -> None:
    """Raises if a file in a folder of the project is not a regular file."""
    try:
        files.check_entries(folder, project)
    except OSError as error:
        raise JournalError(f"{error}.") from error
