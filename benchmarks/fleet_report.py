"""Prints the races of many workers as markdown: targets, shares and regrets.

Example:

```
python -m benchmarks.fleet_report > tables.md
```

Regrets are divided by those of the same search with one worker after 100
trials, which the clean track of `benchmarks.race` has; so are those of one
worker after 400 trials. Ratios are formed as in `benchmarks.standings`. What
hasn't been run is a dash.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from benchmarks import results
from benchmarks.fleet import SEARCHER
from benchmarks.fleet import TASKS
from benchmarks.fleet import WORKERS
from benchmarks.fleet import track_of
from benchmarks.standings import Half
from benchmarks.standings import Ratio
from benchmarks.standings import Standings
from benchmarks.standings import geometric_mean
from benchmarks.standings import ratio
from benchmarks.tables import NOTHING
from benchmarks.tables import cell
from benchmarks.tables import number
from benchmarks.tables import reached_table
from benchmarks.tables import table
from benchmarks.targets import Reached

SERIAL = 100
TRIALS = (100, 400)
EVERY_SEED = Half("all", TASKS)
# Workers, trials, the target of the regret divided by the serial one.
REGRETS = ((8, 100, 1.2), (64, 400, 1.5))
# Workers, the target of the share of time that they wait.
WAITING = (64, 0.05)

Fleets = Mapping[int, Standings]


def ratios(fleets: Fleets, workers: int, trials: int) -> dict[str, Ratio]:
    """Returns task -> the regret with workers, by the serial one."""
    serial = fleets[0]
    found = {
        task: ratio(
            fleets[workers].regrets(SEARCHER, task, trials, EVERY_SEED),
            serial.regrets(SEARCHER, task, SERIAL, EVERY_SEED),
            SEARCHER,
        )
        for task in TASKS
    }
    return {task: one for task, one in found.items() if one}


def _records(fleets: Fleets, workers: int) -> list[results.Record]:
    return list(fleets[workers].records.get(SEARCHER, {}).values())


def targets(fleets: Fleets) -> Iterator[Reached]:
    """Yields every target with its figure."""
    workers, target = WAITING
    busy = [one.busy for one in _records(fleets, workers) if one.busy]
    yield Reached(
        f"share of time that workers wait, {workers} workers",
        target,
        1.0 - float(np.mean(busy)) if busy else None,
        f"{len(busy)} races",
    )
    for workers, trials, target in REGRETS:
        found = ratios(fleets, workers, trials)
        seeds = [one.seeds for one in found.values()] or [0]
        yield Reached(
            f"regret of {workers} workers after {trials} trials / "
            f"of one after {SERIAL}",
            target,
            _mean(found),
            f"{len(found)} tasks, {min(seeds)}-{max(seeds)} seeds",
            len(found) == len(TASKS),
        )


def _mean(found: Mapping[str, Ratio]) -> float | None:
    if not found:
        return None
    return geometric_mean([one.value for one in found.values()])


def overview(fleets: Fleets) -> str:
    """One line for each number of workers."""
    rows = []
    for workers in WORKERS:
        records = _records(fleets, workers)
        busy = [one.busy for one in records if one.busy is not None]
        times = [one.proposal_ms["last"] for one in records]
        rows.append(
            [
                str(workers),
                str(len(records)),
                f"{100 * np.mean(busy):.2f}%" if busy else NOTHING,
                *(_mean_cell(ratios(fleets, workers, n)) for n in TRIALS),
                cell(float(np.median(times)) if times else None),
            ]
        )
    return table(
        ["workers", "races", "busy"]
        + [f"regret after {trials}" for trials in TRIALS]
        + ["ms a proposal, the last ten"],
        rows,
    )


def by_task(fleets: Fleets, trials: int) -> str:
    """The ratio of each number of workers on each task."""
    rows = []
    for task in TASKS:
        rows.append([task])
        for workers in WORKERS:
            one = ratios(fleets, workers, trials).get(task)
            rows[-1].append(
                f"{number(one.value)} (n={one.seeds})" if one else NOTHING
            )
    return table(["task", *map(str, WORKERS)], rows)


def _mean_cell(found: Mapping[str, Ratio]) -> str:
    mean = _mean(found)
    return f"{number(mean)} (tasks: {len(found)})" if mean else NOTHING


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Report races of workers.")
    parser.add_argument("--results", type=pathlib.Path, default=results.FOLDER)
    options = parser.parse_args(arguments)
    tracks = {workers: track_of(workers) for workers in WORKERS}
    fleets = {
        workers: Standings.load(options.results, track, [SEARCHER])
        for workers, track in {0: "clean", **tracks}.items()
    }
    # Losses come first.
    found = sorted(targets(fleets), key=lambda one: one.verdict != "missed")
    print(reached_table(found), end="\n\n")
    print(overview(fleets), end="\n\n")
    for trials in TRIALS:
        title = f"Regret after {trials} trials, by the serial one after"
        print(f"{title} {SERIAL}:\n\n{by_task(fleets, trials)}", end="\n\n")


if __name__ == "__main__":
    main()
