"""Each proposal is built before it may cost a trial."""

import json
import random
import sys
import warnings
from pathlib import Path

import keras
import keras_tuner as kt
import numpy as np
import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import empty_model
from tuner_helpers import trials_of
from tuner_helpers import values_of

from kt_evolution.costs.measurement import parameter_counts
from kt_evolution.proposals.edits import NUM_REBUILT
from kt_evolution.proposals.proposer import NothingTrainableError
from kt_evolution.reporting.command_line import main
from kt_evolution.reporting.reading import read_search


def new_tuner(folder, build, max_trials=10, **kwargs):
    kwargs.setdefault("seed", 0)
    return ScoringTuner(
        build, max_trials=max_trials, directory=folder, **kwargs
    )


class Counting:
    """A build function that counts its calls."""

    def __init__(self, build):
        self.build = build
        self.num_calls = 0

    def __call__(self, hp):
        self.num_calls += 1
        return self.build(hp)


def stacked(hp):
    """Asks for as many `units_i` as there are layers."""
    for i in range(hp.Int("layers", 1, 5)):
        hp.Int(f"units_{i}", 32, 512, step=32)
    return empty_model()


def units(hp):
    """Returns what `stacked` asked for: the phenotype."""
    return tuple(hp.get(f"units_{i}") for i in range(hp.get("layers")))


def test_no_model_is_trained_twice_and_builds_are_few(tmp_path):
    build = Counting(stacked)
    tuner = new_tuner(tmp_path, build, max_trials=200)
    seen = []

    def score(hp):
        seen.append(units(hp))
        return sum((u - 256) ** 2 for u in seen[-1]) / 1e4 - len(seen[-1])

    tuner.search(score)
    assert len(seen) == len(set(seen)) == 200
    assert build.num_calls <= 2 * 200


def test_builds_are_few_where_models_collide(tmp_path):
    # 84 models, of which each is a phenotype of many genomes.
    def small(hp):
        for i in range(hp.Int("layers", 1, 3)):
            hp.Choice(f"units_{i}", [8, 16, 32, 64])
        return empty_model()

    build = Counting(small)
    tuner = new_tuner(tmp_path, build, max_trials=200)
    seen = []
    tuner.search(lambda hp: seen.append(units(hp)) or sum(seen[-1]))
    assert len(seen) == len(set(seen)) == 4 + 16 + 64
    assert build.num_calls <= 3 * len(seen)


def fails_often(hp):
    """Raises for 40% of its values."""
    a = hp.Int("a", 0, 999)
    hp.Float("b", 0.0, 1.0)
    if a % 5 in (1, 3):
        raise ArithmeticError("a does not divide")
    return empty_model()


@pytest.mark.filterwarnings("error::UserWarning")
def test_all_trials_are_trained_where_many_models_cannot_be_built(
    tmp_path, capsys
):
    build = Counting(fails_often)
    tuner = new_tuner(tmp_path, build, max_trials=60)
    tuner.search(lambda hp: abs(hp.get("a") - 500) + hp.get("b"))
    assert len(trials_of(tuner, "COMPLETED")) == 60
    assert all(v["a"] % 5 not in (1, 3) for v in values_of(tuner))
    assert build.num_calls <= 3 * 60
    # Once for each kind of problem.
    assert capsys.readouterr().out.count("a does not divide") == 1


@pytest.mark.filterwarnings("error::UserWarning")
def test_problems_that_differ_in_numbers_are_of_one_kind(tmp_path, capsys):
    def build(hp):
        a = hp.Int("a", 0, 999)
        if a % 3:
            raise ValueError(f"{a} filters in groups of 3")
        return empty_model()

    tuner = new_tuner(tmp_path, build, max_trials=30)
    tuner.search(lambda hp: hp.get("a"))
    assert len(trials_of(tuner, "COMPLETED")) == 30
    assert capsys.readouterr().out.count("filters in groups of 3") == 1


