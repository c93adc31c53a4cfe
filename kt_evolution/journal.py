"""The journal: one JSON line for each event of a search, only ever appended.

It is the history's file. A process may die in the middle of a line: such a
torn last line is left out when reading and cut off before the next append.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class JournalError(RuntimeError):
    """The journal can't be read or written."""


class Journal:
    """An append-only file of JSON lines.

    Args:
        path: String or path, the file. It need not exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        # Where the next line goes; what is behind it is a torn line.
        self._end = 0

    def exists(self) -> bool:
        return self.path.is_file()

    def is_empty(self) -> bool:
        """Tells whether it has no whole line, as far as read and written."""
        return self._end == 0

    def read(self) -> list[dict[str, Any]]:
        """Returns the events in order.

        Raises:
            JournalError: If a line before the last one is damaged.
        """
        events = []
        self._end = 0
        for number, line, event in self._lines():
            if isinstance(event, ValueError):
                raise JournalError(
                    f"Line {number} of {self.path} is damaged: {event}. The "
                    f"{number - 1} lines before it are intact. Mend the line, "
                    f"or keep a copy of the file and delete line {number} and "
                    "all behind it: the search goes on from there."
                ) from event
            events.append(event)
            self._end += len(line)
        return events

    def salvage(self) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
        """Returns what can be read, for those who only want to look.

        Returns:
            Tuple of the events by the number of their line, and of what is
            wrong with each damaged line, by its number.
        """
        events: dict[int, dict[str, Any]] = {}
        problems: dict[int, str] = {}
        for number, _, event in self._lines():
            if isinstance(event, ValueError):
                problems[number] = str(event)
            else:
                events[number] = event
        return events, problems

    def _lines(self) -> Iterator[tuple[int, bytes, Any]]:
        """Yields each line's number, bytes, and event or error.

        A last line that is torn is left out: it was never written.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise JournalError(f"{self.path} can't be read: {error}") from error
        lines = data.splitlines(keepends=True)
        for number, line in enumerate(lines, start=1):
            event: Any
            try:
                if not line.endswith(b"\n"):
                    raise ValueError("the line has no end")
                event = json.loads(line)
            except ValueError as error:
                if number == len(lines):
                    return
                event = error
            yield number, line, event

    def append(self, event: dict[str, Any]) -> None:
        """Writes one event at the end of the file.

        Raises:
            JournalError: If it can't be written, or if another process has
                written to the file in the meantime.
        """
        line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        try:
            _make_folder(self.path.parent)
            # Without a buffer, which would be written once more on closing.
            with open(self.path, "ab", buffering=0) as file:
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
            raise JournalError(
                f"{self.path} can't be written: {error}. The results so far "
                "are safe. Make room or give access, and run the same code "
                "again: the search goes on."
            ) from error
        self._end += len(line)

    def _cut_torn_line(self, descriptor: int, size: int) -> None:
        tail = b""
        if size > self._end:
            with open(self.path, "rb") as file:
                file.seek(self._end)
                tail = file.read()
        if size < self._end or b"\n" in tail[:-1] or _is_event(tail):
            raise JournalError(
                f"{self.path} was changed by another process. Only one search "
                "at a time can run in a project: use another `project_name`, "
                "or make the tuner anew to go on with this one."
            )
        os.ftruncate(descriptor, self._end)


def _make_folder(folder: Path) -> None:
    # To ask first is ten times cheaper than to make a folder that exists.
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)


def _is_event(tail: bytes) -> bool:
    try:
        json.loads(tail)
    except ValueError:
        return False
    return tail.endswith(b"\n")


def write_atomically(path: str | os.PathLike[str], text: str) -> None:
    """Writes a file so that a reader sees all of the old or of the new text.

    The data is not forced to the disk: a busy one can stall that for minutes.

    Raises:
        JournalError: If the file can't be written. The old one stays.
    """
    path = Path(path)
    # Always the same name: what a killed process leaves is written over.
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        _make_folder(path.parent)
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise JournalError(
            f"{path} can't be written: {error}. The results so far are safe."
        ) from error
