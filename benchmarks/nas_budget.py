"""The budget of an architecture search, and its result."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt

from benchmarks.nas_tasks import Data
from benchmarks.nas_tasks import Task

BATCH_SIZE = 32


@dataclasses.dataclass(frozen=True)
class Budget:
    """The budget of a search.

    Args:
        trials: Int.
        epochs: Int, of each trial.
        seconds: Float, for those that search for a time. Defaults to None.
    """

    trials: int
    epochs: int
    seconds: float | None = None


@dataclasses.dataclass(frozen=True)
class Found:
    """The result of a search.

    Args:
        score: Float, on the rows for testing.
        trials: Int, how many were made; those that Hyperband goes on with
            count again.
        params: Int, of the model; 0 if it is no Keras model.
        values: Dict, the hyperparameters of the model.
    """

    score: float
    trials: int
    params: int = 0
    values: dict[str, Any] = dataclasses.field(default_factory=dict)


def trained_on_known(
    data: Data,
    hypermodel: kt.HyperModel,
    trial: kt.engine.trial.Trial,
    batch_size: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> keras.Model:
    """Trains the winner of a cross-validation on the rows of all folds.

    It is trained for as many epochs as its folds took to their best one, on
    average.
    """
    hp = trial.hyperparameters
    model = hypermodel.build(hp)
    hypermodel.fit(
        hp,
        model,
        *data.known,
        epochs=trial.best_step + 1,
        batch_size=batch_size,
        callbacks=list(callbacks),
        verbose=0,
    )
    return model


def tested(task: Task, data: Data, model: keras.Model) -> float:
    """Returns the score of a model on the rows for testing."""
    inputs, targets = data.test
    return task.score(targets, model.predict(inputs, verbose=0))
