"""Children begin with what their parents computed, on one backend.

Run it as `KERAS_BACKEND=torch python -m tests.backends.inherited_weights`
where that backend is installed.
"""

import tempfile

import keras
import numpy as np

import kt_evolution
from kt_evolution.training.net2net import transfer

layers = keras.layers
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(12, 6)).astype("float32")
IMAGES = RNG.normal(size=(12, 8, 8, 2)).astype("float32")
TOKENS = RNG.integers(0, 9, size=(12, 5)).astype("int32")


def head():
    return layers.Dense(3)


def dense(units=4, depth=2):
    hidden = [layers.Dense(units, activation="relu") for _ in range(depth)]
    return keras.Sequential([keras.Input((6,)), *hidden, head()])


def nested(units=4):
    inner = [layers.Dense(units, activation="relu")]
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.Sequential([keras.Input((6,)), *inner]),
            keras.Sequential([layers.Dense(units, activation="relu")]),
            head(),
        ]
    )


def convolutional(filters=4, more_filters=6, kernel_size=3, units=8):
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(filters, kernel_size, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(more_filters, 3, activation="relu", padding="same"),
            layers.Flatten(),
            layers.Dense(units, activation="relu"),
            layers.Dropout(0.2),
            head(),
        ]
    )


def residual(filters=4, inner_filters=3):
    """Sums, gates of channels and a concatenation, as in searched networks."""
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(filters, 3, padding="same", name="stem")(inputs)
    for _ in range(2):
        y = layers.Conv2D(inner_filters, 3, padding="same")(x)
        y = layers.BatchNormalization()(keras.ops.relu(y))
        y = layers.Conv2D(filters, 3, padding="same")(y)
        gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
        gate = layers.Dense(filters, activation="sigmoid")(gate)
        x = layers.Add()([x, layers.Multiply()([y, gate])])
    x = layers.Concatenate()([x, y])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, head()(x))


def separable(filters=4):
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.SeparableConv2D(filters, 3),
            layers.DepthwiseConv2D(3),
            layers.PReLU(shared_axes=[1, 2]),
            layers.Conv2DTranspose(filters, 3),
            layers.GlobalAveragePooling2D(),
            head(),
        ]
    )


def recurrent(units=4, size=4, kind="LSTM", is_bidirectional=False):
    make = getattr(layers, kind)
    pair = [make(units, return_sequences=True), make(units)]
    if is_bidirectional:
        pair = [layers.Bidirectional(one) for one in pair]
    return keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            layers.Embedding(9, size),
            *pair,
            head(),
        ]
    )


def transformer(size=4, num_heads=2, units=8):
    inputs = keras.Input((5,), dtype="int32")
    x = layers.Embedding(9, size)(inputs)
    x = layers.Add()([x, layers.MultiHeadAttention(num_heads, 4)(x, x)])
    x = layers.LayerNormalization()(x)
    y = layers.Dense(size)(layers.Dense(units, activation="gelu")(x))
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, head()(x))


class Subclassed(keras.Model):
    """Its layers are built by the first batch."""

    def __init__(self, units=4):
        super().__init__()
        self.first = layers.Dense(units, activation="relu")
        self.inner = keras.Sequential(
            [layers.Dense(units, activation="relu"), layers.Dense(3)]
        )
        self.last = head()

    def call(self, x):
        return self.last(self.inner(self.first(x)))


# What makes a model, the arguments of the parent and the child, and the data.
SAME_FUNCTION = {
    "equal": (dense, {}, {}, ROWS),
    "wider": (dense, {}, {"units": 10}, ROWS),
    "deeper": (dense, {}, {"depth": 3}, ROWS),
    "deeper and wider": (dense, {}, {"units": 7, "depth": 4}, ROWS),
    "nested": (nested, {}, {"units": 9}, ROWS),
    "more filters": (
        convolutional,
        {},
        {"filters": 8, "more_filters": 13},
        IMAGES,
    ),
    "larger kernel": (convolutional, {}, {"kernel_size": 5}, IMAGES),
    "more units": (convolutional, {}, {"units": 16}, IMAGES),
    "residual": (residual, {}, {"filters": 9}, IMAGES),
    "inside of a residual": (residual, {}, {"inner_filters": 5}, IMAGES),
    "separable": (separable, {}, {"filters": 7}, IMAGES),
    "LSTM": (recurrent, {}, {"units": 7, "size": 6}, TOKENS),
    "GRU": (
        recurrent,
        {"kind": "GRU"},
        {"kind": "GRU", "units": 7},
        TOKENS,
    ),
    "bidirectional": (
        recurrent,
        {"is_bidirectional": True},
        {"is_bidirectional": True, "units": 7, "size": 6},
        TOKENS,
    ),
    "twice the embedding": (transformer, {}, {"size": 8}, TOKENS),
    "more heads": (transformer, {}, {"num_heads": 4}, TOKENS),
    "more units after attention": (transformer, {}, {"units": 16}, TOKENS),
    "subclassed": (Subclassed, {}, {}, ROWS),
}
# Those of which a part has to be left out.
NEAR = {
    "narrower": (dense, {"units": 10}, {"units": 7}, ROWS),
    "fewer filters": (convolutional, {"filters": 8}, {"filters": 6}, IMAGES),
    "smaller kernel": (
        convolutional,
        {"kernel_size": 5},
        {"kernel_size": 3},
        IMAGES,
    ),
    "subclassed, wider": (Subclassed, {}, {"units": 6}, ROWS),
    "without a layer": (dense, {"depth": 3}, {"depth": 2}, ROWS),
}


