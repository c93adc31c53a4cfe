"""Workers that die, hang, leave or are there twice, and what becomes of it."""

import json
import signal

import pytest

from tests.distributed.fleet import EPOCHS
from tests.distributed.fleet import MAX_TRIALS
from tests.distributed.fleet import Fleet


def starts_of(fleet):
    """Returns the workers of each trial, in the order in which they got it."""
    text = (fleet.directory / "project" / "journal.jsonl").read_text()
    workers = {}
    for line in text.splitlines():
        event = json.loads(line)
        if event["event"] in ("trial", "start"):
            workers.setdefault(event["trial_id"], []).append(event["worker"])
    return workers


def hold(fleet, name):
    """Starts a worker that waits in the second epoch of its first trial."""
    fleet.close_gate(name)
    fleet.start(name)
    fleet.wait(lambda: fleet.num_epochs(name) == 1)


@pytest.mark.later
def test_trial_of_a_killed_worker_goes_to_another_one(tmp_path):
    with Fleet(tmp_path, lease=5) as fleet:
        fleet.start_chief()
        hold(fleet, "worker_1")
        fleet.kill("worker_1")
        fleet.start("worker_2")
        codes = fleet.codes()
        fleet.check_finished()
    assert codes == {"chief": 0, "worker_1": -signal.SIGKILL, "worker_2": 0}
    workers = starts_of(fleet)
    assert workers["0"] == ["worker_1", "worker_2"]
    assert sum(map(len, workers.values())) == MAX_TRIALS + 1
    printed = fleet.output("chief")
    assert "worker_1 has joined the search, which has 1 worker now" in printed
    assert (
        "worker_1 has not been heard of for 5 seconds, and counts as dead. "
        "The next worker that asks gets its trial 0." in printed
    )
    assert "worker_2 has left the search." in printed


@pytest.mark.slow
def test_chief_waits_for_a_worker_if_all_have_died(tmp_path):
    with Fleet(tmp_path, lease=2) as fleet:
        fleet.start_chief()
        hold(fleet, "worker_1")
        fleet.kill("worker_1")
        fleet.wait_for_text("chief", "goes on once there is a worker again.")
        fleet.start("worker_2", lease=60)
        assert fleet.codes()["chief"] == 0
        fleet.check_finished()
    printed = fleet.output("chief")
    assert printed.count("goes on once there is a worker again.") == 1
    assert (
        f"KERASTUNER_ORACLE_PORT={fleet.port} and a KERASTUNER_TUN" in printed
    )


@pytest.mark.slow
def test_last_trial_of_a_killed_worker_is_taken_by_one_that_waits(tmp_path):
    with Fleet(tmp_path, lease=5) as fleet:
        fleet.start_chief()
        hold(fleet, "worker_1")
        fleet.start("worker_2")
        # It has done all trials but one, and waits.
        fleet.wait(lambda: len(fleet.begun("worker_2")) == MAX_TRIALS - 1)
        fleet.kill("worker_1")
        assert fleet.codes()["worker_2"] == 0
        fleet.check_finished()
    assert starts_of(fleet)["0"] == ["worker_1", "worker_2"]


@pytest.mark.later
def test_suspended_worker_reports_too_late(tmp_path):
    with Fleet(tmp_path, lease=5) as fleet:
        fleet.start_chief()
        hold(fleet, "worker_1")
        fleet.send("worker_1", signal.SIGSTOP)
        fleet.start("worker_2")
        fleet.wait(lambda: "0" in fleet.begun("worker_2"))
        # It is in the middle of that trial as the other one awakes.
        fleet.close_gate("worker_2")
        done = fleet.num_epochs("worker_2")
        fleet.open_gate("worker_1")
        fleet.send("worker_1", signal.SIGCONT)
        fleet.wait_for_text("worker_1", "Trial 0 was given to another worker")
        assert fleet.num_epochs("worker_2") <= done + 1
        fleet.open_gate("worker_2")
        codes = fleet.codes()
        fleet.check_finished()
    assert set(codes.values()) == {0}
    assert starts_of(fleet)["0"] == ["worker_1", "worker_2"]
    assert "failed" not in fleet.output("worker_1")


