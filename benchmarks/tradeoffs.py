"""Races searchers on trade-offs: the error of a model against its cost.

Example:

```
python -m benchmarks.tradeoffs --seeds 0-19
```

The tables are those of `benchmarks.tasks`, with two objectives, both the mean
over the training seeds. Each is scaled to go from 0 to 1 over the table's true
front, and that is what searchers are told; the loss and the size of HPOLib
span decades and are taken as logarithms before. What is measured is the *gap*:
the share of the true front's hypervolume, up to the point (1.1, 1.1), that is
not covered by what a searcher has found.
"""

from __future__ import annotations

import argparse
import functools
import pathlib
import time
from collections.abc import Sequence

import moocore
import numpy as np

from benchmarks import race
from benchmarks import results
from benchmarks import searchers
from benchmarks import tasks
from benchmarks.tasks import Cell
from benchmarks.tasks import Parameter

TRACK = "tradeoffs"
REFERENCE = (1.1, 1.1)
COSTS = {
    "nasbench201": ("model_size", "latency"),
    "hpolib": ("model_size",),
}
LOGARITHMIC_FAMILIES = ("hpolib",)
SEARCHERS = (
    "evolution",
    "evolution-pure",
    "random",
    "optuna-tpe",
    "optuna-gp",
    "optuna-nsga2",
    "pymoo-ga",
)


class Tradeoff:
    """A table of two objectives as a search problem.

    Args:
        name: String, `"family/table/cost"`.
        parameters: The grid, a `Parameter` for each axis of `objectives` but
            the last.
        objectives: Float array, `(*grid sizes, 2)`, lower is better.
    """

    num_objectives = 2

    def __init__(
        self,
        name: str,
        parameters: Sequence[Parameter],
        objectives: np.ndarray,
    ) -> None:
        points = objectives.reshape(-1, self.num_objectives)
        front = points[moocore.is_nondominated(points)]
        ideal, nadir = front.min(axis=0), front.max(axis=0)
        if not np.all(nadir > ideal):
            raise ValueError(
                "`objectives` must be a trade-off: no cell may be the best in "
                f"all. Received: the best cell {ideal}"
            )
        self.name = name
        self.parameters = tuple(parameters)
        self.objectives = (objectives - ideal) / (nadir - ideal)
        self._hypervolume = _hypervolume((front - ideal) / (nadir - ideal))

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.objectives.shape[:-1]

    def evaluate(self, cell: Cell) -> tuple[float, ...]:
        """Returns the objectives of a cell, from 0 to 1 over the front."""
        return tuple(self.objectives[cell].tolist())

    def gap(self, points: Sequence[tuple[float, ...]]) -> float:
        """Returns the share of the front's hypervolume that is missing."""
        return 1.0 - _hypervolume(np.array(points)) / self._hypervolume


def _hypervolume(points: np.ndarray) -> float:
    return float(moocore.hypervolume(points, ref=REFERENCE))


def task_names(names: Sequence[str] = ("all",)) -> list[str]:
    """Expands the words of `tasks.task_names` to trade-offs."""
    tables = [
        name for name in tasks.task_names(names) if name.split("/")[0] in COSTS
    ]
    return [f"{t}/{cost}" for t in tables for cost in COSTS[t.split("/")[0]]]


@functools.cache
def load_task(name: str) -> Tradeoff:
    """Reads two columns of a table, once per process."""
    table_name, cost = name.rsplit("/", 1)
    table = tasks.load_table(table_name)
    means = [
        np.nanmean(table.column(column), axis=-1)
        for column in (table.metric, cost)
    ]
    if table.maximize:
        means[0] = -means[0]
    objectives = np.stack(means, axis=-1)
    if table_name.split("/")[0] in LOGARITHMIC_FAMILIES:
        objectives = np.log10(objectives)
    return Tradeoff(name, table.parameters, objectives)


def run_race(wanted: race.Race) -> results.Record:
    """Runs one race from its start to its end."""
    task = load_task(wanted.task)
    entry = searchers.get_entry(wanted.searcher)
    searcher = entry.build(task, wanted.seed, wanted.evaluations)
    points: list[tuple[float, ...]] = []
    steps: list[tuple[int, float]] = []
    seconds: list[float] = []
    try:
        while len(points) < wanted.evaluations:
            start = time.perf_counter()
            cell = searcher.ask()
            if cell is None:
                break
            points.append(task.evaluate(cell))
            searcher.tell(cell, points[-1])
            seconds.append(time.perf_counter() - start)
            gap = results.rounded(task.gap(points))
            if not steps or steps[-1][1] != gap:
                steps.append((len(points), gap))
    finally:
        searcher.close()
    return results.Record(
        task=wanted.task,
        seed=wanted.seed,
        evaluations=len(points),
        steps=steps,
        proposal_ms=results.proposal_times(seconds),
        exhausted=len(points) < wanted.evaluations,
        versions=results.versions(entry.packages),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Race searchers on trade-offs of public tables."
    )
    add = parser.add_argument
    add("--searchers", nargs="+", default=list(SEARCHERS), metavar="NAME")
    add("--tasks", nargs="+", default=["all"], metavar="NAME")
    add("--seeds", type=race.parse_seeds, default=list(range(20)))
    add("--evaluations", type=int, default=100)
    add("--results", type=pathlib.Path, default=results.FOLDER)
    add("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    wanted = [
        race.Race(name, task, TRACK, seed, options.evaluations)
        for name in options.searchers
        for seed in options.seeds
        for task in task_names(options.tasks)
    ]
    number = race.run_races(
        wanted, options.results, options.processes, run_race
    )
    print(f"{number} races run, {len(wanted) - number} were there already.")


if __name__ == "__main__":
    main()
