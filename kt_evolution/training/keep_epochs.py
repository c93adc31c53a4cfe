"""A callback that keeps the state of a training, and goes on from it."""

import json
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kt_evolution.keras_tuner_bridge import running_fit
from kt_evolution.training import training_state
from kt_evolution.training.checkpoints import CheckpointError
from kt_evolution.training.checkpoints import build_config_of
from kt_evolution.training.checkpoints import build_like
from kt_evolution.training.continuation import OTHER_MODEL
from kt_evolution.training.continuation import Continuation
from kt_evolution.training.curve import Curve
from kt_evolution.training.epoch_log import EpochLog
from kt_evolution.training.history_epochs import fill_history
from kt_evolution.training.pausing import NO_FIT
from kt_evolution.training.pausing import FitAgainError
from kt_evolution.training.pausing import Pause
from kt_evolution.training.pausing import has_diverged
from kt_evolution.training.snapshots import SnapshotError

SEVERAL_FITS = "its `HyperModel.fit` calls `Model.fit` several times"
# The parameters of a callback that say how long `fit` trains.
SIZE = ("epochs", "steps")


class KeepEpochs(keras.callbacks.Callback):
    """Keeps the state of a training at the end of epochs, and may pause it.

    It must be the last callback. Those before it have seen the epoch when the
    state is kept, and have begun when theirs are restored.

    Args:
        continuation: The `Continuation` of the trial.
        callbacks: List of the callbacks whose states are kept.
        checkpoint: The host's callback that saves the best epoch, or None.
        epoch_log: The `EpochLog`.
        pause: The `Pause`.

    Attributes:
        seconds: Float, for how long this execution was trained in earlier
            runs.
        curve: The `Curve` of this execution.
    """

    def __init__(
        self,
        continuation: Continuation,
        callbacks: Sequence[Any],
        checkpoint: Any,
        epoch_log: EpochLog,
        pause: Pause,
    ) -> None:
        super().__init__()
        self._continuation = continuation
        self._states = training_state.CallbackStates(callbacks)
        self._checkpoint = checkpoint
        self._epoch_log = epoch_log
        self._pause = pause
        self.seconds = 0.0
        self.curve = Curve()
        self._began = time.perf_counter()
        self._num_fits = 0
        # Whether the state is kept. It no longer is once it can't be.
        self._is_kept = True
        self._begun: int | None = None
        self._size: dict[str, Any] = {}
        self._signature = ""
        # Of a training that goes on, until its first epoch begins: its
        # first epoch, and the values with which it would start over.
        self._next: int | None = None
        self._fresh: list[np.ndarray] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._num_fits += 1
        if self._num_fits > 1:
            self.curve = Curve()
            self._give_up(SEVERAL_FITS)
            if self._pause.is_paused:
                raise FitAgainError(SEVERAL_FITS)
            return
        self._pause.begin(self.params.get("epochs"))
        self._began = time.perf_counter()
        state = getattr(self._continuation.current, "epoch", None)
        try:
            problem = dropped = self._problem()
            if problem is None and state is not None:
                dropped = self._go_on(state)
            if dropped is not None and state is not None:
                self._start_over(dropped)
            if problem is not None:
                self._give_up(problem)
        except Exception as error:
            if state is not None:
                self._start_over(f"its state can't be restored: {error!r}")
            self._give_up(f"its state can't be kept: {error!r}")
        self._continuation.pace.begin()

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._begun = epoch
        if self._next is None:
            return
        if epoch == self._next:
            self._put_history()
        else:
            # A loop of the user's does not know where to start.
            self._start_over(NO_FIT)
            self._give_up(NO_FIT)

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if not self._num_fits or self._begun != epoch:
            self._give_up(NO_FIT)
        if self._num_fits == 1:
            seconds = self.seconds + time.perf_counter() - self._began
            self.curve.add(epoch, logs, seconds)
        if not self._is_kept:
            return
        is_stopped = bool(self.model.stop_training)
        is_pause = self._pause.is_due(self.curve, is_stopped)
        if is_pause and has_diverged(self.curve):
            # It has failed.
            self.model.stop_training = True
        elif is_pause or self._continuation.pace.is_due:
            with self._continuation.pace.writing():
                is_written = self._write(is_pause, is_stopped and not is_pause)
            if is_pause and is_written:
                self._pause.is_paused = self.model.stop_training = True
            elif is_pause:
                self._pause.refuse("its state can't be written")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._next is not None:
            # `EarlyStopping` had ended it, or its last epoch was kept.
            self._put_history()
        running_fit.set_initial_epoch(self.model, None)

    def _write(self, is_paused: bool, is_over: bool) -> bool:
        """Writes the state, and returns whether it is on disk.

        Args:
            is_paused: Bool, whether the training is paused here.
            is_over: Bool, whether a callback ended it.
        """
        try:
            state = {
                "random": training_state.random_state(),
                "next": self.curve.num_epochs,
                "is_paused": is_paused,
                "is_over": is_over,
                "curve": vars(self.curve),
                "signature": self._signature,
                "size": self._size,
                "build_config": json.dumps(build_config_of(self.model)),
                "variables": training_state.values_of(self.model),
                "arguments": self._states.arguments,
                "callbacks": self._states.capture(),
            }
        except SnapshotError as error:
            self._give_up(str(error))
        except Exception as error:
            self._give_up(f"its state can't be kept: {error!r}")
        else:
            return self._continuation.write(self._checkpoint, epoch=state)
        return False

    def _give_up(self, reason: str) -> None:
        """Keeps only why the state of this execution can't be kept."""
        if self._is_kept:
            self._is_kept = False
            self._continuation.write(self._checkpoint, reason=reason)
            self._pause.refuse(reason)

    # A training that goes on.

    def _problem(self) -> str | None:
        """Returns why a training can neither be kept nor go on, if so."""
        self._states.begin()
        self._size = {name: self.params.get(name) for name in SIZE}
        self._signature = training_state.signature_of(self.model)
        return self._continuation.problem or training_state.problem_of(
            self.model
        )

    def _go_on(self, state: dict[str, Any]) -> str | None:
        """Restores the state of an epoch, or returns why it does not fit."""
        if state["signature"] != self._signature:
            return OTHER_MODEL
        for name, now in self._size.items():
            then = state["size"][name]
            if now != then:
                return f"the number of {name} is {now}, and was {then}"
        if state["arguments"] != self._states.arguments:
            return "its callbacks are other ones than before"
        try:
            build_like(self.model, json.loads(state["build_config"]))
        except CheckpointError:
            return OTHER_MODEL
        training_state.build_optimizer(self.model)
        self._fresh = training_state.values_of(self.model)
        if not training_state.assign(self.model, state["variables"]):
            return OTHER_MODEL
        self._states.restore(state["callbacks"])
        self._next = state["next"]
        if state["is_over"] or self._pause.is_kept_at(state):
            self._next = max(state["next"], self._size["epochs"] or 0)
        else:
            running_fit.skip_epochs(len(state["curve"]["epochs"]))
        running_fit.set_initial_epoch(self.model, self._next)
        self.curve = Curve(**state["curve"])
        self.seconds = self.curve.total_seconds
        self._epoch_log.continue_curve()
        training_state.set_random_state(state["random"])
        if not state["is_paused"]:
            self._continuation.awaits_progress = True
            self._continuation.say(f"It goes on after epoch {state['next']}.")
        return None

    def _start_over(self, reason: str) -> None:
        """Begins a training again that should have gone on."""
        if self._fresh:
            training_state.assign(self.model, self._fresh)
        running_fit.set_initial_epoch(self.model, None)
        self._next, self._fresh = None, []
        self._states.reset()
        self.curve, self.seconds = Curve(), 0.0
        self._pause.is_paused = False
        self._epoch_log.begin_curve()
        self._continuation.awaits_progress = False
        self._continuation.drop_epochs(self._checkpoint)
        self._continuation.say_dropped(reason)

    def _put_history(self) -> None:
        """Gives the history of `fit` the epochs that came before."""
        self._next, self._fresh = None, []
        # They grow on their own from here.
        fill_history(self.model.history, self.curve.epochs, self.curve.logs)
