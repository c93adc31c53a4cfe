"""Prints the race by time as markdown, and draws its curves.

Example:

```
python -m benchmarks.time_to_accuracy_report --figures . > tables.md
```

A curve is the test accuracy of a searcher's best model so far, as a mean over
the seeds that all searchers of the task have run. What hasn't been run is a
dash. A time is when a curve is first as high as a peer's curve is at its end.
If there are searches of several lengths for a task, the longest ones count.

Of the ready spaces the scores at the end are compared: one *wins* against
another where it is better in every seed, and *loses* where it is worse.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import results
from benchmarks.curves_report import Target
from benchmarks.nas_report import outcome
from benchmarks.standings import geometric_mean
from benchmarks.tables import NOTHING
from benchmarks.tables import cell
from benchmarks.tables import number
from benchmarks.tables import table
from benchmarks.time_to_accuracy import Record
from benchmarks.time_to_accuracy import load
from benchmarks.timed_searchers import RACERS
from benchmarks.timed_searchers import SEARCHERS
from benchmarks.timed_tasks import READY
from benchmarks.timed_tasks import SMALL
from benchmarks.timed_tasks import TASKS
from benchmarks.timed_watch import CLOCKS

OURS = tuple(name for name, entry in RACERS.items() if entry.ours)
PEERS = tuple(name for name, entry in RACERS.items() if not entry.ours)
DEFAULT = "none"
# Peer -> our default's time divided by the peer's: what it must be, the aim.
SHARES = {"hyperband": (1 / 2, 1 / 3), "kt-bayesian": (1 / 3, 1 / 4)}
STYLES = {
    "none": ("#000000", "-"),
    "fidelity": ("#d62728", "-"),
    "inherited": ("#e69f00", "-"),
    "hyperband": ("#0072b2", "-"),
    "kt-bayesian": ("#8c564b", "-"),
    "kt-random": ("#9a9a9a", "-"),
    "tpe-hyperband": ("#009e73", "-"),
}


@dataclasses.dataclass(frozen=True)
class Curve:
    """The mean accuracy over seeds: where it changes, and its new values.

    Args:
        seconds: Float array, increasing, from 0.
        accuracies: Float array, from 0: there is no model at the start.
        budget: Float, for how long it was searched.
        seeds: Integer.
    """

    seconds: np.ndarray
    accuracies: np.ndarray
    budget: float
    seeds: int

    @classmethod
    def of(cls, records: Sequence[Record]) -> Curve:
        """Returns the mean over records."""
        changes = {0.0} | {step[0] for one in records for step in one.steps}
        seconds = np.array(sorted(changes))
        accuracies = []
        for one in records:
            times = [step[0] for step in one.steps]
            tests = [0.0, *(step[2] for step in one.steps)]
            reached = np.searchsorted(times, seconds, side="right")
            accuracies.append(np.array(tests)[reached])
        mean, budget = np.mean(accuracies, axis=0), records[0].seconds
        return cls(seconds, mean, budget, len(records))

    def first_time(self, accuracy: float) -> float | None:
        """Returns when it first had an accuracy, None if never."""
        # Means of the same numbers may differ by rounding.
        reached = np.flatnonzero(self.accuracies >= accuracy - 1e-9)
        return float(self.seconds[reached[0]]) if len(reached) else None


Curves = Mapping[str, Mapping[str, Curve]]


def longest(records: Sequence[Record]) -> list[Record]:
    """Returns the longest searches of each task."""
    budgets: dict[str, float] = {}
    for one in records:
        budgets[one.task] = max(one.seconds, budgets.get(one.task, 0.0))
    return [one for one in records if one.seconds == budgets[one.task]]


def curves_of(records: Sequence[Record]) -> dict[str, dict[str, Curve]]:
    """Returns task -> searcher -> curve, over the seeds that all have."""
    found: dict[str, dict[str, Curve]] = {}
    for task in SMALL:
        runs: dict[str, dict[int, Record]] = {}
        for one in records:
            if one.task == task:
                runs.setdefault(one.searcher, {})[one.seed] = one
        shared = set.intersection(*map(set, runs.values())) if runs else set()
        if shared:
            found[task] = {
                name: Curve.of([runs[name][seed] for seed in sorted(shared)])
                for name in RACERS
                if name in runs
            }
    return found


@dataclasses.dataclass(frozen=True)
class Share:
    """Our time to a peer's own final accuracy, and the peer's.

    Args:
        ours: Float, in seconds, or None if ours never has that accuracy.
        theirs: Float, in seconds.
        budget: Float, for how long ours searched.
    """

    ours: float | None
    theirs: float
    budget: float

    @property
    def value(self) -> float:
        """Float, the ratio; without ours a lower bound, with its budget."""
        return (self.budget if self.ours is None else self.ours) / self.theirs

    def __str__(self) -> str:
        if self.ours is None:
            return f"never (> {number(self.value)})"
        return f"{self.ours:.0f} s ({number(self.value)})"


def share(members: Mapping[str, Curve], ours: str, peer: str) -> Share | None:
    """Returns the `Share` on a task, None if one was not run."""
    if ours not in members or peer not in members:
        return None
    mark = float(members[peer].accuracies[-1])
    theirs = members[peer].first_time(mark)
    if not theirs:
        # It has no model at all.
        return None
    budget = members[ours].budget
    return Share(members[ours].first_time(mark), theirs, budget)


def shares(curves: Curves, ours: str, peer: str) -> dict[str, Share]:
    """Returns task -> share."""
    found = {
        task: share(members, ours, peer) for task, members in curves.items()
    }
    return {task: one for task, one in found.items() if one is not None}


def mean_share(found: Mapping[str, Share]) -> float | None:
    """Returns the geometric mean over tasks."""
    values = [one.value for one in found.values()]
    return geometric_mean(values) if values else None


def targets(curves: Curves) -> list[Target]:
    """Returns the targets of our default, those that are missed first."""
    found = [
        Target(
            f"our default's time to the final accuracy of "
            f"{SEARCHERS[peer].title} / its own time",
            round(must, 3),
            round(aim, 3),
            mean_share(shares(curves, DEFAULT, peer)),
        )
        for peer, (must, aim) in SHARES.items()
    ]
    return sorted(found, key=lambda one: one.verdict != "missed")


def share_table(curves: Curves) -> str:
    """Returns our times to each peer's final accuracy, losses first."""
    found = {
        (task, peer): {ours: share(members, ours, peer) for ours in OURS}
        for task, members in curves.items()
        for peer in PEERS
        if peer in members
    }

    def losses_first(key: tuple[str, str]) -> float:
        one = found[key][DEFAULT]
        return -one.value if one else 0.0

    rows = []
    for task, peer in sorted(found, key=losses_first):
        curve = curves[task][peer]
        mark = float(curve.accuracies[-1])
        rows.append(
            [
                f"{task}, {SEARCHERS[peer].title}",
                f"{mark:.3f}",
                f"{curve.first_time(mark):.0f} s",
                *(str(one or NOTHING) for one in found[task, peer].values()),
            ]
        )
    for peer in PEERS:
        means = [mean_share(shares(curves, o, peer)) for o in OURS]
        cells = map(cell, means)
        title = f"geometric mean, {SEARCHERS[peer].title}"
        rows.append([title, "", "", *cells])
    titles = [SEARCHERS[ours].title for ours in OURS]
    return table(["task, peer", "its accuracy", "its time", *titles], rows)


