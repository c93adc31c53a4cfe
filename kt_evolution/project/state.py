"""The state of a search: the result of its events.

`SearchState.apply` is the only code that changes trials. A running search and
one that is restored apply the same events, so to resume equals never having
stopped. What a proposal learns before its line is in `KnownModels`.
"""

import collections
import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.algorithm.history import rungs
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.keras_tuner_bridge.objectives import sign_of
from kt_evolution.limits import Limit
from kt_evolution.project.builds import Builds
from kt_evolution.project.clock import SearchClock
from kt_evolution.project.events import Event
from kt_evolution.project.events import ModelImported
from kt_evolution.project.events import ModelsRejected
from kt_evolution.project.events import SearchDefined
from kt_evolution.project.events import SearchGivenUp
from kt_evolution.project.events import SearchStopped
from kt_evolution.project.events import SearchTransferred
from kt_evolution.project.events import StatesDiscarded
from kt_evolution.project.events import TrialCreated
from kt_evolution.project.events import TrialEnded
from kt_evolution.project.events import TrialPaused
from kt_evolution.project.events import TrialPromoted
from kt_evolution.project.events import TrialStarted
from kt_evolution.project.events import WarmStarted
from kt_evolution.project.issued_trial import IssuedTrial
from kt_evolution.project.known_models import KnownModels
from kt_evolution.project.results import take_result
from kt_evolution.project.runs import Runs
from kt_evolution.project.scoring import Scoring


