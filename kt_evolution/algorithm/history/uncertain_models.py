"""Uncertain models: individuals that may express more than is known."""

from collections.abc import Iterator

import numpy as np

from kt_evolution.algorithm.history.expression import Expression
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.phenotypes import PhenotypeTree
from kt_evolution.algorithm.space.search_space import SearchSpace


class UncertainModels:
    """Individuals without a training that recorded all of its requests.

    They enter the tree of phenotypes after the others. Pending ones come first
    and leave it before each training that is added, because that may show
    more of them. The others failed half way, or nothing was recorded of them.
    They leave it only if they contradict what is added.

    Args:
        space: The `SearchSpace`.
        expression: The `Expression`.
        trained: The `PhenotypeTree` of the recorded trainings.
        tree: The `PhenotypeTree` of all individuals.
    """

    def __init__(
        self,
        space: SearchSpace,
        expression: Expression,
        trained: PhenotypeTree,
        tree: PhenotypeTree,
    ) -> None:
        self._space = space
        self._expression = expression
        self._trained = trained
        self._tree = tree
        self._pending: list[tuple[Individual, int]] = []
        self._are_pending_inside = False
        # The others, inside and outside of the tree.
        self._inside: list[tuple[Individual, int]] = []
        self._outside: list[tuple[Individual, int]] = []

    def add(self, individual: Individual, position: int) -> None:
        """Adds a build of the individual at a position."""
        self.withdraw_pending()
        if individual.expression or individual.status is not Status.PENDING:
            self._outside.append((individual, position))
        else:
            self._pending.append((individual, position))

    def update(self, individual: Individual) -> None:
        """Takes a new status of an individual."""
        for one, position in self.discard(individual):
            self.add(one, position)

    def discard(self, individual: Individual) -> list[tuple[Individual, int]]:
        """Removes an individual, and returns its builds."""
        self.withdraw_pending()
        for builds in (self._pending, self._outside, self._inside):
            found = [one for one in builds if one[0] is individual]
            if not found:
                continue
            builds[:] = [one for one in builds if one[0] is not individual]
            if builds is self._inside:
                for one, position in found:
                    self._tree.remove(one.genome, position)
            return found
        return []

    def withdraw_pending(self) -> None:
        """Takes pending individuals out of the tree."""
        if self._are_pending_inside:
            for individual, position in self._pending:
                self._tree.remove(individual.genome, position)
        self._are_pending_inside = False

    def withdraw_others(self) -> None:
        """Takes the others out of the tree."""
        for individual, position in self._inside:
            self._tree.remove(individual.genome, position)
        self._outside += self._inside
        self._inside = []

    def enter(self) -> Iterator[tuple[Individual, int, list[int], list[int]]]:
        """Yields what is outside of the tree, to be added to it.

        Returns:
            Iterator of tuples of an individual, its position and its `path`.
        """
        if not self._are_pending_inside:
            self._are_pending_inside = True
            for individual, position in self._pending:
                yield individual, position, *self._predict(individual)
        waiting = sorted(self._outside, key=lambda one: one[1])
        self._outside = []
        for individual, position in waiting:
            path = self._path(individual)
            yield individual, position, path, []
            is_inside = self._tree.find(individual.genome) == position
            # Those that are the models of pending ones may leave with them.
            (self._inside if is_inside else self._outside).append(
                (individual, position)
            )

    def _path(self, individual: Individual) -> list[int]:
        """Returns the genes on which an individual may depend.

        A model that was trained, or whose training failed half way, may have
        requested every active gene.
        """
        path = self._tree.known_path(individual.genome)
        path += self._expression.path(individual, self._active(individual))
        return list(dict.fromkeys(path))

    def _predict(self, individual: Individual) -> tuple[list[int], list[int]]:
        """Returns the genes on which a pending individual depends.

        Two workers must not train the same model. It is not known on what it
        depends after the first value that is new. So until its end all models
        with the values up to there are this one.

        Returns:
            Tuple of two lists of genes: those up to the first new value, in
            the order of the requests, and those that are predicted.
        """
        genome = individual.genome
        active = self._active(individual)
        path = self._trained.known_path(genome)
        may_follow = [
            *self._trained.predict_path(genome),
            *self._expression.untrained,
        ]
        return path, [
            i for i in dict.fromkeys(may_follow) if active[i] and i not in path
        ]

    def _active(self, individual: Individual) -> np.ndarray:
        active: np.ndarray = self._space.active(individual.genome[None])[0]
        return active
