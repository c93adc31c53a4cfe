"""Prints the races by epochs as markdown: targets, ratios and regrets.

Example:

```
python -m benchmarks.curves_report > tables.md
```

Regrets are means over seeds; those of tables are averaged geometrically, with
`standings.OFFSET` added. What hasn't been run is a dash.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from benchmarks import results
from benchmarks.curve_tables import REPORTED
from benchmarks.curve_tables import epochs_of
from benchmarks.curves_race import SEARCHERS
from benchmarks.curves_race import track_of
from benchmarks.standings import OFFSET
from benchmarks.standings import Half
from benchmarks.standings import Standings
from benchmarks.standings import geometric_mean
from benchmarks.standings import ratio
from benchmarks.tables import cell
from benchmarks.tables import table

OURS, FULL = "fidelity", "none"
CHECKPOINTS = (1, 2, 5, 10, 20, 50)
# Whose regret after 20 full trainings is a mark, and where.
MARK = 20
MARKS = {
    1: ("none", "hyperband", "asha", "dehb", "tpe-hyperband"),
    8: ("none", "hyperband", "asha", "tpe-hyperband"),
}
EVERY_SEED = Half("reported tables", REPORTED)


@dataclasses.dataclass(frozen=True)
class Target:
    """A figure that should be reached.

    Args:
        figure: String, what is measured.
        must: Float.
        aim: Float, better than `must`, or the same.
        measured: Float, or None if it was not run.
    """

    figure: str
    must: float
    aim: float
    measured: float | None

    @property
    def more_is_better(self) -> bool:
        return self.aim > self.must

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not run"
        sign = -1.0 if self.more_is_better else 1.0
        if sign * self.measured > sign * self.must:
            return "missed"
        if self.aim == self.must or sign * self.measured > sign * self.aim:
            return "reached"
        return "aim reached"

    def row(self) -> list[str]:
        sign = "≥" if self.more_is_better else "≤"
        wanted = [f"{sign} {value:g}" for value in (self.must, self.aim)]
        return [self.figure, *wanted, cell(self.measured), self.verdict]


def regrets(
    standings: Standings, searcher: str, name: str, trainings: int
) -> dict[int, float]:
    """Returns seed -> regret after the epochs of some full trainings."""
    checkpoint = trainings * epochs_of(name)
    return standings.regrets(searcher, name, checkpoint, EVERY_SEED)


def mean_regret(
    standings: Standings, searcher: str, name: str, trainings: int
) -> float | None:
    found = regrets(standings, searcher, name, trainings)
    return float(np.mean(list(found.values()))) if found else None


def ratios(
    standings: Standings, peer: str, trainings: int
) -> dict[str, float | None]:
    """Returns table -> our mean regret divided by a peer's."""
    found = {}
    for name in REPORTED:
        both = [
            regrets(standings, searcher, name, trainings)
            for searcher in (OURS, peer)
        ]
        compared = ratio(*both, peer)
        found[name] = compared.value if compared else None
    return found


@dataclasses.dataclass(frozen=True)
class Speedup:
    """How many times the epochs that ours needs a peer needs.

    Both need them for the mean regret that the peer has after `MARK` full
    trainings.

    Args:
        value: Float, the epochs of the peer divided by ours.
        reached: Bool, whether ours has that regret at all. If not, all of its
            epochs count, so `value` is too large.
    """

    value: float
    reached: bool


def speedup(standings: Standings, peer: str, name: str) -> Speedup | None:
    """Returns the `Speedup` on a table, None if it was not run."""
    theirs = mean_curve(standings, peer, name)
    ours = mean_curve(standings, OURS, name)
    last = MARK * epochs_of(name)
    if ours is None or theirs is None or len(theirs) < last:
        return None
    mark = theirs[last - 1]
    reached = bool((ours <= mark).any())
    needed = int(np.argmax(ours <= mark)) + 1 if reached else len(ours)
    return Speedup((int(np.argmax(theirs <= mark)) + 1) / needed, reached)


def speedups(standings: Standings, peer: str) -> dict[str, float | None]:
    """Returns table -> value of the `Speedup`."""
    found = {name: speedup(standings, peer, name) for name in REPORTED}
    return {name: one.value if one else None for name, one in found.items()}


def never_reached(standings: Standings, peers: Sequence[str]) -> str:
    """Says where ours never has the regret that a peer has at `MARK`."""
    missed = [
        f"{name} ({SEARCHERS[peer].title})"
        for peer in peers
        for name in REPORTED
        if (one := speedup(standings, peer, name)) and not one.reached
    ]
    return f"Never within our budget: {', '.join(missed) or 'none'}."


def mean_curve(
    standings: Standings, searcher: str, name: str
) -> np.ndarray | None:
    """Returns the mean regret after each epoch, NaN before the first score."""
    races = [
        record.curve(record.evaluations)
        for (task, _), record in standings.records.get(searcher, {}).items()
        if task == name
    ]
    return np.mean(races, axis=0) if races else None


