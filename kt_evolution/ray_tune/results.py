"""The results of trainables, as the oracle takes them."""

import math
from collections.abc import Mapping
from typing import Any

from kt_evolution.keras_tuner_bridge.objectives import names_of
from kt_evolution.keras_tuner_bridge.scalars import as_numbers
from kt_evolution.optional import import_module
from kt_evolution.oracle import EvolutionOracle

keys = import_module("ray.tune.result", "ray")

# What Ray adds to the results of a trainable.
ADDED = frozenset((*keys.AUTO_RESULT_KEYS, *keys.DEBUG_METRICS))
ADDED |= {keys.DONE, keys.SHOULD_CHECKPOINT, keys.EXPERIMENT_TAG}


def report(
    oracle: EvolutionOracle, trial_id: str, result: Mapping[str, Any]
) -> str | None:
    """Reports the metrics of a trial, unless it has failed.

    Args:
        oracle: The `EvolutionOracle`.
        trial_id: String, the oracle's id of the trial.
        result: Dict, the flat result of Ray, empty if there is none.

    Returns:
        String, why the trial has failed, or None.
    """
    metrics = {
        name: value
        for name, value in as_numbers(result).items()
        if name not in ADDED and not name.startswith("config/")
    }
    for name in names_of(oracle.objective):
        if not math.isfinite(metrics.get(name, math.nan)):
            return (
                "MetricError: its trainable must report a finite number as "
                f"{name!r}. Received: {result.get(name)!r}"
            )
    step = result.get(keys.TRAINING_ITERATION, 0)
    oracle.update_trial(trial_id, metrics, step=step)
    return None
