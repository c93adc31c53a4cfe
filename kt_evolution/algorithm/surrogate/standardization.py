"""Standardization: scores without outliers, with mean 0 and deviation 1."""

import dataclasses
from typing import Any

import numpy as np

# How much more than the better half the worse half of the scores may spread.
# Diverged trainings can score a million times worse than the rest.
MAX_SPREAD = 30.0
# How many times its median a violation's size counts at most. Which side of
# the limit a model is on says more than how far it is from it.
MAX_VIOLATION = 3.0
# Scales stay so far from the ends of the floats that nothing overflows.
SMALLEST, LARGEST = 1e-200, 1e200
# Smaller numbers are scaled before they are squared.
SMALLEST_SQUARED = 1e-100


@dataclasses.dataclass(frozen=True)
class ScoreScale:
    """The score that is standardized to zero, and the scores in one unit."""

    offset: float = 0.0
    scale: float = 1.0

    def scores(self, standardized: Any) -> Any:
        """Returns standardized scores, a float or an array, as scores."""
        return self.offset + self.scale * standardized


def standardize(scores: np.ndarray) -> tuple[np.ndarray, ScoreScale]:
    """Returns standardized scores, in which all bad scores are equal.

    A score that is more than one standard deviation worse than the median is
    clipped to that. The exact values of bad scores say nothing about where the
    best individuals are.

    Args:
        scores: Float array of shape `(n,)`, finite, lower is better.

    Returns:
        Tuple of a float array of shape `(n,)` with mean 0 and standard
        deviation 1, or zeros if all scores are equal; and of the `ScoreScale`
        that turns it into scores again, except for clipped ones.
    """
    # Divided by four, so that no difference of two finite scores overflows.
    median = np.median(scores / 4.0)
    below = scores / 4.0 - median
    largest = np.abs(below).max()
    if largest == 0.0:
        return np.zeros(len(scores)), ScoreScale(float(scores[0]))
    below = below / largest
    widest = -MAX_SPREAD * below.min()
    if 0.0 < widest < SMALLEST_SQUARED:
        # The squares of the better half would underflow.
        below = np.minimum(below, widest) / widest
        largest *= widest
    spread = below.std()
    better = np.sqrt(np.mean(below[below <= 0.0] ** 2))
    if better > 0.0:
        spread = min(spread, MAX_SPREAD * better)
    clipped = np.minimum(below, spread)
    mean, std = clipped.mean(), clipped.std()
    score_scale = ScoreScale(
        float(np.clip(4.0 * (median + largest * mean), -LARGEST, LARGEST)),
        float(np.clip(4.0 * largest * std, SMALLEST, LARGEST)),
    )
    return (clipped - mean) / std, score_scale


def standardize_violations(
    violations: np.ndarray,
) -> tuple[np.ndarray, ScoreScale]:
    """Returns standardized violations, of which outliers are clipped.

    They are clipped on both sides of zero alike. So the sign of none changes:
    a rare broken limit is an outlier too, and it must stay a broken one.

    Args:
        violations: Float array of shape `(n,)`, finite, positive where a limit
            is broken.

    Returns:
        Tuple as of `standardize`.
    """
    sizes = np.minimum(np.abs(violations), LARGEST)
    typical = float(np.median(sizes[sizes > 0.0])) if sizes.any() else 0.0
    bound = max(typical, SMALLEST) * MAX_VIOLATION
    relative = np.clip(violations, -bound, bound) / bound
    mean, std = relative.mean(), relative.std()
    if np.ptp(relative) == 0.0 or std == 0.0:
        return np.zeros(len(relative)), ScoreScale(float(bound * mean))
    score_scale = ScoreScale(
        float(bound * mean), float(max(bound * std, SMALLEST))
    )
    return (relative - mean) / std, score_scale
