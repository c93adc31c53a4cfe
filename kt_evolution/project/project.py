"""An `Oracle` whose state is a folder: what a restart finds is all there is.

The journal is the truth, and everything else is rebuilt from it. `trial.json`
and `oracle.json` are written as the host writes them, for its own tools.
"""

import bisect
import contextlib
import gc
import json
import random
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution import files
from kt_evolution.algorithm.checks import check_count
from kt_evolution.display.terminal import printable
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.objectives import as_objectives
from kt_evolution.keras_tuner_bridge.objectives import check_directions
from kt_evolution.keras_tuner_bridge.objectives import sign_of
from kt_evolution.keras_tuner_bridge.redeclarations import redeclared
from kt_evolution.project import events
from kt_evolution.project.builds import Builds
from kt_evolution.project.clock import SearchClock
from kt_evolution.project.event_checks import EventCheck
from kt_evolution.project.issued_trial import IssuedTrial
from kt_evolution.project.issued_trial import run_of
from kt_evolution.project.journal import Journal
from kt_evolution.project.journal import JournalError
from kt_evolution.project.journal import damaged_line
from kt_evolution.project.journal import write_atomically
from kt_evolution.project.locations import check_project_name
from kt_evolution.project.locations import locate_directory
from kt_evolution.project.runs import Runs
from kt_evolution.project.search_lock import SearchLock

# `oracle.json` lists all trials. It is written when their number has grown by
# this part, and at the end, so that its cost per trial stays bounded.
ORACLE_FILE_GROWTH = 0.25