def predicted(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def differences(make, of_parent, of_child, x, noise=0.0):
    """Returns how far a child is from its parent, and from one that is new."""
    keras.utils.set_random_seed(0)
    parent, child = make(**of_parent), make(**of_child)
    # The first batch makes the weights of a subclassed model.
    predicted(parent, x)
    fresh = predicted(child, x)
    shift = np.random.default_rng(1)
    for weight in parent.weights:
        # As after a training, also of biases and normalizations.
        value = keras.ops.convert_to_numpy(weight)
        weight.assign(value + 0.1 * shift.random(value.shape))
    expected = predicted(parent, x)
    before, transfer.NOISE = transfer.NOISE, noise
    try:
        share = transfer.transfer_weights(
            child, parent, np.random.default_rng(0)
        )
    finally:
        transfer.NOISE = before
    found = predicted(child, x)
    return (
        float(np.abs(found - expected).mean()),
        float(np.abs(fresh - expected).mean()),
        share,
    )


def check(name):
    """Checks that a child computes what its parent does."""
    far, fresh, share = differences(*SAME_FUNCTION[name])
    assert far < 1e-4 < fresh, (far, fresh)
    assert 0.3 < share <= 1.0


def check_near(name):
    """Checks that a child is nearer to its parent than a new model is."""
    far, fresh, share = differences(*NEAR[name])
    assert 0 < far < fresh, (far, fresh)
    assert 0.3 < share <= 1.0


class Watch(keras.callbacks.Callback):
    """Notes what models predict before they are trained."""

    predicted = []

    def __deepcopy__(self, memo):
        return Watch()

    def on_train_begin(self, logs=None):
        # On TensorFlow a subclassed model has no weights before.
        is_built = all(layer.built for layer in self.model.layers)
        self.predicted.append(predicted(self.model, ROWS) if is_built else None)


def check_search(make):
    """Checks the first predictions of the children of a real search."""

    def build(hp):
        model = make(hp.Int("units", 4, 12))
        rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
        model.compile(keras.optimizers.SGD(rate), "mse", jit_compile=False)
        return model

    targets = ROWS[:, :3]
    Watch.predicted = []
    with tempfile.TemporaryDirectory() as directory:
        tuner = kt_evolution.EvolutionTuner(
            build,
            "val_loss",
            max_trials=6,
            seed=0,
            num_initial_points=2,
            surrogate=None,
            inherit_weights=True,
            directory=directory,
        )
        tuner.search(
            ROWS,
            targets,
            validation_data=(ROWS, targets),
            epochs=2,
            callbacks=[Watch()],
            verbose=0,
        )
        trials = list(tuner.oracle.trials.values())
        assert [trial.inherited for trial in trials[:2]] == [None, None]
        heirs = [trial for trial in trials if trial.inherited]
        assert len(heirs) >= 3, [trial.inherited for trial in trials]
        for trial in heirs:
            parent = tuner.oracle.get_trial(trial.inherited["from"])
            model = tuner.load_model(parent)
            found = Watch.predicted[int(trial.trial_id)]
            far = np.abs(found - predicted(model, ROWS)).mean()
            units = [
                one.hyperparameters.values["units"] for one in (trial, parent)
            ]
            if units[0] == units[1]:
                assert far < 1e-5, (far, units)
                assert trial.inherited["share"] == 1.0


def main():
    backend = keras.config.backend()
    for name in SAME_FUNCTION:
        check(name)
    for name in NEAR:
        check_near(name)
    for make in (dense, Subclassed):
        check_search(make)
    print(f"backend={backend}: children begin with their parents' weights")


if __name__ == "__main__":
    main()
