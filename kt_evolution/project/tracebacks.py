"""Tracebacks of errors: which frames are the user's, and a short text."""

import re
import sysconfig
import traceback
import types
from collections.abc import Iterator
from pathlib import Path

from kt_evolution.display.terminal import unstyled

# Folders of code that is not the user's own.
OURS = Path(__file__).parent.parent
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))

# How many frames of the user's code a short text has, and how many lines of
# the error's own text. Keras lists all arguments of a layer there.
MAX_FRAMES = 3
MAX_LINES = 8
# Of these so many are the last ones: TensorFlow says there what happened.
LAST_LINES = 3
# In characters, of each line. Keras prints data there that it can't read.
MAX_WIDTH = 300
# A text of Python: its first line, where a frame begins, and where the error,
# which is not indented.
START = "Traceback (most recent call last):"
_FRAME = re.compile(r'^(?=  File "[^"]*", line)', re.MULTILINE)
_ERROR = re.compile("^(?! )", re.MULTILINE)


def frames_of(error: BaseException) -> Iterator[types.TracebackType]:
    """Yields the frames of an error's traceback, the innermost first."""
    frames = []
    frame = error.__traceback__
    while frame is not None:
        frames.append(frame)
        frame = frame.tb_next
    yield from reversed(frames)


def file_of(frame: types.TracebackType) -> str:
    """Returns the path of the code of a frame."""
    return frame.tb_frame.f_code.co_filename


def is_users(filename: str) -> bool:
    """Returns whether code is neither a library's nor this package's."""
    path = Path(filename)
    return not (
        {"site-packages", "dist-packages"} & set(path.parts)
        or filename.startswith("<frozen ")
        or OURS in path.parents
        or STANDARD_LIBRARY in path.parents
    )


def short_traceback(error: BaseException) -> str:
    """Returns the user's lines that led to an error, and the error.

    Args:
        error: The exception. If none of its frames is the user's, the
            innermost of all is shown.
    """
    frames = list(frames_of(error))
    shown = [frame for frame in frames if is_users(file_of(frame))]
    shown = shown[:MAX_FRAMES] or frames[:1]
    summary = traceback.StackSummary.extract(
        (frame.tb_frame, frame.tb_lineno) for frame in reversed(shown)
    )
    text = unstyled("".join(traceback.format_exception_only(error)))
    return "".join(summary.format()) + _cut(text)


def short_message(message: str) -> str:
    """Returns the user's lines of a stored traceback, and the error.

    Args:
        message: String, the message of a trial. It is returned as it is if it
            has no frames.
    """
    newest = unstyled(message).rpartition(START)[2]
    _, *frames = _FRAME.split(newest)
    if not frames:
        return message
    match = _ERROR.search(frames[-1])
    end = match.start() if match else len(frames[-1])
    error, frames[-1] = frames[-1][end:], frames[-1][:end]
    shown = [frame for frame in frames if is_users(frame.split('"')[1])]
    return "".join(shown[-MAX_FRAMES:] or frames[-1:]) + _cut(error)


def _cut(text: str) -> str:
    """Returns the first and the last lines of the text of an error."""
    lines = text.rstrip().splitlines()
    if len(lines) > MAX_LINES:
        lines[MAX_LINES - LAST_LINES : -LAST_LINES] = ["[...]"]
    return "\n".join(
        line if len(line) <= MAX_WIDTH else f"{line[:MAX_WIDTH]}[...]"
        for line in lines
    )
