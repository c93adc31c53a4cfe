"""`SearchCallback`: called when a search and its trials begin or end."""

import keras
import pytest
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import build_dense

import kt_evolution


class Recorder(kt_evolution.SearchCallback):
    """Records its calls."""

    def __init__(self):
        self.calls = []

    def on_search_begin(self, tuner):
        self.calls.append("begin")

    def on_trial_end(self, tuner, trial):
        assert tuner.oracle.trials[trial.trial_id].status == trial.status
        self.calls.append((trial.trial_id, trial.status))

    def on_search_end(self, tuner):
        self.calls.append("end")


class Epochs(keras.callbacks.Callback):
    """Counts epochs, of all copies that Keras Tuner makes."""

    ended = 0

    def on_epoch_end(self, epoch, logs=None):
        Epochs.ended += 1


def test_it_goes_with_the_callbacks_of_training(tmp_path):
    tuner = kt_evolution.EvolutionTuner(
        build_dense, objective="val_loss", max_trials=2, directory=tmp_path
    )
    recorder, given = Recorder(), [Epochs()]
    given.append(recorder)
    Epochs.ended = 0
    tuner.search(**FIT, callbacks=given)
    assert recorder.calls == [
        "begin",
        ("0", "COMPLETED"),
        ("1", "COMPLETED"),
        "end",
    ]
    assert Epochs.ended == 2
    # What the caller gave is as it was.
    assert given[1] is recorder


def test_failures_and_interrupts_are_reported(tmp_path):
    def score(hp):
        hp.Int("a", 1, 9)
        runs.append(1)
        if len(runs) == 1:
            raise RuntimeError("crash")
        if len(runs) == 3:
            raise KeyboardInterrupt
        return 1.0

    runs = []
    recorder = Recorder()
    tuner = ScoringTuner(max_trials=5, directory=tmp_path)
    tuner.search(score, callbacks=[recorder])
    assert recorder.calls == [
        "begin",
        ("0", "FAILED"),
        ("1", "COMPLETED"),
        "end",
    ]


def test_a_search_without_it_forgets_that_of_the_last(tmp_path):
    recorder = Recorder()
    tuner = ScoringTuner(max_trials=1, directory=tmp_path)
    tuner.search(lambda hp: hp.Int("a", 1, 9), callbacks=[recorder])
    calls = list(recorder.calls)
    tuner.oracle.max_trials = 2
    tuner.search(lambda hp: hp.Int("a", 1, 9))
    assert recorder.calls == calls


def test_one_callback_needs_no_list(tmp_path):
    recorder = Recorder()
    tuner = ScoringTuner(max_trials=1, directory=tmp_path)
    tuner.search(lambda hp: hp.Int("a", 1, 9), callbacks=recorder)
    assert recorder.calls == ["begin", ("0", "COMPLETED"), "end"]


def test_a_class_is_no_callback(tmp_path):
    tuner = ScoringTuner(max_trials=1, directory=tmp_path)
    with pytest.raises(TypeError, match="`callbacks`.*Recorder, not Recorder"):
        tuner.search(lambda hp: hp.Int("a", 1, 9), callbacks=[Recorder])
    assert not tuner.oracle.trials


def test_a_callback_of_the_search_may_be_one_of_trainings(tmp_path):
    class Both(kt_evolution.SearchCallback, keras.callbacks.Callback):
        calls = []

        def on_epoch_end(self, epoch, logs=None):
            Both.calls.append(epoch)

        def on_trial_end(self, tuner, trial):
            Both.calls.append(trial.trial_id)

    tuner = kt_evolution.EvolutionTuner(
        build_dense, objective="val_loss", max_trials=2, directory=tmp_path
    )
    tuner.search(**FIT | {"epochs": 2}, callbacks=Both())
    assert Both.calls == [0, 1, "0", 0, 1, "1"]
