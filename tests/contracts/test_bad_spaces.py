"""A bad declaration gets an error with its name and its value."""

import pytest

from kt_evolution.algorithm.space.declarations import SpaceError
from kt_evolution.proposals.dry_build import BuildHyperParameters

BAD = {
    "step 0": (lambda hp: hp.Int("x", 1, 5, step=0), "step=0"),
    "step below 0": (lambda hp: hp.Float("x", 1, 5, step=-0.5), "step=-0.5"),
    "default above": (lambda hp: hp.Int("x", 1, 5, default=99), "default=99"),
    "default of another type": (
        lambda hp: hp.Choice("x", [1, 2], default="c"),
        "default='c'",
    ),
    "default below": (
        lambda hp: hp.Float("x", 1, 5, default=0.5),
        "default=0.5",
    ),
    "default text": (lambda hp: hp.Int("x", 1, 5, default="3"), "default='3'"),
    "default nan": (
        lambda hp: hp.Float("x", 1, 5, default=float("nan")),
        "default=nan",
    ),
    "default half": (
        lambda hp: hp.Int("x", 1, 5, default=2.5),
        "default=2.5",
    ),
    "default unlisted": (
        lambda hp: hp.Choice("x", ["a", "b"], default="c"),
        "default=c",
    ),
    "default no boolean": (lambda hp: hp.Boolean("x", default=7), "default=7"),
    "no choices": (lambda hp: hp.Choice("x", []), r"\[\]"),
    "mixed choices": (lambda hp: hp.Choice("x", [1, "a"]), r"\[1, 'a'\]"),
    "min above max": (lambda hp: hp.Int("x", 7, 5), "7.*5"),
    "log of 0": (
        lambda hp: hp.Float("x", 0, 1, sampling="log"),
        r"min_value: 0\.0",
    ),
    "reverse log of -1": (
        lambda hp: hp.Int("x", -1, 5, sampling="reverse_log"),
        "min_value: -1",
    ),
    "log step 1": (
        lambda hp: hp.Int("x", 1, 5, step=1, sampling="log"),
        "step=1",
    ),
    "infinite bound": (
        lambda hp: hp.Float("x", 0, float("inf")),
        "max_value=inf",
    ),
    "infinite integer": (lambda hp: hp.Int("x", 0, float("inf")), "inf"),
    "unknown sampling": (
        lambda hp: hp.Float("x", 1, 2, sampling="square"),
        "square",
    ),
    "fixed list": (lambda hp: hp.Fixed("x", [1, 2]), r"\[1, 2\]"),
    "integers beyond all floats": (
        lambda hp: hp.Int("x", 0, 10**400),
        "must be finite.*1" + 400 * "0",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_declaration_is_named_where_it_is_made(name):
    declare, value = BAD[name]
    with pytest.raises(SpaceError, match=f"(?s)'x'.*{value}"):
        declare(BuildHyperParameters())


@pytest.mark.parametrize("largest", [2**40, 2**64, 10**30])
def test_many_integers_are_no_bad_declaration(largest):
    assert BuildHyperParameters().Int("x", 0, largest) == 0
