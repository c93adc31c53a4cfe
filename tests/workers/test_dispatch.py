"""A search with workers is the one without, whatever becomes of a worker."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_evolution
from kt_evolution.workers.interface import WorkerDied
from kt_evolution.workers.interface import WorkerJoined
from tests.workers.searches import FIT
from tests.workers.searches import InlineWorkers
from tests.workers.searches import X
from tests.workers.searches import Y
from tests.workers.searches import build
from tests.workers.searches import new_tuner
from tests.workers.searches import results_of


class Recorder(kt_evolution.SearchCallback):
    """Records its calls; it can't be sent to another process."""

    def __init__(self):
        self.calls = []
        self.source = (number for number in range(3))

    def on_search_begin(self, tuner):
        self.calls.append("begin")

    def on_trial_end(self, tuner, trial):
        known = tuner.oracle.trials[trial.trial_id]
        assert known.score == trial.score
        assert "tuner/requested" not in trial.hyperparameters.values
        self.calls.append((trial.trial_id, trial.status))

    def on_search_end(self, tuner):
        self.calls.append("end")


def test_one_worker_has_the_results_of_this_process(tmp_path):
    here = new_tuner(tmp_path / "here")
    here.search(**FIT)
    workers, recorder = InlineWorkers(1), Recorder()
    tuner = new_tuner(tmp_path / "there", workers=workers)
    tuner.search(**FIT, callbacks=[recorder])
    assert results_of(tuner) == results_of(here)
    ended = [(str(number), "COMPLETED") for number in range(4)]
    assert recorder.calls == ["begin", *ended, "end"]
    assert workers.log[0] == "start"
    assert workers.log[-1] == ("close", False)
    # The weights are those of the same training.
    expected = here.get_best_models()[0].predict(X, verbose=0)
    found = tuner.get_best_models()[0].predict(X, verbose=0)
    np.testing.assert_array_equal(found, expected)
    # The search goes on, here or elsewhere.
    new_tuner(tmp_path / "there", max_trials=5).search(**FIT)
    new_tuner(tmp_path / "here", max_trials=5, workers=workers).search(**FIT)
    again = [new_tuner(tmp_path / name) for name in ("here", "there")]
    assert results_of(again[0]) == results_of(again[1])
    assert len(results_of(again[0])) == 5


def test_each_worker_gets_one_trial_at_a_time(tmp_path, capsys):
    workers = InlineWorkers(3)
    tuner = new_tuner(tmp_path, max_trials=7, workers=workers)
    tuner.search(**{**FIT, "verbose": 1})
    given = [call for call in workers.log if call[0] in workers.names]
    assert [trial_id for _, trial_id in given] == list("0123456")
    assert [name for name, _ in given[:3]] == list(workers.names)
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}
    printed = capsys.readouterr().out
    assert printed.count("The search is finished: all 7 trials") == 1
    assert printed.count("Results are in") == 1
    # There is nothing to do for any process.
    tuner.search(**{**FIT, "verbose": 1})
    assert len(workers.log) == len(given) + 4
    assert "nothing left to run" in capsys.readouterr().out


def test_a_death_costs_a_try(tmp_path):
    workers = InlineWorkers(2, deaths={"0": 1, "2": 2})
    recorder = Recorder()
    tuner = new_tuner(tmp_path, workers=workers, max_retries_per_trial=1)
    tuner.search(**FIT, callbacks=[recorder])
    states = {t.trial_id: t.status for t in tuner.oracle.trials.values()}
    assert states == {
        "0": "COMPLETED",
        "1": "COMPLETED",
        "2": "FAILED",
        "3": "COMPLETED",
    }
    assert tuner.oracle.trials["2"].message == "It died of SIGNAL."
    given = [call[1] for call in workers.log if call[0] in workers.names]
    assert sorted(given) == list("001223")


def test_too_many_deaths_in_a_row_end_the_search(tmp_path):
    workers = InlineWorkers(2, deaths={str(n): 1 for n in range(9)})
    options = {"max_trials": 9, "max_consecutive_failed_trials": 3}
    tuner = new_tuner(tmp_path, workers=workers, **options)
    with pytest.raises(RuntimeError, match="3 trials in a row failed"):
        tuner.search(**FIT)
    assert workers.log[-1] == ("close", True)


