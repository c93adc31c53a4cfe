"""An oracle alone, for tests to lead by hand."""

import math
from typing import Any

import keras_tuner as kt

import kt_evolution
from kt_evolution.project.issued_trial import report_rungs


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


# Oracles with a fidelity.


def curve_of(trial: Any) -> list[float]:
    """Returns the scores after each of 27 epochs, which depend on values."""
    rate = 0.05 + trial.hyperparameters.values["y"]
    final = score_of(trial)
    return [final * (1.0 - math.exp(-rate * e)) for e in range(1, 28)]


def train(oracle: Any, trial: Any) -> int:
    """Trains a trial to its target as the trainer does, and reports it.

    Returns:
        Int, for how many epochs it was trained in all.
    """
    curve = curve_of(trial)
    epochs = min(trial.epochs or 27, 27)
    reached = [
        {
            "epochs": rung,
            "best_step": rung - 1,
            "metrics": {"score": max(curve[:rung])},
        }
        for rung in trial.rungs[:-1]
        if rung <= epochs
    ]
    report_rungs(trial, epochs < 27, reached)
    metrics = {"score": max(curve[:epochs]), "train_seconds": float(epochs)}
    oracle.update_trial(trial.trial_id, metrics, step=epochs - 1)
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    return epochs


def halving_oracle(
    directory: Any, **kwargs: Any
) -> kt_evolution.EvolutionOracle:
    """Returns an oracle for trainings of 27 epochs, with a fidelity."""
    fidelity = kt_evolution.SuccessiveHalving(max_epochs=27)
    return make_oracle(directory, fidelity=fidelity, **kwargs)
