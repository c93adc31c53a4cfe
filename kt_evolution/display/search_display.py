"""What a person sees while a search runs.

In a terminal two lines that stay in place, one for the search and one for the
trial that trains, and below them the newest results; the same in a notebook.
Elsewhere one line for each trial.
"""

import contextlib
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import Protocol

import keras
from keras_tuner.engine.trial import Trial
from rich.console import Console
from rich.live import Live

from kt_evolution.display.formatting import number
from kt_evolution.display.frame import REFRESHES_PER_SECOND
from kt_evolution.display.frame import Frame
from kt_evolution.display.frame import interruption
from kt_evolution.display.frame import plain_line
from kt_evolution.display.status import SearchStatus
from kt_evolution.display.status import TrialSummary
from kt_evolution.display.terminal import printable
from kt_evolution.keras_tuner_bridge.scalars import as_numbers


class SearchDisplay:
    """Shows how a search goes. It takes the place of the host's display.

    Args:
        search_status: Function that returns the `SearchStatus`.
        trial_summary: Function of a `Trial`, its seconds and whether it is the
            best, that returns its `TrialSummary`.
        names: List of strings, the names of the objectives.
        verbose: Int: 0 is silent, 1 this display, 2 Keras's bars as well.
            Defaults to 1.
    """

    def __init__(
        self,
        search_status: Callable[[], SearchStatus],
        trial_summary: Callable[[Trial, float, bool], TrialSummary],
        names: list[str],
        verbose: int = 1,
    ) -> None:
        self.search_status = search_status
        self._trial_summary = trial_summary
        self.names = names
        self.verbose = verbose
        self._console = Console(highlight=False, soft_wrap=True)
        self._frame: Frame | None = None
        self._began: dict[str, float] = {}
        # What is printed when the frame has come to its end.
        self._closing: list[str] = []

    # The state of a display in the host's `oracle.json`.

    def get_state(self) -> dict[str, Any]:
        return {"search_start": None, "trial_start": {}, "trial_number": {}}

    def set_state(self, state: dict[str, Any]) -> None:
        """Does nothing: what is shown is of this session."""

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """Keeps the display in place while a search runs."""
        is_notebook = self._console.is_jupyter
        if not self.verbose or not (is_notebook or self._console.is_terminal):
            yield
            return
        self._frame = Frame(self.search_status(), self.names)
        self._closing = []
        try:
            if is_notebook:
                self._frame.show_in_notebook()
                yield
            else:
                with Live(
                    self._frame,
                    console=self._console,
                    refresh_per_second=REFRESHES_PER_SECOND,
                ):
                    yield
        finally:
            self._frame.end()
            self._frame = None
            for text in self._closing:
                print(text)

    def close(self, text: str) -> None:
        """Prints a text at the end of a search, below the last picture."""
        if not self.verbose or not text:
            return
        if self._frame is not None:
            self._closing.append(text)
        else:
            print(text)

    def interruption(self) -> str:
        """Returns what is printed when the search was interrupted."""
        return interruption(self.search_status(), self.names)

    def on_trial_begin(self, trial: Trial) -> None:
        self._began[trial.trial_id] = time.monotonic()
        if self._frame is not None:
            self._frame.begin(trial.trial_id)

    def on_trial_end(self, trial: Trial) -> None:
        began = self._began.pop(trial.trial_id, None)
        if not self.verbose:
            return
        seconds = 0.0 if began is None else time.monotonic() - began
        search_status = self.search_status()
        is_best = search_status.best_trial_id == trial.trial_id
        trial_summary = self._trial_summary(trial, seconds, is_best)
        if self._frame is not None:
            self._frame.add(trial_summary, search_status)
        else:
            line = plain_line(trial_summary, search_status, self.names)
            self._console.print(printable(line), markup=False)

    def on_build(self, trial_id: str, number: int, num_executions: int) -> None:
        """Shows that the model of a trial is built.

        Args:
            trial_id: String.
            number: Int, how many executions of the trial came before.
            num_executions: Int, how many there will be.
        """
        self.train(trial_id, number / num_executions, "building")

    def train(self, trial_id: str, part: float, text: str | None) -> None:
        """Shows how far the training of a trial is.

        Args:
            trial_id: String.
            part: Float in [0, 1].
            text: String, what the last epoch said, or None for no status.
        """
        if self._frame is not None:
            self._frame.train(trial_id, part, text)

    def new_callback(
        self, trial_id: str, number: int, num_executions: int
    ) -> "EpochProgress | None":
        """Returns the callback that shows the epochs of a trial, if any.

        Args:
            trial_id: String.
            number: Int, how many executions of the trial came before.
            num_executions: Int, how many there will be.
        """
        if self._frame is None:
            return None
        return EpochProgress(self._frame, trial_id, number, num_executions)

    @property
    def fit_verbose(self) -> int:
        """Int, how much Keras's own `fit` is to say."""
        in_place = self._console.is_terminal or self._console.is_jupyter
        return bars_of(self.verbose, in_place)


def bars_of(verbose: int, is_in_place: bool) -> int:
    """Returns the `verbose` of Keras's `fit` for that of a search.

    Args:
        verbose: Int, that of the search.
        is_in_place: Bool, whether a bar can be drawn over.
    """
    if verbose < 2:
        return 0
    return 1 if is_in_place else 2


class ShowsTraining(Protocol):
    """Shows how far the training of a trial is, as a `Frame` does."""

    def train(self, trial_id: str, part: float, text: str | None) -> None: ...


class EpochProgress(keras.callbacks.Callback):
    """Reports to a frame how far the training of a trial is.

    Args:
        frame: The `Frame`, or what sends it there.
        trial_id: String.
        number: Int, how many executions of the trial came before.
        num_executions: Int, how many there will be.
    """

    def __init__(
        self,
        frame: ShowsTraining,
        trial_id: str,
        number: int = 0,
        num_executions: int = 1,
    ) -> None:
        super().__init__()
        self.frame = frame
        self.trial_id = trial_id
        self.number = number
        self.num_executions = num_executions
        self._epoch = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        done = self.number / self.num_executions
        self.frame.train(self.trial_id, done, "training")

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._epoch = epoch

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        steps = self.params.get("steps")
        if steps:
            self._report((batch + 1) / steps)

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        values = [f"{name} {number(x)}" for name, x in as_numbers(logs).items()]
        words = [f"epoch {epoch + 1}/{self.params.get('epochs', '?')}"]
        if self.num_executions > 1:
            words.insert(0, f"run {self.number + 1}/{self.num_executions}")
        self._report(1.0, ", ".join([*words, *values]))

    def _report(self, part: float, text: str | None = None) -> None:
        epochs = self.params.get("epochs") or self._epoch + 1
        run = (self._epoch + part) / epochs
        done = (self.number + run) / self.num_executions
        self.frame.train(self.trial_id, done, text)
