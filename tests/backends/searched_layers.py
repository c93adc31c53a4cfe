"""Models of every common layer and every ready space, searched on one backend.

No model may be rejected or fail. Run it as
`KERAS_BACKEND=torch python -m tests.backends.searched_layers` where that
backend is installed.
"""

import tempfile

import keras
import keras_tuner as kt
import numpy as np

import kt_evolution
from kt_evolution import nas
from kt_evolution.algorithm.history.individual import Status
from tests.nas.nas_helpers import LABELS
from tests.nas.nas_helpers import SPACES
from tests.nas.nas_helpers import new_space
from tests.nas.nas_helpers import with_values

NUM_SAMPLES = 8
RNG = np.random.default_rng(0)
DATA = {
    "vector": RNG.normal(size=(NUM_SAMPLES, 8)).astype("float32"),
    "image": RNG.uniform(size=(NUM_SAMPLES, 8, 8, 3)).astype("float32"),
    "sequence": RNG.normal(size=(NUM_SAMPLES, 6, 4)).astype("float32"),
    "tokens": RNG.integers(0, 9, size=(NUM_SAMPLES, 6)).astype("int32"),
}
TARGETS = RNG.normal(size=(NUM_SAMPLES, 1)).astype("float32")


class Counting(keras.layers.Layer):
    """A user's layer that counts its calls and draws random numbers."""

    def __init__(self):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator()
        self.calls = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False
        )

    def call(self, x):
        self.calls.assign_add(1)
        noise = keras.random.normal((8,), seed=self.seed_generator)
        return x + 0.1 * noise


def adapted(layer):
    layer.adapt(DATA["vector"])
    return layer


def wrapped(layer):
    """A layer with two inputs, of which both are the same."""
    return lambda x: layer(x, x)


layers = keras.layers
# The kind of the input, and what makes the layers between it and the head.
LAYERS = {
    "vector": {
        "dense": lambda: layers.Dense(4),
        "einsum_dense": lambda: layers.EinsumDense("ab,bc->ac", 4),
        "prelu": lambda: layers.PReLU(),
        "leaky_relu": lambda: layers.LeakyReLU(),
        "softmax": lambda: layers.Softmax(),
        "dropout": lambda: layers.Dropout(0.3),
        "alpha_dropout": lambda: layers.AlphaDropout(0.3),
        "gaussian_dropout": lambda: layers.GaussianDropout(0.3),
        "gaussian_noise": lambda: layers.GaussianNoise(0.3),
        "activity": lambda: layers.ActivityRegularization(0.1),
        "batch_normalization": lambda: layers.BatchNormalization(),
        "layer_normalization": lambda: layers.LayerNormalization(),
        "rms_normalization": lambda: layers.RMSNormalization(),
        "unit_normalization": lambda: layers.UnitNormalization(),
        "spectral": lambda: layers.SpectralNormalization(layers.Dense(4)),
        "normalization": lambda: adapted(layers.Normalization()),
        "discretization": lambda: layers.Discretization((-1.0, 0.0, 1.0)),
        "rescaling": lambda: layers.Rescaling(0.5),
        "repeat_vector": lambda: layers.RepeatVector(2),
        "add": lambda: wrapped(lambda a, b: layers.Add()([a, b])),
        "dot": lambda: wrapped(lambda a, b: layers.Dot(1)([a, b])),
        "own": lambda: Counting(),
    },
    "image": {
        "conv": lambda: layers.Conv2D(2, 3),
        "conv_transpose": lambda: layers.Conv2DTranspose(2, 3),
        "separable": lambda: layers.SeparableConv2D(2, 3),
        "depthwise": lambda: layers.DepthwiseConv2D(3),
        "max_pooling": lambda: layers.MaxPooling2D(),
        "average_pooling": lambda: layers.AveragePooling2D(2),
        "global_pooling": lambda: layers.GlobalAveragePooling2D(),
        "up_sampling": lambda: layers.UpSampling2D(),
        "zero_padding": lambda: layers.ZeroPadding2D(),
        "cropping": lambda: layers.Cropping2D(),
        "resizing": lambda: layers.Resizing(4, 4),
        "spatial_dropout": lambda: layers.SpatialDropout2D(0.3),
        "group_normalization": lambda: layers.GroupNormalization(3),
        "random_flip": lambda: layers.RandomFlip(),
        "random_rotation": lambda: layers.RandomRotation(0.2),
        "random_zoom": lambda: layers.RandomZoom(0.2),
        "random_translation": lambda: layers.RandomTranslation(0.2, 0.2),
        "random_contrast": lambda: layers.RandomContrast(0.2, (0, 1)),
        "random_brightness": lambda: layers.RandomBrightness(0.2, (0, 1)),
    },
    "sequence": {
        "masking": lambda: layers.Masking(),
        "conv": lambda: layers.Conv1D(2, 3),
        "lstm": lambda: layers.LSTM(4, dropout=0.2, recurrent_dropout=0.2),
        "gru": lambda: layers.GRU(4, dropout=0.2),
        "rnn": lambda: layers.SimpleRNN(4, dropout=0.2, stateful=False),
        "bidirectional": lambda: layers.Bidirectional(
            layers.LSTM(3, dropout=0.2, return_sequences=True)
        ),
        "time_distributed": lambda: layers.TimeDistributed(layers.Dropout(0.3)),
        "spatial_dropout": lambda: layers.SpatialDropout1D(0.3),
        "attention": lambda: wrapped(
            lambda a, b: layers.Attention(dropout=0.2)([a, b])
        ),
        "multi_head": lambda: wrapped(
            layers.MultiHeadAttention(2, 3, dropout=0.2)
        ),
    },
    "tokens": {
        "embedding": lambda: layers.Embedding(9, 3),
        "masked_lstm": lambda: keras.Sequential(
            [layers.Embedding(9, 3, mask_zero=True), layers.LSTM(4)]
        ),
        "encoding": lambda: layers.CategoryEncoding(9, "multi_hot"),
    },
}


