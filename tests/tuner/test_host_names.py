"""The private names of Keras Tuner that the package relies on."""

import inspect

import keras
import keras_tuner as kt
import pytest

import kt_evolution
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.proposals.dry_build import BuildHyperParameters
from kt_evolution.proposals.dry_build import DryBuild

METHODS = [
    # Overridden or called, with the arguments that we give or take.
    (kt.HyperParameters, "_exists", ["name", "conditions"]),
    (kt.HyperParameters, "_get_name", ["name"]),
    (kt.HyperParameters, "_register", ["hyperparameter", "overwrite"]),
    (kt.HyperParameters, "_retrieve", ["hp"]),
    (kt.Oracle, "_check_consecutive_failures", []),
    (kt.Oracle, "_check_objective_found", ["metrics"]),
    (kt.Oracle, "_get_oracle_fname", []),
    (kt.Oracle, "_get_trial_dir", ["trial_id"]),
    (kt.Oracle, "_save_trial", ["trial"]),
    (kt.Oracle, "_set_project_dir", ["directory", "project_name"]),
    (kt.Tuner, "_build_and_fit_model", ["trial", "args", "kwargs"]),
    (
        kt.Tuner,
        "_configure_tensorboard_dir",
        ["callbacks", "trial", "execution"],
    ),
    (kt.Tuner, "_get_build_config_fname", ["trial_id"]),
    (kt.Tuner, "_get_checkpoint_fname", ["trial_id"]),
    (kt.Tuner, "_get_tuner_fname", []),
    (kt.Tuner, "_is_worker", []),
    (kt.Tuner, "_populate_initial_space", []),
    (
        kt.Tuner,
        "_run_and_update_trial",
        ["trial", "fit_args", "fit_kwargs"],
    ),
    (kt.Tuner, "_try_build", ["hp"]),
    (
        kt.Tuner,
        "_try_run_and_update_trial",
        ["trial", "fit_args", "fit_kwargs"],
    ),
]


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    METHODS,
    ids=[f"{owner.__name__}.{name}" for owner, name, _ in METHODS],
)
def test_a_method_takes_what_we_give(owner, name, parameters):
    found = list(inspect.signature(getattr(owner, name)).parameters)
    assert found[1 : len(parameters) + 1] == parameters


def test_a_layer_lists_the_layers_inside_in_private():
    inner = [keras.layers.Dense(1), keras.layers.Dense(1)]
    block = keras.Sequential(inner)
    outer = keras.Sequential([block])
    assert private_api.layers_inside(outer) == [block]
    assert private_api.layers_inside(block) == inner
    assert not private_api.is_built_throughout(outer)
    outer.build((None, 2))
    assert private_api.is_built_throughout(outer)
    # Keras also counts a model as built whose layers are not.
    inner[1].built = False
    assert outer.built
    assert not private_api.is_built_throughout(outer)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow's own cache"
)
def test_tensorflow_keeps_kernels_in_private(monkeypatch):
    from tensorflow.python.eager import context

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    before = model(keras.ops.ones((1, 2)))
    cleared = []
    clear = context.context().clear_kernel_cache
    monkeypatch.setattr(
        context.context(),
        "clear_kernel_cache",
        lambda: cleared.append(clear()),
    )

    class Empty(kt.HyperModel):
        def build(self, hp):
            raise ValueError("It can't be built.")

    DryBuild(Empty())(kt.HyperParameters(), {})
    assert cleared == [None]
    # A model that somebody holds works on.
    assert float(model(keras.ops.ones((1, 2)))[0, 0]) == float(before[0, 0])


def test_hyperparameters_keep_their_space_in_private():
    hp = kt.HyperParameters()
    hp.Int("a", 1, 2)
    assert hp._space == hp.space == hp._hps["a"]
    assert hp._conditions == []


def test_an_oracle_keeps_its_queues_in_private(tmp_path):
    oracle = kt.Oracle("val_loss")
    assert oracle._run_times["new"] == 0
    assert oracle._retry_queue == []
    oracle._set_project_dir(tmp_path, "p")
    assert (oracle._directory, oracle._project_name) == (tmp_path, "p")
    assert oracle._project_dir == str(tmp_path / "p")
    assert oracle._get_oracle_fname() == str(tmp_path / "p" / "oracle.json")
    assert oracle._get_trial_dir("0") == str(tmp_path / "p" / "trial_0")


def test_the_display_is_told_of_trials(tmp_path):
    oracle = kt.Oracle("val_loss")
    ours = kt_evolution.EvolutionOracle("val_loss")._display
    assert ours.get_state().keys() == oracle._display.get_state().keys()
    oracle.verbose = 2
    assert oracle._display.verbose == 2
    for name in ("on_trial_begin", "on_trial_end"):
        method = getattr(oracle._display, name)
        assert list(inspect.signature(method).parameters) == ["trial"]


def test_the_constructor_does_what_we_repair(tmp_path, monkeypatch):
    calls = []

    class Recorded(kt.Tuner):
        def _populate_initial_space(self):
            # The folder and an id are there by now.
            calls.append((self.project_dir, self.tuner_id))

    oracle = kt.oracles.RandomSearchOracle("val_loss")
    tuner = Recorded(oracle, lambda hp: None, directory=tmp_path, tuner_id="x")
    assert calls == [(tuner.project_dir, "tuner0")]
    assert tuner._get_tuner_fname().endswith("x.json")
    assert not tuner._is_worker()
    checkpoint = tuner._get_checkpoint_fname("0")
    assert checkpoint.endswith("checkpoint.weights.h5")


def test_the_hosts_checkpoint_is_the_last_callback(tmp_path):
    class Recorded(kt.RandomSearch):
        def _configure_tensorboard_dir(self, *args):
            pass

        def _build_and_fit_model(self, trial, *args, **kwargs):
            checkpoint = kwargs["callbacks"][-1]
            assert type(checkpoint).__name__ == "SaveBestEpoch"
            assert checkpoint.best_value == float("inf")
            assert checkpoint.objective is self.oracle.objective
            return 0.0

    tuner = Recorded(lambda hp: None, "val_loss", 1, directory=tmp_path)
    tuner.search()
    assert tuner.oracle.trials["0"].status == "COMPLETED"


@pytest.mark.parametrize(
    ("ours", "hosts"),
    [
        (kt_evolution.EvolutionOracle, kt.Oracle),
        (kt_evolution.EvolutionTuner, kt.Tuner),
        (BuildHyperParameters, kt.HyperParameters),
    ],
)
def test_private_methods_of_the_host_are_overridden_knowingly(ours, hosts):
    guarded = {name for owner, name, _ in METHODS if owner is hosts}
    overridden = {
        name
        for owner in ours.__mro__
        if owner.__module__.startswith("kt_evolution")
        for name in vars(owner)
        if name.startswith("_") and not name.startswith("__")
        if hasattr(hosts, name)
    }
    assert overridden <= guarded
