"""Hyperparameter and architecture search by evolution, for Keras Tuner."""

import importlib
from typing import Any

__version__ = "0.1.0"

# Loaded on first use: Keras Tuner loads Keras and its backend, and the core
# of the search needs neither.
_HOMES = {
    "EpochBudget": "kt_evolution.stopping",
    "EvolutionOracle": "kt_evolution.oracle",
    "EvolutionTuner": "kt_evolution.tuner",
    "Limit": "kt_evolution.limits",
    "RayWorkers": "kt_evolution.workers.ray_workers",
    "SearchCallback": "kt_evolution.callbacks",
    "Stagnation": "kt_evolution.stopping",
    "StoppingRule": "kt_evolution.stopping",
    "SuccessiveHalving": "kt_evolution.algorithm.fidelity",
    "Target": "kt_evolution.stopping",
    "TimeBudget": "kt_evolution.stopping",
    "Transfer": "kt_evolution.proposals.warm_start",
    "Workers": "kt_evolution.workers.interface",
}

__all__ = [
    "EpochBudget",
    "EvolutionOracle",
    "EvolutionTuner",
    "Limit",
    "RayWorkers",
    "SearchCallback",
    "Stagnation",
    "StoppingRule",
    "SuccessiveHalving",
    "Target",
    "TimeBudget",
    "Transfer",
    "Workers",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
