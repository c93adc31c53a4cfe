"""The search lock: one search at a time in a project.

The operating system releases it when the process ends, also after a kill. Only
searching takes the lock: reading a project needs none.
"""

import contextlib
import errno
import json
import os
import socket
import stat
import time
import weakref
from pathlib import Path
from typing import Any

from filelock import lock_descriptor
from filelock import unlock_descriptor

from kt_evolution import files
from kt_evolution.user_warnings import warn_user

FILE_NAME = "search.lock"
# The previous holder may delete the file between our opening and locking it.
ATTEMPTS = 10
# Windows locks the first byte, so the readable text begins after it.
START = 1
MAX_LENGTH = 1000
NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)
# It is an error if the file is a link, or a named pipe.
FLAGS = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)


class ProjectInUseError(RuntimeError):
    """Another process searches in the project."""


class SearchLock:
    """The lock of a process that searches in a project.

    Several oracles of one process share it: in a notebook the oracle of an
    earlier run of a cell may still exist.
    """

    def __init__(self) -> None:
        self._hold: _Hold | None = None
        # The error because of which no lock can be taken.
        self._error: OSError | None = None

    @property
    def is_taken(self) -> bool:
        """Whether the lock is held, or can't be taken."""
        is_held = self._hold is not None and self._hold.is_open
        return is_held or self._error is not None

    @property
    def is_read_only(self) -> bool:
        """Whether the folder of the project can't be written."""
        return self._error is not None and self._error.errno in NOT_WRITABLE

    def take(self, folder: Path, max_trials: int | None = None) -> None:
        """Takes the lock, or warns if the file system has no locks.

        Args:
            folder: Path, the project. It is made if it is missing.
            max_trials: Int, see `planned_trials`. Defaults to None.

        Raises:
            ProjectInUseError: If another process has the lock.
        """
        try:
            self._hold = _hold_of(folder, max_trials)
        except OSError as error:
            self._error = error
            if self.is_read_only:
                problem = (
                    "can't be written: its results can be read, but no trial "
                    "can be run"
                )
            else:
                problem = (
                    "can't be locked: make sure that no other process searches "
                    "in it"
                )
            warn_user(f"The project in {folder} {problem} ({error}).")

    def release(self) -> None:
        """Releases the lock, unless another oracle of this process has it."""
        self._hold = None
        self._error = None


def planned_trials(folder: Path) -> int | None:
    """Returns after how many trials the search that runs ends, for others.

    Args:
        folder: Path, the project.

    Returns:
        Int, the `max_trials` of the process that searches. None if there is
        no limit, if no process searches or if that can't be read.
    """
    with contextlib.suppress(OSError):
        planned = _holder_in(folder).get("max_trials")
        if isinstance(planned, int) and planned > 0:
            return planned
    return None


def check_free(folder: Path) -> None:
    """Raises if another process searches in a project.

    Args:
        folder: Path, the project. It need not exist.

    Raises:
        ProjectInUseError: If another process does.
    """
    if (folder / FILE_NAME).is_file():
        with contextlib.suppress(OSError):
            _hold_of(folder)


def is_searching(folder: Path) -> bool:
    """Returns whether a process searches in a project, without a lock.

    A process on another machine counts as alive until it deletes the file.

    Args:
        folder: Path, the project.
    """
    try:
        holder = _holder_in(folder)
    except FileNotFoundError:
        return False
    except OSError:
        # Windows keeps others from reading what is locked.
        return os.name == "nt"
    if not holder or os.name == "nt":
        return False
    if holder.get("host") != socket.gethostname():
        return True
    pid = holder.get("pid")
    if not isinstance(pid, int) or pid < 1:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        # It belongs to another user.
        pass
    return True