class ProjectOracle(kt.Oracle):
    """Base class of oracles that are restored from their project's journal.

    Args:
        objective: A string, `keras_tuner.Objective`, or a list of them.
        max_trials: Int, the number of trials at most; None for no limit.
        seed: Int, the random seed. Defaults to a random one, which is kept
            when the search is resumed.
        **kwargs: Further arguments of `keras_tuner.Oracle`.
    """

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        _check_arguments(**kwargs)
        # Numbers of NumPy can't be written as JSON, and 10.0 has four digits.
        if seed is not None:
            seed = check_count("seed", seed, at_least=0)
        if max_trials is not None:
            max_trials = check_count("max_trials", max_trials)
        counts = {"max_retries_per_trial": 0}
        if kwargs.get("max_consecutive_failed_trials") is not None:
            # None is no limit, as in the host.
            counts["max_consecutive_failed_trials"] = 1
        for name, at_least in counts.items():
            if name in kwargs:
                kwargs[name] = check_count(name, kwargs[name], at_least)
        super().__init__(
            objective=as_objectives(objective),
            max_trials=max_trials,
            seed=seed,
            **kwargs,
        )
        check_directions(self.objective)
        # The host takes 0 for "no seed".
        self._given_seed = seed
        self.seed = random.randrange(2**31) if seed is None else seed
        self._lock = threading.RLock()
        self._given_space: kt.HyperParameters = self.hyperparameters
        # What was found before the first trial, of which no line tells.
        self._explored = kt.HyperParameters()
        self._journal: Journal | None = None
        self._search_lock = SearchLock()
        self._clock = SearchClock()
        self._forget()
        self._add_to_space(self._given_space)

    def _forget(self) -> None:
        """Clears all that the journal can restore."""
        self.hyperparameters: kt.HyperParameters = private_api.HyperParameters()
        self.trials: dict[str, Trial] = {}
        self.ongoing_trials: dict[str, Trial] = {}
        self.start_order: list[str] = []
        self.end_order: list[str] = []
        self._run_times.clear()
        self._retry_queue: list[str] = []
        self._ended: set[str] = set()
        self._runs = Runs()
        self._builds = Builds()
        self._proposed_values: dict[str, dict[str, Any]] = {}
        # Completed trials as (score to minimise, number, trial id), sorted.
        self._ranking: list[tuple[float, int, str]] = []
        self._num_journaled_hps = 0
        self._size_when_saved = 0
        # Trials whose files may not tell what the journal does.
        self._doubtful: set[str] = set()
        # What the journal's first line says, if there is one that counts.
        self._search_event: dict[str, Any] | None = None
        self._clock.forget()
        # Why a stopping rule ended the search, None while it goes on.
        self.stop_reason: str | None = None

    def _set_project_dir(self, directory: Any, project_name: str) -> None:
        # A tuner of the host's takes "~" for the name of a folder.
        directory = locate_directory(directory, expand_user=False)
        check_project_name(project_name)
        super()._set_project_dir(directory, project_name)
        self._journal = None
        self._search_lock.release()
        # The host calls this before it restores the tuner.
        private_api.set_aside_torn_state(self._folder)

    @property
    def _folder(self) -> Path:
        return Path(self._directory) / self._project_name

    def open(self) -> bool:
        """Restores the project in the directory, once.

        Returns:
            Bool, whether the project has trials.
        """
        with self._lock:
            if self._journal is None and self._directory_is_set():
                self._restore()
            return bool(self.trials)

    def begin_session(self) -> None:
        """Begins to count the time of a search; a pause before doesn't."""
        with self._lock:
            self.open()
            self._clock.begin()

    def search_seconds(self) -> float:
        """Returns for how long the search has run, pauses left out."""
        with self._lock:
            self.open()
            return self._clock.seconds

    def reload(self) -> None:
        """Restores the state from the project's journal."""
        with self._lock:
            self._journal = None
            self.ongoing_trials = {}
            self.open()

    def claim(self) -> None:
        """Makes this process the only one that searches in the project.

        Raises:
            ProjectInUseError: If another one does.
        """
        with self._lock:
            if not self._directory_is_set():
                return
            # What can't be read, and a stranger's folder, is left alone.
            self.open()
            if not self._search_lock.is_taken:
                self._search_lock.take(self._folder)
                if self._journal is not None and self._journal.has_changed():
                    # Another process went on since it was read.
                    self._read_again()
                    self.open()
            if not self._search_lock.is_read_only:
                self._write_doubtful()

    def release(self) -> None:
        """Lets other processes search in the project."""
        with self._lock:
            self._search_lock.release()

    def _write_doubtful(self) -> None:
        """Writes the files anew that a crash may have left behind."""
        if not self._doubtful:
            return
        for trial_id in sorted(self._doubtful):
            self._save_trial(self.trials[trial_id])
        self._doubtful.clear()
        # So that `oracle.json` is written too.
        self._size_when_saved = 0

    @contextlib.contextmanager
    def _changing(self, worker: str | None = None) -> Iterator[None]:
        """Holds the lock while the state changes.

        What interrupts a change, such as Ctrl-C between two of its lines,
        leaves memory somewhere between before and after. The journal never
        is, since a change is one line of it. So memory is read again.

        Args:
            worker: String, whose call this is, if it is one's. After an error
                its trial has to be run again. Trials of others run on.
        """
        with self._lock:
            self.open()
            try:
                yield
            except BaseException:
                if worker is not None:
                    self.ongoing_trials.pop(worker, None)
                self._read_again()
                raise

    def _read_again(self) -> None:
        """Makes memory follow the journal, whatever was changed in it."""
        # Once the file is gone, memory is all there is.
        if self._journal is not None and not self._journal.is_deleted():
            self._journal = None

    def _directory_is_set(self) -> bool:
        return getattr(self, "_directory", None) is not None

    def _restore(self) -> None:
        folder = self._folder
        self._check_entries(folder)
        journal = Journal(folder / "journal.jsonl")
        self._check_is_ours(journal)
        running = self.ongoing_trials
        self._forget()
        if journal.exists():
            events.check_version(journal.first(), str(folder))
            with _paused_garbage_collection():
                self._replay_all(journal.read())
        self._keep_running(running)
        self._add_given_space()
        if not self.trials:
            self._add_to_space(self._explored)
        self._journal = journal

    def _add_given_space(self) -> None:
        """Adds what the user declared, unless the project knows it already."""
        for change in redeclared(
            self.hyperparameters.space, self._given_space.space
        ):
            warnings.warn(
                "`hyperparameters` declares one of the project otherwise than "
                "it was declared when the search began, and that counts: "
                f"{printable(change)}. To search the new range use another "
                "`project_name`.",
                stacklevel=2,
            )
        self._add_to_space(self._given_space)

    def _check_entries(self, folder: Path) -> None:
        """Raises if the host would open what is no file of the project."""
        try:
            files.check_entries(folder, self._folder)
        except OSError as error:
            raise JournalError(f"{error}.") from error

    def _check_is_ours(self, journal: Journal) -> None:
        """Raises if there are trials of which no journal tells."""
        has_trials = any(self._folder.glob("trial_*/trial.json"))
        if has_trials and not journal.has_content():
            raise RuntimeError(
                f"The project in {self._folder} has trials but no "
                "journal.jsonl: it was made by another oracle, or the file was "
                "deleted. It can't be continued, but a new search can start "
                "from its trials:\n"
                f"    EvolutionTuner(..., project_name="
                f"{f'{self._project_name}_2'!r}, "
                f"warm_start={str(self._folder)!r})\n"
                "Or use `overwrite=True` to delete it."
            )

    def _replay_all(self, journaled: list[dict[str, Any]]) -> None:
        check = EventCheck()
        for number, event in enumerate(journaled, start=1):
            try:
                check(event)
                self._replay(event)
            except kt.errors.FatalError:
                # What the user asks for does not fit the project.
                raise
            except (LookupError, ValueError) as error:
                raise damaged_line(
                    self._folder / "journal.jsonl",
                    number,
                    f"is no line of a search: {printable(str(error))}",
                ) from error
        if self._search_event is not None:
            self._check_search(self._search_event)
        self._retry_queue = [
            trial_id for trial_id in self.trials if trial_id not in self._ended
        ]
        # The files of what was running or ending may be torn or missing. To
        # open a project writes nothing: it may be on a disk that can't be
        # written, or belong to a search that runs.
        self._doubtful = {*self._retry_queue, *self.end_order[-1:]}
        self._size_when_saved = self._progress()

    def _keep_running(self, running: dict[str, Trial]) -> None:
        """Leaves trials to the workers that had them before it was read again.

        Args:
            running: Dict of workers to their trials. What is left of them
                are those whose run goes on, with what was reported of it.
        """
        for worker, trial in running.items():
            run = self._runs.newest(trial.trial_id)
            if run is not None and run_of(trial) == run.number:
                self.trials[trial.trial_id] = trial
                self.ongoing_trials[worker] = trial
                self._retry_queue.remove(trial.trial_id)
                self._doubtful.discard(trial.trial_id)

    def _replay(self, event: dict[str, Any]) -> None:
        if event.get("space"):
            found = kt.HyperParameters.from_config(
                {"space": event["space"], "values": {}}
            )
            self._num_journaled_hps += self._add_to_space(found)
        kind = event["event"]
        if self._clock.is_new(event) and kind != "build":
            # The search went on.
            self.stop_reason = None
        self._clock.note(event)
        self._builds.note(event)
        if self._is_repeated(event):
            return
        self._runs.note(event)
        if kind == "search":
            events.check_version(event, str(self._folder))
            self._search_event = event
            if self._given_seed is None:
                self.seed = event["seed"]
        elif kind == "stop":
            self._revive_failed()
        elif kind == "stopped":
            self.stop_reason = event["reason"]
        elif kind == "start":
            self.stop_reason = None
        elif kind == "trial":
            trial = self._make_trial(event["trial_id"], event["values"])
            self._register(trial)
            self.restore_trial(trial, event["record"])
        elif kind == "end":
            trial = self._reissue(event["trial_id"])
            events.restore_end(trial, event)
            self._settle(trial)
        else:
            self.restore_event(event)

    def _is_repeated(self, event: dict[str, Any]) -> bool:
        """Tells whether a trial was made, or has ended, by an earlier line."""
        if event["event"] == "trial":
            return event["trial_id"] in self.trials
        return event["event"] == "end" and event["trial_id"] in self._ended

    def _check_search(self, event: dict[str, Any]) -> None:
        """Raises if the journal's results are of another search."""
        if self.has_scores():
            events.check_objective(event, self.objective, str(self._folder))
        elif not events.has_objective(event, self.objective):
            # Nothing was scored yet: a mended typo is no other search.
            self._search_event = None

    def has_scores(self) -> bool:
        """Tells whether anything was evaluated by the objective."""
        return bool(self._ranking)

    def _revive_failed(self) -> None:
        """Lets failed trials run again, if none ever completed.

        The search was given up before anything worked, so the cause was the
        user's code or machine and not the values.
        """
        if not self._ranking:
            for trial_id in list(self.end_order):
                self._revive(trial_id)

    def _revive(self, trial_id: str) -> None:
        """Makes an ended trial one that has to run."""
        self._ended.discard(trial_id)
        self.end_order.remove(trial_id)
        self._run_times[trial_id] = 0
        self.on_trial_revived(self.trials[trial_id])

    def _add_to_space(self, found: kt.HyperParameters) -> int:
        """Adds what is new, and returns how many hyperparameters that is."""
        new = private_api.new_entries(self.hyperparameters, found)
        self.hyperparameters.merge(new)
        self.on_space_grown()
        return len(new)

    def restore_trial(self, trial: Trial, record: dict[str, Any]) -> None:
        """Called for each trial of the journal, in the order of creation.

        Args:
            trial: The `Trial`, as it was proposed.
            record: Dict, what `populate_space` returned as "record".
        """

    def restore_event(self, event: dict[str, Any]) -> None:
        """Called for each line of the journal that is not of a trial.

        Args:
            event: Dict, the line.
        """

    def on_trial_settled(self, trial: Trial) -> None:
        """Called when a trial has ended for good, also after a restart.

        Args:
            trial: The `Trial`, completed or failed.
        """

    def on_trial_revived(self, trial: Trial) -> None:
        """Called when a failed trial is to run again.

        Args:
            trial: The `Trial`.
        """

    def on_space_grown(self) -> None:
        """Called when the search space may have new hyperparameters."""

    def check_entries(self, hyperparameters: list[Any]) -> None:
        """Raises if new hyperparameters can't be searched."""

    def _make_trial(self, trial_id: str, values: dict[str, Any]) -> IssuedTrial:
        hyperparameters = private_api.share_space(self.hyperparameters, values)
        return IssuedTrial(hyperparameters, trial_id)

    def _register(self, trial: Trial) -> None:
        self.stop_reason = None
        self.trials[trial.trial_id] = trial
        self.start_order.append(trial.trial_id)
        self._proposed_values[trial.trial_id] = dict(
            trial.hyperparameters.values
        )

    def _reissue(self, trial_id: str) -> IssuedTrial:
        """Makes an interrupted or failed trial new, with the same values."""
        trial = self._make_trial(trial_id, self._proposed_values[trial_id])
        self.trials[trial_id] = trial
        return trial

    def _settle(self, trial: Trial) -> None:
        """Takes a trial's end into the state, when it ends or is restored."""
        trial_id = trial.trial_id
        self._run_times[trial_id] += 1
        if trial.status == TrialStatus.INVALID:
            return
        self._ended.add(trial_id)
        self.end_order.append(trial_id)
        if trial.status == TrialStatus.COMPLETED:
            del self._proposed_values[trial_id]
            score = sign_of(self.objective) * trial.score
            number = len(self._ranking)
            bisect.insort(self._ranking, (score, number, trial_id))
        self.on_trial_settled(trial)

    def get_space(self) -> kt.HyperParameters:
        """Returns a copy of the search space, with default values."""
        with self._lock:
            self.open()
            return self.hyperparameters.copy()

    def update_space(self, hyperparameters: kt.HyperParameters) -> None:
        """Adds hyperparameters that are new to the search space.

        Raises:
            RuntimeError: If there are any and `allow_new_entries` is False.
        """
        with self._lock:
            self.open()
            self._grow_space(hyperparameters)
            if not self.trials:
                self._explored = self.hyperparameters.copy()

    def _grow_space(self, hyperparameters: kt.HyperParameters) -> None:
        new = private_api.new_entries(self.hyperparameters, hyperparameters)
        if new and not self.allow_new_entries:
            names = [hp.name for hp in new]
            raise RuntimeError(
                "`allow_new_entries` is False, but the hypermodel asked "
                f"for hyperparameters that are not in the space: {names}"
            )
        if new and self.tune_new_entries:
            self.check_entries(new)
            with self._changing():
                self.hyperparameters.merge(new)
                self.on_space_grown()

    def get_state(self) -> dict[str, Any]:
        """Returns what `oracle.json` holds, for the host's own tools."""
        state = super().get_state()
        # A trial that is just ending is let go of last.
        state["ongoing_trials"] = {
            tuner_id: trial.trial_id
            for tuner_id, trial in self.ongoing_trials.items()
            if trial.trial_id not in self._ended
            and trial.trial_id not in self._retry_queue
        }
        return state

    def _record(self, event: dict[str, Any]) -> None:
        """Appends a line, and the hyperparameters that no line has yet."""
        new = self.hyperparameters.space[self._num_journaled_hps :]
        if new:
            config = self.hyperparameters.get_config()["space"]
            event["space"] = config[self._num_journaled_hps :]
        with self._changing():
            self._append(event)
            self._num_journaled_hps += len(new)

    def _append(self, event: dict[str, Any]) -> None:
        """Appends to the journal; in doubt, memory follows the file."""
        journal = self._journal
        if journal is None:
            raise RuntimeError(
                "An oracle needs a project folder before its first trial. "
                "Pass it to a tuner as `oracle=`."
            )
        with self._changing():
            if self._search_event is None:
                search = events.search_event(self.objective, self.seed)
                journal.append(search)
                self._search_event = search
            self._clock.stamp(event)
            journal.append(event)
            self._runs.note(event)
            self._builds.note(event)

    def save(self) -> None:
        """Writes `oracle.json` when there are enough new trials."""
        with self._lock:
            due = self._size_when_saved * (1 + ORACLE_FILE_GROWTH)
            if self._progress() >= due:
                self._save_oracle_file()

    def _progress(self) -> int:
        return len(self.start_order) + len(self.end_order)

    def _save_oracle_file(self) -> None:
        if not self._directory_is_set():
            return
        progress = self._progress()
        if progress == self._size_when_saved:
            return
        write_atomically(self._get_oracle_fname(), json.dumps(self.get_state()))
        self._size_when_saved = progress

    def _save_trial(self, trial: Trial) -> None:
        folder = self._folder / f"trial_{trial.trial_id}"
        self._check_entries(folder)
        text = json.dumps(trial.get_state())
        write_atomically(folder / "trial.json", text)


def _check_arguments(**kwargs: Any) -> None:
    """Raises for arguments that the host would stumble over much later."""
    hyperparameters = kwargs.get("hyperparameters")
    if hyperparameters is not None and not isinstance(
        hyperparameters, kt.HyperParameters
    ):
        raise TypeError(
            "`hyperparameters` must be a `keras_tuner.HyperParameters`. "
            f"Received: hyperparameters={hyperparameters!r} "
            f"(of type {type(hyperparameters).__name__})"
        )


@contextlib.contextmanager
def _paused_garbage_collection() -> Iterator[None]:
    """Makes many objects at once, none of them garbage, in half the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
