"""Selection: which individuals become parents. Scores are minimized."""

import abc

import numpy as np
from scipy.stats import rankdata

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import is_number


class Selection(abc.ABC):
    """Chooses parents from a population by their scores."""

    @abc.abstractmethod
    def __call__(
        self, scores: np.ndarray, num_parents: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Selects parents.

        Args:
            scores: Float array of shape `(n,)`, finite, lower is better.
            num_parents: Int, how many to select, with repetition.
            rng: The source of randomness.

        Returns:
            Int array of shape `(num_parents,)`, positions in `scores`.
        """


class TournamentSelection(Selection):
    """Takes the best of a few individuals drawn at random.

    Reference:
        Goldberg and Deb (1991), "A comparative analysis of selection schemes
        used in genetic algorithms".

    Args:
        size: Int, how many individuals compete. Defaults to 4.
    """

    def __init__(self, size: int = 4) -> None:
        self.size = check_count("size", size)

    def __call__(
        self, scores: np.ndarray, num_parents: int, rng: np.random.Generator
    ) -> np.ndarray:
        entrants = rng.integers(len(scores), size=(num_parents, self.size))
        winners = np.argmin(scores[entrants], axis=1)
        return entrants[np.arange(num_parents), winners]


class RankSelection(Selection):
    """Selects in linear proportion to rank, for any scale of the scores.

    Reference:
        Baker (1985), "Adaptive selection methods for genetic algorithms".

    Args:
        pressure: Float in [1, 2], the expected offspring of the best
            individual, where the mean is 1. Defaults to 1.8.
    """

    def __init__(self, pressure: float = 1.8) -> None:
        if not is_number(pressure) or not 1.0 <= pressure <= 2.0:
            raise ValueError(
                f"`pressure` must be in [1, 2]. Received: pressure={pressure}"
            )
        self.pressure = float(pressure)

    def __call__(
        self, scores: np.ndarray, num_parents: int, rng: np.random.Generator
    ) -> np.ndarray:
        # Equal scores have equal ranks, so that older ones have no advantage.
        badness = (rankdata(scores) - 1.0) / max(len(scores) - 1, 1)
        weights = self.pressure + (2.0 - 2.0 * self.pressure) * badness
        return stochastic_universal_sampling(weights, num_parents, rng)


class RouletteSelection(Selection):
    """Selects in proportion to how far a score is below the worst.

    Reference:
        Baker (1987), "Reducing bias and inefficiency in the selection
        algorithm" (stochastic universal sampling).
    """

    def __call__(
        self, scores: np.ndarray, num_parents: int, rng: np.random.Generator
    ) -> np.ndarray:
        # Halved before subtracting, so that extreme scores don't overflow.
        weights = scores.max() / 2 - scores / 2
        return stochastic_universal_sampling(weights, num_parents, rng)


def stochastic_universal_sampling(
    weights: np.ndarray, num_samples: int, rng: np.random.Generator
) -> np.ndarray:
    """Samples positions by one spin of a wheel with evenly spaced pointers.

    Each position is sampled in proportion to its weight, up to rounding to a
    neighboring integer. Equal weights, zeros included, are sampled evenly.

    Args:
        weights: Float array of shape `(n,)`, not negative.
        num_samples: Int, the number of pointers.
        rng: The source of randomness.

    Returns:
        Int array of shape `(num_samples,)`, in random order.
    """
    largest = weights.max()
    shares = weights / largest if largest > 0 else np.ones(len(weights))
    edges = np.cumsum(shares)
    pointers = (rng.random() + np.arange(num_samples)) / num_samples
    chosen = np.searchsorted(edges, pointers * edges[-1], side="right")
    return rng.permutation(np.minimum(chosen, len(weights) - 1))


SELECTIONS: dict[str, type[Selection]] = {
    "tournament": TournamentSelection,
    "rank": RankSelection,
    "roulette": RouletteSelection,
}
