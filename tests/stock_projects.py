"""Projects of Keras Tuner's own oracles, for a search to start from."""

from pathlib import Path
from typing import Any

import keras_tuner as kt
from keras_tuner import oracles

OBJECTIVE = kt.Objective("score", "min")


def space(**domains: tuple[int, int]) -> kt.HyperParameters:
    """Returns a space of integers, by default `x` and `y`."""
    hp = kt.HyperParameters()
    for name, (low, high) in (domains or {"x": (0, 9), "y": (0, 9)}).items():
        hp.Int(name, low, high)
    return hp


def score_of(values: dict[str, Any]) -> float:
    """The loss of a trial, best where `x` is 6 and `y` is 3."""
    return abs(values.get("x", 6) - 6) + abs(values.get("y", 3) - 3) / 2


def drive(oracle: Any, folder: Path, metrics_of: Any = None) -> Path:
    """Runs all trials of an oracle, and returns its project's folder."""
    oracle._set_project_dir(folder.parent, folder.name)
    oracle.verbose = 0
    while True:
        trial = oracle.create_trial("tuner0")
        if trial.status != "RUNNING":
            return folder
        values = trial.hyperparameters.values
        if metrics_of is None:
            metrics = {"score": score_of(values), "size": float(values["x"])}
        else:
            metrics = metrics_of(trial)
        oracle.update_trial(trial.trial_id, metrics)
        trial.status = "COMPLETED"
        oracle.end_trial(trial)


def random_search(
    folder: Path,
    num_trials: int = 8,
    hyperparameters: kt.HyperParameters | None = None,
    objective: Any = OBJECTIVE,
    metrics_of: Any = None,
) -> Path:
    oracle = oracles.RandomSearchOracle(
        objective=objective,
        max_trials=num_trials,
        seed=1,
        hyperparameters=hyperparameters or space(),
    )
    return drive(oracle, folder, metrics_of)


def hyperband(folder: Path) -> Path:
    """Each round trains longer, and scores better."""
    oracle = oracles.HyperbandOracle(
        objective=OBJECTIVE,
        max_epochs=9,
        factor=3,
        seed=1,
        hyperparameters=space(),
    )

    def metrics_of(trial):
        values = trial.hyperparameters.values
        return {"score": score_of(values) + 9.0 - values["tuner/epochs"]}

    return drive(oracle, folder, metrics_of)


def bayesian(folder: Path) -> Path:
    oracle = oracles.BayesianOptimizationOracle(
        objective=OBJECTIVE,
        max_trials=5,
        num_initial_points=5,
        seed=2,
        hyperparameters=space(),
    )
    return drive(oracle, folder)
