"""The picture of a running search that stays in place, and its lines of text.

It needs no Keras: `kt-evolution watch` shows it, too.
"""

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.console import ConsoleOptions
from rich.console import RenderResult
from rich.jupyter import JupyterMixin
from rich.measure import Measurement
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kt_evolution.display.formatting import add_row
from kt_evolution.display.formatting import duration
from kt_evolution.display.formatting import new_table
from kt_evolution.display.formatting import number
from kt_evolution.display.formatting import prediction
from kt_evolution.display.formatting import promotion_words
from kt_evolution.display.formatting import score_rows
from kt_evolution.display.formatting import shortened
from kt_evolution.display.status import SearchStatus
from kt_evolution.display.status import TrialSummary
from kt_evolution.display.terminal import printable

NUM_ROWS = 8
BAR_WIDTH = 10
TITLE_WIDTH = 9
REFRESHES_PER_SECOND = 4
# Seconds between two pictures in a notebook.
NOTEBOOK_INTERVAL = 0.5


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
        # The row of the best trial, once there is one.
        self._best: list[TrialSummary] = []
        # The trials that train: the part that is done, and what they say.
        self._running: dict[str, tuple[float, str]] = {}
        self._handle: Any = None
        self._shown = 0.0
        # A picture is made in a thread of its own, in a terminal.
        self._lock = threading.Lock()

    def show_in_notebook(self) -> None:
        from IPython.display import display

        self._handle = display(self, display_id=True)

    def begin(self, trial_id: str) -> None:
        with self._lock:
            # Without colors an empty bar looks like a full one.
            self._running[trial_id] = 0.0, "running"
        self._refresh()

    def train(self, trial_id: str, part: float, text: str | None) -> None:
        """Shows how far the training of a trial is.

        Args:
            trial_id: String.
            part: Float in [0, 1].
            text: String, what the last epoch said, or None for no status.
        """
        with self._lock:
            _, known = self._running.get(trial_id, (part, ""))
            self._running[trial_id] = part, known if text is None else text
        self._refresh()

    def keep(self, trial_ids: Iterable[str]) -> None:
        """Shows no other trials that train than these."""
        with self._lock:
            kept = {*trial_ids}
            for trial_id in self._running.keys() - kept:
                del self._running[trial_id]

    def add(self, trial: TrialSummary, search: SearchStatus) -> None:
        """Shows that a trial has ended or was paused."""
        with self._lock:
            others = [
                row for row in self._rows if row.trial_id != trial.trial_id
            ]
            self._rows = deque([*others, trial], maxlen=NUM_ROWS)
            self._status, self._updated = search, time.monotonic()
            self._running.pop(trial.trial_id, None)
        self._refresh()

    def update(self, search: SearchStatus) -> None:
        """Shows how far the search is."""
        with self._lock:
            self._status, self._updated = search, time.monotonic()
        self._refresh()

    def end(self) -> None:
        """Shows the last picture."""
        with self._lock:
            self._running.clear()
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
            for trial_id, (part, text) in self._running.items():
                yield _bar_line(f"Trial {trial_id}", part, text)
            rows = self._shown_rows()
            if rows:
                yield results_table(rows, self._names)

    def _shown_rows(self) -> list[TrialSummary]:
        """Returns the newest results, the best of all as the last."""
        best = self._status.best_trial
        if best is None:
            return list(self._rows)
        known = {row.trial_id: row for row in (*self._best, *self._rows)}
        # Only a trial that this frame saw has its time.
        row = known.get(best.trial_id, best)
        self._best = [dataclasses.replace(row, is_best=True)]
        others = [
            dataclasses.replace(other, is_best=False)
            for other in self._rows
            if other.trial_id != best.trial_id
        ]
        # Its color is not seen everywhere.
        origin = f"best: {row.origin}"
        return [*others, dataclasses.replace(self._best[0], origin=origin)]


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
    best = best_words(status, names)
    if status.num_paused and not best:
        best = ["none is trained to the end yet"]
    times = time_words = duration(status.seconds + passed)
    if status.seconds_left:
        left = max(status.seconds_left - passed, 0.0)
        time_words = f"about {duration(left)} left"
        times += f", {time_words}"
    paused = [f"{status.num_paused} paused"] * (status.num_paused > 0)
    workers = [f"{status.num_running} workers"] * (status.num_running > 1)
    rejected = [f"{status.num_rejected} rejected"] * (status.num_rejected > 0)
    start = f"{count} {'trial' if count == '1' else 'trials'}"
    brief = [
        word.removesuffix(f" (trial {status.best_trial_id})") for word in best
    ]
    versions = [
        [start, *paused, *best, times, *workers, *rejected],
        [start, *paused, *best, times, *workers],
        [start, *paused, *best, times],
        [start, *best, times],
        [start, *best, time_words],
        [start, *brief, time_words],
        [start, time_words],
    ]
    return _bar_line("Search", part, *map(" · ".join, versions))


