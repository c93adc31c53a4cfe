"""Selection: who breeds, on tables worked by hand."""

import numpy as np
import pytest

from kt_evolution.algorithm.operators.selection import RankSelection
from kt_evolution.algorithm.operators.selection import RouletteSelection
from kt_evolution.algorithm.operators.selection import TournamentSelection
from kt_evolution.algorithm.operators.selection import (
    stochastic_universal_sampling,
)


def counts(selection, scores, num_parents=6000, seed=0):
    rng = np.random.default_rng(seed)
    chosen = selection(np.array(scores, dtype=float), num_parents, rng)
    return np.bincount(chosen, minlength=len(scores))


def test_universal_sampling_gives_each_its_share_to_within_one():
    weights = np.array([1.0, 0.0, 2.5, 0.5, 4.0])
    for seed in range(50):
        rng = np.random.default_rng(seed)
        for num_samples in (1, 2, 7, 64):
            chosen = stochastic_universal_sampling(weights, num_samples, rng)
            expected = weights / weights.sum() * num_samples
            drawn = np.bincount(chosen, minlength=len(weights))
            assert drawn.sum() == num_samples
            assert np.all(np.abs(drawn - expected) < 1.0)
            assert drawn[1] == 0


def test_universal_sampling_is_exact_where_shares_are_whole():
    rng = np.random.default_rng(0)
    chosen = stochastic_universal_sampling(np.array([3.0, 1.0, 2.0]), 12, rng)
    np.testing.assert_array_equal(np.bincount(chosen), [6, 2, 4])


def test_universal_sampling_comes_in_random_order():
    rng = np.random.default_rng(0)
    chosen = stochastic_universal_sampling(np.ones(8), 64, rng)
    assert np.any(np.diff(chosen) < 0)


@pytest.mark.parametrize("weight", [0.0, 5e-324, 1e-300, 1.0, 1e308])
def test_equal_weights_are_sampled_evenly(weight):
    rng = np.random.default_rng(0)
    chosen = stochastic_universal_sampling(np.full(4, weight), 40, rng)
    np.testing.assert_array_equal(np.bincount(chosen), [10, 10, 10, 10])


def test_a_tournament_of_three_favors_the_best_as_its_odds_say():
    # Of 4: P(best) = 1 - (3/4)^3, P(worst) = (1/4)^3.
    drawn = counts(TournamentSelection(3), [1.0, 2.0, 3.0, 4.0], 40000) / 40000
    np.testing.assert_allclose(drawn, [37 / 64, 19 / 64, 7 / 64, 1 / 64], 0.1)


def test_a_tournament_of_one_is_a_random_draw():
    drawn = counts(TournamentSelection(1), [1.0, 2.0, 3.0], 30000)
    np.testing.assert_allclose(drawn, [10000] * 3, rtol=0.05)


def test_a_tournament_treats_ties_alike():
    drawn = counts(TournamentSelection(3), [1.0, 1.0, 1.0, 1.0], 40000)
    np.testing.assert_allclose(drawn, [10000] * 4, rtol=0.05)


def test_rank_gives_each_the_expected_offspring_of_its_rank():
    # Baker: from `pressure` for the best down to 2 - pressure for the worst.
    selection = RankSelection(1.8)
    drawn = counts(selection, [30.0, 10.0, 20.0, 40.0, 50.0], 5000) / 1000
    np.testing.assert_allclose(drawn, [1.0, 1.8, 1.4, 0.6, 0.2], atol=0.002)


def test_rank_does_not_care_for_the_scale():
    narrow = counts(RankSelection(), [0.0, 1.0, 2.0])
    wide = counts(RankSelection(), [-1e308, 0.0, 1e308])
    np.testing.assert_array_equal(narrow, wide)


def test_rank_treats_ties_alike():
    drawn = counts(RankSelection(2.0), [1.0, 5.0, 5.0, 9.0], 4000) / 1000
    np.testing.assert_allclose(drawn, [2.0, 1.0, 1.0, 0.0], atol=0.002)
    drawn = counts(RankSelection(2.0), [7.0, 7.0, 7.0, 7.0], 4000)
    np.testing.assert_allclose(drawn, [1000] * 4, atol=1)


def test_rank_without_pressure_is_even():
    np.testing.assert_allclose(
        counts(RankSelection(1.0), [1.0, 2.0, 3.0], 300), [100] * 3, atol=1
    )


def test_roulette_is_proportional_to_the_distance_from_the_worst():
    drawn = counts(RouletteSelection(), [0.0, 3.0, 2.0, 4.0], 7000) / 1000
    np.testing.assert_allclose(drawn, [4.0, 1.0, 2.0, 0.0], atol=0.002)


def test_roulette_of_equals_is_even():
    drawn = counts(RouletteSelection(), [5.0, 5.0, 5.0], 300)
    np.testing.assert_allclose(drawn, [100] * 3, atol=1)


def test_roulette_survives_the_largest_scores():
    drawn = counts(RouletteSelection(), [-1.7e308, 0.0, 1.7e308], 300)
    np.testing.assert_allclose(drawn, [200, 100, 0], atol=1)


@pytest.mark.parametrize("size", [0, -1, 2.5, "3", True, float("nan")])
def test_a_bad_tournament_size_is_named(size):
    with pytest.raises(ValueError, match=f"`size` must be .*size={size!r}"):
        TournamentSelection(size)


@pytest.mark.parametrize("pressure", [0.9, 2.1, "high", float("nan")])
def test_a_bad_pressure_is_named(pressure):
    message = f"`pressure` must be .*pressure={pressure}"
    with pytest.raises(ValueError, match=message):
        RankSelection(pressure)
