"""Expression: which genes individuals express, by what was requested."""

from collections.abc import Iterable

import numpy as np

from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.search_space import SearchSpace


class Expression:
    """The genes that some build or training requested.

    Genes that no build requested are requested in training only. They count as
    expressed whenever they are active, unless a training recorded what it
    requested.

    Args:
        space: The `SearchSpace`.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._requested: set[int] = set()
        self._trained: set[int] = set()
        self.grow(space)

    def grow(self, space: SearchSpace) -> None:
        """Takes a larger space."""
        self._space = space
        # Each gene's name, and the genes that share it.
        self._names = [gene.name for gene in space.genes]
        self._same_name = [space.genes_named(name) for name in self._names]
        self._find_unrequested()

    def _find_unrequested(self) -> None:
        self._unrequested = [
            i for i in self._space.order if i not in self._requested
        ]

    @property
    def is_known(self) -> bool:
        """Whether a build or a recorded training requested any gene."""
        return bool(self._requested or self._trained)

    @property
    def untrained(self) -> list[int]:
        """The genes that no recorded training requested, in order."""
        return [i for i in self._space.order if i not in self._trained]

    def mark_trained(self, genes: Iterable[int]) -> None:
        """Marks genes as requested by a training that recorded it."""
        self._trained.update(genes)

    def mark(self, genes: Iterable[int]) -> int:
        """Marks genes as requested, and returns how many are new."""
        new = set(genes) - self._requested
        if new:
            self._requested |= new
            self._find_unrequested()
        return len(new)

    def path(self, individual: Individual, active: np.ndarray) -> list[int]:
        """Returns the expressed genes in the order of their requests.

        Args:
            individual: The `Individual`.
            active: Bool array of shape `(num_genes,)`, its active genes.
        """
        is_active = active.tolist()
        path = self._live(individual.expression, is_active)
        is_recorded = individual.trained_in is not None
        if individual.status is Status.REJECTED or is_recorded:
            # It was not trained, or its training requested no further genes.
            return path
        seen = {self._names[i] for i in path}
        # Without a build, all active genes may have been requested.
        for i in self._unrequested if path else self._space.order:
            if self._names[i] in seen or not is_active[i]:
                continue
            if all(
                condition.parent in seen
                for condition in self._space.genes[i].conditions
            ):
                seen.add(self._names[i])
                path.append(i)
        return path

    def is_same(
        self, some: Iterable[int], others: Iterable[int], active: np.ndarray
    ) -> bool:
        """Returns whether two builds of an individual request equal genes.

        Args:
            some: The positions of the genes that one build requested, in
                order.
            others: Those of the other build.
            active: Bool array of shape `(num_genes,)`, the active genes.
        """
        is_active = active.tolist()
        return self._live(some, is_active) == self._live(others, is_active)

    def _live(
        self, requested: Iterable[int], is_active: list[bool]
    ) -> list[int]:
        """Returns the active genes with the names of the requested ones."""
        live = {
            other: None
            for i in requested
            for other in self._same_name[i]
            if is_active[other]
        }
        return list(live)
