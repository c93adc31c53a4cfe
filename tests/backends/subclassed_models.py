"""Subclassed models come back from a search as they were, on one backend.

Each must predict what it predicted at the end of the best epoch. Run it as
`KERAS_BACKEND=torch python -m tests.backends.subclassed_models` where that
backend is installed.
"""

import tempfile
import warnings

import keras
import keras_tuner as kt
import numpy as np

import kt_evolution

layers = keras.layers
ops = keras.ops

NUM_SAMPLES = 16
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(NUM_SAMPLES, 4)).astype("float32")
MORE_ROWS = RNG.normal(size=(NUM_SAMPLES, 3)).astype("float32")
TOKENS = RNG.integers(0, 9, size=(NUM_SAMPLES, 5)).astype("int32")
IMAGES = RNG.normal(size=(NUM_SAMPLES, 4, 4, 3)).astype("float32")
TARGETS = (ROWS.sum(axis=1, keepdims=True) > 0).astype("float32")
# So that the best epoch is not always the last.
LEARNING_RATE = 3.0


def head():
    return layers.Dense(1, activation="sigmoid")


class OneInput(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.dense = layers.Dense(units, activation="relu")
        self.normalize = layers.BatchNormalization()
        self.drop = layers.Dropout(0.2)
        self.unused = layers.Dense(units)
        self.head = head()

    def call(self, x, training=False):
        x = self.normalize(self.dense(x), training=training)
        return self.head(self.drop(x, training=training))


class TwoInputs(keras.Model):
    def __init__(self, units, keys):
        super().__init__()
        self.keys = keys
        self.towers = [layers.Dense(units) for _ in keys]
        self.join = layers.Concatenate()
        self.head = head()

    def call(self, x):
        pairs = zip(self.towers, self.keys, strict=True)
        return self.head(self.join([tower(x[key]) for tower, key in pairs]))


class OneHotTokens(keras.Model):
    """Its `call` takes integers only."""

    def __init__(self, units):
        super().__init__()
        self.gru = layers.GRU(units)
        self.head = head()

    def call(self, tokens):
        return self.head(self.gru(ops.one_hot(tokens, 9)))


class Transformer(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.embed = layers.Embedding(9, units, mask_zero=True)
        self.attend = layers.MultiHeadAttention(num_heads=2, key_dim=units)
        self.pool = layers.GlobalAveragePooling1D()
        self.head = head()

    def call(self, tokens):
        x = self.embed(tokens)
        return self.head(self.pool(x + self.attend(x, x)))


class ConvBlock(layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.conv = layers.Conv2D(filters, 3, padding="same")
        self.normalize = layers.BatchNormalization()

    def call(self, x, training=False):
        return ops.relu(self.normalize(self.conv(x), training=training))


class Encoder(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.blocks = [ConvBlock(units), ConvBlock(units)]

    def call(self, x, training=False):
        for block in self.blocks:
            x = block(x, training=training)
        return x


class NestedModels(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.encoder = Encoder(units)
        self.head = keras.Sequential(
            [layers.Flatten(), keras.Sequential([layers.Dense(3)]), head()]
        )

    def call(self, x, training=False):
        return self.head(self.encoder(x, training=training))


class BuildsOwnWeights(keras.Model):
    """Has variables of its own, and layers that only `call` builds."""

    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="normal"
        )
        self.head = head()

    def call(self, x):
        return self.head(ops.matmul(x, self.kernel))


class MakesLayersInCall(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.dense = layers.Dense(units)
        self.head = None

    def call(self, x):
        x = self.dense(x)
        if self.head is None:
            self.head = head()
        return self.head(x)


class OwnTrainStep(keras.Model):
    """An autoencoder that classifies."""

    def __init__(self, units):
        super().__init__()
        self.encoder = layers.Dense(units)
        self.decoder = layers.Dense(4)
        self.head = head()

    def call(self, x, training=False):
        code = self.encoder(x)
        error = ops.mean(ops.square(self.decoder(code) - x))
        if training:
            self.add_loss(error)
        return self.head(code)

    def train_step(self, *args, **kwargs):
        return super().train_step(*args, **kwargs)


def marked_as_built(units):
    """Keras marks the model as built here, and builds none of its layers."""
    model = OneInput(units)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*was called on layer")
        model.build((None, 4))
    return model


MODELS = {
    "one input": (OneInput, ROWS),
    "list": (lambda units: TwoInputs(units, [0, 1]), [ROWS, MORE_ROWS]),
    "dict": (
        lambda units: TwoInputs(units, ["a", "b"]),
        {"a": ROWS, "b": MORE_ROWS},
    ),
    "tokens": (OneHotTokens, TOKENS),
    "transformer": (Transformer, TOKENS),
    "nested": (NestedModels, IMAGES),
    "own weights": (BuildsOwnWeights, ROWS),
    "layers in call": (MakesLayersInCall, ROWS),
    "own train_step": (OwnTrainStep, ROWS),
    "marked as built": (marked_as_built, ROWS),
    "sequential": (
        lambda units: keras.Sequential(
            [layers.Embedding(9, units), layers.LSTM(units), head()]
        ),
        TOKENS,
    ),
}


class Remembering(kt_evolution.EvolutionTuner):
    """Remembers what the model of each trial predicts after each epoch."""

    def on_epoch_end(self, trial, model, epoch, logs=None):
        super().on_epoch_end(trial, model, epoch, logs=logs)
        self.predicted[trial.trial_id, epoch] = self.predict(model)


def search_and_restore(build, objective, predict, *fit_args, **fit_kwargs):
    """Searches, and compares the models of a new tuner with those trained."""
    with tempfile.TemporaryDirectory() as directory:
        arguments = {
            "objective": objective,
            "max_trials": 2,
            "seed": 0,
            "directory": directory,
        }
        tuner = Remembering(build, **arguments)
        tuner.predict, tuner.predicted = predict, {}
        tuner.search(*fit_args, epochs=3, verbose=0, **fit_kwargs)
        again = kt_evolution.EvolutionTuner(build, **arguments)
        trials = again.oracle.get_best_trials(2)
        assert len(trials) == 2, [
            trial.message for trial in tuner.oracle.trials.values()
        ]
        models = again.get_best_models(2)
        for trial, model in zip(trials, models, strict=True):
            expected = tuner.predicted[trial.trial_id, trial.best_step]
            np.testing.assert_allclose(predict(model), expected, atol=1e-5)


def check(name, run_eagerly=False):
    """Checks one of the models."""
    make, x = MODELS[name]

    def build(hp):
        model = make(hp.Int("units", 2, 6))
        model.compile(
            keras.optimizers.SGD(LEARNING_RATE),
            "binary_crossentropy",
            run_eagerly=run_eagerly,
            jit_compile=False,
        )
        return model

    search_and_restore(
        build,
        "val_loss",
        lambda model: ops.convert_to_numpy(model(x, training=False)),
        x,
        TARGETS,
        validation_data=(x, TARGETS),
    )


class GAN(keras.Model):
    """Its `train_step` never calls the model, only its networks."""

    def __init__(self, units):
        super().__init__()
        self.generator = keras.Sequential(
            [layers.Dense(units, activation="relu"), layers.Dense(4)]
        )
        self.discriminator = keras.Sequential(
            [layers.Dense(units, activation="relu"), layers.Dense(1)]
        )
        self.noise = keras.random.SeedGenerator(0)
        self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)

    def losses_of(self, real):
        fake = self.generator(
            keras.random.normal((NUM_SAMPLES, 2), seed=self.noise)
        )
        zeros, ones = ops.zeros((NUM_SAMPLES, 1)), ops.ones((NUM_SAMPLES, 1))
        judged = self.discriminator(fake)
        d_loss = self.loss_fn(ones, self.discriminator(real))
        d_loss += self.loss_fn(zeros, judged)
        return d_loss, self.loss_fn(ones, judged)

    def train_step(self, data):
        real = data[0] if isinstance(data, tuple) else data
        if keras.config.backend() == "torch":
            return self._train_on_torch(real)
        import tensorflow as tf

        with tf.GradientTape(persistent=True) as tape:
            d_loss, g_loss = self.losses_of(real)
        for network, loss in (
            (self.discriminator, d_loss),
            (self.generator, g_loss),
        ):
            weights = network.trainable_weights
            gradients = tape.gradient(loss, weights)
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.assign_sub(0.1 * gradient)
        return {"d_loss": d_loss, "g_loss": g_loss}

    def _train_on_torch(self, real):
        import torch

        d_loss, g_loss = self.losses_of(real)
        steps = []
        for network, loss in (
            (self.discriminator, d_loss),
            (self.generator, g_loss),
        ):
            weights = network.trainable_weights
            values = [weight.value for weight in weights]
            gradients = torch.autograd.grad(loss, values, retain_graph=True)
            steps += zip(weights, gradients, strict=True)
        with torch.no_grad():
            for weight, gradient in steps:
                weight.assign(weight - 0.1 * gradient)
        return {"d_loss": d_loss.detach(), "g_loss": g_loss.detach()}


class GANWithCall(GAN):
    """On torch Keras trains no model without `call`, in any tuner."""

    def call(self, x):
        return self.discriminator(x)


def predictions_of_gan(model):
    fakes = model.generator(np.ones((2, 2), "float32"))
    judged = model.discriminator(ROWS)
    return np.concatenate(
        [ops.convert_to_numpy(each).ravel() for each in (fakes, judged)]
    )


def check_gan():
    """Checks a model that its training never calls as a whole."""
    is_called = keras.config.backend() == "torch"

    def build(hp):
        model = (GANWithCall if is_called else GAN)(hp.Int("units", 2, 6))
        model.compile(jit_compile=False)
        return model

    objective = kt.Objective("g_loss", "min")
    search_and_restore(build, objective, predictions_of_gan, ROWS)


def main():
    backend = keras.config.backend()
    for name in MODELS:
        check(name)
        print(f"backend={backend} {name}: restored", flush=True)
    # On JAX a `train_step` has no side effects, and is another one.
    if backend != "jax":
        check_gan()
        print(f"backend={backend} GAN: restored", flush=True)


if __name__ == "__main__":
    main()
