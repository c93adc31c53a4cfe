"""Expected improvement: how much is gained by an evaluation.

Scores are minimized, and gains are returned as logarithms.
"""

import math

import numpy as np
from scipy.special import erfcx
from scipy.special import log_ndtr
from scipy.special import logsumexp

# Below this the asymptotic series is exact to double precision.
FAR = -1e4
# The smallest difference of two logarithms.
TINY = 1e-300
LOG_SQRT_2_PI = 0.5 * math.log(2.0 * math.pi)


def log_expected_improvement(
    mean: np.ndarray, std: np.ndarray, best: float | np.ndarray
) -> np.ndarray:
    """Returns the logarithm of the expected improvement on `best`.

    Far from the incumbent the expected improvement itself underflows to zero
    for all candidates alike. Its logarithm is finite everywhere.

    Reference:
        Ament et al. (2023), "Unexpected Improvements to Expected Improvement
        for Bayesian Optimization", eq. 9.

    Args:
        mean: Float array, predicted scores; lower is better.
        std: Float array of the same shape, positive.
        best: Float, the score to improve on, or an array of several that is
            broadcast with `mean`.

    Returns:
        Float array of the shape that results.
    """
    mean, std = np.asarray(mean, dtype=float), np.asarray(std, dtype=float)
    if not np.all(std > 0.0):
        raise ValueError(f"`std` must be positive. Received: std={std}")
    return np.log(std) + _log_standard_improvement((best - mean) / std)


def log_expected_hypervolume_improvement(
    means: np.ndarray,
    stds: np.ndarray,
    front: np.ndarray,
    reference: np.ndarray,
) -> np.ndarray:
    """Returns the logarithm of the expected growth of the dominated area.

    The plane below the front is cut into strips, each from one of its points
    to the next. In a strip the improvement is that of the first objective
    within the strip times that of the second objective below the strip's top.

    Reference:
        Yang et al. (2019), "Efficient Computation of Expected Hypervolume
        Improvement Using Box Decomposition Algorithms", section 4.

    Args:
        means: Float array of shape `(n, 2)`, predictions; lower is better.
        stds: Float array of the same shape, positive.
        front: Float array of shape `(m, 2)`. Points that others dominate, or
            that lie beyond the reference point, do not matter.
        reference: Float array of shape `(2,)`, where the area ends.

    Returns:
        Float array of shape `(n,)`.
    """
    inside = front[np.all(front < reference, axis=1)]
    inside = inside[np.lexsort(inside.T[::-1])]
    lowest = np.minimum.accumulate(inside[:, 1])
    steps = inside[np.diff(lowest, prepend=np.inf) < 0.0]
    edges = np.append(steps[:, 0], reference[0])
    tops = np.append(reference[1], steps[:, 1])
    first = log_expected_improvement(means[:, :1], stds[:, :1], edges)
    second = log_expected_improvement(means[:, 1:], stds[:, 1:], tops)
    # The improvement over a strip's right edge less that over its left edge.
    growth = np.maximum(np.diff(first, axis=1), TINY)
    within = first[:, 1:] + np.log(-np.expm1(-growth))
    strips = np.concatenate([first[:, :1], within], axis=1) + second
    return logsumexp(strips, axis=1)


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
