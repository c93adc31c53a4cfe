"""The prior mean: which scores are expected before the first one is known.

It is a constant, plus basis functions of individuals. A basis function is what
a search on other data has learned, the scores that its own surrogate predicts,
or a proxy that is measured before training. How much that is worth here is not
known, so the constant and the weights of the basis functions have normal priors
and are integrated out. What the scores of this search contradict loses its
weight.

Reference:
    Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning",
    section 2.7.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

# The variance of the unknown mean of all scores, per unit of amplitude.
MEAN_VARIANCE = 1.0
# The prior of the weight of a basis function. The means of several add up to
# this one.
EXPECTED_WEIGHT = 0.5
WEIGHT_VARIANCE = 1.0

BasisFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class PriorMean:
    """The mean of a Gaussian process with unknown weights (eq. 2.40).

    Args:
        functions: Tuple of functions that take genomes and expressed genes,
            see `Posterior.predict`, and return a float array of shape `(n,)`.
            Defaults to none: only the constant is unknown.
    """

    functions: tuple[BasisFunction, ...] = ()

    def basis(self, genomes: np.ndarray, expressed: np.ndarray) -> np.ndarray:
        """Returns the basis functions, of shape `(n, num_functions)`.

        Args:
            genomes: Float array of shape `(n, num_genes)`.
            expressed: Bool array of shape `(n, num_genes)`.
        """
        values = np.empty((len(genomes), len(self.functions)))
        for i, function in enumerate(self.functions):
            values[:, i] = function(genomes, expressed)
        return values

    def extended(self, functions: tuple[BasisFunction, ...]) -> "PriorMean":
        """Returns the prior mean with further basis functions."""
        return PriorMean((*self.functions, *functions))

    @staticmethod
    def expected(basis: np.ndarray) -> np.ndarray:
        """Returns the expected scores, a float array of shape `(n,)`.

        Args:
            basis: Float array of shape `(n, num_functions)`.
        """
        return EXPECTED_WEIGHT / max(basis.shape[1], 1) * basis.sum(axis=1)

    @staticmethod
    def covariance(basis: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Returns what unknown weights add to the covariance, `(n, m)`.

        Args:
            basis: Float array of shape `(n, num_functions)`.
            others: Float array of shape `(m, num_functions)`.
        """
        return MEAN_VARIANCE + WEIGHT_VARIANCE * (basis @ others.T)

    @staticmethod
    def mean_variance(basis: np.ndarray) -> np.ndarray:
        """Returns the variances of the prior means, of shape `(n,)`.

        Args:
            basis: Float array of shape `(n, num_functions)`.
        """
        squares = np.einsum("ij,ij->i", basis, basis)
        return MEAN_VARIANCE + WEIGHT_VARIANCE * squares


CONSTANT = PriorMean()
