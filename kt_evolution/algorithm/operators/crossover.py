"""Crossover: two parents make one child.

Every crossover respects conditions. If the parents differ in a choice, the
genes that depend on it come from the same parent as the choice. If the parents
agree, those genes mix freely. Genes of one name scope, such as "cell/node_1/",
often stay together, because they were good together.
"""

import abc

import numpy as np

from kt_evolution.algorithm.checks import check_positive
from kt_evolution.algorithm.checks import check_probability
from kt_evolution.algorithm.space.genes import LAST_CODE
from kt_evolution.algorithm.space.search_space import SearchSpace

# The probability that the genes of a name scope are made to come from one
# parent.
SCOPE_LINKAGE = 0.5


class Crossover(abc.ABC):
    """Combines pairs of genomes.

    Args:
        probability: Float in [0, 1], the chance that an offspring has two
            parents rather than one. Defaults to 0.9.
    """

    def __init__(self, probability: float = 0.9) -> None:
        self.probability = check_probability("probability", probability)

    def __call__(
        self,
        parents: np.ndarray,
        space: SearchSpace,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Makes one child of each pair of parents.

        Args:
            parents: Float array of shape `(n, 2, num_genes)`.
            space: The `SearchSpace` of the genomes.
            rng: The source of randomness.

        Returns:
            Float array of shape `(n, num_genes)`, codes in [0, 1).
        """
        first, second = parents[:, 0], parents[:, 1]
        from_second = self.swap_mask(len(first), space.num_genes, rng)
        from_second = keep_whole(from_second, space, rng)
        from_second, is_bound = link(from_second, first != second, space)
        children = np.where(from_second, second, first)
        blended = self.blend(first, second, rng)
        if blended is None:
            return children
        is_free = ~is_bound & ~space.is_categorical & space.is_tunable
        return np.where(is_free, np.clip(blended, 0.0, LAST_CODE), children)

    @abc.abstractmethod
    def swap_mask(
        self, num_pairs: int, num_genes: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Returns which genes come from the second parent.

        Returns:
            Bool array of shape `(num_pairs, num_genes)`.
        """

    def blend(
        self,
        first: np.ndarray,
        second: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray | None:
        """Returns new codes for numeric genes, or None to swap them, too."""
        return None


def keep_whole(
    from_second: np.ndarray, space: SearchSpace, rng: np.random.Generator
) -> np.ndarray:
    """Makes genes of one name scope come from one parent in some children.

    Args:
        from_second: Bool array of shape `(n, num_genes)`.
        space: The `SearchSpace`.
        rng: The source of randomness.

    Returns:
        Bool array of the same shape, in which some scopes of each row are
        whole.
    """
    whole = from_second.copy()
    for scope in space.scopes:
        # The leading gene is random, because cuts favor the first one.
        leader = rng.choice(scope, size=len(whole))
        leads = from_second[np.arange(len(whole)), leader][:, None]
        linked = rng.random((len(whole), 1)) < SCOPE_LINKAGE
        whole[:, scope] = np.where(linked, leads, whole[:, scope])
    return whole


def link(
    from_second: np.ndarray, differs: np.ndarray, space: SearchSpace
) -> tuple[np.ndarray, np.ndarray]:
    """Makes conditional genes come with a choice in which parents differ.

    Args:
        from_second: Bool array of shape `(n, num_genes)`.
        differs: Bool array of the same shape, where the parents differ.
        space: The `SearchSpace`.

    Returns:
        Tuple of the linked mask, and of a bool array of the same shape: which
        genes are bound to the gene of their innermost condition.
    """
    linked = from_second.copy()
    is_bound = np.zeros_like(linked)
    for i in space.order:
        condition_parent = space.condition_parents[i]
        if condition_parent < 0:
            continue
        is_bound[:, i] = (
            differs[:, condition_parent] | is_bound[:, condition_parent]
        )
        linked[:, i] = np.where(
            is_bound[:, i], linked[:, condition_parent], linked[:, i]
        )
    return linked, is_bound


class UniformCrossover(Crossover):
    """Takes each gene from either parent at random.

    Reference:
        Syswerda (1989), "Uniform crossover in genetic algorithms".

    Args:
        probability: Float in [0, 1], the chance that an offspring has two
            parents. Defaults to 0.9.
        swap_probability: Float in [0, 1], the chance that a gene comes from
            the second parent. Defaults to 0.5.
    """

    def __init__(
        self, probability: float = 0.9, swap_probability: float = 0.5
    ) -> None:
        super().__init__(probability)
        self.swap_probability = check_probability(
            "swap_probability", swap_probability
        )

    def swap_mask(
        self, num_pairs: int, num_genes: int, rng: np.random.Generator
    ) -> np.ndarray:
        return rng.random((num_pairs, num_genes)) < self.swap_probability


class OnePointCrossover(Crossover):
    """Takes the genes before a cut from one parent, the rest from the other.

    Reference:
        Holland (1975), "Adaptation in natural and artificial systems".
    """

    def swap_mask(
        self, num_pairs: int, num_genes: int, rng: np.random.Generator
    ) -> np.ndarray:
        cuts = rng.integers(1, max(num_genes, 2), size=(num_pairs, 1))
        return np.arange(num_genes) >= cuts


class TwoPointCrossover(Crossover):
    """Takes the genes between two random cuts from the second parent.

    Reference:
        De Jong (1975), "An analysis of the behavior of a class of genetic
        adaptive systems".
    """

    def swap_mask(
        self, num_pairs: int, num_genes: int, rng: np.random.Generator
    ) -> np.ndarray:
        cuts = np.sort(rng.integers(num_genes + 1, size=(num_pairs, 2)))
        genes = np.arange(num_genes)
        return (genes >= cuts[:, :1]) & (genes < cuts[:, 1:])


class SimulatedBinaryCrossover(UniformCrossover):
    """Spreads numeric genes around the parents as one-point crossover of bits.

    Categorical genes swap.

    Reference:
        Deb and Agrawal (1995), "Simulated binary crossover for continuous
        search space".

    Args:
        probability: Float in [0, 1], the chance that an offspring has two
            parents. Defaults to 0.9.
        distribution_index: Float above 0; the larger, the closer children are
            to their parents. Defaults to 15.
    """

    def __init__(
        self, probability: float = 0.9, distribution_index: float = 15.0
    ) -> None:
        super().__init__(probability)
        self.distribution_index = check_positive(
            "distribution_index", distribution_index
        )

    def blend(
        self,
        first: np.ndarray,
        second: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        u = rng.random(first.shape)
        exponent = 1.0 / (self.distribution_index + 1.0)
        # Equation 5 of the paper: the spread factor beta.
        spread = np.where(
            u <= 0.5, (2.0 * u) ** exponent, (2.0 - 2.0 * u) ** -exponent
        )
        sign = np.where(rng.random(first.shape) < 0.5, 1.0, -1.0)
        return (first + second) / 2 + sign * spread * (second - first) / 2


class BlendCrossover(UniformCrossover):
    """Draws numeric genes evenly from the parents' interval, widened.

    Categorical genes swap.

    Reference:
        Eshelman and Schaffer (1993), "Real-coded genetic algorithms and
        interval-schemata" (BLX-alpha).

    Args:
        probability: Float in [0, 1], the chance that an offspring has two
            parents. Defaults to 0.9.
        alpha: Float above 0, by which part of its length the interval is
            widened on each side. Defaults to 0.5.
    """

    def __init__(self, probability: float = 0.9, alpha: float = 0.5) -> None:
        super().__init__(probability)
        self.alpha = check_positive("alpha", alpha)

    def blend(
        self,
        first: np.ndarray,
        second: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        u = rng.random(first.shape) * (1.0 + 2.0 * self.alpha) - self.alpha
        return first + u * (second - first)


CROSSOVERS: dict[str, type[Crossover]] = {
    "uniform": UniformCrossover,
    "one_point": OnePointCrossover,
    "two_point": TwoPointCrossover,
    "simulated_binary": SimulatedBinaryCrossover,
    "blend": BlendCrossover,
}
