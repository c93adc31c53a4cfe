"""What is computed of a search before anything is drawn."""

import dataclasses
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from kt_evolution.algorithm.ranking import fitness
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.display.layered_graph import place
from kt_evolution.limits import Limit
from kt_evolution.reporting import diversity as diversity_module
from kt_evolution.reporting import importance
from kt_evolution.reporting import plain_text
from kt_evolution.reporting import tables
from kt_evolution.reporting.diversity import diversity_of
from kt_evolution.reporting.diversity import points_of
from kt_evolution.reporting.importance import importance_of
from kt_evolution.reporting.landscape import landscape_of
from kt_evolution.reporting.landscape import telling_names
from kt_evolution.reporting.landscape import telling_pairs
from kt_evolution.reporting.lineage import ancestry_of
from kt_evolution.reporting.lineage import family_of
from kt_evolution.reporting.progress import credits_of
from kt_evolution.reporting.progress import progress_of
from kt_evolution.reporting.reading import read_search
from kt_evolution.reporting.records import ObjectiveRecord
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.records import evenly
from kt_evolution.reporting.timeline import busy_seconds
from kt_evolution.reporting.timeline import timeline_of
from kt_evolution.reporting.trial_records import TrialRecord
from kt_evolution.reporting.trials_table import table_of
from tests import stock_projects
from tests.reporting import projects

LOSS = ObjectiveRecord("loss", "min")
GAIN = ObjectiveRecord("gain", "max")


def trial(number, parents=(), operator="mutation", limits=(), **metrics):
    status = "COMPLETED" if metrics else "FAILED"
    violations = tuple(limit.violation(metrics) for limit in limits)
    return TrialRecord(
        str(number),
        number,
        status,
        {},
        metrics,
        operator=operator,
        parents=tuple(map(str, parents)),
        violations=violations,
        broken=tuple(
            str(x) for x, e in zip(limits, violations, strict=True) if e > 0
        ),
    )


def search_of(*trials, objectives=(LOSS,), limits=()):
    return SearchRecord(
        Path("p"), True, objectives, tuple(limits), SearchSpace(), trials
    )


# Progress.


def test_the_best_so_far_is_that_of_feasible_trials():
    limit = Limit("size", max=10.0)
    search = search_of(
        trial(0, limits=[limit], loss=1.0, size=20.0),
        trial(1, limits=[limit], loss=5.0, size=10.0),
        trial(2),
        trial(3, limits=[limit], loss=3.0, size=1.0),
        trial(4, limits=[limit], loss=4.0, size=1.0),
        limits=[limit],
    )
    progress = progress_of(search)
    assert [one.number for one in progress.trials] == [0, 1, 3, 4]
    np.testing.assert_equal(progress.best, [np.nan, 5.0, 3.0, 3.0])
    assert progress.improved.tolist() == [False, True, True, False]


def test_of_several_objectives_the_hypervolume_grows_to_one():
    search = search_of(
        trial(0, gain=0.0, loss=0.0),
        trial(1, gain=0.0, loss=1.0),
        trial(2, gain=1.0, loss=1.0),
        objectives=(GAIN, LOSS),
    )
    # On the final front both go from 0 to 1; the reference is 1.1.
    whole = 1.1 * 1.1 - 1.0
    alone = 0.1 * 1.1
    progress = progress_of(search)
    np.testing.assert_allclose(
        progress.best, [alone / whole, alone / whole, 1.0]
    )
    assert progress.improved.tolist() == [True, False, True]


def test_an_operator_is_credited_with_what_beats_all_parents():
    search = search_of(
        trial(0, operator="default", loss=5.0),
        trial(1, operator="initial", loss=6.0),
        trial(2, [0, 1], loss=5.5),
        trial(3, [1], loss=5.5),
        trial(4, [0, 1], operator="crossover", loss=1.0),
    )
    credits = {credit.operator: credit for credit in credits_of(search)}
    assert credits["mutation"].succeeded.tolist() == [False, True]
    assert credits["mutation"].rate == 0.5
    assert credits["crossover"].succeeded.tolist() == [True]
    assert credits["default"].succeeded.tolist() == [True]
    assert credits["initial"].succeeded.tolist() == [False]


