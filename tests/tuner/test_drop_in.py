"""`EvolutionTuner` where a user had `keras_tuner.RandomSearch`."""

import inspect
from pathlib import Path

import keras
import keras_tuner as kt
import pytest
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import build_dense
from tuner_helpers import dense_model
from tuner_helpers import trials_of
from tuner_helpers import values_of

import kt_evolution

pytestmark = pytest.mark.graph


def new_tuner(folder, build=build_dense, **kwargs):
    kwargs.setdefault("objective", "val_loss")
    kwargs.setdefault("max_trials", 3)
    return kt_evolution.EvolutionTuner(
        build, directory=folder, project_name="p", seed=0, **kwargs
    )


@pytest.mark.parametrize(
    ("ours", "hosts"),
    [
        (kt_evolution.EvolutionTuner, kt.RandomSearch),
        (kt_evolution.EvolutionOracle, kt.oracles.RandomSearchOracle),
    ],
)
def test_the_signature_begins_as_that_of_random_search(ours, hosts):
    expected = [
        (p.name, p.default)
        for p in inspect.signature(hosts).parameters.values()
        if p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    expected[-1] = ("max_consecutive_failed_trials", 10)
    found = list(inspect.signature(ours).parameters.values())
    assert [(p.name, p.default) for p in found[: len(expected)]] == expected
    others = found[len(expected) :]
    assert all(p.kind in (p.KEYWORD_ONLY, p.VAR_KEYWORD) for p in others)


def test_a_build_function_is_searched(tmp_path):
    tuner = new_tuner(tmp_path)
    tuner.search(**FIT)
    assert len(trials_of(tuner, "COMPLETED")) == 3
    assert values_of(tuner)[0] == {"units": 1, "lr": 1e-3}
    best = tuner.get_best_hyperparameters()[0]
    assert tuner.hypermodel.build(best).count_params() > 0


def test_the_arguments_of_the_host_reach_it(tmp_path):
    tuner = new_tuner(tmp_path, loss="mse", metrics=["mae"], max_trials=1)
    tuner.search(**FIT)
    assert tuner.oracle.get_trial("0").metrics.exists("val_mae")


@pytest.mark.parametrize("kind", [str, Path])
def test_the_directory_has_the_type_that_was_given(tmp_path, kind):
    tuner = new_tuner(kind(tmp_path), max_trials=1)
    assert tuner.directory == kind(tmp_path)


class FitsItself(kt.HyperModel):
    """Meets a hyperparameter that its build never asks for."""

    def build(self, hp):
        return build_dense(hp)

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, **kwargs, shuffle=hp.Boolean("shuffle"))


def test_a_hypermodel_may_meet_hyperparameters_in_fit(tmp_path):
    tuner = new_tuner(tmp_path, FitsItself(), max_trials=6)
    tuner.search(**FIT)
    assert len(trials_of(tuner, "COMPLETED")) == 6
    assert {values["shuffle"] for values in values_of(tuner)} == {True, False}


def test_a_subclass_may_run_trials_without_a_hypermodel(tmp_path):
    def score(hp):
        return (hp.Float("a", -1.0, 1.0) - 0.5) ** 2 + hp.Boolean("b")

    tuner = ScoringTuner(max_trials=40, directory=tmp_path, seed=0)
    tuner.search(score)
    best = tuner.get_best_hyperparameters()[0].values
    assert abs(best["a"] - 0.5) < 0.2
    assert best["b"] is False


def test_neither_a_hypermodel_nor_run_trial_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="hypermodel=None"):
        kt_evolution.EvolutionTuner(directory=tmp_path)


def test_each_trial_is_the_mean_of_its_executions(tmp_path):
    losses = []

    class Remembers(kt.HyperModel):
        def build(self, hp):
            return build_dense(hp)

        def fit(self, hp, model, *args, **kwargs):
            history = model.fit(*args, **kwargs)
            losses.append(history.history["val_loss"][0])
            return history

    tuner = new_tuner(
        tmp_path, Remembers(), executions_per_trial=3, max_trials=2
    )
    tuner.search(**FIT)
    assert len(losses) == 6
    scores = [trial.score for trial in trials_of(tuner)]
    assert scores == pytest.approx([sum(losses[:3]) / 3, sum(losses[3:]) / 3])


def test_a_crashed_trial_is_tried_again_with_the_same_values(tmp_path):
    seen = []

    def score(hp):
        seen.append(hp.Int("a", 0, 1000))
        if len(seen) in (2, 3):
            raise OSError("the disk was asleep")
        return seen[-1]

    tuner = ScoringTuner(
        max_trials=3, max_retries_per_trial=2, directory=tmp_path, seed=0
    )
    tuner.search(score)
    assert len(trials_of(tuner, "COMPLETED")) == 3
    assert seen[1] == seen[2] == seen[3]
    assert tuner.oracle.get_trial("1").score == seen[1]


