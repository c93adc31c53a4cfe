"""What a warm start is worth: a search with and without what is known.

Example:

```
python -m benchmarks.warm_start --tasks nasbench201/cifar10 --seeds 0-9
```

For each seed a stock `keras_tuner.RandomSearch` oracle runs some trials on a
table and leaves its project. Then two searches of ours run as many trials: one
with `warm_start=` that project, one from nothing. They are compared by the best
regret among their own trials, imported ones not counted. The sign tests are
one-sided; ties are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from benchmarks import hosts
from benchmarks import tasks
from benchmarks.race import parse_seeds
from benchmarks.searcher import Searcher
from benchmarks.signs import SignTest

TASKS = ("nasbench201/cifar10", "hpolib/protein_structure")
# After how many trials the searches are compared.
CHECKPOINTS = (5, 10, 20)


@dataclasses.dataclass(frozen=True)
class Pair:
    """The best regrets of one seed, after each trial.

    Args:
        seed: Integer.
        past: Float array, of the stock random search.
        warm: Float array, of the search that starts from it.
        cold: Float array, of the search that doesn't.
    """

    seed: int
    past: np.ndarray
    warm: np.ndarray
    cold: np.ndarray


def run_pair(task: tasks.Task, seed: int, trials: int) -> Pair:
    """Runs the past search, and the two that follow it."""
    # The host draws with the seeds `seed`, `seed + 1`, ...: those of
    # neighbors would be much the same search.
    stock = hosts.random_search(task, 1000 * seed, trials)
    with contextlib.closing(stock) as past:
        regrets = best_regrets(task, past, trials)
        evolution = functools.partial(hosts.evolution, task, seed, trials)
        with contextlib.closing(evolution(warm_start=past.project)) as search:
            warm = best_regrets(task, search, trials)
    with contextlib.closing(evolution()) as search:
        cold = best_regrets(task, search, trials)
    return Pair(seed, regrets, warm, cold)


def best_regrets(
    task: tasks.Task, searcher: Searcher, trials: int
) -> np.ndarray:
    """Runs a search and returns its best regret after each trial."""
    regrets = np.full(trials, np.inf)
    for number in range(trials):
        cell = searcher.ask()
        if cell is None:
            break
        regrets[number] = task.regret(cell)
        searcher.tell(cell, regrets[number])
    return np.minimum.accumulate(regrets)


def sign_test(pairs: Sequence[Pair], checkpoint: int) -> SignTest:
    """Compares the searches after so many trials."""
    return SignTest.of(
        [pair.warm[checkpoint - 1] for pair in pairs],
        [pair.cold[checkpoint - 1] for pair in pairs],
    )


def seed_table(pairs: Sequence[Pair]) -> str:
    """Returns the regrets in the end, in markdown."""
    lines = [
        "| seed | RandomSearch before | warm | cold |",
        "| --- | ---: | ---: | ---: |",
    ]
    for pair in pairs:
        regrets = (pair.past[-1], pair.warm[-1], pair.cold[-1])
        shown = " | ".join(f"{regret:.4f}" for regret in regrets)
        lines.append(f"| {pair.seed} | {shown} |")
    means = [
        np.mean([curve[-1] for curve in curves])
        for curves in zip(
            *((pair.past, pair.warm, pair.cold) for pair in pairs), strict=True
        )
    ]
    shown = " | ".join(f"{mean:.4f}" for mean in means)
    return "\n".join([*lines, f"| mean | {shown} |"])


def sign_tests(pairs: Sequence[Pair]) -> str:
    """Returns how often the warm search was better, in markdown."""
    trials = len(pairs[0].warm)
    return "\n".join(
        f"- after {checkpoint} trials: {sign_test(pairs, checkpoint)}"
        for checkpoint in CHECKPOINTS
        if checkpoint <= trials
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Compare searches with and without a warm start."
    )
    add = parser.add_argument
    add("--tasks", nargs="+", default=list(TASKS), metavar="NAME")
    add("--seeds", type=parse_seeds, default=list(range(10)))
    add("--trials", type=int, default=20)
    options = parser.parse_args(arguments)
    every: list[Pair] = []
    for name in tasks.task_names(options.tasks):
        task = tasks.load_task(name)
        pairs = [run_pair(task, seed, options.trials) for seed in options.seeds]
        every += pairs
        print(f"### {name}\n\n{seed_table(pairs)}\n\nWarm against cold:\n")
        print(sign_tests(pairs), end="\n\n", flush=True)
    print(f"### All {len(every)} pairs\n\n{sign_tests(every)}")


if __name__ == "__main__":
    main()
