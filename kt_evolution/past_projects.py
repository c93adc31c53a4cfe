"""Projects of other searches, as far as another search can learn from them.

Any Keras Tuner project can be read: ours by its journal, all others by the
`trial.json` of each trial. No tuner or oracle is made for it.
"""

import dataclasses
import json
import math
import statistics
from pathlib import Path
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import TrialStatus

from kt_evolution import host
from kt_evolution import trial_events as events
from kt_evolution.core.genes import Value
from kt_evolution.encoding import own_values
from kt_evolution.journal import Journal


@dataclasses.dataclass(frozen=True)
class PastTrial:
    """A completed trial of another search.

    Args:
        trial_id: String, its id there.
        values: Dict of names to values.
        metrics: Dict of names to their best values.
    """

    trial_id: str
    values: dict[str, Value]
    metrics: dict[str, float]

    @property
    def identity(self) -> str:
        """What is equal for the same trial, wherever its project lies."""
        return json.dumps([self.trial_id, self.values, self.metrics])


@dataclasses.dataclass(frozen=True)
class PastProject:
    """What is known of another search.

    Args:
        trials: List of `PastTrial`s, one for each dict of values.
        num_unscored: Int, how many completed trials have no finite value of
            the objective.
        num_damaged: Int, how many trials can't be read.
    """

    trials: list[PastTrial]
    num_unscored: int
    num_damaged: int


# Directions and the means over executions, by epoch, of a trial's metrics.
Metrics = dict[str, tuple[str, list[float]]]


@dataclasses.dataclass(frozen=True)
class _Result:
    """A completed trial as its project has it."""

    trial_id: str
    values: dict[str, Value]
    score: float
    metrics: Metrics
    is_reevaluation: bool = False


def read_project(path: str, objective: kt.Objective) -> PastProject:
    """Reads the completed trials of a project.

    Of trials with the same values the last counts: in a Hyperband project it
    is the one that was trained for longest. Of re-evaluations all count, by
    their mean.

    Args:
        path: String, the project's folder.
        objective: The `keras_tuner.Objective` of this search.

    Raises:
        ValueError: If there is no project, or if it has not this objective.
    """
    journal = Journal(Path(path) / "journal.jsonl")
    if journal.exists():
        results, num_damaged = _read_journal(journal)
    else:
        results, num_damaged = _read_trial_files(Path(path))
    trials: dict[str, PastTrial] = {}
    trainings: dict[str, list[dict[str, float]]] = {}
    num_unscored = 0
    for result in results:
        _check_directions(result, objective, path)
        metrics = _best_of(result.metrics, objective)
        if not objective.has_value(metrics):
            num_unscored += 1
            continue
        key = json.dumps(result.values, sort_keys=True)
        earlier = trainings.get(key, []) if result.is_reevaluation else []
        trainings[key] = [*earlier, metrics]
        trials.pop(key, None)
        trials[key] = PastTrial(
            result.trial_id, result.values, _mean(trainings[key])
        )
    if results and not trials:
        raise ValueError(
            "`objective` must be among the metrics of the trials that "
            f"`warm_start` names. Received: objective={_shown(objective)}, "
            f"warm_start={path!r}, whose trials have "
            f"{sorted(set().union(*(r.metrics for r in results)))}"
        )
    return PastProject(list(trials.values()), num_unscored, num_damaged)


def _read_trial_files(folder: Path) -> tuple[list[_Result], int]:
    files = list(folder.glob("trial_*/trial.json"))
    if not files:
        inside = sorted(
            {str(p.parents[1]) for p in folder.glob("*/trial_*/trial.json")}
        )
        hint = f" It holds the projects {inside}." if inside else ""
        raise ValueError(
            "`warm_start` must be the folder of a Keras Tuner project, which "
            "has a trial.json for each trial. Received: "
            f"warm_start={str(folder)!r}.{hint}"
        )
    results, num_damaged = [], 0
    for file in files:
        try:
            state = json.loads(file.read_text(encoding="utf-8"))
            if state["status"] == TrialStatus.COMPLETED:
                results.append(_result_of_state(state))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            num_damaged += 1
    return sorted(results, key=_order), num_damaged


