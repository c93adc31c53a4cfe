"""The index of phenotypes: what builds request, and which models are known."""

from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np

from kt_evolution.algorithm.history.expression import Expression
from kt_evolution.algorithm.history.individual import IMPORT
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.known_phenotypes import KnownPhenotypes
from kt_evolution.algorithm.history.rows import HistoryRows
from kt_evolution.algorithm.space.search_space import SearchSpace

# How many builds are indexed at once.
BLOCK = 256


class PhenotypeIndex:
    """The expressed genes of individuals, and their models.

    Many changes may come at once, as on a restart, and some of them change all
    phenotypes. So the index is brought up to date when it is read.

    Args:
        space: The `SearchSpace`.
        individuals: Sequence of `Individual`s, which grows.
        rows: The `HistoryRows`, whose `expressed` is written here.

    Attributes:
        expression: The `Expression` of individuals.
        num_outdated: Int, how many individuals were built before the
            hypermodel was edited.
        builds: List of all builds in their order, and of the positions of the
            individuals whose models they are. These are the builds of the
            individuals, and those that turned out to be known models.
    """

    def __init__(
        self,
        space: SearchSpace,
        individuals: Sequence[Individual],
        rows: HistoryRows,
    ) -> None:
        self.expression = Expression(space)
        self.num_outdated = 0
        self.builds: list[tuple[Individual, int]] = []
        self._individuals = individuals
        self._rows = rows
        self.grow(space)

    def grow(self, space: SearchSpace) -> None:
        """Takes a larger space. The genomes of `builds` must be as large."""
        self._space = space
        self.expression.grow(space)
        self.reset()

    def reset(self) -> None:
        """Makes the index read all builds again."""
        self._known = KnownPhenotypes(self._space)
        self._num_indexed = 0

    def add(self, individual: Individual, position: int) -> None:
        """Adds a build.

        Args:
            individual: The `Individual` that was built.
            position: Int, the position of the individual of its phenotype.
        """
        self.builds.append((individual, position))
        self.mark_requested(individual.expression)

    def mark_requested(self, genes: Iterable[int]) -> int:
        """Marks genes as requested, and returns how many are new."""
        num_new = self.expression.mark(genes)
        if num_new:
            self.reset()
        return num_new

    def forget_builds(self, num_outdated: int) -> None:
        """Makes builds outdated, see `History.forget_builds`."""
        self.num_outdated = num_outdated
        self.builds = [(one, i) for i, one in enumerate(self._individuals)]
        self.reset()

    @property
    def known(self) -> KnownPhenotypes:
        """The `KnownPhenotypes` of all builds."""
        self.update()
        return self._known

    def update(self) -> None:
        """Reads the builds that the index does not have."""
        while self._num_indexed < len(self.builds):
            start = self._num_indexed
            block = self.builds[start : start + BLOCK]
            genomes = np.array([individual.genome for individual, _ in block])
            active = self._space.active(genomes)
            for (individual, position), row in zip(block, active, strict=True):
                path = self.expression.path(individual, row)
                self._read(individual, path, position)
            self._num_indexed += len(block)

    def _read(
        self, individual: Individual, path: list[int], position: int
    ) -> None:
        first = self._individuals[position]
        is_tried = first.operator != IMPORT
        genome = individual.genome
        if individual is first:
            self._rows.expressed[position] = False
            self._rows.expressed[position, path] = True
            if position < self.num_outdated:
                if individual.status is not Status.REJECTED:
                    self._known.add_outdated(genome, path, position, is_tried)
                return
        self._known.add(genome, path, position, is_tried)
