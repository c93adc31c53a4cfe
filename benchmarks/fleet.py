"""Races our search with many workers against itself with one.

Example:

```
OMP_NUM_THREADS=1 python -m benchmarks.fleet --workers 1 8 64 256 --seeds 10-14
python -m benchmarks.fleet_report
```

Workers are simulated on the tables of `benchmarks.race`, without noise. The
times of trainings are drawn from a log-normal distribution of which the mean is
a minute and sigma is 1; of a task and a seed all races have the same times. The
oracle serves one worker after another. The time that it really takes for a
report and a proposal passes in the simulation, and counts as waiting. It is
measured in CPU seconds, so that other programs change little.

A worker is busy while it trains. The share of busy time is that until the last
trial is proposed: workers that come later have nothing to do, however good the
search. Races that are recorded already are skipped.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import pathlib
import time
import zlib
from collections.abc import Sequence

import numpy as np

from benchmarks import race
from benchmarks import results
from benchmarks import searchers
from benchmarks import tasks
from benchmarks.searcher import Searcher
from benchmarks.simulation import Shift
from benchmarks.simulation import simulate

SEARCHER = "evolution"
WORKERS = (1, 8, 64, 256)
TRIALS = 400
MEAN_SECONDS = 60.0
SIGMA = 1.0
# Two tables of each family: the search was developed on the first of them.
TASKS = (
    "nasbench201/cifar10",
    "nasbench201/cifar100",
    "hpolib/protein_structure",
    "hpolib/slice_localization",
    "hpobench/car",
    "hpobench/phoneme",
)


class _Chief:
    """A searcher that workers ask, and what it reached so far."""

    def __init__(
        self, wanted: race.Race, task: tasks.Task, searcher: Searcher
    ) -> None:
        self._seed = wanted.seed
        self._task = task
        self._searcher = searcher
        self._is_over = False
        self.tally = race.Tally(task, "clean")

    def ask(self, worker: int) -> tasks.Cell | None:
        # A tuner that is told so ends: no worker asks a second time.
        cell = None if self._is_over else self._searcher.ask()
        self._is_over = cell is None
        return cell

    def tell(self, cell: tasks.Cell) -> None:
        loss = self._task.evaluate(
            cell, "clean", self._seed, self.tally.evaluations
        )
        self._searcher.tell(cell, loss)
        self.tally.add(cell, loss, self._searcher)


def training_seconds(wanted: race.Race) -> np.ndarray:
    """Returns how long each training takes, in the order of the trials."""
    name_as_number = zlib.crc32(wanted.task.encode())
    rng = np.random.default_rng([name_as_number, wanted.seed])
    # The mean of a log-normal distribution is not at the mean of the logarithm.
    logarithm = np.log(MEAN_SECONDS) - 0.5 * SIGMA**2
    return rng.lognormal(logarithm, SIGMA, wanted.evaluations)


def busy_share(shifts: Sequence[Shift[tasks.Cell]], workers: int) -> float:
    """Returns the share of the workers' time until the last trial begins."""
    end = shifts[-1].first
    busy = sum(min(one.last, end) - min(one.first, end) for one in shifts)
    return busy / (workers * end)


def run_race(wanted: race.Race, workers: int) -> results.Record:
    """Runs one race from its start to its end."""
    task = tasks.load_task(wanted.task)
    entry = searchers.get_entry(wanted.searcher)
    searcher = entry.build(task, wanted.seed, wanted.evaluations)
    chief = _Chief(wanted, task, searcher)
    lengths = iter(training_seconds(wanted).tolist())
    try:
        shifts = list(
            simulate(
                chief,
                lambda cell: next(lengths),
                workers,
                clock=time.process_time,
                chief_takes_time=True,
            )
        )
    finally:
        searcher.close()
    return results.Record(
        task=wanted.task,
        seed=wanted.seed,
        evaluations=chief.tally.evaluations,
        steps=chief.tally.steps,
        proposal_ms=results.proposal_times([one.seconds for one in shifts]),
        queries_to_best=chief.tally.queries_to_best,
        exhausted=chief.tally.evaluations < wanted.evaluations,
        versions=results.versions(entry.packages),
        busy=results.rounded(busy_share(shifts, workers)),
    )


def track_of(workers: int) -> str:
    return f"fleet-{workers}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Race our search with simulated workers."
    )
    add = parser.add_argument
    add("--workers", nargs="+", type=int, default=list(WORKERS))
    add("--tasks", nargs="+", default=list(TASKS), metavar="NAME")
    add("--seeds", type=race.parse_seeds, default=list(range(10, 15)))
    add("--trials", type=int, default=TRIALS)
    add("--results", type=pathlib.Path, default=results.FOLDER)
    options = parser.parse_args(arguments)
    run = missing = 0
    for seed, workers in itertools.product(options.seeds, options.workers):
        wanted = [
            race.Race(SEARCHER, task, track_of(workers), seed, options.trials)
            for task in tasks.task_names(options.tasks)
        ]
        missing += len(wanted)
        run += race.run_races(
            wanted,
            options.results,
            run=functools.partial(run_race, workers=workers),
        )
    print(f"{run} races run, {missing - run} were there already.")


if __name__ == "__main__":
    main()
