"""Processes of this machine: which are started, and how they end."""

import atexit
import os
import threading
import time
from pathlib import Path

import keras
import pytest

from kt_evolution.workers import local
from tests.workers import searches
from tests.workers.searches import new_tuner


@pytest.mark.parametrize("max_trials, num_started", [(1, 1), (2, 2), (9, 3)])
def test_no_more_processes_are_started_than_there_are_trials(
    tmp_path, temporary, monkeypatch, max_trials, num_started
):
    # Each of them would be waited for.
    monkeypatch.setattr(local, "GRACE", 1000.0)
    started = []

    class Member(local._Member):
        def __init__(self, *args):
            super().__init__(*args)
            started.append(self)

    monkeypatch.setattr(local, "_Member", Member)
    workers = local.LocalWorkers(3)
    tuner = new_tuner(tmp_path, max_trials=max_trials)
    workers.start(tuner, (), searches.FIT)
    try:
        assert len(started) == num_started
        assert not any(member.has_ended for member in started)
    finally:
        # They had no trial, and are not waited for.
        workers.close(at_once=False)
    assert all(member.has_ended for member in started)
    assert list(temporary.iterdir()) == []


def test_finished_search_starts_no_process(tmp_path, monkeypatch):
    new_tuner(tmp_path).search(**searches.FIT)

    def refuse(*args):
        raise AssertionError("A process is started.")

    monkeypatch.setattr(local, "_Member", refuse)
    new_tuner(tmp_path, workers=2).search(**searches.FIT)
    # There are more than there may be.
    new_tuner(tmp_path, max_trials=1, workers=2).search(**searches.FIT)


class Leaving(keras.callbacks.Callback):
    """Leaves a note in each way in which a process may do so at its end."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_train_begin(self, logs=None):
        place = Path(self.folder)
        note = place / f"handler_{os.getpid()}"
        if not (place / f"pid_{os.getpid()}").exists():
            (place / f"pid_{os.getpid()}").touch()
            atexit.register(note.touch)
            threading.Thread(target=self.finish_late).start()

    def finish_late(self):
        # It ends after its process was told to end.
        while not (Path(self.folder) / "search_ended").exists():
            time.sleep(0.05)
        (Path(self.folder) / f"thread_{os.getpid()}").touch()


@pytest.mark.later
def test_worker_ends_as_a_python_process_does(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "GRACE", 120.0)
    notes = tmp_path / "notes"
    notes.mkdir()
    close = local.LocalWorkers.close

    def end(self, at_once):
        (notes / "search_ended").touch()
        close(self, at_once)

    monkeypatch.setattr(local.LocalWorkers, "close", end)
    tuner = new_tuner(tmp_path, workers=2)
    tuner.search(**searches.FIT, callbacks=[Leaving(str(notes))])
    left = [path.name.partition("_") for path in notes.glob("*_*")]
    pids = {pid for kind, _, pid in left if kind == "pid"}
    assert pids
    for expected in ("handler", "thread"):
        assert {pid for kind, _, pid in left if kind == expected} == pids
