"""Reads a search: from the files of its project to records.

The only way in is a project's folder, so that what is shown of a search that
runs, of one that is long over and of one of Keras Tuner's own is the same.
"""

import contextlib
import functools
import itertools
import math
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kt_evolution.algorithm.calibration import Prediction
from kt_evolution.algorithm.calibration import calibrate_each
from kt_evolution.algorithm.history.individual import IMPORT
from kt_evolution.algorithm.space.declarations import SpaceError
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.keras_tuner_bridge.objectives import did_you_mean_metric
from kt_evolution.keras_tuner_bridge.objectives import infer_direction
from kt_evolution.keras_tuner_bridge.objectives import is_direction
from kt_evolution.keras_tuner_bridge.objectives import without_sum
from kt_evolution.keras_tuner_bridge.trial_metrics import is_known
from kt_evolution.keras_tuner_bridge.trial_status import TrialStatus
from kt_evolution.limits import Limit
from kt_evolution.limits import violation_of
from kt_evolution.project.events import ModelImported
from kt_evolution.project.folders import check_project
from kt_evolution.project.folders import is_project
from kt_evolution.project.reader import StoredProject
from kt_evolution.project.reader import StoredTrial
from kt_evolution.project.reader import read_stored
from kt_evolution.reporting.expression import Expression
from kt_evolution.reporting.records import ObjectiveRecord
from kt_evolution.reporting.records import RejectionRecord
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.trial_records import PAUSED
from kt_evolution.reporting.trial_records import InheritedWeights
from kt_evolution.reporting.trial_records import Rung
from kt_evolution.reporting.trial_records import TrialRecord
from kt_evolution.user_warnings import warn_user

# Metrics that are whole numbers. All metrics are floats in a project.
COUNTS = frozenset({"params", "trainable_params", "flops", "num_executions"})


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
        objective: String, the name of a metric, with "min:" or "max:" before
            it where its direction is not that of a metric of Keras, or
            "min". Defaults to what the search was for; Keras Tuner's own
            oracles don't store it, so there it is the metric that equals
            their score.

    Returns:
        A `SearchRecord`. What can't be read is in its `problems`, with a
        warning for each.

    Raises:
        ValueError: If there is no project, or no such metric.
    """
    folder = folder_of(source)
    if isinstance(source, (str, os.PathLike)):
        check_project("source", folder)
    elif not is_project(folder):
        raise ValueError(
            f"The search in {folder} has no trial so far: call `search` first."
        )
    project = read_stored(folder, salvage=True)
    for problem in project.damaged:
        warn_user(problem)
    objectives = _objectives_of(project, objective)
    limits = tuple(Limit(**config) for config in project.limits)
    # The limits are those of the search, and so are the objectives.
    own = [one.name for one in _objectives_of(project, None)]
    kept = functools.partial(_kept, limits, own)
    expression = Expression(project)
    space = _space_of(project)
    predictions = _predictions_of(project)
    return SearchRecord(
        folder,
        project.has_journal,
        objectives,
        limits,
        space,
        tuple(
            _trial_record(number, trial, kept, expression, prediction)
            for number, (trial, prediction) in enumerate(
                zip(project.trials, predictions, strict=True)
            )
        ),
        tuple(_import_record(event, kept) for event in project.imports),
        project.stop_reason,
        project.search.seed if project.search else None,
        tuple(project.damaged),
        tuple(_rejections(project, space)),
        project.clock.seconds if project.clock.has_sessions else None,
        project.is_interrupted,
        {event.path: len(event.values) for event in project.transfers},
    )


def search_of(source: Any) -> SearchRecord:
    """Returns a `SearchRecord` as it is, and reads anything else.

    Args:
        source: A `SearchRecord`, or what `read_search` takes.
    """
    return source if isinstance(source, SearchRecord) else read_search(source)


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
    for declaration in project.space.values():
        with contextlib.suppress(SpaceError):
            genes.append(declaration.gene())
    return SearchSpace(genes)


def _objectives_of(
    project: StoredProject, given: str | None
) -> tuple[ObjectiveRecord, ...]:
    if given is not None:
        direction, colon, name = given.partition(":")
        if not colon or not is_direction(direction):
            direction, name = infer_direction(given) or "min", given
        known = {metric for trial in project.trials for metric in trial.metrics}
        if name not in known:
            hint = did_you_mean_metric(name, known)
            if given.partition(":")[2] in known:
                hint = ' Before the colon must be "min" or "max".'
            raise ValueError(
                "`objective` must be among the metrics of the trials, "
                f"{sorted(known)}.{hint} Received: objective={given!r}"
            )
        return (ObjectiveRecord(name, direction),)
    stored = without_sum(project.search.objective if project.search else {})
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
    # Several metrics may equal the score, such as a metric and its mean: the
    # measured one counts.
    name = min(names, key=lambda name: not name.startswith("val_"))
    return {name: completed[0].metrics[name].direction}


def _predictions_of(project: StoredProject) -> list[Prediction | None]:
    """Returns the calibrated predictions of the trials' scores."""
    # That of the search, not an objective which is asked for now.
    sign = _objectives_of(project, None)[0].sign
    predictions, scores = [], []
    for trial in project.trials:
        stored = trial.record.get("prediction")
        predictions.append(stored and (sign * stored[0], stored[1]))
        is_known = trial.status == TrialStatus.COMPLETED
        score = trial.score if is_known else None
        scores.append(math.nan if score is None else sign * score)
    return [
        one and (sign * one[0], one[1])
        for one in calibrate_each(predictions, scores)
    ]