def layer_model(kind):
    """Returns a build function that chooses among the layers of a kind."""

    def build(hp):
        inputs = keras.Input(DATA[kind].shape[1:], dtype=DATA[kind].dtype)
        x = LAYERS[kind][hp.Choice("layer", list(LAYERS[kind]))]()(inputs)
        x = layers.Flatten()(x)
        model = keras.Model(inputs, layers.Dense(1)(x))
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    return build


class Eager(kt.HyperModel):
    """A ready space whose models skip the compilation, which takes longest."""

    def __init__(self, space):
        super().__init__()
        self.space = space

    def build(self, hp):
        model = self.space.build(hp)
        model.run_eagerly = True
        return model

    def fit(self, hp, model, *args, **kwargs):
        return self.space.fit(hp, model, *args, **kwargs)


def search(hypermodel, x, y, max_trials):
    """Searches a hypermodel.

    Returns:
        List of the values of all trials. Each was trained, and no other
        model was rejected.
    """
    with tempfile.TemporaryDirectory() as directory:
        tuner = kt_evolution.EvolutionTuner(
            hypermodel,
            objective="val_loss",
            max_trials=max_trials,
            num_initial_points=max_trials,
            seed=0,
            directory=directory,
        )
        tuner.search(
            x, y, validation_data=(x, y), batch_size=NUM_SAMPLES, verbose=0
        )
        history = tuner.oracle.history
        wrong = [
            (one.status, history.space.decode(one.genome))
            for one in history.individuals
            if one.status is not Status.COMPLETED
        ]
        assert not wrong, wrong
        return [t.hyperparameters.values for t in tuner.oracle.trials.values()]


def check_layers(kind):
    """Trains a model of each layer of a kind."""
    found = search(layer_model(kind), DATA[kind], TARGETS, len(LAYERS[kind]))
    assert {values["layer"] for values in found} == set(LAYERS[kind])


def check_space(name, num_models):
    """Trains models of a ready space, some of them with dropout."""
    space, x = new_space(name)
    found = search(Eager(space), x, LABELS, num_models)
    assert len(found) == num_models
    described = [nas.describe(with_values(values), space) for values in found]
    assert any("dropout" in text for text in described)


def main():
    backend = keras.config.backend()
    for kind in LAYERS:
        check_layers(kind)
        print(
            f"backend={backend} {kind} layers={len(LAYERS[kind])} rejected=0",
            flush=True,
        )
    # JAX compiles each operation for each shape, which takes long.
    num_models = 2 if backend == "jax" else 6
    for name in SPACES:
        check_space(name, num_models)
        print(f"backend={backend} {name} rejected=0", flush=True)


if __name__ == "__main__":
    main()
