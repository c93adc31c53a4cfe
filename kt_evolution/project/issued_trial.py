"""A trial as a worker gets it and gives it back, also over gRPC.

The host's messages have a place for a trial's values and its metrics, and for
nothing else that we need. So the run of a trial, and why it failed, travel as
values of the trial, as `Hyperband` passes on its epochs.
"""

from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.project.messages import shortened

# Names among the values of a trial, and of its metrics, on their way.
RUN = "tuner/run"
MESSAGE = "tuner/message"


class IssuedTrial(Trial):
    """A trial that knows for which of its runs it was given to a worker.

    Args:
        hyperparameters: The `keras_tuner.HyperParameters`.
        trial_id: String.

    Attributes:
        run: Int, the number of the run, or None before the first.
    """

    def __init__(
        self, hyperparameters: kt.HyperParameters, trial_id: str
    ) -> None:
        super().__init__(hyperparameters, trial_id, TrialStatus.RUNNING)
        self.run: int | None = None

    def to_proto(self) -> Any:
        proto = super().to_proto()
        if self.run is not None and self.status == TrialStatus.RUNNING:
            proto.hyperparameters.values.values[RUN].int_value = self.run
        return proto


def run_of(trial: Trial) -> int | None:
    """Returns the run that a worker reports of, None if it does not say."""
    if isinstance(trial, IssuedTrial):
        return trial.run
    return trial.hyperparameters.values.get(RUN)


def message_of(trial: Trial) -> str | None:
    """Returns why a trial failed, as its worker reports it."""
    return trial.message or trial.hyperparameters.values.get(MESSAGE)


def run_mark(trial: Trial) -> dict[str, float]:
    """Returns what tells among a worker's metrics which run they are of."""
    run = trial.hyperparameters.values.get(RUN)
    return {} if run is None else {RUN: float(run)}


def put_message(trial: Trial) -> None:
    """Puts a worker's message where it reaches the chief."""
    if trial.message is not None:
        trial.hyperparameters.values[MESSAGE] = shortened(trial.message)
