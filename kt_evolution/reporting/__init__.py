"""What to see, keep and share of a search, of any Keras Tuner project."""

import importlib
from typing import Any

# Loaded on first use: figures and exports load what draws and writes them.
_HOMES = {
    "MLflowCallback": "mlflow_runs",
    "ObjectiveRecord": "records",
    "SearchRecord": "records",
    "TrialRecord": "records",
    "WandbCallback": "wandb_runs",
    "log_to_mlflow": "mlflow_runs",
    "read_search": "reading",
    "to_optuna": "optuna_study",
    "write_report": "report",
}

__all__ = [
    "MLflowCallback",
    "ObjectiveRecord",
    "SearchRecord",
    "TrialRecord",
    "WandbCallback",
    "log_to_mlflow",
    "read_search",
    "to_optuna",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name == "figures":
        return importlib.import_module(f"{__name__}.figures")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
