"""How a search went on: its best so far, and what its operators achieved."""

import dataclasses
from collections.abc import Mapping

import moocore
import numpy as np

from kt_evolution.algorithm.ranking import pareto_rank
from kt_evolution.algorithm.ranking import total_violation
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.trial_records import TrialRecord

# The operator of trials whose operator is not stored.
UNKNOWN = "not recorded"


@dataclasses.dataclass(frozen=True)
class ProgressCurve:
    """The best so far after each completed trial.

    Args:
        trials: List of the completed `TrialRecord`s, in their order.
        best: Float array, the best objective of those within all limits,
            NaN until there is one; or with several objectives the
            hypervolume, as a part of that in the end.
        improved: Bool array, whether a trial improved on it.
    """

    trials: list[TrialRecord]
    best: np.ndarray
    improved: np.ndarray


def progress_caption(search: SearchRecord) -> str:
    """Returns what the curve of a search shows, for the report."""
    if search.limits and not search.front():
        return (
            "No trial is within all limits: how far each completed trial is "
            "from them, as the sum of the shares by which it exceeds the "
            "bounds, and the nearest so far."
        )
    if len(search.objectives) > 1:
        return "The hypervolume of the front, as a part of the final one."
    among = " among those within all limits" if search.limits else ""
    return f"Every completed trial, and the best so far{among}."


def progress_of(search: SearchRecord) -> ProgressCurve:
    """Returns the best so far after each completed trial."""
    trials = search.completed
    points = search.points(trials)
    feasible = total_violation(search.violations(trials)) == 0.0
    if len(search.objectives) > 1:
        best = _hypervolumes(points, feasible)
        improved = np.diff(best, prepend=0.0) > 0.0
        return ProgressCurve(trials, best, improved)
    scores = np.where(feasible, points[:, 0], np.inf)
    lowest = np.minimum.accumulate(scores)
    before = np.concatenate([[np.inf], lowest[:-1]])
    best = np.where(np.isfinite(lowest), lowest, np.nan)
    return ProgressCurve(
        trials, search.objectives[0].sign * best, scores < before
    )


def approach_of(search: SearchRecord) -> ProgressCurve:
    """Returns how a search approaches its limits while no trial is within them.

    Returns:
        A `ProgressCurve` of the smallest total violation so far: the sum of
        the shares by which a trial exceeds the bounds.
    """
    trials = [t for t in search.completed if np.isfinite(t.violations).all()]
    violations = total_violation(search.violations(trials))
    before = np.minimum.accumulate(np.append(np.inf, violations))
    return ProgressCurve(trials, before[1:], violations < before[:-1])


def _hypervolumes(points: np.ndarray, feasible: np.ndarray) -> np.ndarray:
    """Returns the hypervolume of each beginning, 1 for the whole.

    The reference point is the worst of each objective on the final front,
    a tenth of its extent further away.
    """
    volumes = np.zeros(len(points))
    kept = points[feasible]
    if not len(kept):
        return volumes
    final = kept[pareto_rank(kept) == 0]
    low, high = final.min(axis=0), final.max(axis=0)
    extent = np.where(high > low, high - low, 1.0)
    scaled = (points - low) / extent
    hypervolume = moocore.Hypervolume(ref=[1.1] * points.shape[1])
    front = np.empty((0, points.shape[1]))
    volume = 0.0
    for i, point in enumerate(scaled):
        if feasible[i] and not _is_covered(point, front):
            front = np.concatenate([front, point[None]])
            front = front[pareto_rank(front) == 0]
            volume = float(hypervolume(front))
        volumes[i] = volume
    return volumes / (volume or 1.0)


def _is_covered(point: np.ndarray, front: np.ndarray) -> bool:
    """Returns whether a point is no better than one of a front."""
    return bool((front <= point).all(axis=1).any())


@dataclasses.dataclass(frozen=True)
class Credit:
    """What an operator achieved.

    Args:
        operator: String.
        trials: List of the completed `TrialRecord`s that it made.
        succeeded: Bool array, whether each was a success: better than all of
            its parents, or, with several objectives, on the front when it
            was completed. What has no parents has to be the best so far.
    """

    operator: str
    trials: list[TrialRecord]
    succeeded: np.ndarray

    @property
    def rate(self) -> float:
        """Float, the part of the trials that succeeded."""
        return float(self.succeeded.mean())


def credits_of(search: SearchRecord) -> list[Credit]:
    """Returns what each operator achieved, the most used first."""
    progress = progress_of(search)
    successes: dict[str, list[tuple[TrialRecord, bool]]] = {}
    known = {one.trial_id: one for one in (*search.trials, *search.imports)}
    for trial, improved in zip(progress.trials, progress.improved, strict=True):
        success = bool(improved)
        if trial.parents and len(search.objectives) == 1:
            success = _beats_parents(search, trial, known)
        operator = trial.operator or UNKNOWN
        successes.setdefault(operator, []).append((trial, success))
    return sorted(
        (
            Credit(
                operator,
                [trial for trial, _ in made],
                np.array([success for _, success in made]),
            )
            for operator, made in successes.items()
        ),
        key=lambda credit: -len(credit.trials),
    )


def _beats_parents(
    search: SearchRecord, trial: TrialRecord, known: Mapping[str, TrialRecord]
) -> bool:
    parents = [known[name] for name in trial.parents if name in known]
    scored = [one for one in parents if search.has_objectives(one)]
    if not scored:
        return False
    broken = total_violation(search.violations([trial, *scored]))
    scores = search.points([trial, *scored])[:, 0]
    orders = list(zip(broken.tolist(), scores.tolist(), strict=True))
    return all(orders[0] < other for other in orders[1:])
