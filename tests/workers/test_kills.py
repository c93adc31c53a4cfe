"""Searches whose processes are killed at random, time and again."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import pytest

from tests.workers import searches
from tests.workers.test_processes import ROOT
from tests.workers.test_processes import events_of
from tests.workers.test_processes import state_of
from tests.workers.test_processes import wait_until

NUM_TRIALS = 40
NUM_KILLS = 10
FIT = {**searches.FIT, "shuffle": False}


def children_of(pid):
    """Returns the processes that a process has started."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for child in text.split()]


def search(folder):
    """Searches, or goes on with it."""
    tuner = searches.new_tuner(
        folder,
        max_trials=NUM_TRIALS,
        workers=2,
        max_retries_per_trial=NUM_KILLS,
        max_starts_per_trial=NUM_KILLS + 1,
    )
    tuner.search(**FIT)


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.workers.test_kills", str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_random_kills_lose_nothing(tmp_path, temporary, seed):
    rng = random.Random(seed)
    process, pids = start(tmp_path), set()
    num_kills = num_known = 0
    try:
        while (code := process.poll()) != 0:
            if code is not None:
                assert code == -signal.SIGKILL
                process = start(tmp_path)
            pids |= {process.pid, *children_of(process.pid)}
            # A kill after each few trials, wherever the processes are then.
            num_ended = len(events_of(tmp_path, "end"))
            if num_ended >= num_known + 3 and num_kills < NUM_KILLS:
                num_known = num_ended
                time.sleep(rng.uniform(0.0, 2.0))
                members = [process.pid, *children_of(process.pid)]
                pids.update(members)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(rng.choice(members), signal.SIGKILL)
                    num_kills += 1
            time.sleep(0.05)
        assert num_kills == NUM_KILLS
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: {state_of(pid) for pid in pids} <= {None, "Z"}, 30)
    assert list(temporary.iterdir()) == []
    check_once(tmp_path)


def check_once(folder):
    """Asserts that each trial has its own result, once."""
    order = []
    for event in events_of(folder, "end"):
        if event["status"] == "COMPLETED":
            order.append(event["trial_id"])
        else:
            assert "was ended by SIGKILL" in event["message"]
    assert sorted(order) == [f"{number:02}" for number in range(NUM_TRIALS)]
    tuner = searches.new_tuner(folder, max_trials=NUM_TRIALS)
    for trial in tuner.oracle.trials.values():
        model = searches.build(trial.hyperparameters)
        history = model.fit(**FIT).history
        assert trial.score == pytest.approx(min(history["val_loss"]), rel=1e-6)


if __name__ == "__main__":
    keras.config.disable_interactive_logging()
    search(sys.argv[1])
