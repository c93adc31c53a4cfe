"""TensorBoard: needed by searches with its callback, and by no others."""

import contextlib
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import keras_tuner as kt


class MissingTensorBoardError(kt.errors.FatalError, ImportError):
    """A search has a TensorBoard callback, but tensorboard is missing."""


def is_used(callbacks: Iterable[Any]) -> bool:
    """Returns whether a callback of a training is that of TensorBoard.

    The host imports tensorboard for every trial, whether it is used or
    installed or not.
    """
    names = {type(callback).__name__ for callback in callbacks}
    return "TensorBoard" in names


@contextlib.contextmanager
def required() -> Iterator[None]:
    """Explains an `ImportError` of tensorboard.

    Raises:
        MissingTensorBoardError: If it is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise MissingTensorBoardError(
            "The TensorBoard callback needs `pip install tensorboard`."
        ) from error
