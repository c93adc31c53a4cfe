"""Checks of the shape of a sample."""

from typing import Any

import numpy as np

from kt_evolution.algorithm.checks import is_number


def check_shape(
    input_shape: Any, what: str, rank: int, may_be_none: int = 0
) -> tuple[Any, ...]:
    """Returns the shape of a sample if it is one of some rank.

    Args:
        input_shape: What was given.
        what: String, what it must be, for the error.
        rank: Int, how many axes a sample has.
        may_be_none: Int, how many of the first axes may be None, which is any
            size. Defaults to 0.
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
            f"`input_shape` must be {what}. Received: input_shape={input_shape}"
        )
    return tuple(size if size is None else int(size) for size in input_shape)
