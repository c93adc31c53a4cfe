"""The tuner of a worker process: a copy of that of the search."""

import pickle
import time
import traceback
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import cloudpickle
import keras

from kt_evolution.callbacks import SearchCallbacks
from kt_evolution.display.search_display import EpochProgress
from kt_evolution.display.search_display import bars_of
from kt_evolution.project.issued_trial import put_report
from kt_evolution.training.trial_oracle import TrialOracle
from kt_evolution.workers.arguments import set_folds
from kt_evolution.workers.arguments import with_data
from kt_evolution.workers.interface import Event
from kt_evolution.workers.interface import SearchFailed
from kt_evolution.workers.interface import Task
from kt_evolution.workers.interface import TrainingBegan
from kt_evolution.workers.interface import TrainingProgressed
from kt_evolution.workers.interface import TrainingResumed
from kt_evolution.workers.interface import TrialReported

# Seconds between two reports of a part of an epoch.
INTERVAL = 0.25


class MemberTuner:
    """Trains the trials of a worker process.

    Args:
        name: String, the name of the worker.
        send: Function of an `Event`, which sends it to the search.
    """

    def __init__(self, name: str, send: Callable[[Event], None]) -> None:
        self._name = name
        self._send = send
        self._tuner: Any = None
        self._args: tuple[Any, ...] = ()
        self._kwargs: dict[str, Any] = {}

    def load(self, read: Callable[..., tuple[Any, ...]]) -> bool:
        """Loads the tuner and the data.

        Args:
            read: Function that returns the tuner and the arguments of `search`.
                It takes the `own_parts` of `shipping.load`.

        Returns:
            Bool, whether the worker can train. Otherwise the search ends.
        """
        try:
            self._tuner, args, kwargs = read(self._own_parts)
            self._args, self._kwargs = with_data(self._tuner, args, kwargs)
            if not self._tuner._trainer.folds:
                # The data are only here, if a function has returned them.
                set_folds(self._tuner, self._args, self._kwargs)
        except Exception as error:
            self._fail(error)
            return False
        return True

    def _own_parts(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Returns what the search does not send of its tuner."""
        return {
            "oracle": TrialOracle(
                settings["objective"],
                settings["max_trials"],
                settings["seed"],
                settings["verbose"],
                lambda _: self._send(TrainingResumed(self._name)),
            ),
            "display": MemberDisplay(
                settings["verbose"],
                lambda part, text: self._send(
                    TrainingProgressed(self._name, part, text)
                ),
            ),
            "_search_callbacks": SearchCallbacks({}),
        }

    def train(self, task: Task) -> bool:
        """Trains a trial, and reports it.

        Args:
            task: The `Task`.

        Returns:
            Bool, whether the worker can train another one. Otherwise the
            search ends.
        """
        tuner, trial = self._tuner, task.trial
        self._send(TrainingBegan(self._name))
        tuner.oracle.begin(trial, task.parents)
        tuner._trainer.clock.begin(task.seconds)
        keras.utils.set_random_seed(task.seed)
        try:
            # A subclass may have changed what a trial is.
            tuner._try_run_and_update_trial(trial, *self._args, **self._kwargs)
            put_report(trial)
            self._send(TrialReported(self._name, trial, tuner.oracle.updates))
        except Exception as error:
            self._fail(error)
            return False
        return True

    def _fail(self, error: Exception) -> None:
        """Ends the search with an error."""
        text = traceback.format_exc()
        try:
            # Some exceptions can't be loaded again, for their arguments.
            pickle.loads(cloudpickle.dumps(error))
        except Exception:
            error = RuntimeError(f"{type(error).__name__}: {error}")
        self._send(SearchFailed(self._name, error, text))


class MemberDisplay:
    """Sends how far a training is, to be shown where the search is.

    It takes the place of the `SearchDisplay`.

    Args:
        verbose: Int, that of the search.
        progress: Function of the part of a trial that was trained and of what
            the last epoch said.
    """

    def __init__(
        self, verbose: int, progress: Callable[[float, str | None], None]
    ) -> None:
        self.verbose = verbose
        self._progress = progress
        self._sent = 0.0

    def train(self, trial_id: str, part: float, text: str | None) -> None:
        """Sends how far the training of a trial is, unless it just did."""
        now = time.monotonic()
        if text is not None or now - self._sent >= INTERVAL:
            self._sent = now
            self._progress(part, text)

    def on_build(self, trial_id: str, number: int, num_executions: int) -> None:
        """Shows that the model of a trial is built."""
        self.train(trial_id, number / num_executions, "building")

    def new_callback(
        self, trial_id: str, number: int, num_executions: int
    ) -> EpochProgress:
        """Returns the callback that shows the epochs of a trial."""
        return EpochProgress(self, trial_id, number, num_executions)

    @property
    def fit_verbose(self) -> int:
        """Int, how much Keras's own `fit` is to say."""
        return bars_of(self.verbose, is_in_place=False)
