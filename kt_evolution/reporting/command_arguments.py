"""The arguments of the command `kt-evolution`, checked before it runs."""

import argparse
import os
import sys
from typing import Any
from typing import NoReturn

from kt_evolution import files
from kt_evolution.algorithm.checks import did_you_mean
from kt_evolution.display.terminal import printable


class Parser(argparse.ArgumentParser):
    """A parser whose errors say what a misspelled name most likely means.

    Attributes:
        options: List of the names of its options.
        commands: Dict of names to the `Parser`s of commands.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.options: list[str] = []
        self.commands: dict[str, Parser] = {}
        super().__init__(**kwargs)

    def add_argument(self, *names: str, **kwargs: Any) -> Any:
        self.options += [name for name in names if name.startswith("-")]
        return super().add_argument(*names, **kwargs)

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        args = sys.argv[1:] if args is None else list(args)
        if args:
            self._check_first(args[0])
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            hint = self._hint(options.command, unknown[0].partition("=")[0])
            self.commands[options.command].error(
                f"unrecognized arguments: {' '.join(unknown)}.{hint}"
            )
        return options

    def _hint(self, command: str, unknown: str) -> str:
        """Returns what may be meant by an option that a command lacks."""
        for name, parser in self.commands.items():
            if unknown in parser.options:
                return f" `{unknown}` is an option of `{name}`."
        return did_you_mean(unknown, self.commands[command].options)

    def _check_first(self, first: str) -> None:
        """Ends the process if neither a command nor an option comes first."""
        # For a misspelled option argparse would ask for a command.
        known = [*self.commands, *self.options]
        is_shortened = first.startswith("--") and any(
            option.startswith(first) for option in self.options
        )
        if first in known or is_shortened:
            return
        self.error(
            f"COMMAND must be one of {', '.join(self.commands)}, before its "
            f"own options.{did_you_mean(first, known)} Received: {first!r}"
        )


# Argparse writes the name of the argument before the errors of these functions.


def count(text: str) -> int:
    number = int(text) if text.strip("+-").isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(
            f"it must be an integer of at least 1. Received: {text!r}"
        )
    return number


def filled(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError(
            f"it must not be empty. Received: {text!r}"
        )
    return text


def objective(text: str) -> str:
    direction, colon, name = text.partition(":")
    if not (name if colon and direction in ("min", "max") else text).strip():
        raise argparse.ArgumentTypeError(
            "it must be METRIC, min:METRIC or max:METRIC, where METRIC is the "
            f"name of a metric. Received: {text!r}"
        )
    return text


def page(text: str) -> str:
    """Returns the path of a file that can be replaced."""
    path = output(text)
    if not files.is_replaceable(path):
        raise argparse.ArgumentTypeError(
            f"it must be a regular file. Received: {text!r}"
        )
    return path


def output(text: str) -> str:
    """Returns the path of a file that can be written."""
    folder = os.path.dirname(text) or "."
    problem = None
    if not os.path.basename(text) or os.path.isdir(text):
        problem = "must be a file, not a folder"
    elif not os.path.isdir(folder):
        problem = f"must be in a folder that exists, and {folder!r} does not"
    elif not os.access(text if os.path.exists(text) else folder, os.W_OK):
        problem = "must be a file that can be written"
    if problem is not None:
        raise argparse.ArgumentTypeError(f"it {problem}. Received: {text!r}")
    return text