# Lineage.


def test_the_family_of_a_trial_is_all_of_its_ancestors():
    search = search_of(
        trial(0, loss=1.0),
        trial(1, loss=1.0),
        trial(2, [0], loss=1.0),
        trial(3, [2, 1], loss=1.0),
        trial(4, [1], loss=1.0),
    )
    family = family_of(search, "3")
    assert list(family.members) == ["0", "1", "2", "3"]
    assert [m.generation for m in family.members.values()] == [0, 0, 1, 2]
    assert sorted(family.births) == [("0", "2"), ("1", "3"), ("2", "3")]
    assert family.num_left_out == 0
    with pytest.raises(ValueError, match="trial_id='9'"):
        family_of(search, "9")


def test_the_nearest_ancestors_are_kept():
    search = search_of(
        trial(0, loss=1.0), *(trial(i, [i - 1], loss=1.0) for i in range(1, 30))
    )
    family = family_of(search, "29", max_members=5)
    assert list(family.members) == ["25", "26", "27", "28", "29"]
    assert family.num_left_out == 25


def test_members_and_lines_keep_apart():
    generations = {"a": 0, "b": 0, "c": 1, "d": 2, "e": 2}
    births = [("a", "c"), ("b", "c"), ("a", "d"), ("c", "d"), ("b", "e")]
    places, lines = place(generations, births)
    assert abs(places["a"] - places["b"]) >= 1.0
    assert abs(places["d"] - places["e"]) >= 1.0
    for (parent, child), line in zip(births, lines, strict=True):
        assert line[0] == (places[parent], generations[parent])
        assert line[-1] == (places[child], generations[child])
        assert [height for _, height in line] == list(
            range(generations[parent], generations[child] + 1)
        )
    # The lines from a to d and from b to e go by c.
    joints = [line[1][0] for line in lines if len(line) == 3]
    assert len(joints) == 2
    assert all(abs(joint - places["c"]) >= 0.75 - 1e-9 for joint in joints)


def test_a_tree_without_need_has_no_crossing():
    generations = {"r": 0, "s": 0, "x": 1, "y": 1}
    places, _ = place(generations, [("r", "y"), ("s", "x")])
    assert (places["r"] < places["s"]) == (places["y"] < places["x"])


# Diversity and importance.


def test_distances_are_zero_for_equal_values_only(single):
    points = points_of(single, single.completed)
    distances = np.linalg.norm(points[:, None] - points, axis=-1)
    assert np.allclose(np.diag(distances), 0.0, atol=1e-6)
    others = distances[~np.eye(len(distances), dtype=bool)]
    assert others.min() > 1e-3


def test_a_search_settles(single):
    diversity = diversity_of(single, population_size=8)
    assert len(diversity.recent) == len(single.completed)
    assert diversity.best[-1] < diversity.best[7]


def test_diversity_is_that_of_all_pairs(several):
    diversity = diversity_of(several, population_size=5)
    points = points_of(several, several.completed)
    distances = np.linalg.norm(points[:, None] - points, axis=-1)
    fit = fitness(
        several.points(several.completed), several.violations(several.completed)
    )

    def mean(members):
        num_pairs = len(members) * (len(members) - 1)
        return distances[np.ix_(members, members)].sum() / max(num_pairs, 1)

    scale = mean(np.arange(len(points)))
    for i in range(len(points)):
        latest = np.arange(max(0, i - 4), i + 1)
        best = np.argsort(fit[: i + 1], kind="stable")[:5]
        assert diversity.recent[i] == pytest.approx(mean(latest) / scale)
        assert diversity.best[i] == pytest.approx(mean(best) / scale)


def repeated(search, times):
    """A search of several times as many trials."""
    trials = [
        dataclasses.replace(
            trial,
            trial_id=str(number),
            number=number,
            parents=(str(number - 1),) if number else (),
        )
        for number, trial in enumerate(search.trials * times)
    ]
    return dataclasses.replace(search, trials=tuple(trials))


