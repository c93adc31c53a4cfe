"""Scores as a Gaussian process likes them: no outliers, unit scale."""

import dataclasses

import numpy as np

# In units of the spread of the better half, the most that the worse half may
# spread. Diverged trainings can score a million times worse than the rest.
MAX_SPREAD = 30.0
# Units stay so far from the ends of the floats that nothing overflows.
SMALLEST, LARGEST = 1e-200, 1e200


@dataclasses.dataclass(frozen=True)
class Unit:
    """What one standardised unit is in scores, and where they are zero."""

    offset: float = 0.0
    scale: float = 1.0


def warp(scores: np.ndarray) -> tuple[np.ndarray, Unit]:
    """Returns standardised scores in which bad ones are all alike.

    Everything that is more than one standard deviation worse than the median
    counts as that bad. How bad it really is would teach nothing about where
    the best individuals are.

    Args:
        scores: Float array of shape `(n,)`, finite, lower is better.

    Returns:
        Float array of shape `(n,)` with mean 0 and standard deviation 1, or
        zeros where all scores are equal; and the `Unit` that makes scores of
        it again, of those that are not alike.
    """
    # Divided by four, so that no difference of two finite scores overflows.
    median = np.median(scores / 4.0)
    below = scores / 4.0 - median
    largest = np.abs(below).max()
    if largest == 0.0:
        return np.zeros(len(scores)), Unit(float(scores[0]))
    below = below / largest
    spread = below.std()
    better = np.sqrt(np.mean(below[below <= 0.0] ** 2))
    if better > 0.0:
        spread = min(spread, MAX_SPREAD * better)
    clipped = np.minimum(below, spread)
    mean, std = clipped.mean(), clipped.std()
    unit = Unit(
        float(np.clip(4.0 * (median + largest * mean), -LARGEST, LARGEST)),
        float(np.clip(4.0 * largest * std, SMALLEST, LARGEST)),
    )
    return (clipped - mean) / std, unit