class SearchState:
    """Trials, the history, and the other results of the events.

    Args:
        objective: The `keras_tuner.Objective`.
        limits: The `Limit`s on metrics.
        clock: The `SearchClock`, whose session outlives a restart of the
            state.

    Attributes:
        scoring: The `Scoring`, from metrics to evaluations.
        models: The `KnownModels`.
        hyperparameters: The search space, a `keras_tuner.HyperParameters`.
        trials: Dict of ids to `Trial`s, in the order of creation.
        ongoing_trials: Dict of workers to the trials that they run.
        start_order: List of trial ids.
        end_order: List of the ids of trials that have ended for good.
        paused: Dict whose keys are the ids of the trials that are paused.
        retry_queue: List of the ids of trials to run again.
        run_times: Dict of trial ids to how many of their runs have ended.
        history: The `History`.
        runs: The `Runs` of trials, finished or not.
        builds: The dry `Builds`.
        stop_reason: String, why the search ended by itself, or None.
    """

    def __init__(
        self,
        objective: kt.Objective,
        limits: Sequence[Limit],
        clock: SearchClock,
    ) -> None:
        self.objective = objective
        self.limits = limits
        self.clock = clock
        clock.forget()
        self.sign = sign_of(objective.direction)
        self.scoring = Scoring(objective, limits)
        self.models = KnownModels(
            len(objectives_of(objective)), len(limits), self.sign
        )
        self.hyperparameters = self.models.hyperparameters
        self.history = self.models.history
        self.trials: dict[str, IssuedTrial] = {}
        self.ongoing_trials: dict[str, IssuedTrial] = {}
        self.start_order: list[str] = []
        self.end_order: list[str] = []
        self.paused: dict[str, None] = {}
        self.retry_queue: list[str] = []
        self.run_times: dict[str, int] = collections.defaultdict(int)
        self.runs = Runs()
        self.builds = Builds()
        self.stop_reason: str | None = None
        self.num_completed = 0
        self.num_pauses = self.num_promotions = 0
        self.num_failures_in_a_row = 0
        # The records of models that were rejected after the last trial.
        self.last_rejected: list[dict[str, Any]] = []
        # The journal's header, once it is binding.
        self.search: SearchDefined | None = None
        # How many hyperparameters, and which limits, are in the journal.
        self.num_recorded = 0
        self.recorded_limits: list[dict[str, Any]] = []
        self._is_given_up = False
        self._ended: set[str] = set()
        self._proposed_values: dict[str, dict[str, Value]] = {}

    # Queries.

    @property
    def has_scores(self) -> bool:
        """Whether a model was evaluated by the objective, here or elsewhere."""
        is_elsewhere = self.history.imports or self.history.past
        return bool(is_elsewhere) or self.has_results

    @property
    def has_results(self) -> bool:
        """Whether a trial was completed or paused."""
        return self.num_completed + self.num_pauses > 0

    @property
    def num_decisions(self) -> int:
        """Int, how often it was decided what is trained next."""
        return len(self.trials) + self.num_promotions

    def proposed_values(self, trial_id: str) -> dict[str, Value]:
        """Returns the values with which a trial was created."""
        return self._proposed_values[trial_id]

    def new_trial(self, trial_id: str, values: Mapping[str, Any]) -> Any:
        """Returns a `Trial` of the search space, which is not in the state."""
        hyperparameters = private_api.share_space(self.hyperparameters, values)
        return IssuedTrial(hyperparameters, trial_id)

    # Events.

    def apply(self, event: Event) -> None:
        """Changes the state by an event.

        Args:
            event: The `Event`. If it repeats an earlier one, as in an edited
                copy of a journal, nothing changes.
        """
        if event.space is not None:
            self.models.grow(
                kt.HyperParameters.from_config(
                    {"space": event.space, "values": {}}
                )
            )
            self.num_recorded = len(self.hyperparameters.space)
        if event.limits is not None:
            self.recorded_limits = event.limits
        if self.clock.is_new(event) and event.kind != "build":
            # The search went on.
            self.stop_reason = None
        self.clock.apply(event)
        self.builds.apply(event)
        if self._is_repeated(event):
            return
        self.runs.apply(event)
        match event:
            case SearchDefined():
                self.search = event
            case TrialCreated():
                self._create(event)
            case TrialStarted():
                self._start(event)
            case TrialPromoted():
                self.num_promotions += 1
                self.models.learn_on_the_way(event.record or {})
                del self.paused[event.trial_id]
                rungs.promote(self.history, event.trial_id, event.epochs)
                self._start(event)
            case TrialPaused():
                self._pause(event)
            case TrialEnded():
                self._end(event)
            case StatesDiscarded():
                for trial_id in event.trial_ids:
                    rungs.discard_state(self.history, trial_id)
            case SearchGivenUp():
                self.num_failures_in_a_row = 0
                self._is_given_up = True
            case SearchStopped():
                self.stop_reason = event.reason
            case ModelsRejected():
                self.last_rejected = event.rejected
            case ModelImported():
                self.models.learn_imported(event)
                self._import(event)
            case WarmStarted() | SearchTransferred():
                self.models.learn_source(event, self.scoring)

    def _import(self, event: ModelImported) -> None:
        metrics = {**(event.costs or {}), **event.metrics}
        if event.epochs is None:
            return self._finish(event.trial_id, metrics)
        one = self.scoring.evaluation_of(metrics)
        rungs.add_partial(self.history, event.trial_id, event.epochs, one)

    def _is_repeated(self, event: Event) -> bool:
        match event:
            case TrialCreated():
                return event.trial_id in self.trials
            case TrialPromoted():
                return event.trial_id not in self.paused
            case TrialPaused():
                return event.trial_id in self._ended | self.paused.keys()
            case TrialEnded():
                return event.trial_id in self._ended
            case ModelImported():
                return event.trial_id in self.models.imports
        return False

    def _create(self, event: TrialCreated) -> None:
        self.models.apply(event)
        self.stop_reason = None
        self.last_rejected = []
        trial = self.new_trial(event.trial_id, event.values)
        self.start_order.append(event.trial_id)
        self._proposed_values[event.trial_id] = dict(event.values)
        if event.epochs is not None:
            rungs.begin(self.history, event.trial_id, event.epochs)
        self._issue(trial, event.worker)

    def _issue(self, trial: IssuedTrial, worker: str | None) -> None:
        """Gives a trial to a worker."""
        run = self.runs.newest(trial.trial_id)
        trial.run = run.number if run is not None else None
        trial.epochs = self._target_of(trial.trial_id)
        self.trials[trial.trial_id] = trial
        if worker is not None:
            self.ongoing_trials[worker] = trial

    def _target_of(self, trial_id: str) -> int | None:
        """Returns the epoch to which a trial is trained, if there is one."""
        if trial_id in self.history.reevaluations:
            return None
        return next(reversed(self.history.individual_of(trial_id).epochs), None)

    def _start(self, event: TrialStarted | TrialPromoted) -> None:
        self.stop_reason = None
        if event.trial_id in self._ended:
            self._revive(event.trial_id)
        if event.trial_id in self.paused:
            del self.paused[event.trial_id]
            rungs.resume(self.history, event.trial_id)
        if event.trial_id in self.retry_queue:
            self.retry_queue.remove(event.trial_id)
        self._release(event.trial_id)
        if event.rebuilt is not None:
            self.models.learn_rebuilt(event.trial_id, event.rebuilt)
        values = self._proposed_values[event.trial_id]
        trial = self.new_trial(event.trial_id, values)
        # Hyperparameters discovered since get their defaults.
        private_api.settle_values(trial.hyperparameters)
        self._issue(trial, event.worker)

    def _pause(self, event: TrialPaused) -> None:
        trial_id = event.trial_id
        self._take_run(event)
        self.paused[trial_id] = None
        self.num_pauses += 1
        self.num_failures_in_a_row = 0
        if event.values is not None:
            # It goes on with what its training has declared.
            self._proposed_values[trial_id] = dict(event.values)
        self._learn_values(event)
        self._reach(event)
        rungs.pause(self.history, trial_id)

    def _end(self, event: TrialEnded) -> None:
        trial_id = event.trial_id
        self._take_run(event)
        self.run_times[trial_id] += 1
        if event.status == TrialStatus.INVALID:
            self.retry_queue.append(trial_id)
            return
        self._ended.add(trial_id)
        self.end_order.append(trial_id)
        self._learn_values(event)
        self._reach(event)
        if event.status == TrialStatus.COMPLETED:
            self.num_completed += 1
            self.num_failures_in_a_row = 0
            del self._proposed_values[trial_id]
            metrics = self.scoring.metrics_of(self.trials[trial_id])
            self._finish(trial_id, metrics)
        else:
            self.num_failures_in_a_row += event.crashed
            self.history.finish(trial_id, Status.FAILED)

    def _take_run(self, event: TrialEnded | TrialPaused) -> None:
        """Gives a trial the result of its run, and takes it from its worker."""
        trial_id = event.trial_id
        take_result(self.trials[trial_id], event, self.hyperparameters)
        self._release(trial_id)
        if trial_id in self.retry_queue:
            self.retry_queue.remove(trial_id)

    def _learn_values(self, event: TrialEnded | TrialPaused) -> None:
        """Applies what a training has declared and requested."""
        trial_id = event.trial_id
        is_again = trial_id in self.history.reevaluations
        # Values as they were proposed are those of the genome.
        if event.values is not None and not is_again:
            values = self.trials[trial_id].hyperparameters.values
            self.history.set_values(trial_id, dict(values))
        if event.requested is not None:
            began = event.session or 0.0
            self.models.learn_training(trial_id, event.requested, began)

    def _reach(self, event: TrialEnded | TrialPaused) -> None:
        """Applies how good a trial was at the rungs that its run reached."""
        for one in event.rungs or ():
            evaluation = self.scoring.evaluation_of(one["metrics"])
            rungs.reach(self.history, event.trial_id, one["epochs"], evaluation)

    def _revive(self, trial_id: str) -> None:
        """Lets a failed trial run once more."""
        self._ended.discard(trial_id)
        self.end_order.remove(trial_id)
        self.run_times[trial_id] = 0
        self.history.finish(trial_id, Status.PENDING)

    def _finish(self, trial_id: str, metrics: Mapping[str, float]) -> None:
        one = self.scoring.evaluation_of(metrics)
        self.history.finish(
            trial_id, Status.COMPLETED, *dataclasses.astuple(one)
        )

    def _release(self, trial_id: str) -> None:
        """Removes a trial from the workers that run it."""
        for worker in self.workers_of(trial_id):
            del self.ongoing_trials[worker]

    def workers_of(self, trial_id: str) -> list[str]:
        """Returns the workers that run a trial."""
        return [
            worker
            for worker, trial in self.ongoing_trials.items()
            if trial.trial_id == trial_id
        ]

    # Restarts.

    def requeue(self) -> None:
        """Queues all trials that have not ended.

        If the search was given up before a trial completed, failed trials are
        queued, too: the cause was the user's code or machine, not the values.
        """
        self.ongoing_trials.clear()
        self.retry_queue = [
            trial_id
            for trial_id in self.trials
            if trial_id not in self._ended | self.paused.keys()
            or (trial_id in self._ended and self.is_revived)
            or (trial_id in self.paused and self._is_cut(trial_id))
        ]

    @property
    def is_revived(self) -> bool:
        """Bool, whether a restart runs failed trials again."""
        return self._is_given_up and not self.has_results

    def _is_cut(self, trial_id: str) -> bool:
        """Returns whether a time budget ended a training before its target."""
        one = self.history.individual_of(trial_id)
        can_go_on = one.status is Status.PAUSED and one.can_resume
        return can_go_on and one.epochs_reached < max(one.epochs, default=0)

    def keep_running(self, running: Mapping[str, IssuedTrial]) -> None:
        """Leaves trials to the workers that had them before a restart.

        Args:
            running: Mapping of workers to their trials, with the metrics that
                were reported. Only trials whose newest run it is are kept.
        """
        for worker, trial in running.items():
            run = self.runs.newest(trial.trial_id)
            if run is not None and trial.run == run.number:
                self.trials[trial.trial_id] = trial
                self.ongoing_trials[worker] = trial
                self.retry_queue.remove(trial.trial_id)

    def drop_worker(self, worker: str) -> None:
        """Takes a worker's trial away, and queues it as the first."""
        trial = self.ongoing_trials.pop(worker, None)
        if trial is not None:
            self.retry_queue.insert(0, trial.trial_id)
