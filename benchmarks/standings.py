"""The arithmetic of the report: who is ahead, where, by how much.

Regrets of a task are averaged over seeds. Two searchers are compared on the
seeds that both have, by the ratio of their mean regrets, with `OFFSET` added
to both so that zeros don't decide; ratios of tasks are averaged
geometrically.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from benchmarks import results
from benchmarks import tasks

OFFSET = 1e-3

# A peer is one of a task's "best peers" only if it has run at least this
# share of our seeds there, and a checkpoint counts only if this share of a
# searcher's races reached it: two lucky seeds are no standing.
LEAST_SHARE = 0.5


@dataclasses.dataclass(frozen=True)
class Half:
    """A part of the races, reported by itself.

    Args:
        title: String.
        tasks: Names of tasks.
        development_seeds: Boolean, whether its seeds are those of the
            development or all others. None is every seed.
    """

    title: str
    tasks: tuple[str, ...]
    development_seeds: bool | None = None

    def has(self, seed: int) -> bool:
        if self.development_seeds is None:
            return True
        return (seed in tasks.DEVELOPMENT_SEEDS) == self.development_seeds


def halves() -> list[Half]:
    every = tuple(tasks.task_names(["all"]))
    dev = tuple(tasks.task_names(["dev"]))
    held_out = tuple(tasks.task_names(["held-out"]))
    return [
        Half("all", every),
        Half("development tasks and seeds", dev, True),
        Half("held-out tasks and seeds", held_out, False),
        Half("development tasks, held-out seeds", dev, False),
        Half("held-out tasks, development seeds", held_out, True),
    ]


class Standings:
    """All records of one track.

    Args:
        records: Searcher name -> records keyed by task and seed.
    """

    def __init__(
        self, records: Mapping[str, Mapping[tuple[str, int], results.Record]]
    ) -> None:
        self.records = {name: dict(r) for name, r in records.items() if r}

    @classmethod
    def load(
        cls, folder: pathlib.Path, track: str, searchers: Sequence[str]
    ) -> Standings:
        return cls(
            {
                name: results.load(results.path(folder, name, track))
                for name in searchers
            }
        )

    @property
    def searchers(self) -> list[str]:
        return list(self.records)

    def regrets(
        self, searcher: str, task: str, checkpoint: int, half: Half
    ) -> dict[int, float]:
        """Returns seed -> regret, for races that went so far.

        It is empty where only a few did: races that are run until they find
        the best cell go on longest where the searcher is worst.
        """
        races = {
            seed: record.regret_at(checkpoint)
            for (name, seed), record in self.records.get(searcher, {}).items()
            if name == task and half.has(seed)
        }
        found = {seed: r for seed, r in races.items() if r is not None}
        return found if len(found) >= LEAST_SHARE * len(races) else {}


@dataclasses.dataclass(frozen=True)
class Ratio:
    """Our mean regret on a task divided by a peer's.

    Args:
        value: Float, below 1 where we are better.
        peer: String, the name of the peer.
        seeds: Integer, how many seeds both have.
    """

    value: float
    peer: str
    seeds: int


def ratio(
    ours: Mapping[int, float], theirs: Mapping[int, float], peer: str
) -> Ratio | None:
    """Compares seed -> regret of ours with a peer's; None if none is shared."""
    shared = sorted(set(ours) & set(theirs))
    if not shared:
        return None
    mean_ours = np.mean([ours[seed] for seed in shared])
    mean_theirs = np.mean([theirs[seed] for seed in shared])
    value = (mean_ours + OFFSET) / (mean_theirs + OFFSET)
    return Ratio(float(value), peer, len(shared))


def compare(
    standings: Standings,
    ours: str,
    peers: Sequence[str],
    checkpoint: int,
    half: Half,
) -> dict[str, Ratio]:
    """Compares ours with the best of `peers` on each task of a half.

    The best peer of a task is the one that the ratio is worst against, so
    one that has run fewer seeds is met on its own ones.

    Returns:
        Dict, task -> `Ratio`, without tasks on which there is no peer.
    """
    best: dict[str, Ratio] = {}
    for task in half.tasks:
        mine = standings.regrets(ours, task, checkpoint, half)
        for peer in peers:
            theirs = standings.regrets(peer, task, checkpoint, half)
            found = ratio(mine, theirs, peer)
            if found is None or found.seeds < LEAST_SHARE * len(mine):
                continue
            if task not in best or found.value > best[task].value:
                best[task] = found
    return best


def geometric_mean(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


@dataclasses.dataclass(frozen=True)
class Queries:
    """How many evaluations it took to ask a table's best cell.

    Args:
        mean: Float, mean over the seeds. A race that ended without it counts
            with its length, so with any of those this is a lower bound.
        found: Integer, how many races found it.
        seeds: Integer, how many races there are.
    """

    mean: float
    found: int
    seeds: int


def queries_to_best(
    standings: Standings, searcher: str, task: str
) -> Queries | None:
    records = [
        record
        for (name, _), record in standings.records.get(searcher, {}).items()
        if name == task
    ]
    if not records:
        return None
    counts = [record.queries_to_best for record in records]
    lengths = [
        record.evaluations if count is None else count
        for record, count in zip(records, counts, strict=True)
    ]
    found = sum(count is not None for count in counts)
    return Queries(float(np.mean(lengths)), found, len(records))


def proposal_ms(
    standings: Standings, searcher: str, checkpoint: int
) -> float | None:
    """Returns the median over all races of the time just before."""
    times = [
        record.proposal_ms[str(checkpoint)]
        for record in standings.records.get(searcher, {}).values()
        if str(checkpoint) in record.proposal_ms
    ]
    return float(np.median(times)) if times else None
