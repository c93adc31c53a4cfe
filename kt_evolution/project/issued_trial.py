"""A trial as a worker gets it and returns it, also over gRPC.

Keras Tuner's messages have fields for a trial's values and metrics, but for
nothing else that is needed here. So the run of a trial, and why it failed, are
sent as values of the trial, as `Hyperband` sends its epochs.
"""

from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.project.messages import shortened

# Names among the values and the metrics of a trial in a message.
RUN = "tuner/run"
MESSAGE = "tuner/message"


class IssuedTrial(Trial):
    """A trial that knows its run, in which a worker trains it.

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
    """Returns the run of a worker's report, None if it has none."""
    if isinstance(trial, IssuedTrial):
        return trial.run
    return trial.hyperparameters.values.get(RUN)


def message_of(trial: Trial) -> str | None:
    """Returns why a trial failed, as its worker reports it."""
    return trial.message or trial.hyperparameters.values.get(MESSAGE)


def run_mark(trial: Trial) -> dict[str, float]:
    """Returns the metric that identifies the run among a worker's metrics."""
    run = trial.hyperparameters.values.get(RUN)
    return {} if run is None else {RUN: float(run)}


def put_message(trial: Trial) -> None:
    """Adds the trial's message to the values, with which it is sent."""
    if trial.message is not None:
        trial.hyperparameters.values[MESSAGE] = shortened(trial.message)
