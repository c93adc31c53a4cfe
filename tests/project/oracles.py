"""An oracle alone, for tests to lead by hand."""

from typing import Any

import keras_tuner as kt

import kt_evolution


def make_oracle(directory: Any, **kwargs: Any) -> kt_evolution.EvolutionOracle:
    """Returns an oracle with a project folder "p" and a space of its own."""
    hp = kt.HyperParameters()
    hp.Int("x", 0, 99)
    hp.Float("y", 0.0, 1.0)
    hp.Choice("kind", ["a", "b", "c"])
    options = {
        "objective": kt.Objective("score", "max"),
        "max_trials": 20,
        "seed": 0,
        "num_initial_points": 4,
        "population_size": 4,
        "hyperparameters": hp,
        **kwargs,
    }
    oracle = kt_evolution.EvolutionOracle(**options)
    oracle._set_project_dir(directory, "p")
    oracle.verbose = 0
    return oracle


def score_of(trial: Any) -> float:
    values = trial.hyperparameters.values
    return values["x"] / 99 + values["y"] + (values["kind"] == "b")


def complete(oracle: Any, trial: Any, score: float | None = None) -> None:
    """Ends a trial as completed."""
    score = score_of(trial) if score is None else score
    oracle.update_trial(trial.trial_id, {"score": score})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


def crash(oracle: Any, trial: Any, status: str = "INVALID") -> None:
    """Ends a trial as crashed."""
    trial.status = status
    trial.message = f"Trial {trial.trial_id} crashed."
    oracle.end_trial(trial)


def run_trials(oracle: Any, number: int) -> list[dict[str, Any]]:
    """Runs trials and returns their values."""
    values = []
    for _ in range(number):
        trial = oracle.create_trial("tuner0")
        assert trial.status == "RUNNING"
        values.append(dict(trial.hyperparameters.values))
        complete(oracle, trial)
    return values
