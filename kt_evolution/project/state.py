"""The state of a search: the result of its events.

`SearchState.apply` is the only code that changes trials. A running search and
one that is restored apply the same events, so to resume equals never having
stopped. What a proposal learns before its line is in `KnownModels`.
"""

import collections
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.objectives import directions_of
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.keras_tuner_bridge.objectives import sign_of
from kt_evolution.keras_tuner_bridge.recording import plain
from kt_evolution.keras_tuner_bridge.trial_metrics import execution_metrics
from kt_evolution.keras_tuner_bridge.trial_metrics import spread_of
from kt_evolution.keras_tuner_bridge.trial_metrics import value_of
from kt_evolution.limits import Limit
from kt_evolution.project.builds import Builds
from kt_evolution.project.clock import SearchClock
from kt_evolution.project.events import Event
from kt_evolution.project.events import ModelImported
from kt_evolution.project.events import ModelsRejected
from kt_evolution.project.events import SearchDefined
from kt_evolution.project.events import SearchGivenUp
from kt_evolution.project.events import SearchStopped
from kt_evolution.project.events import TrialCreated
from kt_evolution.project.events import TrialEnded
from kt_evolution.project.events import TrialStarted
from kt_evolution.project.events import WarmStarted
from kt_evolution.project.issued_trial import IssuedTrial
from kt_evolution.project.known_models import KnownModels
from kt_evolution.project.runs import Runs


