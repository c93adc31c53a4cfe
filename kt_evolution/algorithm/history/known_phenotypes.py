"""Known phenotypes: the individuals that have them, also after an edit."""

from collections.abc import Sequence

import numpy as np

from kt_evolution.algorithm.history.phenotypes import PhenotypeTree
from kt_evolution.algorithm.space.search_space import SearchSpace


class KnownPhenotypes:
    """The phenotypes of a history.

    Args:
        space: The `SearchSpace` of the genomes.

    Attributes:
        tree: The `PhenotypeTree` of all phenotypes but the outdated ones.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.tree = PhenotypeTree(space)
        self._defaults = space.default_genome()
        # The first individual of each phenotype that had a trial in this
        # search or was rejected.
        self._tried: dict[bytes, int] = {}
        # The phenotypes that were built before the hypermodel was edited, by
        # the values that are not defaults.
        self._outdated: dict[bytes, list[tuple[frozenset[int], int, bool]]] = {}

    def add(
        self,
        genome: np.ndarray,
        path: list[int],
        position: int,
        is_tried: bool,
        predicted: Sequence[int] = (),
    ) -> bool:
        """Adds a phenotype.

        Args:
            genome: Float array of shape `(num_genes,)`, canonical codes.
            path: List of the positions of the expressed genes, in order.
            position: Int, the individual.
            is_tried: Bool, whether it is of this search.
            predicted: See `PhenotypeTree.add`.

        Returns:
            Bool, whether it agrees with those before, see `PhenotypeTree.add`.
        """
        if is_tried:
            self._tried.setdefault(_key(genome, path), position)
        return self.tree.add(genome, path, position, predicted)

    def add_outdated(
        self, genome: np.ndarray, path: list[int], position: int, is_tried: bool
    ) -> None:
        """Adds a phenotype that was built before the hypermodel was edited."""
        same = self._outdated.setdefault(self._changes_key(genome, path), [])
        same.append((frozenset(path), position, is_tried))

    def is_tried(self, genome: np.ndarray) -> bool:
        """Returns whether a phenotype is known, and not only from imports."""
        if self.tree.find(genome) < 0:
            return False
        return _key(genome, self.tree.known_path(genome)) in self._tried

    def find_built(
        self, genome: np.ndarray, path: list[int], counts_imports: bool
    ) -> int:
        """Returns the individual that has the phenotype of a build.

        Args:
            genome: Float array of shape `(num_genes,)`.
            path: List of the positions of the genes that it expresses.
            counts_imports: Bool, whether an outdated one may be imported.

        Returns:
            Int, or -1 if there is none.
        """
        position = self._tried.get(_key(genome, path), -1)
        if position >= 0:
            return position
        outdated = self._outdated.get(self._changes_key(genome, path), [])
        for expressed, position, is_tried in outdated:
            # A gene that the earlier build did not request has its default. A
            # gene that is no longer requested had a value that may not be the
            # default, so it was another model.
            if expressed <= set(path) and (counts_imports or is_tried):
                return position
        return -1

    def _changes_key(self, genome: np.ndarray, path: list[int]) -> bytes:
        """Returns a key of the values that are not defaults."""
        changed = genome != self._defaults
        return _key(genome, [i for i in path if changed[i]])


def _key(genome: np.ndarray, path: list[int]) -> bytes:
    genes = np.sort(np.array(path, dtype=np.int32))
    return genes.tobytes() + genome[genes].tobytes()
