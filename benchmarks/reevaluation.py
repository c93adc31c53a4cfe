"""What re-evaluation is worth: noisy searches with and without it.

Example:

```
python -m benchmarks.reevaluation --tasks all --seeds 0-9 --trials 60
```

Each evaluation is a single training of the table, drawn at random; trainings of
the best again count as trials, so all searches have the same budget. In the end
the mean over all trainings tells how good what each search returns really is:
the model of its best trial, and the one it recommends.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence

import numpy as np

from benchmarks import hosts
from benchmarks import tasks
from benchmarks.race import parse_seeds
from benchmarks.signs import SignTest

CANDIDATES = (0, 3, 5)
CHOICES = ("best trial", "recommended")


def run(
    task: tasks.Task, seed: int, trials: int, reevaluate: int
) -> tuple[float, float]:
    """Returns the regrets of the best trial and of the recommended one."""
    search = hosts.evolution(task, seed, trials, reevaluate=reevaluate)
    with contextlib.closing(search):
        for number in range(trials):
            cell = search.ask()
            if cell is None:
                break
            search.tell(cell, task.evaluate(cell, "noisy", seed, number))
        return task.regret(search.best()), task.regret(search.recommend())


def table(regrets: np.ndarray) -> str:
    """Returns what was found, in markdown.

    Args:
        regrets: Float array of shape `(n, len(CANDIDATES), len(CHOICES))`.
    """
    lines = [
        "| `reevaluate` | what is returned | mean regret | against 0 |",
        "| ---: | --- | ---: | --- |",
    ]
    for i, reevaluate in enumerate(CANDIDATES):
        for j, choice in enumerate(CHOICES):
            test = SignTest.of(regrets[:, i, j], regrets[:, 0, j])
            shown = test if reevaluate else ""
            mean = regrets[:, i, j].mean()
            lines.append(f"| {reevaluate} | {choice} | {mean:.4f} | {shown} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Compare noisy searches with and without re-evaluation."
    )
    add = parser.add_argument
    add("--tasks", nargs="+", default=["all"], metavar="NAME")
    add("--seeds", type=parse_seeds, default=list(range(10)))
    add("--trials", type=int, default=60)
    options = parser.parse_args(arguments)
    every = []
    for name in tasks.task_names(options.tasks):
        task = tasks.load_task(name)
        every += [
            [run(task, seed, options.trials, k) for k in CANDIDATES]
            for seed in options.seeds
        ]
    print(f"{len(every)} searches each, {options.trials} trials:\n")
    print(table(np.array(every)))


if __name__ == "__main__":
    main()
