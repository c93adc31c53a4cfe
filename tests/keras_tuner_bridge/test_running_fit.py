"""What Keras does not offer of a `fit` that runs."""

import keras
import numpy as np
import pytest

from kt_evolution.keras_tuner_bridge import running_fit

X = np.arange(6, dtype="float32")[:, None]


class Goes(keras.callbacks.Callback):
    """Goes on after the first epoch, and notes what was trained."""

    def on_train_begin(self, logs=None):
        self.is_in_fit = running_fit.is_in_fit()
        running_fit.skip_epochs(1)
        running_fit.set_initial_epoch(self.model, 1)
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append((epoch, logs["loss"]))


def trained(data=None, **kwargs):
    """Returns the callback; the loss is the mean of what an epoch trains."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
    model.compile(
        "sgd", lambda y, output: keras.ops.mean(output), run_eagerly=True
    )
    callback = Goes()
    x = {"x": X, "y": X, "batch_size": 2} if data is None else {"x": data}
    model.fit(
        **x,
        **kwargs,
        epochs=3,
        shuffle=False,
        callbacks=[callback],
        verbose=0,
    )
    running_fit.set_initial_epoch(model, None)
    return callback


def test_callback_knows_that_fit_calls_it():
    callback = trained()
    assert callback.is_in_fit
    callback.on_train_begin()
    assert not callback.is_in_fit


def test_epoch_begins_with_the_first_batch():
    assert trained().epochs == [(1, 2.5), (2, 2.5)]


def test_epoch_of_steps_goes_on_in_the_data():
    epochs = trained(steps_per_epoch=1).epochs
    assert epochs == [(1, 2.5), (2, 4.5)]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_generator_has_no_beginning():
    batches = ((X[i : i + 2], X[i : i + 2]) for i in (0, 2, 4))
    epochs = trained(batches, steps_per_epoch=1).epochs
    assert epochs == [(1, 0.5), (2, 2.5)]
