"""The files of a trial, for workers that don't reach the project's folder.

They travel with the trial, to the worker and back. The record `trial.json`
stays where the search is.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kt_evolution import files

RECORD = "trial.json"
# The state of a training names other files. They must be there before it.
STATE = "unfinished/state.npz"
# How often files are read again that change meanwhile.
NUM_TRIES = 5

Content = Mapping[str, np.ndarray]


def read_files(folder: Path, is_result: bool = False) -> dict[str, np.ndarray]:
    """Returns the content of the files of a trial by their relative paths.

    A training may write them at the same time. What belongs to its state is
    read as of one time.

    Args:
        folder: The path of the trial's folder.
        is_result: Bool, whether only what the model needs that was trained is
            read, and not the state of its training. Defaults to False.
    """
    for _ in range(NUM_TRIES):
        try:
            before = _mark_of(folder / STATE)
            content = {
                name: _read(folder / name)
                for name in _names(folder)
                if not (is_result and "/" in name)
            }
            if before == _mark_of(folder / STATE):
                return content
        except FileNotFoundError:
            continue
    return {}


def write_files(folder: Path, content: Content) -> None:
    """Makes the files of a trial those that were read elsewhere.

    Args:
        folder: The path of the trial's folder, which is in the project's.
        content: Dict, by `read_files`.
    """
    for name in sorted(content, key=lambda name: name == STATE):
        path = folder / name
        files.check_links(path, folder.parent)
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as file:
            file.write(content[name].data)
    # The state goes before the files that it names.
    for name in sorted(_names(folder), key=lambda name: name != STATE):
        if name not in content:
            (folder / name).unlink(missing_ok=True)


def _names(folder: Path) -> Iterator[str]:
    """Yields the files of a trial, without those that are being written."""
    for path in list(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        is_hidden = any(part.startswith(".") for part in Path(name).parts)
        if path.is_file() and name != RECORD and not is_hidden:
            yield name


def _read(path: Path) -> np.ndarray:
    return np.fromfile(path, np.uint8)


def _mark_of(path: Path) -> tuple[int, int] | None:
    """Returns what is another value after a file was replaced."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns
