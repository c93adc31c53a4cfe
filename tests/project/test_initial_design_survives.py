"""A search that starts from what is known, ended at will and resumed."""

import json
import shutil

import keras_tuner as kt
import pytest

from tests import stock_projects
from tests.project import searches
from tests.project.oracles import make_oracle
from tests.project.oracles import run_trials
from tests.project.test_kill_points import EXIT_CODE
from tests.project.test_kill_points import break_call

GIVEN = [
    {"layers": 3, "units_2": 64, "kind": "a"},
    # It can't be built.
    {"kind": "e"},
    {"kind": "b", "late": 0.5},
]


def past_space():
    hp = kt.HyperParameters()
    hp.Int("layers", 1, 3)
    for i in range(3):
        hp.Int(f"units_{i}", 8, 64, step=8)
    # Today there is no f, and d and e can't be built.
    hp.Choice("kind", ["a", "b", "c", "d", "f"])
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Float("late", 0.0, 1.0)
    return hp


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    return stock_projects.random_search(
        tmp_path_factory.mktemp("past") / "project",
        12,
        past_space(),
        kt.Objective("default_objective", "min"),
        lambda trial: {
            "default_objective": trial.hyperparameters.values["late"] / 99
        },
    )


def options(past):
    declared = kt.HyperParameters()
    # Only training asks for it.
    declared.Float("late", 0.0, 1.0)
    return {
        "warm_start": str(past),
        "initial_population": GIVEN,
        "hyperparameters": declared,
    }


def search(folder, past, **kwargs):
    searches.search(folder, **options(past), **kwargs)


def search_until(folder, past, point, when, nth):
    from kt_evolution.oracle import EvolutionOracle
    from kt_evolution.project.journal import Journal
    from kt_evolution.proposals.dry_build import DryBuild

    def appends(kind):
        return lambda journal, line: json.loads(line)["event"] == kind

    calls = {
        "import line": (Journal, "append", appends("import")),
        "warm start line": (Journal, "append", appends("warm_start")),
        "trial line": (Journal, "append", appends("trial")),
        "dry build": (DryBuild, "__call__"),
        "end_trial": (EvolutionOracle, "end_trial"),
    }
    owner, name, *matches = calls[point]
    break_call(owner, name, when, nth, *matches)
    search(folder, past)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, past):
    folder = tmp_path_factory.mktemp("whole")
    assert searches.run(search, folder, past) == 0
    return searches.events(folder)


def test_the_whole_search_has_what_is_to_survive(whole):
    kinds = [event["event"] for event in whole]
    num_imports = kinds.count("import")
    assert 4 <= num_imports < 12
    assert kinds[: num_imports + 3] == [
        "search",
        *["import"] * num_imports,
        "warm_start",
        "trial",
    ]
    done = whole[num_imports + 1]
    assert done["imported"] == num_imports
    assert done["dropped"] == 12 - num_imports
    trials = [event for event in whole if event["event"] == "trial"]
    records = [event["record"] for event in trials]
    assert [record.get("given") for record in records[:2]] == [0, 2]
    assert records[1]["rejected"][0]["given"] == 1
    assert records[2]["operator"] == "best import"
    bred = [record for record in records if "parents" in record]
    assert any(
        parent.startswith("import/")
        for record in bred[1:]
        for parent in record["parents"]
    )


@pytest.mark.parametrize(
    ("point", "when", "nth"),
    [
        ("import line", "before", 0),
        ("import line", "during", 0),
        ("import line", "after", 0),
        ("import line", "before", 3),
        ("import line", "during", 3),
        ("import line", "after", 3),
        ("warm start line", "before", 0),
        ("warm start line", "during", 0),
        ("warm start line", "after", 0),
        ("dry build", "before", 1),
        ("dry build", "before", 6),
        ("dry build", "after", 14),
        ("trial line", "before", 0),
        ("trial line", "during", 1),
        ("trial line", "after", 2),
        ("end_trial", "after", 2),
        ("end_trial", "before", 4),
    ],
)
def test_it_goes_on_as_if_nothing_was(tmp_path, past, whole, point, when, nth):
    code = searches.run(search_until, tmp_path, past, point, when, nth)
    assert code == EXIT_CODE
    assert searches.run(search, tmp_path, past) == 0
    searches.check_finished(tmp_path, whole)


def test_the_past_may_be_gone_once_it_was_read(tmp_path, past, whole):
    copy = shutil.copytree(past, tmp_path / "copy")
    code = searches.run(search_until, tmp_path, copy, "trial line", "before", 0)
    assert code == EXIT_CODE
    shutil.rmtree(copy)
    assert searches.run(search, tmp_path, copy) == 0
    expected = [dict(event) for event in whole]
    for event in expected:
        if event["event"] == "warm_start":
            event["path"] = str(copy)
    searches.check_finished(tmp_path, expected)


@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
def test_an_oracle_made_anew_for_each_trial(tmp_path, surrogate):
    past = stock_projects.random_search(
        tmp_path / "past",
        6,
        stock_projects.space(x=(0, 99)),
        kt.Objective("score", "max"),
        lambda trial: {"score": trial.hyperparameters.values["x"] / 99},
    )
    starts = {
        "warm_start": past,
        "initial_population": [{"kind": "b"}, {"x": 40}, {"y": 0.25}],
        "surrogate": surrogate,
    }
    whole = run_trials(make_oracle(tmp_path / "whole", **starts), 12)
    resumed = []
    for _ in range(12):
        resumed += run_trials(make_oracle(tmp_path / "resumed", **starts), 1)
    assert resumed == whole
    assert [values["kind"] for values in whole[:1]] == ["b"]
    assert (whole[1]["x"], whole[2]["y"]) == (40, 0.25)


def test_an_interrupted_import_is_taken_up_in_the_same_process(tmp_path):
    past = stock_projects.random_search(tmp_path / "past", 6)

    def make(name):
        return make_oracle(
            tmp_path / name,
            objective=stock_projects.OBJECTIVE,
            warm_start=past,
            hyperparameters=stock_projects.space(),
        )

    oracle = make("interrupted")
    assert oracle._project.open() is False
    append = oracle._project._journal.append
    calls = []

    def interrupted(event):
        calls.append(event)
        if len(calls) == 4:
            raise KeyboardInterrupt
        append(event)

    oracle._project._journal.append = interrupted
    with pytest.raises(KeyboardInterrupt):
        oracle.create_trial("tuner0")
    assert len(oracle.history.imports) == 2
    first = oracle.create_trial("tuner0").hyperparameters.values
    assert first == make("whole").create_trial("tuner0").hyperparameters.values
    assert len(oracle.history.imports) == 6
    lines = (tmp_path / "interrupted" / "p" / "journal.jsonl").read_text()
    ids = [
        json.loads(line)["trial_id"]
        for line in lines.splitlines()
        if '"event":"import"' in line
    ]
    assert ids == [f"import/{number}" for number in range(6)]
