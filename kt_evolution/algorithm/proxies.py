"""Proxies: what a build tells of a model before it is trained.

A zero-cost proxy such as SynFlow is measured without training and goes with
the score. Each is a basis function of the prior mean of the surrogate, see
`surrogate/prior_mean.py`, so the scores decide what it is worth. To know the
proxies of a model it has to be built, so they are asked only for the best
candidates of a surrogate that does without.

Reference:
    Abdelfattah et al. (2021), "Zero-Cost Proxies for Lightweight NAS"; White
    et al. (2021), "How Powerful are Performance Predictors in Neural
    Architecture Search?", for proxies as inputs of a model of the scores.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
from scipy.stats import norm

from kt_evolution.algorithm.surrogate.prior_mean import BasisFunction
from kt_evolution.algorithm.surrogate.prior_mean import PriorMean

# Of so many candidates the proxies are measured for each proposal.
NUM_CANDIDATES = 16


@dataclasses.dataclass(frozen=True)
class Proxies:
    """Measures the proxies of models, and says of what they tell.

    Args:
        measure: Function that takes genomes, a float array of shape
            `(n, num_genes)`, and returns their proxies, a float array of shape
            `(n, num_proxies)`. Higher is better; NaN is not known. Equal
            genomes must have equal proxies.
        can_train: Function that takes genomes and returns a bool array of
            shape `(n,)`, whether the build shows that they can be trained.
        are_informed: Tuple of bools, of which objectives the proxies tell: of
            an accuracy, but not of a cost.
    """

    measure: Callable[[np.ndarray], np.ndarray]
    can_train: Callable[[np.ndarray], np.ndarray]
    are_informed: tuple[bool, ...]

    def functions(
        self, genomes: np.ndarray, num_columns: int
    ) -> list[tuple[BasisFunction, ...]]:
        """Returns basis functions for each number that is minimized.

        Args:
            genomes: Float array of shape `(n, num_genes)`, all models that are
                compared. The ranks of their proxies are spread as a standard
                normal distribution.
            num_columns: Int, how many numbers are minimized: the objectives,
                or one that combines them.
        """
        each = tuple(
            functools.partial(self._column, number, np.sort(known))
            for number, column in enumerate(self.measure(genomes).T)
            if len(known := column[~np.isnan(column)])
        )
        informed = self.are_informed
        if num_columns != len(informed):
            informed = (any(informed),) * num_columns
        return [each if is_informed else () for is_informed in informed]

    def _column(
        self, number: int, known: np.ndarray, genomes: np.ndarray, _: np.ndarray
    ) -> np.ndarray:
        """Returns a proxy of each genome, standardized; lower is better.

        Args:
            number: Int, which proxy.
            known: Float array of its values among all that are compared,
                ascending.
            genomes: Float array of shape `(n, num_genes)`.
        """
        values = self.measure(genomes)[:, number]
        smaller = np.searchsorted(known, values, "left")
        not_larger = np.searchsorted(known, values, "right")
        shares = (smaller + not_larger) / (2.0 * len(known))
        # What is missing is average.
        shares[np.isnan(values)] = 0.5
        column: np.ndarray = -norm.ppf(shares)
        return column

    def best_of(self, genomes: np.ndarray) -> int:
        """Returns the row of the genome with the best expected score.

        No score is known yet.
        """
        (functions,) = self.functions(genomes, 1)
        prior = PriorMean(functions)
        expressed = np.ones(genomes.shape, dtype=bool)
        expected = prior.expected(prior.basis(genomes, expressed))
        return int(np.argmin(expected))
