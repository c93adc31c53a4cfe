"""A range that depends on another hyperparameter: a warning names the cause."""

import warnings

import keras_tuner as kt
import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import empty_model
from tuner_helpers import trials_of

from kt_evolution.keras_tuner_bridge.redeclarations import has_same_range


def warnings_of(folder, build, max_trials=8, **kwargs):
    """Returns what a search warned of declarations."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tuner = ScoringTuner(
            build, max_trials=max_trials, seed=0, directory=folder, **kwargs
        )
        tuner.search(lambda hp: float(hp.get("a")))
    assert len(trials_of(tuner, "COMPLETED")) == max_trials
    messages = [str(warning.message) for warning in caught]
    return [text for text in messages if "declar" in text]


def bounds(hp):
    a = hp.Int("a", 10, 1000)
    hp.Int("b", int(0.6 * a), a)


def behind_others(hp):
    """The cause is one of many that differ."""
    for i in range(5):
        hp.Float(f"before_{i}", 0.0, 1.0)
    a = hp.Int("a", 1, 1000)
    for i in range(3):
        hp.Boolean(f"between_{i}")
    hp.Float("b", 0.0, a / 1000)


def same_name_in_two_branches(hp):
    hp.Float("rate", 0.0, 1.0)
    if hp.Choice("a", [1, 2]) == 1:
        hp.Int("b", 1, 8)
    else:
        hp.Int("b", 100, 800)


def choices(hp):
    a = hp.Int("a", 1, 1000)
    hp.Choice("b", ["relu", "tanh"] if a < 500 else ["relu", "gelu"])


def fixed(hp):
    hp.Fixed("b", 2 * hp.Int("a", 1, 1000))


DEPENDENT = [bounds, behind_others, same_name_in_two_branches, choices, fixed]


@pytest.mark.parametrize("declare", DEPENDENT)
def test_a_range_that_depends_on_another_hyperparameter_names_both(
    tmp_path, declare
):
    def build(hp):
        declare(hp)
        return empty_model()

    (message,) = warnings_of(tmp_path, build)
    assert (
        "The range of hyperparameter 'b' depends on the value of 'a'" in message
    )


def total(hp):
    parts = [hp.Int(f"k{i}", 1, 50) for i in range(3)]
    hp.Boolean("unrelated")
    hp.Int("b", 1, sum(parts[:2]))


def total_of_some(hp):
    parts = [hp.Int(f"k{i}", 1, 50) for i in range(hp.Int("n", 1, 3))]
    hp.Int("b", 1, sum(parts))


def total_of_many(hp):
    parts = [hp.Int(f"k{i}", 1, 50) for i in range(12)]
    hp.Int("b", 1, sum(parts))


@pytest.mark.parametrize(
    ("declare", "causes"),
    [
        (total, "values of 'k0' and 'k1'."),
        (total_of_some, "values of 'n' and 'k0'."),
        (total_of_many, "values of 'k0', 'k1', 'k2', 'k3' and others."),
    ],
)
def test_a_range_that_depends_on_several_hyperparameters_names_them(
    tmp_path, declare, causes
):
    def build(hp):
        hp.Boolean("a")
        declare(hp)
        return empty_model()

    (message,) = warnings_of(tmp_path, build)
    assert f"The range of hyperparameter 'b' depends on the {causes}" in message


def test_rounding_is_no_other_range(tmp_path):
    def build(hp):
        a = hp.Int("a", 1, 9)
        hp.Float("b", 0.1, a * 0.3 / a)
        hp.Float("c", 0.1 * a + 0.2 - 0.1 * a - 0.2, 1.0)
        hp.Float("d", 1e-9, 1.0, step=(0.1 + a) - a)
        return empty_model()

    assert not warnings_of(tmp_path, build, 8)


def test_a_name_that_is_declared_twice_in_a_build_has_no_cause(tmp_path):
    def build(hp):
        hp.Int("a", 1, 30)
        hp.Int("a", 100, 300)
        return empty_model()

    (message,) = warnings_of(tmp_path, build)
    assert "'a' is declared with different ranges" in message
    assert "max_value: 30" in message and "max_value: 300" in message


def test_a_dependent_range_is_told_again_after_a_restart(tmp_path):
    def build(hp):
        bounds(hp)
        return empty_model()

    assert len(warnings_of(tmp_path, build, 4)) == 1
    (message,) = warnings_of(tmp_path, build, 8)
    assert "'b' depends on the value of 'a'" in message


def test_ranges_that_the_user_declared_in_advance_are_meant(tmp_path):
    in_advance = kt.HyperParameters()
    in_advance.Int("b", 1, 5)

    def build(hp):
        bounds(hp)
        return empty_model()

    assert not warnings_of(tmp_path, build, hyperparameters=in_advance)


def test_defaults_may_depend_on_other_hyperparameters(tmp_path):
    def build(hp):
        a = hp.Int("a", 1, 100)
        hp.Int("b", 1, 100, default=a)
        return empty_model()

    assert not warnings_of(tmp_path, build)


def test_names_under_two_conditions_are_two_hyperparameters(tmp_path):
    def build(hp):
        a = hp.Choice("a", [1, 2])
        with hp.conditional_scope("a", [1]):
            if a == 1:
                hp.Int("b", 1, 8)
        with hp.conditional_scope("a", [2]):
            if a == 2:
                hp.Int("b", 100, 800)
        return empty_model()

    assert not warnings_of(tmp_path, build)


def test_a_range_that_was_edited_between_two_runs_is_told_once(tmp_path):
    def build(high):
        def declare(hp):
            hp.Int("a", 1, high)
            return empty_model()

        return declare

    assert not warnings_of(tmp_path, build(50), 4)
    (message,) = warnings_of(tmp_path, build(90), 8)
    assert "was declared otherwise when the search began" in message


@pytest.mark.parametrize("in_advance", [False, True])
def test_rounding_is_no_edit_between_two_runs(tmp_path, in_advance):
    def search(high, max_trials):
        def declare(hp):
            hp.Float("a", 0.1, high, default=high / 2)
            return empty_model()

        advance = kt.HyperParameters()
        advance.Float("a", 0.1, high, default=high / 2)
        options = {"hyperparameters": advance} if in_advance else {}
        return warnings_of(tmp_path, declare, max_trials, **options)

    assert not search(0.3, 4)
    assert not search(3 * 0.1, 6)
    (message,) = search(0.4, 8)
    assert "0.4" in message


def hyperparameter(declare):
    hp = kt.HyperParameters()
    declare(hp)
    return hp.space[0]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (lambda hp: hp.Int("a", 1, 5), lambda hp: hp.Int("a", 1, 5), True),
        (
            lambda hp: hp.Int("a", 1, 5),
            lambda hp: hp.Int("a", 1, 5, default=3),
            True,
        ),
        (lambda hp: hp.Int("a", 1, 5), lambda hp: hp.Int("a", 1, 6), False),
        (
            lambda hp: hp.Int("a", 1, 5),
            lambda hp: hp.Int("a", 1, 5, step=2),
            False,
        ),
        (lambda hp: hp.Int("a", 1, 5), lambda hp: hp.Float("a", 1, 5), False),
        (
            lambda hp: hp.Float("a", 0.1, 0.3),
            lambda hp: hp.Float("a", 0.1, 3 * 0.1),
            True,
        ),
        (
            lambda hp: hp.Float("a", 0.0, 1.0),
            lambda hp: hp.Float("a", 0.1 + 0.2 - 0.3, 1.0),
            True,
        ),
        (
            lambda hp: hp.Float("a", 1e-17, 1.0, sampling="log"),
            lambda hp: hp.Float("a", 5e-17, 1.0, sampling="log"),
            False,
        ),
        (
            lambda hp: hp.Float("a", 0.0, 1.0),
            lambda hp: hp.Float("a", 0.0, 1.0 + 1e-12),
            False,
        ),
        (
            lambda hp: hp.Int("a", 0, 10**18),
            lambda hp: hp.Int("a", 0, 10**18 + 1),
            False,
        ),
        (
            lambda hp: hp.Fixed("a", 0.3),
            lambda hp: hp.Fixed("a", 3 * 0.1),
            True,
        ),
        (
            lambda hp: hp.Choice("a", [0.1, 0.3]),
            lambda hp: hp.Choice("a", [3 * 0.1, 0.1]),
            True,
        ),
        (
            lambda hp: hp.Choice("a", ["relu", "tanh"]),
            lambda hp: hp.Choice("a", ["relu", "gelu"]),
            False,
        ),
        (
            lambda hp: hp.Choice("a", [1, 2]),
            lambda hp: hp.Choice("a", [2, 1]),
            True,
        ),
        (
            lambda hp: hp.Choice("a", [1, 2]),
            lambda hp: hp.Choice("a", [1, 3]),
            False,
        ),
    ],
)
def test_ranges_are_compared_without_their_defaults(first, second, expected):
    same = has_same_range(hyperparameter(first), hyperparameter(second))
    assert same is expected


@pytest.mark.parametrize("largest", [10**15, 10**15 + 3])
def test_ranges_are_compared_without_listing_their_values(largest):
    first = hyperparameter(lambda hp: hp.Int("a", 1, 10**15, step=3))
    second = hyperparameter(lambda hp: hp.Int("a", 1, largest, step=3))
    assert has_same_range(first, second) is (largest == 10**15)
