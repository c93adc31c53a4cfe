"""From the results of training to metrics: the best epoch, as native floats."""

import math
import statistics
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from kt_evolution.keras_tuner_bridge.divergence import diverged_losses
from kt_evolution.keras_tuner_bridge.objectives import names_of
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.keras_tuner_bridge.scalars import as_number
from kt_evolution.keras_tuner_bridge.scalars import as_numbers
from kt_evolution.keras_tuner_bridge.trial_metrics import NUM_EXECUTIONS
from kt_evolution.keras_tuner_bridge.trial_metrics import spread_metrics
from kt_evolution.training.metric_check import check_metrics


def metrics_of(
    results: Any,
    objective: kt.Objective,
    source: str,
    costs: Mapping[str, float] | None = None,
) -> tuple[dict[str, float], int]:
    """Returns the metrics of a trial and the epoch that they belong to.

    Args:
        results: The value that `run_trial` returned: a `History`, a dict, a
            number, or a list of these, one for each execution. Executions are
            averaged, and their spread and number become metrics, too.
        objective: The `keras_tuner.Objective`.
        source: String, the name of the function, for the error.
        costs: Dict of the measured costs, which are metrics too unless the
            results have their own of the same name.

    Returns:
        A dict of metric names to floats with the objective in it, and the
        number of the best epoch. The objective or a loss may not be finite:
        then training failed.

    Raises:
        keras_tuner.errors.FatalError: If the results have no objective; then
            no trial would.
    """
    costs = costs or {}
    if isinstance(results, list):
        if not results:
            raise _unusable(results, objective, source)
        return _average(
            [metrics_of(one, objective, source, costs) for one in results],
            objective,
        )
    if isinstance(results, keras.callbacks.History):
        return _best_epoch(results.history, objective, source, costs)
    if isinstance(results, Mapping):
        return _with_objective({**costs, **results}, objective, source), 0
    number = as_number(results)
    if number is None or isinstance(results, (str, bool)):
        raise _unusable(results, objective, source)
    logs = {**costs, objective.name: number}
    return _with_objective(logs, objective, source), 0


def _best_epoch(
    history: Mapping[str, list[Any]],
    objective: kt.Objective,
    source: str,
    costs: Mapping[str, float],
) -> tuple[dict[str, float], int]:
    """Returns the metrics of the best epoch.

    Its objective and losses are finite, if there is such an epoch. A loss that
    is not finite there or in the last epoch is taken from the last epoch.
    """
    num_epochs = max((len(values) for values in history.values()), default=0)
    first_epoch = 0
    if set(names_of(objective)) <= costs.keys() - history.keys():
        # All epochs are equal, and the weights on disk are the last one's.
        first_epoch = max(num_epochs - 1, 0)
    paired = _paired_metrics(history, objective)
    best, best_value, best_epoch = None, math.nan, 0
    for epoch in range(first_epoch, num_epochs):
        logs: dict[str, Any] = {**costs}
        for name, values in history.items():
            if epoch < len(values):
                logs[name] = values[epoch]
        if epoch and not objective.has_value(logs):
            # Validation does not run in each epoch with `validation_freq`.
            continue
        metrics = _with_objective(logs, objective, source)
        losses = {name: metrics[name] for name in paired & metrics.keys()}
        is_diverged = bool(diverged_losses(losses))
        value = math.nan if is_diverged else metrics[objective.name]
        if best is None or _is_better(value, best_value, objective):
            best, best_value, best_epoch = metrics, value, epoch
    if best is None:
        raise _unusable(history, objective, source)
    last = as_numbers(
        {name: values[-1] for name, values in history.items() if values}
    )
    # The end of a training decides whether it failed.
    decisive = diverged_losses(best).keys() | diverged_losses(last).keys()
    ends = {name: last[name] for name in decisive & last.keys()}
    return {**best, **ends}, best_epoch


def _paired_metrics(
    history: Mapping[str, list[Any]], objective: kt.Objective
) -> set[str]:
    """Returns the metrics that a history has for the epochs of the objective.

    With `validation_freq` those of training have more values than those of
    validation, and which belong together is not known.
    """
    num_values = max(
        (len(history.get(name, ())) for name in names_of(objective)), default=0
    )
    return {
        name
        for name, values in history.items()
        if len(values) == num_values or not num_values
    }


def _is_better(value: float, best: float, objective: kt.Objective) -> bool:
    if not math.isfinite(value):
        return False
    return not math.isfinite(best) or objective.better_than(value, best)


def _with_objective(
    logs: Mapping[str, Any], objective: kt.Objective, source: str
) -> dict[str, float]:
    names = names_of(objective)
    metrics = as_numbers(logs)
    if diverged_losses(metrics):
        # The training may have ended before validation.
        metrics = {**dict.fromkeys(names, math.nan), **metrics}
    else:
        check_metrics("objective", names, logs, source)
    if objective.name not in metrics:
        metrics[objective.name] = float(objective.get_value(metrics))
    return metrics


def _average(
    runs: list[tuple[dict[str, float], int]], objective: kt.Objective
) -> tuple[dict[str, float], int]:
    names = [name for name in runs[0][0] if all(name in run for run, _ in runs)]
    metrics = {
        name: statistics.fmean(run[name] for run, _ in runs) for name in names
    }
    if len(runs) > 1:
        spreads = {
            spread: float(np.std([run[one.name] for run, _ in runs], ddof=1))
            for spread, one in zip(
                spread_metrics(objective),
                objectives_of(objective),
                strict=True,
            )
        }
        metrics = {**spreads, NUM_EXECUTIONS: float(len(runs)), **metrics}
    for run, _ in runs:
        metrics |= diverged_losses(run)
    return metrics, round(statistics.fmean(epoch for _, epoch in runs))


def _unusable(
    results: Any, objective: kt.Objective, source: str
) -> kt.errors.FatalTypeError:
    hint = " Did you forget to return the metrics?" if results is None else ""
    return kt.errors.FatalTypeError(
        f"{source} must return a number, a dict of metrics with "
        f"{names_of(objective)}, a History, or a list of these.{hint} "
        f"Received: {results!r} (of type {type(results).__name__})"
    )
