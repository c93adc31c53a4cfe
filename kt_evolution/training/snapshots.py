"""Values and arrays in one file, which is written whole and read as data.

A pickle could run code when it is read, and a project may come from a
stranger. So there are numbers, strings, arrays, and containers of these only.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kt_evolution import files

# The name of the array with the JSON of all other values.
_VALUES = "values"
_CONTAINERS: dict[str, type] = {"list": list, "tuple": tuple, "set": set}


class SnapshotError(ValueError):
    """A value can't be kept, or a file is damaged."""


def encode(value: Any, arrays: list[np.ndarray]) -> Any:
    """Returns a value for JSON, and appends the arrays in it to a list.

    Args:
        value: The value.
        arrays: List, which is changed.

    Raises:
        SnapshotError: If the value is of another type.
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind.__name__ in _CONTAINERS and kind in _CONTAINERS.values():
        return {kind.__name__: [encode(each, arrays) for each in value]}
    if kind is dict:
        items = [
            [encode(name, arrays), encode(each, arrays)]
            for name, each in value.items()
        ]
        return {"dict": items}
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.kind in "biufc":
            arrays.append(array)
            name = "array" if isinstance(value, np.ndarray) else "scalar"
            return {name: len(arrays) - 1}
    # A callback of Keras has the function that compares its metric.
    name = getattr(value, "__name__", "")
    if callable(value) and getattr(keras.ops, name, None) is value:
        return {"operation": name}
    raise SnapshotError(f"{kind.__name__} can't be kept")


def decode(value: Any, arrays: list[np.ndarray]) -> Any:
    """Returns the value that was encoded."""
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind in _CONTAINERS:
        return _CONTAINERS[kind](decode(each, arrays) for each in content)
    if kind == "dict":
        return {
            decode(name, arrays): decode(each, arrays) for name, each in content
        }
    if kind == "operation":
        return getattr(keras.ops, content)
    array = arrays[content]
    return array if kind == "array" else array[()]


def write_snapshot(path: Path, value: Any) -> None:
    """Writes a value, of which a reader sees all or nothing.

    Args:
        path: The path of the file.
        value: The value, see `encode`.

    Raises:
        SnapshotError: If the value can't be encoded.
        OSError: If the file can't be written. An older one stays.
    """
    arrays: list[np.ndarray] = []
    text = json.dumps(encode(value, arrays)).encode()
    named: dict[str, Any] = {
        _VALUES: np.frombuffer(text, np.uint8),
        **{str(number): array for number, array in enumerate(arrays)},
    }
    with files.replacing(path) as file:
        np.savez(file, **named)


def read_snapshot(path: Path) -> Any:
    """Returns the value in a file.

    Raises:
        SnapshotError: If the file is damaged.
        OSError: If it can't be read.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = [content[str(i)] for i in range(len(content.files) - 1)]
            text = content[_VALUES].tobytes()
        return decode(files.parse_json(text), arrays)
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        EOFError,
        zipfile.BadZipFile,
    ) as error:
        raise SnapshotError(f"{path} is damaged: {error}") from error
