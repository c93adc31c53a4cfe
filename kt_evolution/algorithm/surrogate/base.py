"""The interface between the search and a model of the history."""

from typing import Protocol
from typing import runtime_checkable

import numpy as np

from kt_evolution.algorithm.space.search_space import SearchSpace


@runtime_checkable
class Posterior(Protocol):
    """A surrogate that was fitted to a history. Immutable.

    It predicts scores as the surrogate was fitted to: lower is better.
    """

    @property
    def best(self) -> float:
        """The score to improve on."""

    def predict(
        self, genomes: np.ndarray, expressed: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predicts the scores of individuals that are not known yet.

        Args:
            genomes: Float array of shape `(n, num_genes)`.
            expressed: Bool array of shape `(n, num_genes)`.

        Returns:
            Tuple of the means and the standard deviations, positive, two
            float arrays of shape `(n,)`.
        """

    def condition_on(
        self, genomes: np.ndarray, expressed: np.ndarray
    ) -> "Posterior":
        """Returns the posterior given that some individuals are pending.

        Args:
            genomes: Float array of shape `(n, num_genes)`, individuals that
                were proposed and have no result yet.
            expressed: Bool array of shape `(n, num_genes)`.
        """


@runtime_checkable
class Surrogate(Protocol):
    """A model that predicts scores of individuals.

    Example:

    ```python
    class NearestNeighbor:
        def fit(self, space, genomes, expressed, scores, noise_variance):
            return NearestNeighborPosterior(genomes, scores)

    tuner = kt_evolution.EvolutionTuner(..., surrogate=NearestNeighbor())
    ```
    """

    def fit(
        self,
        space: SearchSpace,
        genomes: np.ndarray,
        expressed: np.ndarray,
        scores: np.ndarray,
        noise_variance: np.ndarray,
    ) -> Posterior:
        """Learns from a history. Keeps nothing: same history, same answer.

        Args:
            space: The `SearchSpace` of the genomes.
            genomes: Float array of shape `(n, num_genes)`, in the order of
                the history, at least one.
            expressed: Bool array of shape `(n, num_genes)`.
            scores: Float array of shape `(n,)`, finite, lower is better.
            noise_variance: Float array of shape `(n,)`, the variance of each
                score that is due to noise, known from repeated trainings; NaN
                where it is not known.
        """
