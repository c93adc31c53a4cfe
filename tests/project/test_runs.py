"""The runs of a trial have numbers: only the newest can end it."""

import json

import pytest
from keras_tuner.engine.trial import Trial

from kt_evolution.project.issued_trial import put_report
from kt_evolution.project.issued_trial import run_mark
from tests.project.oracles import complete
from tests.project.oracles import crash
from tests.project.oracles import make_oracle


def over_grpc(trial):
    """Returns the copy of a trial that arrives at the other side."""
    return Trial.from_proto(trial.to_proto())


def as_it_is(trial):
    return trial


def journal_of(tmp_path):
    return (tmp_path / "p" / "journal.jsonl").read_text()


SENDS = pytest.mark.parametrize("send", [as_it_is, over_grpc])


# A second report.


@pytest.mark.parametrize("restarts", [False, True])
@SENDS
def test_second_report_of_an_ended_trial_changes_nothing(
    tmp_path, send, restarts
):
    oracle = make_oracle(tmp_path)
    trial = send(oracle.create_trial("worker0"))
    complete(oracle, trial, 1.0)
    before = journal_of(tmp_path)
    if restarts:
        oracle = make_oracle(tmp_path)
        oracle._project.open()
    state = oracle.trials["00"].get_state()
    late = over_grpc(trial)
    complete(oracle, late, 3.0)
    crash(oracle, late)
    oracle.update_trial("00", {"score": 5.0, "other": 1.0}, step=4)
    oracle.end_trial("00", "FAILED")
    assert oracle.trials["00"].get_state() == state
    assert oracle.trials["00"].metrics.get_best_value("score") == 1.0
    assert journal_of(tmp_path) == before


@SENDS
def test_second_report_of_a_crash_is_no_second_crash(tmp_path, send):
    oracle = make_oracle(tmp_path, max_retries_per_trial=2)
    trial = send(oracle.create_trial("worker0"))
    for _ in range(5):
        crash(oracle, trial)
    again = send(oracle.create_trial("worker0"))
    assert again.trial_id == "00"
    crash(oracle, trial)
    complete(oracle, again, 0.5)
    assert oracle.trials["00"].status == "COMPLETED"
    assert journal_of(tmp_path).count('"event":"end"') == 2


@SENDS
def test_update_of_a_crashed_trial_is_not_kept_for_its_retry(tmp_path, send):
    oracle = make_oracle(tmp_path, max_retries_per_trial=1)
    trial = send(oracle.create_trial("worker0"))
    crash(oracle, trial)
    oracle.update_trial("00", {"score": 9.0})
    complete(oracle, send(oracle.create_trial("worker0")), 0.5)
    assert oracle.trials["00"].score == 0.5


# A chief that was started again.


@pytest.mark.parametrize("status", ["INVALID", "FAILED", "COMPLETED"])
@pytest.mark.parametrize("workers", [("worker0", "worker1"), ("worker0",)])
@SENDS
def test_replaced_run_does_not_end_the_newest(tmp_path, send, workers, status):
    old = send(make_oracle(tmp_path).create_trial(workers[0]))
    oracle = make_oracle(tmp_path)
    new = send(oracle.create_trial(workers[-1]))
    assert new.trial_id == old.trial_id
    crash(oracle, old, status)
    assert oracle.end_order == []
    assert list(oracle.ongoing_trials) == [workers[-1]]
    complete(oracle, new, 0.5)
    assert oracle.get_best_trials()[0].score == 0.5
    assert make_oracle(tmp_path).get_best_trials()[0].score == 0.5


@SENDS
def test_metrics_of_a_replaced_run_are_not_those_of_the_newest(tmp_path, send):
    """A worker of ours says of which run its metrics are."""
    old = send(make_oracle(tmp_path).create_trial("worker0"))
    oracle = make_oracle(tmp_path)
    new = send(oracle.create_trial("worker1"))
    oracle.update_trial("00", {"score": 1.0, **run_mark(new)})
    if send is over_grpc:
        oracle.update_trial("00", {"score": 5.0, **run_mark(old)})
    new.status = "COMPLETED"
    oracle.end_trial(new)
    assert oracle.trials["00"].score == 1.0
    assert set(oracle.trials["00"].metrics.metrics) == {"score"}


@pytest.mark.parametrize("status", ["INVALID", "COMPLETED"])
@SENDS
def test_run_that_nobody_replaced_ends_its_trial(tmp_path, send, status):
    """Nothing that was trained is lost."""
    trial = send(make_oracle(tmp_path).create_trial("worker0"))
    oracle = make_oracle(tmp_path)
    if status == "COMPLETED":
        oracle.update_trial("00", {"score": 0.5, **run_mark(trial)})
    trial.status = status
    oracle.end_trial(trial)
    expected = {"INVALID": "FAILED"}.get(status, status)
    assert oracle.trials["00"].status == expected
    assert oracle.create_trial("worker0").trial_id == "01"


@SENDS
def test_metrics_that_a_former_chief_got_are_repeated_at_the_end(
    tmp_path, send
):
    former = make_oracle(tmp_path)
    trial = send(former.create_trial("worker0"))
    known = former.update_trial("00", {"score": 0.5, **run_mark(trial)}, step=3)
    trial.status, trial.metrics = "COMPLETED", send(known).metrics
    oracle = make_oracle(tmp_path)
    oracle.end_trial(trial)
    assert oracle.trials["00"].score == 0.5
    assert oracle.trials["00"].best_step == 3
    assert make_oracle(tmp_path).get_best_trials()[0].score == 0.5


@SENDS
def test_run_is_told_apart_after_any_number_of_restarts(tmp_path, send):
    runs = []
    for _ in range(4):
        oracle = make_oracle(tmp_path, max_starts_per_trial=9)
        runs.append(send(oracle.create_trial("worker0")))
    for old in runs[:-1]:
        crash(oracle, old)
    assert oracle.end_order == []
    crash(oracle, runs[-1])
    assert oracle.end_order == ["00"]


def test_run_is_no_value_of_a_trial(tmp_path):
    """It is only on its way, and only while the trial runs."""
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("worker0")
    names = {hp.name for hp in oracle.get_space().space}
    assert set(trial.hyperparameters.values) == names
    sent = over_grpc(trial)
    assert set(sent.hyperparameters.values) == {*names, "tuner/run"}
    complete(oracle, sent, 0.5)
    known = oracle.trials["00"]
    assert set(known.hyperparameters.values) == names
    assert set(over_grpc(known).hyperparameters.values) == names
    state = json.loads((tmp_path / "p" / "trial_00" / "trial.json").read_text())
    assert set(state["hyperparameters"]["values"]) == names
    assert "tuner/" not in journal_of(tmp_path)


# Why a worker's trial failed.


def test_message_of_a_worker_reaches_the_chief(tmp_path):
    oracle = make_oracle(tmp_path)
    trial = over_grpc(oracle.create_trial("worker0"))
    trial.status = "INVALID"
    trial.message = "Traceback: the worker's own line"
    put_report(trial)
    oracle.end_trial(over_grpc(trial))
    known = oracle.trials["00"]
    assert known.message == "Traceback: the worker's own line"
    assert "tuner/message" not in known.hyperparameters.values
    assert make_oracle(tmp_path).get_trial("00").message == known.message
