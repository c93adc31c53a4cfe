"""The index of phenotypes: what builds request, and which models are known."""

from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np

from kt_evolution.algorithm.history.expression import Expression
from kt_evolution.algorithm.history.individual import IMPORT
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.known_phenotypes import KnownPhenotypes
from kt_evolution.algorithm.history.phenotypes import PhenotypeTree
from kt_evolution.algorithm.history.rows import HistoryRows
from kt_evolution.algorithm.history.uncertain_models import UncertainModels
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
        # Whether a training recorded what it requested.
        self._has_trained = False
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
        self._trained = PhenotypeTree(self._space)
        self._uncertain = UncertainModels(
            self._space, self.expression, self._trained, self._known.tree
        )
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

    def learn_training(
        self, position: int, genes: Iterable[int], session: float
    ) -> None:
        """Takes what the training of an individual requested.

        Args:
            position: Int, the individual.
            genes: Positions of all genes that it requested, in order.
            session: Float, the session of the training.
        """
        self._read_builds()
        individual = self._individuals[position]
        individual.expression = tuple(genes)
        individual.trained_in = session
        self.expression.mark_trained(individual.expression)
        if not self._has_trained or position < self.num_outdated:
            self._has_trained = True
            self.reset()
            return
        self._uncertain.discard(individual)
        if not self._read_training(individual, position):
            self._distrust_other_sessions(session)

    def update_status(self, individual: Individual) -> None:
        """Takes a new status of an individual."""
        if individual.trained_in is None:
            self._uncertain.update(individual)

    def _distrust_other_sessions(self, session: float) -> None:
        """Forgets what trainings requested before the function was edited.

        Within a session a contradiction is due to randomness. Then the first
        training counts.
        """
        others = [
            one
            for one in self._individuals
            if one.trained_in not in (None, session)
        ]
        for one in others:
            one.expression, one.trained_in = (), None
        if others:
            self.reset()

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
        self._read_builds()
        for individual, position, *paths in self._uncertain.enter():
            self._enter(individual, position, *paths)

    def _read_builds(self) -> None:
        """Reads builds, but for models whose requests are uncertain."""
        while self._num_indexed < len(self.builds):
            start = self._num_indexed
            block = self.builds[start : start + BLOCK]
            genomes = np.array([individual.genome for individual, _ in block])
            active = self._space.active(genomes)
            for (individual, position), row in zip(block, active, strict=True):
                if not self._has_trained or position < self.num_outdated:
                    path = self.expression.path(individual, row)
                    self._read(individual, path, position)
                elif individual.trained_in is None:
                    self._uncertain.add(individual, position)
                else:
                    self._uncertain.withdraw_pending()
                    self._read_training(individual, position)
            self._num_indexed += len(block)

    def _read_training(self, individual: Individual, position: int) -> bool:
        """Reads a recorded training, and returns whether it fits the others."""
        genome = individual.genome
        active = self._space.active(genome[None])[0]
        path = self.expression.path(individual, active)
        fits = self._trained.add(genome, path, position)
        if not fits:
            # The model itself is known all the same.
            path = list(dict.fromkeys(self._trained.known_path(genome) + path))
            self._trained.add(genome, path, position)
        self._enter(individual, position, path)
        return fits

    def _enter(
        self,
        individual: Individual,
        position: int,
        path: list[int],
        predicted: Sequence[int] = (),
    ) -> None:
        """Reads a build, which counts more than uncertain models before."""
        if not self._read(individual, path, position, predicted):
            self._uncertain.withdraw_others()
            self._read(individual, path, position, predicted)

    def _read(
        self,
        individual: Individual,
        path: list[int],
        position: int,
        predicted: Sequence[int] = (),
    ) -> bool:
        """Reads a build, and returns whether its path fits the others."""
        first = self._individuals[position]
        is_tried = first.operator != IMPORT
        genome = individual.genome
        if individual is first:
            self._rows.expressed[position] = False
            self._rows.expressed[position, [*path, *predicted]] = True
            if position < self.num_outdated:
                if individual.status is not Status.REJECTED:
                    self._known.add_outdated(genome, path, position, is_tried)
                return True
        return self._known.add(genome, path, position, is_tried, predicted)
