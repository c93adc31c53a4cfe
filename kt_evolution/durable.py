"""An `Oracle` whose trials survive whatever ends the process.

The journal is the truth: a trial is made by one line and ended by one line,
and a restart rebuilds everything from them. `trial.json` and `oracle.json`
are written as the host writes them, for the host's own tools to read.
"""

import bisect
import contextlib
import gc
import json
import math
import random
import threading
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution import host
from kt_evolution import trial_events as events
from kt_evolution.journal import Journal
from kt_evolution.journal import write_atomically

# `oracle.json` lists all trials. It is written when their number has grown by
# this part, and at the end, so that its cost per trial stays bounded.
ORACLE_FILE_GROWTH = 0.25


class DurableOracle(kt.Oracle):
    """Base class of oracles that lose nothing.

    A subclass implements `populate_space`, as with `kt.Oracle`. The returned
    dict may have a further key "record": a JSON-serialisable dict that is
    stored with the trial and handed to `restore_trial` after a restart.

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
        super().__init__(
            objective=objective, max_trials=max_trials, seed=seed, **kwargs
        )
        # The host takes 0 for "no seed".
        self._given_seed = seed
        self.seed = random.randrange(2**31) if seed is None else int(seed)
        self._lock = threading.RLock()
        self._given_space: kt.HyperParameters = self.hyperparameters
        self._journal: Journal | None = None
        self._forget()

    def _forget(self) -> None:
        """Clears all that the journal can restore."""
        self.hyperparameters: kt.HyperParameters = self._given_space.copy()
        self.trials: dict[str, Trial] = {}
        self.ongoing_trials: dict[str, Trial] = {}
        self.start_order: list[str] = []
        self.end_order: list[str] = []
        self._run_times.clear()
        self._retry_queue: list[str] = []
        self._ended: set[str] = set()
        self._proposed_values: dict[str, dict[str, Any]] = {}
        # Completed trials as (score to minimise, number, trial id), sorted.
        self._ranking: list[tuple[float, int, str]] = []
        self._num_journaled_hps = 0
        self._consecutive_failures = 0
        self._size_when_saved = 0
        self._has_failed = False

    # The project.

    def _set_project_dir(self, directory: Any, project_name: str) -> None:
        if "://" in str(directory):
            raise ValueError(
                "`directory` must be a folder of a file system, because "
                "results are appended to a file there. "
                f"Received: directory={directory}"
            )
        super()._set_project_dir(directory, project_name)
        self._journal = None

    def open(self) -> bool:
        """Restores the project in the directory, once.

        Returns:
            Bool, whether the project has trials.
        """
        with self._lock:
            if self._journal is None and self._directory_is_set():
                self._restore()
            return bool(self.trials)

    def reload(self) -> None:
        """Restores the state from the project's journal."""
        with self._lock:
            self._journal = None
            self.open()

    def _directory_is_set(self) -> bool:
        return getattr(self, "_directory", None) is not None

    @property
    def _folder(self) -> Path:
        return Path(str(self._directory)) / self._project_name

    def _restore(self) -> None:
        folder = self._folder
        journal = Journal(folder / "journal.jsonl")
        if not journal.exists() and (folder / "oracle.json").exists():
            raise RuntimeError(
                f"The project in {folder} was made by another oracle and "
                "can't be continued by this one. Use another `project_name`, "
                "or `overwrite=True` to delete it."
            )
        explored = None if self.trials else self.hyperparameters
        self._forget()
        if explored is not None:
            self._add_to_space(explored)
        if journal.exists():
            with _paused_garbage_collection():
                self._replay_all(journal.read())
        self._journal = journal

    def _replay_all(self, journaled: list[dict[str, Any]]) -> None:
        self.hyperparameters = kt.HyperParameters()
        for event in journaled:
            self._replay(event)
        self._retry_queue = [
            trial_id for trial_id in self.trials if trial_id not in self._ended
        ]
        self._add_to_space(self._given_space)
        # The files of what was running or ending may be torn or missing.
        for trial_id in {*self._retry_queue, *self.end_order[-1:]}:
            self._save_trial(self.trials[trial_id])

    def _add_to_space(self, found: kt.HyperParameters) -> int:
        """Adds what is new, and returns how many hyperparameters that is."""
        new = host.new_entries(self.hyperparameters, found)
        self.hyperparameters.merge(new)
        self.on_space_grown()
        return len(new)

    def _replay(self, event: dict[str, Any]) -> None:
        if event.get("space"):
            found = kt.HyperParameters.from_config(
                {"space": event["space"], "values": {}}
            )
            self._num_journaled_hps += self._add_to_space(found)
        kind = event["event"]
        if kind == "search":
            events.check_search_event(event, self.objective, self._project_dir)
            if self._given_seed is None:
                self.seed = event["seed"]
        elif kind == "trial":
            trial = self._make_trial(event["trial_id"], event["values"])
            self._register(trial)
            self.restore_trial(trial, event["record"])
        elif kind == "end":
            trial = self._reissue(event["trial_id"])
            events.restore_end(trial, event)
            self._settle(trial)

    # Hooks for subclasses.

    def restore_trial(self, trial: Trial, record: dict[str, Any]) -> None:
        """Called for each trial of the journal, in the order of creation.

        Args:
            trial: The `Trial`, as it was proposed.
            record: Dict, what `populate_space` returned as "record".
        """

    def on_trial_settled(self, trial: Trial) -> None:
        """Called when a trial has ended for good, also after a restart.

        Args:
            trial: The `Trial`, completed or failed.
        """

    def on_space_grown(self) -> None:
        """Called when the search space may have new hyperparameters."""

    # The life of a trial.

    def create_trial(self, tuner_id: str) -> Trial:
        """Returns the next trial to run.

        Args:
            tuner_id: String, the worker that asks. One that has a trial
                already gets that again.

        Returns:
            A `Trial` whose status is RUNNING, or STOPPED when the search is
            at its end. It is never IDLE: nobody waits.
        """
        with self._lock:
            self.open()
            if tuner_id in self.ongoing_trials:
                return self.ongoing_trials[tuner_id]
            self.tuner_ids.add(tuner_id)
            if self._retry_queue and not self._is_given_up():
                trial = self._reissue(self._retry_queue.pop(0))
            else:
                trial = self._new_trial()
            if trial.status == TrialStatus.STOPPED:
                self.tuner_ids.discard(tuner_id)
                self._save_oracle_file()
                return trial
            self.ongoing_trials[tuner_id] = trial
            self._save_trial(trial)
            self.save()
            self._display.on_trial_begin(trial)
            return trial

    def _new_trial(self) -> Trial:
        number = len(self.trials)
        trial_id = str(number).zfill(len(str(self.max_trials)))
        is_full = self.max_trials is not None and number >= self.max_trials
        stopped = self._make_trial(trial_id, {})
        stopped.status = TrialStatus.STOPPED
        if is_full or self._is_given_up():
            return stopped
        try:
            response = self.populate_space(trial_id)
        except BaseException:
            # What it learnt on the way was not written: learn it anew.
            self._journal = None
            raise
        if response["status"] != TrialStatus.RUNNING:
            return stopped
        trial = self._make_trial(trial_id, response["values"])
        self._record(
            events.trial_event(
                trial_id, response["values"], response.get("record", {})
            )
        )
        self._register(trial)
        return trial

    def _is_given_up(self) -> bool:
        """Tells a chief's workers to end once too many trials failed."""
        return self._has_failed and host.is_chief()

    def _reissue(self, trial_id: str) -> Trial:
        """Makes an interrupted or failed trial new, with the same values."""
        trial = self._make_trial(trial_id, self._proposed_values[trial_id])
        self.trials[trial_id] = trial
        return trial

    def _make_trial(self, trial_id: str, values: dict[str, Any]) -> Trial:
        hyperparameters = host.share_space(self.hyperparameters, values)
        return Trial(hyperparameters, trial_id, TrialStatus.RUNNING)

    def _register(self, trial: Trial) -> None:
        self.trials[trial.trial_id] = trial
        self.start_order.append(trial.trial_id)
        self._proposed_values[trial.trial_id] = dict(
            trial.hyperparameters.values
        )

    def update_trial(self, trial_id: str, metrics: Any, step: int = 0) -> Trial:
        """Takes the metrics that a worker reports.

        Args:
            trial_id: String, the trial.
            metrics: Dict of names to numbers; the objective must be there.
            step: Int, the epoch that the metrics belong to.

        Returns:
            The `Trial`.
        """
        with self._lock:
            trial = self._known_trial(trial_id)
            self._check_objective_found(metrics)
            directions = host.objective_directions(self.objective)
            for name, value in metrics.items():
                if not trial.metrics.exists(name):
                    trial.metrics.register(name, directions.get(name))
                trial.metrics.update(name, value, step=step)
            return trial

    def end_trial(
        self,
        trial: Trial | str | None = None,
        status: str | None = None,
        trial_id: str | None = None,
    ) -> None:
        """Takes a trial's end. Ending it twice changes nothing.

        Args:
            trial: The `Trial`, with the status COMPLETED, INVALID (it crashed
                and may be tried again) or FAILED (it must not be).
            status: String. The host's former signature was a trial id and a
                status, "COMPLETED" by default; it still works.
            trial_id: String, see `status`.

        Raises:
            RuntimeError: If too many trials in a row failed. The trial is
                saved before.
        """
        with self._lock:
            if isinstance(trial, Trial):
                reported = trial
                known = self._known_trial(reported.trial_id)
            else:
                known = self._known_trial(trial_id or trial)
                reported = Trial(known.hyperparameters, known.trial_id)
                reported.status = status or TrialStatus.COMPLETED
            if known.trial_id in self._ended:
                self._release(known)
                return
            if known.trial_id in self._retry_queue and not self._has_score(
                known
            ):
                # It ran for a chief that is gone; the result went with it.
                return
            self._end(known, reported)

    def _end(self, trial: Trial, reported: Trial) -> None:
        self.update_space(reported.hyperparameters)
        trial.hyperparameters = host.share_space(
            reported.hyperparameters, reported.hyperparameters.values
        )
        host.settle_values(trial.hyperparameters)
        trial.message = reported.message
        if reported.status == TrialStatus.COMPLETED:
            self._score(trial)
        else:
            trial.status = reported.status
        crashed = trial.status == TrialStatus.INVALID
        runs_left = self.max_retries_per_trial - self._run_times[trial.trial_id]
        retries = crashed and runs_left > 0
        if crashed and not retries:
            trial.status = TrialStatus.FAILED
        self._record(
            events.end_event(trial, self._proposed_values[trial.trial_id])
        )
        if trial.trial_id in self._retry_queue:
            self._retry_queue.remove(trial.trial_id)
        self._settle(trial)
        if retries:
            print(
                f"Trial {trial.trial_id} failed "
                f"{self._run_times[trial.trial_id]} times. "
                f"{runs_left} retries left."
            )
            self._retry_queue.append(trial.trial_id)
        self._count_failures(trial, crashed and not retries)
        try:
            self._save_trial(trial)
            self.save()
            if trial.trial_id in self._display.trial_start:
                self._display.on_trial_end(trial)
        finally:
            workers = self._release(trial)
        self._check_consecutive_failures(workers)

    def _score(self, trial: Trial) -> None:
        if not self._has_score(trial):
            raise ValueError(
                f"Trial {trial.trial_id} was ended as completed, but its "
                f"objective '{self.objective.name}' was not reported."
            )
        self.score_trial(trial)
        trial.status = TrialStatus.COMPLETED
        if not math.isfinite(trial.score):
            trial.status = TrialStatus.INVALID
            trial.message = (
                f"The objective '{self.objective.name}' is not finite: "
                f"{trial.score}"
            )
            trial.score = None

    def _settle(self, trial: Trial) -> None:
        """Takes a trial's end into the state, when it ends or is restored."""
        trial_id = trial.trial_id
        self._run_times[trial_id] += 1
        if trial.status == TrialStatus.INVALID:
            return
        self._ended.add(trial_id)
        del self._proposed_values[trial_id]
        self.end_order.append(trial_id)
        if trial.status == TrialStatus.COMPLETED:
            sign = -1.0 if self.objective.direction == "max" else 1.0
            number = len(self._ranking)
            bisect.insort(self._ranking, (sign * trial.score, number, trial_id))
        self.on_trial_settled(trial)

    def _count_failures(self, trial: Trial, is_real: bool) -> None:
        if trial.status == TrialStatus.COMPLETED:
            self._consecutive_failures = 0
        elif is_real:
            self._consecutive_failures += 1

    def _check_consecutive_failures(self, workers: Iterable[str] = ()) -> None:
        limit = self.max_consecutive_failed_trials
        if not limit or self._consecutive_failures < limit:
            return
        self._has_failed = True
        # They end with this error: a chief must not wait for them.
        self.tuner_ids.difference_update(workers)
        self._save_oracle_file()
        failures, self._consecutive_failures = self._consecutive_failures, 0
        raise RuntimeError(
            f"{failures} trials in a row failed; the limit is "
            f"max_consecutive_failed_trials={limit}. All results are saved "
            "and the search can be resumed. The last failure was:\n"
            f"{self.trials[self.end_order[-1]].message or ''}"
        )

    def _release(self, trial: Trial) -> list[str]:
        """Lets go of a trial, and returns the workers that are free now."""
        workers = [
            tuner_id
            for tuner_id, ongoing in self.ongoing_trials.items()
            if ongoing.trial_id == trial.trial_id
        ]
        for tuner_id in workers:
            del self.ongoing_trials[tuner_id]
        return workers

    def _known_trial(self, trial_id: Any) -> Trial:
        self.open()
        if trial_id not in self.trials:
            raise ValueError(
                "`trial_id` must be that of a trial of this search. "
                f"Received: trial_id={trial_id!r}"
            )
        return self.trials[trial_id]

    def _has_score(self, trial: Trial) -> bool:
        return trial.metrics.exists(self.objective.name)

    # The space and the results.

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
            new = host.new_entries(self.hyperparameters, hyperparameters)
            if new and not self.allow_new_entries:
                names = [hp.name for hp in new]
                raise RuntimeError(
                    "`allow_new_entries` is False, but the hypermodel asked "
                    f"for hyperparameters that are not in the space: {names}"
                )
            if new and self.tune_new_entries:
                self.check_entries(new)
                self.hyperparameters.merge(new)
                self.on_space_grown()

    def check_entries(self, hyperparameters: list[Any]) -> None:
        """Raises if new hyperparameters can't be searched."""

    def get_trial(self, trial_id: str) -> Trial:
        """Returns a trial by its id."""
        with self._lock:
            return self._known_trial(trial_id)

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """Returns the completed trials with the best scores, best first.

        Unlike the host's, it never fills up with unfinished trials.
        """
        with self._lock:
            self.open()
            best = self._ranking[:num_trials]
            return [self.trials[trial_id] for _, _, trial_id in best]

    # Files.

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
        """Appends to the journal; in doubt, memory follows the file."""
        journal = self._journal
        if journal is None:
            raise RuntimeError(
                "An oracle needs a project folder before its first trial. "
                "Pass it to a tuner as `oracle=`."
            )
        new = self.hyperparameters.space[self._num_journaled_hps :]
        if new:
            config = self.hyperparameters.get_config()["space"]
            event["space"] = config[self._num_journaled_hps :]
        try:
            if journal.is_empty():
                journal.append(events.search_event(self.objective, self.seed))
            journal.append(event)
        except BaseException:
            self._journal = None
            raise
        self._num_journaled_hps += len(new)

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
        text = json.dumps(trial.get_state())
        write_atomically(folder / "trial.json", text)


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