def _trial_record(
    number: int,
    trial: StoredTrial,
    kept: Callable[[Mapping[str, float]], dict[str, Any]],
    expression: Expression,
    prediction: Prediction | None,
) -> TrialRecord:
    metrics = _metrics_at_best(trial)
    record = trial.record
    return TrialRecord(
        trial.trial_id,
        number,
        PAUSED if trial.status == TrialStatus.IDLE else trial.status,
        expression.counting_values(trial),
        metrics,
        trial.best_step,
        record.get("operator", ""),
        tuple(record.get("parents", ())),
        prediction,
        len(record.get("rejected", ())),
        message=trial.message,
        worker=trial.worker,
        began=trial.began,
        ended=trial.ended,
        start=trial.start,
        finish=trial.finish,
        rung=_rung(trial.hyperband),
        inherited=_inherited(trial.inherited),
        epochs=trial.trained,
        max_epochs=trial.max_epochs,
        promoted_at=trial.epochs[:-1],
        scores=trial.rungs,
        earlier=trial.earlier,
        **kept(metrics),
    )


def _inherited(found: Mapping[str, Any] | None) -> InheritedWeights | None:
    if found is None:
        return None
    return InheritedWeights(found["from"], float(found["share"]))


def _rung(values: Mapping[str, Any]) -> Rung | None:
    """Returns the rung of a trial of `Hyperband`."""
    bracket, number, epochs = (
        values.get(name) for name in ("bracket", "round", "epochs")
    )
    if not (
        isinstance(bracket, int)
        and isinstance(number, int)
        and isinstance(epochs, int)
    ):
        return None
    source = values.get("trial_id")
    return Rung(
        bracket, number, epochs, source if isinstance(source, str) else None
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
    return {
        name: int(value) if name in COUNTS and value.is_integer() else value
        for name, value in metrics.items()
    }


def _kept(
    limits: tuple[Limit, ...],
    objectives: Sequence[str],
    metrics: Mapping[str, float],
) -> dict[str, Any]:
    """Returns which limits a trial breaks, and by how much."""
    if not metrics or not all(
        is_known(limit.name, metrics, objectives) for limit in limits
    ):
        return {"violations": (math.inf,) * len(limits)}
    violations = tuple(
        violation_of(limit, metrics, objectives) for limit in limits
    )
    return {
        "violations": violations,
        "broken": tuple(
            str(limit)
            for limit, beyond in zip(limits, violations, strict=True)
            if beyond > 0.0
        ),
    }


def _rejections(
    project: StoredProject, space: SearchSpace
) -> Iterator[RejectionRecord]:
    """Yields what was rejected, in the order of the proposals."""
    of_trials = [one.record.get("rejected", ()) for one in project.trials]
    for record in itertools.chain(*of_trials, project.last_rejected):
        yield _rejection_record(record, space)


def _rejection_record(
    record: dict[str, Any], space: SearchSpace
) -> RejectionRecord:
    """Returns a rejected model, with the values that its build asked for."""
    values = {}
    codes = record.get("genome", {})
    for key in record.get("expressed", ()):
        if key in space.position and key in codes:
            gene = space.genes[space.position[key]]
            values[gene.name] = gene.decode(codes[key])
    return RejectionRecord(values, record["problem"])


def _import_record(
    event: ModelImported, kept: Callable[[Mapping[str, float]], dict[str, Any]]
) -> TrialRecord:
    return TrialRecord(
        event.trial_id,
        -1,
        TrialStatus.COMPLETED if event.epochs is None else PAUSED,
        event.values,
        event.metrics,
        operator=IMPORT,
        epochs=event.epochs,
        **kept(event.metrics),
    )
