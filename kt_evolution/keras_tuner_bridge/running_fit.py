"""The `keras.Model.fit` that is running, as its callbacks can't reach it.

What is not public is guarded by a test, so that a change of Keras is noticed.
"""

import inspect
import types
from typing import Any

import keras


def is_in_fit() -> bool:
    """Returns whether `keras.Model.fit` is running, and called this code.

    A loop of the user's may call callbacks as `fit` does, but it need not stop
    when they ask for it, nor start at another epoch.
    """
    return _frame_of_fit() is not None


def _frame_of_fit() -> types.FrameType | None:
    code = inspect.unwrap(keras.Model.fit).__code__
    frame = inspect.currentframe()
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame


def set_initial_epoch(model: Any, epoch: int | None) -> None:
    """Sets the epoch with which the `fit` that has begun starts.

    A callback can't set the argument `initial_epoch`, which a `fit` of the
    user need not pass on. `keras.callbacks.BackupAndRestore` does the same.

    Args:
        model: The model.
        epoch: Int, or None for the one of the arguments.
    """
    model._initial_epoch = epoch


def skip_epochs(number: int) -> None:
    """Leaves out the data of the first epochs of the `fit` that has begun.

    With `steps_per_epoch` an epoch goes on in the data where the one before it
    ended. Otherwise each begins with the first batch, and nothing is skipped. A
    generator has no beginning: it goes on where the last trial ended.

    Args:
        number: Int, the number of the epochs.
    """
    frame = _frame_of_fit()
    epochs = None if frame is None else frame.f_locals["epoch_iterator"]
    if epochs is None or epochs.steps_per_epoch is None:
        return
    if type(epochs.data_adapter).__name__ == "GeneratorDataAdapter":
        return
    for _ in range(number):
        with epochs.catch_stop_iteration():
            for _, _, batches in epochs:
                # On torch they are taken from the data already.
                if not isinstance(batches, list):
                    for _ in range(epochs.steps_per_execution):
                        next(batches)