def best_words(status: SearchStatus, names: list[str]) -> list[str]:
    """Returns what is said of the best trial, nothing if there is none."""
    if status.best_trial_id is None:
        return []
    values = [
        f"{name} {number(value)}"
        for name, value in zip(names, status.best, strict=True)
    ]
    if status.broken:
        # An objective may have the limit itself.
        others = [
            text
            for name, text in zip(names, values, strict=True)
            if not any(one.startswith(f"{name} ") for one in status.broken)
        ]
        return [
            "no trial is within all limits",
            f"nearest is trial {status.best_trial_id} with "
            f"{', '.join([*status.broken, *others])}",
        ]
    if len(names) > 1:
        return [
            f"{status.num_on_front} on the front, knee {', '.join(values)} "
            f"(trial {status.best_trial_id})"
        ]
    return [f"best {values[0]} (trial {status.best_trial_id})"]


def results_table(rows: list[TrialSummary], names: list[str]) -> Table:
    """Returns a table of trials, the last of them first."""
    expected = ["expected"] if len(names) == 1 else []
    header = ["trial", *names, *expected, "time", "made by"]
    table = new_table(header, "right", padding=1)
    table.columns[-1].justify = "left"
    measured = [dict(zip(names, row.scores, strict=False)) for row in rows]
    shown = score_rows(measured, names)
    for row, cells in reversed(list(zip(rows, shown, strict=True))):
        if not row.scores:
            cells[0] = "failed"
        cells.insert(0, row.trial_id)
        if expected:
            cells.append(prediction(*row.expected) if row.expected else "")
        style = "bold green" if row.is_best else ""
        style = style if row.scores else "red"
        style = "dim" if row.pause else style
        time_cell = "" if row.seconds is None else duration(row.seconds)
        # Why a trial failed, or where it is, counts more than how it was made.
        cells += [time_cell, row.reason or row.course]
        add_row(table, cells, style)
    return table


def plain_line(
    trial: TrialSummary, search: SearchStatus, names: list[str]
) -> str:
    """Returns a trial as one line of text."""
    count = f"{search.num_ended}"
    if search.max_trials:
        count += f"/{search.max_trials}"
    return "; ".join(
        [
            f"[{count}] {result_words(trial, names)}",
            *best_words(search, names),
            f"{duration(trial.seconds or 0.0)}, {trial.origin}",
        ]
    )


def result_words(trial: TrialSummary, names: list[str]) -> str:
    """Returns a trial with its scores, or why it failed."""
    values = ", ".join(
        f"{name} {number(score)}"
        for name, score in zip(names, trial.scores, strict=False)
    )
    if not values:
        values = "failed"
        if trial.reason:
            values += f": {shortened(trial.reason)}"
    elif trial.pause:
        values += f", {trial.pause}"
    elif trial.expected is not None:
        values += f" (expected {prediction(*trial.expected)})"
    promoted = promotion_words(trial.promoted_at)
    values += f" ({promoted})" if promoted else ""
    return f"trial {trial.trial_id}: {values}"


def interruption(status: SearchStatus, names: list[str]) -> str:
    """Returns what is said when a search was interrupted."""
    nothing = "no trial completed yet"
    if status.num_paused:
        nothing += f", {status.num_paused} paused"
    best = printable("; ".join(best_words(status, names)) or nothing)
    trials = "trial" if status.num_ended == 1 else "trials"
    also = ""
    if status.num_running == 1:
        also = ", also with the trial that was running"
    elif status.num_running:
        also = f", also with the {status.num_running} that were running"
    return (
        f"\nInterrupted after {status.num_ended} {trials}; {best}. Nothing "
        "that finished is lost. Call `tuner.search(...)` again, or run the "
        f"same code again, to go on{also}."
    )


class _Versions:
    """The longest of some lines of text that fits, or the shortest, cut."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = [Text(printable(text)) for text in texts]

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        fitting = [
            text for text in self._texts if text.cell_len <= options.max_width
        ]
        yield fitting[0] if fitting else self._texts[-1]

    def __rich_measure__(
        self, console: Console, options: ConsoleOptions
    ) -> Measurement:
        return Measurement(1, self._texts[0].cell_len)


def _bar_line(title: str, part: float | None, *texts: str) -> Table:
    """Returns a title, a bar and the longest of the texts that fits."""
    # Where the line is too narrow, the text is cut and not the bar.
    line = Table.grid(padding=(0, 1), expand=True)
    line.add_column(width=max(TITLE_WIDTH, len(title)), no_wrap=True)
    line.add_column(width=BAR_WIDTH)
    line.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
    bar = ProgressBar(
        total=None if part is None else 1.0,
        completed=part or 0.0,
        width=BAR_WIDTH,
    )
    line.add_row(Text(printable(title), style="bold"), bar, _Versions(texts))
    return line
