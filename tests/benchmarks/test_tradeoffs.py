import numpy as np
import pytest

from benchmarks import race
from benchmarks import results
from benchmarks import tasks
from benchmarks import tradeoffs
from benchmarks import tradeoffs_report
from benchmarks.standings import Standings

pytestmark = pytest.mark.later

NAME = "hpolib/protein_structure/model_size"


def small_task():
    """Three by two cells, whose front is (10, 4), (20, 2), (30, 1)."""
    objectives = np.array(
        [
            [[10.0, 4.0], [10.0, 9.0]],
            [[20.0, 2.0], [25.0, 3.0]],
            [[30.0, 1.0], [90.0, 8.0]],
        ]
    )
    parameters = [
        tasks.Parameter("units", (8, 16, 32)),
        tasks.Parameter("activation", ("relu", "tanh")),
    ]
    return tradeoffs.Tradeoff("small/steps/size", parameters, objectives)


def test_gap_by_hand():
    task = small_task()
    assert task.sizes == (3, 2)
    assert task.evaluate((0, 0)) == (0.0, 1.0)
    assert task.evaluate((1, 0)) == pytest.approx((0.5, 1 / 3))
    assert task.evaluate((2, 1)) == pytest.approx((4.0, 7 / 3))
    # Of the front 1.1 * 0.1 + 0.6 * 2 / 3 + 0.1 * 1 / 3, of two of it the
    # first two, and a cell beyond the reference point has nothing.
    whole, found = 0.11 + 0.4 + 0.1 / 3, 0.11 + 0.4
    points = [task.evaluate(cell) for cell in [(0, 0), (1, 0), (2, 1)]]
    assert task.gap(points) == pytest.approx((whole - found) / whole)
    assert task.gap(points[2:]) == 1.0
    assert task.gap([*points, (1.0, 0.0)]) == pytest.approx(0.0)


def test_no_tradeoff_is_named():
    parameters = [tasks.Parameter("x", (1, 2))]
    with pytest.raises(ValueError, match="`objectives` must be a trade-off"):
        tradeoffs.Tradeoff("a/b/c", parameters, np.array([[1, 1], [2, 2.0]]))


def test_public_tables():
    assert len(tradeoffs.task_names()) == 10
    task = tradeoffs.load_task(NAME)
    every = task.objectives.reshape(-1, 2)
    assert task.gap([tuple(one) for one in every]) == pytest.approx(0.0)


@pytest.mark.parametrize("name", tradeoffs.SEARCHERS)
def test_every_searcher_races_and_once_only(name, tmp_path):
    if name.startswith("optuna"):
        pytest.importorskip("optuna")
    if name == "optuna-gp":
        pytest.importorskip("torch")
    if name.startswith("pymoo"):
        pytest.importorskip("pymoo")
    wanted = [race.Race(name, NAME, tradeoffs.TRACK, 0, 5)]
    run = tradeoffs.run_race
    assert race.run_races(wanted, tmp_path, run=run) == 1
    assert race.run_races(wanted, tmp_path, run=run) == 0
    [record] = results.load(
        results.path(tmp_path, name, tradeoffs.TRACK)
    ).values()
    gaps = record.curve(5)
    assert record.evaluations == 5
    assert np.all((gaps >= 0) & (gaps <= 1))
    assert np.all(np.diff(gaps) <= 0)


def test_report_compares_shared_seeds():
    def record(seed, gap):
        return results.Record(NAME, seed, 100, [(1, gap)], {})

    standings = Standings(
        {
            "evolution": {(NAME, s): record(s, 0.099) for s in (0, 1)},
            "random": {(NAME, 0): record(0, 0.199)},
        }
    )
    table = tradeoffs_report.ratio_table(standings, "evolution")
    assert f"| {NAME} | 0.50 random (n=1) | 0.50 random (n=1) |" in table
    assert "| geometric mean, 1 tasks | 0.50 | 0.50 |" in table
    assert f"| {NAME} | 0.0990 (n=2) | 0.199 (n=1) |" in (
        tradeoffs_report.gap_table(standings, 50)
    )
