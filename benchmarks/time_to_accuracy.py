"""Races searchers on real trainings, by the time that they take.

Example:

```
python -m benchmarks.time_to_accuracy --tasks mnist --seeds 0-2 --seconds 300
NAS_DATA=FOLDER python -m benchmarks.time_to_accuracy --tasks ready \
    --searchers none kt-random hyperband default usual autokeras --seconds 1800
python -m benchmarks.time_to_accuracy_report --figures benchmarks/figures
```

The tasks `ready` are those of `benchmarks.nas` with the ready spaces. AutoKeras
3.0 needs an environment of its own, with older versions:
`pip install autokeras keras==3.10.0 tensorflow==2.19.1 tensorboard` and the
packages of the data.

Each search has a process and one core to itself, and ends after `--seconds`.
Its best model so far is the epoch with the best validation accuracy; the
accuracy of that model on the rows for testing is recorded, and the time for
it doesn't count. Searches that are recorded already are skipped.

With `--clock cpu` seconds are those of the process on its core, so that other
programs that run at the same time change little. With `--clock wall` they are
those of a watch, which is right on a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import dataclasses
import json
import multiprocessing
import os
import pathlib
import tempfile
import time
from collections.abc import Sequence

import keras

from benchmarks import results
from benchmarks.race import parse_seeds
from benchmarks.timed_searchers import RACERS
from benchmarks.timed_searchers import SEARCHERS
from benchmarks.timed_tasks import READY
from benchmarks.timed_tasks import SMALL
from benchmarks.timed_tasks import TASKS
from benchmarks.timed_watch import CLOCKS
from benchmarks.timed_watch import TimeIsOverError
from benchmarks.timed_watch import Watch

TRACK = "time"
PACKAGES = (
    "autokeras",
    "keras",
    "keras-tuner",
    "kt-evolution",
    "optuna",
    "tensorflow",
)
ONE_CORE = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}


@dataclasses.dataclass(frozen=True)
class Search:
    """The setting of a search.

    Args:
        searcher: String, a name of the registry.
        task: String, a name of a task.
        seed: Integer, of the rows, the searcher and the weights.
        seconds: Float, for how long it searches.
        clock: String, a name of `CLOCKS`.
    """

    searcher: str
    task: str
    seed: int
    seconds: float
    clock: str


@dataclasses.dataclass(frozen=True)
class Record(Search):
    """A search that is finished.

    Args:
        steps: List of `(seconds, validation accuracy, test accuracy)` of the
            best model so far, where it changed.
        trainings: Integer, how many began or went on.
        epochs: Integer, of all trainings.
        wall: Float, the seconds of a watch for the whole search.
        versions: Dict, package name to version.
    """

    steps: list[tuple[float, float, float]]
    trainings: int
    epochs: int
    wall: float
    versions: dict[str, str]

    @property
    def search(self) -> Search:
        names = [field.name for field in dataclasses.fields(Search)]
        return Search(**{name: getattr(self, name) for name in names})


def run(wanted: Search) -> Record:
    """Runs one search until its time is over."""
    task = TASKS[wanted.task]
    data = task.split(None, wanted.seed, task.train_size)
    keras.utils.set_random_seed(wanted.seed)
    search = SEARCHERS[wanted.searcher].run
    began = time.monotonic()
    watch = Watch(task, data, wanted.seconds, wanted.clock)
    with (
        tempfile.TemporaryDirectory(prefix="race-") as folder,
        contextlib.suppress(TimeIsOverError),
    ):
        search(task, data, watch, wanted.seed, pathlib.Path(folder))
    return Record(
        **dataclasses.asdict(wanted),
        steps=[
            (round(seconds, 2), round(validation, 5), round(test, 5))
            for seconds, validation, test in watch.steps
        ],
        trainings=watch.trainings,
        epochs=watch.epochs,
        wall=round(time.monotonic() - began, 1),
        versions=results.versions(PACKAGES),
    )


def load(folder: pathlib.Path) -> list[Record]:
    """Reads all searches that were recorded."""
    records = []
    for searcher in SEARCHERS:
        file = results.path(folder, searcher, TRACK)
        for line in results.lines_of(file):
            # The process may have died while writing; the search runs again.
            with contextlib.suppress(json.JSONDecodeError):
                records.append(Record(**json.loads(line)))
    return records


def run_all(wanted: Sequence[Search], folder: pathlib.Path) -> int:
    """Runs and records the searches that are missing; returns their number."""
    known = {record.search for record in load(folder)}
    missing = [search for search in wanted if search not in known]
    os.environ.update(ONE_CORE)
    context = multiprocessing.get_context("spawn")
    for search in missing:
        with concurrent.futures.ProcessPoolExecutor(1, context) as process:
            record = process.submit(run, search).result()
        results.append(results.path(folder, search.searcher, TRACK), record)
        print(
            f"{search.task} {search.searcher} seed {search.seed}: "
            f"{record.steps[-1][2] if record.steps else 0:.4f} after "
            f"{record.trainings} trainings of {record.epochs} epochs in all, "
            f"{record.wall:.0f} s by the wall",
            flush=True,
        )
    return len(missing)


def _names(tasks: Sequence[str]) -> list[str]:
    """Returns names of tasks with those of the ready spaces for "ready"."""
    every = [READY if name == "ready" else [name] for name in tasks]
    return list(dict.fromkeys(name for names in every for name in names))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Race searchers on real trainings, by time."
    )
    add = parser.add_argument
    tasks = [*TASKS, "ready"]
    add("--searchers", nargs="+", choices=list(SEARCHERS), default=list(RACERS))
    add("--tasks", nargs="+", choices=tasks, default=list(SMALL))
    add("--seeds", type=parse_seeds, default=[0, 1, 2])
    add("--seconds", type=float, default=300.0, help="of each search")
    add("--clock", choices=list(CLOCKS), default="cpu")
    add("--results", type=pathlib.Path, default=results.FOLDER)
    options = parser.parse_args(arguments)
    wanted = [
        Search(searcher, task, seed, options.seconds, options.clock)
        for seed in options.seeds
        # All searchers of a task first: a stopped run can be compared.
        for task in _names(options.tasks)
        for searcher in options.searchers
        if TASKS[task].kind in SEARCHERS[searcher].kinds
    ]
    number = run_all(wanted, options.results)
    print(f"{number} searches run, {len(wanted) - number} were there already.")


if __name__ == "__main__":
    main()
