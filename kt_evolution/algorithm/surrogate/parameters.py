"""The parameters of a Gaussian process: the most probable ones."""

import math

import numpy as np
from scipy.linalg.lapack import dpotrf
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize

from kt_evolution.algorithm.space.search_space import WIDE
from kt_evolution.algorithm.surrogate.kernel import correlations_and_gradient
from kt_evolution.algorithm.surrogate.kernel import same_distances
from kt_evolution.algorithm.surrogate.prior_mean import MEAN_VARIANCE

# Normal priors on the logarithms of the features' weights (the inverse squared
# length scales) and of the noise variance per unit of amplitude.
WEIGHT_PRIOR = (-1.0, 1.5)
NOISE_PRIOR = (-4.0, 2.0)
WEIGHT_BOUNDS = (-10.0, 5.0)
NOISE_BOUNDS = (-14.0, 2.0)
# Keeps the Cholesky factor of duplicated individuals real.
JITTER = 1e-8
# The prior of the amplitude counts as much as this many scores of unit scale.
PRIOR_SCORES = 2.0
MAX_ITERATIONS = 25
# How many genes of a wide space have a length scale of their own.
NUM_OWN_LENGTH_SCALES = 30
# With at most this many features `WEIGHT_PRIOR` is the prior of the weights.
# With more the length scales are longer, see `shift_of`.
UNSHIFTED_FEATURES = 11
# The standard deviation of the logarithms of weights in a wide space, twice
# that of Hvarfner's length scales: most of thousands of genes do not matter,
# and a few matter much.
WIDE_SPREAD = 2.0 * 3.0**0.5


def fit_parameters(
    points: np.ndarray,
    features: np.ndarray,
    targets: np.ndarray,
    added_variance: np.ndarray | float = 0.0,
    mean_covariance: np.ndarray | float = MEAN_VARIANCE,
    num_varied: int | None = None,
) -> np.ndarray:
    """Returns the most probable log weights of the features and log noise.

    Args:
        points: Float array of shape `(n, num_coordinates)`, from `embed`.
        features: Int array, the feature of each coordinate.
        targets: Float array of shape `(n,)`, the standardized scores less
            their prior means.
        added_variance: Float array of shape `(n,)`, variances of the targets
            in addition to the noise, per unit of amplitude. Defaults to 0.
        mean_covariance: Float array of shape `(n, n)`, the covariance of the
            prior means. Defaults to that of an unknown constant.
        num_varied: Int, in how many features individuals can differ. Defaults
            to None: in all of them.

    Returns:
        Float array of shape `(num_features + 1,)`.
    """
    num_features = int(features.max(initial=-1)) + 1
    if num_features > WIDE:
        return _fit_few_of_many(
            points, features, targets, added_variance, mean_covariance
        )
    shift = shift_of(num_features if num_varied is None else num_varied)
    mean, std, bounds = _prior(num_features, shift, spread_of(shift))
    return _most_probable(
        mean,
        points,
        features,
        targets,
        mean,
        std,
        bounds,
        added_variance,
        mean_covariance,
    )


def _fit_few_of_many(
    points: np.ndarray,
    features: np.ndarray,
    targets: np.ndarray,
    added_variance: np.ndarray | float,
    mean_covariance: np.ndarray | float,
) -> np.ndarray:
    """Returns parameters with a few length scales, and one for all others.

    First all features share one length scale. Then the features for which the
    derivative of the posterior with respect to their weight is the largest get
    length scales of their own. The others keep sharing one.

    Reference:
        Welch et al. (1992), "Screening, Predicting, and Computer
        Experiments"; the prior's shift is that of Hvarfner et al. (2024),
        "Vanilla Bayesian Optimization Performs Great in High Dimensions".
    """
    num_features = int(features.max()) + 1
    shift = shift_of(len(np.unique(features)))
    # Group 0 are the features that share a length scale.
    groups = np.zeros(num_features, dtype=np.int64)
    mean, std, bounds = _prior(1, shift)
    shared = _most_probable(
        mean,
        same_distances(points),
        np.zeros(min(points.shape), dtype=np.int64),
        targets,
        mean,
        std,
        bounds,
        added_variance,
        mean_covariance,
    )
    all_means, all_stds, _ = _prior(num_features, shift)
    at_shared = np.append(np.full(num_features, shared[0]), shared[-1])
    _, slopes = negative_log_posterior(
        at_shared,
        points,
        features,
        targets,
        all_means,
        all_stds,
        added_variance,
        mean_covariance,
    )
    own = np.argsort(slopes[:-1], kind="stable")[:NUM_OWN_LENGTH_SCALES]
    groups[own] = 1 + np.arange(len(own))
    is_own = groups[features] > 0
    rest = same_distances(points[:, ~is_own])
    coordinates = np.concatenate([rest, points[:, is_own]], axis=1)
    grouped = np.concatenate(
        [np.zeros(rest.shape[1], dtype=np.int64), groups[features[is_own]]]
    )
    mean, std, bounds = _prior(1 + len(own), shift, WIDE_SPREAD)
    start = np.append(np.full(1 + len(own), shared[0]), shared[-1])
    fitted = _most_probable(
        start,
        coordinates,
        grouped,
        targets,
        mean,
        std,
        bounds,
        added_variance,
        mean_covariance,
    )
    return np.append(fitted[:-1][groups], fitted[-1])


