"""Searches that train their best models again resume as any other."""

import keras_tuner as kt
import numpy as np
import pytest

from kt_evolution import Limit
from kt_evolution import Target
from tests.project.oracles import crash
from tests.project.oracles import make_oracle

OPTIONS = {
    "one objective": {},
    "within a limit": {"limits": Limit("cost", max=60.0)},
    "two objectives": {
        "objective": [kt.Objective("score", "max"), kt.Objective("cost", "min")]
    },
    "to a target": {"stop": Target(1.0), "max_trials": 30},
    "a small space": {"max_trials": 40},
}


def new_oracle(folder, name, surrogate):
    options = {"max_trials": 16, "reevaluate": 3, **OPTIONS[name]}
    if name == "a small space":
        hp = kt.HyperParameters()
        hp.Int("x", 0, 4)
        options["hyperparameters"] = hp
    return make_oracle(folder, surrogate=surrogate, **options)


def run(oracle, number):
    """Runs trials of a noisy score; returns their values and originals."""
    found = []
    for _ in range(number):
        trial = oracle.create_trial("tuner0")
        if trial.status == "STOPPED":
            break
        hp = trial.hyperparameters.values
        first = oracle.reevaluations.get(trial.trial_id)
        found.append((trial.trial_id, dict(hp), first))
        if int(trial.trial_id) == 13:
            crash(oracle, trial)
            continue
        noise = np.random.default_rng(int(trial.trial_id)).normal()
        metrics = {"score": hp["x"] / 99 + 0.1 * noise, "cost": 1.0 * hp["x"]}
        oracle.update_trial(trial.trial_id, metrics)
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return found


@pytest.mark.parametrize("surrogate", ["gaussian_process", None])
@pytest.mark.parametrize("name", OPTIONS)
def test_oracle_made_anew_for_each_trial(tmp_path, name, surrogate):
    whole = new_oracle(tmp_path / "whole", name, surrogate)
    expected = run(whole, 40)
    assert any(first for _, _, first in expected)
    found = []
    for _ in expected:
        resumed = new_oracle(tmp_path / "resumed", name, surrogate)
        found += run(resumed, 1)
    assert found == expected
    resumed = new_oracle(tmp_path / "resumed", name, surrogate)
    assert resumed.create_trial("tuner0").status == "STOPPED"
    for ask in ("get_best_trials", "recommend"):
        order = [
            [trial.trial_id for trial in getattr(oracle, ask)(12)]
            for oracle in (resumed, whole)
        ]
        assert order[0] == order[1]


def test_one_that_was_killed_in_its_second_training(tmp_path):
    folder = tmp_path / "killed"
    oracle = new_oracle(folder, "one objective", None)
    run(oracle, 10)
    running = oracle.create_trial("tuner0")
    assert running.trial_id in oracle.reevaluations
    again = new_oracle(folder, "one objective", None)
    assert again.reevaluations == oracle.reevaluations
    trial = again.create_trial("tuner0")
    assert trial.trial_id == running.trial_id
    assert trial.hyperparameters.values == running.hyperparameters.values
    oracle = new_oracle(tmp_path / "whole", "one objective", None)
    assert run(again, 6) == run(oracle, 16)[10:]
