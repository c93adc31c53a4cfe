"""Trials as individuals of a history, and back."""

import math
import warnings
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import check_several
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.history import Individual
from kt_evolution.algorithm.history.history import Status
from kt_evolution.algorithm.ranking import best_first
from kt_evolution.algorithm.ranking import front
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.costs.measurement import is_cost
from kt_evolution.costs.measurement import with_directions
from kt_evolution.display.search_display import SearchDisplay
from kt_evolution.display.status import SearchNews
from kt_evolution.display.status import TrialNews
from kt_evolution.display.status import expected_of
from kt_evolution.display.status import origin_of
from kt_evolution.display.status import seconds_left
from kt_evolution.keras_tuner_bridge.encoding import genes_of
from kt_evolution.keras_tuner_bridge.encoding import key_of
from kt_evolution.keras_tuner_bridge.objectives import directions_of
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.keras_tuner_bridge.objectives import sign_of
from kt_evolution.limits import Limit
from kt_evolution.project import events
from kt_evolution.project.durable import DurableOracle
from kt_evolution.proposals.dry_build import Phenotype
from kt_evolution.stopping import Progress
from kt_evolution.stopping import StoppingRule
from kt_evolution.stopping import budget_of
from kt_evolution.stopping import check_rules
from kt_evolution.training.metrics import execution_metrics
from kt_evolution.training.metrics import spread_of
from kt_evolution.training.metrics import value_of


