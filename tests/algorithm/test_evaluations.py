"""Statistics of repeated trainings, worked by hand."""

import math

import numpy as np
import pytest

from kt_evolution.algorithm.history.evaluations import PRIOR_DEGREES_OF_FREEDOM
from kt_evolution.algorithm.history.evaluations import Evaluation
from kt_evolution.algorithm.history.evaluations import merge
from kt_evolution.algorithm.history.evaluations import noise_variance
from kt_evolution.algorithm.history.evaluations import pooled_variance


def test_one_evaluation_is_its_own_pool():
    one = Evaluation((1.0, 2.0), (0.5,))
    assert merge([one]) is one
    assert one.sum_of_squares == (0.0, 0.0)


def test_pool_of_single_trainings():
    merged = merge([Evaluation((1.0,)), Evaluation((2.0,)), Evaluation((6.0,))])
    assert merged.objectives == (3.0,)
    assert merged.stds == pytest.approx((np.std([1, 2, 6], ddof=1),))
    assert merged.num_runs == 3


def test_pool_of_means_is_that_of_all_their_trainings():
    runs = [[1.0, 3.0], [2.0, 4.0, 9.0], [5.0]]
    merged = merge(
        Evaluation(
            (float(np.mean(some)),),
            (float(np.mean(some)) - 4.0,),
            (float(np.std(some, ddof=1)),) if len(some) > 1 else (),
            len(some),
        )
        for some in runs
    )
    together = sum(runs, [])
    assert merged.objectives == pytest.approx((np.mean(together),))
    assert merged.violations == pytest.approx((np.mean(together) - 4.0,))
    assert merged.stds == pytest.approx((np.std(together, ddof=1),))
    assert merged.num_runs == 6


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite(value):
    assert Evaluation((1.0,), (0.0,)).is_finite
    assert not Evaluation((value,)).is_finite
    assert not Evaluation((1.0,), (value,)).is_finite


def test_nothing_is_known_of_single_trainings():
    sum_of_squares, runs = np.zeros((3, 2)), np.ones(3, dtype=int)
    variance, degrees_of_freedom = pooled_variance(sum_of_squares, runs)
    assert degrees_of_freedom == 0 and np.isnan(variance).all()
    assert np.isnan(noise_variance(sum_of_squares, runs)).all()


def test_chance_is_drawn_to_that_of_all():
    sum_of_squares = np.array([[0.0], [6.0], [0.0]])
    runs = np.array([3, 3, 1])
    variance, degrees_of_freedom = pooled_variance(sum_of_squares, runs)
    assert (variance[0], degrees_of_freedom) == (1.5, 4)
    prior = PRIOR_DEGREES_OF_FREEDOM * 1.5
    expected = [
        prior / (PRIOR_DEGREES_OF_FREEDOM + 2) / 3,
        (prior + 6.0) / (PRIOR_DEGREES_OF_FREEDOM + 2) / 3,
        1.5,
    ]
    np.testing.assert_allclose(
        noise_variance(sum_of_squares, runs)[:, 0], expected
    )


def test_two_trainings_are_too_few_to_learn_chance_from():
    sum_of_squares, runs = np.array([[1.0], [0.0]]), np.array([2, 1])
    assert np.isnan(noise_variance(sum_of_squares, runs)).all()


def test_one_diverged_model_makes_no_other_noisy():
    # The variances are 1 to 5, and that of a diverged training.
    sum_of_squares = np.array([[2.0], [4.0], [6.0], [8.0], [10.0], [2e8], [0]])
    runs = np.array([3, 3, 3, 3, 3, 3, 1])
    variance, degrees_of_freedom = pooled_variance(sum_of_squares, runs)
    # The median is 3.5, so that the last one counts as 350.
    assert degrees_of_freedom == 12
    assert variance[0] == pytest.approx((15.0 + 350.0) / 6.0)
    prior = PRIOR_DEGREES_OF_FREEDOM
    expected = (prior * variance[0] + 2.0 * 350.0) / (prior + 2.0) / 3.0
    noise = noise_variance(sum_of_squares, runs)
    assert noise[5, 0] == pytest.approx(expected)
    assert sum_of_squares[5, 0] == 2e8


@pytest.mark.parametrize("large", [300.0, 1e300])
def test_models_without_any_spread_limit_no_other(large):
    sum_of_squares = np.array([[0.0], [0.0], [0.0], [large]])
    variance, _ = pooled_variance(sum_of_squares, np.array([2, 2, 2, 2]))
    assert variance[0] == large / 4.0


def test_each_objective_has_its_own_outliers():
    sum_of_squares = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 1e6]])
    variance, _ = pooled_variance(sum_of_squares, np.array([2, 2, 2]))
    np.testing.assert_allclose(variance, [1.0, 34.0])
