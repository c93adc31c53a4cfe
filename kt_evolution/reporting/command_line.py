"""The command `kt-evolution`: looks at the projects of any Keras Tuner."""

import argparse
import contextlib
import io
import os
import sys
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import IO
from typing import Any

import kt_evolution
from kt_evolution.display.terminal import printable_lines
from kt_evolution.project.journal import JournalError
from kt_evolution.reporting import command_arguments

# As shells have it for a command that Ctrl-C ended.
INTERRUPTED = 130


class InputError(ValueError):
    """An argument of the command is not valid."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: Sequence of strings. Defaults to those of the process.

    Returns:
        Int, the exit status: 0, or with an error that says what to do 2 if an
        argument is not valid, and 1 if something else went wrong.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The encoding of a pipe may lack letters of a name.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = _show_warning
        try:
            options.run(options)
        except BrokenPipeError:
            # The reader of the output, such as `head`, has stopped.
            sys.stdout = open(os.devnull, "w")
        except KeyboardInterrupt:
            return INTERRUPTED
        except (ValueError, OSError, ImportError, JournalError) as error:
            _print(f"error: {error}", sys.stderr)
            return 2 if isinstance(error, InputError) else 1
    return 0


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    _print(f"warning: {message}", sys.stderr)


def _print(text: str, file: IO[str] | None = None) -> None:
    print(printable_lines(text), file=file)


def _parser() -> command_arguments.Parser:
    parser = command_arguments.Parser(
        prog="kt-evolution",
        description="Looks at searches: projects of kt_evolution and of "
        "Keras Tuner's own tuners, also while they run.",
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"kt-evolution {kt_evolution.__version__}",
    )
    commands = parser.add_subparsers(
        required=True, metavar="COMMAND", dest="command"
    )
    parser.commands = commands.choices

    show = _command(commands, "show", _show, "print a summary and the best")
    show.add_argument(
        "--top",
        type=command_arguments.count,
        default=10,
        metavar="NUMBER",
        help="how many trials (default: 10)",
    )
    _command(commands, "best", _best, "print how to build the best model")
    report = _command(commands, "report", _report, "write an HTML report")
    report.add_argument(
        "-o",
        "--output",
        type=command_arguments.page,
        default="report.html",
        metavar="FILE",
        help="(default: report.html)",
    )
    report.add_argument(
        "--trial", metavar="TRIAL", help="show this one in full, not the best"
    )
    report.add_argument(
        "--follow",
        action="store_true",
        help="write it again whenever the search changes, until it ends",
    )
    _command(commands, "watch", _watch, "show a search while it runs")
    export = _command(commands, "export", _export, "write all trials")
    export.add_argument("--format", choices=["csv", "json"], default="csv")
    export.add_argument(
        "-o",
        "--output",
        type=command_arguments.output,
        metavar="FILE",
        help="(default: standard output)",
    )
    _command(commands, "compare", _compare, "compare projects", several=True)
    return parser


def _command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], None],
    summary: str,
    several: bool = False,
) -> command_arguments.Parser:
    command: command_arguments.Parser = commands.add_parser(
        name, help=summary, description=summary
    )
    command.set_defaults(run=run)
    command.add_argument(
        "directory",
        metavar="DIR",
        type=command_arguments.filled,
        nargs="+" if several else None,
        help="the folder of a project",
    )
    command.add_argument(
        "--objective",
        type=command_arguments.objective,
        metavar="[min:|max:]METRIC",
        help="what the search is for, where the project does not say",
    )
    return command


@contextlib.contextmanager
def _checking_input() -> Iterator[None]:
    """Makes each `ValueError` an `InputError`."""
    try:
        yield
    except ValueError as error:
        raise InputError(str(error)) from error


def _project(directory: str) -> Path:
    # The imports are here so that `--help` is shown at once.
    from kt_evolution.project.folders import check_project

    with _checking_input():
        try:
            return check_project("DIR", Path(directory))
        except OSError as error:
            # Such as a name that is too long.
            raise InputError(f"`DIR` can't be read: {error}") from error


def _search(options: argparse.Namespace, directory: str | None = None) -> Any:
    from kt_evolution.reporting.reading import read_search

    folder = _project(directory or options.directory)
    with _checking_input():
        return read_search(folder, options.objective)


def _check_output(output: str | None, folder: Path) -> None:
    """Raises if a file of a project would be overwritten."""
    from kt_evolution.project.folders import is_file_of_project

    if output is not None and is_file_of_project(Path(output), folder):
        raise InputError(
            "`-o` must not be a file of the project itself, which would be "
            f"lost. Received: -o {output!r}"
        )


def _show(options: argparse.Namespace) -> None:
    search = _search(options)
    from kt_evolution.reporting import plain_text

    _print(plain_text.overview(search, options.top))


def _best(options: argparse.Namespace) -> None:
    search = _search(options)
    from kt_evolution.reporting import plain_text

    _print(plain_text.best(search))


def _report(options: argparse.Namespace) -> None:
    search = _search(options)
    _check_output(options.output, search.folder)
    if options.trial is not None:
        with _checking_input():
            search.individual(options.trial, "--trial")
    if options.follow:
        from kt_evolution.reporting.report import follow_report

        _print(f"{options.output} follows the search. Ctrl-C ends this.")
        arguments = (options.output, options.trial, options.objective)
        with contextlib.suppress(KeyboardInterrupt):
            search = follow_report(options.directory, *arguments)
            from kt_evolution.reporting.watching import how_it_ended

            _print(f"{search.name}: {how_it_ended(search)}.")
        return
    from kt_evolution.reporting.report import write_report

    _print(str(write_report(search, options.output, options.trial)))


def _watch(options: argparse.Namespace) -> None:
    from kt_evolution.reporting import watching

    if watching.is_there(Path(options.directory)):
        _project(options.directory)
    with _checking_input():
        watching.watch(options.directory, options.objective)


def _export(options: argparse.Namespace) -> None:
    search = _search(options)
    _check_output(options.output, search.folder)
    from kt_evolution.reporting import tables

    write = tables.write_csv if options.format == "csv" else tables.write_json
    with _opened(options.output) as file:
        write(search, file)


@contextlib.contextmanager
def _opened(path: str | None) -> Iterator[IO[str]]:
    if path is None:
        yield sys.stdout
    else:
        with open(path, "w", encoding="utf-8", newline="") as file:
            yield file


def _compare(options: argparse.Namespace) -> None:
    searches = list(_searches_with_trials(options))
    if not searches:
        raise InputError(
            "There is nothing to compare: no folder is that of a project with "
            f"trials. Received: {', '.join(options.directory)}"
        )
    from kt_evolution.reporting import plain_text

    with _checking_input():
        _print(plain_text.comparison(searches))


def _searches_with_trials(options: argparse.Namespace) -> Iterator[Any]:
    """Yields the searches to compare, and warns of folders without trials."""
    from kt_evolution.project import folders

    for directory in options.directory:
        folder = Path(directory)
        if not os.path.isdir(folder) or folders.is_project(folder):
            search = _search(options, directory)
            if search.trials:
                yield search
                continue
        inside = folders.projects_inside(folder)
        hint = f" It holds the projects {inside}." if inside else ""
        _show_warning(f"{directory} is left out: it has no trials.{hint}")
