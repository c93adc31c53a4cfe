"""Errors of a build that are mistakes of its code, and where they are."""

import re
import sysconfig
import traceback
from pathlib import Path

from kt_evolution.encoding import SpaceError

# Errors that no values avoid.
BUGS = (NameError, ImportError, SyntaxError)
# Errors that are mistakes where the user's own line raises them. Layers raise
# them too, for values that don't fit together.
MISTAKES = (AttributeError, LookupError, TypeError)

# Where code lies that is not the user's own.
OURS = Path(__file__).parent
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))


def is_mistake(error: BaseException | None) -> bool:
    """Tells whether a build of default values shows a mistake of the code.

    Args:
        error: The exception that the build raised, or None.

    Returns:
        Bool, true for a declaration that can't be searched and for a bug in
        the user's own line. Any other error may be that of the values.
    """
    if isinstance(error, MISTAKES):
        return _is_raised_by_user(error)
    return isinstance(error, (SpaceError, *BUGS))


def first_line(error: BaseException) -> str:
    """Returns the line of an error that says what is wrong.

    Keras writes which layer it was in front of that, in bold.
    """
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("Exception encountered when"):
        del lines[0]
    return lines[0] if lines else ""


def place_of(error: BaseException) -> str:
    """Returns where in the user's own code an error came from."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _is_users(frame.filename):
            return f" ({Path(frame.filename).name}, line {frame.lineno})"
    return ""


def _is_raised_by_user(error: BaseException) -> bool:
    """Tells whether the user's line raised by itself, or by asking `hp`."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _is_users(frame.filename):
            return True
        path = Path(frame.filename)
        if "keras_tuner" not in path.parts and path.parent != OURS:
            return False
    return False


def _is_users(filename: str) -> bool:
    """Tells whether code is neither a library's nor this package's."""
    path = Path(filename)
    return not (
        {"site-packages", "dist-packages"} & set(path.parts)
        or filename.startswith("<frozen ")
        or OURS in path.parents
        or STANDARD_LIBRARY in path.parents
    )
