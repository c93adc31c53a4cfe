"""Costs and proxies of small models on one backend, against figures by hand.

Run it as `KERAS_BACKEND=jax python tests/backends/model_costs.py`.
"""

import keras
import numpy as np
from keras.ops import convert_to_numpy

from kt_evolution.costs import activation_codes
from kt_evolution.costs import measurement
from kt_evolution.costs import naswot
from kt_evolution.costs import synflow

layers = keras.layers


def sequential(shape, *stack):
    return keras.Sequential([keras.Input(shape), *stack])


def attention():
    inputs = keras.Input((7, 4))
    outputs = layers.MultiHeadAttention(num_heads=2, key_dim=3)(inputs, inputs)
    return keras.Model(inputs, outputs)


def two_inputs(join):
    a = keras.Input((3,), name="a")
    b = keras.Input((2,), name="b", dtype="int32")
    codes = layers.Flatten()(layers.Embedding(5, 2)(b))
    outputs = layers.Concatenate()([a, codes])
    return keras.Model(join(a, b), layers.Dense(6, use_bias=False)(outputs))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(10, use_bias=False)

    def call(self, inputs):
        if isinstance(inputs, dict):
            inputs = inputs["a"]
        return self.dense(inputs)


def trained(model, x):
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((8, 10)), verbose=0)
    return model


def check_flops():
    # Nothing but products: the same on every backend.
    batch = np.zeros((8, 4), "float32")
    exact = [
        (sequential((4,), layers.Dense(10, use_bias=False)), 2 * 4 * 10),
        (
            sequential((8, 8, 3), layers.Conv2D(5, 3, use_bias=False)),
            2 * (3 * 3 * 3) * 5 * (6 * 6),
        ),
        (
            sequential((9, 9, 3), layers.DepthwiseConv2D(3, 2, use_bias=False)),
            2 * (3 * 3) * 3 * (4 * 4),
        ),
        (
            sequential(
                (8, 8, 4), layers.Conv2D(6, 3, groups=2, use_bias=False)
            ),
            2 * (3 * 3 * 2) * 6 * (6 * 6),
        ),
        (sequential((7, 4), layers.Dense(10, use_bias=False)), 2 * 7 * 4 * 10),
        (
            sequential((7, 4), layers.EinsumDense("abc,cd->abd", (7, 6))),
            2 * 7 * 4 * 6,
        ),
        (trained(Subclassed(), batch), 2 * 4 * 10),
        (trained(Subclassed(), {"a": batch, "b": batch}), 2 * 4 * 10),
    ]
    for model, expected in exact:
        assert measurement.count_flops(model) == expected, (model, expected)
    # Backends differ in what is no product, which is a small part.
    near = [
        (sequential((40,), layers.Dense(10, "relu")), 2 * 40 * 10),
        (sequential((7, 4), layers.LSTM(5)), 7 * 2 * (4 + 5) * 4 * 5),
        (
            sequential((7, 4), layers.Bidirectional(layers.GRU(5))),
            2 * 7 * 2 * (4 + 5) * 3 * 5,
        ),
        (two_inputs(lambda a, b: {"a": a, "b": b}), 2 * (3 + 2 * 2) * 6),
        (two_inputs(lambda a, b: [b, a]), 2 * (3 + 2 * 2) * 6),
        (attention(), 4 * (2 * 7 * 4 * 6) + 2 * (2 * 2 * 7 * 7 * 3)),
    ]
    for model, products in near:
        flops = measurement.count_flops(model)
        assert products <= flops <= 1.4 * products, (model, products, flops)
    lstm = near[1][0].layers[0]
    assert not lstm.unroll


def check_size_and_latency():
    model = sequential(
        (4,), layers.Dense(10), layers.BatchNormalization(), layers.Dense(1)
    )
    assert measurement.count_params(model) == (4 * 10 + 10) + 4 * 10 + (10 + 1)
    assert (
        measurement.count_trainable_params(model)
        == measurement.count_params(model) - 20
    )
    for timed in (
        model,
        two_inputs(lambda a, b: {"a": a, "b": b}),
        trained(Subclassed(), np.zeros((8, 4), "float32")),
    ):
        assert 0 < measurement.measure_latency(timed, num_repeats=3) < 60_000


def check_proxies():
    image = sequential(
        (2, 2, 3),
        layers.Conv2D(4, 1),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dropout(0.5),
        layers.GlobalAveragePooling2D(),
        layers.Dense(5, "softmax"),
    )
    before = [convert_to_numpy(variable) for variable in image.variables]
    kernels = [np.abs(image.layers[i].get_weights()[0]) for i in (0, -1)]
    flow = np.sum(np.sum(kernels[0], axis=(0, 1)) @ kernels[1])
    np.testing.assert_allclose(synflow(image), np.log1p(2 * flow), rtol=1e-5)
    assert np.isfinite(naswot(image))
    for variable, value in zip(image.variables, before, strict=True):
        np.testing.assert_array_equal(convert_to_numpy(variable), value)
    table = sequential((4,), layers.Dense(40, "relu"), layers.Dense(2))
    rng = np.random.default_rng(activation_codes.SEED)
    inputs = rng.standard_normal((activation_codes.NUM_SAMPLES, 4))
    codes = (inputs @ table.layers[0].get_weights()[0] > 0).astype(int)
    agreement = codes @ codes.T + (1 - codes) @ (1 - codes).T
    expected = np.linalg.slogdet(agreement + np.eye(len(inputs)))[1]
    np.testing.assert_allclose(naswot(table), expected, rtol=1e-5)


def main():
    check_flops()
    check_size_and_latency()
    check_proxies()
    print(f"backend={keras.config.backend()} costs=as by hand")


if __name__ == "__main__":
    main()
