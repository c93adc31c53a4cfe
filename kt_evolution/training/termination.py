"""Ends a training early if the process must end."""

from typing import Any

import keras

from kt_evolution.project.signals import is_terminated
from kt_evolution.project.signals import raise_if_terminated


class TerminationWatch(keras.callbacks.Callback):
    """Ends a training soon after a SIGTERM that was lost, see `signals`."""

    # Keras may call it in another thread: the logs of a batch, which it does
    # not read, need no wait for the device.
    async_safe = True

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if is_terminated():
            self.model.stop_training = True

    def on_test_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if is_terminated():
            self.model.stop_evaluating = True

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        raise_if_terminated()
