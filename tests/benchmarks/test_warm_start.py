"""The benchmark of the warm start, on a table that is worked by hand."""

import numpy as np
import pytest

from benchmarks import tasks
from benchmarks import warm_start
from benchmarks.warm_start import Pair

pytestmark = pytest.mark.later


def small_task():
    """Losses 0 to 35, best at the first cell, six by six."""
    table = np.arange(36.0).reshape(6, 6, 1)
    parameters = [
        tasks.Parameter("units", (8, 16, 32, 64, 128, 256)),
        tasks.Parameter("activation", ("a", "b", "c", "d", "e", "f")),
    ]
    return tasks.Task("small/steps", parameters, table, maximize=False)


def pair(seed, warm, cold):
    return Pair(seed, np.ones(1), np.array(warm), np.array(cold))


def test_sign_test_is_worked_by_hand():
    pairs = [pair(seed, [2.0, 0.1], [1.0, 0.2]) for seed in range(4)]
    pairs += [pair(4, [1.0, 0.5], [1.0, 0.2]), pair(5, [1.0, 0.3], [1.0, 0.3])]
    test = warm_start.sign_test(pairs, 2)
    assert (test.wins, test.losses, test.ties) == (4, 1, 1)
    # Four or five heads of five coins.
    assert test.p_value == pytest.approx(6 / 32)
    test = warm_start.sign_test(pairs, 1)
    assert (test.wins, test.losses, test.ties) == (0, 4, 2)
    assert warm_start.sign_test(pairs[-1:], 2).p_value == 1.0


def test_a_warm_search_begins_with_the_best_that_is_known():
    found = warm_start.run_pair(small_task(), seed=1, trials=6)
    assert found.warm[0] == found.past[-1]
    for curve in (found.past, found.warm, found.cold):
        assert len(curve) == 6
        assert (np.diff(curve) <= 0).all()


def test_the_same_seed_gives_the_same_pair():
    one, two = (
        warm_start.run_pair(small_task(), seed=3, trials=5) for _ in range(2)
    )
    for name in ("past", "warm", "cold"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_the_report_has_all_seeds(monkeypatch, capsys):
    monkeypatch.setattr(tasks, "load_task", lambda name: small_task())
    arguments = ["--tasks", "hpobench/car", "--seeds", "0-2", "--trials", "5"]
    warm_start.main(arguments)
    printed = capsys.readouterr().out
    for line in ("### hpobench/car", "| 0 |", "| 2 |", "| mean |", "All 3"):
        assert line in printed
    assert printed.count("after 5 trials: better") == 2
    assert "after 10 trials" not in printed
