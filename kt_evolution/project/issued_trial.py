"""A trial as a worker gets it and returns it, also over gRPC.

Keras Tuner's messages have fields for a trial's values and metrics, but for
nothing else that is needed here. So the run of a trial, what its training
requested, and why it failed, are sent as values of the trial, as `Hyperband`
sends its epochs.
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.recording import TrialHyperParameters
from kt_evolution.project.messages import shortened

# Names among the values and the metrics of a trial in a message.
RUN = "tuner/run"
MESSAGE = "tuner/message"
REQUESTED = "tuner/requested"


class IssuedTrial(Trial):
    """A trial that knows its run, in which a worker trains it.

    Args:
        hyperparameters: The `keras_tuner.HyperParameters`.
        trial_id: String.

    Attributes:
        run: Int, the number of the run, or None before the first.
        dormant: Frozenset of the names of hyperparameters that its model does
            not use. Summaries leave them out.
    """

    def __init__(
        self, hyperparameters: kt.HyperParameters, trial_id: str
    ) -> None:
        super().__init__(hyperparameters, trial_id, TrialStatus.RUNNING)
        self.run: int | None = None
        self.dormant: frozenset[str] = frozenset()

    def display_hyperparameters(self) -> None:
        values = private_api.unrecorded(self.hyperparameters.values)
        used = {
            name: value
            for name, value in values.items()
            if name not in self.dormant
        }
        shown = private_api.share_space(self.hyperparameters, used)
        Trial(shown, self.trial_id).display_hyperparameters()

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


def record_requests(trial: Trial) -> None:
    """Records from now on which hyperparameters of a trial are requested."""
    trial.hyperparameters = TrialHyperParameters.of(trial.hyperparameters)


@contextlib.contextmanager
def recorded_training(trial: Trial, is_worker: bool) -> Iterator[None]:
    """Records what a training requests, without what other hooks read.

    Args:
        trial: The `Trial`.
        is_worker: Bool, whether it came from a chief, which records nothing.
    """
    if is_worker or isinstance(trial.hyperparameters, TrialHyperParameters):
        record_requests(trial)
    try:
        yield
    finally:
        if isinstance(trial.hyperparameters, TrialHyperParameters):
            trial.hyperparameters.is_recording = False


def requests_of(trial: Trial) -> list[str]:
    """Returns the keys of the genes that the training of a trial requested.

    Returns:
        List of strings, in order; empty if a worker did not record them, as
        Keras Tuner's own tuners don't.
    """
    hyperparameters = trial.hyperparameters
    if isinstance(hyperparameters, TrialHyperParameters):
        return list(hyperparameters.requested)
    return list(json.loads(hyperparameters.values.get(REQUESTED, "[]")))


def put_report(trial: Trial) -> None:
    """Adds what a worker reports of its trial to the values that are sent."""
    requested = requests_of(trial)
    trial.hyperparameters.values[REQUESTED] = json.dumps(requested)
    if trial.message is not None:
        trial.hyperparameters.values[MESSAGE] = shortened(trial.message)
