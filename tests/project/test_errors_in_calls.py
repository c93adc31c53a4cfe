"""An error in one worker's call leaves the trials of all others running."""

import pytest

from kt_evolution.project import trial_reports
from tests.project.oracles import complete
from tests.project.oracles import make_oracle


class Broken(Exception):
    """What the display or a subclass of the user's may raise."""


def break_once(monkeypatch, target, place):
    """Lets the next call of a method of an oracle, or a part of it, raise.

    What is no method of the oracle is a function of `trial_reports`.
    """
    *parts, name = place.split(".")
    if not parts and not hasattr(target, name):
        target = trial_reports
    for part in parts:
        target = getattr(target, part)
    method = getattr(target, name)

    def broken(*args, **kwargs):
        monkeypatch.setattr(target, name, method)
        raise Broken

    monkeypatch.setattr(target, name, broken)


def create(oracle):
    oracle.create_trial("worker2")


def update(oracle):
    oracle.update_trial("02", {"score": 0.5})


def end(oracle):
    complete(oracle, oracle.trials["02"], 0.5)


CALLS = pytest.mark.parametrize(
    ("call", "place"),
    [
        (create, "populate_space"),
        (create, "_project.host_files.write_trial"),
        (update, "take_metrics"),
        (end, "_lifecycle.reports._score"),
        (end, "_project.host_files.write_trial"),
    ],
)


@pytest.fixture
def oracle(tmp_path):
    return make_oracle(tmp_path, max_trials=12)


@pytest.fixture
def running(oracle, monkeypatch, call, place):
    """Trials of two workers, while the call of a third one fails."""
    trials = [oracle.create_trial(f"worker{i}") for i in range(2)]
    # One result is halfway to the chief.
    oracle.update_trial("00", {"score": 0.25})
    if call is not create:
        oracle.create_trial("worker2")
    break_once(monkeypatch, oracle, place)
    with pytest.raises(Broken):
        call(oracle)
    return trials


@CALLS
def test_error_in_a_call_leaves_other_trials_running(oracle, running):
    issued = []
    trial = oracle.create_trial("worker2")
    while trial.status == "RUNNING":
        issued.append(trial.trial_id)
        complete(oracle, trial)
        trial = oracle.create_trial("worker2")
    assert not {"00", "01"}.intersection(issued)
    assert len(set(issued)) == len(issued)
    assert list(oracle.ongoing_trials) == ["worker0", "worker1"]


@CALLS
def test_results_of_other_trials_count_after_an_error(
    oracle, running, tmp_path
):
    running[0].status = "COMPLETED"
    oracle.end_trial(running[0])
    complete(oracle, running[1], 0.75)
    for each in (oracle, make_oracle(tmp_path, max_trials=12)):
        assert each.get_trial("00").score == 0.25
        assert each.get_trial("01").score == 0.75


@CALLS
def test_trial_of_the_failed_call_runs_again(oracle, running, call, place):
    """Unless it had ended: nobody else has it, and nothing is left of it."""
    has_ended = call is end and place == "_project.host_files.write_trial"
    trial = oracle.create_trial("worker3")
    assert trial.trial_id == ("03" if has_ended else "02")
    complete(oracle, trial, 0.75)
    history = trial.metrics.get_history("score")
    assert [each.value for each in history] == [[0.75]]


@CALLS
def test_reload_restores_what_a_restart_finds(oracle, running):
    oracle.reload()
    assert oracle.ongoing_trials == {}
    assert oracle.create_trial("worker3").trial_id == "00"
