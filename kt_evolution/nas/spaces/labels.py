"""Samples and labels: that they fit, and that labels are smoothed.

Keras smooths one-hot labels only, and a model saved with a loss of ours could
not be loaded without us. So a model is compiled with Keras's own loss for
integer labels, and has the smoothing one while it is fitted.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import keras_tuner as kt
import numpy as np


class SmoothedCrossentropy(keras.losses.Loss):
    """The cross-entropy with integer labels that are spread over all classes.

    Args:
        smoothing: Float in [0, 1), the part of a label that is spread.
    """

    def __init__(self, smoothing: float) -> None:
        super().__init__(name="smoothed_crossentropy")
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        labels = keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32")
        return keras.losses.categorical_crossentropy(
            keras.ops.one_hot(labels, y_pred.shape[-1]),
            y_pred,
            label_smoothing=self.smoothing,
        )


class PlainValidation(keras.callbacks.Callback):
    """Validates with labels as they are, so that losses can be compared.

    Training and validation are traced on their own, each with the smoothing
    that holds then.
    """

    def __init__(self, loss: SmoothedCrossentropy) -> None:
        super().__init__()
        self.loss = loss
        self.smoothing = loss.smoothing

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.loss.smoothing = 0.0

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        self.loss.smoothing = self.smoothing


@contextlib.contextmanager
def smoothed_labels(
    model: keras.Model, smoothing: float, callbacks: list[Any]
) -> Iterator[None]:
    """Smooths the labels of a classifier while it is fitted.

    Args:
        model: The model, compiled with a loss for integer labels.
        smoothing: Float in [0, 1); 0 leaves the model as it is.
        callbacks: List, receives the one that `fit` must be given.
    """
    if not smoothing:
        yield
        return
    plain = model.loss
    smoothed = SmoothedCrossentropy(smoothing)
    callbacks.append(PlainValidation(smoothed))
    _compile(model, smoothed)
    try:
        yield
    finally:
        _compile(model, plain)


def _compile(model: keras.Model, loss: Any) -> None:
    """Gives a compiled classifier another loss."""
    model.compile(
        model.optimizer,
        loss,
        metrics=["accuracy"],
        run_eagerly=model.run_eagerly,
        jit_compile=model.jit_compile,
    )


def is_array(data: Any) -> bool:
    """Tells whether data can be looked into, unlike a data set."""
    return hasattr(data, "shape") or isinstance(data, (list, tuple))


def check_labels(
    labels: Any, num_classes: int | None, num_outputs: int, name: str
) -> None:
    """Raises if the labels of a fit are not those of the task.

    What is no array, such as a data set, is not looked into.

    Args:
        labels: The `y` of a fit.
        num_classes: Int, or None for a regression.
        num_outputs: Int, for a regression.
        name: String, the argument, for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, as no other
            model would fit them.
    """
    if not is_array(labels):
        return
    y = np.asarray(labels)
    if num_classes is None:
        width = 1 if y.ndim == 1 else int(np.prod(y.shape[1:]))
        if y.dtype.kind not in "fiub" or width != num_outputs:
            raise kt.errors.FatalValueError(
                f"`{name}` must be numbers, num_outputs={num_outputs} for each "
                f"sample. Received: y of shape {y.shape} and dtype {y.dtype}"
            )
        return
    if y.dtype.kind not in "fiub" or y.size != len(y):
        raise kt.errors.FatalValueError(
            f"`{name}` must be integer labels, one for each sample; of one-hot "
            "labels these are y.argmax(axis=-1). "
            f"Received: y of shape {y.shape} and dtype {y.dtype}"
        )
    if y.size and (np.any(y != np.floor(y)) or y.min() < 0):
        raise kt.errors.FatalValueError(
            f"`{name}` must be integer labels from 0. "
            f"Received: y from {y.min()} to {y.max()}"
        )
    if y.size and y.max() >= num_classes:
        raise kt.errors.FatalValueError(
            f"`{name}` must be labels below num_classes={num_classes}. "
            f"Received: y from {y.min()} to {y.max()}"
        )


def check_inputs(samples: Any, model: keras.Model, name: str) -> None:
    """Raises if samples have not the shape that a model takes.

    What has another rank is left to Keras, which may add an axis.

    Args:
        samples: The `x` of a fit. What is no array is not looked into.
        model: The model, with one input.
        name: String, the argument, for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, as no other
            model would fit them.
    """
    shape, expected = getattr(samples, "shape", ()), model.input_shape
    if len(shape) == len(expected) and any(
        size not in (None, given)
        for size, given in zip(expected[1:], shape[1:], strict=True)
    ):
        raise kt.errors.FatalValueError(
            f"`{name}` must be samples of shape {expected[1:]}, the "
            f"`input_shape`. Received: {name} of shape {tuple(shape)}"
        )