def test_a_trial_out_of_retries_is_failed_and_the_search_goes_on(tmp_path):
    runs = []

    def score(hp):
        runs.append(hp.Int("a", 0, 1000))
        if len(set(runs)) == 2:
            raise OSError("the disk is gone")
        return runs[-1]

    tuner = ScoringTuner(
        max_trials=3, max_retries_per_trial=1, directory=tmp_path, seed=0
    )
    tuner.search(score)
    statuses = [trial.status for trial in trials_of(tuner)]
    assert statuses == ["COMPLETED", "FAILED", "COMPLETED"]
    assert len(runs) == 4
    assert "the disk is gone" in tuner.oracle.get_trial("1").message


def test_failed_trial_error_is_not_tried_again(tmp_path):
    runs = []

    def score(hp):
        runs.append(hp.Int("a", 0, 1000))
        if len(runs) == 1:
            raise kt.errors.FailedTrialError("hopeless")
        return runs[-1]

    tuner = ScoringTuner(
        max_trials=2, max_retries_per_trial=3, directory=tmp_path, seed=0
    )
    tuner.search(score)
    assert len(runs) == 2
    assert [t.status for t in trials_of(tuner)] == ["FAILED", "COMPLETED"]


def given_units():
    hp = kt.HyperParameters()
    hp.Int("units", 3, 5, default=4)
    return hp


def test_given_hyperparameters_override_the_build(tmp_path):
    tuner = new_tuner(tmp_path, hyperparameters=given_units(), max_trials=5)
    tuner.search(**FIT)
    assert values_of(tuner)[0] == {"units": 4, "lr": 1e-3}
    assert {values["units"] for values in values_of(tuner)} <= {3, 4, 5}
    assert len({values["lr"] for values in values_of(tuner)}) > 1


def test_a_given_constant_replaces_a_search(tmp_path):
    hp = kt.HyperParameters()
    hp.Fixed("lr", 0.5)
    hp.Choice("units", [2, 3])
    tuner = new_tuner(tmp_path, hyperparameters=hp, max_trials=5)
    tuner.search(**FIT)
    assert {values["lr"] for values in values_of(tuner)} == {0.5}
    assert sorted(v["units"] for v in values_of(tuner)) == [2, 3]


def test_new_entries_that_are_not_tuned_keep_their_default(tmp_path):
    tuner = new_tuner(
        tmp_path,
        hyperparameters=given_units(),
        tune_new_entries=False,
        max_trials=5,
    )
    tuner.search(**FIT)
    # Three models are in the space, and one is trained for each.
    assert sorted(v["units"] for v in values_of(tuner)) == [3, 4, 5]
    assert {values["lr"] for values in values_of(tuner)} == {1e-3}
    assert [hp.name for hp in tuner.oracle.get_space().space] == ["units"]


def test_entries_that_are_not_allowed_are_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="allow_new_entries.*lr"):
        new_tuner(
            tmp_path, hyperparameters=given_units(), allow_new_entries=False
        )


def test_given_hyperparameters_may_be_all_that_is_allowed(tmp_path):
    tuner = new_tuner(
        tmp_path,
        lambda hp: dense_model(hp.get("units")),
        hyperparameters=given_units(),
        allow_new_entries=False,
        tune_new_entries=False,
        max_trials=10,
    )
    tuner.search(**FIT)
    assert sorted(v["units"] for v in values_of(tuner)) == [3, 4, 5]


def test_a_hypermodel_that_is_not_tunable_has_its_defaults(tmp_path):
    class Dense(kt.HyperModel):
        def build(self, hp):
            return build_dense(hp)

    tuner = new_tuner(tmp_path, Dense(tunable=False), max_trials=5)
    tuner.search(**FIT)
    # There is one model only, so there is one trial only.
    assert len(trials_of(tuner, "COMPLETED")) == 1
    assert tuner.oracle.get_space().space == []


def test_given_values_reach_a_hypermodel_that_is_not_tunable(tmp_path):
    class Dense(kt.HyperModel):
        def build(self, hp):
            return build_dense(hp)

    tuner = new_tuner(
        tmp_path,
        Dense(tunable=False),
        hyperparameters=given_units(),
        max_trials=5,
    )
    tuner.search(**FIT)
    assert sorted(v["units"] for v in values_of(tuner)) == [3, 4, 5]


def test_callbacks_of_the_user_come_first(tmp_path):
    class Recorder(kt.HyperModel):
        names: list[str] = []

        def build(self, hp):
            return build_dense(hp)

        def fit(self, hp, model, *args, callbacks, **kwargs):
            self.names = [type(one).__name__ for one in callbacks]
            return model.fit(*args, callbacks=callbacks, **kwargs)

    recorder = Recorder()
    tuner = kt_evolution.EvolutionTuner(
        recorder, objective="val_loss", max_trials=1, directory=tmp_path
    )
    stopping = keras.callbacks.EarlyStopping(patience=9)
    tuner.search(**FIT, callbacks=[stopping, keras.callbacks.TerminateOnNaN()])
    assert recorder.names[:2] == ["EarlyStopping", "TerminateOnNaN"]
    # A training that was given to another worker ends before these write.
    hosts = ("TunerCallback", "SaveMeasuredEpochs")
    first = min(map(recorder.names.index, hosts))
    assert recorder.names[first - 1] == "EndWatch"
