"""Weights that can't be loaded: which trial, why, and what helps."""

import json
import shutil

import keras
import numpy as np
import pytest
from tuner_helpers import FIT
from tuner_helpers import X
from tuner_helpers import Y
from tuner_helpers import build_dense

import kt_evolution
from kt_evolution.training import checkpoints

pytestmark = pytest.mark.graph


class Subclassed(keras.Model):
    """Makes its variables when it is first called."""

    def __init__(self, units, layer=keras.layers.Dense):
        super().__init__()
        self.hidden = layer(units)
        self.head = keras.layers.Dense(1, activation="sigmoid")

    def call(self, x):
        return self.head(self.hidden(x))


def build_subclassed(hp):
    model = Subclassed(hp.Int("units", 1, 16))
    model.compile("sgd", "binary_crossentropy", run_eagerly=True)
    return model


def new_tuner(folder, build=build_dense, **kwargs):
    return kt_evolution.EvolutionTuner(
        build, "val_loss", max_trials=1, seed=0, directory=folder, **kwargs
    )


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searched")
    new_tuner(folder, build_subclassed).search(**FIT)
    return folder


@pytest.fixture
def project(tmp_path, searched):
    """The directory of a finished search, which tests may damage."""
    return shutil.copytree(searched, tmp_path / "copy")


def weights_of(project):
    return project / "untitled_project/trial_0/checkpoint.weights.h5"


def build_config_of(project):
    return project / "untitled_project/trial_0/build_config.json"


def cut(data):
    return data[: len(data) // 2]


def without_half_of_its_middle(data):
    third = len(data) // 3
    return data[:third] + bytes(third) + data[2 * third :]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: b"", "is empty"),
        (cut, "is damaged.*truncated"),
        (lambda data: data[:7], "is damaged"),
        (lambda data: b"x" * len(data), "is damaged"),
        (without_half_of_its_middle, "is damaged"),
    ],
)
def test_damaged_weights_name_their_trial_and_what_helps(
    project, damage, reason
):
    path = weights_of(project)
    path.write_bytes(damage(path.read_bytes()))
    tuner = new_tuner(project, build_subclassed)
    for get_models in (tuner.get_best_models, tuner.get_pareto_models):
        with pytest.raises(ValueError, match=f"trial 0.*{reason}") as caught:
            get_models()
        assert str(path) in str(caught.value)
        assert "get_best_hyperparameters" in str(caught.value)
    # As the error says.
    units = tuner.get_best_hyperparameters()[0].get("units")
    assert units == tuner.oracle.get_trial("0").hyperparameters.get("units")


@pytest.mark.parametrize(
    "text", [None, "", "{", '"x"', "null", '{"built_layers": {}}']
)
def test_a_damaged_build_config_names_the_trial_and_what_helps(project, text):
    path = build_config_of(project)
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(ValueError, match="(?s)trial 0.*get_best_hyperparam"):
        new_tuner(project, build_subclassed).get_best_models()


def test_a_model_with_inputs_needs_no_build_config(tmp_path):
    tuner = new_tuner(tmp_path)
    tuner.search(**FIT)
    model = tuner.get_best_models()[0]
    build_config_of(tmp_path).unlink()
    again = new_tuner(tmp_path).get_best_models()[0]
    for before, after in zip(
        model.get_weights(), again.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(before, after)


def test_the_build_config_of_keras_tuner_is_enough_where_keras_can_do_it(
    project,
):
    tuner = new_tuner(project, build_subclassed)
    expected = tuner.get_best_models()[0].predict(X, verbose=0)
    path = build_config_of(project)
    config = json.loads(path.read_text())
    assert config.pop(checkpoints.LAYERS)
    path.write_text(json.dumps(config))
    model = tuner.get_best_models()[0]
    np.testing.assert_allclose(model.predict(X, verbose=0), expected)


class MakesItsLayerInBuild(Subclassed):
    """Has a layer more than the model that was trained."""

    def __init__(self, units):
        super().__init__(units)
        self.another = keras.layers.Dense(2)


def wider(hp):
    model = Subclassed(hp.Int("units", 1, 16) + 1)
    model.compile("sgd", "mse")
    return model


def deeper(hp):
    model = MakesItsLayerInBuild(hp.Int("units", 1, 16))
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("edited", [wider, deeper, build_dense])
def test_weights_of_another_model_are_never_loaded_in_part(project, edited):
    with pytest.raises(ValueError, match="(?s)trial 0.*get_best_hyperparam"):
        new_tuner(project, edited).get_best_models()


class OddBuildConfig(keras.layers.Dense):
    """Keeps of its shapes what JSON does not know, or nothing."""

    kind = None

    def get_build_config(self):
        if self.kind == "raises":
            raise RuntimeError("a mistake")
        if self.kind == "numpy":
            return {"size": np.int64(self.kernel.shape[0])}
        return {"size": object()}

    def build_from_config(self, config):
        self.build((None, config["size"]))


@pytest.mark.parametrize(
    ("kind", "is_restored"),
    [("numpy", True), ("object", False), ("raises", False)],
)
def test_an_odd_build_config_costs_no_trial(
    tmp_path, monkeypatch, kind, is_restored
):
    def build(hp):
        model = Subclassed(hp.Int("units", 1, 16), OddBuildConfig)
        model.compile("sgd", "binary_crossentropy", run_eagerly=True)
        return model

    monkeypatch.setattr(OddBuildConfig, "kind", kind)
    tuner = new_tuner(tmp_path, build)
    tuner.search(**FIT)
    trial = tuner.oracle.get_best_trials()[0]
    if is_restored:
        loss = tuner.get_best_models()[0].evaluate(X, Y, verbose=0)
        assert loss == pytest.approx(trial.score, abs=1e-5)
    else:
        with pytest.raises(ValueError, match="can't be built.*training"):
            tuner.get_best_models()