def _result_of_state(state: dict[str, Any]) -> _Result:
    metrics = state["metrics"]["metrics"]
    return _Result(
        state["trial_id"],
        own_values(state["hyperparameters"]["values"]),
        state["score"],
        {
            name: (
                metric["direction"],
                [
                    statistics.fmean(observation["value"])
                    for observation in metric["observations"]
                ],
            )
            for name, metric in metrics.items()
        },
    )


def _order(result: _Result) -> tuple[bool, int, str]:
    """Sorts by number: ids are padded to different widths."""
    name = result.trial_id
    return not name.isdigit(), int(name) if name.isdigit() else 0, name


def _read_journal(journal: Journal) -> tuple[list[_Result], int]:
    proposed: dict[str, dict[str, Any]] = {}
    results, num_damaged = [], 0
    for event in journal.read():
        try:
            if event["event"] == "search":
                events.check_version(event, str(journal.path.parent))
            elif event["event"] == "trial":
                proposed[event["trial_id"]] = event
            elif (
                event["event"] == "end"
                and event["status"] == TrialStatus.COMPLETED
            ):
                results.append(
                    _result_of_event(event, proposed[event["trial_id"]])
                )
        except (ValueError, KeyError, TypeError, AttributeError):
            num_damaged += 1
    return results, num_damaged


def _result_of_event(
    event: dict[str, Any], proposed: dict[str, Any]
) -> _Result:
    return _Result(
        event["trial_id"],
        own_values(event.get("values", proposed["values"])),
        event["score"],
        {
            name: (
                metric["direction"],
                [statistics.fmean(values) for _, *values in metric["steps"]],
            )
            for name, metric in event["metrics"].items()
        },
        is_reevaluation="reevaluates" in proposed["record"],
    )


def _objectives(objective: kt.Objective) -> dict[str, str]:
    """Returns the directions of what an objective is made of."""
    several = getattr(objective, "name_to_direction", None)
    return several or {objective.name: objective.direction}


def _best_of(metrics: Metrics, objective: kt.Objective) -> dict[str, float]:
    """Returns the metrics that are finite."""
    directions = _objectives(objective)
    best = {
        name: _best(means, directions.get(name, direction))
        for name, (direction, means) in metrics.items()
    }
    return {name: x for name, x in best.items() if math.isfinite(x)}


def _mean(several: list[dict[str, float]]) -> dict[str, float]:
    """Returns the means of the metrics that each training has."""
    return {
        name: statistics.fmean(metrics[name] for metrics in several)
        for name in several[0]
        if all(name in metrics for metrics in several)
    }


def _best(means: list[float], direction: str) -> float:
    """Returns the best epoch, as the host does."""
    finite = [mean for mean in means if not math.isnan(mean)]
    if not finite:
        return math.nan
    return min(finite) if direction == "min" else max(finite)


def _check_directions(
    result: _Result, objective: kt.Objective, path: str
) -> None:
    for name, wanted in _objectives(objective).items():
        direction, means = result.metrics.get(name, (wanted, []))
        # The host notes "min" for what is no objective and what it doesn't
        # know, so that alone says nothing.
        if direction != wanted and (
            direction == "max" or _best(means, direction) == result.score
        ):
            raise ValueError(
                "`objective` must have the direction that it has in the "
                f"project that `warm_start` names. Received: "
                f"objective={_shown(objective)}, warm_start={path!r}, where "
                f"'{name}' is {direction!r}"
            )


def _shown(objective: kt.Objective) -> str:
    directions = host.objective_directions(objective)
    return str({n: d for n, d in directions.items() if n != "multi_objective"})
