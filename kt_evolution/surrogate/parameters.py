"""The parameters of a Gaussian process: the most probable ones."""

import numpy as np
from scipy.linalg.lapack import dpotrf
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize

from kt_evolution.surrogate.kernel import correlations_and_gradient

# Normal priors on the logarithms of the features' weights (the inverse squared
# length scales) and of the noise variance per unit of amplitude.
WEIGHT_PRIOR = (-1.0, 1.5)
NOISE_PRIOR = (-4.0, 2.0)
WEIGHT_BOUNDS = (-10.0, 5.0)
NOISE_BOUNDS = (-14.0, 2.0)
# The variance of the unknown mean of all scores, per unit of amplitude.
MEAN_VARIANCE = 1.0
# Keeps the Cholesky factor of duplicated individuals real.
JITTER = 1e-8
# The amplitude counts as if so many scores of unit scale had been seen too.
PRIOR_SCORES = 2.0
MAX_ITERATIONS = 25


def fit_parameters(
    points: np.ndarray, features: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    """Returns the most probable log weights of the features and log noise.

    Args:
        points: Float array of shape `(n, num_coordinates)`, from `embed`.
        features: Int array, the feature of each coordinate.
        targets: Float array of shape `(n,)`, the warped scores.

    Returns:
        Float array of shape `(num_features + 1,)`.
    """
    mean, std, bounds = _prior(int(features.max(initial=-1)) + 1)
    result = minimize(
        negative_log_posterior,
        mean,
        args=(points, features, targets, mean, std),
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
) -> tuple[float, np.ndarray]:
    """Returns how improbable parameters are, and the gradient of that.

    Rasmussen & Williams (2006), eq. 5.8 and 5.9, with the amplitude at its
    most probable value, plus the normal prior of the parameters.
    """
    count = len(targets)
    diagonal = np.diag_indices(count)
    covariance, pull_back = correlations_and_gradient(
        points, features, parameters[:-1]
    )
    covariance += MEAN_VARIANCE
    covariance[diagonal] += nugget(parameters)
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


def _prior(
    num_features: int,
) -> tuple[np.ndarray, np.ndarray, list[tuple[float, float]]]:
    """Returns the means, standard deviations and bounds of the parameters."""
    priors = np.array([WEIGHT_PRIOR] * num_features + [NOISE_PRIOR])
    bounds = [WEIGHT_BOUNDS] * num_features + [NOISE_BOUNDS]
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
