"""Searches that run in processes of their own, for tests to end at will.

A fork server imports Keras Tuner once; each search is a fork of it, so that
a hundred of them cost no more than their trials.
"""

import contextlib
import json
import multiprocessing
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["keras_tuner", "scipy.stats", "kt_evolution.tuner"]
)


def build_model(hp):
    """A space of which a part, with the defaults, can't be built."""
    import keras

    for i in range(hp.Int("layers", 1, 3)):
        hp.Int(f"units_{i}", 8, 64, step=8)
    if hp.Choice("kind", ["d", "e", "a", "b", "c"]) in ("d", "e"):
        raise ValueError("Kinds d and e can't be built.")
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    return keras.Sequential()


def train(trial) -> float:
    """The loss, known only from the values; two trainings always crash."""
    number, hp = int(trial.trial_id), trial.hyperparameters
    if number in (2, 7):
        raise RuntimeError("Such models crash in training.")
    units = [hp.get(f"units_{i}") for i in range(hp.get("layers"))]
    loss = sum(units) / 64 + abs(hp.get("rate") - 0.01)
    if number >= 4:
        # Only met in training.
        loss += hp.Float("late", 0.0, 1.0)
    return loss + 0.5 * (hp.get("kind") == "a")


def make_tuner(folder: Path, delay: float = 0.0, **kwargs: Any):
    """Returns an `EvolutionTuner` that notes on disk what it runs."""
    import kt_evolution

    log = folder / "log.txt"

    class Tuner(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, *args, **kwargs):
            note(log, f"begun {trial.trial_id}")
            time.sleep(delay)
            return train(trial)

        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            note(log, f"{trial.status} {trial.trial_id}")

    options = {
        "objective": None,
        "max_trials": 14,
        "seed": 0,
        "num_initial_points": 4,
        "population_size": 4,
        "max_retries_per_trial": 1,
        # For speed; the random kills have one.
        "surrogate": None,
        "directory": folder,
        "project_name": "project",
        **kwargs,
    }
    return Tuner(build_model, **options)


def note(log: Path, line: str) -> None:
    # Written at once: it is there when the process is killed next.
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def search(folder: Path, **kwargs: Any) -> None:
    make_tuner(folder, **kwargs).search(verbose=0)


def start(function, folder: Path, *args: Any, **kwargs: Any):
    """Starts a function of a folder in a process of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    process = PROCESSES.Process(
        target=_call, args=(function, folder, args, kwargs)
    )
    process.start()
    return process


def run(function, folder: Path, *args: Any, **kwargs: Any) -> int:
    """Runs a function in a process of its own and returns its exit code."""
    process = start(function, folder, *args, **kwargs)
    process.join()
    code = process.exitcode
    assert code != 1, output(folder)
    return code


def _call(function, folder: Path, args: Any, kwargs: Any) -> None:
    with (
        open(folder / "output.txt", "w") as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
    ):
        try:
            function(folder, *args, **kwargs)
        except SystemExit as error:
            # As Python does.
            code = error.code if isinstance(error.code, int) else 1
            if isinstance(error.code, str):
                print(error.code, file=sys.stderr, flush=True)
            os._exit(code)
        except BaseException:
            traceback.print_exc()
            file.flush()
            os._exit(1)
    # Without the clean-up of TensorFlow, which takes longer than the search.
    os._exit(0)


# What is on disk afterwards.


STARTS = ("start", "build", "interrupted", "progressed")


def events(folder: Path) -> list[dict[str, Any]]:
    """Returns the whole lines of the journal, without times and starts."""
    path = folder / "project" / "journal.jsonl"
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if event["event"] in STARTS:
                # How often a trial or a build was started depends on what
                # ended it.
                continue
            for name in ("time", "session", "seconds", "began"):
                event.pop(name, None)
            event.pop("message", None)
            found.append(event)
    return found


def ended(folder: Path) -> dict[str, Any]:
    """Returns the scores of the trials that ended for good."""
    return {
        event["trial_id"]: event["score"]
        for event in events(folder)
        if event["event"] == "end" and event["status"] != "INVALID"
    }


def num_retries(folder: Path) -> int:
    """Returns how often a trial was sent for a further run."""
    return sum(event.get("status") == "INVALID" for event in events(folder))


def begun(folder: Path, since: int = 0) -> list[str]:
    """Returns the trials whose training began, in order."""
    path = folder / "log.txt"
    if not path.exists():
        return []
    lines = path.read_text().splitlines()[since:]
    return [line.split()[1] for line in lines if line.startswith("begun")]


def num_notes(folder: Path) -> int:
    path = folder / "log.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


def noted_ends(folder: Path) -> set[str]:
    """Returns the trials that ended for good, as the tuner noted it."""
    path = folder / "log.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return {
        line.split()[1]
        for line in lines
        if line.startswith(("COMPLETED", "FAILED"))
    }


def output(folder: Path) -> str:
    """Returns what the last process printed."""
    return (folder / "output.txt").read_text(errors="replace")


def check_finished(folder: Path, expected: list[dict[str, Any]]) -> None:
    """Checks that a search ended as the uninterrupted one did."""
    assert events(folder) == expected
    project = folder / "project"
    result = ended(folder)
    trials = [event for event in expected if event["event"] == "trial"]
    assert [event["trial_id"] for event in trials] == list(result)
    for trial_id, score in result.items():
        text = (project / f"trial_{trial_id}" / "trial.json").read_text()
        trial = json.loads(text)
        assert trial["score"] == score
        assert trial["status"] == ("FAILED" if score is None else "COMPLETED")
    state = json.loads((project / "oracle.json").read_text())
    assert sorted(state["end_order"]) == sorted(result)
    assert len(state["start_order"]) == len(result)
    assert state["ongoing_trials"] == {}
    assert state["retry_queue"] == []
