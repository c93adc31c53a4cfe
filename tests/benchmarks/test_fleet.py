"""Many simulated workers that share one search, and their report."""

import types

import numpy as np
import pytest

from benchmarks import fleet
from benchmarks import fleet_report
from benchmarks import hosts
from benchmarks import race
from benchmarks import results
from benchmarks import tasks
from benchmarks.simulation import Shift
from benchmarks.simulation import simulate
from benchmarks.standings import Standings

pytestmark = pytest.mark.later

CAR = "hpobench/car"


class SlowChief:
    """Has jobs of given lengths; a proposal takes 2 s and a report 1 s."""

    def __init__(self, *lengths):
        self.lengths = list(lengths)
        self.now = 0.0
        self.done = []

    def ask(self, worker):
        self.now += 2.0
        return self.lengths.pop(0) if self.lengths else None

    def tell(self, job):
        self.now += 1.0
        self.done.append(job)


def shifts(chief, workers, **options):
    found = simulate(chief, float, workers, clock=lambda: chief.now, **options)
    return [(one.job, one.first, one.last, one.seconds) for one in found]


def test_workers_wait_for_each_other_at_a_chief_that_takes_time():
    chief = SlowChief(10, 3, 20)
    assert shifts(chief, 2, chief_takes_time=True) == [
        (10, 2.0, 12.0, 2.0),
        (3, 4.0, 7.0, 2.0),
        # The second worker reports at 7, and its next job begins at 10.
        (20, 10.0, 30.0, 3.0),
    ]
    assert chief.done == [3, 10, 20]


def test_a_chief_may_take_no_time():
    assert shifts(SlowChief(10, 3, 20), 2) == [
        (10, 0.0, 10.0, 2.0),
        (3, 0.0, 3.0, 2.0),
        (20, 3.0, 23.0, 3.0),
    ]


def test_no_job_begins_after_the_end():
    assert [one[0] for one in shifts(SlowChief(5, 5, 5), 1, until=10)] == [5, 5]


def test_the_share_of_busy_time_is_worked_by_hand():
    # Until 10 one worker trains for 8 s and the other for 3 s.
    done = [Shift("a", 2, 12, 2), Shift("b", 4, 7, 2), Shift("c", 10, 30, 3)]
    assert fleet.busy_share(done, 2) == 11 / 20


def test_times_of_trainings_are_log_normal_and_the_same_for_all_workers():
    wanted = race.Race("evolution", CAR, "fleet-8", 3, 20_000)
    seconds = fleet.training_seconds(wanted)
    assert seconds.mean() == pytest.approx(60, rel=0.05)
    assert np.log(seconds).std() == pytest.approx(1, rel=0.05)
    fewer = race.Race("evolution", CAR, "fleet-64", 3, 10)
    assert (fleet.training_seconds(fewer) == seconds[:10]).all()
    other = race.Race("evolution", CAR, "fleet-8", 4, 10)
    assert (fleet.training_seconds(other) != seconds[:10]).all()


@pytest.fixture
def small(monkeypatch):
    """Four by five cells, and the cells that were evaluated."""
    scores = np.arange(20.0).reshape(4, 5)[..., None]
    parameters = [
        tasks.Parameter("units", (8, 16, 32, 64)),
        tasks.Parameter("activation", ("relu", "tanh", "elu", "selu", "gelu")),
    ]
    task = tasks.Task("small/steps", parameters, scores, maximize=False)
    monkeypatch.setattr(tasks, "load_task", lambda name: task)
    evaluated = []
    evaluate = task.evaluate

    def note(cell, *options):
        evaluated.append(cell)
        return evaluate(cell, *options)

    monkeypatch.setattr(task, "evaluate", note)
    return types.SimpleNamespace(task=task, evaluated=evaluated)


@pytest.mark.parametrize("workers", [1, 8])
def test_workers_train_each_cell_once(small, workers):
    wanted = race.Race("evolution", "small", "fleet", 3, 15)
    record = fleet.run_race(wanted, workers)
    assert record.evaluations == 15
    assert not record.exhausted
    assert len(set(small.evaluated)) == len(small.evaluated) == 15
    losses = [loss for _, loss in record.steps]
    assert losses == sorted(losses, reverse=True)
    assert 0.9 < record.busy < 1.0


def test_more_workers_than_cells_end_when_all_are_trained(small):
    record = fleet.run_race(race.Race("evolution", "small", "f", 3, 100), 64)
    assert record.exhausted
    assert record.evaluations == 20
    assert sorted(small.evaluated) == list(np.ndindex(4, 5))
    assert record.steps[-1][1] == 0


def test_a_search_is_told_in_any_order(small):
    search = hosts.evolution(small.task, 3, 10)
    asked = [search.ask() for _ in range(4)]
    for cell in (asked[2], asked[0]):
        search.tell(cell, small.task.regret(cell))
    asked.append(search.ask())
    assert len(set(asked)) == 5
    for cell in (asked[4], asked[3], asked[1]):
        search.tell(cell, small.task.regret(cell))
    assert search.best() == min(asked)
    search.close()


def test_races_are_recorded_once(small, tmp_path, capsys):
    options = f"--workers 1 8 --tasks {CAR} --seeds 0-1 --trials 6"
    options = [*options.split(), "--results", str(tmp_path)]
    fleet.main(options)
    fleet.main(options)
    assert "0 races run, 4 were there already." in capsys.readouterr().out
    assert (
        len(results.load(results.path(tmp_path, "evolution", "fleet-8"))) == 2
    )


def test_the_report_has_targets_and_figures(tmp_path, capsys):
    def append(track, seed, regrets, trials, busy=None):
        steps = [(100 * n + 1, regret) for n, regret in enumerate(regrets)]
        times = {"last": 12.0}
        record = results.Record(CAR, seed, trials, steps, times, busy=busy)
        results.append(results.path(tmp_path, "evolution", track), record)

    for seed in (0, 1):
        append("clean", seed, [0.199], 100)
        append("fleet-8", seed, [0.239], 100, busy=0.9)
    # A seed that has no serial one counts for the share of time only.
    append("fleet-64", 0, [0.9, 0.8, 0.7, 0.499], 400, busy=0.95)
    append("fleet-64", 7, [0.9, 0.8, 0.7, 0.1], 400, busy=0.97)
    fleet_report.main(["--results", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    waiting = "| share of time that workers wait, 64 workers | ≤ 0.05 | 0.0400 "
    assert f"{waiting}| 2 races | reached |" in lines
    regret = (
        "| regret of 64 workers after 400 trials / of one after 100 | ≤ 1.5"
    )
    assert f"{regret} | 2.50 | 1 tasks, 1-1 seeds | incomplete |" in lines
    assert "| 8 | 2 | 90.00% | 1.20 (tasks: 1) | – | 12.0 |" in lines
    assert f"| {CAR} | – | – | 2.50 (n=1) | – |" in lines


def test_the_report_without_records_is_dashes(tmp_path, capsys):
    fleet_report.main(["--results", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert "| 256 | 0 | – | – | – | – |" in lines


def test_fleets_are_those_of_standings():
    assert (
        fleet_report.ratios({0: Standings({}), 8: Standings({})}, 8, 100) == {}
    )