@pytest.mark.filterwarnings("error::UserWarning")
def test_oversized_models_cost_no_trial(tmp_path, capsys):
    def build(hp):
        units = hp.Int("units", 1, 100)
        return keras.Sequential([keras.Input((10,)), keras.layers.Dense(units)])

    tuner = new_tuner(tmp_path, build, max_trials=40, max_model_size=500)
    # Larger is better: the search pushes against the limit.
    tuner.search(lambda hp: -hp.get("units"))
    printed = capsys.readouterr().out
    assert " times: larger than max_model_size=500\n" in printed
    assert len(trials_of(tuner, "COMPLETED")) == 40
    assert max(v["units"] for v in values_of(tuner)) == 45


def test_a_search_with_nothing_to_train_says_what_and_why(tmp_path):
    build = Counting(lambda hp: 1 / (0 * hp.Int("a", 1, 10**6)))
    tuner = new_tuner(tmp_path, build)
    with (
        pytest.warns(UserWarning, match="division by zero"),
        pytest.raises(
            NothingTrainableError, match="100 times: ZeroDivisionError"
        ),
    ):
        tuner.search(lambda hp: 0.0)
    assert build.num_calls <= 110
    assert trials_of(tuner) == []


def test_a_small_space_with_nothing_to_train_says_so(tmp_path):
    tuner = new_tuner(tmp_path, lambda hp: 1 / (0 * hp.Int("a", 1, 3)))
    with (
        pytest.warns(UserWarning),
        pytest.raises(
            NothingTrainableError, match="3 times: ZeroDivisionError"
        ),
    ):
        tuner.search(lambda hp: 0.0)


