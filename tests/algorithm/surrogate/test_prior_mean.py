"""The prior mean against hand-worked cases of Rasmussen & Williams."""

import numpy as np
import pytest

from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.algorithm.surrogate import GaussianProcess
from kt_evolution.algorithm.surrogate.gaussian_process import GaussianPosterior
from kt_evolution.algorithm.surrogate.kernel import embed
from kt_evolution.algorithm.surrogate.prior_mean import CONSTANT
from kt_evolution.algorithm.surrogate.prior_mean import PriorMean
from tests.algorithm.surrogate.histories import individuals
from tests.algorithm.surrogate.histories import mixed_space
from tests.algorithm.surrogate.histories import smooth_scores

# So many length scales are between two categories that none are correlated.
FAR_APART = 9.0


def letters(genomes, expressed):
    """The basis function 0, 2, -1 of the categories a, b, c."""
    return np.array([0.0, 2.0, -1.0])[(genomes[:, 0] * 3).astype(int)]


def posterior_of(targets, noise, functions):
    """Returns the posterior of two uncorrelated points, and all three."""
    space = SearchSpace([CategoricalGene("x", ("a", "b", "c"), "a")])
    genomes = (np.arange(3)[:, None] + 0.5) / 3
    expressed = np.ones((3, 1), dtype=bool)
    points, features = embed(space, genomes[:2], expressed[:2])
    prior_mean = PriorMean(functions)
    posterior = GaussianPosterior.of(
        space,
        points,
        features,
        np.array(targets),
        np.array([FAR_APART, -4.0]),
        noise,
        np.zeros(2),
        amplitude=1.0,
        prior_mean=prior_mean,
        basis=prior_mean.basis(genomes[:2], expressed[:2]),
    )
    return posterior, genomes, expressed


def test_before_any_score_the_mean_is_that_of_the_weights():
    prior_mean = PriorMean((letters,))
    genomes = (np.arange(3)[:, None] + 0.5) / 3
    basis = prior_mean.basis(genomes, np.ones((3, 1), dtype=bool))
    assert basis.tolist() == [[0.0], [2.0], [-1.0]]
    assert prior_mean.expected(basis).tolist() == [0.0, 1.0, -0.5]
    # The variance of the constant is 1, and so is that of the weight.
    assert prior_mean.covariance(basis, basis).tolist() == [
        [1.0, 1.0, 1.0],
        [1.0, 5.0, -1.0],
        [1.0, -1.0, 2.0],
    ]
    assert prior_mean.mean_variance(basis).tolist() == [1.0, 5.0, 2.0]


def test_the_weights_of_several_searches_add_up_to_that_of_one():
    prior_mean = PriorMean((letters, letters))
    genomes = (np.arange(3)[:, None] + 0.5) / 3
    basis = prior_mean.basis(genomes, np.ones((3, 1), dtype=bool))
    assert prior_mean.expected(basis).tolist() == [0.0, 1.0, -0.5]


def test_two_scores_by_hand():
    # The scores (-1, 3) of a and b, whose basis functions are 0 and 2, are
    # expected to be 0 and 1. Their covariance is that of uncorrelated points,
    # of individuals with variance 1, and of the prior means, [[1, 1], [1, 5]].
    # So it is [[3, 1], [1, 7]], and its inverse [[7, -1], [-1, 3]] / 20.
    posterior, genomes, expressed = posterior_of([-1.0, 3.0], 1.0, (letters,))
    residual = np.array([-1.0, 2.0])
    weights = np.array([[7.0, -1.0], [-1.0, 3.0]]) @ residual / 20.0
    assert posterior.weights == pytest.approx(weights)
    # The third, c, covaries with them by 1 + 0 and 1 - 2.
    mean, std = posterior.predict(genomes, expressed)
    at_c = -0.5 + weights[0] - weights[1]
    assert at_c == pytest.approx(-0.5 - 9.0 / 20.0 - 7.0 / 20.0)
    assert mean[2] == pytest.approx(at_c, abs=1e-6)
    explained = np.array([1.0, -1.0]) @ [8.0 / 20.0, -4.0 / 20.0]
    left = 1.0 + 2.0 - explained + 1.0
    assert std[2] == pytest.approx(np.sqrt(left), abs=1e-6)


def test_it_is_the_generalized_least_squares_of_the_book():
    """Eq. 2.41 and 2.42, which have the weights and not the covariance."""
    targets = np.array([-1.0, 3.0])
    posterior, genomes, expressed = posterior_of(targets, 0.5, (letters,))
    h = np.array([[1.0, 1.0], [0.0, 2.0]])
    expected_weights, inverse_b = np.array([0.0, 0.5]), np.eye(2)
    inverse_k = np.eye(2) / 1.5
    information = inverse_b + h @ inverse_k @ h.T
    beta = np.linalg.solve(
        information, h @ inverse_k @ targets + inverse_b @ expected_weights
    )
    # c is uncorrelated with both, so R is its own basis.
    r = np.array([1.0, -1.0])
    variance = 1.0 + r @ np.linalg.solve(information, r) + 0.5
    mean, std = posterior.predict(genomes, expressed)
    assert mean[2] == pytest.approx(r @ beta, abs=1e-6)
    assert std[2] == pytest.approx(np.sqrt(variance), abs=1e-6)


def test_the_pending_change_no_mean():
    posterior, genomes, expressed = posterior_of([-1.0, 3.0], 1.0, (letters,))
    believer = posterior.condition_on(genomes[2:], expressed[2:])
    before, std = posterior.predict(genomes, expressed)
    after, less = believer.predict(genomes, expressed)
    np.testing.assert_allclose(after, before, atol=1e-9)
    assert less[2] < std[2]
    assert believer.best == posterior.best


def test_without_basis_functions_nothing_changes():
    space = mixed_space()
    genomes, expressed = individuals(space, 20)
    scores = smooth_scores(genomes)
    noise = np.where(np.arange(20) < 3, 0.01, np.nan)
    plain = GaussianProcess().fit(space, genomes, expressed, scores, noise)
    same = GaussianProcess().fit(
        space, genomes, expressed, scores, noise, prior_mean=CONSTANT
    )
    for one, other in zip(
        plain.predict(genomes, expressed),
        same.predict(genomes, expressed),
        strict=True,
    ):
        assert np.array_equal(one, other)


def fitted_with(function, num_known):
    """Fits smooth scores, and returns the errors elsewhere."""
    space = mixed_space()
    genomes, expressed = individuals(space, 60, p_expressed=1.0)
    scores = smooth_scores(genomes)
    posterior = GaussianProcess().fit(
        space,
        genomes[:num_known],
        expressed[:num_known],
        scores[:num_known],
        prior_mean=PriorMean((function,) if function else ()),
    )
    mean, _ = posterior.predict(genomes[num_known:], expressed[num_known:])
    return np.sqrt(np.mean((mean - scores[num_known:]) ** 2))


def test_a_right_function_helps_and_a_wrong_one_loses_its_weight():
    def right(genomes, expressed):
        return (smooth_scores(genomes) - 0.7) * 3.0

    def wrong(genomes, expressed):
        return np.random.default_rng(len(genomes)).normal(size=len(genomes))

    assert fitted_with(right, 4) < 0.5 * fitted_with(None, 4)
    assert fitted_with(wrong, 40) < 1.5 * fitted_with(None, 40)
