"""Scoring: from the metrics of a trial to its evaluation in the history."""

import math
from collections.abc import Mapping
from collections.abc import Sequence

import keras_tuner as kt
from keras_tuner.engine.trial import Trial

from kt_evolution.algorithm.history.evaluations import Evaluation
from kt_evolution.keras_tuner_bridge.objectives import directions_of
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.keras_tuner_bridge.objectives import sign_of
from kt_evolution.keras_tuner_bridge.trial_metrics import execution_metrics
from kt_evolution.keras_tuner_bridge.trial_metrics import is_unknown_spread
from kt_evolution.keras_tuner_bridge.trial_metrics import spread_of
from kt_evolution.keras_tuner_bridge.trial_metrics import value_of
from kt_evolution.limits import Limit
from kt_evolution.limits import violation_of


class Scoring:
    """Evaluates metrics by the objective and the limits of a search.

    Args:
        objective: The `keras_tuner.Objective`.
        limits: The `Limit`s on metrics.
    """

    def __init__(
        self, objective: kt.Objective, limits: Sequence[Limit]
    ) -> None:
        self._objective = objective
        self._limits = limits
        self._names = [one.name for one in objectives_of(objective)]

    def metrics_of(self, trial: Trial) -> dict[str, float]:
        """Returns the relevant metrics of a completed trial's best epoch."""
        names = [
            *directions_of(self._objective),
            *(limit.name for limit in self._limits),
            *execution_metrics(self._objective),
        ]
        metrics = {
            name: value_of(trial, name)
            for name in names
            if trial.metrics.exists(name)
        }
        if len(objectives_of(self._objective)) == 1:
            # A subclass of the oracle may score trials by itself.
            metrics[self._objective.name] = trial.score
        return metrics

    def evaluation_of(self, metrics: Mapping[str, float]) -> Evaluation:
        """Returns the `Evaluation` of a model with these metrics."""
        stds, num_runs = spread_of(metrics, self._objective)
        return Evaluation(
            self.minimized(metrics),
            tuple(self.violations(metrics)),
            tuple(stds),
            num_runs,
        )

    def minimized(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """Returns the objectives, lower is better; NaN where one is missing.

        It may be missing in a project of another search.
        """
        return tuple(
            sign_of(one.direction) * metrics.get(one.name, math.nan)
            for one in objectives_of(self._objective)
        )

    def violations(self, metrics: Mapping[str, float]) -> list[float]:
        """Returns the violation of each limit on metrics."""
        return [
            violation_of(limit, metrics, self._names) for limit in self._limits
        ]

    def unknown_spreads(self, metrics: Mapping[str, float]) -> list[Limit]:
        """Returns the limits that count as kept by a single execution."""
        return [
            limit
            for limit in self._limits
            if is_unknown_spread(limit.name, metrics, self._names)
        ]
