"""Log expected improvement: right where EI is, finite where it is not."""

import numpy as np
import pytest
from scipy.stats import norm

from kt_evolution.algorithm.surrogate.expected_improvement import (
    log_expected_hypervolume_improvement,
)
from kt_evolution.algorithm.surrogate.expected_improvement import (
    log_expected_improvement,
)


def naive(mean, std, best):
    z = (best - mean) / std
    return np.log(std * (norm.pdf(z) + z * norm.cdf(z)))


def test_equals_the_naive_one_in_the_safe_range():
    mean = np.linspace(-5.0, 5.0, 201)
    np.testing.assert_allclose(
        log_expected_improvement(mean, np.full(201, 0.9), 0.3),
        naive(mean, 0.9, 0.3),
        rtol=1e-8,
        atol=1e-9,
    )


def test_by_hand():
    # At z = 0 the improvement is std / sqrt(2 pi).
    value = log_expected_improvement(np.array([1.0]), np.array([2.0]), 1.0)
    assert value[0] == pytest.approx(np.log(2.0 / np.sqrt(2.0 * np.pi)))


def test_finite_and_decreasing_in_the_tails():
    mean = np.concatenate([-np.logspace(12, 0, 200), np.logspace(0, 12, 400)])
    values = log_expected_improvement(mean, np.full(600, 1e-3), 0.0)
    assert np.isfinite(values).all()
    assert (np.diff(values) < 0.0).all()


@pytest.mark.parametrize("z", [-1.0, -1e4])
def test_no_jump_where_the_formula_changes(z):
    mean = -z * np.array([1.0 - 1e-7, 1.0 + 1e-7])
    values = log_expected_improvement(mean, np.ones(2), 0.0)
    assert 0.0 < values[0] - values[1] < 1e-6 * max(1.0, z * z)


@pytest.mark.parametrize("std", [0.0, -1.0, np.nan])
def test_std_must_be_positive(std):
    with pytest.raises(ValueError, match="`std` must be positive. Received"):
        log_expected_improvement(np.zeros(1), np.array([std]), 0.0)


# Two objectives. (2, 2) is dominated, (9, -1) is beyond the reference.
FRONT = np.array([[0.0, 3.0], [2.0, 2.0], [1.0, 1.0], [3.0, 0.0], [9.0, -1.0]])
REFERENCE = np.array([4.0, 4.0])


def gained(mean, std, front=FRONT):
    means, stds = np.atleast_2d(mean), np.atleast_2d(std)
    return np.exp(
        log_expected_hypervolume_improvement(means, stds, front, REFERENCE)
    )


def test_a_certain_point_gains_its_area():
    certain = np.full((4, 2), 1e-9)
    means = np.array([[0.0, 0.0], [-1.0, 3.0], [1.0, 3.5], [0.5, 0.5]])
    # The front covers 1 + 6 + 4 of 16.
    np.testing.assert_allclose(
        gained(means, certain), [5.0, 1.0, 0.0, 2.25], atol=1e-6
    )
    empty = np.empty((0, 2))
    np.testing.assert_allclose(gained([1.0, 2.0], [1e-9, 1e-9], empty), 6.0)


def test_expected_area_is_that_of_samples():
    rng = np.random.default_rng(0)
    mean, std = np.array([1.0, 0.5]), np.array([0.6, 0.9])
    samples = mean + std * rng.normal(size=(4000, 2))
    areas = gained(samples, np.full((4000, 2), 1e-9))
    np.testing.assert_allclose(gained(mean, std), areas.mean(), rtol=0.05)


def test_expected_area_is_finite_far_away():
    means = np.array([[1e4, 1e4], [1e4, 0.0], [-1e4, -1e4]])
    values = log_expected_hypervolume_improvement(
        means, np.ones((3, 2)), FRONT, REFERENCE
    )
    assert np.isfinite(values).all()
    assert values[0] < values[1] < values[2]
