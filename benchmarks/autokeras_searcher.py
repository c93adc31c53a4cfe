"""AutoKeras (Jin et al. 2023) in the race by time.

It searches its own space with its own tuner for the kind of data, as its users
call it. Its models see what its pipeline of preprocessing makes of the data.
"""

from __future__ import annotations

import pathlib
from typing import Any

import keras
import numpy as np

from benchmarks.nas_tasks import Data
from benchmarks.nas_tasks import Task
from benchmarks.timed_watch import Watch

# Kind of data -> how AutoKeras names it.
NAMES = {"images": "Image", "text": "Text", "tabular": "StructuredData"}


class Raw:
    """A model of AutoKeras with its preprocessing, as the tests call a model.

    Args:
        model: The `keras.Model`.
        pipeline: The pipeline of AutoKeras.
        is_regression: Bool.
    """

    def __init__(self, model: Any, pipeline: Any, is_regression: bool) -> None:
        self._model = model
        self._pipeline = pipeline
        self._is_regression = is_regression

    def predict(self, inputs: np.ndarray, verbose: int) -> np.ndarray:
        inputs = self._pipeline.transform_x(inputs)
        outputs = self._model.predict(inputs, verbose=verbose)
        if outputs.shape[-1] > 1 or self._is_regression:
            return outputs
        # The one output of two classes is the probability of the second.
        return np.hstack([1 - outputs, outputs])


class _Note(keras.callbacks.Callback):
    """Notes the epochs of all trainings; copies of it are itself."""

    def __init__(self, watch: Watch, is_regression: bool) -> None:
        super().__init__()
        self.pipeline: Any = None
        self._watch = watch
        self._is_regression = is_regression
        self._raw: Raw | None = None

    def __deepcopy__(self, memo: Any) -> _Note:
        return self

    def on_train_begin(self, logs: Any = None) -> None:
        self._raw = Raw(self.model, self.pipeline, self._is_regression)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # An epoch of its large models may take longer than the search.
        self._watch.check()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._watch.on_epoch_end(self._raw, logs)


def autokeras(
    task: Task, data: Data, watch: Watch, seed: int, folder: pathlib.Path
) -> None:
    """Searches with AutoKeras's own defaults for the kind of data."""
    import autokeras

    note = _Note(watch, task.is_regression)
    kind = "Regressor" if task.is_regression else "Classifier"
    name = NAMES[task.kind] + kind
    base = getattr(autokeras.tuners.task_specific, f"{name}Tuner")

    class Watched(base):
        def _prepare_model_build(self, hp: Any, **kwargs: Any) -> Any:
            prepared = super()._prepare_model_build(hp, **kwargs)
            note.pipeline = prepared[0]
            return prepared

    searcher = getattr(autokeras, name)(
        objective=task.objective,
        max_trials=task.trials,
        # It takes 0 for no seed.
        seed=1 + seed,
        directory=folder,
        tuner=Watched,
    )
    inputs = [rows[0] for rows in (data.train, data.validation)]
    if task.kind == "text":
        inputs = [rows.astype(str) for rows in inputs]
    searcher.fit(
        inputs[0],
        data.train[1],
        validation_data=(inputs[1], data.validation[1]),
        epochs=task.epochs,
        callbacks=[note],
        verbose=0,
    )
