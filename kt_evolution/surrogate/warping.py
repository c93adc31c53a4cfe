"""Scores as a Gaussian process likes them: no outliers, unit scale."""

import numpy as np

# In units of the spread of the better half, the most that the worse half may
# spread. Diverged trainings can score a million times worse than the rest.
MAX_SPREAD = 30.0


def warp(scores: np.ndarray) -> np.ndarray:
    """Returns standardised scores in which bad ones are all alike.

    Everything that is more than one standard deviation worse than the median
    counts as that bad. How bad it really is would teach nothing about where
    the best individuals are.

    Args:
        scores: Float array of shape `(n,)`, finite, lower is better.

    Returns:
        Float array of shape `(n,)` with mean 0 and standard deviation 1, or
        zeros where all scores are equal.
    """
    # Halved twice, so that no difference of two finite scores overflows.
    below = scores / 4.0 - np.median(scores / 4.0)
    largest = np.abs(below).max()
    if largest == 0.0:
        return np.zeros(len(scores))
    below = below / largest
    spread = below.std()
    better = np.sqrt(np.mean(below[below <= 0.0] ** 2))
    if better > 0.0:
        spread = min(spread, MAX_SPREAD * better)
    clipped = np.minimum(below, spread)
    return (clipped - clipped.mean()) / clipped.std()
