"""Training that diverged: a loss that is not finite when training ends.

A model that predicts NaN may still have a fine accuracy, because NaN counts as
the prediction of one class. So the losses decide whether training worked, for
every objective.
"""

import math
from collections.abc import Mapping
from typing import Any

import keras

from kt_evolution.keras_tuner_bridge.scalars import as_numbers

LOSS = "loss"


def diverged_losses(metrics: Mapping[str, float]) -> dict[str, float]:
    """Returns the losses that are NaN or infinite.

    `keras.callbacks.TerminateOnNaN` ends a training at an infinite loss, too.

    Args:
        metrics: Dict of names to values. "loss" and "val_loss" are losses, and
            so is a name that ends with "_loss", such as that of an output.
    """
    return {
        name: value
        for name, value in metrics.items()
        if not math.isfinite(value)
        and (name == LOSS or name.endswith(f"_{LOSS}"))
    }


class DivergenceWatch(keras.callbacks.Callback):
    """Remembers the last losses of a training.

    A `HyperModel.fit` may return anything, for instance the best accuracy.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    @property
    def losses(self) -> dict[str, float]:
        """Dict of the losses that were not finite when training ended."""
        return diverged_losses(self._last)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._last = {}

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        # Validation may not run in each epoch.
        self._last |= as_numbers(logs)
