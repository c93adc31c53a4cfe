"""Compatibility: whether a search can go on with the journal of a project."""

import keras_tuner as kt

from kt_evolution.keras_tuner_bridge.objectives import directions_of
from kt_evolution.keras_tuner_bridge.objectives import without_sum
from kt_evolution.project.events import SearchDefined


def has_objective(search: SearchDefined, objective: kt.Objective) -> bool:
    """Returns whether a journal belongs to a search for an objective."""
    return search.objective == directions_of(objective)


def check_objective(
    search: SearchDefined, objective: kt.Objective, folder: str
) -> None:
    """Raises if a journal has scores of another objective."""
    if not has_objective(search, objective):
        received = directions_of(objective)
        hint = ""
        if received.keys() == search.objective.keys():
            # Earlier versions minimized strings such as "val_f1_score".
            hint = " To go on with the project as it was searched, give " + (
                " and ".join(
                    f'`keras_tuner.Objective("{name}", "{direction}")`'
                    for name, direction in search.objective.items()
                    if direction != received[name]
                )
                + "."
            )
        raise ValueError(
            f"`objective` must be that of the project in {folder}, "
            f"{without_sum(search.objective)}. "
            f"Received: {without_sum(received)}.{hint} Use another "
            "`project_name`, or `overwrite=True` to delete the project."
        )
