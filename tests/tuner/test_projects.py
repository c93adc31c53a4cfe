"""Searches that go on, start again, or live side by side."""

import contextlib
import pathlib

import keras_tuner as kt
import numpy as np
import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import empty_model
from tuner_helpers import trials_of
from tuner_helpers import values_of

import kt_evolution
from kt_evolution.display.formatting import number


def build(hp):
    hp.Int("a", 0, 1000)
    if hp.Boolean("deep"):
        hp.Float("rate", 0.1, 0.9)
    return empty_model()


def score(hp):
    return hp.get("a") + 10 * hp.get("deep")


def new_tuner(folder, max_trials=4, seed=0, **kwargs):
    kwargs.setdefault("project_name", "p")
    return ScoringTuner(
        build,
        max_trials=max_trials,
        seed=seed,
        directory=folder,
        num_initial_points=4,
        **kwargs,
    )


def searched(folder, max_trials=4, **kwargs):
    tuner = new_tuner(folder, max_trials, **kwargs)
    tuner.search(score)
    return tuner


def test_a_finished_search_is_read_and_not_run_again(tmp_path):
    first = searched(tmp_path)
    again = new_tuner(tmp_path)
    again.search(lambda hp: pytest.fail("A finished trial was run again."))
    assert values_of(again) == values_of(first)
    assert [t.score for t in trials_of(again)] == [
        t.score for t in trials_of(first)
    ]


def test_more_trials_go_on_as_if_there_had_been_no_end(tmp_path):
    whole = searched(tmp_path / "whole", 12)
    searched(tmp_path / "parts", 5)
    resumed = searched(tmp_path / "parts", 12)
    assert len(trials_of(resumed, "COMPLETED")) == 12
    assert values_of(resumed) == values_of(whole)


def test_search_called_twice_goes_on(tmp_path):
    tuner = searched(tmp_path, 3)
    tuner.search(score)
    assert len(trials_of(tuner)) == 3
    tuner.oracle.max_trials = 9
    tuner.search(score)
    assert values_of(tuner) == values_of(searched(tmp_path / "whole", 9))


def test_overwrite_starts_anew(tmp_path):
    searched(tmp_path, 6)
    tuner = new_tuner(tmp_path, 2, overwrite=True)
    assert trials_of(tuner) == []
    tuner.search(score)
    assert len(trials_of(tuner, "COMPLETED")) == 2


@pytest.mark.parametrize("seed", [0, 1, None])
def test_the_seed_decides_the_trials(tmp_path, seed):
    one = searched(tmp_path / "1", 8, seed=seed)
    two = searched(tmp_path / "2", 8, seed=seed)
    other = searched(tmp_path / "3", 8, seed=2)
    assert (values_of(one) == values_of(two)) == (seed is not None)
    assert values_of(one) != values_of(other)


def test_a_random_seed_is_kept_on_resume(tmp_path):
    searched(tmp_path, 5, seed=None)
    # A seed of the past is in the journal, so the rest is decided.
    seed = new_tuner(tmp_path, seed=None).oracle.seed
    resumed = searched(tmp_path, 9, seed=None)
    assert resumed.oracle.seed == seed
    assert values_of(resumed) == values_of(
        searched(tmp_path / "whole", 9, seed=seed)
    )


def test_searches_in_one_process_do_not_meet(tmp_path):
    alone = searched(tmp_path / "alone", 6)
    tuners = [new_tuner(tmp_path, 6, project_name=name) for name in ("a", "b")]
    # Their trials take turns.
    for max_trials in range(1, 7):
        for tuner in tuners:
            tuner.oracle.max_trials = max_trials
            tuner.search(score)
    for tuner in tuners:
        assert values_of(tuner) == values_of(alone)


@pytest.mark.parametrize("tuner_id", ["x", "worker-7"])
def test_a_given_tuner_id_resumes(tmp_path, tuner_id):
    searched(tmp_path, 3, tuner_id=tuner_id)
    again = new_tuner(tmp_path, 3, tuner_id=tuner_id)
    assert again.tuner_id == tuner_id
    assert len(trials_of(again, "COMPLETED")) == 3


def test_max_trials_none_goes_on_until_the_space_is_done(tmp_path):
    tuner = ScoringTuner(
        lambda hp: (hp.Int("a", 1, 7), empty_model())[1],
        max_trials=None,
        directory=tmp_path,
    )
    tuner.search(lambda hp: hp.get("a"))
    assert sorted(v["a"] for v in values_of(tuner)) == [1, 2, 3, 4, 5, 6, 7]


class Interrupts:
    """Scores, and interrupts one of the calls."""

    def __init__(self, at):
        self.at = at
        self.num_calls = 0

    def __call__(self, hp):
        self.num_calls += 1
        if self.num_calls == self.at:
            raise KeyboardInterrupt
        return score(hp)


