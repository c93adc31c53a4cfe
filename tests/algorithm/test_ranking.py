"""Dominance, crowding and limits, against hand-worked tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kt_evolution.algorithm.ranking import best_first
from kt_evolution.algorithm.ranking import chebyshev
from kt_evolution.algorithm.ranking import crowding_distance
from kt_evolution.algorithm.ranking import fitness
from kt_evolution.algorithm.ranking import front
from kt_evolution.algorithm.ranking import pareto_rank

# Two fronts: (1, 5), (2, 3), (4, 2), (6, 1) and behind it (4, 4), (6, 3).
POINTS = np.array(
    [[4.0, 4.0], [1.0, 5.0], [6.0, 3.0], [2.0, 3.0], [6.0, 1.0], [4.0, 2.0]]
)
NO_LIMITS = np.empty((6, 0))

grids = arrays(
    float,
    st.tuples(st.integers(1, 12), st.integers(2, 3)),
    elements=st.integers(0, 4).map(float),
)


def test_fronts_by_hand():
    assert pareto_rank(POINTS).tolist() == [1, 0, 1, 0, 0, 0]
    assert pareto_rank(np.empty((0, 2))).tolist() == []


def test_crowding_by_hand():
    front = POINTS[[1, 3, 5, 4]]
    # (4 - 1) / 5 + (5 - 2) / 4, and (6 - 2) / 5 + (3 - 1) / 4.
    np.testing.assert_allclose(
        crowding_distance(front), [np.inf, 1.35, 1.3, np.inf]
    )


def test_of_copies_one_has_the_room():
    front = np.array([[1.0, 3.0], [2.0, 2.0], [2.0, 2.0], [3.0, 1.0]])
    np.testing.assert_allclose(
        crowding_distance(front), [np.inf, 2.0, 0.0, np.inf]
    )
    np.testing.assert_array_equal(
        crowding_distance(np.ones((3, 2))), [np.inf, 0.0, 0.0]
    )
    assert crowding_distance(np.empty((0, 2))).shape == (0,)


def test_fitness_is_front_then_room():
    assert np.argsort(fitness(POINTS, NO_LIMITS)).tolist() == [
        *[1, 4, 3, 5],
        *[0, 2],
    ]


def test_fitness_of_one_objective_is_the_objective():
    scores = np.array([[3.0], [-1.0], [2.0]])
    np.testing.assert_array_equal(
        fitness(scores, np.empty((3, 0))), scores[:, 0]
    )


@pytest.mark.parametrize(
    "objectives",
    [
        np.array([[3.0], [1.0], [2.0], [0.0]]),
        np.array([[3.0, 3.0], [1.0, 1.0], [2.0, 2.0], [0.0, 0.0]]),
    ],
)
def test_limits_come_first(objectives):
    violations = np.array([[-1.0, 0.0], [0.5, 0.2], [-2.0, -1.0], [0.6, -9.0]])
    # What holds by far does not make up for what is broken.
    order = np.argsort(fitness(objectives, violations))
    assert order.tolist() == [2, 0, 3, 1]


@given(grids)
def test_nobody_is_dominated_by_one_that_is_less_fit(objectives):
    fit = fitness(objectives, np.empty((len(objectives), 0)))
    assert sorted(fit) == list(range(len(objectives)))
    for i, one in enumerate(objectives):
        for j, other in enumerate(objectives):
            if np.all(one <= other) and np.any(one < other):
                assert fit[i] < fit[j]


def test_front_by_hand_knee_first():
    points = np.array([[0.0, 10.0], [1.0, 2.0], [4.0, 0.0], [4.0, 1.0]])
    no_limits = np.empty((4, 0))
    # Squared distances 0 + 1, 1 / 16 + 1 / 25, 1 + 0.
    assert front(points, no_limits).tolist() == [1, 0, 2]
    assert best_first(points, no_limits).tolist() == [1, 0, 2, 3]
    violations = np.array([[0.0], [3.0], [1.0], [-1.0]])
    assert front(points, violations).tolist() == [0, 3]
    assert best_first(points, violations).tolist() == [0, 3, 2, 1]
    assert front(points, np.ones((4, 1))).tolist() == []
    assert front(np.empty((0, 2)), np.empty((0, 0))).tolist() == []


def test_chebyshev_by_hand():
    points = np.array([[0.0, 20.0], [1.0, 10.0], [2.0, 0.0], [9.0, 10.0]])
    found = chebyshev(points, np.empty((4, 0)), np.array([0.25, 0.75]))
    np.testing.assert_allclose(
        found,
        [
            0.75 + 0.05 * 0.75,
            0.375 + 0.05 * 0.5,
            0.25 + 0.05 * 0.25,
            # The front is 2 wide in the first objective.
            1.125 + 0.05 * 1.5,
        ],
    )


@given(grids, st.integers(0, 2**31))
def test_the_best_by_chebyshev_is_on_the_front(objectives, seed):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(objectives.shape[1]))
    no_limits = np.empty((len(objectives), 0))
    best = np.argmin(chebyshev(objectives, no_limits, weights))
    assert pareto_rank(objectives)[best] == 0
