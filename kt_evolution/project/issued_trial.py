"""A trial as a worker gets it and returns it, also over gRPC.

A worker process of `workers=` gets an `IssuedTrial`, and sends it back with
its report. Over gRPC Keras Tuner's messages have fields for a trial's values
and metrics, but for nothing else that is needed here. So the run of a trial,
the epoch after which it is paused, what its training requested and reached,
and why it failed, are sent as values of the trial, as `Hyperband` sends its
epochs.
"""

import contextlib
import json
from collections.abc import Iterator
from collections.abc import Sequence
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
EPOCHS = "tuner/epochs"
RUNGS = "tuner/rungs"
PAUSED = "tuner/paused"
REACHED = "tuner/reached"
INHERITED = "tuner/inherited"
TRAINED = "tuner/trained"


class IssuedTrial(Trial):
    """A trial that knows its run, in which a worker trains it.

    Args:
        hyperparameters: The `keras_tuner.HyperParameters`.
        trial_id: String.

    Attributes:
        run: Int, the number of the run, or None before the first.
        dormant: Frozenset of the names of hyperparameters that its model does
            not use. Summaries leave them out.
        epochs: Int, after how many epochs its training is paused, counted from
            its first run; None or the last rung if it is trained to the end.
        rungs: Tuple of the epochs at which trials are compared, ascending. The
            last one is the `epochs` of the search. It is empty without a
            fidelity.
        is_paused: Bool, whether its run was paused, as the trainer reports.
        reached: List of dicts, see `rungs_of`.
        trained: Int, for how many epochs it was trained in all, of several
            executions the first; None while it runs, or if not known.
        inherited: Dict, see `inherited_of`, or None.
    """

    def __init__(
        self, hyperparameters: kt.HyperParameters, trial_id: str
    ) -> None:
        super().__init__(hyperparameters, trial_id, TrialStatus.RUNNING)
        self.run: int | None = None
        self.dormant: frozenset[str] = frozenset()
        self.epochs: int | None = None
        self.rungs: tuple[int, ...] = ()
        self.is_paused = False
        self.reached: list[dict[str, Any]] = []
        self.trained: int | None = None
        self.inherited: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(trial_id={self.trial_id!r}, "
            f"status={self.status!r}, score={self.score!r})"
        )

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
        if self.status != TrialStatus.RUNNING:
            return proto
        values = proto.hyperparameters.values.values
        if self.run is not None:
            values[RUN].int_value = self.run
        if self.epochs is not None:
            values[EPOCHS].int_value = self.epochs
        if self.rungs:
            values[RUNGS].string_value = json.dumps(self.rungs)
        return proto


def run_of(trial: Trial) -> int | None:
    """Returns the run of a worker's report, None if it has none."""
    if isinstance(trial, IssuedTrial):
        return trial.run
    return trial.hyperparameters.values.get(RUN)


def message_of(trial: Trial) -> str | None:
    """Returns why a trial failed, as its worker reports it."""
    message = trial.message or trial.hyperparameters.values.get(MESSAGE)
    return None if message is None else str(message)


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


# How far a trial is trained.


def schedule_of(trial: Trial) -> tuple[int | None, tuple[int, ...]]:
    """Returns after how many epochs a trial is paused, and the rungs.

    Args:
        trial: The `Trial` as the trainer got it, from its oracle or its chief.

    Returns:
        Tuple of `IssuedTrial.epochs` and `IssuedTrial.rungs`.
    """
    if isinstance(trial, IssuedTrial):
        return trial.epochs, trial.rungs
    values = trial.hyperparameters.values
    rungs = json.loads(values.get(RUNGS, "[]"))
    return values.get(EPOCHS), tuple(rungs)


def report_rungs(
    trial: Trial, is_paused: bool, reached: Sequence[dict[str, Any]]
) -> None:
    """Adds how far a run has trained a trial to what is reported of it.

    Args:
        trial: The `Trial` that the trainer got.
        is_paused: Bool, whether the run was paused. Otherwise the trial ends.
        reached: List of dicts, see `rungs_of`.
    """
    if isinstance(trial, IssuedTrial):
        trial.is_paused, trial.reached = is_paused, list(reached)
        return
    values = trial.hyperparameters.values
    values[PAUSED], values[REACHED] = is_paused, json.dumps(reached)


