"""Which models are known already: a tree of what builds asked for.

A hypermodel is a sequence of questions: the next hyperparameter that it asks
for depends only on the values of those before. The tree holds a path for each
known individual: a node is the gene asked for, an edge the value it had. So a
genome is looked up without building anything, and the day that every value of
every node was tried is seen exactly.
"""

import numpy as np

from kt_evolution.core.space import SearchSpace

# Most nodes share it: sets of their own were a third of the tree's memory.
_NO_CODES: set[float] = set()


class _Node:
    """A gene that was asked for, with a child for each value it had."""

    __slots__ = ("children", "complete", "gene", "leaf")

    def __init__(self) -> None:
        # The position of the gene that is asked for here, -1 if not known.
        self.gene = -1
        self.children: dict[float, _Node] = {}
        # Codes whose subtrees hold nothing new.
        self.complete: set[float] = _NO_CODES
        # The position of the individual that ends here, -1 if none does.
        self.leaf = -1

    def mark_complete(self, code: float) -> None:
        if self.complete is _NO_CODES:
            self.complete = set()
        self.complete.add(code)


class PhenotypeTree:
    """A set of phenotypes that knows what is left of the space.

    Args:
        space: The `SearchSpace` of the genomes.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self._root = _Node()

    def add(self, genome: np.ndarray, path: list[int], position: int) -> None:
        """Adds an individual.

        Args:
            genome: Float array of shape `(num_genes,)`, canonical codes.
            path: List of the positions of the expressed genes, in the order
                in which they were asked for.
            position: Int, what `find` returns for this phenotype.
        """
        node = self._root
        trail = []
        for gene in path:
            # A hypermodel that asks differently for equal answers has no
            # tree; what it built first stays.
            if node.leaf >= 0 or node.gene not in (-1, gene):
                return
            node.gene = gene
            code = float(genome[gene])
            trail.append((node, code))
            node = node.children.setdefault(code, _Node())
        if node.gene >= 0 or node.leaf >= 0:
            return
        node.leaf = position
        for parent, code in reversed(trail):
            parent.mark_complete(code)
            if len(parent.complete) < self.space.sizes[parent.gene]:
                break

    def find(self, genome: np.ndarray) -> int:
        """Returns the individual with a genome's phenotype, -1 if none has."""
        node = self._root
        while node.gene >= 0:
            child = node.children.get(float(genome[node.gene]))
            if child is None:
                return -1
            node = child
        return node.leaf

    def predict_path(self, genome: np.ndarray) -> list[int]:
        """Returns the genes that a genome would express, as far as known.

        Where a value was never tried, the path goes on as for the nearest
        one that was.
        """
        path = []
        node = self._root
        while node.gene >= 0:
            path.append(node.gene)
            code = float(genome[node.gene])
            child = node.children.get(code)
            if child is None:
                nearest = min(
                    node.children, key=lambda known: (abs(known - code), known)
                )
                child = node.children[nearest]
            node = child
        return path

    def nearest_new(self, genome: np.ndarray) -> np.ndarray | None:
        """Returns the genome changed so that its phenotype is not known.

        Values change only where the tree has nothing new below them, and to
        the nearest one that has.

        Returns:
            A float array of shape `(num_genes,)`, or None when every
            phenotype is known.
        """
        genome = genome.copy()
        node = self._root
        if node.leaf >= 0:
            return None
        while node.gene >= 0:
            gene = self.space.genes[node.gene]
            code = float(genome[node.gene])
            if code in node.complete:
                if len(node.complete) >= gene.size:
                    return None
                code = self._nearest_open(node, code)
                genome[node.gene] = code
            child = node.children.get(code)
            if child is None:
                return genome
            node = child
        return genome

    def _nearest_open(self, node: _Node, code: float) -> float:
        gene = self.space.genes[node.gene]
        if not np.isfinite(gene.size):
            # The middle of the wider gap beside it, where nothing is known.
            below = max((c for c in node.complete if c < code), default=0.0)
            above = min((c for c in node.complete if c > code), default=1.0)
            end = below if code - below > above - code else above
            return (code + end) / 2
        start = int(gene.index(np.array([code]))[0])
        for distance in range(1, int(gene.size)):
            for index in (start - distance, start + distance):
                if 0 <= index < gene.size:
                    near = float(gene.code_at(np.array([index]))[0])
                    if near not in node.complete:
                        return near
        raise LookupError(f"Every value of {gene!r} is known.")
