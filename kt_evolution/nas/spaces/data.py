"""Checks that samples and labels fit the model and the task."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from kt_evolution.algorithm.checks import is_number


def as_array(rows: Any, name: str) -> Any:
    """Returns lists and pandas objects as arrays, anything else unchanged.

    An array or a pandas column of lists or arrays is taken as a list of them.

    Args:
        rows: The `x` or `y` of `fit`.
        name: String, the argument's name for the error.

    Raises:
        keras_tuner.errors.FatalValueError: If the rows differ in shape. It
            ends the search, because no model could take them.
    """
    if hasattr(rows, "to_numpy"):
        rows = _of_table(rows)
    if isinstance(rows, np.ndarray) and rows.dtype == object and rows.ndim == 1:
        if len(rows) and isinstance(rows[0], (list, tuple, np.ndarray)):
            rows = list(rows)
    if not isinstance(rows, (list, tuple)):
        return rows
    try:
        return np.asarray(rows)
    except ValueError as error:
        raise kt.errors.FatalValueError(
            f"`{name}` must be rows of the same shape; token ids get it "
            "by `keras.utils.pad_sequences`, series with its "
            f"dtype='float32'. Received: {error}"
        ) from error


def _of_table(table: Any) -> np.ndarray:
    array: np.ndarray = table.to_numpy()
    if array.dtype != object:
        return array
    try:
        # Columns of several numeric types, or pandas's nullable numbers.
        return np.asarray(table.to_numpy(dtype="float32", na_value=np.nan))
    except (TypeError, ValueError):
        return array


def samples_and_labels(x: Any, y: Any = None) -> tuple[Any, Any]:
    """Returns samples and labels, one of each for a data set.

    The data set is not read: its sample and label are zeros of its shapes and
    dtypes, or None if it does not say them.

    Args:
        x: The `x` of `fit`: an array, or a `tf.data.Dataset` of batches.
        y: The `y` of `fit`. Defaults to None, as for data sets.
    """
    parts = getattr(x, "element_spec", None)
    if isinstance(parts, tuple) and len(parts) > 1:
        return _zero_of(parts[0]), _zero_of(parts[1])
    return x, y


def training_rows(arguments: Mapping[str, Any]) -> tuple[Any, Any]:
    """Returns the samples and labels that a `fit` trains on.

    Keras validates on the last rows with `validation_split`, unless there is
    `validation_data`.

    Args:
        arguments: Dict of the arguments of `fit`.
    """
    x, y = arguments["x"], arguments["y"]
    split = arguments.get("validation_split")
    if not split or arguments.get("validation_data") is not None:
        return x, y
    if not hasattr(x, "shape"):
        # Keras raises: only arrays can be split.
        return x, y
    # Keras raises if no row is left.
    number = max(1, math.floor(len(x) * (1.0 - split)))
    return x[:number], y[:number]


def _zero_of(spec: Any) -> np.ndarray | None:
    """Returns a batch of one zero, or None if a dimension is unknown."""
    dtype = getattr(getattr(spec, "dtype", None), "as_numpy_dtype", None)
    rank = getattr(getattr(spec, "shape", None), "rank", None)
    if dtype is None or not rank or None in spec.shape[1:]:
        return None
    return np.zeros((1, *spec.shape[1:]), dtype)


def check_labels(
    labels: Any, num_classes: int | None, num_outputs: int, name: str
) -> None:
    """Raises if labels do not suit the task.

    Labels without a shape, such as those of a data set, are not checked.

    Args:
        labels: The `y` of `fit`.
        num_classes: Int, or None for a regression.
        num_outputs: Int, for a regression.
        name: String, the argument's name for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, because every
            model would fail.
    """
    if not hasattr(labels, "shape"):
        return
    y = np.asarray(labels)
    if num_classes is None:
        check_finite(y, name)
        # Keras broadcasts any other shape to that of the predictions.
        rows = [(num_outputs,), (num_outputs, 1)]
        if num_outputs == 1:
            rows.append(())
        if y.dtype.kind not in "fiub" or y.shape[1:] not in rows:
            raise kt.errors.FatalValueError(
                f"`{name}` must be numbers, a row of num_outputs={num_outputs} "
                f"for each sample. Received: {name} of shape {y.shape} and "
                f"dtype {y.dtype}"
            )
        return
    if y.dtype.kind not in "fiub" or y.shape[1:] not in [(), (1,)]:
        raise kt.errors.FatalValueError(
            f"`{name}` must be integer labels, one for each sample; of one-hot "
            "labels these are y.argmax(axis=-1), of names "
            "np.unique(y, return_inverse=True)[1]. "
            f"Received: {name} of shape {y.shape} and dtype {y.dtype}"
        )
    check_finite(y, name)
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


def regression_targets(y: Any, num_outputs: int) -> np.ndarray:
    """Returns the targets of a regression, one row for each sample."""
    try:
        table = np.asarray(y, dtype="float32")
    except (TypeError, ValueError) as error:
        raise ValueError(f"`y` must be numbers. Received: {error}") from error
    if not table.size or not table.ndim:
        raise ValueError(
            f"`y` must be the targets of all samples. Received: {y!r}"
        )
    check_labels(table, None, num_outputs, "y")
    return table.reshape(len(table), -1)


def check_batches(data: Any, model: keras.Model, name: str) -> None:
    """Raises if a `tf.data.Dataset` has samples instead of batches.

    Args:
        data: The `x` of `fit`. Only data sets are checked.
        model: The model, with one input.
        name: String, the argument's name for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, because every
            model would fail.
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
    """Raises if the shape of samples is not the model's input shape.

    Args:
        samples: The `x` of `fit`. Only arrays are checked.
        model: The model, with one input.
        name: String, the argument's name for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, because every
            model would fail.
    """
    shape, expected = getattr(samples, "shape", None), model.input_shape
    if shape is not None and not _fits(tuple(shape), expected):
        raise kt.errors.FatalValueError(
            f"`{name}` must be samples of shape {expected[1:]}, the "
            f"`input_shape`. Received: samples of shape {tuple(shape[1:])}"
        )