def rejected_lines(tuner):
    text = (Path(tuner.project_dir) / "journal.jsonl").read_text("utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    return [event for event in events if event["event"] == "rejected"]


@pytest.mark.parametrize(("largest", "number"), [(10**6, 100), (3, 3)])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_rejections_before_the_first_trial_are_shown(
    tmp_path, capsys, largest, number
):
    proposed = []

    def build(hp):
        proposed.append(hp.Int("a", 1, largest))
        return 1 / 0

    for run in range(2):
        tuner = new_tuner(tmp_path, build)
        proposed.append("search")
        with pytest.raises(NothingTrainableError):
            tuner.search(lambda hp: 0.0)
        # The next run makes the same proposals, and writes them only once.
        assert len(rejected_lines(tuner)) == 1, run
    proposals = " ".join(map(str, proposed)).split("search")
    assert proposals[1].split()[:number] == proposals[2].split()[:number]
    capsys.readouterr()
    folder = str(tuner.project_dir)
    reason = f"{number} times: ZeroDivisionError: division by zero"
    for command, status in (("show", 0), ("best", 1), ("watch", 0)):
        assert main([command, folder]) == status
        captured = capsys.readouterr()
        assert reason in captured.out + captured.err
    page = tmp_path / "page.html"
    assert main(["report", folder, "-o", str(page)]) == 0
    assert reason in page.read_text("utf-8")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_rejections_before_the_first_trial_leave_no_trace_in_a_search(tmp_path):
    def broken(hp):
        return 1 / (0 * hp.Int("a", 1, 10**6) * hp.Int("typo", 1, 9))

    def corrected(hp):
        hp.Int("a", 1, 50)
        return empty_model()

    with pytest.raises(NothingTrainableError):
        new_tuner(tmp_path / "p", broken).search(lambda hp: hp.get("a"))
    found = []
    for folder in ("p", "another"):
        tuner = new_tuner(tmp_path / folder, corrected)
        tuner.search(lambda hp: hp.get("a"))
        found.append(values_of(tuner))
        assert read_search(tuner).rejections == ()
    assert found[0] == found[1]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_rejections_after_trials_are_shown_when_nothing_else_is_left(tmp_path):
    def build(hp):
        if hp.Int("a", 0, 10**6) > 100:
            raise ValueError("too many")
        return empty_model()

    tuner = new_tuner(tmp_path, build, initial_population=[{"a": 7}])
    with pytest.raises(NothingTrainableError):
        tuner.search(lambda hp: hp.get("a"))
    assert trials_of(tuner)
    assert len(rejected_lines(tuner)) == 1
    assert len(read_search(tuner).rejections) >= 100


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_hypermodel_that_fails_at_its_defaults_is_searched(tmp_path, capsys):
    def build(hp):
        if hp.Int("a", 0, 20) < 5:
            raise ValueError("too few")
        hp.Boolean("b")
        return empty_model()

    tuner = new_tuner(tmp_path, build, max_trials=10)
    tuner.search(lambda hp: hp.get("a"))
    assert capsys.readouterr().out.count(" times: ValueError: too few") == 1
    assert len(trials_of(tuner, "COMPLETED")) == 10
    assert {"a", "b"} == set(values_of(tuner)[-1])


@pytest.mark.parametrize("in_search", [False, True])
def test_a_fatal_error_in_a_build_passes(tmp_path, in_search):
    def build(hp):
        if not in_search or hp.Int("a", 0, 100):
            raise kt.errors.FatalError("stop everything")
        return empty_model()

    def run():
        new_tuner(tmp_path, build).search(lambda hp: 0.0)

    with pytest.raises(kt.errors.FatalError, match="stop everything"):
        run()


def test_rejected_models_are_known_after_a_restart(tmp_path):
    def builds_of(folder, max_trials):
        built = []

        def build(hp):
            built.append(hp.Int("a", 0, 999))
            return fails_often(hp)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tuner = new_tuner(tmp_path / folder, build, max_trials)
            tuner.search(lambda hp: hp.get("a"))
        return built

    first, second = builds_of("parts", 10), builds_of("parts", 20)
    whole = builds_of("whole", 20)
    # The same models are proposed. Before that, a restart builds the default
    # model, to see that its hyperparameters are still those of the project,
    # and a few others, to see that the hypermodel is.
    new = whole[len(first) :]
    assert len(new) >= 10
    assert whole == first + second[-len(new) :]
    again = second[: -len(new)]
    assert again[0] == 0
    assert len(again) <= 1 + NUM_REBUILT
    assert set(again) <= set(first)


def test_without_dry_builds_a_model_that_fails_costs_a_trial(tmp_path):
    build = Counting(fails_often)
    tuner = new_tuner(tmp_path, build, max_trials=20, dry_build=False)
    num_before = build.num_calls

    def score(hp):
        tuner.hypermodel.build(hp)
        return hp.get("b")

    tuner.search(score)
    assert build.num_calls == num_before + 20
    statuses = [trial.status for trial in trials_of(tuner)]
    assert len(statuses) == 20
    assert "FAILED" in statuses


def test_the_users_random_streams_are_left_alone(tmp_path):
    def build(hp):
        hp.Int("a", 0, 100)
        random.random()
        np.random.random()
        return empty_model()

    draws = []
    for part in ("stream", "search"):
        random.seed(1)
        np.random.seed(1)
        if part == "search":
            tuner = new_tuner(tmp_path, build, max_trials=15, seed=1)
            tuner.search(lambda hp: hp.get("a"))
        draws.append((random.random(), np.random.random()))
    assert draws[0] == draws[1]


def test_the_size_of_a_model_is_known_once_it_is_built():
    model = keras.Sequential([keras.layers.Dense(2)])
    assert parameter_counts(model) == {}
    model.build((None, 3))
    assert parameter_counts(model) == {"params": 8, "trainable_params": 8}
    model.trainable = False
    assert parameter_counts(model) == {"params": 8, "trainable_params": 0}


def test_a_build_that_leaves_python_is_rejected(tmp_path):
    def build(hp):
        if hp.Int("a", 0, 999) > 500:
            sys.exit("no such model")
        return empty_model()

    tuner = new_tuner(tmp_path, build, max_trials=6)
    with pytest.warns(UserWarning, match="SystemExit: no such model"):
        tuner.search(lambda hp: hp.get("a"))
    assert len(trials_of(tuner, "COMPLETED")) == 6
    assert all(values["a"] <= 500 for values in values_of(tuner))


def test_an_interrupt_in_a_build_is_the_users(tmp_path):
    def build(hp):
        if hp.Int("a", 0, 999) > 500:
            raise KeyboardInterrupt
        return empty_model()

    tuner = new_tuner(tmp_path, build, max_trials=6)
    tuner.search(lambda hp: hp.get("a"))
    assert len(trials_of(tuner)) < 6
    assert not any(
        one.status == "rejected" for one in tuner.oracle.history.individuals
    )