@pytest.mark.slow
def test_suspended_worker_keeps_a_trial_that_nobody_wanted(tmp_path):
    with Fleet(tmp_path, lease=2) as fleet:
        fleet.start_chief()
        hold(fleet, "worker_1")
        fleet.send("worker_1", signal.SIGSTOP)
        fleet.wait_for_text("chief", "counts as dead")
        fleet.open_gate("worker_1")
        fleet.send("worker_1", signal.SIGCONT)
        codes = fleet.codes()
        fleet.check_finished()
    assert set(codes.values()) == {0}
    assert fleet.num_epochs("worker_1") == EPOCHS * MAX_TRIALS
    assert set(map(len, starts_of(fleet).values())) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_interrupted_worker_leaves_its_trial_at_once(tmp_path, signal_name):
    # Long before its lease would have run out.
    with Fleet(tmp_path, lease=1000, max_starts_per_trial=1) as fleet:
        fleet.start_chief()
        hold(fleet, "worker_1")
        fleet.send("worker_1", getattr(signal, signal_name))
        fleet.open_gate("worker_1")
        fleet.wait_for_text("chief", "worker_1 has left the search.")
        fleet.start("worker_2")
        codes = fleet.codes()
        # Its start does not count.
        fleet.check_finished()
    assert codes["worker_1"] != 0
    said = "was interrupted" if signal_name == "SIGINT" else "got SIGTERM"
    assert f"worker_1 {said}" in fleet.output("worker_1")
    assert codes["chief"] == codes["worker_2"] == 0
    assert starts_of(fleet)["0"] == ["worker_1", "worker_2"]


@pytest.mark.later
def test_second_process_with_the_same_id_is_an_error(tmp_path):
    with Fleet(tmp_path, lease=3) as fleet:
        fleet.start_chief()
        hold(fleet, "worker_1")
        fleet.start("worker_1-again")
        pid = fleet.processes["worker_1"].pid
        fleet.wait_for_text("worker_1-again", f"worker_1 is process {pid} of ")
        fleet.wait_for_text("worker_1-again", "of its own")
        fleet.open_gate("worker_1")
        codes = fleet.codes()
        fleet.check_finished()
    assert codes == {"chief": 0, "worker_1": 0, "worker_1-again": 1}
    assert (
        "Another process of the search is worker_1. Each one needs a "
        "KERASTUNER_TUNER_ID of its own. Received: "
        "KERASTUNER_TUNER_ID='worker_1'"
    ) in fleet.output("worker_1-again")
    assert fleet.begun("worker_1-again") == []
    assert fleet.num_epochs("worker_1") == EPOCHS * MAX_TRIALS


@pytest.mark.slow
def test_worker_that_is_started_again_takes_its_trial_at_once(tmp_path):
    with Fleet(tmp_path, lease=1000) as fleet:
        fleet.start_chief()
        fleet.start("worker_1")
        fleet.wait(lambda: fleet.num_epochs("worker_1") > EPOCHS + 1)
        fleet.kill("worker_1")
        fleet.start("worker_1-again", overwrite=True)
        assert fleet.codes()["chief"] == 0
        # Nothing was deleted by `overwrite=True`.
        fleet.check_finished()
    again = fleet.begun("worker_1-again")
    assert again[0] in fleet.begun("worker_1")
    printed = fleet.output("chief")
    assert printed.count("worker_1 has joined the search") == 1
    assert printed.count("worker_1 has come back to the search") == 1


@pytest.mark.slow
@pytest.mark.parametrize("fidelity", [None, "auto"])
def test_workers_come_and_go(tmp_path, fidelity):
    with Fleet(tmp_path, lease=3, fidelity=fidelity, max_trials=8) as fleet:
        fleet.start_chief()
        names = [f"worker_{number}" for number in range(5)]
        for name in names[:2]:
            fleet.start(name)
        for dying, new in zip(names[:3], names[2:], strict=True):
            fleet.wait(lambda name=dying: fleet.num_epochs(name) > 1)
            fleet.kill(dying)
            fleet.start(new)
        assert fleet.end_of_chief() == 0
        events = fleet.events()
    ends = [one["trial_id"] for one in events if one["event"] == "end"]
    created = [one["trial_id"] for one in events if one["event"] == "trial"]
    assert len(set(ends)) == len(ends)
    assert len(created) == 8
    if fidelity is None:
        assert sorted(ends) == sorted(created)
