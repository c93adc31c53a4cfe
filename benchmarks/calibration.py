"""How often predictions of scores come true, on the tables of the race.

Example:

```
OMP_NUM_THREADS=1 python -m benchmarks.calibration --tasks held-out --seeds 0-3
```

Each trial that the surrogate chose has a prediction, a mean and a standard
deviation. Counted is how many results are within one and within two standard
deviations: as the surrogate predicts them, and calibrated as they are shown.
They should be 68% and 95%.

The prior of the calibration was taken from the development tasks and the seeds
0 to 2; `--prior` prints the quantiles that it consists of.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence

import numpy as np

from benchmarks import hosts
from benchmarks import tables
from benchmarks import tasks
from benchmarks.race import parse_seeds
from kt_evolution.algorithm.calibration import PRIOR
from kt_evolution.algorithm.calibration import calibrate_each

# Most searches are not much longer.
FIRST = 30


def deviations_of(
    task: tasks.Task, track: str, seed: int, evaluations: int
) -> np.ndarray:
    """Runs a search, and returns how far results are from predictions.

    Returns:
        Float array of shape `(evaluations, 2)`, in standard deviations: from
        the prediction of the surrogate and from the calibrated one. NaN where
        there is none.
    """
    with contextlib.closing(hosts.evolution(task, seed, evaluations)) as search:
        for number in range(evaluations):
            cell = search.ask()
            if cell is None:
                break
            search.tell(cell, task.evaluate(cell, track, seed, number))
        individuals = search.history.individuals
    scores = [individual.objectives[0] for individual in individuals]
    raw = [individual.prediction for individual in individuals]
    unknown = (np.nan, np.nan)
    found = np.full((evaluations, 2), np.nan)
    for column, predictions in enumerate((raw, calibrate_each(raw, scores))):
        means, stds = np.array([one or unknown for one in predictions]).T
        found[: len(scores), column] = (scores - means) / stds
    return found


def row(name: str, deviations: Sequence[np.ndarray]) -> list[str]:
    """Returns the cells for the deviations of several searches."""
    known = np.concatenate([one[~np.isnan(one[:, 0])] for one in deviations])
    shares = [
        f"{100.0 * np.mean(np.abs(column) <= bound):.0f}"
        for column in known.T
        for bound in (1.0, 2.0)
    ]
    return [name, str(len(known)), *shares]


def coverage_table(by_task: dict[str, list[np.ndarray]]) -> str:
    """Returns the shares within one and two deviations, in markdown."""
    every = [one for several in by_task.values() for one in several]
    rows = [row(name, several) for name, several in by_task.items()]
    rows.append(row(f"all, first {FIRST}", [one[:FIRST] for one in every]))
    rows.append(row("all", every))
    shares = [
        f"{name}, % within {bound}"
        for name in ("surrogate", "calibrated")
        for bound in (1, 2)
    ]
    return tables.table(["table", "predictions", *shares], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Count how often predictions come true."
    )
    add = parser.add_argument
    add("--tasks", nargs="+", default=["held-out"], metavar="NAME")
    add("--tracks", nargs="+", default=list(tasks.TRACKS), choices=tasks.TRACKS)
    add("--seeds", type=parse_seeds, default=list(range(4)))
    add("--evaluations", type=int, default=100)
    add("--prior", action="store_true")
    options = parser.parse_args(arguments)
    raw: list[np.ndarray] = []
    for track in options.tracks:
        by_task = {
            name: [
                deviations_of(
                    tasks.load_task(name), track, seed, options.evaluations
                )
                for seed in options.seeds
            ]
            for name in tasks.task_names(options.tasks)
        }
        raw += [one[:, 0] for several in by_task.values() for one in several]
        print(f"### {track}\n\n{coverage_table(by_task)}\n", flush=True)
    if options.prior:
        places = (np.arange(len(PRIOR)) + 0.5) / len(PRIOR)
        print(np.nanquantile(np.concatenate(raw), places).round(1).tolist())


if __name__ == "__main__":
    main()
