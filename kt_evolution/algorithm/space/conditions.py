"""Conditions: the values of active names, and values that make genes active."""

import contextlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.algorithm.space.genes import Value


def settle(
    genes: Sequence[Any],
    value_of: Callable[[int], Value],
    order: Sequence[int],
    is_sorted: bool,
) -> tuple[dict[str, Value], set[int]]:
    """Returns the value of each active name: that of its first active gene.

    Args:
        genes: Sequence of `Gene`s, or of Keras Tuner's `HyperParameter`s.
        value_of: Function of a gene's position.
        order: Sequence of positions, in which genes are looked at.
        is_sorted: Bool, whether each gene is behind its parents there. If it
            is not, all genes are looked at in as many passes as it takes.

    Returns:
        Tuple of the values by name, and of the positions of the active genes.
    """
    values: dict[str, Value] = {}
    active: set[int] = set()
    before = -1
    while len(active) > before:
        before = len(active)
        for i in order:
            gene = genes[i]
            if gene.name not in values and all(
                condition.is_active(values) for condition in gene.conditions
            ):
                values[gene.name] = value_of(i)
                active.add(i)
        if is_sorted:
            break
    return values, active


def values_opening(
    scope: Iterable[tuple[str, Sequence[Value]]],
    genes_named: Callable[[str], Iterable[Gene]],
    known: Mapping[str, Value],
    opened: Mapping[str, Value] | None = None,
) -> dict[str, Value] | None:
    """Returns values for which conditions hold.

    Args:
        scope: Iterable of the conditions: names of parents, and their values
            for which a condition holds.
        genes_named: Function of a name that returns the genes that have it.
        known: Dict of names to values that must not change.
        opened: Dict of the values of parents whose own conditions hold.
            Defaults to none.

    Returns:
        Dict of the values of the parents and of their parents, the opened ones
        included. None if there are no such values.
    """
    found = dict(opened or {})
    for parent, allowed in scope:
        if parent in found:
            if found[parent] not in allowed:
                return None
            continue
        if parent in known:
            allowed = [value for value in allowed if value == known[parent]]
        outer = _values_for(parent, allowed, genes_named, known, found)
        if outer is None:
            return None
        found |= outer
    return found


def _values_for(
    parent: str,
    allowed: Sequence[Value],
    genes_named: Callable[[str], Iterable[Gene]],
    known: Mapping[str, Value],
    opened: Mapping[str, Value],
) -> dict[str, Value] | None:
    """Returns values with which a parent has one of the allowed values."""
    for value in allowed:
        for gene in genes_named(parent):
            if not _has(gene, value):
                continue
            scope = [(one.parent, one.values) for one in gene.conditions]
            outer = values_opening(scope, genes_named, known, opened)
            if outer is not None:
                return {**outer, parent: value}
    return None


def _has(gene: Gene, value: Any) -> bool:
    # Objects that are no value at all raise the other errors.
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        gene.encode(value)
        return True
    return False
