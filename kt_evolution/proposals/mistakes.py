"""Mistakes: which errors of a build are bugs, and on which line they are."""

import dis
import re
from pathlib import Path

from kt_evolution.algorithm.space.declarations import SpaceError
from kt_evolution.project.rejections import MISTAKEN
from kt_evolution.project.rejections import RAISED
from kt_evolution.project.tracebacks import OURS
from kt_evolution.project.tracebacks import file_of
from kt_evolution.project.tracebacks import frames_of
from kt_evolution.project.tracebacks import is_users

# Errors that occur for all values.
BUGS = (NameError, ImportError, SyntaxError)
# Errors that are mistakes if the user's own line raises them. Layers raise them
# too, for values that don't fit together.
MISTAKES = (AttributeError, LookupError, TypeError)

# The rooms of the code that a line with `hp` calls.
ROOMS_OF_HP = (OURS / "proposals", OURS / "keras_tuner_bridge")


def is_mistake(error: BaseException | None) -> bool:
    """Returns whether a build with default values shows a mistake of the code.

    Args:
        error: The exception that the build raised, or None.

    Returns:
        Bool, true for a declaration that can't be searched and for a bug in
        the user's own line. Any other error may be due to the values.
    """
    if isinstance(error, MISTAKES):
        return _is_of_own_line(error) and not is_deliberate(error)
    return isinstance(error, (SpaceError, *BUGS))


def is_deliberate(error: BaseException) -> bool:
    """Returns whether the user's own `raise` or `assert` raised an error."""
    innermost = next(frames_of(error), None)
    if innermost is None or not is_users(file_of(innermost)):
        return False
    code = innermost.tb_frame.f_code.co_code
    return code[innermost.tb_lasti] == dis.opmap["RAISE_VARARGS"]


def first_line(error: BaseException) -> str:
    """Returns the line of an error that states the problem.

    Keras puts a line with the layer's name before it, in bold.
    """
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("Exception encountered when"):
        del lines[0]
    return lines[0] if lines else ""


def place_of(error: BaseException) -> str:
    """Returns the file and line of the user's own code that led to an error."""
    for frame in frames_of(error):
        if is_users(file_of(frame)):
            how = ""
            if is_mistake(error):
                how = MISTAKEN
            elif is_deliberate(error):
                how = RAISED
            name = Path(file_of(frame)).name
            return f" ({how}{name}, line {frame.tb_lineno})"
    return ""


def _is_of_own_line(error: BaseException) -> bool:
    """Returns whether the user's line raised an error, or `hp` in it."""
    for frame in frames_of(error):
        if is_users(file_of(frame)):
            return True
        path = Path(file_of(frame))
        if "keras_tuner" not in path.parts and path.parent not in ROOMS_OF_HP:
            return False
    return False
