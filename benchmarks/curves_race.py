"""Races searchers on learning-curve tables, by the epochs that they spend.

Example:

```
python -m benchmarks.curves_race --searchers fidelity none asha --seeds 0-9
python -m benchmarks.curves_race --searchers fidelity hyperband --workers 8
```

The budget is in full trainings: 20 are the epochs of 20 trainings to the end,
however they are spent. The regret is that of the best epoch of any training so
far, whose checkpoint the user has in hand. Workers are simulated: an epoch
takes each of them the same time, and a searcher is asked whenever a worker is
idle. Races that are recorded already are skipped.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import pathlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from benchmarks import curve_peers
from benchmarks import curve_searchers
from benchmarks import race
from benchmarks import results
from benchmarks.curve_searchers import CurveSearcher
from benchmarks.curve_searchers import Job
from benchmarks.curve_tables import NAMES
from benchmarks.curve_tables import REPORTED
from benchmarks.curve_tables import CurveTable
from benchmarks.curve_tables import load_table
from benchmarks.simulation import simulate

WORKERS = (1, 8)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of the registry.

    Args:
        build: Called with the table, the seed and the number of epochs.
        title: String, what tables call it.
        packages: Names of the distributions whose versions are recorded.
    """

    build: Callable[[CurveTable, int, int], CurveSearcher]
    title: str
    packages: tuple[str, ...] = ()


SEARCHERS = {
    "fidelity": Entry(
        curve_searchers.evolution_with_fidelity,
        "`SuccessiveHalving()`",
        ("kt-evolution",),
    ),
    "none": Entry(
        curve_searchers.evolution, "`fidelity=None`", ("kt-evolution",)
    ),
    "random": Entry(curve_searchers.RandomSearcher, "random, in full"),
    "asha": Entry(curve_searchers.Asha, "random, ASHA"),
    "hyperband": Entry(
        curve_peers.HyperbandSearcher, "kt.Hyperband", ("keras-tuner",)
    ),
    "tpe-hyperband": Entry(
        curve_peers.optuna_hyperband,
        "Optuna TPE, Hyperband pruner",
        ("optuna",),
    ),
    "tpe-median": Entry(
        curve_peers.optuna_median, "Optuna TPE, median pruner", ("optuna",)
    ),
    "dehb": Entry(curve_peers.DehbSearcher, "DEHB", ("dehb",)),
}


@dataclasses.dataclass(frozen=True)
class _Chief:
    """Tells a searcher the losses of its jobs, which a table has."""

    searcher: CurveSearcher
    table: CurveTable

    def ask(self, worker: int) -> Job | None:
        return self.searcher.ask(worker)

    def tell(self, job: Job) -> None:
        self.searcher.tell(job, self.losses(job))

    def losses(self, job: Job) -> np.ndarray:
        return self.table.curve(job.values)[job.first : job.last]


def train(
    searcher: CurveSearcher, table: CurveTable, budget: int, workers: int
) -> Iterator[tuple[int, float, float]]:
    """Lets workers train until a number of epochs is spent.

    Yields:
        Tuples of how many epochs were spent in all when an epoch ended, of the
        epoch's loss, and of the seconds that it took to propose its job, 0 for
        all of a job's epochs but the first.
    """
    chief = _Chief(searcher, table)
    for shift in simulate(
        chief,
        lambda job: job.last - job.first,
        workers,
        until=budget / workers,
    ):
        seconds = shift.seconds
        for after, loss in enumerate(chief.losses(shift.job), 1):
            yield (int(shift.first) + after) * workers, float(loss), seconds
            seconds = 0.0


def run_race(wanted: race.Race, workers: int) -> results.Record:
    """Runs one race; its evaluations are epochs."""
    table = load_table(wanted.task)
    entry = SEARCHERS[wanted.searcher]
    searcher = entry.build(table, wanted.seed, wanted.evaluations)
    best = np.full(wanted.evaluations + 1, np.inf)
    seconds = []
    try:
        for spent, loss, asked in train(
            searcher, table, wanted.evaluations, workers
        ):
            if spent <= wanted.evaluations:
                best[spent] = min(best[spent], loss)
            if asked:
                seconds.append(asked)
    finally:
        searcher.close()
    best = np.maximum(np.minimum.accumulate(best), 0.0)
    changed = np.flatnonzero(best[1:] < best[:-1]) + 1
    return results.Record(
        task=wanted.task,
        seed=wanted.seed,
        evaluations=wanted.evaluations,
        steps=[(int(n), results.rounded(best[n])) for n in changed],
        proposal_ms=results.proposal_times(seconds),
        versions=results.versions(entry.packages),
    )


def track_of(workers: int) -> str:
    return "curves" if workers == 1 else f"curves-{workers}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Race searchers on learning-curve tables."
    )
    add = parser.add_argument
    add("--searchers", nargs="+", choices=list(SEARCHERS), default=["fidelity"])
    add("--tables", nargs="+", choices=NAMES, default=list(REPORTED))
    add("--seeds", type=race.parse_seeds, default=list(range(10)))
    add("--trainings", type=int, default=50, help="the budget")
    add("--workers", type=int, default=1, choices=WORKERS)
    add("--results", type=pathlib.Path, default=results.FOLDER)
    options = parser.parse_args(arguments)
    wanted = [
        race.Race(
            name,
            table,
            track_of(options.workers),
            seed,
            options.trainings * load_table(table).epochs,
        )
        for seed in options.seeds
        for table in options.tables
        for name in options.searchers
    ]
    run = functools.partial(run_race, workers=options.workers)
    number = race.run_races(wanted, options.results, run=run)
    print(f"{number} races run, {len(wanted) - number} were there already.")


if __name__ == "__main__":
    main()
