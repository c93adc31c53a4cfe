"""Samples and labels: that they fit the model and the task."""

from typing import Any

import keras
import keras_tuner as kt
import numpy as np


def as_array(rows: Any, name: str) -> Any:
    """Returns a list of samples or labels as an array, and the rest as it is.

    Args:
        rows: The `x` or `y` of a fit.
        name: String, the argument, for the error.

    Raises:
        keras_tuner.errors.FatalValueError: If the rows have not all the same
            shape. It ends the search, as no other model would fit them.
    """
    if not isinstance(rows, (list, tuple)):
        return rows
    try:
        return np.asarray(rows)
    except ValueError as error:
        raise kt.errors.FatalValueError(
            f"`{name}` must be rows of the same shape; token ids get it "
            f"by `keras.utils.pad_sequences`. Received: {error}"
        ) from error


def samples_and_labels(x: Any, y: Any = None) -> tuple[Any, Any]:
    """Returns what a fit is given, a data set as one sample and its label.

    The data set is not read for them: they are zeros of its shapes and dtypes,
    or None where it doesn't tell those.

    Args:
        x: The `x` of a fit: an array, or a `tf.data.Dataset` of batches.
        y: The `y` of a fit. Defaults to None, as for data sets.
    """
    parts = getattr(x, "element_spec", None)
    if isinstance(parts, tuple) and len(parts) > 1:
        return _zero_of(parts[0]), _zero_of(parts[1])
    return x, y


def _zero_of(spec: Any) -> np.ndarray | None:
    """Returns a batch of one zero, or None if a dimension isn't known."""
    dtype = getattr(getattr(spec, "dtype", None), "as_numpy_dtype", None)
    rank = getattr(getattr(spec, "shape", None), "rank", None)
    if dtype is None or not rank or None in spec.shape[1:]:
        return None
    return np.zeros((1, *spec.shape[1:]), dtype)


def check_labels(
    labels: Any, num_classes: int | None, num_outputs: int, name: str
) -> None:
    """Raises if the labels of a fit are not those of the task.

    What is no array, such as a data set, is not looked into.

    Args:
        labels: The `y` of a fit.
        num_classes: Int, or None for a regression.
        num_outputs: Int, for a regression.
        name: String, the argument, for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, as no other
            model would fit them.
    """
    if not hasattr(labels, "shape"):
        return
    y = np.asarray(labels)
    if num_classes is None:
        width = 1 if y.ndim == 1 else int(np.prod(y.shape[1:]))
        if y.dtype.kind not in "fiub" or width != num_outputs:
            raise kt.errors.FatalValueError(
                f"`{name}` must be numbers, num_outputs={num_outputs} for each "
                f"sample. Received: {name} of shape {y.shape} and dtype "
                f"{y.dtype}"
            )
        return
    if y.dtype.kind not in "fiub" or y.size != len(y):
        raise kt.errors.FatalValueError(
            f"`{name}` must be integer labels, one for each sample; of one-hot "
            "labels these are y.argmax(axis=-1). "
            f"Received: {name} of shape {y.shape} and dtype {y.dtype}"
        )
    if y.size and (np.any(y != np.floor(y)) or y.min() < 0):
        raise kt.errors.FatalValueError(
            f"`{name}` must be integer labels from 0. "
            f"Received: {name} from {y.min()} to {y.max()}"
        )
    if y.size and y.max() >= num_classes:
        raise kt.errors.FatalValueError(
            f"`{name}` must be labels below num_classes={num_classes}. "
            f"Received: {name} from {y.min()} to {y.max()}"
        )


def check_batches(data: Any, model: keras.Model, name: str) -> None:
    """Raises if a `tf.data.Dataset` gives samples instead of batches.

    Args:
        data: The `x` of a fit. What is no data set is not looked into.
        model: The model, with one input.
        name: String, the argument, for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, as no other
            model would fit them.
    """
    parts = getattr(data, "element_spec", None)
    if not isinstance(parts, tuple):
        return
    shape: Any = getattr(parts[0], "shape", None)
    if getattr(shape, "rank", None) is None:
        return
    if tuple(shape) == model.input_shape[1:]:
        raise kt.errors.FatalValueError(
            f"`{name}` must be a data set of batches: add `.batch(32)`. "
            f"Received: a data set of elements of shape {tuple(shape)}"
        )


def check_inputs(samples: Any, model: keras.Model, name: str) -> None:
    """Raises if samples have not the shape that a model takes.

    What has another rank is left to Keras, which may add an axis.

    Args:
        samples: The `x` of a fit. What is no array is not looked into.
        model: The model, with one input.
        name: String, the argument, for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, as no other
            model would fit them.
    """
    shape, expected = getattr(samples, "shape", ()), model.input_shape
    if len(shape) == len(expected) and any(
        size not in (None, given)
        for size, given in zip(expected[1:], shape[1:], strict=True)
    ):
        raise kt.errors.FatalValueError(
            f"`{name}` must be samples of shape {expected[1:]}, the "
            f"`input_shape`. Received: samples of shape {tuple(shape[1:])}"
        )
