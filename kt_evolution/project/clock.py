"""The clock: how long a search has run, over all of its sessions.

A session is one run of the search in one process. Each line of the journal has
the time when its session began and for how long it had run, so pauses and
crashes between sessions don't count. Durations are measured with a monotonic
clock, so they don't jump if the date is set while a search runs.
"""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kt_evolution.project.events import Event


def now() -> float:
    """Returns the time in seconds, as the journal has it."""
    return round(time.time(), 3)


def monotonic() -> float:
    """Returns the seconds of a clock that is never set."""
    return time.monotonic()


class SearchClock:
    """Adds up the sessions of a search."""

    def __init__(self) -> None:
        # When each session began, and how long it ran as far as is known.
        self._sessions: dict[float, float] = {}
        self._began: float | None = None
        self._began_monotonic = 0.0

    @property
    def is_running(self) -> bool:
        return self._began is not None

    @property
    def session(self) -> float | None:
        """Float, when the session began; None between sessions."""
        return self._began

    def begin(self, seconds: float = 0.0) -> None:
        """Begins a session.

        Args:
            seconds: Float, for how long it runs already. Defaults to 0.
        """
        self._began = now()
        while self._began in self._sessions:
            # The date was set back, so an earlier session has this time.
            self._began = round(self._began + 0.001, 3)
        self._began_monotonic = monotonic() - seconds

    def end(self) -> None:
        """Ends the session: a pause follows."""
        if self._began is not None:
            self._sessions[self._began] = self._session_seconds()
            self._began = None

    def forget(self) -> None:
        """Clears what the journal can restore. The session goes on."""
        self._sessions.clear()

    def stamp(self) -> tuple[float | None, float | None]:
        """Returns the time when the session began, and its seconds so far."""
        if self._began is None:
            return None, None
        return self._began, round(self._session_seconds(), 3)

    def apply(self, event: "Event") -> None:
        """Reads the session of an event."""
        if event.session is None:
            return
        seconds = event.seconds
        if seconds is None:
            # Older lines have no duration.
            seconds = (event.time or event.session) - event.session
        known = self._sessions.get(event.session, 0.0)
        self._sessions[event.session] = max(known, seconds)

    def catch_up(self, session: float, seconds: float) -> None:
        """Counts the end of an earlier session, which no event has.

        A training that is killed and goes on later has used that time. It
        counts as time of the session that runs now.

        Args:
            session: Float, when that session began.
            seconds: Float, for how long it ran at least.
        """
        if self._began is not None and session != self._began:
            missing = seconds - self._sessions.get(session, 0.0)
            self._began_monotonic -= max(missing, 0.0)

    def is_new(self, event: "Event") -> bool:
        """Returns whether no earlier event has the same session."""
        return event.session is not None and event.session not in self._sessions

    @property
    def has_sessions(self) -> bool:
        """Whether there is a session, or was one."""
        return self.is_running or bool(self._sessions)

    @property
    def seconds(self) -> float:
        """Float, for how long the search has run."""
        past = sum(
            seconds
            for began, seconds in self._sessions.items()
            if began != self._began
        )
        return past + self._session_seconds()

    def _session_seconds(self) -> float:
        if self._began is None:
            return 0.0
        return monotonic() - self._began_monotonic
