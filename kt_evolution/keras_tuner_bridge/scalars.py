"""Numbers of any library as floats of Python."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np


def as_number(value: Any) -> float | None:
    """Returns a number as a float, None if it is not one.

    Args:
        value: A number of Python or NumPy; or a list, array or tensor of any
            backend that has one element, such as the result of
            `keras.metrics.F1Score` for one class.
    """
    try:
        if shape_of(value):
            # On torch a tensor may be on another device, or have a gradient.
            array = np.asarray(keras.ops.convert_to_numpy(value))
            return float(array.item()) if array.size == 1 else None
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def as_numbers(logs: Mapping[str, Any] | None) -> dict[str, float]:
    """Returns the metrics that are numbers, as floats."""
    numbers = {name: as_number(value) for name, value in (logs or {}).items()}
    return {name: x for name, x in numbers.items() if x is not None}


def shape_of(value: Any) -> tuple[int, ...]:
    """Returns the shape of an array, a tensor or a list; () for a number."""
    if isinstance(value, (list, tuple)):
        return np.shape(value)
    return tuple(getattr(value, "shape", None) or ())