def test_failures_and_fatal_errors_are_those_of_this_process(tmp_path):
    def flaky(hp):
        model = build(hp)
        if hp.get("units") > 8:
            model.fit = None
        return model

    tuner = new_tuner(
        tmp_path / "failures", hypermodel=flaky, workers=InlineWorkers()
    )
    tuner.search(**FIT)
    failed = [t for t in tuner.oracle.trials.values() if t.status == "FAILED"]
    assert failed
    for trial in failed:
        assert trial.hyperparameters.get("units") > 8
        assert "'NoneType' object is not callable" in trial.message
    workers = InlineWorkers()
    tuner = new_tuner(tmp_path / "fatal", workers=workers)
    with pytest.raises(kt.errors.FatalTypeError, match="no argument `epoch`"):
        tuner.search(**FIT, epoch=3)
    assert workers.log[-1] == ("close", True)


class Interrupting(InlineWorkers):
    """Is interrupted while the third trial trains."""

    def events(self, timeout):
        if len(self.log) > 4:
            raise KeyboardInterrupt
        return super().events(timeout)


def test_an_interrupted_search_goes_on(tmp_path, capsys):
    workers = Interrupting(2)
    tuner = new_tuner(tmp_path / "two", workers=workers)
    tuner.search(**FIT)
    assert "Interrupted after 2 trials" in capsys.readouterr().out
    assert workers.log[-1] == ("close", True)
    tuner = new_tuner(tmp_path / "two", workers=InlineWorkers(2))
    tuner.search(**FIT)
    assert len(results_of(tuner)) == 4
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}


def test_paused_and_promoted_trials_are_those_of_this_process(tmp_path):
    fidelity = kt_evolution.SuccessiveHalving(min_epochs=1, factor=2)
    options = {"max_trials": 6, "fidelity": fidelity}
    fit = {**FIT, "epochs": 4}
    here = new_tuner(tmp_path / "here", **options)
    here.search(**fit)
    tuner = new_tuner(tmp_path / "there", workers=InlineWorkers(1), **options)
    tuner.search(**fit)
    assert results_of(tuner) == results_of(here)
    individuals = tuner.oracle.history.individuals
    assert [one.rungs for one in individuals] == [
        one.rungs for one in here.oracle.history.individuals
    ]


def test_inherited_weights_are_those_of_this_process(tmp_path):
    options = {
        "max_trials": 6,
        "inherit_weights": True,
        "keep_checkpoints": 2,
        "num_initial_points": 3,
        "surrogate": None,
    }
    here = new_tuner(tmp_path / "here", **options)
    here.search(**FIT)
    tuner = new_tuner(tmp_path / "there", workers=InlineWorkers(1), **options)
    tuner.search(**FIT)
    assert results_of(tuner) == results_of(here)
    taken = [trial.inherited for trial in tuner.oracle.trials.values()]
    assert any(taken)


def test_folds_are_those_of_this_process(tmp_path):
    fit = {"x": X, "y": Y, "epochs": 1, "verbose": 0}
    options = {"cross_validation": 2, "max_trials": 2}
    here = new_tuner(tmp_path / "here", **options)
    here.search(**fit)
    tuner = new_tuner(tmp_path / "there", workers=InlineWorkers(), **options)
    tuner.search(**fit)
    assert results_of(tuner) == results_of(here)


class Changing(InlineWorkers):
    """Has one worker at first, then another one, and then only that."""

    def __init__(self):
        super().__init__(1)
        self.news = [
            [WorkerJoined("late")],
            None,
            [WorkerDied("inline0", "It left.")],
        ]

    def events(self, timeout):
        news = self.news.pop(0) if self.news else None
        if news is None:
            return super().events(timeout)
        if isinstance(news[0], WorkerJoined):
            self.names = ("inline0", "late")
        else:
            self.names = ("late",)
            self._tasks = [one for one in self._tasks if one[0] == "late"]
        return news


def test_workers_join_and_leave(tmp_path, capsys):
    workers = Changing()
    tuner = new_tuner(tmp_path, workers=workers, max_retries_per_trial=1)
    tuner.search(**{**FIT, "verbose": 1})
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}
    given = [call[0] for call in workers.log if call[0] in workers.names]
    assert given == ["late"] * 4
    printed = capsys.readouterr().out
    assert printed.count("The search is finished: all 4 trials") == 1
    assert printed.count("Results are in") == 1


