"""How long a trial is trained, and what it reached, on the way to a worker."""

import json

import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial

from kt_evolution.project.issued_trial import IssuedTrial
from kt_evolution.project.issued_trial import is_paused
from kt_evolution.project.issued_trial import put_report
from kt_evolution.project.issued_trial import report_rungs
from kt_evolution.project.issued_trial import report_trained
from kt_evolution.project.issued_trial import rungs_of
from kt_evolution.project.issued_trial import schedule_of
from kt_evolution.project.issued_trial import trained_of

REACHED = [
    {"epochs": 1, "best_step": 0, "metrics": {"loss": 0.1, "params": 7.0}},
    {"epochs": 3, "best_step": 1, "metrics": {"loss": 1 / 3, "params": 7.0}},
]


def over_grpc(trial):
    return Trial.from_proto(trial.to_proto())


def unchanged(trial):
    return trial


SENDS = pytest.mark.parametrize("send", [over_grpc, unchanged])


def make_trial(epochs=None, rungs=()):
    hp = kt.HyperParameters()
    hp.Int("units", 1, 9)
    trial = IssuedTrial(hp, "0")
    trial.run, trial.epochs, trial.rungs = 1, epochs, rungs
    return trial


def test_a_trial_is_shown_with_its_id_and_score():
    trial = make_trial()
    trial.score, trial.status = 0.5, "COMPLETED"
    assert repr(trial) == (
        "IssuedTrial(trial_id='0', status='COMPLETED', score=0.5)"
    )


@SENDS
def test_worker_knows_when_a_trial_is_paused(send):
    trial = make_trial(3, (1, 3, 9))
    assert schedule_of(send(trial)) == (3, (1, 3, 9))
    assert trial.hyperparameters.values == {"units": 1}


@SENDS
def test_trial_that_is_trained_to_the_end_has_rungs(send):
    assert schedule_of(send(make_trial(None, (1, 3, 9)))) == (None, (1, 3, 9))


@SENDS
def test_without_a_fidelity_there_is_nothing(send):
    trial = send(make_trial())
    assert schedule_of(trial) == (None, ())
    assert "tuner/epochs" not in trial.hyperparameters.values
    assert "tuner/rungs" not in trial.hyperparameters.values
    assert not is_paused(trial)
    assert rungs_of(trial) == []


def test_schedule_is_only_sent_with_a_trial_that_runs():
    trial = make_trial(3, (1, 3, 9))
    trial.status = "COMPLETED"
    assert over_grpc(trial).hyperparameters.values == {"units": 1}


@SENDS
@pytest.mark.parametrize("paused", [True, False])
def test_chief_knows_what_a_run_reached(send, paused):
    trial = send(make_trial(3, (1, 3, 9)))
    report_rungs(trial, paused, REACHED)
    report_trained(trial, 3)
    put_report(trial)
    trial.status = "COMPLETED"
    reported = send(trial)
    assert is_paused(reported) is paused
    assert rungs_of(reported) == REACHED
    assert trained_of(reported) == 3
    assert json.loads(json.dumps(rungs_of(reported))) == REACHED


def test_report_in_one_process_changes_no_values():
    trial = make_trial(3, (1, 3, 9))
    report_rungs(trial, True, REACHED)
    assert trial.hyperparameters.values == {"units": 1}
