"""What ends a chief, and its workers with it."""

import os
import signal
import time

import keras_tuner as kt
import pytest

from tests.distributed.fleet import EPOCHS
from tests.distributed.fleet import LIMIT
from tests.distributed.fleet import MAX_TRIALS
from tests.distributed.fleet import Fleet
from tests.distributed.fleet import build_model
from tests.distributed.fleet import free_port

NAMES = ("chief", "worker_1", "worker_2")


def start(fleet):
    fleet.start_chief()
    fleet.start("worker_1")
    fleet.start("worker_2")


@pytest.mark.later
@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_signal_to_the_chief_ends_all(tmp_path, signal_number):
    with Fleet(tmp_path, lease=6, max_starts_per_trial=1) as fleet:
        start(fleet)
        for name in NAMES[1:]:
            fleet.wait(lambda name=name: fleet.num_epochs(name))
        fleet.send("chief", signal_number)
        codes = fleet.codes()
        said = "SIGTERM"
        if signal_number == signal.SIGINT:
            said = "Ctrl-C"
            # It tells what was found, and fails if that is nothing.
            assert codes.pop("chief") == int(not fleet.num_ended())
            assert "Interrupted after" in fleet.output("chief")
            is_shown = "Results are in" in fleet.output("chief")
            assert is_shown == bool(fleet.num_ended())
        else:
            assert codes.pop("chief") == -signal.SIGTERM
        assert codes == {"worker_1": 1, "worker_2": 1}
        text = f"The search was stopped: its chief got {said}."
        assert f"{text} Its workers end, too." in fleet.output("chief")
        for name in NAMES[1:]:
            assert fleet.output(name).rstrip().endswith(text)
        # The trainings that were cut go on, and their starts don't count.
        started = time.monotonic()
        fleet.start_chief("chief-again", lease=1000)
        fleet.start("worker_3-again", lease=1000)
        assert fleet.codes()["chief-again"] == 0
        fleet.check_finished()
    assert time.monotonic() - started < LIMIT


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_reaches_all(tmp_path):
    with Fleet(tmp_path, lease=1000, max_starts_per_trial=1) as fleet:
        start(fleet)
        for name in NAMES[1:]:
            fleet.wait(lambda name=name: fleet.num_epochs(name))
        for name in NAMES:
            fleet.send(name, signal.SIGINT)
        # The chief waits for no worker that has left.
        codes = fleet.codes()
        assert codes.pop("chief") == int(not fleet.num_ended())
        assert set(codes.values()) == {1}
        for name in codes:
            assert f"{name} was interrupted." in fleet.output(name)
        fleet.start_chief("chief-again")
        fleet.start("worker_3")
        assert fleet.codes()["chief-again"] == 0
        fleet.check_finished()


@pytest.mark.slow
def test_second_ctrl_c_ends_the_chief_at_once(tmp_path):
    with Fleet(tmp_path, lease=1000) as fleet:
        fleet.start_chief()
        fleet.start("worker_1")
        fleet.wait(lambda: fleet.num_epochs("worker_1"))
        # It can't be told that the search has ended.
        fleet.send("worker_1", signal.SIGSTOP)
        fleet.send("chief", signal.SIGINT)
        journal = tmp_path / "project" / "journal.jsonl"
        fleet.wait(lambda: '"interrupted"' in journal.read_text())
        while fleet.processes["chief"].is_alive():
            fleet.send("chief", signal.SIGINT)
            time.sleep(1)
        assert fleet.end_of_chief() == int(not fleet.num_ended())


def is_chief():
    return os.environ["KERASTUNER_TUNER_ID"] == "chief"


def build_no_model(hp):
    # The chief would see it when its tuner is made.
    return build_model(hp) if is_chief() else None


@pytest.mark.slow
def test_fatal_error_on_a_worker_ends_all(tmp_path):
    with Fleet(tmp_path, lease=6, build=build_no_model) as fleet:
        start(fleet)
        assert set(fleet.codes().values()) == {1}
    printed = fleet.output("chief")
    assert "to return a valid Keras Model instance" in printed
    assert "kt_evolution.workers.dispatch.WorkerError: worker_" in printed


