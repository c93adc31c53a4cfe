"""Labels that are spread over the classes while a classifier is trained.

Keras smooths one-hot labels only, and a model saved with a loss of ours could
not be loaded without us. So a model keeps Keras's own loss for integer labels,
and what smoothing adds to it is added while it is fitted.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

LOSS = "sparse_categorical_crossentropy"


class AddedBySmoothing(keras.losses.Loss):
    """What smoothing adds to the cross-entropy with integer labels.

    Args:
        smoothing: Float in [0, 1), the part of a label that is spread.
    """

    def __init__(self, smoothing: float) -> None:
        super().__init__(name="added_by_smoothing")
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
    """Smooths the labels that a classifier is trained on, not validated on.

    Args:
        model: The compiled model. One with another loss than `LOSS` is left
            as it is.
        smoothing: Float in [0, 1); 0 leaves the model as it is.
    """
    if not smoothing or model.loss != LOSS:
        yield
        return
    compute_plain = model.compute_loss
    added = AddedBySmoothing(smoothing)

    def compute_loss(
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        loss = compute_plain(x, y, y_pred, sample_weight, training)
        return loss + added(y, y_pred, sample_weight) if training else loss

    # What was traced before has the loss of then.
    model.compute_loss, model.train_function = compute_loss, None
    try:
        yield
    finally:
        del model.compute_loss
        model.train_function = None