class HistoryOracle(DurableOracle):
    """Base class of oracles that keep the history of their trials.

    Args:
        objective: A string, `keras_tuner.Objective`, or a list of them.
        constraints: List of `Limit`s that models must keep.
        stop: List of `StoppingRule`s.
        **kwargs: Further arguments of `DurableOracle`.
    """

    def __init__(
        self,
        objective: Any = None,
        constraints: Sequence[Limit] | Limit = (),
        stop: Sequence[StoppingRule] | StoppingRule | None = None,
        **kwargs: Any,
    ) -> None:
        self.limits = check_several("constraints", constraints, Limit)
        self._learnt_limits = [
            limit for limit in self.limits if not limit.is_function
        ]
        # What exploring asked for. The first trial's line has it.
        self._asked: list[str] = []
        super().__init__(objective=with_directions(objective), **kwargs)
        objectives = objectives_of(self.objective)
        names = [one.name for one in objectives]
        self._rules = check_rules(
            stop, objectives, [name for name in names if is_cost(name)]
        )
        self._display = SearchDisplay(self, names)

    def _forget(self) -> None:
        super()._forget()
        # Those that the journal tells of.
        self._journaled_limits: list[dict[str, Any]] = []
        self._history = History(
            SearchSpace(),
            num_objectives=len(objectives_of(self.objective)),
            num_limits=len(self._learnt_limits),
        )
        self.on_space_grown()

    @property
    def _sign(self) -> float:
        """What makes scores such that lower is better, and back."""
        return sign_of(self.objective)

    @property
    def _has_one_order(self) -> bool:
        """Whether a trial's score alone says which one is better."""
        return self._history.num_objectives == 1 and not self._learnt_limits

    @property
    def history(self) -> History:
        """The `History` of the search."""
        self.open()
        return self._history

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """Returns the best completed trials, best first.

        Those that keep all limits come first, then those that break them
        least. With several objectives the Pareto front comes first, and of
        that the knee: the trial nearest to the best of each objective. A
        model that was trained again counts by the mean of all its trainings,
        and once: by its best trial.

        Args:
            num_trials: Int, how many at most. Defaults to 1.
        """
        num_trials = check_count("num_trials", num_trials, at_least=0)
        with self._lock:
            self.open()
            if self._has_one_order and not self._history.reevaluations:
                return super().get_best_trials(num_trials)
            own = self._own(self._history.positions(Status.COMPLETED))
            order = best_first(
                self._history.objectives[own], self._history.limits[own]
            )
            trials = self._trials_at(own[order[:num_trials]])
            if trials and not self.ongoing_trials:
                self._warn_if_broken(trials[0])
            return trials

    def get_pareto_trials(self) -> list[Trial]:
        """Returns the completed trials that no other is better than.

        Of each, every other trial is worse in one objective at least. They
        keep all limits, and the knee comes first.

        Returns:
            List of `Trial`s; with one objective those that have the best
            score.
        """
        with self._lock:
            self.open()
            own = self._own(self._history.positions(Status.COMPLETED))
            members = front(
                self._history.objectives[own], self._history.limits[own]
            )
            if len(own) and not len(members) and not self.ongoing_trials:
                self._warn_if_broken(self.get_best_trials(1)[0])
            return self._trials_at(own[members])

    def _own(self, positions: np.ndarray) -> np.ndarray:
        """Returns the individuals of trials: imported ones have none here."""
        individuals = self._history.individuals
        own = [individuals[p].trial_id in self.trials for p in positions]
        return positions[np.array(own, dtype=bool)]

    def _trials_at(self, positions: np.ndarray) -> list[Trial]:
        return [self._best_trial_of(p) for p in positions]

    def _best_trial_of(self, position: int) -> Trial:
        """Returns the best of the trials that trained an individual."""
        individual = self._history.individuals[position]
        trials = [
            self.trials[trial_id]
            for trial_id, evaluation in individual.evaluations.items()
            if evaluation is not None
        ]
        if self._history.num_objectives > 1:
            return trials[0]
        return min(trials, key=lambda trial: self._sign * trial.score)

    def _warn_if_broken(self, trial: Trial) -> None:
        broken = [
            f"{limit}: {value_of(trial, limit.name):g}"
            for limit, excess in zip(
                self._learnt_limits,
                self._excesses(self._metrics_of(trial)),
                strict=True,
            )
            if excess > 0.0
        ]
        if broken:
            warnings.warn(
                "No trial keeps all limits. Trial "
                f"{trial.trial_id} breaks them least: {', '.join(broken)}",
                stacklevel=3,
            )

    # Stopping.

    def is_over(self) -> bool:
        """Asks the stopping rules, and tells of the first that says so."""
        if self._is_stopped or not self._rules:
            return self._is_stopped
        reason = self.reason_to_stop()
        if reason is None:
            return False
        self._is_stopped = True
        self._stop(reason)
        return True

    def _stop(self, reason: str) -> None:
        """Notes why a search ends by itself, and says so."""
        # A build with no line behind it would seem to have ended the process.
        is_build_last = self._builds.is_last(self._clock.session)
        if reason != self.stop_reason or is_build_last:
            self._record(events.stopped_event(reason))
            self.stop_reason = reason
        self._tell_end(f"The search stopped: {reason}.")

    def reason_to_stop(self) -> str | None:
        """Returns why the search is to end, None if it goes on."""
        if not self._rules:
            return None
        progress = self.progress()
        reasons = (rule.reason(progress) for rule in self._rules)
        return next(filter(None, reasons), None)

    @property
    def time_budget(self) -> float:
        """Float, for how many seconds the search may run."""
        return budget_of(self._rules)

    def begin_session(self) -> None:
        super().begin_session()
        self._is_stopped = False

    @property
    def reevaluations(self) -> dict[str, str]:
        """Dict of the trials that train a model again to its first trial."""
        self.open()
        return dict(self._history.reevaluations)

    def progress(self) -> Progress:
        """Returns the `Progress` of the search."""
        with self._lock:
            seconds = self.search_seconds()
            own = self._own(self._history.positions(Status.COMPLETED))
            members = own[
                front(self._history.objectives[own], self._history.limits[own])
            ]
            ids = {self._history.individuals[p].trial_id for p in members}
            ended = [i for i in self.end_order if self._is_completed(i)]
            new = [i for i in ended if i not in self._history.reevaluations]
            places = [i for i, trial_id in enumerate(new) if trial_id in ids]
            is_single = self._history.num_objectives == 1
            # A later one that is only as good as the best is no improvement.
            last = (places[0] if is_single else places[-1]) if places else -1
            best = self._history.objectives[members[0], 0] if places else None
            return Progress(
                num_completed=len(ended),
                num_since_best=len(new) - 1 - last,
                best=self._sign * float(best) if best is not None else None,
                direction=self.objective.direction,
                seconds=seconds,
            )

    # What a display tells.

    @property
    def display(self) -> SearchDisplay:
        """What a person sees of the search."""
        return self._display

    def trial_news(
        self, trial: Trial, seconds: float, is_best: bool
    ) -> TrialNews:
        """Returns what there is to tell of a trial that ended.

        Args:
            trial: The `Trial`.
            seconds: Float, how long it took.
            is_best: Boolean, whether no trial is better.
        """
        trial_id = trial.trial_id
        position = self._history.position_of(trial_id)
        is_completed = trial.status == TrialStatus.COMPLETED
        return TrialNews(
            trial_id=trial_id,
            scores=self._scores_of(trial) if is_completed else (),
            is_best=is_best,
            expected=expected_of(self._history, trial_id, self._sign),
            origin=origin_of(self._history.individuals[position], trial_id),
            seconds=seconds,
        )

    def search_news(self) -> SearchNews:
        """Returns how far the search is."""
        with self._lock:
            self.open()
            best = self.get_best_trials(1)
            is_single = self._history.num_objectives == 1
            seconds = self.search_seconds()
            num_ended = len(self.end_order)
            return SearchNews(
                num_ended=num_ended,
                max_trials=self.max_trials,
                num_running=len(self.ongoing_trials),
                num_rejected=len(self._history.positions(Status.REJECTED)),
                best_trial_id=best[0].trial_id if best else None,
                best=self._scores_of(best[0]) if best else (),
                num_on_front=0 if is_single else len(self.get_pareto_trials()),
                seconds=seconds,
                seconds_left=seconds_left(
                    seconds, num_ended, self.max_trials, self.time_budget
                ),
            )

    def _scores_of(self, trial: Trial) -> tuple[float, ...]:
        return tuple(
            value_of(trial, one.name) for one in objectives_of(self.objective)
        )

    def _is_completed(self, trial_id: str) -> bool:
        return self.trials[trial_id].status == TrialStatus.COMPLETED

    # Individuals, as lines of the journal have them.

    def _describe(self, individual: Individual) -> dict[str, Any]:
        """Returns an individual as it is stored, by gene identity."""
        genes = self._history.space.genes
        description: dict[str, Any] = {
            "genome": {
                gene.key: code
                for gene, code in zip(
                    genes, individual.genome.tolist(), strict=True
                )
            },
            "operator": individual.operator,
        }
        if individual.expression:
            description["expressed"] = [
                genes[i].key for i in individual.expression
            ]
        if individual.parents:
            description["parents"] = list(individual.parents)
        if individual.prediction is not None:
            mean, std = individual.prediction
            description["prediction"] = [self._sign * mean, std]
        if individual.given is not None:
            description["given"] = individual.given
        if individual.excess is not None:
            description["excess"] = individual.excess
        return description

    def _restored(self, description: dict[str, Any]) -> Individual:
        space = self._history.space
        genome = space.default_genome()
        for key, code in description["genome"].items():
            genome[space.position[key]] = code
        prediction = description.get("prediction")
        return Individual(
            genome,
            expression=tuple(
                space.position[key] for key in description.get("expressed", [])
            ),
            parents=tuple(description.get("parents", [])),
            operator=description["operator"],
            prediction=(
                (self._sign * prediction[0], prediction[1])
                if prediction
                else None
            ),
            given=description.get("given"),
            excess=description.get("excess"),
        )

    def _expression_of(self, phenotype: Phenotype) -> tuple[int, ...]:
        position = self._history.space.position
        return tuple(
            position[key] for key in phenotype.asked if key in position
        )

    # The search space.

    def on_space_grown(self) -> None:
        known = self._history.space.position
        new = [
            hp for hp in self.hyperparameters.space if key_of(hp) not in known
        ]
        if new:
            self._history.grow(
                self._history.space.extended(genes_of(new)),
                self.values_elsewhere(),
            )
            self._note_built(self._asked)

    def values_elsewhere(self) -> dict[str, dict[str, Value]]:
        """Returns all values of those that other searches evaluated, by id."""
        return {}

    def check_entries(self, hyperparameters: list[Any]) -> None:
        genes_of(hyperparameters)

    def note_asked(self, keys: list[str]) -> None:
        """Notes genes that builds ask for, so that they need no training.

        Until a build asks for it, a gene may be one that only training asks
        for, and then tells models apart whenever it is active.

        Args:
            keys: List of gene keys.
        """
        self._asked += keys
        self._note_built(self._asked)

    def _note_built(self, keys: list[str]) -> None:
        position = self._history.space.position
        self._history.note_built(
            position[key] for key in keys if key in position
        )

    # Limits, as lines of the journal have them: they may change on resume.

    def _record(self, event: dict[str, Any]) -> None:
        limits = [limit.get_config() for limit in self._learnt_limits]
        if limits != self._journaled_limits:
            event["limits"] = limits
        super()._record(event)
        self._journaled_limits = limits

    def _replay(self, event: dict[str, Any]) -> None:
        super()._replay(event)
        self._journaled_limits = event.get("limits", self._journaled_limits)

    # Results.

    def on_trial_revived(self, trial: Trial) -> None:
        self._history.finish(trial.trial_id, Status.PENDING)

    def on_trial_settled(self, trial: Trial) -> None:
        if trial.trial_id not in self._history.reevaluations:
            self._history.set_values(
                trial.trial_id, dict(trial.hyperparameters.values)
            )
        if trial.status == TrialStatus.COMPLETED:
            self._finish(trial.trial_id, self._metrics_of(trial))
        else:
            self._history.finish(trial.trial_id, Status.FAILED)

    def _check_objective_found(self, metrics: Mapping[str, float]) -> None:
        super()._check_objective_found(metrics)
        self._excesses(metrics)

    def _finish(self, trial_id: str, metrics: Mapping[str, float]) -> None:
        self._history.finish(
            trial_id,
            Status.COMPLETED,
            [
                # It is missing where the project is that of another search.
                sign_of(objective) * metrics.get(objective.name, math.nan)
                for objective in objectives_of(self.objective)
            ],
            self._excesses(metrics),
            *spread_of(metrics, self.objective),
        )

    def _metrics_of(self, trial: Trial) -> dict[str, float]:
        """Returns what counts of a completed trial, at its best epoch."""
        names = [
            *directions_of(self.objective),
            *(limit.name for limit in self._learnt_limits),
            *execution_metrics(self.objective),
        ]
        return {
            name: value_of(trial, name)
            for name in names
            if trial.metrics.exists(name)
        }

    def _excesses(self, metrics: Mapping[str, float]) -> list[float]:
        """Returns by how much each limit that is learnt is broken."""
        return [limit.excess(metrics) for limit in self._learnt_limits]
