"""What is computed of a search before anything is drawn."""

from pathlib import Path

import numpy as np
import pytest

from kt_evolution.core.space import SearchSpace
from kt_evolution.limits import Limit
from kt_evolution.reporting.diversity import distances_of
from kt_evolution.reporting.diversity import diversity_of
from kt_evolution.reporting.importance import importance_of
from kt_evolution.reporting.layered import place
from kt_evolution.reporting.lineage import family_of
from kt_evolution.reporting.progress import credits_of
from kt_evolution.reporting.progress import progress_of
from kt_evolution.reporting.reading import read_search
from kt_evolution.reporting.records import ObjectiveRecord
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.records import TrialRecord
from kt_evolution.reporting.timeline import busy_seconds
from kt_evolution.reporting.timeline import timeline_of
from tests.reporting import projects

LOSS = ObjectiveRecord("loss", "min")
GAIN = ObjectiveRecord("gain", "max")


def trial(number, parents=(), operator="mutation", limits=(), **metrics):
    status = "COMPLETED" if metrics else "FAILED"
    excess = tuple(limit.excess(metrics) for limit in limits)
    return TrialRecord(
        str(number),
        number,
        status,
        {},
        metrics,
        operator=operator,
        parents=tuple(map(str, parents)),
        excess=excess,
        broken=tuple(
            str(x) for x, e in zip(limits, excess, strict=True) if e > 0
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
    distances = distances_of(single, single.completed)
    assert np.allclose(distances, distances.T)
    assert np.allclose(np.diag(distances), 0.0, atol=1e-6)
    others = distances[~np.eye(len(distances), dtype=bool)]
    assert others.min() > 1e-3


def test_a_search_settles(single):
    diversity = diversity_of(single, population_size=8)
    assert len(diversity.recent) == len(single.completed)
    assert diversity.best[-1] < diversity.best[7]


def test_what_matters_is_found(tmp_path):
    def measure(values, rng):
        return {"val_accuracy": -abs(np.log10(values["learning_rate"]) + 4.0)}

    search = read_search(projects.simulate(tmp_path / "p", 40, measure=measure))
    importance = importance_of(search, search.objectives[0])
    assert importance.names[0] == "learning_rate"
    assert importance.means[0] > 3 * importance.means[1]
    assert (np.diff(importance.means) <= 0.0).all()
    assert importance.num_trials == 39
    assert importance.r2 > 0.5


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