def num_calls(function, *arguments):
    """How many functions a function calls, also those written in C."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize(
    "look",
    [
        lambda search: tables.write_csv(search, io.StringIO()),
        lambda search: tables.write_json(search, io.StringIO()),
        plain_text.overview,
        table_of,
        credits_of,
        diversity_of,
        lambda search: family_of(search, "100"),
        lambda search: ancestry_of(search, search.trials[-1].trial_id),
    ],
)
def test_the_cost_of_looking_grows_with_the_trials(single, look):
    # The first call of a function may load something.
    look(repeated(single, 4))
    few = num_calls(look, repeated(single, 4))
    many = num_calls(look, repeated(single, 16))
    assert many < 4.5 * few


def test_distances_of_many_trials_are_not_all_computed(single, monkeypatch):
    sizes = []
    original = diversity_module.squared_distances

    def measured(points, others):
        sizes.append(len(points) * len(others))
        return original(points, others)

    monkeypatch.setattr(diversity_module, "squared_distances", measured)
    monkeypatch.setattr(diversity_module, "MAX_SAMPLE", 100)
    diversity_of(repeated(single, 10))
    assert max(sizes) == 100**2
    assert sum(sizes) < 100**2 + 2 * 400 * 20**2


def test_the_importance_of_many_trials_is_that_of_some(single, monkeypatch):
    monkeypatch.setattr(importance, "MAX_TRIALS", 30)
    found = importance_of(single, single.objectives[0])
    assert found.num_trials == 30


def test_evenly_keeps_both_ends(single):
    trials = single.trials
    assert evenly(trials, 100) == list(trials)
    assert evenly(trials, 2) == [trials[0], trials[-1]]
    assert len(evenly(trials, 7)) == len({t.number for t in evenly(trials, 7)})
    assert evenly([], 3) == []


def test_a_parent_that_is_younger_is_none(single):
    trials = list(repeated(single, 1).trials)
    trials[3] = dataclasses.replace(trials[3], parents=("3", "5", "2"))
    search = dataclasses.replace(single, trials=tuple(trials))
    family = family_of(search, "5")
    assert ("2", "3") in family.births
    assert not {("3", "3"), ("5", "3")} & set(family.births)


def test_what_matters_is_found(tmp_path):
    def measure(values, rng):
        return {"val_accuracy": -abs(np.log10(values["learning_rate"]) + 4.0)}

    search = read_search(projects.simulate(tmp_path / "p", 40, measure=measure))
    found = importance_of(search, search.objectives[0])
    assert found.names[0] == "learning_rate"
    assert found.means[0] > 3 * found.means[1]
    assert (np.diff(found.means) <= 0.0).all()
    assert found.num_trials == 39
    assert found.r2 > 0.5


def test_a_landscape_is_highest_where_the_best_trials_are(tmp_path):
    def measure(values, rng):
        far = abs(np.log10(values["learning_rate"]) + 4.0)
        return {"val_accuracy": -far - abs(values["units_0"] - 64) / 64}

    search = read_search(projects.simulate(tmp_path / "p", 40, measure=measure))
    assert "learning_rate" in telling_names(search, 2)
    assert len(telling_pairs(search, 3)) == 3
    found = landscape_of(search, "learning_rate", "units_0")
    assert len(found.trials) == len(found.codes) == 39
    row, column = np.unravel_index(found.ranks.argmax(), found.ranks.shape)
    # 1e-4 is a quarter of the way, 64 a fifth.
    assert found.grid[column] == pytest.approx(0.25, abs=0.15)
    assert found.grid[row] == pytest.approx(0.2, abs=0.2)
    assert landscape_of(search, "learning_rate", "momentum") is None or all(
        "momentum" in trial.values
        for trial in landscape_of(search, "learning_rate", "momentum").trials
    )
    with pytest.raises(ValueError, match="`name` must be.*'nothing'"):
        landscape_of(search, "learning_rate", "nothing")


def test_few_trials_have_no_importance():
    search = search_of(*(trial(i, loss=float(i)) for i in range(5)))
    assert importance_of(search, LOSS) is None


# Time.


def test_pauses_are_left_out_of_the_time():
    def run(number, worker, began, ended):
        return TrialRecord(
            str(number),
            number,
            "COMPLETED",
            {},
            {"loss": 1.0},
            worker=worker,
            began=began,
            ended=ended,
        )

    search = search_of(
        run(0, "a", 1000.0, 1010.0),
        run(1, "b", 1005.0, 1030.0),
        # The next day; two seconds between trials are no pause.
        run(2, "a", 90_000.0, 90_010.0),
        run(3, "a", 90_012.0, 90_020.0),
        trial(4, loss=1.0),
    )
    spans = timeline_of(search)
    assert [(s.worker, s.start, s.seconds) for s in spans] == [
        ("a", 0.0, 10.0),
        ("b", 5.0, 25.0),
        ("a", 30.0, 10.0),
        ("a", 42.0, 8.0),
    ]
    assert busy_seconds(search) == 50.0
    assert busy_seconds(search_of(trial(0, loss=1.0))) is None


def test_sessions_leave_out_pauses_of_any_length(tmp_path):
    folder = projects.simulate(tmp_path / "p", 4, failed=(), num_workers=1)
    path = folder / "journal.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    # Each trial takes 10 seconds. A pause of 20 seconds and one of a day
    # separate three sessions.
    sessions = [1000.0, 1040.0, 90_000.0]
    moments = [(0, 0), (0, 10), (0, 10), (0, 20)]
    moments += [(1, 0), (1, 10), (2, 0), (2, 10)]
    timed = [x for x in lines if x["event"] in ("trial", "end")]
    for line in lines:
        line.update(session=sessions[0], seconds=0.0, time=sessions[0])
    for line, (session, seconds) in zip(timed, moments, strict=True):
        began = sessions[session]
        line.update(session=began, seconds=seconds, time=began + seconds)
        line.pop("began", None)
    lines = [x for x in lines if x["event"] in ("search", "trial", "end")]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    search = read_search(folder)
    assert [(s.start, s.seconds) for s in timeline_of(search)] == [
        (0.0, 10.0),
        (10.0, 10.0),
        (20.0, 10.0),
        (30.0, 10.0),
    ]
    assert busy_seconds(search) == 40.0


# Figures.


def near_scores(*ids):
    near = (0.999970018863678, 0.9999799728393555, 1.0)
    search = search_of(
        *(trial(i, gain=score) for i, score in zip(ids, near, strict=True)),
        objectives=(GAIN,),
    )
    return search, ["1", "0.99998", "0.99997"]


def test_tables_tell_near_scores_apart_and_ids_have_one_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    search, texts = near_scores(8, 9, 10)
    lines = plain_text.overview(search).splitlines()[-3:]
    assert [line.split()[2] for line in lines] == texts
    assert [line[6:8] for line in lines] == ["10", " 9", " 8"]
    table = table_of(search)
    column = table.columns.index("gain")
    assert [row[column].shown for row in table.rows] == texts


def test_a_table_has_no_column_without_a_value(tmp_path):
    stock = read_search(stock_projects.hyperband(tmp_path / "past"))
    table = table_of(stock)
    assert table.columns[:4] == ["rank", "trial", "status", "score"]
    assert table.columns[4:7] == ["bracket", "round", "epochs"]
    assert len(table.kinds) == len(table.columns)
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert not {"made by", "parents", "time", "problem"} & {*table.columns}
    own = table_of(read_search(projects.simulate(tmp_path / "own", 12)))
    assert {"made by", "parents", "time"} < {*own.columns}


def test_compare_tells_near_scores_apart(tmp_path):
    search, texts = near_scores(0, 1, 2)
    searches = [
        dataclasses.replace(search, folder=tmp_path / name, trials=(one,))
        for name, one in zip("cba", search.trials, strict=True)
    ]
    lines = plain_text.comparison(searches).splitlines()[-3:]
    assert [line.split()[3] for line in lines] == texts
