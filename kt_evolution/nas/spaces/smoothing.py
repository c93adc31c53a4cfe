"""Labels that are spread over the classes while a classifier is trained.

Keras smooths one-hot labels only, and a model saved with a loss of ours could
not be loaded without us. So a model is compiled with Keras's own loss for
integer labels, and has the smoothing one while it is fitted.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras


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
