"""What happens to scores before they are learned from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from kt_evolution.algorithm.surrogate.standardization import standardize
from kt_evolution.algorithm.surrogate.standardization import (
    standardize_violations,
)
from kt_evolution.algorithm.surrogate.subset import choose_points

FINITE = st.lists(
    st.one_of(
        st.integers(0, 3).map(float),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    min_size=1,
    max_size=40,
).map(np.array)


@given(FINITE)
@settings(max_examples=200)
def test_warped_scores_keep_their_order_and_have_unit_scale(scores):
    standardized, _ = standardize(scores)
    order = np.argsort(scores, kind="stable")
    assert (np.diff(standardized[order]) >= 0.0).all()
    assert standardized.mean() == pytest.approx(0.0, abs=1e-9)
    assert standardized.std() in (0.0, pytest.approx(1.0))


@pytest.mark.parametrize("tiny", [5e-324, 4.2693401049677043e-162, 1e-90])
def test_scores_whose_squares_underflow_have_unit_scale(tiny):
    standardized, _ = standardize(np.array([0.0, 1.0, tiny]))
    assert standardized.std() == pytest.approx(1.0)
    assert standardized[0] <= standardized[2] < standardized[1]


def test_bad_scores_are_all_alike():
    standardized, _ = standardize(np.array([0.0, 1.0, 2.0, 1e3, 1e9]))
    assert standardized[3] == standardized[4]
    assert standardized[0] < standardized[1] < standardized[2] < standardized[3]


def test_scale_and_offset_do_not_matter():
    scores = np.random.default_rng(0).normal(size=20) ** 2
    np.testing.assert_allclose(
        standardize(1e6 * scores + 5.0)[0], standardize(scores)[0]
    )


def test_a_unit_makes_scores_of_what_was_standardized():
    scores = np.array([3.0, 1.0, 2.0, 4.0, 1e9])
    standardized, score_scale = standardize(scores)
    again = score_scale.offset + score_scale.scale * standardized
    np.testing.assert_allclose(again[:4], scores[:4], rtol=1e-6)


def test_a_short_history_is_kept_whole():
    np.testing.assert_array_equal(choose_points(np.zeros(5), 5), np.arange(5))


def test_the_best_the_latest_and_some_in_between_are_kept():
    scores = np.arange(100.0)[::-1].copy()
    scores[:5] = -1.0
    kept = choose_points(scores, 12)
    assert len(kept) == 12
    assert set(range(5)) <= set(kept)
    assert {99, 98, 97, 96} <= set(kept)
    assert any(20 < position < 80 for position in kept)


@given(FINITE, st.integers(1, 50))
@settings(max_examples=100)
def test_subsets_are_sorted_bounded_and_hold_the_best(scores, max_points):
    kept = choose_points(scores, max_points)
    assert len(kept) == min(len(scores), max_points)
    assert (np.diff(kept) > 0).all()
    assert scores[kept].min() == scores.min()


@given(FINITE)
@settings(max_examples=200)
def test_violations_keep_their_order_and_their_sign(violations):
    standardized, score_scale = standardize_violations(violations)
    order = np.argsort(violations, kind="stable")
    assert (np.diff(standardized[order]) >= 0.0).all()
    assert standardized.mean() == pytest.approx(0.0, abs=1e-9)
    assert standardized.std() in (0.0, pytest.approx(1.0))
    again = score_scale.scores(standardized)
    assert np.isfinite(again).all()
    # What is far smaller than the largest can't be told from zero.
    clear = np.abs(violations) > 1e-9 * np.abs(again).max()
    clear &= np.abs(violations) > 1e-180
    np.testing.assert_array_equal(
        np.sign(again[clear]), np.sign(violations[clear])
    )


def test_violations_are_clipped_at_three_times_the_median_size():
    violations = np.array([-1e9, -1.0, -1.0, 0.0, 0.0, 1.0, 2.0, 1e9, 1e6])
    standardized, score_scale = standardize_violations(violations)
    # The sizes that are not zero are 1, 1, 1, 2, 1e6, 1e9 and 1e9.
    np.testing.assert_allclose(
        score_scale.scores(standardized),
        [-6.0, -1.0, -1.0, 0.0, 0.0, 1.0, 2.0, 6.0, 6.0],
        atol=1e-12,
    )


@pytest.mark.parametrize("violation", [0.0, 5.0, -5.0, 1e-250, 1e300])
def test_equal_violations_are_zeros(violation):
    standardized, score_scale = standardize_violations(np.full(4, violation))
    assert standardized.tolist() == [0.0] * 4
    assert np.sign(score_scale.offset) == np.sign(violation)