class OwnTuner(kt_evolution.EvolutionTuner):
    """Has a training of its own, and something to train it with."""

    weight = 1.0

    def run_trial(self, trial, scale):
        hp = trial.hyperparameters
        hp.Float("late", 0.0, 1.0)
        return self.weight * scale(hp.Int("a", 0, 9))


def test_a_training_of_the_users_own(tmp_path):
    tuner = OwnTuner(max_trials=6, directory=tmp_path, workers=InlineWorkers())
    tuner.weight = 2.0
    # Such a tuner takes any arguments, also a function.
    tuner.search(lambda a: a + 0.5)
    for trial in tuner.oracle.trials.values():
        values = trial.hyperparameters.values
        assert trial.score == 2.0 * (values["a"] + 0.5)
        assert set(values) == {"a", "late"}


def test_a_time_budget_counts_on_workers(tmp_path):
    tuner = new_tuner(
        tmp_path,
        workers=InlineWorkers(1),
        stop=kt_evolution.TimeBudget(minutes=1e-9),
    )
    tuner.search(**{**FIT, "epochs": 50})
    assert len(tuner.oracle.trials) <= 1


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"workers": 0}, ValueError, "`workers` must be"),
        ({"workers": "4"}, ValueError, "`workers` must be"),
        ({"trial_timeout": 3}, ValueError, "must be None with workers=1"),
        ({"trial_timeout": 0, "workers": 2}, ValueError, "above 0"),
    ],
)
def test_arguments_are_checked(tmp_path, changes, error, text):
    with pytest.raises(error, match=text):
        new_tuner(tmp_path, **changes)


def test_a_chief_has_workers_already(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    with pytest.raises(ValueError, match="KERASTUNER_ORACLE_IP is set"):
        new_tuner(tmp_path, workers=2)


def test_keras_is_configured_as_here(tmp_path):
    policy = keras.config.dtype_policy()
    seen = []

    def noting(hp):
        seen.append(keras.config.dtype_policy().name)
        return build(hp)

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        tuner = new_tuner(
            tmp_path, hypermodel=noting, workers=InlineWorkers(), max_trials=2
        )
        tuner.search(**FIT)
    finally:
        keras.config.set_dtype_policy(policy)
    assert set(seen) == {"mixed_bfloat16"}


def test_a_worker_that_cannot_start_costs_no_try(tmp_path):
    workers = InlineWorkers(2, failed_starts=2)
    tuner = new_tuner(tmp_path / "some", workers=workers)
    tuner.search(**FIT)
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}
    given = [call[1] for call in workers.log if call[0] in workers.names]
    assert sorted(given) == sorted("0123" + "11")
    workers = InlineWorkers(2, failed_starts=3)
    tuner = new_tuner(tmp_path / "all", workers=workers)
    with pytest.raises(RuntimeError, match="The last: It could not start"):
        tuner.search(**FIT)
    assert workers.log[-1] == ("close", True)
    # The search goes on with the same trials.
    tuner = new_tuner(tmp_path / "all", workers=InlineWorkers())
    tuner.search(**FIT)
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}


def build_at_random(hp):
    hp.Int("a", 0, 9)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    return model


def test_trainings_of_workers_have_seeds(tmp_path):
    found = []
    for name, seed in {"one": 1, "again": 1, "other": 2}.items():
        keras.utils.set_random_seed(seed)
        tuner = new_tuner(
            tmp_path / name,
            hypermodel=build_at_random,
            workers=InlineWorkers(),
            max_trials=3,
        )
        tuner.search(**FIT)
        found.append(results_of(tuner))
    assert found[0] == found[1] != found[2]
    assert len({score for _, score in found[0].values()}) == 3


class Fails(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise ValueError("no luck")


def test_that_all_trials_failed_is_said_after_the_last_one(tmp_path):
    tuner = new_tuner(tmp_path, max_trials=3, workers=InlineWorkers())
    with pytest.warns(UserWarning) as caught:
        tuner.search(**FIT, callbacks=[Fails()])
    said = [str(one.message) for one in caught]
    said = [text for text in said if "there is no result" in text]
    assert len(said) == 1
    assert said[0].startswith("All 3 trials failed")
