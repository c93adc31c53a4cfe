"""Values and arrays in one file, which is written whole and read as data.

A pickle could run code when it is read, and a project may come from a
stranger. So there are numbers, texts, times, paths, members of enumerations
that are loaded already, arrays, and containers of these only.
"""

import collections
import datetime
import decimal
import enum
import fractions
import json
import sys
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kt_evolution import files

# The name of the array with the JSON of all other values.
_VALUES = "values"
_CONTAINERS: dict[str, type] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
}
_MAPPINGS: dict[str, type] = {
    "dict": dict,
    "OrderedDict": collections.OrderedDict,
    "Counter": collections.Counter,
}
# What a `defaultdict` makes of a missing key.
_FACTORIES: dict[str, Any] = {
    "none": None,
    **{kind.__name__: kind for kind in (int, float, str, list, dict, set)},
}
_MICROSECOND = datetime.timedelta(microseconds=1)
# Values that are one text, their types, and the functions to and from it.
_TEXTS: dict[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = {
    "path": (type(Path()), str, Path),
    "bytes": (bytes, bytes.hex, bytes.fromhex),
    "complex": (complex, str, complex),
    "datetime": (
        datetime.datetime,
        datetime.datetime.isoformat,
        datetime.datetime.fromisoformat,
    ),
    "date": (
        datetime.date,
        datetime.date.isoformat,
        datetime.date.fromisoformat,
    ),
    "time": (
        datetime.time,
        datetime.time.isoformat,
        datetime.time.fromisoformat,
    ),
    "timedelta": (
        datetime.timedelta,
        lambda value: str(value // _MICROSECOND),
        lambda text: int(text) * _MICROSECOND,
    ),
    "decimal": (decimal.Decimal, str, decimal.Decimal),
    "fraction": (fractions.Fraction, str, fractions.Fraction),
    "uuid": (uuid.UUID, str, uuid.UUID),
}
_NAMES = {kind: name for name, (kind, _, _) in _TEXTS.items()}
# The types of arrays that a file has without pickles: numbers, texts, times.
_ARRAY_KINDS = "biufcUSMm"


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
    if kind in _NAMES:
        name = _NAMES[kind]
        return {name: _TEXTS[name][1](value)}
    if _is_one_of(kind, _CONTAINERS):
        return {kind.__name__: [encode(each, arrays) for each in value]}
    if _is_one_of(kind, _MAPPINGS):
        return {kind.__name__: _encode_items(value, arrays)}
    if kind is collections.deque:
        items = [encode(each, arrays) for each in value]
        return {"deque": [items, value.maxlen]}
    if kind is collections.defaultdict:
        name = getattr(value.default_factory, "__name__", "none")
        if _FACTORIES.get(name, kind) is value.default_factory:
            return {"defaultdict": [name, _encode_items(value, arrays)]}
    if isinstance(value, enum.Enum) and _find_enum(*_place_of(kind)) is kind:
        return {"enum": [*_place_of(kind), encode(value.value, arrays)]}
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.kind in _ARRAY_KINDS:
            arrays.append(array)
            name = "array" if isinstance(value, np.ndarray) else "scalar"
            return {name: len(arrays) - 1}
    # A callback of Keras has the function that compares its metric.
    name = getattr(value, "__name__", "")
    if callable(value) and getattr(keras.ops, name, None) is value:
        return {"operation": name}
    raise SnapshotError(f"{kind.__name__} can't be kept")


def _is_one_of(kind: type, kinds: dict[str, type]) -> bool:
    return kinds.get(kind.__name__) is kind


def _encode_items(value: Any, arrays: list[np.ndarray]) -> list[Any]:
    return [
        [encode(name, arrays), encode(each, arrays)]
        for name, each in value.items()
    ]


def _place_of(kind: type) -> tuple[str, str]:
    return kind.__module__, kind.__qualname__


def _find_enum(module: str, name: str) -> Any:
    """Returns an enumeration that is loaded, None if there is none.

    A file must not load modules, nor call what is in them.
    """
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    is_enum = isinstance(found, type) and issubclass(found, enum.Enum)
    return found if is_enum else None


def decode(value: Any, arrays: list[np.ndarray]) -> Any:
    """Returns the value that was encoded.

    Raises:
        SnapshotError: If it is a member of an enumeration that is not there.
    """
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind in _TEXTS:
        return _TEXTS[kind][2](content)
    if kind in _CONTAINERS:
        return _CONTAINERS[kind](decode(each, arrays) for each in content)
    if kind in _MAPPINGS:
        return _MAPPINGS[kind](_decode_items(content, arrays))
    if kind == "deque":
        items, length = content
        return collections.deque(
            (decode(each, arrays) for each in items), length
        )
    if kind == "defaultdict":
        name, items = content
        return collections.defaultdict(
            _FACTORIES[name], _decode_items(items, arrays)
        )
    if kind == "enum":
        module, name, member = content
        found = _find_enum(module, name)
        if found is None:
            raise SnapshotError(f"there is no enumeration {module}.{name}")
        return found(decode(member, arrays))
    if kind == "operation":
        return getattr(keras.ops, content)
    array = arrays[content]
    return array if kind == "array" else array[()]


def _decode_items(
    content: list[Any], arrays: list[np.ndarray]
) -> dict[Any, Any]:
    return {
        decode(name, arrays): decode(each, arrays) for name, each in content
    }


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
        ArithmeticError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        EOFError,
        zipfile.BadZipFile,
    ) as error:
        raise SnapshotError(f"{path} is damaged: {error}") from error
