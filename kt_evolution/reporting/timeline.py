"""When each worker ran which trial, pauses of the search left out."""

import dataclasses
from collections.abc import Iterator

from kt_evolution.project.reader import StoredRun
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.trial_records import TrialRecord

# Where the journal has no sessions, a longer time in which no trial runs, in
# seconds, is a pause.
PAUSE = 60.0


@dataclasses.dataclass(frozen=True)
class Span:
    """The run of a trial.

    Args:
        trial: The `TrialRecord`.
        worker: String.
        start: Float, for how many seconds the search had run.
        seconds: Float, for how long it ran.
        is_paused: Bool, whether it was paused then.
    """

    trial: TrialRecord
    worker: str
    start: float
    seconds: float
    is_paused: bool


def timeline_of(search: SearchRecord) -> list[Span]:
    """Returns the runs that ended or were paused, in the order of their start.

    The pauses between the sessions of a search are left out.
    """
    spans = []
    for trial, run, is_paused in _runs_of(search):
        if run.start is None or run.finish is None:
            return _timeline_by_gaps(search)
        seconds = run.finish - run.start
        worker = run.worker or "?"
        spans.append(Span(trial, worker, run.start, seconds, is_paused))
    return sorted(spans, key=lambda span: (span.start, span.trial.number))


def _runs_of(
    search: SearchRecord,
) -> Iterator[tuple[TrialRecord, StoredRun, bool]]:
    """Yields trials, their runs that have ended, and whether as paused."""
    for trial in search.trials:
        for run in trial.earlier:
            yield trial, run, True
        if trial.ended is not None:
            yield trial, trial.newest_run, trial.is_paused


def _timeline_by_gaps(search: SearchRecord) -> list[Span]:
    """Returns the runs by their times of day, long gaps left out."""
    runs = sorted(
        (run.began, run.ended, trial.number, trial, run.worker, is_paused)
        for trial, run, is_paused in _runs_of(search)
        if run.began is not None and run.ended is not None
    )
    spans = []
    left_out = 0.0
    until = runs[0][0] if runs else 0.0
    for began, ended, _, trial, worker, is_paused in runs:
        if began - until > PAUSE:
            left_out += began - until
        start = began - runs[0][0] - left_out
        seconds = ended - began
        spans.append(Span(trial, worker or "?", start, seconds, is_paused))
        until = max(until, ended)
    return spans


def busy_seconds(search: SearchRecord) -> float | None:
    """Returns for how long a search ran, None if that is not recorded."""
    if search.seconds is not None:
        return search.seconds
    spans = timeline_of(search)
    if not spans:
        return None
    return max(span.start + span.seconds for span in spans)
