"""Mistakes of a build function are distinguished from values that don't fit."""

import keras
import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import empty_model
from tuner_helpers import trials_of

from kt_evolution.proposals.mistakes import first_line
from kt_evolution.proposals.mistakes import is_deliberate
from kt_evolution.proposals.mistakes import is_mistake
from kt_evolution.proposals.mistakes import place_of


def new_tuner(folder, build, max_trials=6):
    return ScoringTuner(build, max_trials=max_trials, seed=0, directory=folder)


MISTAKES = {
    "attribute": (lambda hp: hp.Imt("a", 1, 9), AttributeError),
    "key": (lambda hp: {8: 1}[hp.Int("a", 1, 9)], KeyError),
    "index": (lambda hp: [][hp.Int("a", 1, 9)], IndexError),
    "type": (lambda hp: hp.Int("a", 1, 9) + "1", TypeError),
    "argument": (lambda hp: empty_model(units=hp.Int("a", 1, 9)), TypeError),
    "name": (lambda hp: unknown + hp.Int("a", 1, 9), NameError),  # noqa: F821
    "hyperparameter": (lambda hp: hp.get("unknown"), KeyError),
    "declaration": (lambda hp: hp.Choice("a", [0.1, None]), ValueError),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_that_the_defaults_meet_is_raised_at_once(tmp_path, name):
    build, error = MISTAKES[name]
    with pytest.raises(error):
        new_tuner(tmp_path, build)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_conditional_scope_is_raised_at_once(tmp_path, name):
    def build(hp):
        use = hp.Boolean("use")
        with hp.conditional_scope("use", [True]):
            if use:
                MISTAKES[name][0](hp)
        return empty_model()

    with pytest.raises(MISTAKES[name][1]):
        new_tuner(tmp_path, build)


def test_a_mistake_made_between_two_runs_is_raised_on_resume(tmp_path):
    def build(hp):
        hp.Int("a", 1, 9)
        return empty_model()

    new_tuner(tmp_path, build).search(lambda hp: hp.get("a"))
    with pytest.raises(AttributeError, match="Imt"):
        new_tuner(tmp_path, lambda hp: hp.Imt("a", 1, 9))
    # Nothing is lost by it.
    assert len(trials_of(new_tuner(tmp_path, build), "COMPLETED")) == 6


def test_an_error_of_a_layer_at_the_defaults_is_one_of_its_values(tmp_path):
    rates = {"none": None, "half": 0.5}

    def build(hp):
        hp.Int("a", 1, 9)
        # Keras compares it with 0: a TypeError.
        keras.layers.Dropout(rates[hp.Choice("rate", ["none", "half"])])
        return empty_model()

    tuner = new_tuner(tmp_path, build)
    with pytest.warns(UserWarning, match="TypeError"):
        tuner.search(lambda hp: hp.get("a"))
    trials = trials_of(tuner, "COMPLETED")
    assert len(trials) == 6
    assert {t.hyperparameters.get("rate") for t in trials} == {"half"}


def error_of(function):
    with pytest.raises(Exception) as caught:
        function()
    return caught.value


def test_mistakes_are_bugs_of_the_users_own_line():
    assert is_mistake(error_of(lambda: {}["x"]))
    assert is_mistake(error_of(lambda: None.x))
    assert not is_mistake(error_of(lambda: 1 / 0))
    assert not is_mistake(error_of(lambda: keras.layers.Conv2D(2, 9)(1)))
    assert not is_mistake(None)


def turn_down(error):
    raise error


def asserting():
    assert keras is None


class Refusing(keras.layers.Layer):
    def call(self, inputs):
        raise ValueError("of this shape")


def test_an_error_that_the_users_code_raises_is_deliberate():
    for function in (
        lambda: turn_down(ValueError),
        lambda: turn_down(TypeError("It is too big.")),
        asserting,
        lambda: Refusing()(keras.Input((2,))),
    ):
        error = error_of(function)
        assert is_deliberate(error)
        assert not is_mistake(error)
        assert place_of(error).startswith(" (raised in test_mistakes.py, line")


def test_errors_of_bugs_and_of_layers_are_not_deliberate():
    bug, layer = error_of(lambda: None.x), error_of(keras.layers.Dense)
    of_values = error_of(lambda: keras.layers.Conv2D(2, 9)(1))
    assert not any(map(is_deliberate, (bug, layer, of_values)))
    assert place_of(bug).startswith(" (mistake in test_mistakes.py, line")
    assert place_of(of_values).startswith(" (test_mistakes.py, line")
    assert not is_deliberate(ValueError("It was never raised."))


def test_the_line_of_an_error_is_the_one_that_says_what_is_wrong():
    dense = keras.layers.Dense(1)
    dense.build((None, 3))
    error = error_of(lambda: keras.Sequential([dense])(keras.Input((2,))))
    assert "incompatible" in first_line(error)
    assert "\x1b" not in first_line(error)
    assert first_line(ValueError()) == ""