def _fits(shape: tuple[Any, ...], expected: tuple[Any, ...]) -> bool:
    # Keras adds or removes a last axis of size 1.
    if len(shape) == len(expected) + 1 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) == len(expected) - 1 and expected[-1] == 1:
        shape = (*shape, 1)
    return len(shape) == len(expected) and all(
        size in (None, given)
        for size, given in zip(expected[1:], shape[1:], strict=True)
    )


def check_numbers(rows: Any, name: str) -> None:
    """Raises if an array contains anything but numbers.

    Args:
        rows: The `x` of `fit`. Only NumPy arrays are checked.
        name: String, the argument's name for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, because every
            model would fail.
    """
    if isinstance(rows, np.ndarray) and rows.dtype.kind not in "fiub":
        other = next((one for one in rows.flat if not is_number(one)), None)
        raise kt.errors.FatalValueError(
            f"`{name}` must be numbers. Received: {name} of dtype "
            f"{rows.dtype}, with {other!r}"
        )


def check_finite(rows: np.ndarray, name: str) -> None:
    """Raises if a number is NaN or infinite.

    Args:
        rows: Array. Only arrays of floats are checked.
        name: String, the argument's name for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, because every
            model would fail.
    """
    if rows.dtype.kind == "f" and rows.size:
        # `np.isfinite(rows)` would need memory for another array of images.
        # The network reads numbers in single precision.
        with np.errstate(over="ignore"):
            limits = np.array([rows.min(), rows.max()]).astype("float32")
            if np.all(np.isfinite(limits)):
                return
            first = int(np.argmax(~np.isfinite(rows.astype("float32"))))
        row = np.unravel_index(first, rows.shape)[0]
        raise kt.errors.FatalValueError(
            f"`{name}` must be finite numbers in single precision. "
            f"Received: {rows.flat[first]} in row {row}"
        )


def check_pairs(samples: Any, labels: Any, names: tuple[str, str]) -> None:
    """Raises if there are no samples, or not as many labels.

    Args:
        samples: The `x` of `fit`. Only arrays are checked.
        labels: The `y` of `fit`.
        names: Tuple of strings, the arguments' names for the error.

    Raises:
        keras_tuner.errors.FatalValueError: It ends the search, because every
            model would fail.
    """
    if not hasattr(samples, "shape"):
        return
    if not len(samples):
        raise kt.errors.FatalValueError(
            f"`{names[0]}` must have at least one sample. "
            f"Received: {names[0]} of shape {tuple(samples.shape)}"
        )
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


def check_token_rows(ids: np.ndarray, length: int | None) -> None:
    """Raises if token ids are not one row for each text.

    Args:
        ids: The `x` of `adapt`.
        length: Int, the number of tokens of a text, or None for any number.
    """
    if ids.ndim != 2 or length not in (None, ids.shape[1]):
        raise ValueError(
            f"`x` must be rows of token ids of input_shape=({length},). "
            f"Received: x of shape {ids.shape}"
        )
