"""The command `kt-evolution`: looks at the projects of any Keras Tuner."""

import argparse
import contextlib
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: Sequence of strings. Defaults to those of the process.

    Returns:
        Int, the exit status: 0, or 1 with an error that says what to do.
    """
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = _show_warning
        try:
            options.run(options)
        except BrokenPipeError:
            # The reader of the output, such as `head`, has stopped.
            sys.stdout = open(os.devnull, "w")
        except (ValueError, OSError, ImportError, JournalError) as error:
            _print(f"error: {error}", sys.stderr)
            return 1
    return 0


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    _print(f"warning: {message}", sys.stderr)


def _print(text: str, file: IO[str] | None = None) -> None:
    print(printable_lines(text), file=file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kt-evolution",
        description="Looks at searches: projects of kt_evolution and of "
        "Keras Tuner's own tuners, also while they run.",
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"kt-evolution {kt_evolution.__version__}",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    show = _command(commands, "show", _show, "print a summary and the best")
    show.add_argument(
        "--top", type=int, default=10, help="how many trials (default: 10)"
    )
    _command(commands, "best", _best, "print how to build the best model")
    report = _command(commands, "report", _report, "write an HTML report")
    report.add_argument(
        "-o",
        "--output",
        default="report.html",
        metavar="FILE",
        help="(default: report.html)",
    )
    report.add_argument(
        "--trial", metavar="ID", help="show this one in full, not the best"
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
        "-o", "--output", metavar="FILE", help="(default: standard output)"
    )
    _command(commands, "compare", _compare, "compare projects", several=True)
    return parser


def _command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], None],
    summary: str,
    several: bool = False,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=summary)
    command.set_defaults(run=run)
    command.add_argument(
        "directory",
        metavar="DIR",
        nargs="+" if several else None,
        help="the folder of a project",
    )
    command.add_argument(
        "--objective",
        metavar="[min:|max:]METRIC",
        help="what the search is for, where the project does not say",
    )
    return command


def _search(options: argparse.Namespace, directory: str | None = None) -> Any:
    # So that `--help` is shown at once.
    from kt_evolution.reporting.reading import read_search

    return read_search(directory or options.directory, options.objective)


def _show(options: argparse.Namespace) -> None:
    search = _search(options)
    from kt_evolution.reporting import plain_text

    _print(plain_text.overview(search, options.top))


def _best(options: argparse.Namespace) -> None:
    search = _search(options)
    from kt_evolution.reporting import plain_text

    _print(plain_text.best(search))


def _report(options: argparse.Namespace) -> None:
    if options.follow:
        from kt_evolution.reporting.report import follow_report

        _print(f"{options.output} follows the search. Ctrl-C ends this.")
        arguments = (options.output, options.trial, options.objective)
        with contextlib.suppress(KeyboardInterrupt):
            follow_report(options.directory, *arguments)
        return
    search = _search(options)
    from kt_evolution.reporting.report import write_report

    _print(str(write_report(search, options.output, options.trial)))


def _watch(options: argparse.Namespace) -> None:
    from kt_evolution.reporting.watching import watch

    watch(options.directory, options.objective)


def _export(options: argparse.Namespace) -> None:
    search = _search(options)
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
        raise ValueError(
            "There is nothing to compare: no folder is that of a project with "
            f"trials. Received: {', '.join(options.directory)}"
        )
    from kt_evolution.reporting import plain_text

    _print(plain_text.comparison(searches))


def _searches_with_trials(options: argparse.Namespace) -> Iterator[Any]:
    """Yields the searches to compare, and warns of folders without trials."""
    from kt_evolution.project import reader

    for directory in options.directory:
        folder = Path(directory)
        if reader.is_project(folder) or not folder.is_dir():
            search = _search(options, directory)
            if search.trials:
                yield search
                continue
        inside = reader.projects_inside(folder)
        hint = f" It holds the projects {inside}." if inside else ""
        _show_warning(f"{directory} is left out: it has no trials.{hint}")