class SearchState:
    """Trials, the history, and the other results of the events.

    Args:
        objective: The `keras_tuner.Objective`.
        limits: The `Limit`s on metrics.
        clock: The `SearchClock`, whose session outlives a restart of the
            state.

    Attributes:
        models: The `KnownModels`.
        hyperparameters: The search space, a `keras_tuner.HyperParameters`.
        trials: Dict of ids to `Trial`s, in the order of creation.
        ongoing_trials: Dict of workers to the trials that they run.
        start_order: List of trial ids.
        end_order: List of the ids of trials that have ended for good.
        retry_queue: List of the ids of trials to run again.
        run_times: Dict of trial ids to how many of their runs have ended.
        history: The `History`.
        runs: The `Runs` of trials, finished or not.
        builds: The dry `Builds`.
        stop_reason: String, why the search ended by itself, or None.
        sources: Dict of the paths of the projects that were imported.
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
        self.models = KnownModels(
            len(objectives_of(objective)), len(limits), self.sign
        )
        self.hyperparameters = self.models.hyperparameters
        self.history = self.models.history
        self.trials: dict[str, IssuedTrial] = {}
        self.ongoing_trials: dict[str, IssuedTrial] = {}
        self.start_order: list[str] = []
        self.end_order: list[str] = []
        self.retry_queue: list[str] = []
        self.run_times: dict[str, int] = collections.defaultdict(int)
        self.runs = Runs()
        self.builds = Builds()
        self.stop_reason: str | None = None
        self.num_completed = 0
        self.num_failures_in_a_row = 0
        self.sources: set[str] = set()
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
        """Whether a model was evaluated by the objective."""
        return bool(self.history.imports) or self.num_completed > 0

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
            case TrialEnded():
                self._end(event)
            case SearchGivenUp():
                self.num_failures_in_a_row = 0
                self._is_given_up = True
            case SearchStopped():
                self.stop_reason = event.reason
            case ModelsRejected():
                self.last_rejected = event.rejected
            case ModelImported():
                self.models.learn_imported(event)
                costs = event.costs or {}
                self._finish(event.trial_id, {**costs, **event.metrics})
            case WarmStarted():
                self.sources.add(event.path)

    def _is_repeated(self, event: Event) -> bool:
        match event:
            case TrialCreated():
                return event.trial_id in self.trials
            case TrialEnded():
                return event.trial_id in self._ended
            case ModelImported():
                return event.trial_id in self.models.imported_values
        return False

    def _create(self, event: TrialCreated) -> None:
        self.models.apply(event)
        self.stop_reason = None
        self.last_rejected = []
        trial = self.new_trial(event.trial_id, event.values)
        self.start_order.append(event.trial_id)
        self._proposed_values[event.trial_id] = dict(event.values)
        self._issue(trial, event.worker)

    def _issue(self, trial: IssuedTrial, worker: str | None) -> None:
        """Gives a trial to a worker."""
        run = self.runs.newest(trial.trial_id)
        trial.run = run.number if run is not None else None
        self.trials[trial.trial_id] = trial
        if worker is not None:
            self.ongoing_trials[worker] = trial

    def _start(self, event: TrialStarted) -> None:
        self.stop_reason = None
        if event.trial_id in self._ended:
            self._revive(event.trial_id)
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

    def _end(self, event: TrialEnded) -> None:
        trial_id = event.trial_id
        trial = self.trials[trial_id]
        self._take_result(trial, event)
        self._release(trial_id)
        if trial_id in self.retry_queue:
            self.retry_queue.remove(trial_id)
        self.run_times[trial_id] += 1
        if event.status == TrialStatus.INVALID:
            self.retry_queue.append(trial_id)
            return
        self._ended.add(trial_id)
        self.end_order.append(trial_id)
        # Values as they were proposed are those of the genome.
        is_changed = event.values is not None
        if is_changed and trial_id not in self.history.reevaluations:
            self.history.set_values(
                trial_id, dict(trial.hyperparameters.values)
            )
        if event.requested is not None:
            session = event.session or 0.0
            self.models.learn_training(trial_id, event.requested, session)
        if event.status == TrialStatus.COMPLETED:
            self.num_completed += 1
            self.num_failures_in_a_row = 0
            del self._proposed_values[trial_id]
            self._finish(trial_id, self.metrics_of(trial))
        else:
            self.num_failures_in_a_row += event.crashed
            self.history.finish(trial_id, Status.FAILED)

    def _take_result(self, trial: IssuedTrial, event: TrialEnded) -> None:
        """Gives a trial the result of its run."""
        if event.values is not None:
            trial.hyperparameters = private_api.share_space(
                self.hyperparameters, event.values
            )
        else:
            trial.hyperparameters = plain(trial.hyperparameters)
        trial.status = event.status
        trial.message = event.message
        trial.score = event.score
        trial.best_step = event.best_step
        trial.metrics = type(trial.metrics)()
        for name, metric in event.metrics.items():
            trial.metrics.register(name, metric["direction"])
            history = trial.metrics.metrics[name]
            for step, *values in metric["steps"]:
                for value in values:
                    # `trial.metrics.update` would compute the best value, too.
                    history.update(float(value), step)

    def _revive(self, trial_id: str) -> None:
        """Lets a failed trial run once more."""
        self._ended.discard(trial_id)
        self.end_order.remove(trial_id)
        self.run_times[trial_id] = 0
        self.history.finish(trial_id, Status.PENDING)

    def _finish(self, trial_id: str, metrics: Mapping[str, float]) -> None:
        self.history.finish(
            trial_id,
            Status.COMPLETED,
            [
                # It is missing in a project of another search.
                sign_of(objective.direction)
                * metrics.get(objective.name, math.nan)
                for objective in objectives_of(self.objective)
            ],
            self.violations(metrics),
            *spread_of(metrics, self.objective),
        )

    def metrics_of(self, trial: Trial) -> dict[str, float]:
        """Returns the relevant metrics of a completed trial's best epoch."""
        names = [
            *directions_of(self.objective),
            *(limit.name for limit in self.limits),
            *execution_metrics(self.objective),
        ]
        metrics = {
            name: value_of(trial, name)
            for name in names
            if trial.metrics.exists(name)
        }
        if self.history.num_objectives == 1:
            # A subclass of the oracle may score trials by itself.
            metrics[self.objective.name] = trial.score
        return metrics

    def violations(self, metrics: Mapping[str, float]) -> list[float]:
        """Returns the violation of each limit on metrics."""
        return [limit.violation(metrics) for limit in self.limits]

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
            if self.is_revived or trial_id not in self._ended
        ]

    @property
    def is_revived(self) -> bool:
        """Bool, whether a restart runs failed trials again."""
        return self._is_given_up and not self.num_completed

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
