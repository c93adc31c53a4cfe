"""Locations: the absolute path of a project's folder.

A relative path would lead to another folder after `os.chdir`.
"""

import numbers
import os
from typing import Any


def locate_directory(directory: Any, expand_user: bool = True) -> str:
    """Returns the folder of projects as an absolute path.

    Args:
        directory: String or path. None or "" is the working directory.
        expand_user: Boolean, whether "~" is the home of the user. Defaults
            to True.

    Raises:
        ValueError: If it is a URL.
        TypeError: If it is something else.
    """
    path = _as_text("directory", directory) or os.curdir
    if "://" in path:
        raise ValueError(
            "`directory` must be a folder of a file system, because "
            "results are appended to a file there. "
            f"Received: directory={directory}"
        )
    return os.path.abspath(os.path.expanduser(path) if expand_user else path)


def check_project_name(project_name: Any) -> str | None:
    """Returns the name of a project as a string, None for the host's default.

    Args:
        project_name: String, path or number. None and "" are the default.

    Raises:
        ValueError: If it is "." or leads upwards: `overwrite=True` would
            delete more than a project.
        TypeError: If it is something else.
    """
    name = _as_text("project_name", project_name)
    if not name:
        return None
    if os.path.normpath(name).split(os.sep)[-1] in (os.curdir, os.pardir):
        raise ValueError(
            "`project_name` must be the name of a folder in `directory`. "
            f"Received: project_name={project_name!r}"
        )
    return name


def locate_path(argument: str, path: Any) -> str:
    """Returns a path of the user as an absolute path.

    Args:
        argument: String, the argument's name, for the error.
        path: String or path.
    """
    return os.path.abspath(os.path.expanduser(_as_text(argument, path)))


def _as_text(argument: str, value: Any) -> str:
    """Returns a name or a path as a string, "" for None."""
    if value is None:
        return ""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        return value
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return str(value)
    raise TypeError(
        f"`{argument}` must be a string or a path. Received: "
        f"{argument}={value!r} (of type {type(value).__name__})"
    )
