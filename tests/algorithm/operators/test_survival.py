"""Survival: which individuals are the population, on tables."""

import numpy as np
import pytest

from kt_evolution.algorithm.operators.survival import AgingSurvival
from kt_evolution.algorithm.operators.survival import ElitistSurvival
from kt_evolution.algorithm.operators.survival import GenerationalSurvival

SCORES = np.array([5.0, 1.0, 4.0, 1.0, 3.0, 1e308, -1e308])


def test_elitist_keeps_the_best_and_of_equals_the_older():
    np.testing.assert_array_equal(ElitistSurvival()(SCORES, 3), [6, 1, 3])
    np.testing.assert_array_equal(ElitistSurvival()(SCORES, 2), [6, 1])


def test_elitist_keeps_all_of_a_few():
    kept = ElitistSurvival()(SCORES, 100)
    np.testing.assert_array_equal(kept, [6, 1, 3, 4, 2, 0, 5])


def test_aging_keeps_the_youngest_whatever_their_scores():
    np.testing.assert_array_equal(AgingSurvival()(SCORES, 3), [4, 5, 6])
    np.testing.assert_array_equal(AgingSurvival()(SCORES, 100), range(7))


def test_generational_waits_for_a_full_generation():
    survival = GenerationalSurvival(num_elites=1)
    np.testing.assert_array_equal(survival(SCORES[:2], 3), [0, 1])
    np.testing.assert_array_equal(survival(SCORES[:3], 3), [0, 1, 2])
    np.testing.assert_array_equal(survival(SCORES[:5], 3), [0, 1, 2])


def test_generational_replaces_the_worst_by_elites():
    survival = GenerationalSurvival(num_elites=1)
    # The second generation is 3, 4, 5; its worst, 5, makes room for 1.
    np.testing.assert_array_equal(survival(SCORES, 3), [1, 3, 4])
    np.testing.assert_array_equal(survival(SCORES[:6], 3), [1, 3, 4])


def test_generational_without_elites_keeps_the_generation():
    kept = GenerationalSurvival(num_elites=0)(SCORES, 3)
    assert sorted(kept) == [3, 4, 5]


def test_generational_elites_never_fill_the_whole_population():
    kept = GenerationalSurvival(num_elites=9)(SCORES, 2)
    # Generations 2-3 and 4-5 are over; one elite, one of the last.
    np.testing.assert_array_equal(kept, [1, 4])
    np.testing.assert_array_equal(GenerationalSurvival(9)(SCORES, 1), [6])


@pytest.mark.parametrize("num_elites", [-1, 1.5, "two", float("inf")])
def test_a_bad_number_of_elites_is_named(num_elites):
    message = f"`num_elites` must be .*num_elites={num_elites!r}"
    with pytest.raises(ValueError, match=message):
        GenerationalSurvival(num_elites)
