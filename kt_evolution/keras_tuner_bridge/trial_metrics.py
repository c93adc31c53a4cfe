"""The metrics of a trial, as the host keeps them."""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kt_evolution.keras_tuner_bridge.objectives import objectives_of

if TYPE_CHECKING:
    import keras_tuner as kt
    from keras_tuner.engine.trial import Trial

# The metrics of a trial whose model was trained more than once: how often,
# and the standard deviation of the objective between the trainings.
NUM_EXECUTIONS = "num_executions"
SCORE_STD = "score_std"


def value_of(trial: "Trial", metric: str) -> float:
    """Returns a metric of a completed trial, at its best epoch."""
    history = trial.metrics.get_history(metric)
    steps = {observation.step: observation for observation in history}
    return float(steps.get(trial.best_step, history[-1]).mean())


def spread_metrics(objective: "kt.Objective") -> list[str]:
    """Returns the names of the metrics that have the spread of scores."""
    return spreads_of([one.name for one in objectives_of(objective)])


def spreads_of(objectives: Sequence[str]) -> list[str]:
    """Returns the names of the metrics that have the spread of scores.

    That is `"score_std"`, or with several objectives one for each, such as
    `"val_loss_std"`.

    Args:
        objectives: List of the names of the objectives.
    """
    if len(objectives) == 1:
        return [SCORE_STD]
    return [f"{name}_std" for name in objectives]


def is_unknown_spread(
    name: str, metrics: Mapping[str, float], objectives: Sequence[str]
) -> bool:
    """Returns whether a metric is the spread of a single execution.

    Args:
        name: String, the metric.
        metrics: Dict of the trial's metrics.
        objectives: List of the names of the objectives.
    """
    is_single = metrics.get(NUM_EXECUTIONS, 1.0) < 2
    return is_single and name in spreads_of(objectives) and name not in metrics


def is_known(
    name: str, metrics: Mapping[str, float], objectives: Sequence[str]
) -> bool:
    """Returns whether a trial has a metric, or none because it ran once.

    Args: See `is_unknown_spread`.
    """
    is_execution_metric = name == NUM_EXECUTIONS or is_unknown_spread(
        name, metrics, objectives
    )
    return name in metrics or is_execution_metric


def execution_metrics(objective: "kt.Objective") -> list[str]:
    """Returns the names of the metrics that only several executions have."""
    return [NUM_EXECUTIONS, *spread_metrics(objective)]


def spread_of(
    metrics: Mapping[str, float], objective: "kt.Objective"
) -> tuple[list[float], int]:
    """Returns the spread of a trial's scores, and how many there were.

    Args:
        metrics: Dict of the trial's metrics.
        objective: The `keras_tuner.Objective`.

    Returns:
        List of floats, a standard deviation for each objective, and the
        number of executions; an empty list and 1 where they are not known.
    """
    stds = [metrics.get(name, math.nan) for name in spread_metrics(objective)]
    number = metrics.get(NUM_EXECUTIONS, 1.0)
    if all(map(math.isfinite, stds)) and 2 <= number < math.inf:
        return stds, int(number)
    return [], 1
