"""Survival: which individuals form the population, whose members are parents.

No population is stored. Each rule derives it from the evaluated individuals,
which are in the order of their birth. Scores are minimized.
"""

import abc

import numpy as np

from kt_evolution.algorithm.checks import check_count


class Survival(abc.ABC):
    """Derives the population from all evaluated individuals."""

    @abc.abstractmethod
    def __call__(self, scores: np.ndarray, population_size: int) -> np.ndarray:
        """Returns the population.

        Args:
            scores: Float array of shape `(n,)`, finite, in order of birth.
            population_size: Int, the number of survivors at most.

        Returns:
            Int array, distinct positions in `scores`; empty only if there are
            no scores.
        """


class ElitistSurvival(Survival):
    """Keeps the best of all individuals (mu + lambda).

    Reference:
        Beyer and Schwefel (2002), "Evolution strategies: a comprehensive
        introduction".
    """

    def __call__(self, scores: np.ndarray, population_size: int) -> np.ndarray:
        return np.argsort(scores, kind="stable")[:population_size]


class AgingSurvival(Survival):
    """Keeps the youngest individuals, even if older ones are better.

    Reference:
        Real et al. (2019), "Regularized evolution for image classifier
        architecture search".
    """

    def __call__(self, scores: np.ndarray, population_size: int) -> np.ndarray:
        return np.arange(max(len(scores) - population_size, 0), len(scores))


class GenerationalSurvival(Survival):
    """Keeps the last full generation and the best of those before it.

    Reference:
        De Jong (1975), "An analysis of the behavior of a class of genetic
        adaptive systems" (elitist model).

    Args:
        num_elites: Int, how many of the best of earlier generations stay in
            place of the generation's worst. Defaults to 2.
    """

    def __init__(self, num_elites: int = 2) -> None:
        self.num_elites = check_count("num_elites", num_elites, at_least=0)

    def __call__(self, scores: np.ndarray, population_size: int) -> np.ndarray:
        end = len(scores) // population_size * population_size
        if end <= population_size:
            return np.arange(min(len(scores), population_size))
        start = end - population_size
        num_elites = min(self.num_elites, population_size - 1)
        elites = np.argsort(scores[:start], kind="stable")[:num_elites]
        generation = start + np.argsort(scores[start:end], kind="stable")
        return np.concatenate([elites, generation])[:population_size]


SURVIVALS: dict[str, type[Survival]] = {
    "elitist": ElitistSurvival,
    "aging": AgingSurvival,
    "generational": GenerationalSurvival,
}
