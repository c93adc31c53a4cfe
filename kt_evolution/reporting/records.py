"""A search as records: what there is to show of it, before any drawing.

The only way in is a project's folder, so that what is shown of a search that
runs, of one that is long over and of one of Keras Tuner's own is the same.
"""

import contextlib
import dataclasses
import math
import os
import warnings
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.core.genes import Value
from kt_evolution.core.history import IMPORT
from kt_evolution.core.ranking import best_first
from kt_evolution.core.ranking import front
from kt_evolution.core.space import SearchSpace
from kt_evolution.encoding import SpaceError
from kt_evolution.encoding import gene_of
from kt_evolution.limits import Limit
from kt_evolution.reporting.expression import Expression
from kt_evolution.stored_trials import StoredProject
from kt_evolution.stored_trials import StoredTrial
from kt_evolution.stored_trials import is_project
from kt_evolution.stored_trials import projects_inside
from kt_evolution.stored_trials import read_stored

# The host's one number for several objectives.
SUM_OF_OBJECTIVES = "multi_objective"


@dataclasses.dataclass(frozen=True)
class ObjectiveRecord:
    """What a search is for.

    Args:
        name: String, the metric.
        direction: String, "min" or "max".
    """

    name: str
    direction: str

    @property
    def sign(self) -> float:
        """Float, what makes lower better."""
        return -1.0 if self.direction == "max" else 1.0


@dataclasses.dataclass(frozen=True)
class TrialRecord:
    """One trial, or an individual that was imported from another search.

    Args:
        trial_id: String.
        number: Int, its place in the order of creation.
        status: String: "COMPLETED", "FAILED", "INVALID", or "RUNNING", which
            is also what was interrupted.
        values: Dict of names to the values that count: those of dormant
            hyperparameters are left out.
        metrics: Dict of names to floats, at the best epoch.
        best_epoch: Int, or None.
        operator: String, how it was made; empty if that is not known.
        parents: Tuple of trial ids.
        prediction: Mean and standard deviation that were expected of the
            score, or None.
        num_rejected: Int, how many proposals were rejected before it.
        broken: Tuple of strings, the limits that it breaks.
        excess: Tuple of floats, by what part each limit is broken.
        message: String, why it failed, or None.
        worker: String, or None.
        began: Float, seconds since the epoch, or None.
        ended: Float, or None.
    """

    trial_id: str
    number: int
    status: str
    values: dict[str, Value]
    metrics: dict[str, float]
    best_epoch: int | None = None
    operator: str = ""
    parents: tuple[str, ...] = ()
    prediction: tuple[float, float] | None = None
    num_rejected: int = 0
    broken: tuple[str, ...] = ()
    excess: tuple[float, ...] = ()
    message: str | None = None
    worker: str | None = None
    began: float | None = None
    ended: float | None = None

    @property
    def is_completed(self) -> bool:
        return self.status == TrialStatus.COMPLETED

    @property
    def seconds(self) -> float | None:
        """Float, from its start to its end, or None."""
        if self.began is None or self.ended is None:
            return None
        return self.ended - self.began


