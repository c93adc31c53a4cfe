"""The runs of trials, as the journal's lines tell of them.

A trial may be run several times: it is tried again after a crash, and started
again where its process died. Each start is a line of the journal: that which
makes the trial, and one more for each further start.
"""

import collections
import dataclasses

from kt_evolution.project.events import Event
from kt_evolution.project.events import RunsInterrupted
from kt_evolution.project.events import TrialCreated
from kt_evolution.project.events import TrialEnded
from kt_evolution.project.events import TrialStarted


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a trial.

    Args:
        number: Int, how many runs of all trials had begun with it. A later
            run of the same trial has a larger number.
        worker: String, who runs it, or None if that is not known.
        began: Float, when the worker got it.
        session: Float, the session of the search that it began in, see
            `SearchClock`, or None if that is not known.
    """

    number: int
    worker: str | None
    began: float
    session: float | None


class Runs:
    """Which runs have begun and not ended."""

    def __init__(self) -> None:
        self._num_begun = 0
        # The newest run of each trial, until it ends.
        self._open: dict[str, Run] = {}
        # How often each trial was started since a run of it last ended.
        self._num_starts: dict[str, int] = collections.defaultdict(int)

    def apply(self, event: Event) -> None:
        """Takes an event, also of another kind."""
        match event:
            case TrialCreated() | TrialStarted():
                self._num_begun += 1
                self._num_starts[event.trial_id] += 1
                self._open[event.trial_id] = Run(
                    self._num_begun,
                    event.worker,
                    event.time or 0.0,
                    event.session,
                )
            case TrialEnded():
                self._open.pop(event.trial_id, None)
                self._num_starts.pop(event.trial_id, None)
            case RunsInterrupted():
                for trial_id in event.trial_ids:
                    self._num_starts[trial_id] -= 1

    def newest(self, trial_id: str) -> Run | None:
        """Returns a trial's newest run, None if that has ended."""
        return self._open.get(trial_id)

    def num_starts(self, trial_id: str) -> int:
        """Returns how often a trial was started without coming to an end.

        Starts that were interrupted from outside are left out.
        """
        return self._num_starts.get(trial_id, 0)

    def begun_in(self, session: float) -> list[str]:
        """Returns the trials whose newest run began in a session."""
        return [
            trial_id
            for trial_id, run in self._open.items()
            if run.session == session
        ]
