"""Acquisition functions: how much an evaluation promises. Minimised inside."""

import math

import numpy as np
from scipy.special import erfcx
from scipy.special import log_ndtr

# Below this the asymptotic series is exact to double precision.
FAR = -1e4
LOG_SQRT_2_PI = 0.5 * math.log(2.0 * math.pi)


def log_expected_improvement(
    mean: np.ndarray, std: np.ndarray, best: float
) -> np.ndarray:
    """Returns the logarithm of the expected improvement on `best`.

    The expected improvement itself underflows to zero far from the incumbent,
    where all candidates then look alike. Its logarithm is finite everywhere.

    Reference:
        Ament et al. (2023), "Unexpected Improvements to Expected Improvement
        for Bayesian Optimization", eq. 9.

    Args:
        mean: Float array, predicted scores; lower is better.
        std: Float array of the same shape, positive.
        best: Float, the score to improve on.

    Returns:
        Float array of the same shape.
    """
    mean, std = np.asarray(mean, dtype=float), np.asarray(std, dtype=float)
    if not np.all(std > 0.0):
        raise ValueError(f"`std` must be positive. Received: std={std}")
    return np.log(std) + _log_standard_improvement((best - mean) / std)


def _log_standard_improvement(z: np.ndarray) -> np.ndarray:
    """Returns log(pdf(z) + z * cdf(z)) of the standard normal."""
    near = z > -1.0
    safe = np.where(near, z, 0.0)
    density = np.exp(-0.5 * safe**2 - LOG_SQRT_2_PI)
    above = np.log(density + safe * np.exp(log_ndtr(safe)))
    safe = np.where(near, -1.0, np.maximum(z, FAR))
    log_density = -0.5 * np.where(near, 1.0, z) ** 2 - LOG_SQRT_2_PI
    ratio = math.sqrt(math.pi / 2.0) * -safe
    mills = np.log1p(-ratio * erfcx(-safe / math.sqrt(2.0)))
    distance = np.maximum(-z, 1.0)
    below = log_density + np.where(z > FAR, mills, -2.0 * np.log(distance))
    return np.where(near, above, below)
