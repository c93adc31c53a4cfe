"""A search as a folder: a restart restores everything from it.

The state is rebuilt from the journal alone.
"""

import contextlib
import dataclasses
import random
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras_tuner as kt

from kt_evolution.display.terminal import printable
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.encoding import genes_of
from kt_evolution.keras_tuner_bridge.objectives import directions_of
from kt_evolution.keras_tuner_bridge.redeclarations import redeclared
from kt_evolution.limits import Limit
from kt_evolution.project.clock import SearchClock
from kt_evolution.project.compatibility import check_objective
from kt_evolution.project.compatibility import has_objective
from kt_evolution.project.event_checks import EventCheck
from kt_evolution.project.event_lines import encode
from kt_evolution.project.events import Event
from kt_evolution.project.events import SearchDefined
from kt_evolution.project.host_files import HostFiles
from kt_evolution.project.host_files import check_entries
from kt_evolution.project.journal import JOURNAL
from kt_evolution.project.journal import Journal
from kt_evolution.project.locations import check_project_name
from kt_evolution.project.locations import locate_directory
from kt_evolution.project.restoring import check_is_ours
from kt_evolution.project.restoring import replay
from kt_evolution.project.search_lock import SearchLock
from kt_evolution.project.state import SearchState
from kt_evolution.user_warnings import warn_user


