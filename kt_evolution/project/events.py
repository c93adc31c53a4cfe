"""Trials as lines of the journal, and back."""

import reprlib
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial

from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.objectives import directions_of
from kt_evolution.project import clock
from kt_evolution.project.journal import JournalError
from kt_evolution.project.runs import Run

VERSION = 1


def search_event(objective: kt.Objective, seed: int) -> dict[str, Any]:
    """Returns the journal's first line."""
    return {
        "event": "search",
        "version": VERSION,
        "seed": seed,
        "objective": directions_of(objective),
    }


def check_version(event: Any, folder: str) -> None:
    """Raises if a journal was written in another form than this one.

    Args:
        event: The journal's first line. One that is damaged is not judged.
        folder: String, the project, for the error.

    Raises:
        JournalError: It says which version of the package can read it.
    """
    if not isinstance(event, dict) or "version" not in event:
        return
    version = event["version"]
    if version == VERSION:
        return
    is_newer = isinstance(version, (int, float)) and version > VERSION
    raise JournalError(
        f"The project in {folder} was written by "
        f"{'a newer' if is_newer else 'another'} version of kt-evolution: its "
        f"journal has version {reprlib.repr(version)}, and this one reads "
        f"{VERSION}. The journal is intact. "
        + (
            "Run `pip install --upgrade kt-evolution`"
            if is_newer
            else "Open it with the version that wrote it"
        )
        + ", or use another `project_name`."
    )


def has_objective(event: dict[str, Any], objective: kt.Objective) -> bool:
    """Tells whether a journal is of a search for an objective."""
    return event["objective"] == directions_of(objective)


def check_objective(
    event: dict[str, Any], objective: kt.Objective, folder: str
) -> None:
    """Raises if a journal's scores are not those of an objective."""
    if not has_objective(event, objective):
        received = directions_of(objective)
        hint = ""
        if received.keys() == event["objective"].keys():
            # Earlier versions minimized strings such as "val_f1_score".
            hint = " To go on with the project as it was searched, give " + (
                " and ".join(
                    f'`keras_tuner.Objective("{name}", "{direction}")`'
                    for name, direction in event["objective"].items()
                    if direction != received[name]
                )
                + "."
            )
        raise ValueError(
            f"`objective` must be that of the project in {folder}, "
            f"{event['objective']}. "
            f"Received: {received}.{hint} Use another `project_name`, or "
            "`overwrite=True` to delete the project."
        )


def stop_event(reason: str) -> dict[str, Any]:
    """Returns the line of a search that was given up."""
    return {
        "event": "stop",
        "reason": reason,
        "time": clock.now(),
    }


def stopped_event(reason: str) -> dict[str, Any]:
    """Returns the line of a search that ended by itself.

    Args:
        reason: String, which stopping rule ended it, or that no model is left.
    """
    return {"event": "stopped", "reason": reason, "time": clock.now()}


def trial_event(
    trial_id: str,
    values: dict[str, Any],
    record: dict[str, Any],
    worker: str,
) -> dict[str, Any]:
    """Returns the line that makes a trial and starts its first run."""
    return {
        "event": "trial",
        "trial_id": trial_id,
        "values": values,
        "record": record,
        "worker": worker,
        "time": clock.now(),
    }


def build_event(model: int) -> dict[str, Any]:
    """Returns the line before a model is built that may become a trial.

    Args:
        model: Int, its `fingerprint`.
    """
    return {"event": "build", "model": model, "time": clock.now()}


def start_event(trial_id: str, worker: str) -> dict[str, Any]:
    """Returns the line of a trial that is started again."""
    return {
        "event": "start",
        "trial_id": trial_id,
        "worker": worker,
        "time": clock.now(),
    }


def interrupted_event(trial_ids: list[str]) -> dict[str, Any]:
    """Returns the line of runs, or of a build, that were ended from outside.

    Such a start is not held against its trial, nor such a build against its
    model.

    Args:
        trial_ids: List of strings, the trials that were running.
    """
    return {
        "event": "interrupted",
        "trial_ids": trial_ids,
        "time": clock.now(),
    }


def rejected_event(rejected: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the line of models that were rejected after the last trial.

    Args:
        rejected: List of individuals as an oracle stores them, each with its
            "problem".
    """
    return {"event": "rejected", "rejected": rejected, "time": clock.now()}


def import_event(
    trial_id: str,
    source: str,
    values: dict[str, Any],
    metrics: dict[str, float],
    costs: dict[str, float],
    record: dict[str, Any],
) -> dict[str, Any]:
    """Returns the line of an individual that another search evaluated.

    Args:
        trial_id: String, its id here.
        source: String, its id in the project that the next line of the kind
            "warm_start" names.
        values: Dict of all values of that trial.
        metrics: Dict of names to the best values of that trial.
        costs: Dict of the costs that building its model tells.
        record: Dict, the individual as an oracle stores it.
    """
    return {
        "event": "import",
        "trial_id": trial_id,
        "source": source,
        "values": values,
        "metrics": metrics,
        "costs": costs,
        "record": record,
        "time": clock.now(),
    }


def warm_start_event(
    path: str, num_imported: int, num_dropped: int
) -> dict[str, Any]:
    """Returns the line behind all that was imported from a project."""
    return {
        "event": "warm_start",
        "path": path,
        "imported": num_imported,
        "dropped": num_dropped,
        "time": clock.now(),
    }


def end_event(
    trial: Trial,
    proposed: dict[str, Any],
    run: Run | None = None,
    has_crashed: bool = False,
) -> dict[str, Any]:
    """Returns the line that ends a trial.

    Args:
        trial: The `Trial`.
        proposed: Dict of the values that were proposed; the line has the
            trial's own if training met further hyperparameters.
        run: The `Run` that ended, if it is known. After a crash its worker
            and time differ from those of the line that made the trial.
        has_crashed: Bool, whether it failed by itself, which counts for
            `max_consecutive_failed_trials`. Defaults to False.
    """
    event: dict[str, Any] = {
        "event": "end",
        "trial_id": trial.trial_id,
        "status": trial.status,
        "score": trial.score,
        "best_step": trial.best_step,
        "metrics": {
            name: {
                "direction": metric.direction,
                "steps": [
                    [observation.step, *observation.value]
                    for observation in metric.get_history()
                ],
            }
            for name, metric in trial.metrics.metrics.items()
        },
        "time": clock.now(),
    }
    if run is not None:
        event["worker"], event["began"] = run.worker, run.began
    if has_crashed:
        event["crashed"] = True
    if trial.message is not None:
        event["message"] = trial.message
    if trial.hyperparameters.values != proposed:
        event["values"] = trial.hyperparameters.values
    return event


def restore_end(trial: Trial, event: dict[str, Any]) -> None:
    """Gives a new trial the result that a line tells of."""
    trial.status = event["status"]
    trial.message = event.get("message")
    trial.score = event["score"]
    trial.best_step = event["best_step"]
    if "values" in event:
        trial.hyperparameters.values = event["values"]
    with private_api.silence_nan_warning():
        for name, metric in event["metrics"].items():
            trial.metrics.register(name, metric["direction"])
            for step, *values in metric["steps"]:
                for value in values:
                    trial.metrics.update(name, value, step=step)
