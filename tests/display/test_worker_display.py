"""What a worker of a chief prints."""

import time

import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.display.worker_display import WorkerDisplay


@pytest.fixture
def display(monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    display = WorkerDisplay(["val_loss"])
    display.on_trial_begin()
    monkeypatch.setattr(time, "monotonic", lambda: 104.5)
    return display


def new_trial(status, **scores):
    trial = Trial(kt.HyperParameters(), "7", status)
    for name, score in scores.items():
        trial.metrics.register(name)
        trial.metrics.update(name, score)
    return trial


def test_a_pause_has_the_score_of_this_worker(display, capsys):
    # Its chief may know the trial as running on another worker.
    metrics = {"val_loss": 0.25, "params": 12.0}
    display.on_trial_pause("7", metrics, "paused at epoch 1 of 9")
    assert capsys.readouterr().out == (
        "trial 7: val_loss 0.25, paused at epoch 1 of 9; 4.5 s\n"
    )


def test_the_end_has_the_score_that_the_chief_knows(display, capsys):
    display.on_trial_end(new_trial(TrialStatus.COMPLETED, val_loss=0.5), None)
    assert capsys.readouterr().out == "trial 7: val_loss 0.5; 4.5 s\n"


def test_a_failure_has_its_reason(display, capsys):
    display.on_trial_end(new_trial(TrialStatus.FAILED), "ValueError: no data")
    out = capsys.readouterr().out
    assert out.startswith("trial 7: failed") and "no data" in out


def test_silence(display, capsys):
    display.verbose = 0
    display.on_trial_end(new_trial(TrialStatus.COMPLETED, val_loss=0.5), None)
    display.on_trial_pause("7", {"val_loss": 0.25}, "paused at epoch 1 of 9")
    assert capsys.readouterr().out == ""
