"""Log expected improvement: right where EI is, finite where it is not."""

import numpy as np
import pytest
from scipy.stats import norm

from kt_evolution.surrogate import log_expected_improvement


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