@dataclasses.dataclass(frozen=True)
class SearchRecord:
    """A search, as its project has it.

    Args:
        folder: The path of the project.
        has_journal: Bool, whether it is one of ours, with parents and times.
        objectives: Tuple of `ObjectiveRecord`s.
        limits: Tuple of `Limit`s.
        space: The `SearchSpace`.
        trials: Tuple of `TrialRecord`s, in the order of their creation.
        imports: Tuple of `TrialRecord`s of other searches.
        stop_reason: String, why a stopping rule ended it, or None.
        seed: Int, or None.
        problems: Tuple of strings, what could not be read.
    """

    folder: Path
    has_journal: bool
    objectives: tuple[ObjectiveRecord, ...]
    limits: tuple[Limit, ...]
    space: SearchSpace
    trials: tuple[TrialRecord, ...]
    imports: tuple[TrialRecord, ...] = ()
    stop_reason: str | None = None
    seed: int | None = None
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @property
    def completed(self) -> list[TrialRecord]:
        """The completed trials that have all objectives."""
        return [
            trial
            for trial in self.trials
            if trial.is_completed and self.has_objectives(trial)
        ]

    @property
    def parameters(self) -> list[str]:
        """The names of the hyperparameters, in the order of the space."""
        named = dict.fromkeys(gene.name for gene in self.space.genes)
        for trial in self.trials:
            named |= dict.fromkeys(trial.values)
        return list(named)

    @property
    def metrics(self) -> list[str]:
        """The names of the metrics, the objectives first."""
        named = dict.fromkeys(one.name for one in self.objectives)
        for trial in self.trials:
            named |= dict.fromkeys(trial.metrics)
        if len(self.objectives) > 1:
            named.pop(SUM_OF_OBJECTIVES, None)
        return list(named)

    def has_objectives(self, trial: TrialRecord) -> bool:
        return all(
            math.isfinite(trial.metrics.get(one.name, math.nan))
            for one in self.objectives
        )

    def points(self, trials: Iterable[TrialRecord]) -> np.ndarray:
        """Returns the objectives of trials, lower is better.

        Returns:
            Float array of shape `(n, num_objectives)`.
        """
        rows = [
            [one.sign * trial.metrics[one.name] for one in self.objectives]
            for trial in trials
        ]
        return np.array(rows, dtype=float).reshape(
            len(rows), len(self.objectives)
        )

    def excesses(self, trials: Iterable[TrialRecord]) -> np.ndarray:
        """Returns by how much trials break the limits, of which 0 is none."""
        rows = [trial.excess for trial in trials]
        return np.array(rows, dtype=float).reshape(len(rows), len(self.limits))

    def ranked(self) -> list[TrialRecord]:
        """Returns the completed trials, best first, as the oracle does."""
        completed = self.completed
        order = best_first(self.points(completed), self.excesses(completed))
        return [completed[position] for position in order]

    def front(self) -> list[TrialRecord]:
        """Returns the Pareto front, the knee first."""
        completed = self.completed
        members = front(self.points(completed), self.excesses(completed))
        return [completed[position] for position in members]

    def individual(self, trial_id: str) -> TrialRecord:
        """Returns a trial or an imported individual by its id.

        Raises:
            ValueError: If there is none.
        """
        for one in (*self.trials, *self.imports):
            if one.trial_id == trial_id:
                return one
        known = ", ".join(trial.trial_id for trial in self.trials[:5])
        raise ValueError(
            "`trial_id` must be that of a trial of the search, such as "
            f"{known}. Received: trial_id={trial_id!r}"
        )


def read_search(
    source: str | os.PathLike[str] | Any, objective: str | None = None
) -> SearchRecord:
    """Reads a search. A running one is neither locked nor changed.

    Example:

    ```python
    search = kt_evolution.reporting.read_search("results/mnist")
    print(search.ranked()[0].values)
    ```

    Args:
        source: String or path, the folder of any Keras Tuner project; or a
            tuner or oracle that has one.
        objective: String, the metric to minimise, or with "max:" before it
            to maximise. Defaults to what the search was for; Keras Tuner's
            own oracles don't store it, so there it is the metric that equals
            their score.

    Returns:
        A `SearchRecord`. What can't be read is in its `problems`, with a
        warning for each.

    Raises:
        ValueError: If there is no project, or no such metric.
    """
    folder = folder_of(source)
    if not is_project(folder):
        inside = projects_inside(folder)
        hint = f" It holds the projects {inside}." if inside else ""
        raise ValueError(
            "`source` must be the folder of a Keras Tuner project, which has "
            "a journal.jsonl or a trial.json for each trial. Received: "
            f"source={str(folder)!r}.{hint}"
        )
    project = read_stored(folder, salvage=True)
    for problem in project.damaged:
        warnings.warn(problem, stacklevel=2)
    objectives = _objectives_of(project, objective)
    limits = tuple(Limit(**config) for config in project.limits)
    expression = Expression(project)
    return SearchRecord(
        folder,
        project.has_journal,
        objectives,
        limits,
        _space_of(project),
        tuple(
            _trial_record(number, trial, limits, expression)
            for number, trial in enumerate(project.trials)
        ),
        tuple(_import_record(event, limits) for event in project.imports),
        project.stop_reason,
        project.search.get("seed"),
        tuple(project.damaged),
    )


