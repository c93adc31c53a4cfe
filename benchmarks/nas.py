"""Searches architectures on real data, seed by seed, and records each search.

Example:

```
python -m benchmarks.nas --data FOLDER --tasks tabular text series
python -m benchmarks.nas --report
```

Every search trains for as many epochs in all on the same rows; the best on
validation is tested. Searches that are recorded already are skipped,
so a stopped run goes on where it was. `HyperResNet` and `HyperXception` search
for as long as evolution did with the same seed, so that comes first.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import tempfile
import time
from collections.abc import Iterator
from collections.abc import Sequence

import keras

from benchmarks import nas_report
from benchmarks import nas_tasks
from benchmarks import results
from benchmarks.nas_budget import Budget
from benchmarks.nas_report import Record
from benchmarks.nas_report import Search
from benchmarks.nas_searchers import SEARCHERS
from benchmarks.nas_searchers import get_entry
from benchmarks.race import parse_seeds

PACKAGES = ("keras", "keras-tuner", "tensorflow")


def run(
    wanted: Search, data: pathlib.Path | None, seconds: float | None = None
) -> Record:
    """Runs one search from its start to its end."""
    task = nas_tasks.TASKS[wanted.task]
    rows = task.split(data, wanted.seed, wanted.train_size)
    budget = Budget(wanted.trials, wanted.epochs, seconds)
    keras.backend.clear_session()
    keras.utils.set_random_seed(wanted.seed)
    search = get_entry(wanted.searcher).run
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = search(task, rows, budget, wanted.seed, pathlib.Path(folder))
    return Record(
        **dataclasses.asdict(wanted),
        score=results.rounded(found.score),
        models=found.trials,
        params=found.params,
        values=found.values,
        seconds=round(time.monotonic() - start, 1),
        versions=results.versions(PACKAGES),
    )


def run_all(
    wanted: Sequence[Search], folder: pathlib.Path, data: pathlib.Path | None
) -> int:
    """Runs and records the searches that are missing; returns their number."""
    number = 0
    for one in wanted:
        known = {r.search: r for r in nas_report.load(folder)}
        if one in known:
            continue
        seconds = None
        if get_entry(one.searcher).for_a_time:
            model = dataclasses.replace(one, searcher="evolution")
            if model not in known:
                print(f"{one}: evolution was not run, so no time is known.")
                continue
            seconds = known[model].seconds
        record = run(one, data, seconds)
        results.append(nas_report.path(folder, one.searcher), record)
        number += 1
        print(
            f"{one.task} {one.searcher} seed {one.seed}: {record.score:.4f} "
            f"with {record.params:,} parameters, {record.models} trials in "
            f"{record.seconds:.0f} s",
            flush=True,
        )
    return number


def every_search(options: argparse.Namespace) -> Iterator[Search]:
    # All tasks of a seed first: a stopped run is even over the tasks.
    for seed in options.seeds:
        for name in nas_tasks.task_names(options.tasks):
            task = nas_tasks.TASKS[name]
            for searcher in options.searchers:
                if get_entry(searcher).is_for(name, task.kind):
                    yield Search(
                        searcher,
                        name,
                        seed,
                        options.trials or task.trials,
                        options.epochs or task.epochs,
                        options.train_size or task.train_size,
                    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Search architectures on real data."
    )
    add = parser.add_argument
    add("--searchers", nargs="+", default=list(SEARCHERS), metavar="NAME")
    add("--tasks", nargs="+", default=["all"], metavar="NAME")
    add("--seeds", type=parse_seeds, default=[0, 1, 2])
    add("--trials", type=int, help="models that a search trains")
    add("--epochs", type=int, help="for how long each is trained")
    add("--train-size", type=int, help="rows for training at most")
    add("--data", type=pathlib.Path, metavar="FOLDER")
    add("--results", type=pathlib.Path, default=results.FOLDER)
    add("--report", action="store_true", help="print the tables and end")
    options = parser.parse_args(arguments)
    if options.report:
        print(nas_report.report(nas_report.load(options.results)))
        return
    wanted = list(every_search(options))
    number = run_all(wanted, options.results, options.data)
    print(f"{number} of {len(wanted)} searches run.")


if __name__ == "__main__":
    main()
