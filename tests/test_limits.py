"""Limits alone: what they say of metrics and models."""

import json
from fractions import Fraction

import keras_tuner as kt
import numpy as np
import pytest

import kt_evolution
from kt_evolution import Limit


def test_excess_is_relative_to_the_bound():
    assert Limit("params", max=200).violation({"params": 300}) == 0.5
    assert Limit("params", max=200).violation({"params": 200}) == 0.0
    assert Limit("params", max=200).violation({"params": 50}) == -0.75
    assert Limit("accuracy", min=0.8).violation({"accuracy": 0.4}) == 0.5
    assert Limit("margin", min=0.0).violation({"margin": -2.0}) == 2.0
    both = Limit("units", min=10, max=20)
    assert both.violation({"units": 15}) == -0.25
    assert both.violation({"units": 30}) == 0.5
    assert both.violation({"units": 5}) == 0.5


def test_a_metric_that_is_not_there_is_named():
    with pytest.raises(kt.errors.FatalValueError, match=r"Limit\(\"val_los\""):
        Limit("val_los", max=1.0).violation({"val_loss": 0.5})
    with pytest.raises(kt.errors.FatalValueError, match='mean "val_loss"?'):
        Limit("val_los", max=1.0).violation({"val_loss": 0.5})


def test_what_building_tells():
    hp = kt.HyperParameters()
    limit = Limit("params", max=1000)
    assert limit.problem(hp, {"params": 1000}) is None
    assert limit.problem(hp, {}) is None
    assert limit.problem(hp, {"params": 12345}) == (
        'It has 12,345 params: Limit("params", max=1000).'
    )


def test_a_function_of_the_hyperparameters():
    def is_small(hp):
        return hp["layers"] * hp["units"] <= 64

    hp = kt.HyperParameters()
    hp.values = {"layers": 2, "units": 32}
    limit = Limit(is_small)
    assert limit.problem(hp, {}) is None
    hp.values["units"] = 33
    assert limit.problem(hp, {}) == "It is not allowed by Limit(is_small)."


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"what": "params"}, "what='params', max=None, min=None"),
        ({"what": len, "max": 1}, "max=1"),
        ({"what": 3, "max": 1}, "`max` or `min`"),
        ({"what": "params", "max": 1, "min": 2}, "max=1, min=2"),
        ({"what": "params", "max": float("nan")}, "max=nan"),
        ({"what": "params", "min": "2"}, "min='2'"),
        # It is too large for a float.
        ({"what": "params", "max": 10**400}, "max=1000"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Limit(**arguments)
    with pytest.raises(TypeError, match="what=3"):
        Limit(3)


@pytest.mark.parametrize("number", [np.int64, np.int8, int])
def test_an_integer_of_numpy_is_one_of_python(number):
    limit = Limit("params", max=number(5), min=number(2))
    assert json.loads(json.dumps(limit.get_config())) == {
        "what": "params",
        "max": 5,
        "min": 2,
    }
    assert repr(limit) == 'Limit("params", max=5, min=2)'


@pytest.mark.parametrize("number", [np.float32, np.float64, Fraction, float])
def test_any_real_number_is_a_float_of_python(number):
    config = Limit("loss", max=number(0.5)).get_config()
    assert (config["max"], type(config["max"])) == (0.5, float)


def test_constraints_must_be_limits():
    with pytest.raises(TypeError, match="limits="):
        kt_evolution.EvolutionOracle("val_loss", limits=["params"])
