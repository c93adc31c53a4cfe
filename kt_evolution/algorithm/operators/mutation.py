"""Mutation: small changes of genes, at least one of them expressed."""

import abc

import numpy as np

from kt_evolution.algorithm.checks import check_positive
from kt_evolution.algorithm.checks import check_probability
from kt_evolution.algorithm.space.genes import LAST_CODE
from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.algorithm.space.genes import GridGene
from kt_evolution.algorithm.space.search_space import SearchSpace

# Median length of an ordinal gene's step, as a share of the domain.
ORDINAL_REACH = 0.05


class Mutation(abc.ABC):
    """Changes genomes, each in at least one expressed gene.

    How many genes change is drawn from a geometric distribution, so that one
    is the most likely and any number possible.

    Args:
        probability: Float in [0, 1], the chance that a child of two parents
            is mutated. A child of one parent always is, and so is one that
            the search knows already. Defaults to 0.3.
        stop_probability: Float in (0, 1], the chance after each mutated gene
            that no further one mutates. The mean number of mutated genes is
            its inverse. Defaults to 0.8.
    """

    def __init__(
        self, probability: float = 0.3, stop_probability: float = 0.8
    ) -> None:
        self.probability = check_probability("probability", probability)
        check_positive("stop_probability", stop_probability)
        self.stop_probability = check_probability(
            "stop_probability", stop_probability
        )

    def __call__(
        self,
        genomes: np.ndarray,
        expressed: np.ndarray,
        space: SearchSpace,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Mutates each genome.

        Args:
            genomes: Float array of shape `(n, num_genes)`, canonical codes.
            expressed: Bool array of the same shape.
            space: The `SearchSpace` of the genomes.
            rng: The source of randomness.

        Returns:
            Float array of shape `(n, num_genes)`, canonical codes.
        """
        mutants = genomes.copy()
        mutates = self._chosen(expressed & space.is_tunable, rng)
        for i in np.flatnonzero(mutates.any(axis=0)):
            rows = np.flatnonzero(mutates[:, i])
            codes = genomes[rows, i]
            mutants[rows, i] = self.mutate_gene(space.genes[i], codes, rng)
        return mutants

    @abc.abstractmethod
    def mutate_gene(
        self, gene: Gene, codes: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Returns codes of one gene, each of another value than before."""

    def _chosen(
        self, eligible: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Returns which genes mutate, at least one of each row."""
        counts = rng.geometric(self.stop_probability, size=len(eligible))
        keys = np.where(eligible, rng.random(eligible.shape), -1.0)
        # A row's largest keys mutate, as many as its count.
        most = min(int(counts.max(initial=1)), keys.shape[1])
        if most == 0:
            return eligible
        largest = -np.sort(np.partition(-keys, most - 1)[:, :most])
        last = np.minimum(counts, most) - 1
        return eligible & (
            keys >= np.take_along_axis(largest, last[:, None], 1)
        )


class MixedMutation(Mutation):
    """Mutates each gene according to its kind.

    A categorical gene takes another value. An ordinal gene moves by some steps,
    mostly few and sometimes many. A continuous gene moves by polynomial
    mutation.

    Reference:
        Deb and Goyal (1996), "A combined genetic adaptive search (GeneAS) for
        engineering design".

    Args:
        probability: Float in [0, 1], the chance that a child of two parents
            is mutated. Defaults to 0.3.
        stop_probability: Float in (0, 1], the inverse of the mean number of
            mutated genes. Defaults to 0.8.
        distribution_index: Float above 0; the larger, the smaller the changes
            of continuous genes. Defaults to 5.
    """

    def __init__(
        self,
        probability: float = 0.3,
        stop_probability: float = 0.8,
        distribution_index: float = 5.0,
    ) -> None:
        super().__init__(probability, stop_probability)
        self.distribution_index = check_positive(
            "distribution_index", distribution_index
        )

    def mutate_gene(
        self, gene: Gene, codes: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        if gene.kind == "categorical":
            return resample(gene, codes, rng)
        if isinstance(gene, GridGene):
            return move_steps(gene, codes, rng)
        moved = gene.canonicalize(
            polynomial(codes, self.distribution_index, rng)
        )
        return np.where(moved == codes, resample(gene, codes, rng), moved)


class UniformMutation(Mutation):
    """Gives each mutated gene any other value, all equally likely.

    The mutation of regularized evolution, where it is used with
    `stop_probability=1.0`: one gene at a time.

    Reference:
        Real et al. (2019), "Regularized evolution for image classifier
        architecture search".
    """

    def mutate_gene(
        self, gene: Gene, codes: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        return resample(gene, codes, rng)


def resample(
    gene: Gene, codes: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draws other values of a gene, evenly over its codes."""
    if not np.isfinite(gene.size):
        return gene.canonicalize(rng.random(len(codes)))
    size = int(gene.size)
    if isinstance(gene, GridGene):
        steps = rng.integers(1, size, size=len(codes))
        return gene.code_at((gene.index(codes) + steps) % size)
    drawn = gene.index(rng.random(len(codes)))
    before = gene.index(codes)
    return gene.code_at(np.where(drawn == before, (drawn + 1) % size, drawn))


def move_steps(
    gene: GridGene, codes: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Moves ordinal codes up or down by a heavy-tailed number of steps."""
    size = int(gene.size)
    before = gene.index(codes)
    reach = max(1.0, ORDINAL_REACH * size)
    # The odds of a uniform number have median 1 and a tail like 1 / length.
    odds = 1.0 / (1.0 - rng.random(len(codes))) - 1.0
    lengths = np.clip(np.rint(reach * odds), 1, size).astype(np.int64)
    lengths *= np.where(rng.random(len(codes)) < 0.5, 1, -1)
    after = before + lengths
    after = np.where((after < 0) | (after >= size), before - lengths, after)
    anywhere = (before + rng.integers(1, size, size=len(codes))) % size
    after = np.where((after < 0) | (after >= size), anywhere, after)
    return gene.code_at(after)


def polynomial(
    codes: np.ndarray, distribution_index: float, rng: np.random.Generator
) -> np.ndarray:
    """Polynomial mutation within [0, 1)."""
    u = rng.random(len(codes))
    power = distribution_index + 1.0
    downward = (2 * u + (1 - 2 * u) * (1 - codes) ** power) ** (1 / power) - 1
    mirrored = 2 * (1 - u) + (2 * u - 1) * codes**power
    upward = 1 - np.maximum(mirrored, 0.0) ** (1 / power)
    moved = codes + np.where(u < 0.5, downward, upward)
    return np.clip(moved, 0.0, LAST_CODE)


MUTATIONS: dict[str, type[Mutation]] = {
    "mixed": MixedMutation,
    "uniform": UniformMutation,
}
