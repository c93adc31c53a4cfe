"""What a run of a trial came to: its event, or the problem with its scores."""

import math
from typing import Any

from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.keras_tuner_bridge.divergence import diverged_losses
from kt_evolution.project.events import TrialEnded
from kt_evolution.project.events import TrialPaused
from kt_evolution.project.issued_trial import IssuedTrial
from kt_evolution.project.results import result_of
from kt_evolution.project.state import SearchState


def event_of_end(
    state: SearchState, trial: Trial, values: dict[str, Any], **changes: Any
) -> TrialEnded:
    """Returns the event that ends a run of a trial.

    Args:
        state: The `SearchState`.
        trial: The `Trial`, with its metrics and its score.
        values: Dict of the values that it ran with.
        **changes: Fields of `TrialEnded` that differ from those of the trial.
    """
    fields = {**_fields_of(state, trial, values), **changes}
    if fields["status"] != TrialStatus.COMPLETED:
        fields["score"] = fields["best_step"] = None
    return TrialEnded(**fields)


def event_of_pause(
    state: SearchState,
    trial: IssuedTrial,
    values: dict[str, Any],
    rungs: list[dict[str, Any]],
    requested: list[str] | None,
    inherited: dict[str, Any] | None,
) -> TrialPaused:
    """Returns the event that pauses a trial.

    Args:
        state: The `SearchState`.
        trial: The `Trial`, with its metrics and its score.
        values: Dict of the values that it ran with.
        rungs: List of the rungs that it reached, see `rungs_of`.
        requested: List of the keys of the genes that its training requested,
            or None.
        inherited: Dict, whose weights its model began with, or None.
    """
    fields = _fields_of(state, trial, values)
    del fields["status"], fields["message"]
    return TrialPaused(
        **fields,
        epochs=rungs[-1]["epochs"],
        max_epochs=next(reversed(trial.rungs), None),
        rungs=new_rungs(state, trial.trial_id, rungs) or rungs[-1:],
        requested=requested,
        inherited=inherited,
    )


def new_rungs(
    state: SearchState, trial_id: str, rungs: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Returns the rungs that no earlier run of a trial has reached.

    Args:
        state: The `SearchState`.
        trial_id: String.
        rungs: List of all rungs that it reached.
    """
    known = state.history.individual_of(trial_id).rungs
    return [one for one in rungs if one["epochs"] not in known]


def _fields_of(
    state: SearchState, trial: Trial, values: dict[str, Any]
) -> dict[str, Any]:
    """Returns the fields that all events at the end of a run have."""
    run = state.runs.newest(trial.trial_id)
    fields = {
        **result_of(trial),
        "worker": run.worker if run else None,
        "began": run.began if run else None,
    }
    if values != state.proposed_values(trial.trial_id):
        fields["values"] = values
    return fields


def divergence_of(trial: Trial, objective: str) -> str | None:
    """Returns the problem of a scored trial with non-finite metrics.

    Args:
        trial: The `Trial`.
        objective: String, the name of the objective.
    """
    if not math.isfinite(trial.score):
        return f"The objective '{objective}' is not finite: {trial.score}"
    last = {
        name: history.get_last_value()
        for name, history in trial.metrics.metrics.items()
    }
    losses = diverged_losses(last)
    if not losses:
        return None
    values = ", ".join(f"{name}={x}" for name, x in losses.items())
    return f"Training diverged: at its end a loss is not finite. {values}"
