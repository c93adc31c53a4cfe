"""The runs of trials, from the lines of the journal.

A trial may run several times: it runs again after a crash, and after its
process died, and when it was paused and is promoted. Each start is a line of
the journal: the line that creates the trial, and one line for each further
start.
"""

import collections
import dataclasses

from kt_evolution.project.events import Event
from kt_evolution.project.events import RunProgressed
from kt_evolution.project.events import RunsInterrupted
from kt_evolution.project.events import TrialCreated
from kt_evolution.project.events import TrialEnded
from kt_evolution.project.events import TrialPaused
from kt_evolution.project.events import TrialPromoted
from kt_evolution.project.events import TrialStarted


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a trial.

    Args:
        number: Int, the number of the run among those of all trials. Later
            runs of a trial have larger numbers.
        worker: String, the worker that runs it, or None if not known.
        began: Float, when the worker got it.
        session: Float, the session in which it began, see `SearchClock`, or
            None if not known.
    """

    number: int
    worker: str | None
    began: float
    session: float | None


class Runs:
    """The runs that have begun and not ended."""

    def __init__(self) -> None:
        self._num_begun = 0
        # The newest run of each trial, until it ends.
        self._open: dict[str, Run] = {}
        # How often each trial was started since a run of it last ended.
        self._num_starts: dict[str, int] = collections.defaultdict(int)
        # The trials whose newest start does not count.
        self._excused: set[str] = set()

    def apply(self, event: Event) -> None:
        """Applies an event of any kind."""
        match event:
            case TrialCreated() | TrialStarted() | TrialPromoted():
                self._num_begun += 1
                self._num_starts[event.trial_id] += 1
                self._excused.discard(event.trial_id)
                self._open[event.trial_id] = Run(
                    self._num_begun,
                    event.worker,
                    event.time or 0.0,
                    event.session,
                )
            case TrialEnded() | TrialPaused():
                self._open.pop(event.trial_id, None)
                self._num_starts.pop(event.trial_id, None)
            case RunsInterrupted():
                for trial_id in event.trial_ids:
                    self._excuse(trial_id)
            case RunProgressed():
                self._excuse(event.trial_id)

    def _excuse(self, trial_id: str) -> None:
        """Leaves the newest start of a trial out of their number."""
        if trial_id not in self._excused:
            self._excused.add(trial_id)
            self._num_starts[trial_id] -= 1

    def newest(self, trial_id: str) -> Run | None:
        """Returns a trial's newest run, None if that has ended."""
        return self._open.get(trial_id)

    def num_starts(self, trial_id: str) -> int:
        """Returns how often a trial was started since a run of it ended.

        Starts that were interrupted from outside don't count, and neither do
        those that went on with a training and came further.
        """
        return self._num_starts.get(trial_id, 0)

    def is_excused(self, trial_id: str) -> bool:
        """Returns whether the newest start of a trial does not count."""
        return trial_id in self._excused

    def begun_in(self, session: float) -> list[str]:
        """Returns the trials whose newest run began in a session."""
        return [
            trial_id
            for trial_id, run in self._open.items()
            if run.session == session
        ]
