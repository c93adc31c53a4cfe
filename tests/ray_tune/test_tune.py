"""Real experiments of Ray Tune, on a Ray of their own with two CPUs."""

import gc
import os
import signal
import tempfile
from pathlib import Path

import pytest
import ray
from ray import tune

from kt_evolution.ray_tune import EvolutionSearch
from kt_evolution.reporting import read_search
from tests.ray_tune.trainables import train
from tests.ray_tune.trainables import train_keras


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """One Ray for all tests, since it takes seconds to start."""
    # Other tests of this process may be connected to theirs.
    ray.shutdown()
    ray.init(address="local", num_cpus=2, object_store_memory=100 * 2**20)
    yield
    ray.shutdown()


def declare(hp):
    """Declares as many widths as there are layers."""
    hp.Float("x", -0.4, 1.0, default=0.5)
    for number in range(hp.Int("layers", 1, 3)):
        hp.Int(f"units_{number}", 1, 8)


def new_tuner(folder, search, trainable=train, num_samples=6, **kwargs):
    callbacks = kwargs.pop("callbacks", None)
    param_space = kwargs.pop("param_space", None)
    return tune.Tuner(
        trainable,
        param_space=param_space,
        tune_config=tune.TuneConfig(
            search_alg=search, num_samples=num_samples, **kwargs
        ),
        run_config=tune.RunConfig(
            name="experiment",
            storage_path=str(folder),
            verbose=0,
            callbacks=callbacks,
        ),
    )


def project_of(folder):
    return read_search(folder / "project" / "ray_tune")


def results_by_config(results):
    return {str(one.config): one.metrics.get("loss") for one in results}


@pytest.mark.later
def test_param_space_is_searched_and_failures_are_known(tmp_path):
    search = EvolutionSearch(
        seed=0,
        points_to_evaluate=[{"x": -0.9}, {"x": 0.25, "model": {"act": None}}],
        directory=tmp_path / "project",
    )
    space = {
        "x": tune.uniform(-1, 1),
        "model": {"act": tune.choice(["relu", None])},
        "epochs": 3,
    }
    tuner = new_tuner(
        tmp_path, search, param_space=space, metric="loss", mode="min"
    )
    results = tuner.fit()
    assert len(results) == 6
    assert results.num_errors >= 1
    configs = [one.config for one in results]
    assert configs[0]["x"] == -0.9
    assert configs[1] == {"x": 0.25, "model": {"act": None}, "epochs": 3}
    assert all(config["epochs"] == 3 for config in configs)
    # What Ray knows is what the project has.
    trials = project_of(tmp_path).trials
    assert len(trials) == 6
    for one, trial in zip(results, trials, strict=True):
        assert trial.values["x"] == one.config["x"]
        assert (trial.status == "FAILED") == (one.error is not None)
        if one.error is None:
            assert trial.metrics["loss"] == one.metrics["loss"]
    assert "error.txt" in trials[0].message


@pytest.mark.slow
def test_keras_models_of_a_conditional_space_are_trained(tmp_path):
    search = EvolutionSearch(
        declare, "loss", "min", seed=0, directory=tmp_path / "project"
    )
    tuner = new_tuner(tmp_path, search, train_keras, num_samples=4)
    results = tuner.fit()
    assert results.num_errors == 0
    for one in results:
        names = {f"units_{n}" for n in range(one.config["layers"])}
        assert set(one.config) == {"x", "layers", *names}
    assert len({str(one.config) for one in results}) == 4


class Interrupt(tune.Callback):
    """Interrupts the experiment, as Ctrl-C does, once a trial has ended.

    Args:
        number: Int, after how many trials.
    """

    def __init__(self, number):
        self.number = number

    def on_trial_complete(self, iteration, trials, trial, **info):
        self.number -= 1
        if self.number == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.later
@pytest.mark.parametrize("is_space_of_tune", [True, False])
def test_an_interrupted_experiment_is_restored(tmp_path, is_space_of_tune):
    def new_search(folder):
        given = {} if is_space_of_tune else {"space": declare}
        if not is_space_of_tune:
            given |= {"metric": "loss", "mode": "min"}
        return EvolutionSearch(seed=0, directory=folder / "project", **given)

    # One trial at a time, so that the order of their ends is known.
    options = {"max_concurrent_trials": 1}
    if is_space_of_tune:
        options |= {"metric": "loss", "mode": "min"}
        options["param_space"] = {"x": tune.uniform(-0.4, 1)}
    here, there = tmp_path / "whole", tmp_path / "interrupted"
    whole = new_tuner(here, new_search(here), **options).fit()
    new_tuner(
        there, new_search(there), callbacks=[Interrupt(3)], **options
    ).fit()
    assert len(project_of(there).trials) < 6
    restored = tune.Tuner.restore(str(there / "experiment"), train)
    results = restored.fit()
    assert len(results) == 6
    assert results_by_config(results) == results_by_config(whole)
    assert [t.values for t in project_of(there).trials] == [
        t.values for t in project_of(here).trials
    ]
    assert {t.status for t in project_of(there).trials} == {"COMPLETED"}


@pytest.mark.later
def test_nothing_is_left_in_the_folder_of_temporary_files(
    tmp_path, monkeypatch
):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    space = {"x": tune.uniform(0, 1)}
    tuner = new_tuner(
        tmp_path,
        EvolutionSearch(seed=0),
        param_space=space,
        num_samples=2,
        metric="loss",
        mode="min",
    )
    assert len(tuner.fit()) == 2
    del tuner
    gc.collect()
    left = [path for path in scratch.iterdir() if "kt_evolution" in path.name]
    assert left == []
    assert Path(tmp_path / "experiment").is_dir()
