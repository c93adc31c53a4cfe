"""Phenotypes: a tree of the known models, by the genes that builds requested.

A build is a sequence of requests: the next hyperparameter that it requests
depends only on the values of those before. The tree holds a path for each known
individual: a node is a requested gene, an edge is its value. So a model is
looked up without building it, and the tree shows when every model is known.

Successive genes with a single known value share one node, so a tree has at most
two nodes for each individual, however many genes there are.

Reference:
    Morrison (1968), "PATRICIA - Practical Algorithm To Retrieve Information
    Coded in Alphanumeric".
"""

import dataclasses
import itertools
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.algorithm.space.search_space import SearchSpace

# After this many halvings a gap between two codes holds no further float.
MAX_HALVINGS = 60


@dataclasses.dataclass(slots=True)
class _Node:
    """Successive genes with one known value each, and the nodes after them.

    Args:
        genes: Int array, the positions of the successive genes: the row.
        codes: Float array of the same shape, their only known codes.
        last_open: Int, the last of `genes` that has other values, as an index
            of the row; -1 if none has.
        leaf: Int, the position of the individual whose path ends after the
            row, -1 if there is none.
        predicted: Sequence of the positions of the genes that this individual
            may express after the row, whatever their values.
        gene: Int, the position of the gene that is requested after the row
            and has several known values, -1 if there is none.
        children: Dict of the codes of `gene` to the nodes after them.
        complete: Set of the codes of `gene` after which no model is new.
        is_complete: Boolean, whether no model after the row is new.
    """

    genes: np.ndarray
    codes: np.ndarray
    last_open: int
    leaf: int = -1
    predicted: Sequence[int] = ()
    gene: int = -1
    children: "dict[float, _Node]" = dataclasses.field(default_factory=dict)
    complete: set[float] = dataclasses.field(default_factory=set)
    is_complete: bool = False

    def matches(self, genome: np.ndarray) -> bool:
        """Returns whether a genome has the codes of the row."""
        if not len(self.genes):
            return True
        # Most genomes differ in the first gene.
        if genome[self.genes[0]] != self.codes[0]:
            return False
        return bool((genome[self.genes] == self.codes).all())

    def first_difference(self, genome: np.ndarray) -> int:
        """Returns the index in the row at which a genome differs.

        It is the length of the row if the genome does not differ.
        """
        if not len(self.genes):
            return 0
        differs = genome[self.genes] != self.codes
        return int(differs.argmax()) if differs.any() else len(self.genes)

    @property
    def holds_nothing_new(self) -> bool:
        """Whether no model with genes of the row, or after it, is new."""
        return self.is_complete and self.last_open < 0


