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
    """The setting of a search: task, searcher and budget.

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
        models: Integer, how many trials it made; those that Hyperband goes on
            with count again.
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
        for line in results.lines_of(path(folder, searcher)):
            try:
                records.append(Record(**json.loads(line)))
            except json.JSONDecodeError:
                # The process died while writing; the search runs again.
                continue
    return records


def by_setting(records: Sequence[Record]) -> dict[Setting, list[Record]]:
    """Returns the records of each task and budget, in the tasks' order."""
    found: dict[Setting, list[Record]] = {}
    for task in TASKS:
        for one in records:
            if one.task == task:
                setting = (task, one.trials, one.epochs, one.train_size)
                found.setdefault(setting, []).append(one)
    return found


def scores_of(records: Sequence[Record]) -> Scores:
    """Returns searcher -> seed -> score of the records of one setting."""
    scores: Scores = {}
    for one in records:
        scores.setdefault(one.searcher, {})[one.seed] = one.score
    return scores


def outcome(ours: Mapping[int, float], theirs: Mapping[int, float]) -> str:
    """Returns "win", "tie" or "loss", or nothing below two shared seeds."""
    shared = sorted(set(ours) & set(theirs))
    if len(shared) < 2:
        return ""
    if all(ours[seed] > theirs[seed] for seed in shared):
        return "win"
    if all(ours[seed] < theirs[seed] for seed in shared):
        return "loss"
    return "tie"


def trials_text(trials: int, epochs: int, size: int) -> str:
    return f"{trials} of {epochs} epochs, {size:,} rows"


def score_table(found: Mapping[Setting, Scores]) -> str:
    """Returns the mean and range of each searcher on each task."""
    names = [n for n in SEARCHERS if any(n in s for s in found.values())]
    rows = []
    for (task, *budget), scores in found.items():
        means = {n: float(np.mean(list(s.values()))) for n, s in scores.items()}
        row = [f"{task}, {TASKS[task].metric}", trials_text(*budget)]
        if TASKS[task].folds:
            row[0] += f", {TASKS[task].folds} folds"
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


def time_table(found: Mapping[Setting, Sequence[Record]]) -> str:
    """Returns the mean seconds and trials of the searches, by task."""
    known = {one.searcher for records in found.values() for one in records}
    names = [name for name in SEARCHERS if name in known]
    rows = []
    for (task, *budget), records in found.items():
        row = [task, trials_text(*budget)]
        for name in names:
            mine = [one for one in records if one.searcher == name]
            seconds = np.mean([one.seconds for one in mine]) if mine else 0
            models = np.mean([one.models for one in mine]) if mine else 0
            row.append(f"{seconds:.0f} s, {models:.0f}" if mine else NOTHING)
        rows.append(row)
    titles = [SEARCHERS[name].title for name in names]
    return table(["task", "trials", *titles], rows)


def report(records: Sequence[Record]) -> str:
    """Returns all tables."""
    if not records:
        return "Nothing was run so far."
    found = by_setting(records)
    scores = {setting: scores_of(them) for setting, them in found.items()}
    return "\n\n".join(
        [
            "### Test scores: mean (range) over seeds",
            score_table(scores),
            "### Better in every seed, in some, in none",
            standing_table(scores),
            "### Seconds of a search, and trials",
            time_table(found),
        ]
    )
