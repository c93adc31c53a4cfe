"""Values in a file, which come back as they were or are refused."""

import collections
import datetime
import decimal
import enum
import fractions
import io
import json
import sys
import threading
import uuid
from pathlib import Path

import numpy as np
import pytest

from kt_evolution.training.snapshots import SnapshotError
from kt_evolution.training.snapshots import read_snapshot
from kt_evolution.training.snapshots import write_snapshot


class Phase(enum.Enum):
    WARM_UP = "warm-up"
    DECAY = ("decay", 2)


class Side(enum.IntFlag):
    LEFT = 1
    RIGHT = 2


UTC = datetime.timezone.utc
VALUES = [
    None,
    True,
    -3,
    0.1,
    float("inf"),
    "text\n",
    b"\x00\xff",
    2 - 1j,
    Path("results") / "a b",
    datetime.datetime(2026, 11, 27, 3, 4, 5, 678, tzinfo=UTC),
    datetime.date(2026, 11, 27),
    datetime.time(3, 4, 5, 678),
    datetime.timedelta(days=-2, microseconds=1),
    decimal.Decimal("0.10"),
    fractions.Fraction(-1, 3),
    uuid.UUID(int=7),
    Phase.DECAY,
    Side.LEFT | Side.RIGHT,
    np.float32(0.1),
    np.int64(3),
    np.bool_(True),
    np.str_("name"),
    np.datetime64("2026-11-27T03:04"),
    np.timedelta64(5, "s"),
    [1, (2.5, {"three"}), frozenset({4})],
    {Path("a"): [Phase.WARM_UP], (1, "b"): {}},
    collections.deque([1, Path("b")], maxlen=2),
    collections.deque(),
    collections.OrderedDict([("b", 1), ("a", 2)]),
    collections.Counter("aab"),
    collections.defaultdict(list, {"a": [1]}),
    collections.defaultdict(None, {1: 2}),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_value_comes_back_as_it_was(tmp_path, value):
    path = tmp_path / "state.npz"
    write_snapshot(path, value)
    found = read_snapshot(path)
    assert found == value
    assert type(found) is type(value)
    assert repr(found) == repr(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.array(["a", "bcd"]),
        np.array(["2026-11-27", "NaT"], "datetime64[D]"),
        np.zeros((0, 3), "int8"),
    ],
)
def test_array_comes_back_as_it_was(tmp_path, array):
    path = tmp_path / "state.npz"
    write_snapshot(path, {"array": array})
    found = read_snapshot(path)["array"]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def local_member():
    class Local(enum.Enum):
        A = 1

    return Local.A


class Wrapped(str):
    pass


@pytest.mark.parametrize(
    "value",
    [
        object(),
        threading.Lock(),
        io.StringIO(),
        np.array([None, {}], object),
        np.zeros(2, [("a", "f4")]),
        # No name leads to it.
        local_member(),
        Wrapped("a"),
        collections.defaultdict(lambda: 3),
        [1, {"deep": object()}],
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_refused(tmp_path, value):
    with pytest.raises(SnapshotError, match="can't be kept"):
        write_snapshot(tmp_path / "state.npz", value)
    assert list(tmp_path.iterdir()) == []


def write_text(path, content):
    text = np.frombuffer(json.dumps(content).encode(), np.uint8)
    with open(path, "wb") as file:
        np.savez(file, values=text)


@pytest.mark.parametrize(
    "content",
    [
        {"enum": [__name__, "Phase", "cool-down"]},
        {"enum": [__name__, "VALUES", 1]},
        {"enum": [__name__, "Path", "a"]},
        {"enum": ["no.such.module", "Phase", 1]},
        {"enum": [__name__, "Phase.__class__", 1]},
        {"enum": [["a"], "Phase", 1]},
        {"enum": 3},
        {"fraction": "1/0"},
        {"decimal": "one"},
        {"timedelta": "9" * 40},
        {"datetime": 3},
        {"uuid": "x"},
        {"deque": [[1], -1]},
        {"defaultdict": ["eval", []]},
        {"scalar": 0},
        {"frozenset": [{"list": []}]},
        {"unknown": "value"},
        {},
    ],
    ids=json.dumps,
)
def test_damaged_value_is_an_error(tmp_path, content):
    path = tmp_path / "state.npz"
    write_text(path, content)
    with pytest.raises(SnapshotError):
        read_snapshot(path)


def test_file_loads_no_module(tmp_path):
    path = tmp_path / "state.npz"
    # The module of the standard library that nothing here loads.
    assert "this" not in sys.modules
    write_text(path, {"enum": ["this", "s", 1]})
    with pytest.raises(SnapshotError, match="no enumeration this.s"):
        read_snapshot(path)
    assert "this" not in sys.modules
