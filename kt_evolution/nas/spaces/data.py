"""Samples and labels: that they fit the model and the task."""

from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from kt_evolution.algorithm.checks import is_number


def as_array(rows: Any, name: str) -> Any:
    """Returns lists and pandas' tables as arrays, and the rest as it is.

    Args:
        rows: The `x` or `y` of a fit.
        name: String, the argument, for the error.

    Raises:
        keras_tuner.errors.FatalValueError: If the rows have not all the same
            shape. It ends the search, as no other model would fit them.
    """
    if hasattr(rows, "to_numpy"):
        return _of_table(rows)
    if not isinstance(rows, (list, tuple)):
        return rows
    try:
        return np.asarray(rows)
    except ValueError as error:
        raise kt.errors.FatalValueError(
            f"`{name}` must be rows of the same shape; token ids get it "
            f"by `keras.utils.pad_sequences`. Received: {error}"
        ) from error


def _of_table(table: Any) -> np.ndarray:
    array: np.ndarray = table.to_numpy()
    if array.dtype != object:
        return array
    try:
        # Numbers of several kinds, or those of pandas that may be missing.
        return np.asarray(table.to_numpy(dtype="float32", na_value=np.nan))
    except (TypeError, ValueError):
        return array


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
        check_finite(y, name)
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

    Args:
        samples: The `x` of a fit. What is no array is not looked into.
        model: The model, with one input.
        name: String, the argument, for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, as no other
            model would fit them.
    """
    shape, expected = getattr(samples, "shape", None), model.input_shape
    if shape is not None and not _fits(tuple(shape), expected):
        raise kt.errors.FatalValueError(
            f"`{name}` must be samples of shape {expected[1:]}, the "
            f"`input_shape`. Received: samples of shape {tuple(shape[1:])}"
        )


def _fits(shape: tuple[Any, ...], expected: tuple[Any, ...]) -> bool:
    # Keras adds an axis of one at the end, or takes it away.
    if len(shape) == len(expected) + 1 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) == len(expected) - 1 and expected[-1] == 1:
        shape = (*shape, 1)
    return len(shape) == len(expected) and all(
        size in (None, given)
        for size, given in zip(expected[1:], shape[1:], strict=True)
    )


def check_numbers(rows: Any, name: str) -> None:
    """Raises if an array has anything else than numbers.

    Args:
        rows: The `x` of a fit. What is no array of NumPy is not looked into.
        name: String, the argument, for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, as no other
            model would take them.
    """
    if isinstance(rows, np.ndarray) and rows.dtype.kind not in "fiub":
        other = next((one for one in rows.flat if not is_number(one)), None)
        raise kt.errors.FatalValueError(
            f"`{name}` must be numbers. Received: {name} of dtype "
            f"{rows.dtype}, with {other!r}"
        )


def check_finite(rows: np.ndarray, name: str) -> None:
    """Raises if a number is missing, or infinite.

    Args:
        rows: Array, of numbers or not.
        name: String, the argument, for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, as every model
            would fail on it.
    """
    if rows.dtype.kind == "f" and rows.size:
        # Neither makes an array of the size of what may be many images.
        extremes = float(rows.min()), float(rows.max())
        if not np.all(np.isfinite(extremes)):
            raise kt.errors.FatalValueError(
                f"`{name}` must be finite numbers. "
                f"Received: {name} from {extremes[0]} to {extremes[1]}"
            )


def check_pairs(samples: Any, labels: Any, names: tuple[str, str]) -> None:
    """Raises if there is not one label for each sample.

    Args:
        samples: The `x` of a fit. What is no array is not looked into.
        labels: The `y` of a fit.
        names: Tuple of strings, the arguments, for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, as it is so for
            every model.
    """
    if not hasattr(samples, "shape"):
        return
    if labels is None:
        raise kt.errors.FatalValueError(
            f"`{names[1]}` must be given with `{names[0]}`. "
            f"Received: {names[1]}=None"
        )
    if hasattr(labels, "shape") and len(samples) != len(labels):
        raise kt.errors.FatalValueError(
            f"`{names[1]}` must have one label for each sample of "
            f"`{names[0]}`. Received: {len(samples)} samples, "
            f"{len(labels)} labels"
        )
