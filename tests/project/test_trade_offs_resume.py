"""Searches for several objectives and within limits resume as any other."""

import keras_tuner as kt
import pytest

from kt_evolution import Limit
from tests.project.oracles import make_oracle

OPTIONS = {
    "objectives": {
        "objective": [kt.Objective("score", "max"), kt.Objective("cost", "min")]
    },
    "limit": {"limits": Limit("cost", max=30.0)},
    "both": {
        "objective": [
            kt.Objective("score", "max"),
            kt.Objective("cost", "min"),
        ],
        "limits": [Limit("cost", max=30.0), Limit("score", min=0.5)],
    },
}


def run(oracle, number):
    values = []
    for _ in range(number):
        trial = oracle.create_trial("tuner0")
        hp = trial.hyperparameters.values
        values.append(dict(hp))
        metrics = {"score": hp["x"] / 99 + hp["y"], "cost": hp["x"] - hp["y"]}
        oracle.update_trial(trial.trial_id, metrics)
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return values


@pytest.mark.parametrize("surrogate", ["gaussian_process", None])
@pytest.mark.parametrize("name", OPTIONS)
def test_oracle_made_anew_for_each_trial(tmp_path, name, surrogate):
    options = {**OPTIONS[name], "surrogate": surrogate, "max_trials": 12}
    values = []
    for _ in range(12):
        values += run(make_oracle(tmp_path / "resumed", **options), 1)
    whole = make_oracle(tmp_path / "whole", **options)
    assert values == run(whole, 12)
    resumed = make_oracle(tmp_path / "resumed", **options)
    order = [
        [trial.trial_id for trial in oracle.get_best_trials(12)]
        for oracle in (resumed, whole)
    ]
    assert order[0] == order[1]
