"""The watch of the race by time, which follows a search and ends it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import keras
import keras_tuner as kt

from benchmarks.nas_baselines import score_of
from benchmarks.nas_budget import tested
from benchmarks.nas_tasks import Data
from benchmarks.nas_tasks import Task

CLOCKS = {"cpu": time.process_time, "wall": time.perf_counter}


class TimeIsOverError(kt.errors.FatalError):
    """Ends a search; of all errors the host lets only its own pass."""


class Watch:
    """Follows a search: its clock, its epochs and its best model so far.

    Args:
        task: The `Task`.
        data: The `Data`.
        seconds: Float, the budget.
        clock: String, a name of `CLOCKS`.

    Attributes:
        task: The `Task`.
        steps: List of `(seconds, validation score, test score)`, where the
            best validation score of all epochs changed.
        trainings: Int, how often the training of a model began or went on.
        epochs: Int, of all trainings.
        budget: Float, the seconds after which it ends the search.
        last_look: Float, the seconds when it was checked last.
    """

    def __init__(
        self, task: Task, data: Data, seconds: float, clock: str
    ) -> None:
        self.steps: list[tuple[float, float, float]] = []
        self.trainings = 0
        self.epochs = 0
        self.task = task
        self._data = data
        self.budget = seconds
        self.last_look = 0.0
        self._clock = CLOCKS[clock]
        self._began = self._clock()
        self._model: keras.Model | None = None

    @property
    def seconds(self) -> float:
        """Float, since the search began, without the tests."""
        return self._clock() - self._began

    def on_epoch_end(self, model: keras.Model, logs: dict[str, Any]) -> None:
        """Notes an epoch; raises `TimeIsOverError` if it ended too late."""
        seconds = self.count_epoch(model)
        score = float(logs[self.task.objective.name])
        if self.is_best(score):
            self.on_best(seconds, score, model)

    def count_epoch(self, model: keras.Model) -> float:
        """Counts an epoch, and returns the seconds when it ended.

        Raises:
            TimeIsOverError: If it ended too late.
        """
        seconds = self.check()
        self.epochs += 1
        if model is not self._model:
            self._model = model
            self.trainings += 1
        return seconds

    def check(self) -> float:
        """Returns the seconds so far; raises `TimeIsOverError` if too many."""
        seconds = self.last_look = self.seconds
        if seconds > self.budget:
            raise TimeIsOverError(f"{self.budget:g} s are over.")
        return seconds

    def is_best(self, score: float) -> bool:
        """Returns whether a validation score is better than all before."""
        return not self.steps or self._sign * score > self.steps[-1][1]

    def on_best(self, seconds: float, score: float, model: keras.Model) -> None:
        """Tests the best model so far, and notes it."""
        with self._paused():
            test = tested(self.task, self._data, model)
        self.steps.append((seconds, self._sign * score, test))

    @property
    def _sign(self) -> float:
        return 1.0 if self.task.objective.direction == "max" else -1.0

    def on_fit(self, model: Any) -> None:
        """Notes an estimator that was fitted at once.

        Args:
            model: An estimator of scikit-learn's kind.
        """
        seconds = self.seconds
        if seconds > self.budget:
            return
        validation, test = (
            score_of(model, self.task, self._data, rows)
            for rows in (self._data.validation, self._data.test)
        )
        self.trainings += 1
        self.steps.append((seconds, validation, test))

    @contextlib.contextmanager
    def _paused(self) -> Iterator[None]:
        began = self._clock()
        yield
        self._began += self._clock() - began
