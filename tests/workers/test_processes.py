"""Workers that are real processes, and how each of them may end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import nbclient
import nbformat
import pytest

from kt_evolution.project.journal import JournalError
from tests.workers import searches
from tests.workers.searches import Dying
from tests.workers.searches import build_with_fate
from tests.workers.searches import new_tuner

ROOT = Path(__file__).parent.parent.parent
# A search of `__main__`, whose functions no other process can import.
SCRIPT = """\
import sys
from tests.workers import searches

def build(hp):
    return searches.build_with_fate(hp)

folder = sys.argv[1]
tuner = searches.new_tuner(
    folder + "/search", hypermodel=build, max_trials=4, workers=2,
    initial_population=[{"fate": "hang"}] + [{"fate": "fine"}] * 3,
)
print("begins", flush=True)
tuner.search(
    **{**searches.FIT, "verbose": 1}, callbacks=[searches.Dying(folder)]
)
"""


def events_of(folder, kind):
    """Returns the lines of a kind in the journal of a search."""
    path = Path(folder, "untitled_project", "journal.jsonl")
    lines = path.read_text().splitlines() if path.exists() else []
    events = [json.loads(line) for line in lines]
    return [event for event in events if event["event"] == kind]


def pids_in(folder):
    """Returns the processes that have trained a model."""
    return [int(path.name[4:]) for path in Path(folder).glob("pid_*")]


def wait_until(is_reached, seconds=300.0):
    """Waits for something that other processes do."""
    last = time.monotonic() + seconds
    while not is_reached():
        assert time.monotonic() < last
        time.sleep(0.05)


def state_of(pid):
    """Returns the state of a process as Linux has it, None if it is gone."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        )
    except (FileNotFoundError, ProcessLookupError):
        return None


@pytest.mark.slow
def test_a_worker_may_end_in_any_way(tmp_path, temporary, capfd):
    given = [{"fate": fate} for fate in ("kill", "fault", "exit", "hang")]
    tuner = new_tuner(
        tmp_path,
        hypermodel=build_with_fate,
        max_trials=6,
        workers=2,
        max_retries_per_trial=1,
        trial_timeout=30,
        initial_population=given,
    )
    tuner.search(**searches.FIT, callbacks=[Dying(str(tmp_path))])
    trials = tuner.oracle.trials
    assert {t.status for t in trials.values()} == {"COMPLETED"}
    assert len(trials) == 6
    # The first trial of a fate has it.
    by_fate = {
        t.hyperparameters.values["fate"]: t.trial_id
        for t in reversed(trials.values())
    }
    lines = events_of(tmp_path, "end")
    for fate, words in {
        "kill": "was ended by SIGKILL, for instance because memory",
        "fault": "was ended by SIGSEGV",
        "exit": "ended with exit code 3, for instance by `sys.exit`",
        "hang": "did not end within trial_timeout=30",
    }.items():
        ends = [x for x in lines if x["trial_id"] == by_fate[fate]]
        assert [x["status"] for x in ends] == ["INVALID", "COMPLETED"], fate
        assert words in ends[0]["message"]
    # The interpreter says where it was.
    fault = [x for x in lines if x["trial_id"] == by_fate["fault"]][0]
    assert "in on_epoch_end" in fault["message"]
    pids = pids_in(tmp_path)
    assert len(pids) == 6
    assert [state_of(pid) for pid in pids] == [None] * 6
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "numbers",
    [[signal.SIGKILL], [signal.SIGINT], [signal.SIGINT, signal.SIGINT]],
    ids=["killed", "interrupted", "interrupted_twice"],
)
def test_a_search_that_ends_takes_its_workers_along(
    tmp_path, temporary, numbers
):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            # All but the trial that hangs.
            folder = tmp_path / "search"
            wait_until(lambda: len(events_of(folder, "end")) == 3, 600)
            wait_until(lambda: len(pids_in(tmp_path)) == 2)
            pids = pids_in(tmp_path)
            for number in numbers:
                process.send_signal(number)
                time.sleep(0.2)
            printed, _ = process.communicate(timeout=30)
        finally:
            process.kill()
    # An orphan is a zombie until somebody waits for it.
    wait_until(lambda: {state_of(pid) for pid in pids} <= {None, "Z"})
    assert list(temporary.iterdir()) == []
    # The user's script ran once.
    assert printed.count("begins") == 1
    if numbers == [signal.SIGINT]:
        assert process.returncode == 0
        assert "Interrupted after 3 trials" in printed
    tuner = new_tuner(folder, hypermodel=build_with_fate, max_trials=4)
    tuner.search(**searches.FIT, callbacks=[Dying(str(tmp_path))])
    ends = [event["trial_id"] for event in events_of(folder, "end")]
    assert sorted(ends) == ["0", "1", "2", "3"]
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}


