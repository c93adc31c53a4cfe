"""Callbacks of a search, next to Keras's, which are those of a training."""

import keras_tuner as kt
from keras_tuner.engine.trial import Trial


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
