"""Crossover: what a child has from which parent."""

import numpy as np
import pytest

from kt_evolution.algorithm.operators.crossover import BlendCrossover
from kt_evolution.algorithm.operators.crossover import OnePointCrossover
from kt_evolution.algorithm.operators.crossover import SimulatedBinaryCrossover
from kt_evolution.algorithm.operators.crossover import TwoPointCrossover
from kt_evolution.algorithm.operators.crossover import UniformCrossover
from kt_evolution.algorithm.operators.crossover import link
from kt_evolution.algorithm.space.genes import LAST_CODE
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.genes import FixedGene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.scales import Scale
from kt_evolution.algorithm.space.search_space import SearchSpace

BLENDS = [BlendCrossover, SimulatedBinaryCrossover]


def continuous(*names):
    unit = Scale(0.0, 1.0, "linear")
    return SearchSpace([ContinuousGene(name, unit, 0.0) for name in names])


def ordinals(num_genes):
    return SearchSpace(
        [OrdinalGene(f"g{i}", range(4), 0) for i in range(num_genes)]
    )


def pairs(first, second, n):
    return np.tile(np.array([first, second], dtype=float), (n, 1, 1))


def test_uniform_takes_each_gene_from_either_parent():
    parents = pairs([0.125] * 5, [0.875] * 5, 4000)
    children = UniformCrossover()(
        parents, ordinals(5), np.random.default_rng(0)
    )
    shares = (children == 0.875).mean(axis=0)
    np.testing.assert_allclose(shares, 0.5, atol=0.03)


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 0.125), (1.0, 0.875)])
def test_uniform_swaps_as_often_as_it_is_told(chance, expected):
    parents = pairs([0.125] * 3, [0.875] * 3, 20)
    crossover = UniformCrossover(swap_probability=chance)
    children = crossover(parents, ordinals(3), np.random.default_rng(0))
    np.testing.assert_array_equal(children, np.full((20, 3), expected))


def test_one_point_has_a_head_of_one_parent_and_a_tail_of_the_other():
    parents = pairs([0.125] * 4, [0.875] * 4, 200)
    children = OnePointCrossover()(
        parents, ordinals(4), np.random.default_rng(0)
    )
    swapped = children == 0.875
    # One change from the first parent to the second, at each of three cuts.
    assert {tuple(row) for row in swapped.tolist()} == {
        (False, True, True, True),
        (False, False, True, True),
        (False, False, False, True),
    }


def test_two_points_frame_one_stretch_of_the_second_parent():
    parents = pairs([0.125] * 4, [0.875] * 4, 400)
    children = TwoPointCrossover()(
        parents, ordinals(4), np.random.default_rng(0)
    )
    swapped = (children == 0.875).astype(int)
    starts = np.diff(swapped, axis=1, prepend=0) == 1
    assert starts.sum(axis=1).max() == 1
    # All of its 10 stretches, and none at all.
    assert len({tuple(row) for row in swapped.tolist()}) == 11


def test_simulated_binary_keeps_the_mean_of_the_parents():
    space = continuous("x", "y")
    parents = pairs([0.4, 0.5], [0.5, 0.6], 40000)
    children = SimulatedBinaryCrossover(distribution_index=5)(
        parents, space, np.random.default_rng(0)
    )
    np.testing.assert_allclose(children.mean(axis=0), [0.45, 0.55], atol=5e-4)


def test_simulated_binary_spreads_less_with_a_larger_index():
    parents = pairs([0.4], [0.6], 4000)
    spreads = [
        SimulatedBinaryCrossover(distribution_index=index)(
            parents, continuous("x"), np.random.default_rng(0)
        )
        for index in (2, 15, 100)
    ]
    distances = [np.abs(np.abs(x - 0.5) - 0.1).mean() for x in spreads]
    assert distances[0] > distances[1] > distances[2]


def test_blend_draws_evenly_from_the_widened_interval():
    parents = pairs([0.4], [0.6], 20000)
    children = BlendCrossover(alpha=0.5)(
        parents, continuous("x"), np.random.default_rng(0)
    )
    assert children.min() == pytest.approx(0.3, abs=1e-3)
    assert children.max() == pytest.approx(0.7, abs=1e-3)
    quartiles = np.quantile(children, [0.25, 0.5, 0.75])
    np.testing.assert_allclose(quartiles, [0.4, 0.5, 0.6], atol=0.01)


@pytest.mark.parametrize("crossover", BLENDS)
def test_blending_stays_in_the_domain(crossover):
    parents = pairs([0.0], [LAST_CODE], 500)
    children = crossover()(parents, continuous("x"), np.random.default_rng(0))
    assert children.min() >= 0.0
    assert children.max() < 1.0