def folder_of(source: Any) -> Path:
    """Returns the project's folder of a path, a tuner or an oracle."""
    if isinstance(source, (str, os.PathLike)):
        return Path(source)
    oracle = getattr(source, "oracle", source)
    folder = getattr(source, "project_dir", None) or getattr(
        oracle, "_project_dir", None
    )
    if folder is None:
        raise TypeError(
            "`source` must be the folder of a project, or a tuner or an "
            f"oracle that has one. Received: source={source!r} "
            f"(of type {type(source).__name__})"
        )
    return Path(folder)


def _space_of(project: StoredProject) -> SearchSpace:
    """Returns the space, without what could not be searched by us."""
    genes = []
    for hp in project.space.space:
        with contextlib.suppress(SpaceError):
            genes.append(gene_of(hp))
    return SearchSpace(genes)


def _objectives_of(
    project: StoredProject, given: str | None
) -> tuple[ObjectiveRecord, ...]:
    if given is not None:
        direction, colon, name = given.partition(":")
        if not colon or direction not in ("min", "max"):
            direction, name = "min", given
        known = {metric for trial in project.trials for metric in trial.metrics}
        if name not in known:
            raise ValueError(
                "`objective` must be among the metrics of the trials, "
                f"{sorted(known)}. Received: objective={given!r}"
            )
        return (ObjectiveRecord(name, direction),)
    stored = dict(project.search.get("objective", {}))
    if len(stored) > 1:
        del stored[SUM_OF_OBJECTIVES]
    return tuple(
        ObjectiveRecord(name, direction)
        for name, direction in (stored or _scored(project)).items()
    )


def _scored(project: StoredProject) -> dict[str, str]:
    """Returns the metric that is the score of all trials, and its direction."""
    completed = [
        trial
        for trial in project.trials
        if trial.status == TrialStatus.COMPLETED and trial.score is not None
    ]
    names = [
        name
        for name in (completed[0].metrics if completed else ())
        if all(
            trial.score in trial.metrics[name].means.values()
            for trial in completed
            if name in trial.metrics
        )
    ]
    if not names:
        return {"score": "min"}
    # Of equal ones, such as a metric and its mean, the measured one.
    name = min(names, key=lambda name: not name.startswith("val_"))
    return {name: completed[0].metrics[name].direction}


def _trial_record(
    number: int,
    trial: StoredTrial,
    limits: tuple[Limit, ...],
    expression: Expression,
) -> TrialRecord:
    metrics = _metrics_at_best(trial)
    record = trial.record
    prediction = record.get("prediction")
    return TrialRecord(
        trial.trial_id,
        number,
        trial.status,
        expression.counting_values(trial),
        metrics,
        trial.best_step,
        record.get("operator", ""),
        tuple(record.get("parents", ())),
        (prediction[0], prediction[1]) if prediction else None,
        len(record.get("rejected", ())),
        message=trial.message,
        worker=trial.worker,
        began=trial.began,
        ended=trial.ended,
        **_kept(limits, metrics),
    )


def _metrics_at_best(trial: StoredTrial) -> dict[str, float]:
    metrics = {
        name: metric.means.get(
            trial.best_step or 0, next(reversed(metric.means.values()))
        )
        for name, metric in trial.metrics.items()
        if metric.means
    }
    if not metrics and trial.score is not None:
        return {"score": trial.score}
    return metrics


def _kept(
    limits: tuple[Limit, ...], metrics: Mapping[str, float]
) -> dict[str, Any]:
    """Returns which limits a trial breaks, and by how much."""
    if any(limit.name not in metrics for limit in limits):
        return {"excess": (math.inf,) * len(limits)}
    excess = tuple(limit.excess(metrics) for limit in limits)
    return {
        "excess": excess,
        "broken": tuple(
            str(limit)
            for limit, beyond in zip(limits, excess, strict=True)
            if beyond > 0.0
        ),
    }


def _import_record(
    event: dict[str, Any], limits: tuple[Limit, ...]
) -> TrialRecord:
    metrics = event["metrics"]
    return TrialRecord(
        event["trial_id"],
        -1,
        TrialStatus.COMPLETED,
        event["values"],
        metrics,
        operator=IMPORT,
        **_kept(limits, metrics),
    )