def final_table(records: Sequence[Record]) -> str:
    """Returns the test score at the end, and what was trained for it."""
    names = [
        name
        for name in SEARCHERS
        if any(one.searcher == name for one in records)
    ]
    rows = []
    for task in TASKS:
        found = [one for one in records if one.task == task]
        if not found:
            continue
        rows.append([f"{task}, {found[0].seconds:g} s"])
        for name in names:
            mine = [one for one in found if one.searcher == name]
            tests = [one.steps[-1][2] for one in mine if one.steps]
            if not tests:
                rows[-1].append(NOTHING)
                continue
            trainings = np.mean([one.trainings for one in mine])
            epochs = np.mean([one.epochs for one in mine])
            rows[-1].append(
                f"{np.mean(tests):.3f} ({min(tests):.3f}–{max(tests):.3f}, "
                f"n={len(tests)}), {trainings:.0f} of {epochs:.0f} epochs"
            )
    titles = [SEARCHERS[name].title for name in names]
    return table(["task", *titles], rows)


def standing_table(records: Sequence[Record]) -> str:
    """Returns on which ready spaces our default wins, ties and loses."""
    finals: dict[str, dict[str, dict[int, float]]] = {}
    for one in records:
        if one.steps:
            scores = finals.setdefault(one.searcher, {})
            scores.setdefault(one.task, {})[one.seed] = one.steps[-1][2]
    ours = finals.get(DEFAULT, {})
    rows = []
    for name, theirs in finals.items():
        if name == DEFAULT:
            continue
        tasks: dict[str, list[str]] = {"loss": [], "tie": [], "win": []}
        for task, scores in theirs.items():
            if result := outcome(ours.get(task, {}), scores):
                tasks[result].append(task)
        if not any(tasks.values()):
            # One seed says nothing.
            continue
        cells = (", ".join(names) or NOTHING for names in tasks.values())
        rows.append([SEARCHERS[name].title, *cells])
    title = f"{SEARCHERS[DEFAULT].title} against"
    return table([title, "loses", "ties", "wins"], rows)


