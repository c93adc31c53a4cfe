"""Workers whose chief comes late, dies, or has ended."""

import signal

import pytest

from tests.distributed.fleet import MAX_TRIALS
from tests.distributed.fleet import Fleet
from tests.distributed.fleet import free_port

pytestmark = pytest.mark.later


def last_line(fleet, name):
    return fleet.output(name).rstrip().splitlines()[-1]


def test_a_worker_waits_for_its_chief(tmp_path):
    with Fleet(tmp_path) as fleet:
        fleet.port = free_port()
        fleet.start("worker_1")
        fleet.wait_for_text(
            "worker_1",
            f"worker_1 waits for its chief at 127.0.0.1:{fleet.port} "
            "(KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT), for at most "
            "10:00 (KT_EVOLUTION_CHIEF_SECONDS).",
        )
        fleet.start_chief()
        assert fleet.codes() == {"chief": 0, "worker_1": 0}
        assert "worker_1 goes on: its chief answers." in fleet.output(
            "worker_1"
        )
        fleet.check_finished()


def test_a_worker_without_a_chief_ends(tmp_path):
    with Fleet(tmp_path) as fleet:
        fleet.port = free_port()
        fleet.start("worker_1", patience=3)
        assert fleet.codes() == {"worker_1": 1}
        assert last_line(fleet, "worker_1") == (
            "No chief has answered for 3.0 s, so worker_1 ends. To go on with "
            "the search, start its chief and workers again, with the address "
            f"127.0.0.1:{fleet.port} if that is right."
        )
        assert "Traceback" not in fleet.output("worker_1")
        # A worker makes no project.
        assert not (tmp_path / "project" / "journal.jsonl").exists()


def test_a_worker_that_waits_can_be_interrupted(tmp_path):
    with Fleet(tmp_path) as fleet:
        fleet.port = free_port()
        fleet.start("worker_1")
        fleet.wait_for_text("worker_1", "worker_1 waits for its chief")
        fleet.send("worker_1", signal.SIGINT)
        assert fleet.codes() == {"worker_1": 1}
        assert (
            "Ctrl-C came while it waited for its chief, so worker_1 ends."
            in last_line(fleet, "worker_1")
        )
        assert "Traceback" not in fleet.output("worker_1")


def test_sigterm_to_a_worker_that_waits_is_said(tmp_path):
    with Fleet(tmp_path) as fleet:
        fleet.port = free_port()
        fleet.start("worker_1")
        fleet.wait_for_text("worker_1", "worker_1 waits for its chief")
        fleet.send("worker_1", signal.SIGTERM)
        assert fleet.codes() == {"worker_1": -signal.SIGTERM}
        assert last_line(fleet, "worker_1") == (
            "worker_1 got SIGTERM and ends. If it had a trial, the next worker "
            "that asks gets it."
        )


@pytest.mark.parametrize("call", ["create_trial", "update_trial", "end_trial"])
def test_a_call_outlives_its_chief(tmp_path, call):
    with Fleet(tmp_path) as fleet:
        fleet.start_chief(dies_in=call)
        fleet.start("worker_1")
        fleet.wait_for_text(
            "worker_1", f"worker_1 has lost its chief at 127.0.0.1:{fleet.port}"
        )
        assert not fleet.processes["chief"].is_alive()
        fleet.start_chief("chief-again")
        codes = fleet.codes()
        assert codes.pop("chief") == -signal.SIGKILL
        assert set(codes.values()) == {0}
        fleet.check_finished()
        # What was trained is not trained again.
        assert len(fleet.begun("worker_1")) == MAX_TRIALS


def test_a_worker_that_comes_late_ends(tmp_path):
    with Fleet(tmp_path) as fleet:
        fleet.start_chief()
        fleet.start("worker_1")
        assert fleet.codes() == {"chief": 0, "worker_1": 0}
        # As if it were the worker's own search that is to begin again.
        fleet.start("worker_2", overwrite=True)
        assert fleet.codes()["worker_2"] == 0
        assert last_line(fleet, "worker_2") == (
            "worker_2 ends, because the search is over: all 5 trials have been "
            "run."
        )
        # A search of more trials has not ended, but its chief is not there.
        fleet.start("worker_3", patience=3, max_trials=MAX_TRIALS + 1)
        assert fleet.codes()["worker_3"] == 1
        fleet.check_finished()