def is_paused(trial: Trial) -> bool:
    """Returns whether the run of a worker's report was paused.

    Such a trial is reported as COMPLETED. The metrics that were reported of it
    are those of the best epoch so far.
    """
    if isinstance(trial, IssuedTrial):
        return trial.is_paused
    return bool(trial.hyperparameters.values.get(PAUSED, False))


def rungs_of(trial: Trial) -> list[dict[str, Any]]:
    """Returns how good a trial was after fewer epochs, as its worker reports.

    Returns:
        List of dicts, ascending by "epochs", which is an int: after how many
        epochs. "metrics" is a dict of names to floats and "best_step" an int:
        the metrics with costs, and the epoch, that the trial would have had if
        its training had ended there. There is one for each rung below the last
        that the training has reached in all of its runs; those of earlier runs
        are repeated. If the run was paused, the last dict has the epoch at
        which it was, which is no rung if a time budget was over. Rungs that a
        training passed without a stop are missing if only the final result is
        known, because `HyperModel.fit` returns another value than a `History`.
    """
    if isinstance(trial, IssuedTrial):
        return trial.reached
    return list(json.loads(trial.hyperparameters.values.get(REACHED, "[]")))


def report_inherited(trial: Trial, inherited: dict[str, Any] | None) -> None:
    """Adds the weights that a model began with to what is reported of it.

    Args:
        trial: The `Trial` that the trainer got.
        inherited: Dict, see `inherited_of`, or None.
    """
    if isinstance(trial, IssuedTrial):
        trial.inherited = inherited
    elif inherited is not None:
        trial.hyperparameters.values[INHERITED] = json.dumps(inherited)


def inherited_of(trial: Trial) -> dict[str, Any] | None:
    """Returns whose weights the model of a trial began its training with.

    Returns:
        Dict with "from", the id of the trial whose weights they are, and
        "share", the part of the model's weights that was taken. None if it was
        trained from scratch.
    """
    if isinstance(trial, IssuedTrial):
        return trial.inherited
    text = trial.hyperparameters.values.get(INHERITED, "null")
    inherited: dict[str, Any] | None = json.loads(text)
    return inherited


def report_trained(trial: Trial, num_epochs: int | None) -> None:
    """Adds for how many epochs a trial was trained to what is reported of it.

    Args:
        trial: The `Trial` that the trainer got.
        num_epochs: Int, see `IssuedTrial.trained`.
    """
    if isinstance(trial, IssuedTrial):
        trial.trained = num_epochs
    elif num_epochs is not None:
        trial.hyperparameters.values[TRAINED] = num_epochs


def trained_of(trial: Trial) -> int | None:
    """Returns for how many epochs a trial was trained, as its worker reports.

    Returns:
        Int, see `IssuedTrial.trained`.
    """
    if isinstance(trial, IssuedTrial):
        return trial.trained
    return trial.hyperparameters.values.get(TRAINED)


def put_report(trial: Trial) -> None:
    """Adds what a worker reports of its trial to the values that are sent."""
    requested = requests_of(trial)
    trial.hyperparameters.values[REQUESTED] = json.dumps(requested)
    if trial.message is not None:
        trial.hyperparameters.values[MESSAGE] = shortened(str(trial.message))


def take_report(trial: IssuedTrial, reported: IssuedTrial) -> None:
    """Adds the report of a worker process to the trial that it got.

    Args:
        trial: The `IssuedTrial`, as its oracle issued it.
        reported: The `IssuedTrial`, as the process sent it back after
            `put_report`.
    """
    trial.status, trial.message = reported.status, reported.message
    trial.is_paused, trial.reached = reported.is_paused, reported.reached
    trial.inherited, trial.trained = reported.inherited, reported.trained
    values = private_api.unrecorded(reported.hyperparameters.values)
    for name in (REQUESTED, MESSAGE):
        values.pop(name, None)
    ran_with = TrialHyperParameters()
    private_api.share_space(reported.hyperparameters, values, into=ran_with)
    ran_with.requested = dict.fromkeys(requests_of(reported))
    ran_with.is_recording = False
    trial.hyperparameters = ran_with
