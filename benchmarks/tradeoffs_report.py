"""Prints the results of trade-offs as markdown and draws their curves.

Example:

```
python -m benchmarks.tradeoffs_report --figures benchmarks/figures
```

Every number says how many seeds it rests on. What hasn't been run is a dash.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Sequence

import numpy as np

from benchmarks import curves
from benchmarks import results
from benchmarks import tradeoffs
from benchmarks.searchers import SEARCHERS
from benchmarks.standings import OFFSET
from benchmarks.standings import Half
from benchmarks.standings import Ratio
from benchmarks.standings import Standings
from benchmarks.standings import geometric_mean
from benchmarks.standings import ratio
from benchmarks.tables import NOTHING
from benchmarks.tables import table

CHECKPOINTS = (20, 50, 100)
RATIO_CHECKPOINTS = (50, 100)
TITLES = {"pymoo-ga": "pymoo NSGA-II"}


def title(searcher: str) -> str:
    return TITLES.get(searcher, SEARCHERS[searcher].title)


def every_seed() -> Half:
    return Half("all", tuple(tradeoffs.task_names()))


def gap_table(standings: Standings, checkpoint: int) -> str:
    """Returns the mean gap of each searcher on each task."""
    rows = []
    for task in every_seed().tasks:
        cells = []
        for name in standings.searchers:
            gaps = standings.regrets(name, task, checkpoint, every_seed())
            mean = np.mean(list(gaps.values())) if gaps else None
            cells.append(
                NOTHING if mean is None else f"{mean:#.3g} (n={len(gaps)})"
            )
        if set(cells) != {NOTHING}:
            rows.append([task, *cells])
    return table(["task", *map(title, standings.searchers)], rows)


def best_peers(
    standings: Standings, ours: str, checkpoint: int
) -> dict[str, Ratio]:
    """Returns task -> the worst ratio to a peer, on the seeds both have."""
    found = {}
    peers = [n for n in standings.searchers if not SEARCHERS[n].ours]
    for task in every_seed().tasks:
        mine = standings.regrets(ours, task, checkpoint, every_seed())
        ratios = [
            ratio(
                mine,
                standings.regrets(peer, task, checkpoint, every_seed()),
                peer,
            )
            for peer in peers
        ]
        met = [one for one in ratios if one is not None]
        if met:
            found[task] = max(met, key=lambda one: one.value)
    return found


def ratio_table(standings: Standings, ours: str) -> str:
    """Returns our gap divided by the best peer's, `OFFSET` added to both."""
    best = [best_peers(standings, ours, at) for at in RATIO_CHECKPOINTS]
    rows = []
    for task in every_seed().tasks:
        cells = [
            f"{b[task].value:.2f} {title(b[task].peer)} (n={b[task].seeds})"
            if task in b
            else NOTHING
            for b in best
        ]
        if set(cells) != {NOTHING}:
            rows.append([task, *cells])
    means = [
        f"{geometric_mean([one.value for one in b.values()]):.2f}"
        if b
        else NOTHING
        for b in best
    ]
    rows.append([f"geometric mean, {len(rows)} tasks", *means])
    header = [f"at {checkpoint}" for checkpoint in RATIO_CHECKPOINTS]
    return table(["task", *header], rows)


def peer_table(standings: Standings, ours: str) -> str:
    """Returns our gap divided by each peer's, geometric means over tasks."""
    rows = []
    for peer in standings.searchers:
        if peer == ours:
            continue
        cells = []
        for checkpoint in RATIO_CHECKPOINTS:
            met = [
                ratio(
                    standings.regrets(ours, task, checkpoint, every_seed()),
                    standings.regrets(peer, task, checkpoint, every_seed()),
                    peer,
                )
                for task in every_seed().tasks
            ]
            values = [one.value for one in met if one is not None]
            races = sum(one.seeds for one in met if one is not None)
            cells.append(
                f"{geometric_mean(values):.2f} "
                f"({len(values)} tasks, {races} races)"
                if values
                else NOTHING
            )
        rows.append([title(peer), *cells])
    header = [f"at {checkpoint}" for checkpoint in RATIO_CHECKPOINTS]
    return table(["divided by", *header], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Report trade-offs.")
    parser.add_argument("--results", type=pathlib.Path, default=results.FOLDER)
    parser.add_argument("--figures", type=pathlib.Path, metavar="FOLDER")
    options = parser.parse_args(arguments)
    standings = Standings.load(
        options.results, tradeoffs.TRACK, tradeoffs.SEARCHERS
    )
    print("### Gap divided by the best peer's\n")
    print(ratio_table(standings, "evolution"), end="\n\n")
    print("### Gap divided by each one's\n")
    print(peer_table(standings, "evolution"), end="\n\n")
    for checkpoint in CHECKPOINTS:
        print(f"### Gap after {checkpoint} evaluations\n")
        print(gap_table(standings, checkpoint), end="\n\n")
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        drawn = {
            family: {
                name: curve
                for name in standings.searchers
                if (
                    curve := curves.curve(
                        standings, name, tradeoffs.task_names([family]), 100
                    )
                )
            }
            for family in tradeoffs.COSTS
        }
        curves.draw(
            drawn,
            "Trade-offs: missing hypervolume, 95% bands over seeds",
            options.figures / "tradeoffs.png",
            f"gap + {OFFSET:g} (true front 0)",
        )


if __name__ == "__main__":
    main()