@pytest.mark.parametrize("crossover", BLENDS)
def test_blending_swaps_categories_and_leaves_what_is_fixed(crossover):
    space = SearchSpace(
        [CategoricalGene("act", "abcd", "a"), FixedGene("opt", "adam")]
    )
    parents = pairs([0.125, 0.5], [0.625, 0.5], 300)
    children = crossover()(parents, space, np.random.default_rng(0))
    assert set(children[:, 0]) == {0.125, 0.625}
    assert set(children[:, 1]) == {0.5}


def nested():
    when_cnn = (Condition("model", ("cnn",)),)
    deep = (*when_cnn, Condition("layers", (2, 3)))
    return SearchSpace(
        [
            OrdinalGene("units", range(4), 0, deep),
            OrdinalGene("layers", range(4), 0, when_cnn),
            CategoricalGene("model", ("mlp", "cnn"), "mlp"),
            OrdinalGene("batch", range(4), 0),
        ]
    )


def test_genes_travel_with_the_choice_in_which_parents_differ():
    mask = np.array([[False, True, False, True], [True, False, True, False]])
    differs = np.array([[True, True, True, True], [True, False, True, False]])
    linked, is_bound = link(mask, differs, nested())
    np.testing.assert_array_equal(
        linked, [[False, False, False, True], [True, True, True, False]]
    )
    np.testing.assert_array_equal(is_bound, [[True, True, False, False]] * 2)


def test_genes_of_a_choice_that_parents_share_mix_freely():
    mask = np.array([[True, False, False, True]])
    differs = np.array([[True, False, False, True]])
    linked, is_bound = link(mask, differs, nested())
    np.testing.assert_array_equal(linked, mask)
    assert not is_bound.any()


def test_an_inner_choice_binds_its_own_genes_only():
    mask = np.array([[False, True, False, False]])
    differs = np.array([[True, True, False, False]])
    linked, is_bound = link(mask, differs, nested())
    np.testing.assert_array_equal(linked, [[True, True, False, False]])
    np.testing.assert_array_equal(is_bound, [[True, False, False, False]])


@pytest.mark.parametrize("crossover", BLENDS)
def test_bound_genes_are_not_blended(crossover):
    unit = Scale(0.0, 1.0, "linear")
    when = (Condition("model", ("cnn",)),)
    space = SearchSpace(
        [
            CategoricalGene("model", ("mlp", "cnn"), "mlp"),
            ContinuousGene("rate", unit, 0.0, when),
        ]
    )
    parents = pairs([0.25, 0.3], [0.75, 0.6], 200)
    children = crossover()(parents, space, np.random.default_rng(0))
    assert {tuple(child) for child in children} == {(0.25, 0.3), (0.75, 0.6)}


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: UniformCrossover(probability=1.5), "probability=1.5"),
        (lambda: OnePointCrossover(-0.1), "probability=-0.1"),
        (lambda: TwoPointCrossover("often"), "probability=often"),
        (
            lambda: UniformCrossover(swap_probability=2),
            "swap_probability=2",
        ),
        (
            lambda: SimulatedBinaryCrossover(distribution_index=0),
            "distribution_index=0",
        ),
        (lambda: BlendCrossover(alpha=-1), "alpha=-1"),
    ],
)
def test_a_bad_argument_is_named(make, argument):
    name = argument.split("=")[0]
    with pytest.raises(ValueError, match=f"`{name}` must be .*{argument}"):
        make()


def test_genes_of_a_scope_stay_together_in_more_than_half_of_the_children():
    names = ["a/x", "a/y", "a/z", "b/x", "b/y", "b/z", "c", "d"]
    space = SearchSpace([OrdinalGene(name, range(4), 0) for name in names])
    parents = pairs([0.125] * 8, [0.875] * 8, 4000)
    children = UniformCrossover()(parents, space, np.random.default_rng(0))
    swapped = children == 0.875
    whole = [
        (swapped[:, genes] == swapped[:, genes[:1]]).all(axis=1).mean()
        for genes in ([0, 1, 2], [3, 4, 5], [6, 7])
    ]
    # By chance it is 1 / 4, and half of the scopes are kept on purpose.
    np.testing.assert_allclose(whole, [0.625, 0.625, 0.5], atol=0.03)
    # Each gene is still as likely to be of one parent as of the other, and
    # scopes know nothing of each other.
    np.testing.assert_allclose(swapped.mean(axis=0), 0.5, atol=0.03)
    assert abs((swapped[:, 0] == swapped[:, 3]).mean() - 0.5) < 0.03
