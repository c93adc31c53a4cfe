"""The search space: genes, the conditions between them, and genomes.

A genome is a float vector with one code in [0, 1) per gene, dormant genes
included. `SearchSpace` is the only border between genomes and values.
"""

import contextlib
import re
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import numpy as np

from kt_evolution.algorithm.space.conditions import settle
from kt_evolution.algorithm.space.dependencies import can_both_hold
from kt_evolution.algorithm.space.dependencies import parents_first
from kt_evolution.algorithm.space.genes import LAST_CODE
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.algorithm.space.genes import GridGene
from kt_evolution.algorithm.space.genes import Value

# For a gene with at most this many values, conditions are evaluated once for
# all of them.
MAX_LISTED_VALUES = 1000
# Codes that differ by no more are equal up to rounding.
SAME_CODE = 1e-12
# A space with more genes is wide: most genes share what the surrogate learns.
WIDE = 80


class SearchSpace:
    """An immutable, ordered collection of genes.

    A space grows by making a larger one with `extended`. The old genes keep
    their positions, so that codes in old genomes keep their places.

    Example:

    >>> layers = OrdinalGene("layers", range(1, 4), default=1)
    >>> space = SearchSpace([layers])
    >>> space.decode(space.encode({"layers": 3}))
    {'layers': 3}

    Args:
        genes: Iterable of `Gene`s with distinct keys.

    Attributes:
        sizes: Float array of shape `(num_genes,)`, the number of values of
            each gene, infinite for continuous ones.
        is_categorical: Bool array of shape `(num_genes,)`.
        is_tunable: Bool array of shape `(num_genes,)`, false for genes that
            have one value only.
        condition_parents: Int array of shape `(num_genes,)`, for a conditional
            gene the position of the gene in its innermost condition,
            otherwise -1.
        repeated_choices: List of int arrays, each the positions of at least
            two categorical genes that are the same choice made several times,
            such as the operations of a cell's edges. Their names differ only
            in numbers, and their domains are equal.
        scopes: List of int arrays, each the positions of at least two genes
            of one scope, such as the genes "cell/node_1/..." of a node. Their
            names are equal up to the last slash.
    """

    def __init__(self, genes: Iterable[Gene] = ()) -> None:
        self.genes = tuple(genes)
        self.position = {gene.key: i for i, gene in enumerate(self.genes)}
        if len(self.position) < len(self.genes):
            keys = [gene.key for gene in self.genes]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(
                f"`genes` must have distinct keys. Received: {twice!r} twice"
            )
        self.num_genes = len(self.genes)
        self._by_name: dict[str, list[int]] = {}
        for i, gene in enumerate(self.genes):
            self._by_name.setdefault(gene.name, []).append(i)
        self.order, self._is_circular = parents_first(self.genes)
        self.sizes = np.array([gene.size for gene in self.genes], dtype=float)
        self.is_categorical = np.array(
            [gene.kind == "categorical" for gene in self.genes], dtype=bool
        )
        self.is_tunable = self.sizes > 1
        self.condition_parents = np.array(
            [self._condition_parent(gene) for gene in self.genes],
            dtype=np.int64,
        )
        self.repeated_choices = self._repeated_choices()
        self.scopes = self._scopes()
        self._is_flat = not any(gene.conditions for gene in self.genes) and (
            len(self._by_name) == self.num_genes
        )
        self._is_grid = np.array(
            [isinstance(gene, GridGene) for gene in self.genes], dtype=bool
        )
        # Genes whose codes no array operation makes canonical all at once.
        self._canonicalized_alone = [
            i
            for i, gene in enumerate(self.genes)
            if not self._is_grid[i]
            and not (type(gene) is ContinuousGene and gene.size > 1)
        ]
        # For which codes of a parent a condition holds, as far as evaluated.
        self._allowed: dict[tuple[int, tuple[Value, ...]], np.ndarray] = {}
        self._defaults = np.array(
            [gene.encode(gene.default) for gene in self.genes]
        )

    def extended(self, genes: Iterable[Gene]) -> "SearchSpace":
        """Returns this space with further genes after its own."""
        return SearchSpace([*self.genes, *genes])

    def genes_named(self, name: str) -> list[int]:
        """Returns the positions of the genes that share a name."""
        return self._by_name.get(name, [])

    def default_genome(self) -> np.ndarray:
        """Returns the genome of the default values."""
        return self._defaults.copy()

    def encode(self, values: Mapping[str, Value]) -> np.ndarray:
        """Returns the genome of some values.

        Args:
            values: Dict of names to values. A gene whose name is missing gets
                its default, and so does an inactive gene if the value is
                outside its domain.

        Raises:
            ValueError: If a value is outside the domain of its active gene.
        """
        genome = self.default_genome()
        _, active = self._settle(
            lambda i: values.get(self.genes[i].name, self.genes[i].default)
        )
        for i, gene in enumerate(self.genes):
            if gene.name not in values:
                continue
            try:
                genome[i] = gene.encode(values[gene.name])
            except ValueError:
                if i in active:
                    raise
        return genome

    def codes_of(self, name: str, value: Value) -> dict[int, float]:
        """Returns the codes of a value.

        Args:
            name: String, the name of a hyperparameter.
            value: Its value.

        Returns:
            Dict of positions to codes: the genes of that name, active or not,
            whose domain has the value.
        """
        codes = {}
        for i in self.genes_named(name):
            # Objects that are no value at all raise the other errors.
            with contextlib.suppress(TypeError, ValueError, OverflowError):
                codes[i] = self.genes[i].encode(value)
        return codes

    def has_code(self, genome: np.ndarray, name: str, value: Value) -> bool:
        """Returns whether a value has the code of a genome, as others may."""
        codes = self.codes_of(name, value).items()
        return any(abs(genome[i] - code) <= SAME_CODE for i, code in codes)

    def write(self, genome: np.ndarray, values: Mapping[str, Value]) -> None:
        """Writes values into a genome, for all genes that can have them.

        Args:
            genome: Float array of shape `(num_genes,)`; it is changed.
            values: Dict of names to values.
        """
        for name, value in values.items():
            for i, code in self.codes_of(name, value).items():
                genome[i] = code

    def decode(self, genome: np.ndarray) -> dict[str, Value]:
        """Returns the values of the active genes by name, in space order."""
        # Native floats, so that the values are native too.
        codes = genome.tolist()
        values, _ = self._settle(lambda i: self.genes[i].decode(codes[i]))
        return {name: values[name] for name in self._by_name if name in values}

    def active(self, genomes: np.ndarray) -> np.ndarray:
        """Returns which genes are active.

        If the conditions of several genes with one name hold, only the first
        of them is active: it gives the name its value.

        Args:
            genomes: Float array of shape `(n, num_genes)`.

        Returns:
            Bool array of shape `(n, num_genes)`.
        """
        if self._is_flat:
            return np.ones(genomes.shape, dtype=bool)
        active = np.zeros(genomes.shape, dtype=bool)
        holding: dict[Condition, np.ndarray] = {}
        num_active = -1
        while num_active < active.sum():
            num_active = active.sum()
            for i in self.order:
                active[:, i] = self._is_active(i, genomes, active, holding)
            if not self._is_circular:
                break
        return active

    def _is_active(
        self,
        i: int,
        genomes: np.ndarray,
        active: np.ndarray,
        holding: dict[Condition, np.ndarray],
    ) -> Any:
        """Returns in which genomes a gene is active, given its parents.

        Conditions are evaluated once and kept in `holding`, because many genes
        share them. In a circle a parent may become active later.
        """
        is_active: Any = True
        for n, condition in enumerate(self.genes[i].conditions):
            if condition not in holding or self._is_circular:
                holding[condition] = self._holds(condition, genomes, active)
            holds = holding[condition]
            is_active = is_active & holds if n else holds
        for other in self.genes_named(self.genes[i].name):
            if other != i:
                is_active = is_active & ~active[:, other]
        return is_active

    def canonicalize(self, genomes: np.ndarray) -> np.ndarray:
        """Returns genomes with the canonical code of every value.

        Args:
            genomes: Float array of shape `(n, num_genes)`.
        """
        # Gene by gene would be slow in spaces with thousands of genes.
        sizes = np.where(self._is_grid, self.sizes, 1.0)
        steps = np.clip(np.floor(genomes * sizes), 0, sizes - 1)
        bounded = np.clip(genomes, 0.0, LAST_CODE)
        canonical = np.where(self._is_grid, (steps + 0.5) / sizes, bounded)
        for i in self._canonicalized_alone:
            canonical[:, i] = self.genes[i].canonicalize(genomes[:, i])
        return canonical

    def _repeated_choices(self) -> list[np.ndarray]:
        return _groups(
            (re.sub(r"\d+", "#", gene.name), repr(gene.values))
            if isinstance(gene, CategoricalGene) and gene.size > 1
            else None
            for gene in self.genes
        )

    def _scopes(self) -> list[np.ndarray]:
        parts = (gene.name.rpartition("/") for gene in self.genes)
        return _groups(scope if slash else None for scope, slash, _ in parts)

    def _condition_parent(self, gene: Gene) -> int:
        if not gene.conditions:
            return -1
        candidates = self.genes_named(gene.conditions[-1].parent)
        outer = gene.conditions[:-1]
        for i in candidates:
            conditions = self.genes[i].conditions
            if conditions == outer[: len(conditions)]:
                return i
        together = [
            i
            for i in candidates
            if can_both_hold(outer, self.genes[i].conditions)
        ]
        return (together or candidates or [-1])[0]

    def _settle(
        self, value_of: Callable[[int], Value]
    ) -> tuple[dict[str, Value], set[int]]:
        return settle(
            self.genes, value_of, self.order, is_sorted=not self._is_circular
        )

    def _holds(
        self, condition: Condition, genomes: np.ndarray, active: np.ndarray
    ) -> np.ndarray:
        holds = np.zeros(len(genomes), dtype=bool)
        for parent in self.genes_named(condition.parent):
            allowed = self._is_allowed(parent, condition, genomes[:, parent])
            holds |= active[:, parent] & allowed
        return holds

    def _is_allowed(
        self, parent: int, condition: Condition, codes: np.ndarray
    ) -> np.ndarray:
        """Returns which codes of a parent have a value of a condition."""
        gene = self.genes[parent]
        if not isinstance(gene, GridGene) or gene.size > MAX_LISTED_VALUES:
            codes, where = np.unique(codes, return_inverse=True)
            return self._are_allowed(gene, condition, codes)[where]
        key = (parent, condition.values)
        if key not in self._allowed:
            every = gene.code_at(np.arange(int(gene.size)))
            self._allowed[key] = self._are_allowed(gene, condition, every)
        return self._allowed[key][gene.index(codes)]

    @staticmethod
    def _are_allowed(
        gene: Gene, condition: Condition, codes: np.ndarray
    ) -> np.ndarray:
        allowed = [gene.decode(code) in condition.values for code in codes]
        return np.array(allowed, dtype=bool)


def _groups(keys: Iterable[Hashable]) -> list[np.ndarray]:
    """Returns the positions of equal keys that are not None, of two or more."""
    groups: dict[Hashable, list[int]] = {}
    for i, key in enumerate(keys):
        if key is not None:
            groups.setdefault(key, []).append(i)
    return [np.array(group) for group in groups.values() if len(group) > 1]
