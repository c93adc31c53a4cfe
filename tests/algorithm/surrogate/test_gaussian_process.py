"""The Gaussian process against hand-worked cases and scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from scipy.optimize import approx_fprime

from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.algorithm.surrogate import GaussianProcess
from kt_evolution.algorithm.surrogate.gaussian_process import GaussianPosterior
from kt_evolution.algorithm.surrogate.kernel import embed
from kt_evolution.algorithm.surrogate.parameters import MEAN_VARIANCE
from kt_evolution.algorithm.surrogate.parameters import fit_parameters
from kt_evolution.algorithm.surrogate.parameters import negative_log_posterior
from kt_evolution.algorithm.surrogate.parameters import nugget
from tests.algorithm.surrogate.histories import cell_space
from tests.algorithm.surrogate.histories import conditional_histories
from tests.algorithm.surrogate.histories import individuals
from tests.algorithm.surrogate.histories import mixed_space
from tests.algorithm.surrogate.histories import numeric_space
from tests.algorithm.surrogate.histories import smooth_scores


def fitted(space, n=20, seed=0):
    genomes, expressed = individuals(space, n, seed)
    posterior = GaussianProcess().fit(
        space, genomes, expressed, smooth_scores(genomes)
    )
    return posterior, genomes, expressed


def latent_std(posterior, genomes, expressed):
    """Returns the standard deviation of what the genes explain."""
    std = posterior.predict(genomes, expressed)[1] / posterior.score_scale.scale
    individual_variance = posterior.amplitude * posterior.individual_variance
    return np.sqrt(np.maximum(std**2 - individual_variance, 0.0))


def test_two_points_by_hand():
    space = SearchSpace([CategoricalGene("x", ("a", "b", "c"), "a")])
    genomes = (np.arange(3)[:, None] + 0.5) / 3
    expressed = np.ones((3, 1), dtype=bool)
    points, features = embed(space, genomes[:2], expressed[:2])
    parameters = np.array([0.0, -4.0])
    targets = np.array([-1.0, 1.0])
    s = nugget(parameters)
    posterior = GaussianPosterior.of(
        space, points, features, targets, parameters, s, np.zeros(2)
    )
    mean, std = posterior.predict(genomes, expressed)
    # Two categories are one length scale apart.
    k = (1.0 + np.sqrt(5.0) + 5.0 / 3.0) * np.exp(-np.sqrt(5.0))
    # The targets (-1, 1) are an eigenvector of the covariance, whose entries
    # are 2 + s and 1 + k, to the eigenvalue 1 + s - k.
    slope = (1.0 - k) / (1.0 + s - k)
    np.testing.assert_allclose(mean, [-slope, slope, 0.0], atol=1e-12)
    amplitude = (2.0 / (1.0 + s - k) + 2.0) / (2.0 + 2.0)
    # The third covaries alike with both: (1, 1) has the eigenvalue 3 + s + k.
    left = 2.0 + s - 2.0 * (1.0 + k) ** 2 / (3.0 + s + k)
    assert std[2] == pytest.approx(np.sqrt(amplitude * left))
    # All the observed difference counts, none of it, or half of it.
    assert posterior.best == -1.0
    for share in (0.0, 0.5):
        noise_variance = np.full(2, (1.0 - share) * s)
        posterior = GaussianPosterior.of(
            space,
            points,
            features,
            targets,
            parameters,
            share * s,
            noise_variance,
        )
        believed = share * 1.0 + (1.0 - share) * slope
        assert posterior.best == pytest.approx(-believed)
        _, std = posterior.predict(genomes, expressed)
        without = left - (1.0 - share) * s
        assert std[2] == pytest.approx(np.sqrt(amplitude * without))


def test_posterior_is_that_of_scikit_learn():
    pytest.importorskip("sklearn")
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel
    from sklearn.gaussian_process.kernels import Matern
    from sklearn.gaussian_process.kernels import WhiteKernel

    space = numeric_space(3)
    genomes, _ = individuals(space, 40)
    expressed = np.ones(genomes.shape, dtype=bool)
    posterior = GaussianProcess(repeatability=1.0).fit(
        space, genomes[:25], expressed[:25], smooth_scores(genomes[:25])
    )
    scales = np.exp(-0.5 * posterior.parameters[:-1])[posterior.features]
    kernel = (
        ConstantKernel(posterior.amplitude) * Matern(scales, nu=2.5)
        + ConstantKernel(posterior.amplitude * MEAN_VARIANCE)
        + WhiteKernel(posterior.amplitude * nugget(posterior.parameters))
    )
    theirs = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None)
    theirs.fit(posterior.points, posterior.targets)
    points, _ = embed(space, genomes[25:], expressed[25:])
    mean, std = posterior.predict(genomes[25:], expressed[25:])
    their_mean, their_std = theirs.predict(points, return_std=True)
    score_scale = posterior.score_scale
    np.testing.assert_allclose(
        mean, score_scale.offset + score_scale.scale * their_mean, atol=1e-8
    )
    np.testing.assert_allclose(std, score_scale.scale * their_std, atol=1e-8)


def test_gradient_is_that_of_finite_differences():
    space = mixed_space()
    genomes, expressed = individuals(space, 15)
    points, features = embed(space, genomes, expressed)
    targets = np.random.default_rng(0).normal(size=15)
    mean, std = np.full(5, -1.0), np.full(5, 2.0)

    def loss(parameters):
        return negative_log_posterior(
            parameters, points, features, targets, mean, std
        )

    for seed in range(5):
        at = np.random.default_rng(seed).normal(-1.0, 1.0, size=5)
        numeric = approx_fprime(at, lambda p: loss(p)[0], 1e-7)
        np.testing.assert_allclose(loss(at)[1], numeric, rtol=1e-4, atol=1e-5)


def test_learns_which_genes_matter():
    space = numeric_space(3)
    genomes, _ = individuals(space, 40)
    points, features = embed(space, genomes, np.ones(genomes.shape, dtype=bool))
    targets = np.sin(6.0 * genomes[:, 1])
    log_weights = fit_parameters(points, features, targets)[:-1]
    assert log_weights[1] > log_weights[[0, 2]].max() + 1.0


def test_learns_what_an_operation_is_worth_wherever_it_stands():
    # Each edge alone was seen with each operation hardly more than once.
    space = cell_space(num_edges=8)
    genomes, _ = individuals(space, 30)
    others, _ = individuals(space, 200, seed=1)
    expressed = np.ones(others.shape, dtype=bool)

    def scores(genomes):
        num_convolutions = (genomes < 0.25).sum(axis=1)
        return (num_convolutions - 4.0) ** 2

    posterior = GaussianProcess().fit(
        space, genomes, expressed[:30], scores(genomes)
    )
    mean, _ = posterior.predict(others, expressed)
    assert np.corrcoef(mean, scores(others))[0, 1] > 0.8


def test_predicts_better_than_the_mean():
    posterior, _, _ = fitted(mixed_space(), n=60)
    genomes, expressed = individuals(mixed_space(), 60, seed=1)
    mean, _ = posterior.predict(genomes, np.ones_like(expressed))
    assert np.corrcoef(mean, smooth_scores(genomes))[0, 1] > 0.5


@given(conditional_histories())
@settings(max_examples=25)
def test_finite_on_any_history(history):
    space, genomes, expressed = history
    scores = np.random.default_rng(len(genomes)).normal(size=len(genomes))
    posterior = GaussianProcess().fit(space, genomes, expressed, scores)
    mean, std = posterior.predict(genomes, expressed)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    assert (std > 0.0).all()
    assert np.isfinite(posterior.best)


@pytest.mark.parametrize("n", [1, 2, 10])
@pytest.mark.parametrize("score", [0.0, -7.0, 1e150])
def test_constant_scores(n, score):
    space = mixed_space()
    genomes, expressed = individuals(space, n)
    posterior = GaussianProcess().fit(
        space, genomes, expressed, np.full(n, score)
    )
    mean, std = posterior.predict(*individuals(space, 5, seed=1))
    np.testing.assert_array_equal(mean, score)
    assert (std > 0.0).all()


@pytest.mark.parametrize("scores", [[1e300, 1e300], [-1.7e308, 1.7e308]])
def test_scores_at_the_end_of_the_floats(scores):
    space = mixed_space()
    genomes, expressed = individuals(space, 2)
    posterior = GaussianProcess().fit(
        space, genomes, expressed, np.array(scores)
    )
    mean, std = posterior.predict(*individuals(space, 5, seed=1))
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()


def test_one_gene_one_point():
    posterior = GaussianProcess().fit(
        numeric_space(1),
        np.array([[0.5]]),
        np.array([[True]]),
        np.array([3.0]),
    )
    far, near = np.array([[0.95]]), np.array([[0.5]])
    _, far_std = posterior.predict(far, np.array([[True]]))
    _, near_std = posterior.predict(near, np.array([[True]]))
    assert near_std < far_std


def test_duplicates_with_different_scores():
    space = mixed_space()
    genomes, expressed = individuals(space, 5)
    scores = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    posterior = GaussianProcess().fit(
        space,
        np.concatenate([genomes, genomes]),
        np.concatenate([expressed, expressed]),
        np.concatenate([scores, scores + 0.5]),
    )
    mean, std = posterior.predict(genomes, expressed)
    assert np.isfinite(mean).all()
    assert (std > 0.0).all()


def test_an_outlier_does_not_hide_the_rest():
    space = numeric_space(2)
    genomes, _ = individuals(space, 30)
    expressed = np.ones(genomes.shape, dtype=bool)
    scores = smooth_scores(genomes)
    scores[np.argmax(scores)] = 1e12
    posterior = GaussianProcess().fit(space, genomes, expressed, scores)
    mean, _ = posterior.predict(genomes, expressed)
    good = scores < np.median(scores)
    assert np.corrcoef(mean[good], scores[good])[0, 1] > 0.8


def test_same_history_same_answer():
    first, genomes, expressed = fitted(mixed_space())
    other = GaussianProcess()
    other.fit(mixed_space(), genomes[:7], expressed[:7], np.arange(7.0))
    again = other.fit(mixed_space(), genomes, expressed, smooth_scores(genomes))
    for one, two in zip(
        first.predict(genomes, expressed),
        again.predict(genomes, expressed),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)


def test_arguments_are_left_alone():
    genomes, expressed = individuals(mixed_space(), 10)
    scores = smooth_scores(genomes)
    copies = genomes.copy(), expressed.copy(), scores.copy()
    posterior = GaussianProcess().fit(mixed_space(), genomes, expressed, scores)
    posterior.condition_on(genomes, expressed).predict(genomes, expressed)
    for array, copy in zip((genomes, expressed, scores), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_pending_individuals_are_known_almost():
    posterior, _, _ = fitted(mixed_space())
    pending = individuals(mixed_space(), 4, seed=1)
    believer = posterior.condition_on(*pending)
    before = latent_std(posterior, *pending)
    assert (latent_std(believer, *pending) < before).all()
    # It believes what it predicted, so predictions stay.
    np.testing.assert_allclose(
        believer.predict(*pending)[0], posterior.predict(*pending)[0], atol=1e-6
    )
    assert believer.best == posterior.best
    anywhere = individuals(mixed_space(), 50, seed=2)
    assert (
        latent_std(believer, *anywhere)
        <= latent_std(posterior, *anywhere) + 1e-6
    ).all()


def test_a_prediction_is_not_what_others_must_improve_on():
    genomes = np.linspace(0.05, 0.6, 12)[:, None]
    expressed = np.ones(genomes.shape, dtype=bool)
    posterior = GaussianProcess().fit(
        numeric_space(1), genomes, expressed, 1.0 - genomes[:, 0]
    )
    beyond = np.array([[0.7]]), np.array([[True]])
    assert posterior.predict(*beyond)[0] < posterior.best
    assert posterior.condition_on(*beyond).best == posterior.best


def test_nothing_pending_changes_nothing():
    posterior, genomes, expressed = fitted(mixed_space())
    assert posterior.condition_on(genomes[:0], expressed[:0]) is posterior


def test_long_histories_cost_no_more():
    space = mixed_space()
    genomes, expressed = individuals(space, 2000)
    posterior = GaussianProcess(max_points=50).fit(
        space, genomes, expressed, smooth_scores(genomes)
    )
    assert posterior.points.shape[0] == 50
    assert posterior.cholesky.shape == (50, 50)


def test_known_chance_replaces_what_is_assumed():
    space = numeric_space(2)
    genomes, expressed = individuals(space, 30)
    truth = smooth_scores(genomes)
    rng = np.random.default_rng(0)
    scores = truth + 0.5 * rng.normal(size=30)
    # Those trained often have little of it.
    noise_variance = np.where(np.arange(30) % 3 == 0, 1e-6, 0.25)
    fit = GaussianProcess().fit
    assumed = fit(space, genomes, expressed, scores)
    unknown = fit(space, genomes, expressed, scores, np.full(30, np.nan))
    known = fit(space, genomes, expressed, scores, noise_variance)
    np.testing.assert_array_equal(
        assumed.predict(genomes, expressed), unknown.predict(genomes, expressed)
    )
    sure = np.arange(30) % 3 == 0
    gap = np.abs(known.predict(genomes, expressed)[0] - scores)
    assumed_gap = np.abs(assumed.predict(genomes, expressed)[0] - scores)
    assert gap[sure].mean() < 0.5 * assumed_gap[sure].mean()
    assert gap[~sure].mean() > gap[sure].mean()


def test_of_equal_scores_that_trained_often_is_believed_most():
    space = numeric_space(1)
    genomes = np.linspace(0.05, 0.95, 12)[:, None]
    expressed = np.ones((12, 1), dtype=bool)
    scores = np.zeros(12)
    scores[[2, 9]] = -1.0
    scores[::2] += 0.1
    scores[2] = scores[9]
    noise_variance = np.full(12, 0.5)
    noise_variance[9] = 0.001
    posterior = GaussianProcess().fit(
        space, genomes, expressed, scores, noise_variance
    )
    mean, _ = posterior.predict(genomes, expressed)
    assert mean[9] < mean[2]


def test_without_any_chance_left_scores_are_what_they_are():
    space = numeric_space(1)
    genomes = np.linspace(0.05, 0.95, 8)[:, None]
    expressed = np.ones((8, 1), dtype=bool)
    scores = np.random.default_rng(1).normal(size=8)
    posterior = GaussianProcess().fit(
        space, genomes, expressed, scores, np.zeros(8)
    )
    assert posterior.best == pytest.approx(scores.min())
