"""Errors of the disk, which are not the fault of the trial that meets them.

A trial that can't write its files has not failed: the search ends, as when its
journal can't be written, and the trial goes on once there is room again.
"""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from kt_evolution.project.journal import JournalError
from kt_evolution.project.journal import unwritable

# The disk is full, the user's share of it is, or it is mounted for reading.
_NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_TEXTS = (
    "No space left on device",
    "Disk quota exceeded",
    "Read-only file system",
)


class FolderGoneError(JournalError):
    """The folder of a file of a trial was deleted or moved."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns the errors of a file of a trial into those of the journal.

    Args:
        path: The path of the file, for the message.

    Raises:
        FolderGoneError: If the folder of the file is gone.
        JournalError: If the file can't be written for another reason.
    """
    try:
        yield
    except OSError as error:
        if not path.parent.exists():
            raise FolderGoneError(
                f"{path} can't be written, because its folder was deleted or "
                "moved while the search ran. Put it back, and run the same "
                "code again: the search goes on."
            ) from error
        raise unwritable(path, error) from error


def raise_if_disk_failed(error: Exception, trial_id: str) -> None:
    """Raises if the error of a trial is that of the disk.

    HDF5 raises a `RuntimeError` when it closes a file on a full disk, and
    TensorFlow an error of its own. Both have the text of the error of the disk.

    Args:
        error: The error.
        trial_id: String, the trial that met it.

    Raises:
        JournalError: If so.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number in _NUMBERS or any(text in str(error) for text in _TEXTS):
        raise unwritable(f"A file of trial {trial_id}", error) from error
