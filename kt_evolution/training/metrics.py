"""From the results of training to metrics: the best epoch, as native floats."""

import math
import statistics
from collections.abc import Collection
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
from kt_evolution.training.history_epochs import logs_by_epoch
from kt_evolution.training.metric_check import check_metrics


def metrics_of(
    results: Any,
    objective: kt.Objective,
    source: str,
    costs: Mapping[str, float] | None = None,
    limited: Collection[str] = (),
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
        limited: Strings, the names of metrics that are limited. One that the
            best epoch lacks has its latest value by then, or else its last.

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
            [
                metrics_of(one, objective, source, costs, limited)
                for one in results
            ],
            objective,
        )
    if isinstance(results, keras.callbacks.History):
        return _best_epoch(results, objective, source, costs, limited)
    if isinstance(results, Mapping):
        return _with_objective({**costs, **results}, objective, source), 0
    number = as_number(results)
    if number is None or isinstance(results, (str, bool)):
        raise _unusable(results, objective, source)
    logs = {**costs, objective.name: number}
    return _with_objective(logs, objective, source), 0


def _best_epoch(
    history: keras.callbacks.History,
    objective: kt.Objective,
    source: str,
    costs: Mapping[str, float],
    limited: Collection[str],
) -> tuple[dict[str, float], int]:
    """Returns the metrics of the best epoch.

    Its objective and losses are finite, if there is such an epoch. A loss that
    is not finite there or in the last epoch is taken from the last epoch.
    """
    columns = history.history
    names = names_of(objective)
    epochs = [{**costs, **logs} for logs in logs_by_epoch(history, names)]
    # Validation does not run in each epoch with `validation_freq`.
    scored = [i for i, logs in enumerate(epochs) if objective.has_value(logs)]
    if not scored or set(names) <= costs.keys() - columns.keys():
        # Where the objectives are costs all epochs are equal, and the weights
        # on disk are the last one's. A training that has none may have
        # diverged in its last epoch, before validation.
        scored = list(range(len(epochs)))[-1:]
    best, best_value, best_epoch = None, math.nan, 0
    for epoch in scored:
        metrics = _with_objective(epochs[epoch], objective, source)
        is_diverged = bool(diverged_losses(metrics))
        value = math.nan if is_diverged else metrics[objective.name]
        if best is None or _is_better(value, best_value, objective):
            best, best_value, best_epoch = metrics, value, epoch
    if best is None:
        raise _unusable(columns, objective, source)
    last = as_numbers(
        {name: values[-1] for name, values in columns.items() if values}
    )
    # The end of a training decides whether it failed.
    decisive = diverged_losses(best).keys() | diverged_losses(last).keys()
    ends = {name: last[name] for name in decisive & last.keys()}
    latest = {
        name: [logs[name] for logs in epochs[: best_epoch + 1] if name in logs]
        or columns[name]
        for name in (columns.keys() & limited) - best.keys()
    }
    others = {name: values[-1] for name, values in latest.items() if values}
    return {**as_numbers(others), **best, **ends}, best_epoch


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
