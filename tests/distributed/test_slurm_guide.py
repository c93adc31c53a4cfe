"""The script of the guide of SLURM, with the variables of SLURM."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.project import searches

ROOT = Path(__file__).parent.parent.parent
GUIDES = ROOT / "docs" / "guides"
# Seconds in which everything has to happen, also on a slow busy machine.
LIMIT = 240
SEARCH = """\
import time
import keras
import numpy as np
import kt_evolution

def build_model(hp):
    model = keras.Sequential([keras.Input((4,))])
    model.add(keras.layers.Dense(hp.Int("units", 1, 64)))
    model.add(keras.layers.Dense(1))
    model.compile("sgd", "mse")
    return model

class Slow(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        time.sleep(0.5)

x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
tuner = kt_evolution.EvolutionTuner(
    build_model, "val_loss", max_trials=8, seed=0,
    directory="results", project_name="project",
)
tuner.search(
    x, x[:, :1], validation_data=(x, x[:, :1]), epochs=3, callbacks=[Slow()]
)
"""


def is_free(port):
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def job_with_a_free_port():
    """Returns the id of a job whose port no other process uses."""
    first = os.getpid() * 7 % 10000
    return next(n for n in range(first, 10000) if is_free(20000 + n))


class Job:
    """An array job of the script in a folder, whose tasks are processes."""

    def __init__(self, folder):
        (script,) = re.findall(
            r"^```sh\n(#!/bin/bash\n.*?)^```",
            (GUIDES / "slurm.md").read_text(),
            re.DOTALL | re.MULTILINE,
        )
        self.folder = folder
        self.id = job_with_a_free_port()
        self.tasks = []
        (folder / "search.sbatch").write_text(script)
        (folder / "search.py").write_text(SEARCH)
        commands = folder / "commands"
        commands.mkdir()
        scontrol = commands / "scontrol"
        scontrol.write_text(f'#!/bin/sh\necho "$@" >> {folder}/scontrol.txt\n')
        scontrol.chmod(0o755)

    def start(self, number):
        task = subprocess.Popen(
            ["bash", "search.sbatch"],
            cwd=self.folder,
            env={
                **os.environ,
                "PATH": f"{self.folder / 'commands'}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "SLURM_ARRAY_JOB_ID": str(self.id),
                "SLURM_ARRAY_TASK_ID": str(number),
                "SLURM_JOB_ID": str(self.id + number),
                "SLURMD_NODENAME": "127.0.0.1",
            },
            stdout=(self.folder / f"log_{number}.txt").open("a"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.tasks.append(task)
        return task

    def kill(self):
        for task in self.tasks:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(task.pid, signal.SIGKILL)
            task.wait()

    def ended(self):
        folder = self.folder / "results"
        if not (folder / "project" / "journal.jsonl").exists():
            return []
        return [
            event["trial_id"]
            for event in searches.events(folder)
            if event["event"] == "end"
        ]

    def wait_for(self, number):
        """Waits until so many trials have ended."""
        last = time.monotonic() + LIMIT
        while len(self.ended()) < number:
            assert time.monotonic() < last, self.printed()
            time.sleep(0.1)

    def printed(self):
        logs = sorted(self.folder.glob("log_*.txt"))
        return "\n".join(f"{log.name}\n{log.read_text()}" for log in logs)


@pytest.fixture
def job(tmp_path):
    job = Job(tmp_path)
    yield job
    job.kill()


@pytest.mark.slow
def test_an_array_job_goes_on_after_its_chief_and_a_worker_were_requeued(job):
    early = job.start(1)
    chief, late = job.start(0), job.start(2)
    job.wait_for(2)
    # Both come to their time limit.
    late.send_signal(signal.SIGUSR1)
    assert late.wait(LIMIT) == 0, job.printed()
    chief.send_signal(signal.SIGUSR1)
    assert chief.wait(LIMIT) == 0, job.printed()
    requeued = (job.folder / "scontrol.txt").read_text().splitlines()
    assert requeued == [f"requeue {job.id + 2}", f"requeue {job.id}"]
    assert early.poll() is None
    assert len(job.ended()) < 8
    others = [job.start(0), job.start(2)]
    for task in (early, *others):
        assert task.wait(LIMIT) == 0, job.printed()
    assert sorted(job.ended()) == [str(number) for number in range(8)]
    assert (job.folder / f"chief_{job.id}").read_text() == "over\n"
    # Nothing else is requeued, and one that comes too late ends at once.
    assert len((job.folder / "scontrol.txt").read_text().splitlines()) == 2
    assert job.start(3).wait(LIMIT) == 0


@pytest.mark.slow
def test_an_error_in_the_code_ends_all_tasks_of_an_array_job(job):
    code = SEARCH.replace("model.compile(", "oops(")
    (job.folder / "search.py").write_text(code)
    tasks = [job.start(number) for number in range(2)]
    for task in tasks:
        assert task.wait(LIMIT) == 0, job.printed()
    assert "NameError: name 'oops' is not defined" in job.printed()
    assert not (job.folder / "scontrol.txt").exists()
