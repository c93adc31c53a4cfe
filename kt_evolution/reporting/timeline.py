"""When each worker ran which trial, pauses of the search left out."""

import dataclasses

from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.records import TrialRecord

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
    """

    trial: TrialRecord
    worker: str
    start: float
    seconds: float


def timeline_of(search: SearchRecord) -> list[Span]:
    """Returns the runs of the trials that ended, in the order of their start.

    The pauses between the sessions of a search are left out.
    """
    spans = []
    for trial in search.trials:
        if trial.ended is None:
            continue
        if trial.start is None or trial.finish is None:
            return _timeline_by_gaps(search)
        seconds = trial.finish - trial.start
        spans.append(Span(trial, trial.worker or "?", trial.start, seconds))
    return sorted(spans, key=lambda span: (span.start, span.trial.number))


def _timeline_by_gaps(search: SearchRecord) -> list[Span]:
    """Returns the runs by their times of day, long gaps left out."""
    runs = sorted(
        (trial.began, trial.ended, trial.number, trial)
        for trial in search.trials
        if trial.began is not None and trial.ended is not None
    )
    spans = []
    paused = 0.0
    until = runs[0][0] if runs else 0.0
    for began, ended, _, trial in runs:
        if began - until > PAUSE:
            paused += began - until
        start = began - runs[0][0] - paused
        spans.append(Span(trial, trial.worker or "?", start, ended - began))
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