class _Hold:
    """A lock file that is locked by this process while the object exists.

    Args:
        path: Path, the file.
        descriptor: Int, the open file.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._descriptor = descriptor
        # The newer finalizer runs first. Ctrl-C during it leaves no lock.
        self._closing = weakref.finalize(self, os.close, descriptor)
        self._unlocking = weakref.finalize(self, _let_go, path, descriptor)

    @property
    def is_open(self) -> bool:
        return self._closing.alive

    def abandon(self) -> None:
        """Leaves the lock to the process that this one was forked from."""
        self._unlocking.detach()
        if self._closing.detach() is not None:
            # The lock lasts until the last process has closed the file.
            os.close(self._descriptor)


# By device and number of the file: a folder has many names.
_HOLDS: "weakref.WeakValueDictionary[tuple[int, int], _Hold]" = (
    weakref.WeakValueDictionary()
)


def _hold_of(folder: Path, max_trials: int | None = None) -> _Hold:
    """Returns this process's hold on the lock of a project.

    Raises:
        ProjectInUseError: If another process has the lock.
        OSError: If the file can't be locked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    for _ in range(ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            hold = _HOLDS.get(_key_of(os.lstat(path)))
            if hold is not None and hold.is_open:
                return hold
        descriptor = os.open(path, FLAGS, 0o666)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "It is no regular file", str(path))
            if not lock_descriptor(descriptor, blocking=False):
                raise ProjectInUseError(_in_use(folder, descriptor))
            if _is_there(path, status):
                _write_holder(descriptor, status, max_trials)
                # In one line, so that the file is closed also after Ctrl-C.
                hold, descriptor = _Hold(path, descriptor), -1
                _HOLDS[_key_of(status)] = hold
                return hold
        finally:
            if descriptor >= 0:
                os.close(descriptor)
    raise OSError(errno.EAGAIN, "It is replaced again and again", str(path))


def _key_of(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_there(path: Path, status: os.stat_result) -> bool:
    """Returns whether the path still leads to a file."""
    try:
        return os.path.samestat(os.lstat(path), status)
    except FileNotFoundError:
        return False


def _let_go(path: Path, descriptor: int) -> None:
    # The file is deleted while it is locked, so no other process uses it.
    # Windows does not delete open files, so it stays there.
    with contextlib.suppress(OSError):
        if _is_there(path, os.fstat(descriptor)):
            os.unlink(path)
    with contextlib.suppress(OSError):
        # A forked process may keep the file open, so closing is not enough.
        unlock_descriptor(descriptor)


def _write_holder(
    descriptor: int, status: os.stat_result, max_trials: int | None
) -> None:
    """Writes which process has the lock, for others to read."""
    if status.st_nlink > 1:
        # The file has another name somewhere: it may not be ours.
        return
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "max_trials": max_trials,
    }
    # The lock works without this text, so a full disk does not matter.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, b" " * START + json.dumps(holder).encode())


def _in_use(folder: Path, descriptor: int) -> str:
    holder = _read_holder(descriptor)
    who = "Another process"
    if holder:
        who = (
            f"Process {holder.get('pid')!r} on {holder.get('host')!r}, which "
            f"began at {holder.get('since')!r},"
        )
    return (
        f"{who} searches in the project in {folder}. Only one search at a time "
        "can run in a project: wait for it, end it, or use another "
        "`project_name`. Its results can be read meanwhile. Several processes "
        "share a search as a chief and workers."
    )


def _read_holder(descriptor: int) -> dict[str, Any]:
    try:
        os.lseek(descriptor, START, os.SEEK_SET)
        return _parse_holder(os.read(descriptor, MAX_LENGTH))
    except OSError:
        return {}


def _holder_in(folder: Path) -> dict[str, Any]:
    """Returns what a process has written about itself, without the lock."""
    return _parse_holder(files.read_own(folder / FILE_NAME, folder))


def _parse_holder(text: bytes) -> dict[str, Any]:
    try:
        holder = json.loads(text)
    except ValueError:
        # The holder is just writing it.
        return {}
    return holder if isinstance(holder, dict) else {}


def _abandon_all() -> None:
    for hold in list(_HOLDS.values()):
        hold.abandon()


if hasattr(os, "register_at_fork"):
    # Forked data loaders may outlive a killed search.
    os.register_at_fork(after_in_child=_abandon_all)
