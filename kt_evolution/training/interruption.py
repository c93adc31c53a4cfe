"""Ends a training early if the search must end."""

from typing import Any

import keras

from kt_evolution.project.signals import forget_caught_interrupt
from kt_evolution.project.signals import is_interrupted
from kt_evolution.project.signals import raise_if_ended
from kt_evolution.project.signals import raise_if_interrupted


class InterruptionWatch(keras.callbacks.Callback):
    """Ends a training soon after a lost SIGTERM or Ctrl-C, see `signals`."""

    # Keras may call it in another thread: the logs of a batch, which it does
    # not read, need no wait for the device.
    async_safe = True

    def __init__(self) -> None:
        super().__init__()
        self._has_begun = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self._has_begun:
            # A `fit` of the user's ended the earlier training by hand.
            forget_caught_interrupt()
        self._has_begun = True
        raise_if_interrupted()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if is_interrupted():
            self.model.stop_training = True

    def on_test_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if is_interrupted():
            self.model.stop_evaluating = True

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        raise_if_interrupted()


class EndWatch(keras.callbacks.Callback):
    """Ends a training that was given to another worker.

    It must be before the callbacks of the host, which write into the folder of
    the trial.
    """

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        raise_if_ended()
