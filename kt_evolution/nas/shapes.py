"""Checks of the shape of a sample."""

from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from kt_evolution.algorithm.checks import is_number


def check_channels_last(x: Any) -> None:
    """Raises if Keras reads channels first, where an input has channels.

    Args:
        x: The input tensor, or a list of them.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, because every
            model would fail.
    """
    data_format = keras.config.image_data_format()
    tensors = x if isinstance(x, (list, tuple)) else [x]
    ranks = [len(getattr(tensor, "shape", ())) for tensor in tensors]
    if data_format != "channels_last" and max(ranks, default=0) > 2:
        raise kt.errors.FatalValueError(
            "Blocks and ready spaces need images and sequences with channels "
            'last: `keras.config.set_image_data_format("channels_last")`. '
            f"Received: image_data_format={data_format!r}"
        )


def check_shape(
    input_shape: Any, what: str, rank: int, may_be_none: int = 0
) -> tuple[Any, ...]:
    """Returns the shape of a sample if it has the expected rank.

    Args:
        input_shape: The argument that the user passed.
        what: String, the expected meaning of the shape, for the error.
        rank: Int, the number of axes of a sample.
        may_be_none: Int, the number of leading axes that may be None, which
            means any size. Defaults to 0.
    """
    if isinstance(input_shape, np.ndarray):
        input_shape = tuple(input_shape.tolist())
    is_shape = isinstance(input_shape, (list, tuple)) and all(
        (size is None and axis < may_be_none)
        or (is_number(size) and size >= 1 and size % 1 == 0)
        for axis, size in enumerate(input_shape)
    )
    if not is_shape or len(input_shape) != rank:
        raise ValueError(
            f"`input_shape` must be a tuple of {what}. "
            f"Received: input_shape={input_shape}"
        )
    return tuple(size if size is None else int(size) for size in input_shape)
