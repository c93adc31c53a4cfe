"""Numbers as every table shows them."""

import math

import pytest

from kt_evolution.display.formatting import distances
from kt_evolution.display.formatting import number
from kt_evolution.display.formatting import numbers
from kt_evolution.display.formatting import prediction
from kt_evolution.display.formatting import same_width
from kt_evolution.display.formatting import score_rows
from kt_evolution.display.formatting import setting
from kt_evolution.limits import Limit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9362.0, "9,362"),
        (999, "999"),
        (61_234, "61,234"),
        # The nearest 32-bit float to 0.825.
        (0.824999988079071, "0.825"),
        (0.1 + 0.2, "0.3"),
        (0.96451, "0.9645"),
        # What is not 1 does not look like 1.
        (0.99998, "0.99998"),
        (-99.996, "-99.996"),
        (12345.6, "12345.6"),
        # The difference is due to rounding.
        (3.0000000000000004, "3"),
        (1e300, "1e+300"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (True, "True"),
        ("adam", "adam"),
    ],
)
def test_a_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (20_000, "20000"),
        (1024.0, "1024"),
        (0.00123456, "0.001235"),
        ("a,b",) * 2,
    ],
)
def test_a_value_of_a_hyperparameter_can_be_copied(value, text):
    assert setting(value) == text


def test_scores_that_differ_look_different():
    near = [0.999970018863678, 0.9999799728393555, 1.0, 0.999970018863678]
    assert numbers(near) == ["0.99997", "0.99998", "1", "0.99997"]
    assert numbers([0.964512, 0.964508, 0.5]) == ["0.964512", "0.964508", "0.5"]
    # Neighbors among the 32-bit floats.
    assert numbers([0.824999988079071, 0.8250000476837158]) == [
        "0.825",
        "0.82500005",
    ]
    # Rounding errors are no difference.
    assert numbers([0.3, 0.1 + 0.2]) == ["0.3", "0.3"]
    assert numbers([]) == []


def test_rows_of_scores():
    rows = score_rows([{"a": 0.12341, "b": 9362.0}, {"a": 0.12342}], ["a", "b"])
    assert rows == [["0.12341", "9,362"], ["0.12342", ""]]
    assert score_rows([], ["a"]) == []


def test_trial_ids_have_one_width():
    assert same_width(["7", "12", "103"]) == ["  7", " 12", "103"]
    assert same_width([]) == []


@pytest.mark.parametrize(
    ("mean", "std", "text"),
    [
        (0.95, 0.0123, "0.95 ± 0.012"),
        (0.999981, 1.2e-5, "0.999981 ± 1.2e-05"),
        (1234.567, 0.5, "1234.57 ± 0.5"),
        (0.123456, 3.0, "0.1235 ± 3"),
        (0.0, 0.1, "0 ± 0.1"),
        (math.nan, 0.1, "nan ± 0.1"),
    ],
)
def test_a_prediction_has_the_decimals_of_its_deviation(mean, std, text):
    assert prediction(mean, std) == text


def test_how_far_a_trial_is_from_the_limits():
    limits = [
        Limit("latency", max=4.0),
        Limit("val_accuracy", min=0.9),
        Limit("loss", max=0.0),
        Limit("params", max=10.0),
    ]
    metrics = {"latency": 5.31, "val_accuracy": 0.89, "loss": 0.5}
    assert distances(limits, {**metrics, "params": 2561.0}) == (
        "latency 5.31 (33% over 4)",
        "val_accuracy 0.89 (1.1% under 0.9)",
        "loss 0.5 (over 0)",
        "params 2,561 (256 times 10)",
    )
    assert distances(limits[:2], {"latency": 4.0}) == (
        "val_accuracy is not known",
    )
    assert distances(limits[:1], {"latency": 3.0}) == ()
    assert distances([Limit("x", max=0.0001)], {"x": 2.412332}) == (
        "x 2.412 (24,123 times 0.0001)",
    )
    assert distances([Limit("x", max=-2.0)], {"x": 8.0}) == (
        "x 8 (500% over -2)",
    )