class PhenotypeTree:
    """A set of phenotypes that finds the nearest phenotype outside of it.

    Args:
        space: The `SearchSpace` of the genomes.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self._root: _Node | None = None
        self._is_open = space.sizes > 1.0

    @property
    def is_empty(self) -> bool:
        """Whether there is no phenotype."""
        return self._root is None

    def add(
        self,
        genome: np.ndarray,
        path: list[int],
        position: int,
        predicted: Sequence[int] = (),
    ) -> bool:
        """Adds an individual.

        Args:
            genome: Float array of shape `(num_genes,)`, canonical codes.
            path: List of the positions of the expressed genes, in the order
                of their requests.
            position: Int, the individual's position, which `find` returns for
                this phenotype.
            predicted: Sequence of the positions of genes that it may express
                too. All genomes with the values of its path count as its
                phenotype. Defaults to none.

        Returns:
            Bool, whether the phenotype is in the tree now. It is not if the
            path contradicts that of an earlier individual.
        """
        genes = np.array(path, dtype=np.int64)
        if self._root is None:
            self._root = self._new_leaf(genes, genome, position, predicted)
            return True
        node = self._root
        trail: list[tuple[_Node, float]] = []
        while True:
            row = node.genes
            length = node.first_difference(genome)
            # The gene at which they differ is common, too.
            common = min(length + 1, len(row))
            # The requests of a hypermodel that is not deterministic are no
            # tree. Then its first build counts.
            if len(genes) < common or (genes[:common] != row[:common]).any():
                return False
            if length < len(row):
                self._split(node, length)
            genes = genes[len(node.genes) :]
            if not len(genes) or genes[0] != node.gene:
                return not len(genes) and node.gene < 0
            code = float(genome[node.gene])
            trail.append((node, code))
            if code not in node.children:
                break
            node = node.children[code]
            genes = genes[1:]
        child = self._new_leaf(genes[1:], genome, position, predicted)
        node.children[code] = child
        for parent, code in reversed(trail):
            if not parent.children[code].holds_nothing_new:
                break
            parent.complete.add(code)
            size = self.space.sizes[parent.gene]
            parent.is_complete = len(parent.complete) >= size
        return True

    def remove(self, genome: np.ndarray, position: int) -> None:
        """Removes an individual, if `find` returns it for its genome.

        Args:
            genome: Float array of shape `(num_genes,)`, as it was added.
            position: Int, the individual's position.
        """
        trail: list[tuple[_Node, float]] = []
        node = self._root
        while node is not None and node.gene >= 0 and node.matches(genome):
            code = float(genome[node.gene])
            trail.append((node, code))
            node = node.children.get(code)
        if node is None or node.leaf != position or not node.matches(genome):
            return
        is_left = False
        for parent, code in reversed(trail):
            parent.complete.discard(code)
            parent.is_complete = False
            if not is_left:
                del parent.children[code]
            is_left = bool(parent.children)
        if not is_left:
            self._root = None

    def known_path(self, genome: np.ndarray) -> list[int]:
        """Returns the genes that a genome expresses for sure, in order.

        The path ends at the first gene whose value is new.
        """
        path: list[int] = []
        node = self._root
        while node is not None:
            length = node.first_difference(genome)
            path += node.genes[: length + 1].tolist()
            if length < len(node.genes) or node.gene < 0:
                break
            path.append(node.gene)
            node = node.children.get(float(genome[node.gene]))
        return path

    def find(self, genome: np.ndarray) -> int:
        """Returns the individual with a genome's phenotype, -1 if none has."""
        node = self._root
        while node is not None:
            if not node.matches(genome):
                return -1
            if node.gene < 0:
                return node.leaf
            node = node.children.get(float(genome[node.gene]))
        return -1

    def predict_path(self, genome: np.ndarray) -> list[int]:
        """Returns the genes that a genome is predicted to express.

        For a new value of a gene the path goes on as for the nearest known
        value.
        """
        path = []
        for node in self._nodes_near(genome):
            path += [*node.genes.tolist(), *node.predicted]
            if node.gene >= 0:
                path.append(node.gene)
        return path

    def predict_expressed(self, genome: np.ndarray) -> np.ndarray:
        """Returns `predict_path` as a bool array of shape `(num_genes,)`."""
        expressed = np.zeros(self.space.num_genes, dtype=bool)
        for node in self._nodes_near(genome):
            if len(node.genes):
                expressed[node.genes] = True
            if node.predicted:
                expressed[list(node.predicted)] = True
            if node.gene >= 0:
                expressed[node.gene] = True
        return expressed

    def nearest_new(self, genome: np.ndarray) -> np.ndarray | None:
        """Returns the genome, changed so that its phenotype is not known.

        A value changes only if every model with it is known. It becomes the
        nearest value with new models.

        Returns:
            A float array of shape `(num_genes,)`, or None if every phenotype
            is known.
        """
        genome = genome.copy()
        node = self._root
        while node is not None:
            length = node.first_difference(genome)
            if length <= node.last_open or (
                length < len(node.genes) and not node.is_complete
            ):
                return genome
            if node.holds_nothing_new:
                return None
            if node.is_complete:
                gene = int(node.genes[node.last_open])
                known = {float(node.codes[node.last_open])}
                code = float(genome[gene])
                genome[gene] = self._nearest_open(gene, known, code)
                return genome
            code = float(genome[node.gene])
            if code in node.complete:
                code = self._nearest_open(node.gene, node.complete, code)
                genome[node.gene] = code
            node = node.children.get(code)
        return genome

    def _new_leaf(
        self,
        genes: np.ndarray,
        genome: np.ndarray,
        position: int,
        predicted: Sequence[int],
    ) -> _Node:
        node = self._new_node(genes, genome[genes])
        node.leaf, node.predicted = position, predicted
        node.is_complete = True
        return node

    def _new_node(self, genes: np.ndarray, codes: np.ndarray) -> _Node:
        is_open = self._is_open[genes].nonzero()[0]
        return _Node(
            # A copy, not a view that keeps the whole path in memory.
            genes.copy(),
            codes.copy(),
            int(is_open[-1]) if len(is_open) else -1,
        )

    def _split(self, node: _Node, length: int) -> None:
        """Splits a row, so that its gene at `length` may have more values."""
        gene, code = int(node.genes[length]), float(node.codes[length])
        rest = self._new_node(
            node.genes[length + 1 :], node.codes[length + 1 :]
        )
        rest.leaf, rest.gene = node.leaf, node.gene
        rest.predicted, node.predicted = node.predicted, ()
        rest.children, rest.complete = node.children, node.complete
        rest.is_complete = node.is_complete
        head = self._new_node(node.genes[:length], node.codes[:length])
        node.genes, node.codes = head.genes, head.codes
        node.last_open = head.last_open
        node.leaf, node.gene = -1, gene
        node.children = {code: rest}
        node.complete = {code} if rest.holds_nothing_new else set()
        node.is_complete = False

    def _nodes_near(self, genome: np.ndarray) -> Iterator[_Node]:
        """Yields the nodes of a genome's path, or of the nearest known path."""
        node = self._root
        while node is not None:
            yield node
            if node.gene < 0:
                return
            code = float(genome[node.gene])
            children = node.children
            if code not in children:
                code = min(children, key=lambda one: (abs(one - code), one))
            node = children[code]

    def _nearest_open(
        self, position: int, complete: set[float], code: float
    ) -> float:
        """Returns the nearest code of a gene after which models are new."""
        gene = self.space.genes[position]
        if not np.isfinite(gene.size):
            return _in_a_gap(gene, complete, code)
        start = int(gene.index(np.array([code]))[0])
        for distance in range(1, int(gene.size)):
            for index in (start - distance, start + distance):
                if 0 <= index < gene.size:
                    near = float(gene.code_at(np.array([index]))[0])
                    if near not in complete:
                        return near
        raise LookupError(f"Every value of {gene!r} is known.")


def _in_a_gap(gene: Gene, known: set[float], code: float) -> float:
    """Returns a code between known codes, of a value that is not known."""
    # The wider one of the gaps beside the code is tried first.
    below = max((c for c in known if c < code), default=0.0)
    above = min((c for c in known if c > code), default=1.0)
    beside = below if code - below > above - code else above
    near = _between(gene, known, code, beside)
    if near is None:
        # Adjacent codes may have the same value.
        ends = sorted(known | {0.0, 1.0})
        gaps = sorted(itertools.pairwise(ends), key=lambda gap: gap[0] - gap[1])
        found = (_between(gene, known, *gap) for gap in gaps)
        near = next((one for one in found if one is not None), None)
    return (code + beside) / 2 if near is None else near


def _between(
    gene: Gene, known: set[float], start: float, end: float
) -> float | None:
    """Returns a code between two: the middle if it has another value."""
    values = [gene.decode(one) for one in (start, end) if one in known]
    for _ in range(MAX_HALVINGS):
        start = (start + end) / 2
        near = float(gene.canonicalize(np.array([start]))[0])
        if near not in known and gene.decode(near) not in values:
            return near
    return None
