"""The benchmark of predictions, on a table that is worked by hand."""

import numpy as np
import pytest

from benchmarks import calibration
from benchmarks import tasks

pytestmark = pytest.mark.later


def small_task():
    table = np.arange(144.0).reshape(12, 12, 1)
    parameters = [
        tasks.Parameter("units", tuple(range(12))),
        tasks.Parameter("layers", tuple(range(12))),
    ]
    return tasks.Task("small/steps", parameters, table, maximize=False)


def test_shares_are_counted():
    column = np.array([np.nan, 0.5, -1.5, 3.0])
    one = np.stack([column, column / 2.0], axis=1)
    assert calibration.row("x", [one, one]) == (
        ["x", "6", "33", "67", "67", "100"]
    )


def test_a_search_has_predictions_after_the_initial_design():
    found = calibration.deviations_of(small_task(), "clean", 0, 12)
    assert found.shape == (12, 2)
    assert np.isnan(found[:5]).all() and np.isfinite(found[5:]).all()
    again = calibration.deviations_of(small_task(), "clean", 0, 12)
    np.testing.assert_array_equal(found, again)


def test_the_report_has_all_tables(monkeypatch, capsys):
    monkeypatch.setattr(tasks, "load_task", lambda name: small_task())
    arguments = ["--tasks", "hpobench/car", "--seeds", "0", "--prior"]
    calibration.main([*arguments, "--evaluations", "10"])
    printed = capsys.readouterr().out
    for words in ("### clean", "### noisy", "| hpobench/car |", "| all |"):
        assert words in printed
