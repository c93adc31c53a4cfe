"""The host's own tools can read a project of ours."""

import json
import shutil

import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial

import kt_evolution


class Search(kt_evolution.EvolutionTuner):
    def run_trial(self, trial, *args, **kwargs):
        hp = trial.hyperparameters
        x = hp.Float("x", -1.0, 1.0)
        if hp.Choice("kind", ["a", "b"]) == "a":
            with hp.conditional_scope("kind", ["a"]):
                x += hp.Int("of_a", 1, 3)
        if x < -0.8:
            raise RuntimeError("crashes")
        return {"score": x * x, "other": x}


class Stock(kt.RandomSearch):
    def run_trial(self, trial, *args, **kwargs):
        hp = trial.hyperparameters
        return {"score": hp.Float("x", -1.0, 1.0), "other": 0.0}


def make(base, directory, max_trials):
    return base(
        objective=kt.Objective("score", "max"),
        max_trials=max_trials,
        seed=3,
        directory=directory,
        project_name="p",
    )


@pytest.fixture(params=[1, 2, 3, 20])
def searched(request, tmp_path):
    tuner = make(Search, tmp_path / "ours", request.param)
    tuner.search(verbose=0)
    return tuner


def test_trial_files_are_the_hosts(searched):
    for trial_id, trial in searched.oracle.trials.items():
        path = f"{searched.project_dir}/trial_{trial_id}/trial.json"
        loaded = Trial.load(path)
        assert loaded.get_state() == trial.get_state()
        assert loaded.status in ("COMPLETED", "FAILED")
        if loaded.status == "FAILED":
            assert "RuntimeError: crashes" in loaded.message


def test_oracle_file_is_up_to_date_at_the_end(searched):
    with open(f"{searched.project_dir}/oracle.json") as file:
        state = json.load(file)
    trial_ids = list(searched.oracle.trials)
    assert state["start_order"] == state["end_order"] == trial_ids
    assert state["ongoing_trials"] == {}
    assert state["retry_queue"] == []
    assert state["seed"] == 3


def test_stock_random_search_opens_the_project(searched, tmp_path):
    shutil.copytree(tmp_path / "ours", tmp_path / "theirs")
    num_trials = len(searched.oracle.trials)
    stock = make(Stock, tmp_path / "theirs", num_trials + 2)

    best = searched.oracle.get_best_trials()
    theirs = stock.oracle.get_best_trials()[0]
    assert theirs.get_state() == best[0].get_state()
    assert stock.get_best_hyperparameters()[0].values == (
        best[0].hyperparameters.values
    )
    assert stock.remaining_trials == 2
    # And goes on from there, without running a trial again.
    stock.search(verbose=0)
    assert stock.oracle.end_order[:num_trials] == searched.oracle.end_order
    assert len(stock.oracle.end_order) == num_trials + 2


def test_stock_opens_a_search_that_failures_ended(tmp_path):
    class Broken(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, *args, **kwargs):
            trial.hyperparameters.Float("x", 0.0, 1.0)
            raise RuntimeError("crashes")

    tuner = make(Broken, tmp_path, 30)
    with pytest.raises(RuntimeError, match="crashes"):
        tuner.search(verbose=0)
    with open(f"{tuner.project_dir}/oracle.json") as file:
        state = json.load(file)
    assert len(state["end_order"]) == 10
    assert state["ongoing_trials"] == {}
