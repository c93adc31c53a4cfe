"""Past projects: the trials of other searches, for a warm start.

Any Keras Tuner project can be read, see `reader.py`.
"""

import dataclasses
import json
import math
import statistics
from collections.abc import Collection
from pathlib import Path

import keras_tuner as kt
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.algorithm.space.genes import Value
from kt_evolution.keras_tuner_bridge.divergence import diverged_losses
from kt_evolution.keras_tuner_bridge.objectives import best_of
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.project.folders import check_project
from kt_evolution.project.reader import StoredMetric
from kt_evolution.project.reader import StoredTrial
from kt_evolution.project.reader import read_stored


@dataclasses.dataclass(frozen=True)
class PastTrial:
    """A completed trial of another search.

    Args:
        trial_id: String, its id there.
        values: Dict of names to values.
        metrics: Dict of names to their best values.
        epochs: Int, for how many epochs it was trained, if others there were
            trained for more; else None.
    """

    trial_id: str
    values: dict[str, Value]
    metrics: dict[str, float]
    epochs: int | None = None

    @property
    def identity(self) -> str:
        """A key that is equal for equal trials, in any folder."""
        return json.dumps([self.trial_id, self.values, self.metrics])


@dataclasses.dataclass(frozen=True)
class PastProject:
    """The trials of another search.
    Args:
        trials: List of `PastTrial`s, one for each dict of values.
        num_unscored: Int, how many completed trials have no finite objective,
            or no finite loss at their end.
        num_damaged: Int, how many trials can't be read.
    """

    trials: list[PastTrial]
    num_unscored: int
    num_damaged: int


def read_project(
    path: str,
    objective: kt.Objective,
    computable: Collection[str] = (),
    takes_partial: bool = False,
) -> PastProject:
    """Reads the completed trials of a project.

    Of trials with equal values the last one counts: in a Hyperband project it
    was trained for the longest time. All re-evaluations of a model count, by
    their mean.

    Args:
        path: String, the project's folder.
        objective: The `keras_tuner.Objective` of this search.
        computable: Strings, the metrics that trials may lack.
        takes_partial: Bool, whether trials that were not trained to the end
            are told from others, and those that are paused are read, too.
            Defaults to False.

    Raises:
        ValueError: If there is no project, or if it lacks this objective.
    """
    project = read_stored(check_project("warm_start", Path(path)))
    completed = [
        trial
        for trial in project.trials
        if trial.status == TrialStatus.COMPLETED
        or (takes_partial and trial.status == TrialStatus.IDLE and trial.rungs)
    ]
    last_epoch = max(map(_epochs_of, completed), default=0)
    trials: dict[str, PastTrial] = {}
    trainings: dict[str, list[dict[str, float]]] = {}
    # Groups re-evaluations with the model that they repeat.
    keys: dict[str, str] = {}
    num_unscored = 0
    for trial in completed:
        _check_directions(trial, objective, path)
        metrics = _best_of(trial.metrics, objective)
        is_scored = _objectives(objective).keys() <= {*metrics, *computable}
        if not is_scored or diverged_losses(_last_of(trial.metrics)):
            num_unscored += 1
            continue
        first = keys.get(trial.record.get("reevaluates", ""))
        key = first or json.dumps(trial.values, sort_keys=True)
        keys[trial.trial_id] = key
        trainings[key] = [*trainings[key], metrics] if first else [metrics]
        # A re-evaluation may have values that its model ignores.
        values = trials[key].values if first else trial.values
        trials.pop(key, None)
        trials[key] = PastTrial(
            trial.trial_id,
            values,
            _mean(trainings[key]),
            _partial_epochs(trial, last_epoch) if takes_partial else None,
        )
    if completed and not trials:
        raise ValueError(
            "`objective` must be among the metrics of the trials that "
            f"`warm_start` names. Received: objective={_shown(objective)}, "
            f"warm_start={path!r}, whose trials have "
            f"{sorted(set().union(*(one.metrics for one in completed)))}"
        )
    return PastProject(
        list(trials.values()), num_unscored, len(project.damaged)
    )


def _epochs_of(trial: StoredTrial) -> int:
    """Returns to which epoch `Hyperband` trained a trial, 0 if it did not."""
    epochs = trial.hyperband.get("epochs")
    return epochs if isinstance(epochs, int) else 0


def _partial_epochs(trial: StoredTrial, last_epoch: int) -> int | None:
    """Returns for how many epochs a trial was trained, None if to the end."""
    if trial.status == TrialStatus.IDLE:
        return max(trial.rungs)
    epochs = _epochs_of(trial)
    return epochs if 0 < epochs < last_epoch else None


def _objectives(objective: kt.Objective) -> dict[str, str]:
    """Returns the directions of the parts of an objective."""
    return {one.name: one.direction for one in objectives_of(objective)}


def _best_of(
    metrics: dict[str, StoredMetric], objective: kt.Objective
) -> dict[str, float]:
    """Returns the finite metrics."""
    directions = _objectives(objective)
    best = {
        name: _best(metric, directions.get(name, metric.direction))
        for name, metric in metrics.items()
    }
    return {name: x for name, x in best.items() if math.isfinite(x)}


def _last_of(metrics: dict[str, StoredMetric]) -> dict[str, float]:
    return {
        name: metric.means[max(metric.means)]
        for name, metric in metrics.items()
        if metric.means
    }


def _mean(several: list[dict[str, float]]) -> dict[str, float]:
    """Returns the means of the metrics that all trainings have."""
    return {
        name: statistics.fmean(metrics[name] for metrics in several)
        for name in several[0]
        if all(name in metrics for metrics in several)
    }


def _best(metric: StoredMetric, direction: str) -> float:
    """Returns the best epoch, as Keras Tuner does."""
    finite = [mean for mean in metric.means.values() if not math.isnan(mean)]
    if not finite:
        return math.nan
    return best_of(finite, direction)


def _check_directions(
    trial: StoredTrial, objective: kt.Objective, path: str
) -> None:
    for name, wanted in _objectives(objective).items():
        metric = trial.metrics.get(name, StoredMetric(wanted, {}))
        direction = metric.direction
        # Keras Tuner stores "min" for metrics whose direction it does not know,
        # so "min" alone proves nothing.
        if direction != wanted and (
            direction == "max" or _best(metric, direction) == trial.score
        ):
            raise ValueError(
                "`objective` must have the direction that it has in the "
                f"project that `warm_start` names. Received: "
                f"objective={_shown(objective)}, warm_start={path!r}, where "
                f"'{name}' is {direction!r}"
            )


def _shown(objective: kt.Objective) -> str:
    return str(_objectives(objective))
