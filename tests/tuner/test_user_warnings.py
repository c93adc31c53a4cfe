"""Warnings: at the user's line, and each of Keras's once."""

import math
import warnings

import keras
import pytest
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner

import kt_evolution
from kt_evolution.user_warnings import ignored_warnings
from kt_evolution.user_warnings import warn_user


def warn_twice():
    for _ in range(2):
        warnings.warn("shown", stacklevel=1)
        with ignored_warnings("hid", category=UserWarning):
            warnings.warn("hidden", stacklevel=1)


def test_hidden_warnings_leave_the_memory_of_shown_ones_alone():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        before = list(warnings.filters)
        warn_twice()
        assert warnings.filters == before
    assert [str(one.message) for one in shown] == ["shown"]


def test_filters_are_removed_after_an_error():
    before = list(warnings.filters)
    with pytest.raises(KeyError), ignored_warnings("a", "b"):
        raise KeyError
    assert warnings.filters == before


def test_a_warning_is_at_the_line_of_the_user():
    with pytest.warns(UserWarning, match="Look") as shown:
        warn_user("Look.")
    assert shown[0].filename == __file__


def build_with_input_shape(hp):
    """Builds a model of a layer of which Keras warns."""
    units = hp.Int("units", 1, 16)
    if units > 12:
        # The layer raises an error.
        units = -units
    model = keras.Sequential([keras.layers.Dense(units, input_shape=(4,))])
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile(
        "sgd", "binary_crossentropy", metrics=["accuracy"], run_eagerly=True
    )
    return model


def test_a_warning_of_keras_is_shown_once_in_a_search(tmp_path):
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        tuner = kt_evolution.EvolutionTuner(
            build_with_input_shape,
            "val_accuracy",
            max_trials=4,
            seed=0,
            directory=tmp_path,
        )
        tuner.search(**FIT)
        tuner.get_best_models(2)
        tuner.search_space_summary()
        build_with_input_shape(tuner.get_best_hyperparameters()[0])
    texts = [str(one.message) for one in shown]
    assert sum("Do not pass an `input_shape`" in text for text in texts) == 1
    rejected = [one for one in shown if "rejected before" in str(one.message)]
    assert {one.filename for one in rejected} == {__file__}


def test_a_score_that_is_not_a_number_repeats_no_warning(tmp_path):
    def score(hp):
        warnings.warn("of a trial", stacklevel=1)
        x = hp.Float("x", 0.0, 1.0)
        return math.nan if len(tuner.oracle.trials) == 2 else x

    tuner = ScoringTuner(max_trials=4, seed=0, directory=tmp_path)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        tuner.search(score)
    texts = [str(one.message) for one in shown]
    assert texts.count("of a trial") == 1
    assert not any("All-NaN" in text for text in texts)