class Project:
    """The folder of a search, and the state that its journal holds.

    Example:

    ```python
    project = Project(objective, limits, hyperparameters, seed)
    project.set_folder("results", "mnist")
    with project.changing():
        project.commit(TrialCreated(trial_id="0", values={}, record={}))
    ```

    Args:
        objective: The `keras_tuner.Objective`.
        limits: The `Limit`s on metrics.
        given_space: The `keras_tuner.HyperParameters` that the user declared.
        seed: Int, the seed of the user, or None.
        on_restored: Function without arguments, called after the state was
            read from the journal.

    Attributes:
        state: The `SearchState`.
        seed: Int, the seed of the user or of the journal.
        clock: The `SearchClock`.
        lock: A reentrant lock, held while the state changes.
        host_files: The `HostFiles`, for Keras Tuner's own tools.
        max_epochs: Int, for how many epochs a model is trained in full, or
            None if that is not known.
    """

    def __init__(
        self,
        objective: kt.Objective,
        limits: Sequence[Limit],
        given_space: kt.HyperParameters,
        seed: int | None,
        on_restored: Callable[[], None],
    ) -> None:
        self._objective = objective
        self._limits = limits
        self._limit_configs = [limit.get_config() for limit in limits]
        self._given_space = given_space
        self._given_seed = seed
        self._on_restored = on_restored
        # The hyperparameters found before the first trial. No line has them.
        self._explored = kt.HyperParameters()
        self._requested: list[str] = []
        self._directory: str | None = None
        self._name = ""
        self._journal: Journal | None = None
        self._check = EventCheck()
        self._search_lock = SearchLock()
        self.host_files = HostFiles(None)
        self.max_epochs: int | None = None
        self.seed = random.randrange(2**31) if seed is None else seed
        self.clock = SearchClock()
        self.lock = threading.RLock()
        self.state = self._new_state()
        self.state.models.grow(given_space)

    def _new_state(self) -> SearchState:
        return SearchState(self._objective, self._limits, self.clock)

    # The folder.

    def set_folder(self, directory: Any, name: str) -> None:
        """Sets the folder, which is read when it is first needed."""
        # Tuners of Keras Tuner take "~" as the name of a folder.
        self._directory = locate_directory(directory, expand_user=False)
        check_project_name(name)
        self._name = name
        self.host_files = HostFiles(self.folder)
        self._journal = None
        self._search_lock.release()
        # Keras Tuner calls this before it restores the tuner.
        private_api.set_aside_torn_state(self.folder)

    @property
    def has_folder(self) -> bool:
        return self._directory is not None

    @property
    def folder(self) -> Path:
        """Path, the folder of the project."""
        return Path(self._directory or "", self._name)

    def open(self) -> bool:
        """Restores the project in the folder, once.

        Returns:
            Bool, whether the project has trials.
        """
        with self.lock:
            if self._journal is None and self.has_folder:
                self._restore()
            return bool(self.state.trials)

    @contextlib.contextmanager
    def reading(self) -> Iterator[SearchState]:
        """Holds the lock while the state is read."""
        with self.lock:
            self.open()
            yield self.state

    def reload(self) -> None:
        """Restores the state from the journal, as a new process would."""
        with self.lock:
            self._journal = None
            self.state.ongoing_trials.clear()
            self.open()

    def claim(self, max_trials: int | None) -> None:
        """Makes this process the only one that searches in the project.

        Args:
            max_trials: Int, after how many trials it ends, or None.

        Raises:
            ProjectInUseError: If another one does.
        """
        with self.lock:
            if not self.has_folder:
                return
            # Raises before anything is written, if this is no project of ours.
            self.open()
            if not self._search_lock.is_taken:
                self._search_lock.take(self.folder, max_trials)
                self._follow_journal()
            if not self._search_lock.is_read_only:
                self.host_files.write_doubtful(self.state)

    def _follow_journal(self) -> None:
        """Begins as a new process would, where that makes a difference."""
        # Another process may have continued the search since then. A search
        # that was given up without a result gives its trials another chance,
        # except to a worker that comes too late to a chief.
        is_behind = self._journal is not None and self._journal.has_changed()
        is_retried = self.state.is_revived and not private_api.is_chief()
        if is_behind or is_retried:
            self._read_again()
            self.open()

    def release(self) -> None:
        """Lets other processes search in the project."""
        with self.lock:
            self._search_lock.release()

    # Changes.

    @contextlib.contextmanager
    def changing(self, worker: str | None = None) -> Iterator[None]:
        """Holds the lock while the state changes.

        An exception during a change, such as Ctrl-C, may leave the state half
        changed. The journal never is, since a change is one line of it. So the
        state is read again.

        Args:
            worker: String, the worker that calls, or None. After an error its
                trial has to be run again. Trials of other workers run on.
        """
        with self.lock:
            self.open()
            try:
                yield
            except BaseException:
                if worker is not None:
                    self.state.ongoing_trials.pop(worker, None)
                self._read_again()
                raise

    def _read_again(self) -> None:
        """Restores the state from the journal."""
        # If the file is gone, only memory has the results.
        if self._journal is not None and not self._journal.is_deleted():
            self._journal = None

    def check_not_deleted(self) -> None:
        """Raises a `JournalError` if the journal was deleted meanwhile."""
        if self._journal is not None:
            self._journal.check_not_deleted()

    def commit(self, event: Event) -> None:
        """Appends an event to the journal, and applies it to the state.

        Raises:
            keras_tuner.errors.FatalError: If a value of the user's does not
                allow it. Then neither the journal nor the state changes.
            JournalError: If the journal can't be written.
        """
        with self.changing():
            if self.state.search is None:
                self._append(
                    SearchDefined(
                        time=None,
                        objective=directions_of(self._objective),
                        seed=self.seed,
                    )
                )
            session, seconds = self.clock.stamp()
            stamped = dataclasses.replace(
                event, session=session, seconds=seconds
            )
            self._append(
                self._complete(stamped) if event.has_space else stamped
            )

    def _append(self, event: Event) -> None:
        if self._journal is None:
            raise RuntimeError(
                "An oracle needs a project folder before its first trial. "
                "Pass it to a tuner as `oracle=`."
            )
        # The state of a journal that is gone can't be read again.
        self.check_not_deleted()
        line = encode(event, self._check)
        # A line that a restart can't apply must not be written, so the state
        # is first. If the line can't be written, the state is read again.
        self.state.apply(event)
        self._journal.append(line)

    def _complete(self, event: Event) -> Event:
        """Adds the hyperparameters and limits that no line has so far."""
        num_recorded = self.state.num_recorded
        if len(self.state.hyperparameters.space) > num_recorded:
            configs = self.state.hyperparameters.get_config()["space"]
            event = dataclasses.replace(event, space=configs[num_recorded:])
        if self._limit_configs != self.state.recorded_limits:
            event = dataclasses.replace(event, limits=self._limit_configs)
        return event

    def grow(self, found: kt.HyperParameters) -> None:
        """Adds new hyperparameters to the search space.

        The next line of the journal has them.

        Raises:
            SpaceError: If one of them can't be searched.
        """
        new = private_api.new_entries(self.state.hyperparameters, found)
        if new:
            genes_of(new)
            with self.changing():
                self.state.models.grow(found)

    def note_explored(self, keys: Sequence[str] = ()) -> None:
        """Keeps the genes found before the first trial, also for a reload.

        Args:
            keys: List of the keys of genes that exploring requested.
        """
        if not self.state.trials:
            self._explored = self.state.hyperparameters.copy()
            self._requested = self._requested + list(keys)
            self.state.models.learn_requested(self._requested)

    # Restarts.

    def _restore(self) -> None:
        check_entries(self.folder, self.folder)
        journal = Journal(self.folder / JOURNAL)
        check_is_ours(self.folder, self._name, journal)
        state = self._new_state()
        check = replay(journal, state, self.folder)
        self._take_definition(state)
        running, self.state = self.state.ongoing_trials, state
        state.requeue()
        state.keep_running(running)
        self.host_files.doubt(state)
        self._add_given_space()
        if not state.trials:
            state.models.grow(self._explored)
            state.models.learn_requested(self._requested)
        self._journal, self._check = journal, check
        self._on_restored()

    def _take_definition(self, state: SearchState) -> None:
        """Takes the seed of the journal, and checks the objective."""
        if state.search is None:
            return
        if self._given_seed is None:
            self.seed = state.search.seed
        elif self._given_seed != state.search.seed:
            warn_user(
                f"The project in {self.folder} was searched with "
                f"seed={state.search.seed}, and its next proposals will be "
                f"those of the given seed={self._given_seed}."
            )
        if state.has_scores:
            check_objective(state.search, self._objective, str(self.folder))
        elif not has_objective(state.search, self._objective):
            # No scores yet, so the objective may still change.
            state.search = None

    def _add_given_space(self) -> None:
        """Adds the hyperparameters of the user that the project lacks."""
        for change in redeclared(
            self.state.hyperparameters.space, self._given_space.space
        ):
            warn_user(
                "`hyperparameters` declares one of the project otherwise than "
                "it was declared when the search began, and that counts: "
                f"{printable(change)}. To search the new range use another "
                "`project_name`."
            )
        self.state.models.grow(self._given_space)
