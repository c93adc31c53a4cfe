"""The subset of a long history to which a surrogate is fitted."""

import numpy as np


def choose_points(scores: np.ndarray, max_points: int) -> np.ndarray:
    """Returns the positions of the most informative individuals.

    Half of them are the best, a quarter are the latest, and the rest are spread
    evenly over the history, so that bad scores are represented as well.

    Args:
        scores: Float array of shape `(n,)`, in the order of the history.
        max_points: Int, the largest number of positions.

    Returns:
        Sorted int array of at most `max_points` positions.
    """
    count = len(scores)
    if count <= max_points:
        return np.arange(count)
    kept = np.zeros(count, dtype=bool)
    kept[np.argsort(scores, kind="stable")[: (max_points + 1) // 2]] = True
    latest = np.flatnonzero(~kept)[::-1][: max_points // 4]
    kept[latest] = True
    rest = np.flatnonzero(~kept)
    missing = max_points - int(kept.sum())
    kept[rest[np.arange(missing) * len(rest) // max(missing, 1)]] = True
    return np.flatnonzero(kept)
