"""The live display of a search that another process runs."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.live import Live

from kt_evolution.display.formatting import distances
from kt_evolution.display.formatting import number
from kt_evolution.display.formatting import origin
from kt_evolution.display.frame import NUM_ROWS
from kt_evolution.display.frame import REFRESHES_PER_SECOND
from kt_evolution.display.frame import Frame
from kt_evolution.display.frame import best_words
from kt_evolution.display.frame import plain_line
from kt_evolution.display.status import SearchStatus
from kt_evolution.display.status import TrialSummary
from kt_evolution.display.terminal import printable
from kt_evolution.project.closing import rejection_summary
from kt_evolution.project.closing import shell_command
from kt_evolution.project.closing import values_line
from kt_evolution.project.folders import is_project
from kt_evolution.project.folders import projects_inside
from kt_evolution.project.journal import JOURNAL
from kt_evolution.project.search_lock import is_searching
from kt_evolution.project.search_lock import planned_trials
from kt_evolution.project.training_log import TrainingRecord
from kt_evolution.project.training_log import read_training
from kt_evolution.reporting.following import INTERVAL
from kt_evolution.reporting.following import follow
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.timeline import busy_seconds
from kt_evolution.reporting.trial_records import TrialRecord

# The commands that are named where watching ends.
_NEXT = ("best", "report")


def watch(
    directory: str | os.PathLike[str],
    objective: str | None = None,
    interval: float = INTERVAL,
) -> None:
    """Shows how a search goes until no process runs it, or until Ctrl-C.

    It waits for a project that is not there yet, and prints the best trial
    at the end.

    Args:
        directory: String or path, the folder of a project.
        objective: String, see `read_search`.
        interval: Float, the seconds between two looks. Defaults to 1.

    Raises:
        ValueError: If the path is that of a file or of a folder of other
            projects, or if there is no such metric.
    """
    console = Console(highlight=False, soft_wrap=True)
    with contextlib.suppress(KeyboardInterrupt):
        _wait_for(console, Path(directory), interval)
        searches = follow(directory, objective, interval)
        show = _in_place if console.is_terminal else _as_lines
        search = show(console, searches)
        for line in _ending(search):
            console.print(printable(line), markup=False)


def _wait_for(console: Console, folder: Path, interval: float) -> None:
    """Waits until a folder is a project, and prints that it does."""
    if is_there(folder):
        return
    line = f"Waiting for a search in {folder}, until Ctrl-C."
    console.print(printable(line), markup=False)
    while not is_there(folder):
        time.sleep(interval)


def is_there(folder: Path) -> bool:
    """Returns whether there is a project, or what can't become one.

    For a file and for a folder of other projects `follow` raises.
    """
    is_file = folder.exists() and not folder.is_dir()
    return is_project(folder) or is_file or bool(projects_inside(folder))


def _ending(search: SearchRecord) -> list[str]:
    """Returns how a search ended, with its rejections and its best trial."""
    problems = [rejection.problem for rejection in search.rejections]
    lines = [f"{search.name}: {how_it_ended(search)}."]
    if problems:
        lines.append(rejection_summary(problems))
    for best in search.ranked()[:1]:
        names = [one.name for one in search.objectives]
        words = "; ".join(best_words(status_of(search), names))
        lines.append(f"{words[:1].upper()}{words[1:]}")
        if best.values:
            lines.append(f"Its values: {values_line(best.values)}")
        commands = [shell_command(name, search.folder) for name in _NEXT]
        lines.append(f"Next: `{'` or `'.join(commands)}`")
    return lines


def how_it_ended(search: SearchRecord) -> str:
    """Returns whether a search that no process runs is finished."""
    if not search.trials:
        return "no trial has begun"
    num_paused = len(search.paused)
    num_ended = len(_ended(search)) - num_paused
    num_left = sum(trial.is_running for trial in search.trials)
    ended = f"{num_ended} trial{'' if num_ended == 1 else 's'} ended"
    if num_paused:
        ended += f", {num_paused} {'is' if num_paused == 1 else 'are'} paused"
    if search.stop_reason:
        return f"finished, {ended}: {search.stop_reason.rstrip('.')}"
    if num_left:
        are = "is" if num_left == 1 else "are"
        return f"interrupted, {ended} and {num_left} {are} unfinished"
    if search.is_interrupted:
        return f"interrupted, {ended}"
    return f"finished, {ended}"


def _in_place(
    console: Console, searches: Iterator[SearchRecord]
) -> SearchRecord:
    """Shows a search in place, and returns it as it ended."""
    search = next(searches)
    frame = Frame(status_of(search), [one.name for one in search.objectives])
    shown = {_result_of(trial) for trial in _ended(search)[:-NUM_ROWS]}
    with Live(
        frame, console=console, refresh_per_second=REFRESHES_PER_SECOND
    ) as live:
        planned = _update(frame, search, shown)
        latest = search
        for latest in searches:
            if latest is not search:
                search = latest
                planned = _update(frame, search, shown, planned)
            _show_epochs(frame, search)
        frame.end()
        live.refresh()
    return search


def _result_of(trial: TrialRecord) -> tuple[str, str]:
    """Returns what is shown once: a paused trial may go on."""
    return trial.trial_id, trial.state


def _update(
    frame: Frame,
    search: SearchRecord,
    shown: set[tuple[str, str]],
    planned: int | None = None,
) -> int | None:
    """Shows the trials that have ended or were paused since the last time.

    Returns:
        Int, `max_trials` as far as it is known, which was `planned` before.
    """
    status = status_of(search, planned)
    frame.update(status)
    for trial in _ended(search):
        if _result_of(trial) not in shown:
            shown.add(_result_of(trial))
            frame.add(summary_of(search, trial), status)
    return status.max_trials


def _show_epochs(frame: Frame, search: SearchRecord) -> None:
    """Shows how far the trainings of the trials that run are."""
    running = [one for one in search.trials if one.is_running]
    frame.keep(one.trial_id for one in running)
    for trial in running:
        record = read_training(search.folder / f"trial_{trial.trial_id}")
        frame.train(trial.trial_id, *_progress_of(record))


def _progress_of(record: TrainingRecord) -> tuple[float, str]:
    """Returns the part of a training that is done, and its last epoch."""
    curve = record.curves[-1] if record.curves else {}
    num_done = max(map(len, curve.values()), default=0)
    if not num_done:
        # Its length is known once the training has begun.
        return 0.0, "training" if record.num_epochs else "running"
    words = [f"epoch {num_done}/{record.num_epochs or '?'}"]
    words += [
        f"{name} {number(values[-1])}"
        for name, values in curve.items()
        if len(values) == num_done
    ]
    part = num_done / record.num_epochs if record.num_epochs else 0.0
    return min(part, 1.0), ", ".join(words)


def _as_lines(
    console: Console, searches: Iterator[SearchRecord]
) -> SearchRecord:
    """Prints a line for each trial that ends, and returns the search."""
    shown: set[tuple[str, str]] | None = None
    search = planned = None
    for latest in searches:
        if latest is search:
            continue
        search = latest
        status = status_of(search, planned)
        planned = status.max_trials
        names = [one.name for one in search.objectives]
        ended = _ended(search)
        if shown is None:
            shown = {_result_of(trial) for trial in ended[:-1]}
        for trial in ended:
            if _result_of(trial) not in shown:
                shown.add(_result_of(trial))
                line = plain_line(summary_of(search, trial), status, names)
                console.print(printable(line), markup=False)
    if search is None:
        raise RuntimeError("A followed search is yielded at least once.")
    return search


def _ended(search: SearchRecord) -> list[TrialRecord]:
    """Returns the trials that have ended or are paused, in that order."""
    ended = [trial for trial in search.trials if not trial.is_running]
    return sorted(ended, key=lambda trial: (trial.ended or 0.0, trial.number))


def status_of(search: SearchRecord, planned: int | None = None) -> SearchStatus:
    """Returns how far a search is, for a display.

    Args:
        search: The `SearchRecord`.
        planned: Int, the `max_trials` where no process runs the search any
            more; None if that is not known. Defaults to None.
    """
    best = search.ranked()[:1]
    is_single = len(search.objectives) == 1
    return SearchStatus(
        num_ended=len(_ended(search)),
        # Only the process that searches says how many there will be.
        max_trials=planned_trials(search.folder) or planned,
        num_paused=len(search.paused),
        num_running=sum(trial.is_running for trial in search.trials),
        num_rejected=len(search.rejections),
        best_trial_id=best[0].trial_id if best else None,
        best=_scores(search, best[0]) if best else (),
        num_on_front=0 if is_single else len(search.front()),
        broken=distances(search.limits, best[0].metrics) if best else (),
        best_trial=summary_of(search, best[0]) if best else None,
        seconds=_seconds(search),
        seconds_left=None,
    )


def _seconds(search: SearchRecord) -> float:
    """Returns for how long a search has run, also since its last line."""
    seconds = busy_seconds(search) or 0.0
    with contextlib.suppress(OSError):
        if is_searching(search.folder):
            written = (search.folder / JOURNAL).stat().st_mtime
            seconds += max(time.time() - written, 0.0)
    return seconds


def summary_of(search: SearchRecord, trial: TrialRecord) -> TrialSummary:
    """Returns a trial that ended, for a display."""
    best = search.ranked()[:1]
    return TrialSummary(
        trial_id=trial.trial_id,
        scores=_scores(search, trial) if search.has_objectives(trial) else (),
        is_best=bool(best) and best[0] is trial,
        # What was expected is the score in the end.
        expected=None if trial.is_paused else trial.prediction,
        origin=origin(trial.operator, trial.parents),
        seconds=trial.seconds,
        reason=trial.reason,
        pause=trial.pause,
        promoted_at=trial.promoted_at,
    )


def _scores(search: SearchRecord, trial: TrialRecord) -> tuple[float, ...]:
    return tuple(trial.metrics[one.name] for one in search.objectives)
