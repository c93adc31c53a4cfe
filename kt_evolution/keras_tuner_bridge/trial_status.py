"""The statuses of trials, as Keras Tuner's files have them."""


class TrialStatus:
    """A copy of the host's `TrialStatus`, whose module loads Keras."""

    RUNNING = "RUNNING"
    IDLE = "IDLE"
    INVALID = "INVALID"
    STOPPED = "STOPPED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
