"""Costs by name: what they are called, and what they measure."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_evolution.costs import measurement
from kt_evolution.keras_tuner_bridge.objectives import as_objectives
from tests.costs.models import inputs_of_each_kind
from tests.costs.models import text_model

layers = keras.layers


def small_model():
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(10), layers.BatchNormalization()]
    )


def test_params_are_those_of_the_summary():
    model = small_model()
    model.compile("adam", "mse")
    model.fit(np.zeros((8, 4)), np.zeros((8, 10)), verbose=0)
    assert measurement.count_params(model) == 4 * 10 + 10 + 4 * 10
    assert measurement.count_params(model) == model.count_params()
    assert measurement.count_trainable_params(model) == 4 * 10 + 10 + 2 * 10
    model.layers[0].trainable = False
    assert measurement.count_trainable_params(model) == 2 * 10


def test_params_of_a_model_that_is_not_built_are_an_error():
    model = keras.Sequential([layers.Dense(2)])
    for count in (measurement.count_params, measurement.count_trainable_params):
        with pytest.raises(ValueError, match="before it is built.*sequential"):
            count(model)
    assert measurement.parameter_counts(model) == {}


@pytest.mark.parametrize(
    "name",
    [*measurement.COUNTED, *measurement.MEASURES, *measurement.PROXIES],
)
def test_what_is_not_a_model_is_named(name):
    functions = {
        **measurement.COUNTED,
        **measurement.MEASURES,
        **measurement.PROXIES,
    }
    with pytest.raises(TypeError, match="`model` must be a Keras .*text_model"):
        functions[name](text_model)


def test_latency_is_the_median_after_the_warm_up(monkeypatch):
    # The first predictions compile, and one is held up by something else.
    durations = [9.0] * measurement.NUM_WARM_UPS + [
        0.003,
        8.0,
        0.002,
        0.004,
        0.003,
    ]
    clock = [0.0]
    shapes = []

    class Slow(keras.Model):
        def predict_on_batch(self, sample):
            shapes.append((sample.shape, sample.dtype))
            clock[0] += durations[len(shapes) - 1]

    inputs = keras.Input((4,), dtype="int32")
    model = Slow(inputs, inputs)
    monkeypatch.setattr(measurement.time, "perf_counter", lambda: clock[0])
    latency = measurement.measure_latency(model, num_repeats=5)
    assert latency == pytest.approx(3.0)
    assert set(shapes) == {((1, 4), np.dtype("int32"))}


def test_latency_of_each_kind_of_input():
    inputs, joined = inputs_of_each_kind()
    model = keras.Model(inputs, joined)
    assert measurement.measure_latency(model, num_repeats=2) > 0


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="strings need TensorFlow"
)
def test_latency_of_text():
    assert measurement.measure_latency(text_model(), num_repeats=2) > 0


@pytest.mark.parametrize("number", [0, 1.5, "a"])
def test_a_number_of_repeats_that_is_none_is_named(number):
    with pytest.raises(ValueError, match=f"`num_repeats`.*={number!r}"):
        measurement.measure_latency(keras.Sequential(), number)


def test_the_costs_have_names():
    assert set(measurement.COSTS) == {
        "params",
        "trainable_params",
        "train_seconds",
        "flops",
        "latency",
    }
    assert measurement.is_cost("flops")
    assert not measurement.is_cost("val_loss")
    assert not measurement.is_cost("synflow")
    for flops in (["flops"], "flops"):
        assert measurement.check_names("measure", flops) == ("flops",)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (["flops", "energy"], ValueError, r"`measure`.*\['energy'\]"),
        ([3], ValueError, r"`measure`.*\[3\]"),
        ("energy", ValueError, r"`measure`.*\['energy'\]"),
        (None, TypeError, "`measure`.*measure=None"),
    ],
)
def test_what_is_not_a_list_of_costs_is_named(bad, error, message):
    with pytest.raises(error, match=message):
        measurement.check_names("measure", bad)


def test_costs_are_objectives_to_minimize():
    costs = measurement.COSTS
    assert as_objectives("latency", costs) == kt.Objective("latency", "min")
    assert as_objectives(["val_loss", "params"], costs) == [
        kt.Objective("val_loss", "min"),
        kt.Objective("params", "min"),
    ]
    largest = kt.Objective("params", "max")
    assert as_objectives(largest, costs) is largest
    assert as_objectives("val_loss", costs) == kt.Objective("val_loss", "min")
    assert as_objectives(None, costs) is None


def test_a_cost_that_can_not_be_measured_is_fatal_and_named():
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, layers.Dense(2)(inputs))
    for name in measurement.MEASURES:
        with pytest.raises(kt.errors.FatalError, match=f"'{name}'.*not known"):
            measurement.measure(model, [name])


def test_the_mean_of_executions_has_what_all_have():
    assert measurement.average([]) == {}
    runs = [{"params": 3, "train_seconds": 2.0}, {"train_seconds": 1.0}]
    assert measurement.average(runs) == {"train_seconds": 1.5}
    assert measurement.average([{"naswot": 1.0}]) == {"naswot": 1.0}
