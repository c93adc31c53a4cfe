"""What a worker of a chief prints: one line for each of its trials."""

import time
from collections.abc import Mapping

from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.display.formatting import duration
from kt_evolution.display.formatting import failure_reason
from kt_evolution.display.frame import result_words
from kt_evolution.display.search_display import bars_of
from kt_evolution.display.status import TrialSummary
from kt_evolution.display.terminal import printable
from kt_evolution.keras_tuner_bridge.trial_metrics import value_of


class WorkerDisplay:
    """Prints the trials of a worker. How the search goes, its chief prints.

    Args:
        names: List of strings, the names of the objectives.

    Attributes:
        verbose: Int: 0 is silent, 1 a line for each trial, 2 Keras's bars as
            well.
    """

    def __init__(self, names: list[str]) -> None:
        self.verbose = 1
        self._names = names
        self._began = time.monotonic()

    def on_trial_begin(self) -> None:
        self._began = time.monotonic()

    def on_trial_pause(
        self, trial_id: str, metrics: Mapping[str, float], pause: str
    ) -> None:
        """Prints a trial that is paused.

        Args:
            trial_id: String, its id.
            metrics: Mapping of names to floats, what this worker reported.
                Its chief may have let another worker train it on already.
            pause: String, where it is paused.
        """
        scores = tuple(metrics[name] for name in self._names)
        self._print(trial_id, scores, pause=pause)

    def on_trial_end(self, trial: Trial, message: str | None) -> None:
        """Prints a trial that has ended.

        Args:
            trial: The `Trial` as its chief knows it.
            message: String, why it failed, or None.
        """
        if trial.status == TrialStatus.COMPLETED:
            scores = tuple(value_of(trial, name) for name in self._names)
            self._print(trial.trial_id, scores)
        else:
            reason = failure_reason(message or "")
            self._print(trial.trial_id, reason=reason)

    def _print(
        self,
        trial_id: str,
        scores: tuple[float, ...] = (),
        reason: str = "",
        pause: str = "",
    ) -> None:
        if not self.verbose:
            return
        seconds = time.monotonic() - self._began
        summary = TrialSummary(
            trial_id=trial_id,
            scores=scores,
            is_best=False,
            expected=None,
            origin="",
            seconds=seconds,
            reason=reason,
            pause=pause,
        )
        words = result_words(summary, self._names)
        print(printable(f"{words}; {duration(seconds)}"), flush=True)

    def on_build(self, trial_id: str, number: int, num_executions: int) -> None:
        """Does nothing: a worker shows trials that have ended."""

    def new_callback(
        self, trial_id: str, number: int, num_executions: int
    ) -> None:
        """Returns None: epochs are not shown."""

    @property
    def fit_verbose(self) -> int:
        """Int, how much Keras's own `fit` is to say."""
        return bars_of(self.verbose, is_in_place=False)
