"""Files in the folder of a project, which may come from a stranger.

A stranger's folder is only data. A link never leads out of it, only regular
files are opened, and JSON is read without running out of stack.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import BinaryIO


def is_replaceable(path: str | os.PathLike[str]) -> bool:
    """Returns whether a path is that of a regular file or of nothing.

    Anything else, such as a device, would be replaced by a file.
    """
    return not os.path.exists(path) or os.path.isfile(path)


def check_own(path: Path, folder: Path) -> None:
    """Raises if a path leads to something that can't belong to a project.

    The path need not exist.

    Args:
        path: The path of the file.
        folder: The path of the project, which the file is in.

    Raises:
        OSError: If a link leads out of the folder, or if the path is neither
            a file nor a folder. Opening a named pipe waits for ever, and
            reading a device may never end.
    """
    check_links(path, folder)
    is_other = not path.is_file() and not path.is_dir()
    if is_other and os.path.lexists(path):
        raise OSError(f"{path} is neither a file nor a folder")


def is_own(path: Path, folder: Path) -> bool:
    """Returns whether `check_own` raises nothing."""
    try:
        check_own(path, folder)
    except OSError:
        return False
    return True


def check_links(path: Path, folder: Path) -> None:
    """Raises if a link leads from a path in a folder out of the folder.

    Args:
        path: The path, of a file or of a folder.
        folder: The path of the project. It may be a link itself.

    Raises:
        OSError: If a link does.
    """
    for place in (path, *path.parents):
        if place == folder:
            return
        if place.is_symlink() and not _leads_inside(place, folder):
            raise OSError(
                f"{place} is a link that leads out of the folder of the "
                "project: a project must have its own files, so that another "
                "person's can neither read nor change yours. Copy the file "
                "into the folder if you trust it"
            )


def _leads_inside(link: Path, folder: Path) -> bool:
    try:
        target = link.resolve()
    except RuntimeError:
        # Links that lead in a circle.
        return False
    return target.is_relative_to(folder.resolve())


def check_entries(folder: Path, project: Path) -> None:
    """Raises if a folder has an entry that can't belong to a project.

    The host and Keras open files there by themselves, and follow links.

    Args:
        folder: The path of the project or of one of its trials. It need not
            exist.
        project: The path of the project.

    Raises:
        OSError: If so, see `check_own`, or if the folder is such a link itself.
    """
    check_links(folder, project)
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_file(follow_symlinks=False) and not entry.is_dir(
                follow_symlinks=False
            ):
                check_own(Path(entry.path), project)


def read_own(path: Path, folder: Path) -> bytes:
    """Returns the content of a file of a project.

    Raises:
        OSError: If it can't be read, see `check_own`.
    """
    check_own(path, folder)
    return path.read_bytes()


def parse_json(text: str | bytes) -> Any:
    """Returns the value of a text in JSON.

    Raises:
        ValueError: If it is not JSON, or nested too deeply to be read.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Opens a file so that a reader sees all of the old or of the new content.

    The new file is written beside the old one, under a random name that must
    not exist: an existing file may be a link to another one.

    Raises:
        OSError: If the file can't be written. The old one stays.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(new, "xb") as file:
            yield file
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def replace(path: Path, text: str) -> None:
    """Writes a text so that a reader sees all of the old or of the new one.

    Raises:
        OSError: If the file can't be written. The old one stays.
    """
    with replacing(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))
