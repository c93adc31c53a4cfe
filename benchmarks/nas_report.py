"""Records of searches of architectures, and their tables in markdown.

Searchers are compared on the seeds that both have. One *wins* where it is
better in every seed, *loses* where it is worse in every seed, and ties
otherwise: three seeds tell no finer difference.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import results
from benchmarks.nas_searchers import SEARCHERS
from benchmarks.nas_tasks import TASKS
from benchmarks.tables import NOTHING
from benchmarks.tables import table

TRACK = "nas"
OURS = "evolution"


@dataclasses.dataclass(frozen=True)
class Search:
    """What is searched, by what, and within which budget.

    Args:
        searcher: String, a name of the registry.
        task: String, a name of a task.
        seed: Integer.
        trials: Integer, how many models are trained.
        epochs: Integer, for how long each.
        train_size: Integer, rows for training at most.
    """

    searcher: str
    task: str
    seed: int
    trials: int
    epochs: int
    train_size: int


@dataclasses.dataclass(frozen=True)
class Record(Search):
    """A search that is finished.

    Args:
        score: Float, accuracy or R2 of the best model on the test rows.
        models: Integer, how many were trained.
        params: Integer, of the best model.
        values: Dict, hyperparameters of the best model.
        seconds: Float, for the whole search.
        versions: Dict, package name to version.
    """

    score: float
    models: int
    params: int
    values: dict[str, Any]
    seconds: float
    versions: dict[str, str]

    @property
    def search(self) -> Search:
        names = [field.name for field in dataclasses.fields(Search)]
        return Search(**{name: getattr(self, name) for name in names})


Setting = tuple[str, int, int, int]
Scores = dict[str, dict[int, float]]


def path(folder: pathlib.Path, searcher: str) -> pathlib.Path:
    return results.path(folder, searcher, TRACK)


def load(folder: pathlib.Path) -> list[Record]:
    """Reads all searches that were recorded."""
    records = []
    for searcher in SEARCHERS:
        file = path(folder, searcher)
        for line in file.read_text().splitlines() if file.exists() else []:
            try:
                records.append(Record(**json.loads(line)))
            except json.JSONDecodeError:
                continue  # Torn when the process died; it is run again.
    return records


def scores_of(records: Sequence[Record]) -> dict[Setting, Scores]:
    """Returns budget -> searcher -> seed -> score, in the tasks' order."""
    found: dict[Setting, Scores] = {}
    for task in TASKS:
        for one in records:
            if one.task == task:
                budget = (task, one.trials, one.epochs, one.train_size)
                seeds = found.setdefault(budget, {})
                seeds.setdefault(one.searcher, {})[one.seed] = one.score
    return found


def outcome(ours: Mapping[int, float], theirs: Mapping[int, float]) -> str:
    """Returns "win", "tie" or "loss", or nothing where no seed is shared."""
    shared = sorted(set(ours) & set(theirs))
    if not shared:
        return ""
    if all(ours[seed] > theirs[seed] for seed in shared):
        return "win"
    if all(ours[seed] < theirs[seed] for seed in shared):
        return "loss"
    return "tie"


def score_table(found: Mapping[Setting, Scores]) -> str:
    """Returns the mean and range of each searcher on each task."""
    names = [n for n in SEARCHERS if any(n in s for s in found.values())]
    rows = []
    for (task, trials, epochs, size), scores in found.items():
        means = {n: float(np.mean(list(s.values()))) for n, s in scores.items()}
        row = [
            f"{task}, {TASKS[task].metric}",
            f"{trials} of {epochs} epochs, {size:,} rows",
        ]
        for name in names:
            if name not in scores:
                row.append(NOTHING)
                continue
            seeds = list(scores[name].values())
            mean = f"{means[name]:.3f}"
            if means[name] == max(means.values()):
                mean = f"**{mean}**"
            row.append(
                f"{mean} ({min(seeds):.3f}–{max(seeds):.3f}, n={len(seeds)})"
            )
        rows.append(row)
    titles = [SEARCHERS[name].title for name in names]
    return table(["task", "trials", *titles], rows)


def standing_table(found: Mapping[Setting, Scores]) -> str:
    """Returns where evolution wins, ties and loses, by opponent."""
    rows = []
    for name in SEARCHERS:
        if name == OURS:
            continue
        tasks: dict[str, list[str]] = {"win": [], "tie": [], "loss": []}
        pairs = []
        for (task, *_), scores in found.items():
            ours, theirs = scores.get(OURS, {}), scores.get(name, {})
            if result := outcome(ours, theirs):
                tasks[result].append(task)
            pairs += [ours[s] - theirs[s] for s in set(ours) & set(theirs)]
        if pairs:
            signs = np.sign(pairs)
            counts = [int(np.sum(signs == sign)) for sign in (1, 0, -1)]
            rows.append(
                [
                    SEARCHERS[name].title,
                    *(", ".join(t) or NOTHING for t in tasks.values()),
                    "/".join(map(str, counts)),
                ]
            )
    header = ["evolution against", "wins", "ties", "loses", "seeds +/=/-"]
    return table(header, rows)


def time_table(records: Sequence[Record]) -> str:
    """Returns the mean seconds and models of the searches, by task."""
    names = [n for n in SEARCHERS if any(r.searcher == n for r in records)]
    rows = []
    for task in TASKS:
        of_task = [r for r in records if r.task == task]
        if not of_task:
            continue
        row = [task]
        for name in names:
            mine = [r for r in of_task if r.searcher == name]
            seconds = np.mean([r.seconds for r in mine]) if mine else None
            row.append(
                f"{seconds:.0f} s, {np.mean([r.models for r in mine]):.0f}"
                if mine
                else NOTHING
            )
        rows.append(row)
    return table(["task", *(SEARCHERS[name].title for name in names)], rows)


def report(records: Sequence[Record]) -> str:
    """Returns all tables."""
    if not records:
        return "Nothing was run so far."
    found = scores_of(records)
    return "\n\n".join(
        [
            "### Test scores: mean (range) over seeds",
            score_table(found),
            "### Better in every seed, in some, in none",
            standing_table(found),
            "### Seconds of a search, and models trained",
            time_table(records),
        ]
    )
