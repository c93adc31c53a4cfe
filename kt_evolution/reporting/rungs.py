"""The rungs of a search that pauses trials, and how trials went on there."""

import dataclasses
import math

from kt_evolution.project.training_log import read_training
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.trial_records import TrialRecord


@dataclasses.dataclass(frozen=True)
class RungCount:
    """The trials at a rung.

    Args:
        epochs: Int, after how many epochs they are compared.
        num_reached: Int, how many trials reached it; at the last rung how many
            are completed.
        num_paused: Int, how many are paused there now.
        num_promoted: Int, how many were paused there and trained on.
    """

    epochs: int
    num_reached: int
    num_paused: int
    num_promoted: int


def rungs_caption(search: SearchRecord) -> str:
    """Returns what the figure of the rungs shows, for the report."""
    if search.max_epochs is None:
        return (
            "The trials of each bracket of Hyperband by the epochs that they "
            "were trained for. Lines lead to the trial that goes on training a "
            "model. Behind a bracket is how many trials its rungs have."
        )
    return (
        "A line for each trial: its best so far, epoch by epoch. At a rung it "
        "is compared with the others there, and is paused or promoted. Only "
        f"trials that are trained to epoch {search.max_epochs}, or until a "
        "callback ends them, compete for the best. If more than 200 trials "
        "are paused, 200 of them are shown, evenly over the search."
    )


def rungs_of(search: SearchRecord) -> list[RungCount]:
    """Returns the rungs that trials of a search reached, ascending.

    It is empty if no trial was paused.
    """
    last = search.max_epochs
    if last is None:
        return []
    stops = {one.epochs for one in search.paused if one.epochs}
    stops |= {epochs for one in search.trials for epochs in one.promoted_at}
    stops |= {epochs for one in search.trials for epochs in one.scores}
    counts = [
        RungCount(
            epochs,
            sum(epochs in one.scores for one in search.trials),
            sum(one.epochs == epochs for one in search.paused),
            sum(epochs in one.promoted_at for one in search.trials),
        )
        for epochs in sorted(stops - {last})
    ]
    return [*counts, RungCount(last, len(search.completed), 0, 0)]


@dataclasses.dataclass(frozen=True)
class Course:
    """How good a trial was, epoch by epoch.

    Args:
        trial: The `TrialRecord`.
        points: List of epochs and the best value of the first objective up to
            there. Without a training log these are the rungs alone.
    """

    trial: TrialRecord
    points: list[tuple[int, float]]


def logged_values(search: SearchRecord, trial: TrialRecord) -> dict[int, float]:
    """Returns the first objective after each epoch of the first execution.

    It is empty without a training log.
    """
    curves = read_training(search.folder / f"trial_{trial.trial_id}").curves
    values = curves[0].get(search.objectives[0].name, []) if curves else []
    return dict(enumerate(values, start=1))


def values_at_rungs(
    search: SearchRecord, trial: TrialRecord
) -> dict[int, float]:
    """Returns the best of the first objective up to each rung, ascending."""
    name = search.objectives[0].name
    return {
        epochs: metrics[name]
        for epochs, metrics in sorted(trial.scores.items())
        if name in metrics
    }


def course_of(search: SearchRecord, trial: TrialRecord) -> Course:
    """Returns how good a trial was by epoch, of its first execution."""
    objective = search.objectives[0]
    name, sign = objective.name, objective.sign
    values = logged_values(search, trial)
    if not values:
        values = values_at_rungs(search, trial)
        if trial.is_completed and name in trial.metrics:
            last = trial.epochs or search.max_epochs or 1
            values[last] = trial.metrics[name]
    points, best = [], math.inf
    for epoch, value in values.items():
        # Validation may not run in each epoch.
        best = min(best, math.inf if math.isnan(value) else sign * value)
        if math.isfinite(best):
            points.append((epoch, sign * best))
    return Course(trial, points)
