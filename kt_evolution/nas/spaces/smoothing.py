"""Label smoothing for integer labels.

Keras smooths one-hot labels only. A model that is saved with a custom loss
can't be loaded without this package. So a model keeps Keras's own loss for
integer labels, and `smoothed_labels` adds the difference during `fit`.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

LOSS = "sparse_categorical_crossentropy"


class SmoothingDifference(keras.losses.Loss):
    """The smoothed cross-entropy minus the plain one.

    Args:
        smoothing: Float in [0, 1), the part of a label that is spread.
    """

    def __init__(self, smoothing: float) -> None:
        super().__init__(name="smoothing_difference")
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        labels = keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32")
        smoothed = keras.losses.categorical_crossentropy(
            keras.ops.one_hot(labels, y_pred.shape[-1]),
            y_pred,
            label_smoothing=self.smoothing,
        )
        plain = keras.losses.sparse_categorical_crossentropy(labels, y_pred)
        return smoothed - plain


@contextlib.contextmanager
def smoothed_labels(model: keras.Model, smoothing: float) -> Iterator[None]:
    """Smooths the training labels of a classifier; validation stays plain.

    Args:
        model: The compiled model. A model with another loss than `LOSS` is
            not changed.
        smoothing: Float in [0, 1). 0 does not change the model.
    """
    if not smoothing or model.loss != LOSS:
        yield
        return
    compute_plain = model.compute_loss
    difference = SmoothingDifference(smoothing)

    def compute_loss(
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        loss = compute_plain(x, y, y_pred, sample_weight, training)
        return loss + difference(y, y_pred, sample_weight) if training else loss

    # A step that was traced before would keep the plain loss.
    model.compute_loss, model.train_function = compute_loss, None
    try:
        yield
    finally:
        del model.compute_loss
        model.train_function = None
