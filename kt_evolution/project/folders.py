"""Folders: which of them are projects, of any Keras Tuner oracle."""

import os
from pathlib import Path

from kt_evolution.algorithm.checks import did_you_mean
from kt_evolution.project.journal import JOURNAL
from kt_evolution.project.journal import Journal


def is_project(folder: Path) -> bool:
    """Returns whether a folder is a Keras Tuner project."""
    return Journal(folder / JOURNAL).exists() or any(
        folder.glob("trial_*/trial.json")
    )


def check_project(argument: str, folder: Path) -> Path:
    """Returns a folder if it is a Keras Tuner project.

    Args:
        argument: String, the argument's name, for the error.
        folder: Path.

    Raises:
        ValueError: If it is not; it names the projects that lie in it.
    """
    if is_project(folder):
        return folder
    raise ValueError(
        f"`{argument}` must be the folder of a Keras Tuner project, which has "
        "a journal.jsonl or a trial.json for each trial. Received: "
        f"{argument}={str(folder)!r}. {_what_is_there(folder)}"
    )


def _what_is_there(folder: Path) -> str:
    """Returns what a path is that is no project."""
    inside = projects_inside(folder)
    if inside:
        more = f" and {len(inside) - 5} more" if len(inside) > 5 else ""
        return f"It holds the projects {inside[:5]}{more}."
    if is_project(folder.parent):
        return f"It is inside the project {str(folder.parent)!r}."
    if os.path.isdir(folder):
        return "It is a folder without these."
    if os.path.exists(folder):
        return "It is a file."
    beside = projects_inside(folder.parent)
    return f"There is no such folder.{did_you_mean(str(folder), beside)}"


def is_file_of_project(file: Path, folder: Path) -> bool:
    """Returns whether a file is one that a search wrote into its project."""
    # `Path.resolve` raises for links that lead in a circle.
    folder, file = (Path(os.path.realpath(path)) for path in (folder, file))
    if not file.is_relative_to(folder):
        return False
    first = file.relative_to(folder).parts[0]
    return first.startswith("trial_") or (
        first in (JOURNAL, "oracle.json", "search.lock")
        or (first.startswith("tuner") and first.endswith(".json"))
    )


def projects_inside(folder: Path) -> list[str]:
    """Returns the projects in a folder, for the text of an error."""
    marks = ("*/trial_*/trial.json", f"*/{JOURNAL}")
    found = {path for mark in marks for path in folder.glob(mark)}
    return sorted({str(folder / p.relative_to(folder).parts[0]) for p in found})
