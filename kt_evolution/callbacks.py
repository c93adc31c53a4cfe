"""Callbacks of a whole search. Keras's callbacks are those of a training."""

from collections.abc import Iterable
from numbers import Real
from typing import Any

import keras
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
    """A callback that is called when a search begins and when trials end.

    Pass it to `EvolutionTuner.search`, among Keras's callbacks. Keras's are
    copied for each training; this one is the same for the whole search. Of a
    class that is both, the copies are called by the trainings.

    Example:

    ```python
    class Ring(kt_evolution.SearchCallback):
        def on_trial_end(self, tuner, trial):
            print(trial.trial_id, trial.status, trial.score)

    tuner.search(x, y, validation_data=(x_val, y_val), callbacks=[Ring()])
    ```
    """

    def on_search_begin(self, tuner: kt.Tuner) -> None:
        """Called before the first trial, also of a resumed search."""

    def on_trial_end(self, tuner: kt.Tuner, trial: Trial) -> None:
        """Called once the result or the failure of a trial is stored."""

    def on_trial_pause(self, tuner: kt.Tuner, trial: Trial) -> None:
        """Called once it is stored that a trial is paused at a rung.

        With a `fidelity` a trial may be paused several times before it ends.
        """

    def on_search_end(self, tuner: kt.Tuner) -> None:
        """Called after the last trial, and after Ctrl-C."""


class SearchCallbacks:
    """The `SearchCallback`s of a search.

    Args:
        fit_kwargs: Dict of the arguments of the search, from whose callbacks
            they are taken out.
    """

    def __init__(self, fit_kwargs: dict[str, Any]) -> None:
        self._callbacks: list[SearchCallback] = []
        others = []
        for callback in as_list(fit_kwargs.pop("callbacks", None)):
            is_of_search = isinstance(callback, SearchCallback)
            if is_of_search:
                self._callbacks.append(callback)
            # A class may be both.
            if not is_of_search or isinstance(
                callback, keras.callbacks.Callback
            ):
                others.append(callback)
        # A custom `run_trial` need not know the argument.
        if others:
            fit_kwargs["callbacks"] = others

    def on_search_begin(self, tuner: kt.Tuner) -> None:
        for callback in self._callbacks:
            callback.on_search_begin(tuner)

    def on_trial_end(self, tuner: kt.Tuner, trial: Trial) -> None:
        for callback in self._callbacks:
            callback.on_trial_end(tuner, trial)

    def on_trial_pause(self, tuner: kt.Tuner, trial: Trial) -> None:
        for callback in self._callbacks:
            callback.on_trial_pause(tuner, trial)

    def on_search_end(self, tuner: kt.Tuner) -> None:
        for callback in self._callbacks:
            callback.on_search_end(tuner)
