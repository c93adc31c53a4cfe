"""Models, data and tuners that are as small as they can be."""

import keras
import numpy as np

import kt_evolution

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("float32")
# The arguments of `search` for real training: one epoch of one batch.
FIT = {
    "x": X,
    "y": Y,
    "validation_data": (X, Y),
    "batch_size": 32,
    "epochs": 1,
    "verbose": 0,
}


def dense_model(units, learning_rate=0.1):
    """Returns a compiled model that trains in no time."""
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        keras.optimizers.SGD(learning_rate),
        "binary_crossentropy",
        metrics=["accuracy"],
        run_eagerly=True,
    )
    return model


def build_dense(hp):
    """A build function with two hyperparameters."""
    units = hp.Int("units", 1, 16)
    return dense_model(units, hp.Float("lr", 1e-3, 1.0, sampling="log"))


def empty_model():
    """Returns a Keras model that costs next to nothing to make."""
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])


class ScoringTuner(kt_evolution.EvolutionTuner):
    """Scores hyperparameters by a function given to `search`."""

    def run_trial(self, trial, score):
        return score(trial.hyperparameters)


def values_of(tuner):
    """Returns the values of all trials, in their order."""
    return [t.hyperparameters.values for t in trials_of(tuner)]


def trials_of(tuner, status=None):
    """Returns the trials in their order, of one status if it is given."""
    trials = [tuner.oracle.trials[i] for i in tuner.oracle.start_order]
    return [t for t in trials if status in (None, t.status)]
