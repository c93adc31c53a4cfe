"""Warnings: those of this package name the user's line, others are kept few."""

import contextlib
import re
import sys
import types
import warnings
from collections.abc import Iterator

# The code between a user's line and a warning of this package.
OURS = ("kt_evolution", "keras_tuner", "contextlib", "functools")


def warn_user(message: str) -> None:
    """Warns at the line of the user's code that led to a warning.

    Args:
        message: String.
    """
    frame = _frame_of_user(sys._getframe())
    warnings.warn_explicit(
        message,
        UserWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _frame_of_user(frame: types.FrameType) -> types.FrameType:
    """Returns the innermost frame of other code, or the outermost of all."""
    while frame.f_back is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.partition(".")[0] not in OURS:
            break
        frame = frame.f_back
    return frame


@contextlib.contextmanager
def ignored_warnings(
    *patterns: str, category: type[Warning] = Warning
) -> Iterator[None]:
    """Hides warnings meanwhile.

    `warnings.catch_warnings` would make Python forget which warnings it has
    shown, so that those of Keras would appear again in each trial.

    Args:
        *patterns: Strings, regular expressions for the beginnings of messages.
        category: The class of the warnings. Defaults to all.
    """
    filters = [
        ("ignore", re.compile(pattern, re.I), category, None, 0)
        for pattern in patterns
    ]
    # `filterwarnings` would reset the memory, too.
    warnings.filters[:0] = filters  # type: ignore[index]
    try:
        yield
    finally:
        for one in filters:
            with contextlib.suppress(ValueError):
                warnings.filters.remove(one)  # type: ignore[attr-defined]