def _most_probable(
    start: np.ndarray,
    points: np.ndarray,
    features: np.ndarray,
    targets: np.ndarray,
    mean: np.ndarray,
    std: np.ndarray,
    bounds: list[tuple[float, float]],
    added_variance: np.ndarray | float,
    mean_covariance: np.ndarray | float,
) -> np.ndarray:
    result = minimize(
        negative_log_posterior,
        start,
        args=(
            points,
            features,
            targets,
            mean,
            std,
            added_variance,
            mean_covariance,
        ),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": MAX_ITERATIONS},
    )
    return result.x


def negative_log_posterior(
    parameters: np.ndarray,
    points: np.ndarray,
    features: np.ndarray,
    targets: np.ndarray,
    mean: np.ndarray,
    std: np.ndarray,
    added_variance: np.ndarray | float = 0.0,
    mean_covariance: np.ndarray | float = MEAN_VARIANCE,
) -> tuple[float, np.ndarray]:
    """Returns the negative log posterior of parameters, and its gradient.

    Rasmussen & Williams (2006), eq. 5.8 and 5.9, with the amplitude at its
    most probable value, plus the normal prior of the parameters.
    """
    count = len(targets)
    diagonal = np.diag_indices(count)
    covariance, pull_back = correlations_and_gradient(
        points, features, parameters[:-1]
    )
    covariance += mean_covariance
    covariance[diagonal] += nugget(parameters) + added_variance
    cholesky, failed = dpotrf(covariance, lower=1)
    if failed:
        return 1e10, np.zeros_like(parameters)
    inverse = np.tril(dpotri(cholesky, lower=1)[0])
    inverse += np.tril(inverse, -1).T
    weights = inverse @ targets
    amplitude = amplitude_of(targets @ weights, count)
    gradient = 0.5 * (inverse - np.outer(weights, weights) / amplitude)
    by_noise = np.trace(gradient) * np.exp(parameters[-1])
    distance = (parameters - mean) / std
    loss = 0.5 * (count + PRIOR_SCORES) * np.log(amplitude)
    loss += np.log(cholesky[diagonal]).sum() + 0.5 * distance @ distance
    return loss, np.append(pull_back(gradient), by_noise) + distance / std


def shift_of(num_varied: int) -> float:
    """Returns by how much the prior lowers the logarithms of weights.

    The expected distance of two individuals then stays that of a space with
    `UNSHIFTED_FEATURES`. Otherwise random individuals of many features would
    be uncorrelated, and only close neighbors of known ones would be expected
    to be good.

    Reference:
        Hvarfner et al. (2024), "Vanilla Bayesian Optimization Performs Great
        in High Dimensions".

    Args:
        num_varied: Int, in how many features individuals can differ.
    """
    return math.log(max(num_varied / UNSHIFTED_FEATURES, 1.0))


def spread_of(shift: float) -> float:
    """Returns the standard deviation of the logarithms of shifted weights.

    The expected weight, exp(mean + variance / 2), is that of the unshifted
    prior: a few of many features may still matter much.
    """
    return math.sqrt(WEIGHT_PRIOR[1] ** 2 + 2.0 * shift)


def _prior(
    num_features: int, shift: float = 0.0, spread: float = WEIGHT_PRIOR[1]
) -> tuple[np.ndarray, np.ndarray, list[tuple[float, float]]]:
    """Returns the means, standard deviations and bounds of the parameters.

    Args:
        num_features: Int.
        shift: Float, by how much the means of the logarithms of weights are
            lowered. Defaults to 0.
        spread: Float, their standard deviation. Defaults to that of
            `WEIGHT_PRIOR`.
    """
    weight = (WEIGHT_PRIOR[0] - shift, spread)
    priors = np.array([weight] * num_features + [NOISE_PRIOR])
    lowest, highest = WEIGHT_BOUNDS
    bounds = [(lowest - shift, highest)] * num_features + [NOISE_BOUNDS]
    return priors[:, 0], priors[:, 1], bounds


def nugget(parameters: np.ndarray) -> float:
    """Returns the noise variance per unit of amplitude."""
    return float(np.exp(parameters[-1])) + JITTER


def amplitude_of(quadratic: float, count: int) -> float:
    """Returns the most probable amplitude.

    Args:
        quadratic: Float, the targets times the inverse correlations times
            the targets.
        count: Int, the number of targets.
    """
    return float((quadratic + PRIOR_SCORES) / (count + PRIOR_SCORES))
