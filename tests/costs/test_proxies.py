"""Zero-cost proxies: by hand, for inputs of each kind, and without a trace."""

import random
import warnings

import keras
import numpy as np
import pytest

from kt_evolution.costs import measurement
from kt_evolution.costs import naswot
from kt_evolution.costs import synflow
from kt_evolution.costs.activation_codes import NUM_SAMPLES
from kt_evolution.costs.activation_codes import SEED
from tests.costs.models import inputs_of_each_kind
from tests.costs.models import text_model

layers = keras.layers


def sequential(*stack, shape=(3,)):
    return keras.Sequential([keras.Input(shape), *stack])


def kernels_of(model):
    return [np.abs(one) for one in model.get_weights() if one.ndim == 2]


def naswot_by_hand(units):
    """Returns the score of units, given before they are rectified."""
    codes = (units > 0).astype(int)
    agreement = codes @ codes.T + (1 - codes) @ (1 - codes).T
    return np.linalg.slogdet(agreement + np.eye(len(codes)))[1]


def inputs_of(shape):
    rng = np.random.default_rng(SEED)
    return rng.standard_normal((NUM_SAMPLES, *shape)).astype("float32")


# Synaptic flow.


@pytest.mark.parametrize("activation", ["relu", "relu6", "gelu", "silu"])
@pytest.mark.parametrize("head", ["softmax", "sigmoid", None])
def test_the_flow_is_the_sum_over_all_paths(activation, head):
    # Each of the two kernels has the whole flow.
    model = sequential(layers.Dense(4, activation), layers.Dense(2, head))
    first, second = kernels_of(model)
    expected = np.log1p(2 * (first @ second).sum())
    assert synflow(model) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_the_flow_is_computed_in_full_precision(policy):
    model, half = (
        keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Conv2D(4, 3, dtype=dtype),
                layers.BatchNormalization(dtype=dtype),
                layers.Activation("relu", dtype=dtype),
                # The flow is beyond the largest half.
                layers.Conv2D(4, 3, kernel_initializer="ones", dtype=dtype),
                layers.Flatten(dtype=dtype),
                layers.Dense(600, kernel_initializer="ones", dtype=dtype),
                layers.Dense(600, kernel_initializer="ones", dtype=dtype),
            ]
        )
        for dtype in ("float32", policy)
    )
    half.set_weights(model.get_weights())
    assert synflow(half) == pytest.approx(synflow(model), rel=1e-5)
    assert half.layers[0].compute_dtype == policy.removeprefix("mixed_")


@pytest.mark.parametrize(
    "between",
    [
        lambda: layers.ReLU(max_value=0.1),
        layers.LeakyReLU,
        layers.PReLU,
        lambda: layers.Activation("relu"),
        layers.BatchNormalization,
        layers.LayerNormalization,
        lambda: layers.Dropout(0.9),
        lambda: layers.GaussianNoise(0.9),
    ],
)
def test_what_is_between_linear_layers_changes_no_flow(between):
    model = sequential(layers.Dense(4), between(), layers.Dense(2))
    first, second = kernels_of(model)
    expected = np.log1p(2 * (first @ second).sum())
    assert synflow(model) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "head",
    [
        layers.Softmax,
        lambda: layers.Activation("softmax"),
        lambda: keras.Sequential([layers.Softmax()]),
    ],
)
def test_the_activation_of_the_output_may_be_a_layer(head):
    model = sequential(layers.Dense(2), head())
    (kernel,) = kernels_of(model)
    assert synflow(model) == pytest.approx(np.log1p(kernel.sum()), rel=1e-5)


def test_the_flow_of_a_sequence_is_that_of_its_steps():
    head = layers.TimeDistributed(layers.Dense(2, "softmax"))
    model = sequential(head, shape=(5, 3))
    (kernel,) = kernels_of(model)
    assert synflow(model) == pytest.approx(np.log1p(5 * kernel.sum()), rel=1e-5)


def test_a_flow_beyond_the_largest_float_has_a_logarithm():
    init = keras.initializers.Constant(-100.0)
    stack = [
        layers.Dense(1, "relu", kernel_initializer=init) for _ in range(25)
    ]
    flow = synflow(sequential(*stack, shape=(1,)))
    assert flow == pytest.approx(np.log(25) + 50 * np.log(10), rel=1e-5)


def test_a_flow_that_is_not_finite_is_an_error():
    init = keras.initializers.Constant(np.nan)
    model = sequential(layers.Dense(1, kernel_initializer=init))
    with pytest.raises(ValueError, match="no finite number"):
        synflow(model)


def test_no_flow_is_zero():
    assert synflow(sequential(layers.Dense(2), layers.Rescaling(0.0))) == 0.0


def test_the_flow_needs_a_known_output():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    inputs = keras.Input((3,))
    model = Subclassed()
    model.build((None, 3))
    with pytest.raises(ValueError, match="functional or sequential"):
        synflow(model)
    model = keras.Model(inputs, keras.ops.softmax(layers.Dense(2)(inputs)))
    with pytest.raises(ValueError, match="must be that of a layer"):
        synflow(model)


# Activation codes.


def test_codes_are_the_signs_of_rectified_units():
    model = sequential(layers.Dense(20, "relu"), layers.Dense(2, "softmax"))
    units = inputs_of((3,)) @ model.get_weights()[0]
    assert naswot(model) == pytest.approx(naswot_by_hand(units))


