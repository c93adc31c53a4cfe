"""Races searchers on tables in which most cells can't be trained.

Example:

```
python -m benchmarks.infeasible --tasks all --seeds 0-9 --shares 0.5 0.8
```

A share of a table's cells is taken away: to evaluate one of them fails, and
costs a trial. Three kinds of regions are drawn from the seed of each race:
"slope", all cells beyond a plane through three of the axes, as with models
that are too large for the memory; "pairs", all cells that join a value of one
axis with a value of another, as with layers that don't fit; and "scattered",
cells drawn one by one, of which nothing can be learned. Regret goes from 0 for
the best to 1 for the median of the cells that are left, and is at most 1.

Optuna's TPE is told a failure as an infinite loss, from which it learns: told
as a failed trial it would be left out of its model.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import math
import sys
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from benchmarks import hosts
from benchmarks import peers
from benchmarks import searchers
from benchmarks import tasks
from benchmarks.race import parse_seeds
from benchmarks.searcher import Searcher
from benchmarks.signs import SignTest
from benchmarks.standings import OFFSET
from benchmarks.standings import geometric_mean

CHECKPOINTS = (20, 50)
OURS = "evolution"
SEARCHERS: dict[str, Callable[[tasks.Task, int, int], Searcher]] = {
    OURS: hosts.evolution,
    "evolution-pure": functools.partial(hosts.evolution, surrogate=None),
    "optuna-tpe": peers.optuna_tpe,
    "random": searchers.RandomSearcher,
}


def slope(
    sizes: Sequence[int], share: float, rng: np.random.Generator
) -> np.ndarray:
    """Returns which cells lie beyond a plane through three axes.

    Args:
        sizes: Ints, the sizes of the grid.
        share: Float in (0, 1), the share of the cells that can't be trained.
        rng: The source of randomness.

    Returns:
        Bool array of the shape `sizes`.
    """
    axes = rng.choice(len(sizes), size=min(3, len(sizes)), replace=False)
    height = np.zeros(sizes)
    for axis in axes:
        steps = rng.uniform(0.5, 1.5) * np.linspace(0.0, 1.0, sizes[axis])
        if rng.random() < 0.5:
            steps = steps[::-1]
        shape = [1] * len(sizes)
        shape[axis] = sizes[axis]
        height = height + steps.reshape(shape)
    # Planes have many cells of equal height.
    height += 1e-6 * rng.random(sizes)
    return height > np.quantile(height, 1.0 - share)


def pairs(
    sizes: Sequence[int], share: float, rng: np.random.Generator
) -> np.ndarray:
    """Returns which cells join values that don't go together, see `slope`."""
    failing = np.zeros(sizes, dtype=bool)
    while failing.mean() < share:
        first, second = rng.choice(len(sizes), size=2, replace=False)
        region: list[slice | int] = [slice(None)] * len(sizes)
        region[first] = int(rng.integers(sizes[first]))
        region[second] = int(rng.integers(sizes[second]))
        failing[tuple(region)] = True
    return failing


def scattered(
    sizes: Sequence[int], share: float, rng: np.random.Generator
) -> np.ndarray:
    """Returns cells drawn one by one, see `slope`."""
    return rng.random(sizes) < share


KINDS = {"slope": slope, "pairs": pairs, "scattered": scattered}


def regrets(
    name: str, task: tasks.Task, kind: str, share: float, seed: int
) -> list[float]:
    """Returns the regret of a race at each checkpoint."""
    rng = np.random.default_rng(
        [seed, list(KINDS).index(kind), round(100 * share)]
    )
    failing = KINDS[kind](task.sizes, share, rng)
    left = task.means[~failing]
    best, median = left.min(), np.median(left)
    found: list[float] = []
    lowest = median
    searcher = SEARCHERS[name](task, seed, CHECKPOINTS[-1])
    with contextlib.closing(searcher):
        for number in range(1, CHECKPOINTS[-1] + 1):
            cell = searcher.ask()
            if cell is not None:
                loss = math.inf if failing[cell] else task.regret(cell)
                searcher.tell(cell, loss)
                lowest = min(lowest, loss)
            if number in CHECKPOINTS:
                found.append(float((lowest - best) / (median - best)))
    return found


def table(races: dict[str, np.ndarray]) -> str:
    """Returns what was found, in markdown.

    Args:
        races: Dict of the titles of groups of races to float arrays of shape
            `(len(SEARCHERS), n, len(CHECKPOINTS))`.
    """
    names = list(SEARCHERS)
    lines = [
        f"| races | trials | {' | '.join(names)} | ours against TPE |",
        "| --- | ---: |" + " ---: |" * len(names) + " --- |",
    ]
    for title, found in races.items():
        for i, checkpoint in enumerate(CHECKPOINTS):
            means = [
                f"{geometric_mean(regret[:, i] + OFFSET):.4f}"
                for regret in found
            ]
            test = SignTest.of(
                found[names.index(OURS), :, i],
                found[names.index("optuna-tpe"), :, i],
            )
            lines.append(
                f"| {title} | {checkpoint} | {' | '.join(means)} | {test} |"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Race searchers where most cells can't be trained."
    )
    add = parser.add_argument
    add("--tasks", nargs="+", default=["all"], metavar="NAME")
    add("--seeds", type=parse_seeds, default=list(range(10)))
    add("--shares", type=float, nargs="+", default=[0.5, 0.8])
    add("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    options = parser.parse_args(arguments)
    races: dict[str, np.ndarray] = {}
    for kind in options.kinds:
        for share in options.shares:
            title = f"{kind}, {share:.0%} fail"
            races[title] = np.array(
                [
                    [
                        regrets(name, tasks.load_task(task), kind, share, seed)
                        for seed in options.seeds
                        for task in tasks.task_names(options.tasks)
                    ]
                    for name in SEARCHERS
                ]
            )
            print(f"{title}: done", file=sys.stderr, flush=True)
    print(table(races))
    print(f"\n{races.popitem()[1].shape[1]} races in each row.")


if __name__ == "__main__":
    main()
