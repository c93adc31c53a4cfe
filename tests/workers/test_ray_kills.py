"""A search of tiny real models on Ray actors that are killed at random."""

import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import keras
import pytest
import ray

import kt_evolution
from kt_evolution.workers.ray_member import PREFIX
from tests.workers.searches import FIT
from tests.workers.searches import new_tuner
from tests.workers.test_processes import events_of

pytestmark = pytest.mark.slow

NUM_TRIALS = 30
NUM_KILLS = 12
# Seconds after which something will never happen, also on a busy machine.
LIMIT = 120.0


class Notes(keras.callbacks.Callback):
    """Notes the processes that train.

    Args:
        folder: String.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = str(folder)

    def on_epoch_begin(self, epoch, logs=None):
        Path(self.folder, f"pid_{os.getpid()}").touch()


def is_running(pid):
    """Returns whether a process is there, and not just waited for."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except OSError:
        return False
    return state.split()[0] != "Z"


def pids_in(folder):
    return [int(path.name[4:]) for path in folder.glob("pid_*")]


def kill_at_random(folder, rng, killed, is_over):
    """Kills processes that train, at random times."""
    while len(killed) < NUM_KILLS and not is_over.wait(rng.uniform(0.5, 4.0)):
        alive = [pid for pid in pids_in(folder) if is_running(pid)]
        if alive:
            pid = rng.choice(alive)
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)


def test_nothing_is_lost_or_scored_twice(tmp_path):
    notes, scratch = tmp_path / "notes", tmp_path / "scratch"
    notes.mkdir()
    scratch.mkdir()
    ray.shutdown()
    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=100 * 2**20,
        log_to_driver=False,
        runtime_env={"env_vars": {"TMPDIR": str(scratch)}},
    )
    killed, is_over = [], threading.Event()
    thread = threading.Thread(
        target=kill_at_random,
        args=(notes, random.Random(0), killed, is_over),
    )
    tuner = new_tuner(
        tmp_path,
        max_trials=NUM_TRIALS,
        max_retries_per_trial=NUM_KILLS,
        workers=kt_evolution.RayWorkers(2),
    )
    try:
        thread.start()
        fit = {**FIT, "epochs": 20}
        tuner.search(**fit, callbacks=[Notes(notes)])
    finally:
        is_over.set()
        thread.join()
        ray.shutdown()
    print(f"{len(killed)} actors were killed")
    assert len(killed) == NUM_KILLS
    trials = tuner.oracle.trials
    assert len(trials) == NUM_TRIALS
    assert {trial.status for trial in trials.values()} == {"COMPLETED"}
    ends = Counter(
        (one["trial_id"], one["status"] == "COMPLETED")
        for one in events_of(tmp_path, "end")
    )
    # Each has one result, and no model is trained as two trials.
    assert all(ends[name, True] == 1 for name in trials)
    values = {str(t.hyperparameters.values) for t in trials.values()}
    assert len(values) == NUM_TRIALS
    for trial_id in trials:
        assert (tmp_path / f"untitled_project/trial_{trial_id}").is_dir()
    last = time.monotonic() + LIMIT
    while any(map(is_running, pids_in(notes))):
        assert time.monotonic() < last
        time.sleep(0.1)
    assert list(scratch.glob(f"{PREFIX}*")) == []
