"""What a person sees while a search runs.

In a terminal two lines that stay in place, one for the search and one for the
trial that trains, and below them the newest results; the same in a notebook.
Elsewhere one line for each trial.
"""

import contextlib
import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras
from keras_tuner.engine.trial import Trial
from rich.console import Console
from rich.console import ConsoleOptions
from rich.console import RenderResult
from rich.jupyter import JupyterMixin
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kt_evolution.display.formatting import add_row
from kt_evolution.display.formatting import duration
from kt_evolution.display.formatting import new_table
from kt_evolution.display.formatting import number
from kt_evolution.display.formatting import prediction
from kt_evolution.display.status import SearchStatus
from kt_evolution.display.status import TrialSummary
from kt_evolution.display.terminal import printable
from kt_evolution.keras_tuner_bridge.scalars import as_numbers

NUM_ROWS = 8
BAR_WIDTH = 10
TITLE_WIDTH = 9
REFRESHES_PER_SECOND = 4
# Seconds between two pictures in a notebook.
NOTEBOOK_INTERVAL = 0.5


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
        if self.verbose < 2:
            return 0
        in_place = self._console.is_terminal or self._console.is_jupyter
        return 1 if in_place else 2


class Frame(JupyterMixin):
    """The picture that stays in place.

    Args:
        status: The `SearchStatus` to begin with.
        names: List of strings, the names of the objectives.
    """

    def __init__(self, status: SearchStatus, names: list[str]) -> None:
        self._names = names
        self._status = status
        self._updated = time.monotonic()
        self._rows: deque[TrialSummary] = deque(maxlen=NUM_ROWS)
        self._trial_id: str | None = None
        self._part = 0.0
        self._epochs = ""
        self._handle: Any = None
        self._shown = 0.0
        # A picture is made in a thread of its own, in a terminal.
        self._lock = threading.Lock()

    def show_in_notebook(self) -> None:
        from IPython.display import display

        self._handle = display(self, display_id=True)

    def begin(self, trial_id: str) -> None:
        with self._lock:
            self._trial_id, self._part, self._epochs = trial_id, 0.0, ""
        self._refresh()

    def train(self, trial_id: str, part: float, text: str | None) -> None:
        """Shows how far the training of a trial is.

        Args:
            trial_id: String.
            part: Float in [0, 1].
            text: String, what the last epoch said, or None for no status.
        """
        with self._lock:
            self._trial_id, self._part = trial_id, part
            if text is not None:
                self._epochs = text
        self._refresh()

    def add(self, trial: TrialSummary, search: SearchStatus) -> None:
        """Shows that a trial has ended."""
        with self._lock:
            self._rows.append(trial)
            self._status, self._updated = search, time.monotonic()
            if self._trial_id == trial.trial_id:
                self._trial_id = None
        self._refresh()

    def end(self) -> None:
        """Shows the last picture."""
        with self._lock:
            self._trial_id = None
            self._status = dataclasses.replace(self._status, seconds_left=None)
        self._shown = 0.0
        self._refresh()

    def _refresh(self) -> None:
        now = time.monotonic()
        if self._handle and now - self._shown >= NOTEBOOK_INTERVAL:
            self._shown = now
            self._handle.update(self)

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        with self._lock:
            passed = time.monotonic() - self._updated
            yield search_line(self._status, self._names, passed)
            if self._trial_id is not None:
                yield _bar_line(
                    f"Trial {self._trial_id}", self._part, self._epochs
                )
            if self._rows:
                yield results_table(list(self._rows), self._names)


class EpochProgress(keras.callbacks.Callback):
    """Reports to a frame how far the training of a trial is.

    Args:
        frame: The `Frame`.
        trial_id: String.
        number: Int, how many executions of the trial came before.
        num_executions: Int, how many there will be.
    """

    def __init__(
        self,
        frame: Frame,
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


def search_line(
    status: SearchStatus, names: list[str], passed: float = 0.0
) -> Table:
    """Returns the line that shows how far a search is.

    Args:
        status: The `SearchStatus`.
        names: List of strings, the names of the objectives.
        passed: Float, for how many seconds the status is known.
    """
    part = status.num_ended / status.max_trials if status.max_trials else None
    count = f"{status.num_ended}"
    if status.max_trials:
        count += f"/{status.max_trials}"
    parts = [f"{count} trials", *best_words(status, names)]
    times = duration(status.seconds + passed)
    if status.seconds_left:
        left = max(status.seconds_left - passed, 0.0)
        times += f", about {duration(left)} left"
    parts.append(times)
    if status.num_running > 1:
        parts.append(f"{status.num_running} workers")
    if status.num_rejected:
        parts.append(f"{status.num_rejected} rejected")
    return _bar_line("Search", part, " · ".join(parts))


def best_words(status: SearchStatus, names: list[str]) -> list[str]:
    """Returns what is said of the best trial, nothing if there is none."""
    if status.best_trial_id is None:
        return []
    values = ", ".join(
        f"{name} {number(value)}"
        for name, value in zip(names, status.best, strict=True)
    )
    if len(names) > 1:
        return [
            f"{status.num_on_front} on the front, knee {values} "
            f"(trial {status.best_trial_id})"
        ]
    return [f"best {values} (trial {status.best_trial_id})"]


def results_table(rows: list[TrialSummary], names: list[str]) -> Table:
    """Returns a table of trials, the newest first."""
    expected = ["expected"] if len(names) == 1 else []
    header = ["trial", *names, *expected, "time", "proposed as"]
    table = new_table(header, "right", padding=1)
    table.columns[-1].justify = "left"
    for row in reversed(rows):
        scores = [number(score) for score in row.scores]
        cells = [row.trial_id, *(scores or ["failed", *[""] * len(names)])]
        cells = cells[: 1 + len(names)]
        if expected:
            cells.append(prediction(*row.expected) if row.expected else "")
        style = "bold green" if row.is_best else ""
        style = style if row.scores else "red"
        add_row(table, [*cells, duration(row.seconds), row.origin], style)
    return table


def plain_line(
    trial: TrialSummary, search: SearchStatus, names: list[str]
) -> str:
    """Returns a trial as one line of text."""
    count = f"{search.num_ended}"
    if search.max_trials:
        count += f"/{search.max_trials}"
    values = ", ".join(
        f"{name} {number(score)}"
        for name, score in zip(names, trial.scores, strict=False)
    )
    result = values or "failed"
    if trial.expected is not None and values:
        result += f" (expected {prediction(*trial.expected)})"
    return "; ".join(
        [
            f"[{count}] trial {trial.trial_id}: {result}",
            *best_words(search, names),
            f"{duration(trial.seconds)}, {trial.origin}",
        ]
    )


def interruption(status: SearchStatus, names: list[str]) -> str:
    """Returns what is said when a search was interrupted."""
    best = "; ".join(best_words(status, names)) or "no trial completed yet"
    best = printable(best)
    return (
        f"\nInterrupted after {status.num_ended} trials; {best}. Nothing that "
        "finished is lost. Call `tuner.search(...)` again, or run the same "
        "code again, to go on."
    )


def _bar_line(title: str, part: float | None, text: str) -> Table:
    # Where the line is too narrow, the text is cut and not the bar.
    line = Table.grid(padding=(0, 1), expand=True)
    line.add_column(width=TITLE_WIDTH, no_wrap=True)
    line.add_column(width=BAR_WIDTH)
    line.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
    bar = ProgressBar(
        total=None if part is None else 1.0,
        completed=part or 0.0,
        width=BAR_WIDTH,
    )
    line.add_row(
        Text(printable(title), style="bold"), bar, Text(printable(text))
    )
    return line
