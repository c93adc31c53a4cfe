"""The race by epochs on learning-curve tables."""

import numpy as np
import pytest

from benchmarks import curve_tables
from benchmarks import curves_race
from benchmarks import race
from benchmarks import results
from benchmarks.curve_searchers import CurveSearcher
from benchmarks.curve_searchers import Job

pytestmark = pytest.mark.later

NEEDS_LITTLE = sorted(set(curves_race.SEARCHERS) - {"dehb"})


def small_table():
    """Twelve curves of nine epochs; the best falls from 1 to 0."""
    scores = np.arange(12.0).reshape(3, 4)[..., None] / 5.5
    curves = scores + np.linspace(1.0, 0.0, 9)
    grid = {"units": [8, 16, 32], "kind": ["a", "b", "c", "d"]}
    return curve_tables.GridTable("small", grid, curves)


class Scripted(CurveSearcher):
    """Asks for given jobs in order."""

    def __init__(self, *jobs):
        self.jobs = list(jobs)
        self.told = []

    def ask(self, worker):
        return self.jobs.pop(0) if self.jobs else None

    def tell(self, job, losses):
        self.told.append((job.trial, losses.tolist()))


def job(units, first, last, trial):
    return Job({"units": units, "kind": "a"}, first, last, trial)


def test_a_table_is_scaled_by_its_best_and_its_median():
    table = small_table()
    best = table.curve({"units": 8, "kind": "a"})
    assert (best[0], best[-1]) == (1.0, 0.0)
    assert table.curve({"units": 16, "kind": "c"})[-1] == pytest.approx(12 / 11)


def test_one_worker_trains_in_turns():
    searcher = Scripted(job(8, 0, 2, "x"), job(8, 2, 3, "x"))
    found = list(curves_race.train(searcher, small_table(), 9, 1))
    assert [spent for spent, _, _ in found] == [1, 2, 3]
    assert [loss for _, loss, _ in found] == [1.0, 0.875, 0.75]
    assert searcher.told == [("x", [1.0, 0.875]), ("x", [0.75])]


def test_workers_train_at_once():
    jobs = [job(8, 0, 4, "long"), job(16, 0, 1, "short"), job(32, 0, 1, "last")]
    searcher = Scripted(*jobs)
    found = list(curves_race.train(searcher, small_table(), 9, 2))
    assert [trial for trial, _ in searcher.told] == ["short", "last", "long"]
    # After each step of time both workers have spent an epoch.
    assert [spent for spent, _, _ in found] == [2, 4, 6, 8, 2, 4]


@pytest.mark.parametrize("name", NEEDS_LITTLE)
@pytest.mark.parametrize("workers", [1, 3])
def test_every_searcher_spends_its_budget(name, workers, monkeypatch):
    monkeypatch.setattr(curves_race, "load_table", lambda _: small_table())
    wanted = race.Race(name, "small", "curves", 3, 45)
    record = curves_race.run_race(wanted, workers)
    assert record.evaluations == 45
    losses = [loss for _, loss in record.steps]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1.0
    again = curves_race.run_race(wanted, workers)
    assert again.steps == record.steps


def test_races_are_recorded_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(curves_race, "load_table", lambda _: small_table())
    options = "--searchers random asha --tables mlp/sms --seeds 0-1"
    options = [*options.split(), "--trainings", "3", "--results", str(tmp_path)]
    curves_race.main(options)
    curves_race.main(options)
    assert "0 races run, 4 were there already." in capsys.readouterr().out
    file = results.path(tmp_path, "asha", "curves")
    assert len(results.load(file)) == 2
