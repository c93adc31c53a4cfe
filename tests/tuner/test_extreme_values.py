"""Values that the host, or JSON, has trouble with, in whole searches."""

import math

import keras_tuner as kt
import numpy as np
import optuna
import pytest
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import dense_model
from tuner_helpers import empty_model
from tuner_helpers import trials_of
from tuner_helpers import values_of

import kt_evolution
from kt_evolution.reporting import to_optuna


@pytest.mark.parametrize(
    "choices",
    [
        [np.int64(4), np.int64(8)],
        np.array([4, 8]),
        [np.float32(0.5), np.float32(0.25)],
        [np.bool_(True), np.bool_(False)],
        [np.str_("relu"), np.str_("tanh")],
    ],
    ids=["int64", "array", "float32", "bool", "str"],
)
def test_choices_of_numpy_are_trained(tmp_path, choices):
    built = []

    def build(hp):
        built.append(hp.Choice("choice", choices))
        return dense_model(hp.Int("units", 1, 8))

    tuner = kt_evolution.EvolutionTuner(
        build, "val_loss", max_trials=2, seed=0, directory=tmp_path
    )
    tuner.search(**FIT)
    trials = trials_of(tuner)
    assert [trial.status for trial in trials] == ["COMPLETED"] * 2
    native = {np.asarray(one).item() for one in choices}
    assert set(built) <= native
    assert not any(isinstance(value, np.generic) for value in built)
    assert tuner.get_best_models()


def test_choices_of_numpy_are_searched_by_another_tuner_of_the_host(tmp_path):
    class HostTuner(kt.engine.base_tuner.BaseTuner):
        def run_trial(self, trial):
            hp = trial.hyperparameters
            return float(hp.Choice("units", [np.int32(1), np.int32(2)]))

    class Declaring(kt.HyperModel):
        def build(self, hp):
            hp.Choice("units", [np.int32(1), np.int32(2)])

    tuner = HostTuner(
        kt_evolution.EvolutionOracle(max_trials=2, seed=0),
        Declaring(),
        directory=tmp_path,
    )
    tuner.search()
    assert values_of(tuner) == [{"units": 1}, {"units": 2}]


def test_given_values_and_defaults_are_trained_to_the_last_digit(tmp_path):
    def build(hp):
        hp.Float("rate", 1e-4, 1e-1, sampling="log", default=1e-3)
        hp.Float("decay", 1e-30, 1.0, sampling="log", default=1 / 3)
        hp.Int("seed", 0, 2**62, default=12_345_678_901_234_567)
        return empty_model()

    given = {
        "rate": 0.0034567890123456789,
        "decay": math.pi * 1e-7,
        "seed": 987_654_321_987_654_321,
    }
    tuner = ScoringTuner(
        build,
        max_trials=2,
        seed=0,
        directory=tmp_path,
        initial_population=[given],
    )
    tuner.search(lambda hp: hp.get("rate"))
    defaults = {
        "rate": 1e-3,
        "decay": 1 / 3,
        "seed": 12_345_678_901_234_567,
    }
    assert values_of(tuner) == [given, defaults]
    assert tuner.oracle.recommend()[0].hyperparameters.values == defaults


@pytest.mark.parametrize(
    ("low", "high", "kwargs"),
    [
        (0.0, 1e308, {"step": 1e300}),
        (0.0, 1e12, {"step": 1e-3, "default": 0.00055}),
        (1e-4, 1.0, {"step": 1.0000001, "sampling": "log"}),
        (1e-4, 1.0, {"step": 1.0000001, "sampling": "reverse_log"}),
        (0, 10**12, {"step": 1}),
        (1, 10**12, {"sampling": "log"}),
    ],
)
def test_a_fine_domain_costs_no_more_than_a_coarse_one(
    tmp_path, low, high, kwargs
):
    def build(hp):
        declare = hp.Int if isinstance(low, int) else hp.Float
        declare("x", low, high, **kwargs)
        return empty_model()

    # What is no `int` is no member of a range for Python.
    given = [{"x": float(high)}] if isinstance(low, int) else []
    tuner = ScoringTuner(
        build,
        max_trials=8,
        seed=0,
        directory=tmp_path,
        initial_population=given,
    )
    tuner.search(lambda hp: math.log1p(hp.get("x")))
    values = [values["x"] for values in values_of(tuner)]
    assert len(set(values)) == 8
    assert all(low <= value <= high for value in values)
    default = kwargs.get("default", low)
    assert values[: len(given) + 1] == [high, default][-len(given) - 1 :]
    assert len(to_optuna(tuner).trials) == 8


@pytest.mark.parametrize("ordered", [True, False])
def test_a_choice_of_nan_is_resumed_and_exported(tmp_path, ordered):
    def build(hp):
        hp.Choice("scale", [0.5, float("nan"), 2.0], ordered=ordered)
        return empty_model()

    def search(trials):
        tuner = ScoringTuner(
            build, max_trials=trials, seed=0, directory=tmp_path
        )
        tuner.search(lambda hp: float(np.nan_to_num(hp.get("scale"))))
        return tuner

    search(2)
    tuner = search(9)
    values = [values["scale"] for values in values_of(tuner)]
    assert sorted(values, key=str) == [
        0.5,
        2.0,
        pytest.approx(math.nan, nan_ok=True),
    ]
    study = to_optuna(tuner)
    exported = [trial.params["scale"] for trial in study.trials]
    np.testing.assert_array_equal(exported, values)
    distribution = study.trials[0].distributions["scale"]
    assert isinstance(
        distribution, optuna.distributions.CategoricalDistribution
    )
