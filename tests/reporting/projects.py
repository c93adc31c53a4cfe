"""Projects to read and to draw, made through the public oracle."""

import itertools
from pathlib import Path
from typing import Any

import keras_tuner as kt
import numpy as np

import kt_evolution

HOSTILE = "<script>alert(1)</script>"
ACCURACY = kt.Objective("val_accuracy", "max")
OBJECTIVES = [ACCURACY, kt.Objective("params", "min")]


def space() -> kt.HyperParameters:
    """Layers of which not all are used, and a branch."""
    hp = kt.HyperParameters()
    hp.Int("layers", 1, 3)
    for i in range(3):
        hp.Int(f"units_{i}", 16, 256, step=16)
    hp.Float("learning_rate", 1e-5, 1e-1, sampling="log")
    hp.Choice("optimizer", ["adam", "sgd"])
    with hp.conditional_scope("optimizer", ["sgd"]):
        hp.Float("momentum", 0.0, 0.9)
    hp.Boolean("batch_norm")
    return hp


def metrics_of(values: dict[str, Any], rng: np.random.Generator) -> Any:
    units = [values[f"units_{i}"] for i in range(values["layers"])]
    params = 64.0 * sum(units)
    accuracy = 1.0 - 0.5 * np.exp(-params / 20_000)
    accuracy -= 0.03 * (np.log10(values["learning_rate"]) + 3.0) ** 2
    return {
        "val_accuracy": float(accuracy + rng.normal(0.0, 0.003)),
        "params": params,
        "latency": params / 10_000 + values["layers"],
    }


def simulate(
    folder: Path,
    num_trials: int = 30,
    objective: Any = ACCURACY,
    failed: tuple[int, ...] = (3,),
    num_workers: int = 2,
    hyperparameters: kt.HyperParameters | None = None,
    measure: Any = metrics_of,
    message: str = "Traceback\nMemoryError: too large",
    **kwargs: Any,
) -> Path:
    """Searches without training, and returns the project's folder.

    A project that is there goes on.
    """
    oracle = kt_evolution.EvolutionOracle(
        objective,
        max_trials=num_trials,
        seed=0,
        hyperparameters=hyperparameters or space(),
        **{"surrogate": None, **kwargs},
    )
    oracle._set_project_dir(folder.parent, folder.name)
    oracle.verbose = 0
    rng = np.random.default_rng(0)
    workers = itertools.cycle(f"worker{i}" for i in range(num_workers))
    while True:
        trial = oracle.create_trial(next(workers))
        if trial.status != "RUNNING":
            return folder
        if int(trial.trial_id) in failed:
            trial.status, trial.message = "FAILED", message
        else:
            # As a build would, this requests all hyperparameters.
            values = dict(trial.hyperparameters.values)
            oracle.update_trial(trial.trial_id, measure(values, rng))
            trial.status = "COMPLETED"
        oracle.end_trial(trial)


def hostile(folder: Path) -> Path:
    """A project in which every name, value and error is an attack."""
    hp = kt.HyperParameters()
    hp.Int(HOSTILE, 1, 9)
    hp.Choice("</script><img src=x onerror=alert(2)>", [HOSTILE, "a' \"b"])
    hp.Float("%{x}{{ 7 * 7 }}\x1b[31m", 0.0, 1.0)

    def measure(values: dict[str, Any], rng: np.random.Generator) -> Any:
        # What no trial requests is not shown.
        assert all(values[name] is not None for name in list(values))
        return {
            "val_accuracy": values[HOSTILE] / 9 + 0.01 * rng.random(),
            HOSTILE: 1.0,
        }

    return simulate(
        folder.with_name("x'<b onmouseover=alert(3)>"),
        20,
        hyperparameters=hp,
        measure=measure,
        message=f"{HOSTILE}</script><svg onload=alert(4)>",
        limits=kt_evolution.Limit(HOSTILE, max=0.5),
    )
