"""Numbers of any unit: columns, channels and the targets of a regression."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_evolution import nas
from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.spaces.scaling import Scale
from tests.nas.nas_helpers import NUM_SAMPLES
from tests.nas.nas_helpers import new_space
from tests.nas.nas_helpers import predictions
from tests.nas.nas_helpers import with_values

UNITS = np.array([1.0, 1e-9, 1e20, 1e-30])
TABLE = np.array([[1.0], [3.0], [5.0]]) * UNITS


def as_model(convert):
    inputs = keras.Input((len(UNITS),))
    scope = BlockScope(kt.HyperParameters(), "columns")
    return keras.Model(inputs, convert(scope, inputs))


def test_a_scale_is_that_of_the_numbers_that_are_there():
    scale = Scale.of(np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]]))
    np.testing.assert_array_equal(scale.mean, [2.0, 0.0])
    np.testing.assert_array_equal(scale.deviation, [1.0, 1.0])
    scale = Scale.of(TABLE)
    np.testing.assert_allclose(scale.mean, 3 * UNITS, rtol=1e-6)
    np.testing.assert_allclose(scale.deviation, (8 / 3) ** 0.5 * UNITS, 1e-6)


# Equal numbers may have a variance by rounding: that of the first is 8e-34.
# The last differ by less than a network reads.
@pytest.mark.parametrize("column", [[0.1] * 30, [1e9, 1e9 + 1e-3]])
def test_the_deviation_of_a_constant_is_given(column):
    table = np.array(column)[:, np.newaxis]
    assert Scale.of(table).deviation == 1.0
    assert Scale.of(table, of_constant=0.5).deviation == 0.5
    assert Scale.of(table).mean == np.float32(column[0])


def test_numbers_of_any_unit_are_standardized_and_restored(tmp_path):
    scale = Scale.of(TABLE)
    expected = (np.array([[-2.0], [0.0], [2.0]]) / (8 / 3) ** 0.5) + 0 * UNITS
    np.testing.assert_allclose(scale.standardized(TABLE), expected, atol=1e-6)
    table, z = TABLE.astype("float32"), expected.astype("float32")
    for convert, given, wanted in (
        (scale.standardize, table, expected),
        (scale.restore, z, TABLE),
    ):
        model = as_model(convert)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        for each in (model, loaded):
            np.testing.assert_allclose(
                predictions(each, given) / np.abs(wanted).max(axis=0),
                wanted / np.abs(wanted).max(axis=0),
                atol=1e-5,
            )


def test_a_usual_scale_is_one_layer_of_keras():
    model = as_model(Scale.of(TABLE / UNITS).standardize)
    assert [type(each) for each in model.layers[1:]] == [
        keras.layers.Normalization
    ]


def trained(name, values, unit):
    """Returns the history of a regression, and its predictions."""
    targets = unit * np.linspace(5.0, 9.0, NUM_SAMPLES)
    space, x = new_space(
        name, num_classes=None, task="regression", total_steps=None, width=4
    )
    space.adapt(x, targets)
    keras.utils.set_random_seed(0)
    hp = with_values(values)
    model = space.build(hp)
    model.run_eagerly = True
    history = space.fit(
        hp, model, x, targets, validation_data=(x, targets), epochs=2,
        batch_size=4, verbose=0,
    ).history  # fmt: skip
    assert "scale_loss" not in vars(model.optimizer)
    return history, predictions(model, x)[:, 0]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("HyperTabularNet", {}),
        ("HyperTabularNet", {"training/optimizer": "sgd"}),
        ("HyperSeriesNet", {"family": "kernels"}),
        ("HyperTextNet", {"family": "ngrams", "top": "linear"}),
    ],
)
def test_a_regression_is_trained_alike_in_every_unit(name, values):
    unit = 1e-5
    history, predicted = trained(name, values, 1.0)
    scaled, in_unit = trained(name, values, unit)
    np.testing.assert_allclose(in_unit / unit, predicted, rtol=2e-3)
    # The losses are those of the targets.
    for metric, power in (("loss", 2), ("val_loss", 2), ("mae", 1)):
        np.testing.assert_allclose(
            np.array(scaled[metric]) / unit**power, history[metric], rtol=1e-2
        )


def test_a_regression_learns_small_targets():
    x = np.random.default_rng(0).normal(size=(200, 2)).astype("float32")
    targets = 1e-4 * x.sum(axis=1)
    space = nas.HyperTabularNet((2,), task="regression", width=16, max_depth=1)
    space.adapt(x, targets)
    keras.utils.set_random_seed(0)
    hp = with_values({"training/adamw_learning_rate": 0.01})
    model = space.build(hp)
    space.fit(hp, model, x, targets, epochs=15, batch_size=20, verbose=0)
    errors = model.predict(x, verbose=0)[:, 0] - targets
    assert 1 - np.square(errors).mean() / targets.var() > 0.9


@pytest.mark.parametrize("unit", [1e-5, 0.0])
def test_a_regression_is_loaded_by_keras_while_it_is_trained(unit, tmp_path):
    space, x = new_space("HyperTabularNet", num_classes=None, task="regression")
    targets = 0.1 + unit * np.arange(NUM_SAMPLES)
    space.adapt(x, targets)
    hp = with_values({})
    model = space.build(hp)
    model.run_eagerly = True
    path = tmp_path / "model.keras"
    saved = keras.callbacks.ModelCheckpoint(path)
    space.fit(hp, model, x, targets, callbacks=[saved], verbose=0)
    loaded = keras.models.load_model(path)
    assert loaded.loss == "mse"
    # Constant targets are predicted, too.
    np.testing.assert_allclose(predictions(loaded, x), 0.1, atol=1e-3)
    np.testing.assert_allclose(predictions(loaded, x), predictions(model, x))
