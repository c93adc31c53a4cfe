"""The journal: one JSON line for each event of a search, only ever appended.

A process may die in the middle of a line. Such a torn last line is left out
when reading, and cut off before the next append.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from typing import Any

from kt_evolution import files

# The file in the folder of a project.
JOURNAL = "journal.jsonl"


class JournalError(RuntimeError):
    """The journal can't be read or written."""


def damaged_line(path: Path, number: int, problem: str) -> JournalError:
    """Returns the error of a line that can't be read.

    Args:
        path: Path, the journal.
        number: Int, the line, from 1.
        problem: String, what is wrong with the line.
    """
    return JournalError(
        f"Line {number} of {path} {problem}. The {number - 1} lines before it "
        "are intact. Put back a whole copy of the file, or correct the line. "
        "Only if neither is possible: keep a copy of the file, and delete "
        f"line {number} and all behind it. The search goes on from there."
    )


def unwritable(file: Path | str, error: Exception) -> JournalError:
    """Returns the error of a file that can't be written.

    Args:
        file: Path of the file, or string, what it is.
        error: The reason.
    """
    return JournalError(
        f"{file} can't be written: {error}. The results so far are safe. Make "
        "room or give access, and run the same code again: the search goes on."
    )


class Journal:
    """An append-only file of JSON lines.

    Args:
        path: String or path, the file. It need not exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        # The position of the next line; a torn line may begin there.
        self._end = 0

    def exists(self) -> bool:
        """Returns whether the path exists, also if it is no readable file."""
        return os.path.lexists(self.path)

    def has_content(self) -> bool:
        """Returns whether the path exists, and is not an empty file."""
        is_empty = self.path.is_file() and self.path.stat().st_size == 0
        return self.exists() and not is_empty

    def first(self) -> Any:
        """Returns the first event, or None if it can't be read.

        It has the version of the format, so it is read before all lines.
        """
        for _, event in self._lines():
            return None if isinstance(event, ValueError) else event
        return None

    def read(self) -> list[dict[str, Any]]:
        """Returns the events in order.

        Raises:
            JournalError: If a line before the last one is damaged.
        """
        events = []
        for number, event in self._lines():
            if isinstance(event, ValueError):
                raise damaged_line(
                    self.path, number, f"is damaged: {event}"
                ) from event
            events.append(event)
        return events

    def salvage(self) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
        """Reads for read-only tools, which skip damaged lines.

        Returns:
            Tuple of the events by the number of their line, and of the
            problems of damaged lines, by their number.
        """
        events: dict[int, dict[str, Any]] = {}
        problems: dict[int, str] = {}
        for number, event in self._lines():
            if isinstance(event, ValueError):
                problems[number] = str(event)
            else:
                events[number] = event
        return events, problems

    def _lines(self) -> Iterator[tuple[int, Any]]:
        """Yields each line's number, and its event or error.

        A torn last line is left out: its event was not written. So are blank
        lines, and a line that is equal to the one before it. Editors and copies
        may leave those; no two events are equal.
        """
        self._end = 0
        try:
            files.check_own(self.path, self.path.parent)
            with open(self.path, "rb") as file:
                yield from self._events_of(file)
        except OSError as error:
            raise JournalError(f"{self.path} can't be read: {error}") from error

    def _events_of(self, file: IO[bytes]) -> Iterator[tuple[int, Any]]:
        damaged: tuple[int, ValueError] | None = None
        before = b""
        end = 0
        for number, line in enumerate(file, start=1):
            end += len(line)
            if line.strip() and line != before:
                if damaged is not None:
                    # It is not the last line, so it was not torn by a kill.
                    yield damaged
                before, damaged = line, None
                try:
                    event = _event_of(line)
                except ValueError as error:
                    damaged = number, error
                    continue
                self._end = end
                yield number, event
            elif damaged is None:
                self._end = end

    def append(self, line: bytes) -> None:
        """Writes one event at the end of the file.

        Args:
            line: Bytes, one line of JSON, with its end.

        Raises:
            JournalError: If it can't be written, or if another process has
                written to the file in the meantime.
        """
        try:
            if not self._end:
                _make_folder(self.path.parent)
            files.check_own(self.path, self.path.parent)
            # Unbuffered, because a buffer would be written again on closing.
            with open(
                self.path, "ab", buffering=0, opener=self._opener
            ) as file:
                size = os.fstat(file.fileno()).st_size
                if size != self._end:
                    self._cut_torn_line(file.fileno(), size)
                try:
                    written = 0
                    while written < len(line):
                        written += file.write(line[written:])
                except OSError:
                    os.ftruncate(file.fileno(), self._end)
                    raise
        except OSError as error:
            self.check_not_deleted()
            raise unwritable(self.path, error) from error
        self._end += len(line)

    def _opener(self, path: str, flags: int) -> int:
        """Opens the file; only before the first line it may be created."""
        if self._end:
            flags &= ~os.O_CREAT
        return os.open(path, flags, 0o666)

    def has_changed(self) -> bool:
        """Returns whether another process has written since it was read."""
        if not self.exists():
            return False
        size = self.path.stat().st_size
        return size < self._end or (size > self._end and self._has_new_lines())

    def is_deleted(self) -> bool:
        """Returns whether the file was deleted after lines were written."""
        return bool(self._end) and not self.exists()

    def check_not_deleted(self) -> None:
        """Raises a `JournalError` if `is_deleted`."""
        if self.is_deleted():
            raise JournalError(
                f"{self.path} is gone: the file or its folder was deleted or "
                "moved while the search ran, so no further result can be "
                "stored. What was found is still in the memory of this "
                "process, for instance for `get_best_hyperparameters`. Put "
                "the folder back, or use another `project_name`, and run the "
                "same code again."
            )

    def _has_new_lines(self) -> bool:
        """Returns whether a whole line follows the lines that were read."""
        with open(self.path, "rb") as file:
            file.seek(self._end)
            tail = file.read()
        lines = [line for line in tail.splitlines(True) if line.strip()]
        return len(lines) > 1 or any(map(_is_event, lines))

    def _cut_torn_line(self, descriptor: int, size: int) -> None:
        if size < self._end:
            raise JournalError(
                f"{self.path} is shorter than what this search has written: "
                "another process began anew in the folder, or the file was "
                "cut. Create the tuner again to go on with the file, or use "
                "another `project_name`."
            )
        if self._has_new_lines():
            raise JournalError(
                f"{self.path} was changed by another process, or by another "
                "tuner of this one. Only one search at a time can run in a "
                "project: use another `project_name`, or create the tuner "
                "again to go on with this one."
            )
        os.ftruncate(descriptor, self._end)


def _make_folder(folder: Path) -> None:
    # This check is ten times faster than `mkdir` of an existing folder.
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)


def _event_of(line: bytes) -> Any:
    if not line.endswith(b"\n"):
        raise ValueError("the line has no end")
    return files.parse_json(line)


def _is_event(line: bytes) -> bool:
    try:
        _event_of(line)
    except ValueError:
        return False
    return True


def write_atomically(path: str | os.PathLike[str], text: str) -> None:
    """Writes a file so that readers see either the old or the new text.

    The data is not forced to the disk, because a busy disk can take minutes.

    Raises:
        JournalError: If the file can't be written. The old one stays.
    """
    path = Path(path)
    try:
        _make_folder(path.parent)
        files.replace(path, text)
    except OSError as error:
        raise JournalError(
            f"{path} can't be written: {error}. The results so far are safe."
        ) from error