@pytest.mark.parametrize(
    "rectifier",
    [
        lambda: layers.Activation("gelu"),
        lambda: layers.Activation("silu"),
        layers.ReLU,
        layers.LeakyReLU,
        layers.PReLU,
        layers.ELU,
    ],
)
def test_activations_of_the_sign_of_relu_have_codes(rectifier):
    model = sequential(layers.Dense(9), rectifier())
    units = inputs_of((3,)) @ model.get_weights()[0]
    assert naswot(model) == pytest.approx(naswot_by_hand(units))


def test_all_layers_have_a_part_of_the_codes():
    model = sequential(layers.Dense(9, "relu"), layers.Dense(5, "relu"))
    weights = model.get_weights()
    first = inputs_of((3,)) @ weights[0]
    second = np.maximum(first, 0) @ weights[2]
    expected = naswot_by_hand(np.concatenate([first, second], axis=1))
    assert naswot(model) == pytest.approx(expected)


def test_batches_are_normalized_as_in_training():
    model = sequential(
        layers.Dense(9, bias_initializer=keras.initializers.Constant(50.0)),
        layers.BatchNormalization(),
        layers.ReLU(),
    )
    units = inputs_of((3,)) @ model.get_weights()[0]
    expected = naswot_by_hand(units - units.mean(axis=0))
    assert naswot(model) == pytest.approx(expected)


def test_equal_codes_have_a_score():
    # One unit has two codes at most.
    model = sequential(layers.Dense(1, "relu"), shape=(1,))
    positive = (inputs_of((1,)) > 0).sum()
    sizes = np.array([positive, NUM_SAMPLES - positive])
    assert naswot(model) == pytest.approx(np.log(1 + sizes).sum())


def test_a_model_without_rectifiers_has_no_codes():
    model = sequential(layers.Dense(3, "tanh"), layers.Dense(1, "sigmoid"))
    with pytest.raises(ValueError, match="no layer with a ReLU"):
        naswot(model)


# Both.


def two_inputs():
    inputs, joined = inputs_of_each_kind()
    x = layers.Dense(8, "relu")(joined)
    return keras.Model(inputs, layers.Dense(2, "softmax")(x))


def recurrent():
    return sequential(
        layers.Embedding(7, 4, mask_zero=True),
        layers.Bidirectional(layers.LSTM(3)),
        layers.Dense(4, "relu"),
        layers.Dense(1, "sigmoid"),
        shape=(6,),
    )


def attention():
    inputs = keras.Input((6, 4))
    x = layers.MultiHeadAttention(num_heads=2, key_dim=3)(inputs, inputs)
    x = layers.LayerNormalization()(layers.Add()([inputs, x]))
    x = layers.GlobalAveragePooling1D()(layers.Dense(8, "gelu")(x))
    outputs = [layers.Dense(2)(x), layers.Dense(1, "sigmoid")(x)]
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize("build", [two_inputs, recurrent, attention])
def test_models_of_each_kind_have_the_same_proxies_again(build):
    model = build()
    found = measurement.measure_proxies(model, measurement.PROXIES)
    assert found.keys() == {"naswot", "synflow"}
    assert all(value > 0 for value in found.values())
    again = measurement.measure_proxies(model, measurement.PROXIES)
    assert again == pytest.approx(found)


def test_random_numbers_go_on_as_before():
    model = sequential(
        layers.Dense(4, "relu"), layers.GaussianNoise(0.5), layers.Dropout(0.5)
    )
    drawn = []
    for measures in (False, True):
        keras.utils.set_random_seed(0)
        if measures:
            synflow(model)
            naswot(model)
        numbers = keras.random.normal((3,)), layers.Dense(2)(np.ones((1, 2)))
        drawn.append(list(map(keras.ops.convert_to_numpy, numbers)))
    for before, after in zip(*drawn, strict=True):
        np.testing.assert_array_equal(before, after)


def test_nothing_is_changed():
    model = sequential(
        layers.Dense(4, "relu", activity_regularizer="l2"),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.ReLU(),
        layers.Dense(2, "softmax"),
    )
    variables = list(map(keras.ops.convert_to_numpy, model.variables))
    attributes = [dict(vars(layer)) for layer in model._flatten_layers()]
    states = random.getstate(), np.random.get_state()[1].tolist()
    losses = len(model.losses)
    synflow(model)
    naswot(model)
    for variable, value in zip(model.variables, variables, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(variable), value
        )
    for layer, before in zip(model._flatten_layers(), attributes, strict=True):
        assert "call" not in vars(layer)
        assert vars(layer).get("activation") is before.get("activation")
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states
    assert len(model.losses) == losses


def test_layers_are_as_before_after_an_error():
    class Broken(layers.Layer):
        def compute_output_shape(self, input_shape):
            return input_shape

        def call(self, inputs):
            raise RuntimeError("broken")

    model = sequential(layers.Dense(2, "relu"), layers.ReLU(), Broken())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        names = ["naswot", "synflow"]
        assert measurement.measure_proxies(model, names) == {}
    assert ["broken" in str(one.message) for one in caught] == [True, True]
    assert model.layers[0].activation is keras.activations.relu
    assert "call" not in vars(model.layers[1])


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="strings need TensorFlow"
)
def test_text_has_no_proxies():
    model = text_model()
    for proxy in (naswot, synflow):
        with pytest.raises(ValueError, match="is text"):
            proxy(model)


def test_unknown_shapes_have_no_proxies():
    inputs = keras.Input((None, 3), name="frames")
    model = keras.Model(inputs, layers.Dense(2, "relu")(inputs))
    for proxy in (naswot, synflow):
        with pytest.raises(ValueError, match="'frames'.*not known"):
            proxy(model)
    with pytest.warns(UserWarning, match="'synflow'.*lacks it.*before train"):
        model = keras.Sequential([layers.Dense(2)])
        assert measurement.measure_proxies(model, ["synflow"]) == {}
