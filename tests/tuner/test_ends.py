"""A search that ends by itself says why, each time it is asked to go on."""

import keras_tuner as kt
import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import empty_model
from tuner_helpers import trials_of
from tuner_helpers import values_of

import kt_evolution

EVERY = "every model of the search space is known"


def two(hp):
    hp.Boolean("bias")
    return empty_model()


def nothing(hp):
    return empty_model()


def single_values(hp):
    hp.Fixed("units", 3)
    hp.Choice("act", ["relu"])
    return empty_model()


def new_tuner(folder, build, max_trials=30, **kwargs):
    return ScoringTuner(
        build,
        max_trials=max_trials,
        seed=0,
        directory=folder,
        project_name="p",
        **kwargs,
    )


def score(hp):
    return float(hp.values.get("bias", 0))


@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
@pytest.mark.parametrize(
    ("low", "high", "sampling", "count"),
    [
        (1.0, 1.0000000000000002, "linear", 2),
        (1e16, 1e16 + 10, "log", 6),
        (-1e-323, 1e-323, "linear", 5),
    ],
)
def test_a_range_of_few_floats_is_exhausted(
    tmp_path, surrogate, low, high, sampling, count
):
    def build(hp):
        hp.Float("rate", low, high, sampling=sampling)
        return empty_model()

    tuner = new_tuner(tmp_path, build, 12, surrogate=surrogate)
    tuner.search(lambda hp: hp.get("rate"))
    trained = [values["rate"] for values in values_of(tuner)]
    assert len(set(trained)) == len(trained) == count
    assert tuner.oracle.stop_reason == EVERY


@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
@pytest.mark.parametrize("dry_build", [True, False])
def test_an_exhausted_space_says_so(tmp_path, capsys, surrogate, dry_build):
    options = {"surrogate": surrogate, "dry_build": dry_build}
    tuner = new_tuner(tmp_path, two, **options)
    tuner.search(score)
    assert len(trials_of(tuner, "COMPLETED")) == 2
    assert tuner.oracle.stop_reason == EVERY
    assert capsys.readouterr().out.count(EVERY) == 1
    journal = (tmp_path / "p" / "journal.jsonl").read_bytes()
    # In the same process and in the next it says so again.
    tuner.search(score)
    assert capsys.readouterr().out.count(f"stopped: {EVERY}") == 1
    again = new_tuner(tmp_path, two, **options)
    assert again.oracle.stop_reason == EVERY
    again.search(score)
    printed = capsys.readouterr().out
    assert printed.count(f"The search stopped: {EVERY}") == 1
    assert printed.count(EVERY) == 1
    assert (tmp_path / "p" / "journal.jsonl").read_bytes() == journal


@pytest.mark.parametrize("build", [nothing, single_values])
def test_without_hyperparameters_there_is_one_model(tmp_path, capsys, build):
    tuner = new_tuner(tmp_path, build, 4)
    tuner.search(score)
    assert len(trials_of(tuner)) == 1
    reason = tuner.oracle.stop_reason
    assert reason.startswith("there is no hyperparameter with several values")
    assert reason in capsys.readouterr().out


def test_models_that_cant_be_trained_are_counted(tmp_path, capsys):
    def build(hp):
        if hp.Choice("units", [1, 2, 3, 4]) > 2:
            raise ValueError("It is too large.")
        return empty_model()

    tuner = new_tuner(tmp_path, build)
    tuner.search(lambda hp: 1.0)
    assert tuner.oracle.stop_reason == (f"{EVERY}, 2 of which can't be trained")
    again = new_tuner(tmp_path, build)
    again.search(lambda hp: 1.0)
    assert again.oracle.stop_reason == tuner.oracle.stop_reason
    assert len(again.oracle.history) == len(tuner.oracle.history) == 4


def test_a_finished_search_says_what_to_do(tmp_path, capsys):
    def build(hp):
        hp.Float("bias", 0.0, 1.0)
        return empty_model()

    tuner = new_tuner(tmp_path, build, 3)
    tuner.search(score)
    printed = capsys.readouterr().out
    assert "nothing left" not in printed
    end = "The search is finished: all 3 trials of max_trials=3 have ended"
    assert printed.count(end) == 1
    for finished in (tuner, new_tuner(tmp_path, build, 3)):
        finished.search(score)
        printed = capsys.readouterr().out
        assert "all 3 trials of max_trials=3 have ended" in printed
        assert "larger `max_trials`" in printed
        assert finished.oracle.stop_reason is None
    fewer = new_tuner(tmp_path, build, 2)
    printed = capsys.readouterr().out
    assert "3 trials, 3 of them completed" in printed
    assert "max_trials" not in printed
    fewer.search(score)
    assert "all 3 trials of max_trials=2" in capsys.readouterr().out
    more = new_tuner(tmp_path, build, 4)
    more.search(score)
    assert "nothing left" not in capsys.readouterr().out
    assert len(trials_of(more)) == 4


def test_failed_trials_count_as_run(tmp_path, capsys):
    def fail(hp):
        if len(trials_of(tuner)) > 1:
            raise RuntimeError("It crashes.")
        return score(hp)

    tuner = new_tuner(tmp_path, two, 2)
    tuner.search(fail)
    capsys.readouterr()
    new_tuner(tmp_path, two, 2).search(fail)
    printed = capsys.readouterr().out
    assert printed.count("all 2 trials of max_trials=2 have ended") == 1
    assert printed.count("max_trials") == 2


def test_an_exhausted_search_goes_on_with_new_hyperparameters(tmp_path):
    new_tuner(tmp_path, two).search(score)

    def more(hp):
        hp.Choice("act", ["relu", "tanh"])
        return two(hp)

    tuner = new_tuner(tmp_path, more, 3)
    tuner.search(score)
    assert len(trials_of(tuner)) == 3
    assert tuner.oracle.stop_reason is None


@pytest.mark.parametrize("verbose", [0, 1])
def test_an_oracle_alone_says_so_too(tmp_path, capsys, verbose):
    class HostTuner(kt.Tuner):
        def run_trial(self, trial, *args, **kwargs):
            return score(trial.hyperparameters)

    hp = kt.HyperParameters()
    hp.Boolean("bias")
    oracle = kt_evolution.EvolutionOracle(max_trials=9, hyperparameters=hp)
    oracle.verbose = verbose
    tuner = HostTuner(oracle=oracle, directory=tmp_path, project_name="p")
    tuner.search(verbose=verbose)
    assert oracle.stop_reason == EVERY
    assert (EVERY in capsys.readouterr().out) == bool(verbose)
    oracle.max_trials = 2
    tuner.search(verbose=verbose)
    assert ("max_trials=2" in capsys.readouterr().out) == bool(verbose)