@pytest.mark.slow
def test_memory_that_runs_out_costs_a_try(tmp_path, temporary):
    tuner = new_tuner(
        tmp_path,
        hypermodel=build_with_fate,
        max_trials=3,
        workers=2,
        max_retries_per_trial=1,
        initial_population=[{"fate": "memory"}, {"fate": "fine"}],
    )
    tuner.search(**searches.FIT, callbacks=[Dying(str(tmp_path))])
    trials = tuner.oracle.trials
    assert {t.status for t in trials.values()} == {"COMPLETED"}
    (trial_id,) = {
        t.trial_id
        for t in trials.values()
        if t.hyperparameters.values["fate"] == "memory"
    }
    ends = [
        event
        for event in events_of(tmp_path, "end")
        if event["trial_id"] == trial_id
    ]
    assert [event["status"] for event in ends] == ["INVALID", "COMPLETED"]
    assert "MemoryError" in ends[0]["message"]
    assert {state_of(pid) for pid in pids_in(tmp_path)} == {None}


class Removes(keras.callbacks.Callback):
    """Deletes a folder in a training.

    Args:
        folder: String, that folder.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch, logs=None):
        # The process, for the test.
        (Path(self.folder).parent / f"pid_{os.getpid()}").touch()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.mark.later
def test_a_folder_that_is_removed_ends_the_search(tmp_path, temporary):
    tuner = new_tuner(tmp_path, workers=2)
    project = tmp_path / "untitled_project"
    with pytest.raises(JournalError, match="journal.jsonl is gone"):
        tuner.search(**searches.FIT, callbacks=[Removes(str(project))])
    assert {state_of(pid) for pid in pids_in(tmp_path)} == {None}
    assert list(temporary.iterdir()) == []
    # Nothing that looks like a project is made again. A training that was
    # about to begin may have begun its log.
    left = {path.name for path in project.rglob("*") if path.is_file()}
    assert left <= {"training.jsonl"}


@pytest.mark.later
def test_an_error_in_the_code_of_a_build_ends_the_search(tmp_path, temporary):
    def build(hp):
        if hp.Int("units", 1, 16) == 5:
            # It is not defined.
            oops  # noqa: B018, F821
        return searches.build(hp)

    tuner = new_tuner(
        tmp_path,
        hypermodel=build,
        max_trials=8,
        workers=2,
        initial_population=[{"units": 3}, {"units": 4}, {"units": 5}],
    )
    with pytest.raises(NameError, match="'oops' is not defined"):
        tuner.search(**searches.FIT, callbacks=[Dying(str(tmp_path))])
    assert {state_of(pid) for pid in pids_in(tmp_path)} == {None}
    assert list(temporary.iterdir()) == []
    # The mended code goes on with all that was asked for.
    tuner = new_tuner(tmp_path, max_trials=8)
    tuner.search(**searches.FIT)
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}
    assert len(tuner.oracle.trials) == 8


NOTEBOOK = """\
import keras
import numpy as np
import kt_evolution

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = x.sum(axis=1, keepdims=True)

def build_model(hp):
    model = keras.Sequential([keras.Input((4,))])
    model.add(keras.layers.Dense(hp.Int("units", 2, 16)))
    model.add(keras.layers.Dense(1))
    model.compile("adam", "mse")
    return model

tuner = kt_evolution.EvolutionTuner(
    build_model, "val_loss", max_trials=4, workers=2, seed=0
)
tuner.search(x, y, validation_data=(x, y), epochs=2)
"""


@pytest.mark.later
def test_a_notebook_has_workers_for_what_its_cells_define(tmp_path):
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(NOTEBOOK),
            nbformat.v4.new_code_cell("len(tuner.oracle.get_best_trials(9))"),
            nbformat.v4.new_code_cell(
                "tuner.get_best_models()[0].predict(x, verbose=0).shape"
            ),
        ]
    )
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    shown = [
        output["data"]["text/plain"]
        for cell in notebook.cells[1:]
        for output in cell["outputs"]
        if output["output_type"] == "execute_result"
    ]
    assert shown == ["4", "(64, 1)"]
