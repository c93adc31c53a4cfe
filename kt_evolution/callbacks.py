"""Callbacks of a search, next to Keras's, which are those of a training."""

from collections.abc import Iterable
from numbers import Real
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial


def as_list(callbacks: Any) -> list[Any]:
    """Returns callbacks as a list.

    Args:
        callbacks: A callback, a list or tuple of them, or None for none.

    Raises:
        TypeError: If one is not a callback.
    """
    if callbacks is None:
        return []
    if isinstance(callbacks, str) or not isinstance(callbacks, Iterable):
        callbacks = [callbacks]
    several = list(callbacks)
    for callback in several:
        if isinstance(callback, type):
            raise TypeError(
                "`callbacks` must be a list of callbacks, not of their "
                f"classes. Received: {callback.__name__}, not "
                f"{callback.__name__}()"
            )
        # A `run_trial` may take callbacks of any library.
        if callback is None or isinstance(callback, (str, Real)):
            raise TypeError(
                "`callbacks` must be a callback or a list of callbacks. "
                f"Received: {callback!r} (of type {type(callback).__name__})"
            )
    return several


class SearchCallback:
    """Is called when a search and its trials begin or end.

    It goes with Keras's callbacks to `EvolutionTuner.search`. Those are copied
    for each training; this one is the same for the whole search.

    Example:

    ```python
    class Ring(kt_evolution.SearchCallback):
        def on_trial_end(self, tuner, trial):
            print(trial.trial_id, trial.status, trial.score)

    tuner.search(x, y, validation_data=(x_val, y_val), callbacks=[Ring()])
    ```
    """

    def on_search_begin(self, tuner: kt.Tuner) -> None:
        """Is called before the first trial, of a resumed search as well."""

    def on_trial_end(self, tuner: kt.Tuner, trial: Trial) -> None:
        """Is called once a trial's result is stored, or its failure."""

    def on_search_end(self, tuner: kt.Tuner) -> None:
        """Is called after the last trial, and after Ctrl-C."""
