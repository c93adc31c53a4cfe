"""The scale of numbers: columns, channels and the targets of a regression."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import layers

from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.layers import full_precision

LOSS = "mse"
# Keras divides by no smaller deviation, which is `keras.config.epsilon()`, and
# the square of a larger one overflows in single precision.
LEAST = 1e-7
LARGEST = 1e18


@dataclasses.dataclass(frozen=True, eq=False)
class Scale:
    """The mean and the standard deviation of each column of a table.

    Args:
        mean: Array.
        deviation: Array of positive numbers.
    """

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, table: np.ndarray, of_constant: float = 1.0) -> "Scale":
        """Returns the scale of a table without its missing numbers.

        Args:
            table: Array of numbers and NaN, of at least one row.
            of_constant: Float, the deviation of a column whose numbers do not
                differ, or of one without any number. Defaults to 1.
        """
        # Numbers that the network can't tell apart do not differ.
        table = np.asarray(table, "float32").astype("float64")
        table = np.where(np.isnan(table).all(axis=0), 0.0, table)
        least, largest = np.nanmin(table, axis=0), np.nanmax(table, axis=0)
        deviation = np.nanstd(table, axis=0)
        differs = (least < largest) & (deviation > np.finfo("float32").tiny)
        return cls(
            np.where(differs, np.nanmean(table, axis=0), least),
            np.where(differs, deviation, of_constant),
        )

    def standardized(self, table: np.ndarray) -> np.ndarray:
        """Returns an array with a mean of 0 and a deviation of 1."""
        return (table - self.mean) / self.deviation

    def standardize(self, scope: BlockScope, x: Any) -> Any:
        """Standardizes a tensor."""
        y = self._normalize(scope, x, "standardization")
        if self._is_usual.all():
            return y
        factors = np.where(self._is_usual, 1.0, 1.0 / self.deviation)
        return _rescale(scope, y, factors)

    def restore(self, scope: BlockScope, y: Any) -> Any:
        """Returns a standardized tensor in the unit of the table."""
        if not self._is_usual.all():
            factors = np.where(self._is_usual, 1.0, self.deviation)
            y = _rescale(scope, y, factors)
        return self._normalize(scope, y, "scale", invert=True)

    @property
    def _is_usual(self) -> np.ndarray:
        """Whether `keras.layers.Normalization` can apply a deviation."""
        return (self.deviation >= LEAST) & (self.deviation <= LARGEST)

    def _normalize(
        self, scope: BlockScope, x: Any, name: str, invert: bool = False
    ) -> Any:
        layer = scope.layer(
            layers.Normalization,
            mean=self.mean,
            variance=np.where(self._is_usual, self.deviation, 1.0) ** 2,
            invert=invert,
            dtype=full_precision(),
            name=name,
        )
        return layer(x)


def _rescale(scope: BlockScope, x: Any, factors: np.ndarray) -> Any:
    dtype = full_precision()
    layer = scope.layer(
        layers.Rescaling, factors.astype(dtype), dtype=dtype, name="unit"
    )
    return layer(x)


@contextlib.contextmanager
def scaled_gradients(model: keras.Model, scale: Scale | None) -> Iterator[None]:
    """Divides the gradients of a regression by the variance of its targets.

    The gradients of squared errors have the square of the targets' unit. For a
    small one they vanish beside the epsilon of Adam, and steps of SGD are too
    short. The loss stays Keras's own one: training and validation report it in
    one unit, and a saved model has no custom loss.

    Args:
        model: The compiled model. A model with another loss than `LOSS` is
            not changed.
        scale: The `Scale` of the targets. None does not change the model.
    """
    optimizer = model.optimizer
    if scale is None or model.loss != LOSS:
        yield
        return
    factor = 1.0 / float(np.square(scale.deviation).mean())
    scale_plain = optimizer.scale_loss

    def scale_loss(loss: Any) -> Any:
        return scale_plain(loss * factor)

    # A step that was traced before would keep the plain gradients.
    optimizer.scale_loss, model.train_function = scale_loss, None
    try:
        yield
    finally:
        del optimizer.scale_loss
        model.train_function = None
