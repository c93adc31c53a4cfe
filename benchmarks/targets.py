"""What the default search is meant to reach, beside what it reached."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

from benchmarks.searchers import SEARCHERS
from benchmarks.standings import Half
from benchmarks.standings import Ratio
from benchmarks.standings import Standings
from benchmarks.standings import compare
from benchmarks.standings import geometric_mean
from benchmarks.standings import queries_to_best

PEERS = tuple(name for name, entry in SEARCHERS.items() if not entry.ours)

# Searcher, peers, track, the target at each number of trials.
RATIOS: tuple[tuple[str, Sequence[str], str, dict[int, float]], ...] = (
    ("evolution", PEERS, "clean", {20: 0.9, 50: 0.5, 100: 0.35}),
    ("evolution", PEERS, "noisy", {50: 0.8, 100: 0.8}),
    ("evolution", ("optuna-tpe",), "clean", {50: 0.2}),
    ("evolution", ("kt-random",), "clean", {50: 0.1}),
    (
        "evolution-pure",
        ("regularized-evolution",),
        "clean",
        {100: 0.8, 200: 0.8},
    ),
    ("evolution-8-workers", ("evolution",), "clean", {100: 1.3}),
)
WORST_TASK = {50: 1.5, 100: 1.5}
QUERIES = {
    "nasbench201/cifar10": 50,
    "nasbench201/cifar100": 35,
    "nasbench201/imagenet": 75,
}


@dataclasses.dataclass(frozen=True)
class Reached:
    """A target and the figure beside it; smaller is better.

    Args:
        title: String, what is measured.
        target: Float.
        value: Float, None if nothing was run.
        basis: String, on how many tasks and seeds the figure rests.
        complete: Boolean, False if the figure can't prove anything yet.
    """

    title: str
    target: float
    value: float | None
    basis: str
    complete: bool = True

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not run"
        if not self.complete:
            return "incomplete"
        return "reached" if self.value <= self.target else "missed"


def reached(tracks: Mapping[str, Standings], half: Half) -> Iterator[Reached]:
    """Yields every target with its figure on the tasks and seeds of a half."""
    for ours, peers, track, targets in RATIOS:
        standings = tracks.get(track, Standings({}))
        for trials, target in targets.items():
            found = compare(standings, ours, peers, trials, half)
            versus = "best peer"
            if len(peers) == 1:
                versus = SEARCHERS[peers[0]].title
            title = f"{SEARCHERS[ours].title} / {versus}, {track}, {trials}"
            yield _ratio_reached(f"{title} trials", target, found, half)
    clean = tracks.get("clean", Standings({}))
    for trials, target in WORST_TASK.items():
        found = compare(clean, "evolution", PEERS, trials, half)
        worst = max(found.items(), key=lambda x: x[1].value, default=None)
        title = f"worst task against its best peer, clean, {trials} trials"
        if worst is None:
            yield Reached(title, target, None, "")
        else:
            yield Reached(
                title,
                target,
                worst[1].value,
                f"{worst[0]}, {SEARCHERS[worst[1].peer].title}",
                len(found) == len(half.tasks),
            )
    for task, target in QUERIES.items():
        title = f"queries until the best of {task} is asked"
        queries = queries_to_best(clean, "evolution", task)
        if queries is None:
            yield Reached(title, target, None, "")
        else:
            yield Reached(
                title,
                target,
                queries.mean,
                f"found by {queries.found} of {queries.seeds} seeds",
                # Not found in time: the mean is only a lower bound, which
                # can miss a target but not reach it.
                queries.found == queries.seeds or queries.mean > target,
            )


def _ratio_reached(
    title: str, target: float, found: Mapping[str, Ratio], half: Half
) -> Reached:
    if not found:
        return Reached(title, target, None, "")
    seeds = [ratio.seeds for ratio in found.values()]
    return Reached(
        title,
        target,
        geometric_mean([ratio.value for ratio in found.values()]),
        f"{len(found)} tasks, {min(seeds)}-{max(seeds)} seeds",
        len(found) == len(half.tasks),
    )