def build_with_a_bug(hp):
    return build_model(hp) if is_chief() else no_such_name  # noqa: F821


@pytest.mark.later
def test_bug_in_the_build_function_ends_all(tmp_path):
    with Fleet(
        tmp_path,
        lease=6,
        build=build_with_a_bug,
        max_consecutive_failed_trials=2,
    ) as fleet:
        start(fleet)
        assert set(fleet.codes().values()) == {1}
    for name in NAMES:
        assert "2 trials in a row failed" in fleet.output(name)
        assert "name 'no_such_name' is not defined" in fleet.output(name)


def build_with_a_bug_on_the_chief(hp):
    return no_such_name if is_chief() else build_model(hp)  # noqa: F821


@pytest.mark.later
def test_bug_that_ends_the_chief_before_it_listens_ends_its_workers(tmp_path):
    with Fleet(tmp_path, build=build_with_a_bug_on_the_chief) as fleet:
        fleet.port = free_port()
        fleet.start("worker_1")
        fleet.wait_for_text("worker_1", "worker_1 waits for its chief")
        fleet.start("chief")
        assert fleet.codes() == {"chief": 1, "worker_1": 1}
        assert fleet.output("worker_1").endswith(
            "worker_1 ends, because its chief ended before it could answer: "
            "NameError: name 'no_such_name' is not defined.\n"
        )
        # The next chief is not taken for the last one.
        fleet.start_chief("chief-again", build=build_model)
        fleet.start("worker_1-again", build=build_model)
        codes = fleet.codes()
        assert codes["chief-again"] == codes["worker_1-again"] == 0
        fleet.check_finished()


@pytest.mark.slow
def test_error_of_a_proposal_ends_all(tmp_path):
    with Fleet(tmp_path, lease=6, build=build_with_a_late_bug) as fleet:
        start(fleet)
        assert set(fleet.codes().values()) == {1}
    assert "can't be searched" in fleet.output("chief")


def build_with_a_late_bug(hp):
    if hp.Int("units", 1, 64, default=5) != 5:
        # Two declarations that contradict each other.
        raise kt.errors.FatalValueError("This can't be searched.")
    return build_model(hp)


@pytest.mark.slow
def test_chief_of_a_finished_search_dismisses_its_workers(tmp_path):
    with Fleet(tmp_path, lease=10) as fleet:
        start(fleet)
        assert set(fleet.codes().values()) == {0}
        fleet.check_finished()
        fleet.start_chief("chief-again")
        fleet.start("worker_1-again")
        codes = fleet.codes()
        assert codes["chief-again"] == codes["worker_1-again"] == 0
        assert fleet.begun("worker_1-again") == []
        # Nobody comes.
        fleet.start_chief("chief-alone", lease=1)
        assert fleet.codes()["chief-alone"] == 0
    assert "There is nothing left to run" in fleet.output("chief-again")


@pytest.mark.later
def test_results_of_a_killed_chief_are_not_lost(tmp_path):
    with Fleet(tmp_path, lease=10) as fleet:
        fleet.start_chief()
        for name in NAMES[1:]:
            fleet.close_gate(name)
            fleet.start(name)
            fleet.wait(lambda name=name: fleet.num_epochs(name) == 1)
        fleet.kill("chief")
        fleet.start_chief("chief-again")
        fleet.wait_for_text("chief-again", "Trials of worker_1, worker_2 may")
        # The trials of the others are not for a worker that asks.
        fleet.start("worker_3")
        fleet.wait(lambda: len(fleet.begun("worker_3")) == MAX_TRIALS - 2)
        for name in NAMES[1:]:
            fleet.open_gate(name)
        codes = fleet.codes()
        fleet.check_finished()
    assert codes.pop("chief") == -signal.SIGKILL
    assert set(codes.values()) == {0}
    epochs = [fleet.num_epochs(f"worker_{number}") for number in (1, 2, 3)]
    # No epoch was trained twice.
    assert sum(epochs) == EPOCHS * MAX_TRIALS
    kinds = [one["event"] for one in fleet.events()]
    assert kinds.count("end") == MAX_TRIALS