def mean_of(values: dict[str, float | None]) -> float | None:
    """Returns the geometric mean over tables, None if a table is missing."""
    known = [value for value in values.values() if value is not None]
    return geometric_mean(known) if len(known) == len(values) else None


def worst_table(standings: Standings, trainings: int) -> tuple[str, float]:
    """Returns the table where the better of two peers is farthest ahead."""
    peers = [ratios(standings, peer, trainings) for peer in (FULL, "asha")]
    worst = {name: max(one[name] or 0.0 for one in peers) for name in REPORTED}
    name = max(worst, key=worst.__getitem__)
    return name, worst[name]


def targets(alone: Standings, eight: Standings) -> list[Target]:
    shares = {
        1: (0.5, 0.35),
        5: (0.6, 0.5),
        10: (0.6, 0.5),
        20: (0.8, 0.65),
        50: (1.0, 0.9),
    }
    found = [
        Target(
            f"regret / `fidelity=None`'s at {trainings}",
            *wanted,
            mean_of(ratios(alone, FULL, trainings)),
        )
        for trainings, wanted in shares.items()
    ]
    found += [
        Target(
            f"epochs to the regret of {SEARCHERS[peer].title} at {MARK}, "
            "its own / ours",
            2.0,
            3.0,
            mean_of(speedups(alone, peer)),
        )
        for peer in MARKS[1]
    ]
    name, value = worst_table(alone, MARK)
    return [
        *found,
        Target(
            f"worst table at {MARK} ({name}): regret / that of the better of "
            "`fidelity=None` and ASHA",
            2.5,
            1.5,
            value or None,
        ),
        Target(
            f"8 workers: epochs to the regret of kt.Hyperband at {MARK}, "
            "its own / ours",
            2.0,
            3.0,
            mean_of(speedups(eight, "hyperband")),
        ),
        Target(
            "8 workers: regret / `fidelity=None`'s at 50",
            1.1,
            1.1,
            mean_of(ratios(eight, FULL, 50)),
        ),
    ]


def by_table(
    columns: dict[str, dict[str, float | None]], mean: bool = True
) -> str:
    """Formats columns of table -> figure, with their geometric means."""
    rows = [
        [name, *(cell(column[name]) for column in columns.values())]
        for name in REPORTED
    ]
    if mean:
        means = [cell(mean_of(column)) for column in columns.values()]
        rows.append(["geometric mean", *means])
    return table(["table", *columns], rows)


def overview(standings: Standings) -> str:
    """Geometric means of the regret over tables, at each checkpoint."""
    rows = []
    for searcher in standings.searchers:
        rows.append([SEARCHERS[searcher].title])
        for trainings in CHECKPOINTS:
            means: dict[str, float | None] = {}
            for name in REPORTED:
                mean = mean_regret(standings, searcher, name, trainings)
                means[name] = None if mean is None else mean + OFFSET
            rows[-1].append(cell(mean_of(means)))
    return table(["searcher", *map(str, CHECKPOINTS)], rows)


def sections(standings: Standings, workers: int) -> Iterator[str]:
    """Yields the report of one number of workers, piece by piece."""
    yield f"### Workers: {workers}"
    yield _what_was_run(standings)
    yield f"Regret, geometric mean over {len(REPORTED)} tables:"
    yield overview(standings)
    yield "Our regret divided by that of `fidelity=None`:"
    yield by_table({f"at {n}": ratios(standings, FULL, n) for n in CHECKPOINTS})
    yield f"Epochs to the regret that each has at {MARK}, its own / ours:"
    yield by_table(
        {
            SEARCHERS[peer].title: speedups(standings, peer)
            for peer in MARKS[workers]
        }
    )
    yield never_reached(standings, MARKS[workers])
    for trainings in (MARK, CHECKPOINTS[-1]):
        yield f"Regret at {trainings}:"
        yield by_table(
            {
                SEARCHERS[searcher].title: {
                    name: mean_regret(standings, searcher, name, trainings)
                    for name in REPORTED
                }
                for searcher in standings.searchers
            },
            # Zeros have no geometric mean; `overview` has that of the regrets.
            mean=False,
        )


def _what_was_run(standings: Standings) -> str:
    """Says how many races each searcher has run."""
    races = [
        f"{SEARCHERS[searcher].title} {len(records)}"
        for searcher, records in standings.records.items()
    ]
    return f"Races: {', '.join(races) or 'none'}."


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Report races by epochs.")
    parser.add_argument("--results", type=pathlib.Path, default=results.FOLDER)
    options = parser.parse_args(arguments)
    alone, eight = (
        Standings.load(options.results, track_of(workers), list(SEARCHERS))
        for workers in MARKS
    )
    # Losses come first.
    found = sorted(
        targets(alone, eight), key=lambda one: one.verdict != "missed"
    )
    rows = [one.row() for one in found]
    print(table(["figure", "must", "aim", "measured", ""], rows), end="\n\n")
    for workers, standings in zip(MARKS, (alone, eight), strict=True):
        print("\n\n".join(sections(standings, workers)), end="\n\n")


if __name__ == "__main__":
    main()