@pytest.mark.parametrize("at", [1, 3, 7])
@pytest.mark.parametrize("is_new_process", [False, True])
def test_an_interrupted_search_goes_on(tmp_path, at, is_new_process):
    whole = searched(tmp_path / "whole", 8)
    tuner = new_tuner(tmp_path, 8)
    # It is raised only where there is no result yet.
    with contextlib.suppress(KeyboardInterrupt):
        tuner.search(Interrupts(at))
    assert len(trials_of(tuner, "COMPLETED")) == at - 1
    if is_new_process:
        tuner = new_tuner(tmp_path, 8)
    tuner.search(score)
    assert len(trials_of(tuner, "COMPLETED")) == 8
    assert values_of(tuner) == values_of(whole)


@pytest.mark.parametrize("at", [4, 7])
def test_a_search_interrupted_in_a_build_goes_on(tmp_path, at):
    whole = searched(tmp_path / "whole", 8)
    builds = Interrupts(at)

    def build_or_stop(hp):
        model = build(hp)
        builds(hp)
        return model

    tuner = ScoringTuner(
        build_or_stop,
        max_trials=8,
        seed=0,
        directory=tmp_path,
        num_initial_points=4,
    )
    with contextlib.suppress(KeyboardInterrupt):
        tuner.search(score)
    assert len(trials_of(tuner, "COMPLETED")) < 8
    tuner.search(score)
    assert values_of(tuner) == values_of(whole)


def test_a_folder_may_be_a_path(tmp_path):
    folder = pathlib.Path(tmp_path) / "new" / "folder"
    searched(folder)
    assert (folder / "p" / "oracle.json").is_file()
    assert len(trials_of(new_tuner(str(folder)), "COMPLETED")) == 4


@pytest.mark.parametrize("folder", ["gs://bucket/x", "s3://bucket", "hdfs://a"])
def test_a_folder_must_be_of_a_file_system(folder):
    with pytest.raises(ValueError, match=f"`directory` must.*{folder}"):
        new_tuner(folder)


def test_the_project_of_another_tuner_is_not_taken_for_ours(tmp_path):
    def build_model(hp):
        hp.Int("a", 0, 1000)
        return empty_model()

    class Stock(kt.RandomSearch):
        def run_trial(self, trial, score):
            return trial.hyperparameters.get("a")

    Stock(build_model, directory=tmp_path, project_name="p").search(score)
    with pytest.raises(RuntimeError, match="made by another oracle"):
        new_tuner(tmp_path)


def test_another_objective_is_not_mixed_in(tmp_path):
    searched(tmp_path)
    with pytest.raises(ValueError, match="`objective` must be"):
        new_tuner(tmp_path, objective=kt.Objective("score", "max"))


def test_summaries_are_the_hosts(tmp_path, capsys):
    tuner = new_tuner(tmp_path)
    tuner.search_space_summary()
    printed = capsys.readouterr().out
    assert "a (Int)" in printed and "deep (Boolean)" in printed
    tuner.search(score)
    tuner.results_summary(2)
    printed = capsys.readouterr().out
    assert printed.count("summary") >= 2
    best = tuner.oracle.get_best_trials()[0]
    assert f"Score: {number(best.score)}\n" in printed
    tuner.search_space_summary()


def test_the_best_hyperparameters_come_best_first(tmp_path):
    tuner = searched(tmp_path, 8)
    scores = [score(hp) for hp in tuner.get_best_hyperparameters(8)]
    assert scores == sorted(scores)
    assert scores[0] == min(score(t.hyperparameters) for t in trials_of(tuner))
    assert len(tuner.get_best_hyperparameters(3)) == 3


def test_values_of_trials_are_native(tmp_path):
    def build_model(hp):
        hp.Int("i", 1, 100, sampling="log")
        hp.Float("f", 0.0, 1.0, step=0.1)
        hp.Choice("b", [True, False])
        hp.Choice("s", ["x", "y"])
        hp.Choice("n", list(np.array([1.5, 2.5, 3.5])))
        return empty_model()

    seen = []
    tuner = ScoringTuner(
        build_model, max_trials=15, directory=tmp_path, num_initial_points=3
    )
    tuner.search(lambda hp: seen.append(dict(hp.values)) or len(seen))
    assert len(seen) == 15
    for values in seen:
        kinds = {name: type(value) for name, value in values.items()}
        assert kinds.pop("b") in (bool, int)
        assert kinds == {"i": int, "f": float, "s": str, "n": float}


def test_the_package_offers_what_it_says():
    for name in kt_evolution.__all__:
        assert getattr(kt_evolution, name).__name__ == name
    with pytest.raises(AttributeError, match="'RandomSearch'"):
        kt_evolution.RandomSearch  # noqa: B018
