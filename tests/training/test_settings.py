"""With what executions are trained: what is compared, and in which words."""

import keras
import numpy as np
import pytest

from kt_evolution.training.cross_validation import Fold
from kt_evolution.training.settings import Settings
from kt_evolution.training.settings import difference
from kt_evolution.training.snapshots import read_snapshot
from kt_evolution.training.snapshots import write_snapshot

X = np.zeros((8, 2))


class Batches(keras.utils.PyDataset):
    def __init__(self, number):
        super().__init__()
        self.number = number

    def __len__(self):
        return self.number


def difference_of(then, now):
    return difference(Settings((), then, ()).of(0), Settings((), now, ()).of(0))


@pytest.mark.parametrize(
    ("then", "now", "change"),
    [
        ({"epochs": 1}, {"epochs": 3}, "3, and was 1"),
        ({"epochs": 3}, {"epochs": np.int64(3)}, None),
        ({}, {"batch_size": 8}, "8, and was None"),
        ({"batch_size": 8}, {}, "None, and was 8"),
        ({"verbose": 1}, {"verbose": 0}, None),
        ({"x": X}, {"x": X + 1}, None),
        (
            {"x": X},
            {"x": X[:4]},
            "{'shape': (4, 2)}, and was {'shape': (8, 2)}",
        ),
        ({"x": {"a": X, "b": X}}, {"x": {"a": X, "b": X[:4]}}, "another one"),
        (
            {"class_weight": {0: 1.0, 1: 2.0}},
            {"class_weight": {0: 1.0, 1: 3.0}},
            "{'0': 1.0, '1': 3.0}, and was {'0': 1.0, '1': 2.0}",
        ),
        ({"x": Batches(3)}, {"x": Batches(3)}, None),
        (
            {"x": Batches(3)},
            {"x": Batches(4)},
            "{'length': 4}, and was {'length': 3}",
        ),
        ({"x": iter([1])}, {"x": iter([2])}, None),
    ],
)
def test_arguments_are_compared(then, now, change):
    reason = difference_of(then, now)
    if change is None:
        assert reason is None
    else:
        (name,) = then | now
        assert reason == f"the argument `{name}` of `fit` is {change}"


def test_an_argument_is_the_same_by_position_and_by_name():
    by_position = Settings((X, X, 8), {}, ())
    by_name = Settings((), {"x": X, "y": X, "batch_size": 8}, ())
    assert difference(by_position.of(0), by_name.of(0)) is None


def test_callbacks_are_compared_by_their_arguments():
    stop = keras.callbacks.EarlyStopping
    other = "its callbacks are other ones than before"
    one, two = ({"callbacks": [stop(patience=n)]} for n in (1, 2))
    assert difference_of(one, {"callbacks": [stop(patience=1)]}) is None
    assert difference_of(one, two) == other
    assert difference_of(one, {}) == other


def test_each_execution_has_the_rows_of_its_fold():
    rows = np.arange(8)
    folds = [Fold({}, (), rows[:4], rows[4:]), Fold({}, (), rows[4:], rows[:4])]
    settings = Settings((), {}, folds)
    # The third execution begins with the first fold again.
    assert settings.of(0) == settings.of(2)
    reason = "its folds have other rows than before"
    assert difference(settings.of(0), settings.of(1)) == reason
    assert difference(Settings((), {}, ()).of(0), settings.of(0)) == reason
    # The same rows, divided elsewhere.
    moved = Fold({}, (), rows[:5], rows[5:])
    assert moved.digest != folds[0].digest


def test_what_is_kept_is_the_same_when_it_is_read(tmp_path):
    kwargs = {"x": X, "epochs": 3, "callbacks": [keras.callbacks.History()]}
    fold = Fold({}, (), np.arange(4), np.arange(4, 8))
    settings = Settings((), kwargs, [fold]).of(0)
    write_snapshot(tmp_path / "state.npz", settings)
    assert read_snapshot(tmp_path / "state.npz") == settings
