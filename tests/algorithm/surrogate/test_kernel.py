"""The kernel: a positive definite one, whatever is expressed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.algorithm.surrogate.kernel import correlations
from kt_evolution.algorithm.surrogate.kernel import correlations_and_gradient
from kt_evolution.algorithm.surrogate.kernel import embed
from kt_evolution.algorithm.surrogate.kernel import matern
from kt_evolution.algorithm.surrogate.kernel import squared_distances
from tests.algorithm.surrogate.histories import cell_space
from tests.algorithm.surrogate.histories import conditional_histories
from tests.algorithm.surrogate.histories import individuals
from tests.algorithm.surrogate.histories import mixed_space
from tests.algorithm.surrogate.histories import numeric_space


def distances(space, genomes, expressed):
    points, _ = embed(space, np.array(genomes), np.array(expressed))
    return np.sqrt(squared_distances(points, points))


@given(conditional_histories(), st.floats(-6.0, 4.0))
@settings(max_examples=60)
def test_symmetric_and_positive_definite(history, log_weight):
    space, genomes, expressed = history
    points, features = embed(space, genomes, expressed)
    num_features = int(features.max(initial=-1)) + 1
    log_weights = log_weight + np.linspace(-1.0, 1.0, num_features)
    covariance = correlations(points, points, features, log_weights)
    np.testing.assert_allclose(covariance, covariance.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(covariance), 1.0, atol=1e-9)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9


@given(conditional_histories())
@settings(max_examples=60)
def test_what_is_not_expressed_does_not_matter(history):
    space, genomes, expressed = history
    rng = np.random.default_rng(0)
    others = np.where(
        expressed, genomes, space.canonicalize(rng.random(genomes.shape))
    )
    points, _ = embed(space, genomes, expressed)
    np.testing.assert_array_equal(points, embed(space, others, expressed)[0])


def test_expressed_and_unexpressed_differ_by_a_fixed_amount():
    space = mixed_space()
    genomes, _ = individuals(space, 30)
    for gene in range(space.num_genes):
        expressed = np.zeros(genomes.shape, dtype=bool)
        expressed[:, gene] = True
        points, _ = embed(space, genomes, expressed)
        nothing, _ = embed(space, genomes, np.zeros_like(expressed))
        apart = squared_distances(points, nothing)
        np.testing.assert_allclose(apart, apart[0, 0])
        assert apart[0, 0] >= 1.0


def test_categories_are_one_apart():
    space = SearchSpace([CategoricalGene("x", ("a", "b", "c"), "a")])
    genomes = (np.arange(3)[:, None] + 0.5) / 3
    apart = distances(space, genomes, np.ones((3, 1), dtype=bool))
    np.testing.assert_allclose(apart, 1.0 - np.eye(3))


def test_numeric_values_are_apart_as_their_codes_almost():
    apart = distances(
        numeric_space(1), [[0.0], [0.5], [1.0]], np.ones((3, 1), dtype=bool)
    )
    assert apart[0, 2] == pytest.approx(2.0)
    assert apart[0, 1] == pytest.approx(1.0, abs=0.05)


def test_counts_of_a_family_by_hand():
    space = cell_space(num_edges=4, operations=("conv", "pool"))
    genomes = np.array([[0.25, 0.25, 0.75, 0.75], [0.75, 0.25, 0.25, 0.75]])
    expressed = np.array([[True] * 4, [True, True, True, False]])
    points, features = embed(space, genomes, expressed)
    counts = points[:, features >= space.num_genes]
    # Two of each; one pool less where the last edge isn't expressed.
    np.testing.assert_allclose(counts * 2.0, [[2.0, 2.0], [2.0, 1.0]])
    np.testing.assert_array_equal(np.unique(features), np.arange(4 + 2))


def test_cells_with_the_same_operations_elsewhere_are_alike():
    space = cell_space()
    rng = np.random.default_rng(0)
    genomes, _ = individuals(space, 20)
    moved = rng.permuted(genomes, axis=1)
    expressed = np.ones(genomes.shape, dtype=bool)
    points, features = embed(space, genomes, expressed)
    others, _ = embed(space, moved, expressed)
    counted = features >= space.num_genes
    np.testing.assert_array_equal(points[:, counted], others[:, counted])
    assert not np.array_equal(points, others)


def test_matern_by_hand():
    correlation, slope = matern(np.array([0.0, 1.0]))
    assert correlation[0] == 1.0
    assert slope[0] == pytest.approx(-5.0 / 6.0)
    # (1 + sqrt(5) + 5 / 3) * exp(-sqrt(5))
    assert correlation[1] == pytest.approx(0.5239941088318203)


@pytest.mark.parametrize("space", [mixed_space(), cell_space()])
def test_gradient_is_that_of_finite_differences(space):
    points, features = embed(space, *individuals(space, 12))
    log_weights = np.linspace(-2.0, 0.5, features.max() + 1)
    towards = np.random.default_rng(0).normal(size=(12, 12))
    towards = towards + towards.T

    def loss(log_weights):
        covariance = correlations(points, points, features, log_weights)
        return (towards * covariance).sum()

    _, pull_back = correlations_and_gradient(points, features, log_weights)
    step = 1e-5
    numeric = [
        (loss(log_weights + step * unit) - loss(log_weights - step * unit))
        / (2.0 * step)
        for unit in np.eye(len(log_weights))
    ]
    np.testing.assert_allclose(pull_back(towards), numeric, rtol=1e-6)


def test_no_genes():
    space = SearchSpace([])
    points, features = embed(
        space, np.zeros((3, 0)), np.zeros((3, 0), dtype=bool)
    )
    assert points.shape == (3, 0)
    covariance = correlations(points, points, features, np.zeros(0))
    np.testing.assert_array_equal(covariance, np.ones((3, 3)))
