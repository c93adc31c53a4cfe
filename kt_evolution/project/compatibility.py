"""Compatibility: whether a search can go on with the journal of a project."""

import reprlib
from typing import Any

import keras_tuner as kt

from kt_evolution.keras_tuner_bridge.objectives import directions_of
from kt_evolution.project.events import VERSION
from kt_evolution.project.events import SearchDefined
from kt_evolution.project.journal import JournalError


def check_version(line: Any, folder: str) -> None:
    """Raises if a journal has another format than this version of the package.
    Args:
        line: The journal's first line. A damaged line raises nothing here.
        folder: String, the project, for the error.

    Raises:
        JournalError: It names the version of the package that can read it.
    """
    if not isinstance(line, dict) or "version" not in line:
        return
    version = line["version"]
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
            f"{search.objective}. "
            f"Received: {received}.{hint} Use another `project_name`, or "
            "`overwrite=True` to delete the project."
        )