def ready_sections(records: Sequence[Record]) -> Iterator[str]:
    """Yields the report of the ready spaces, piece by piece."""
    yield f"### Ready spaces, seconds by the clock `{records[0].clock}`"
    yield standing_table(records)
    yield (
        "Test accuracy, or R2, of the best model at the end, as mean (range), "
        "and how many trainings began or went on for how many epochs in all:"
    )
    yield final_table(records)


def sections(records: Sequence[Record]) -> Iterator[str]:
    """Yields the report of the searches by one clock, piece by piece."""
    curves = curves_of(records)
    yield f"### Seconds by the clock `{records[0].clock}`"
    rows = [one.row() for one in targets(curves)]
    yield table(["figure", "must", "aim", "measured", ""], rows)
    yield (
        "Our seconds to a peer's own final accuracy, divided by the peer's "
        "in brackets:"
    )
    yield share_table(curves)
    yield (
        "Test accuracy of the best model at the end, as mean (range), and "
        "how many trainings began or went on for how many epochs in all:"
    )
    yield final_table(records)


def draw(curves: Curves, title: str, file: pathlib.Path) -> None:
    """Draws one panel for each task into a PNG file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, len(curves), figsize=(5.2 * len(curves), 4.8), squeeze=False
    )
    lines: dict[str, Any] = {}
    for axis, (task, members) in zip(axes[0], curves.items(), strict=True):
        for name, curve in members.items():
            lines[name] = _draw_curve(axis, name, curve)
        seeds = next(iter(members.values())).seeds
        axis.set_title(f"{task}, {seeds} seed{'s' * (seeds > 1)}")
        axis.set_xlabel("seconds")
        axis.set_yscale("log")
        axis.grid(alpha=0.25, which="both")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_ylabel("test error of the best model so far")
    figure.suptitle(title)
    figure.legend(
        lines.values(),
        [SEARCHERS[name].title for name in lines],
        loc="lower center",
        ncol=4,
        frameon=False,
    )
    figure.tight_layout(rect=(0, 0.05 + 0.05 * -(-len(lines) // 4), 1, 1))
    figure.savefig(file, dpi=120)
    pyplot.close(figure)


def _draw_curve(axis: Any, name: str, curve: Curve) -> Any:
    color, dashes = STYLES[name]
    ours = SEARCHERS[name].ours
    errors = 1 - curve.accuracies[1:]
    (line,) = axis.step(
        [*curve.seconds[1:], curve.budget],
        [*errors, errors[-1]],
        where="post",
        color=color,
        linestyle=dashes,
        linewidth=2.4 if ours else 1.3,
        zorder=3 if ours else 2,
    )
    return line


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Report races by time.")
    parser.add_argument("--results", type=pathlib.Path, default=results.FOLDER)
    parser.add_argument("--figures", type=pathlib.Path, metavar="FOLDER")
    options = parser.parse_args(arguments)
    recorded = load(options.results)
    for clock in CLOCKS:
        mine = longest([one for one in recorded if one.clock == clock])
        ready = [one for one in mine if one.task in READY]
        records = [one for one in mine if one.task in SMALL]
        if ready:
            print("\n\n".join(ready_sections(ready)), end="\n\n")
        if not records:
            continue
        print("\n\n".join(sections(records)), end="\n\n")
        if options.figures and (curves := curves_of(records)):
            options.figures.mkdir(parents=True, exist_ok=True)
            title = "Real trainings on one core"
            file = options.figures / f"time_to_accuracy_{clock}.png"
            draw(curves, title, file)


if __name__ == "__main__":
    main()
