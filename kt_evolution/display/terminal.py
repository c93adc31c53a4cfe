"""Text that a terminal shows as it is.

Names, messages and values may come from another person's project. Nothing in
them moves the cursor, recolors the screen, or looks like a line of its own.
"""

import contextlib
import io
import re
from collections.abc import Iterator

# How a terminal is told to color a text, or to make it bold.
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def unstyled(text: str) -> str:
    """Returns a text without the colors and bold letters of a terminal.

    Messages of Keras have them.
    """
    return _STYLE.sub("", text)


def printable(text: str) -> str:
    """Returns a text as one line, with escapes for what can't be seen.

    Control characters, line breaks, marks that turn the direction of writing,
    and halves of surrogate pairs become escapes, as in a Python string.

    Args:
        text: String.
    """
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable()
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def printable_lines(text: str) -> str:
    """Returns a text of several lines, each of them `printable`."""
    return "\n".join(map(printable, text.split("\n")))


@contextlib.contextmanager
def printing_safely() -> Iterator[None]:
    """Makes what others print meanwhile `printable_lines`."""
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            yield
    finally:
        print(printable_lines(output.getvalue()), end="")
