"""Dependencies between genes: an order in which parents come first."""

from collections.abc import Callable
from collections.abc import Sequence

from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import Gene


def parents_first(genes: Sequence[Gene]) -> tuple[list[int], bool]:
    """Returns the positions of genes, each after those it depends on.

    Two branches may have the same names in opposite orders. Genes of
    different branches are never active together, so they don't depend on
    each other.

    Args:
        genes: Sequence of `Gene`s.

    Returns:
        Tuple of the positions, and of whether names depend on each other in
        a circle. With circles one pass over the genes may not determine all
        values.

    Raises:
        ValueError: If a gene can't be active because it needs itself.
    """
    by_name: dict[str, list[int]] = {}
    for i, gene in enumerate(genes):
        by_name.setdefault(gene.name, []).append(i)

    def named_parents(i: int) -> list[int]:
        return [
            parent
            for condition in genes[i].conditions
            for parent in by_name.get(condition.parent, [])
        ]

    def possible_parents(i: int) -> list[int]:
        return [
            parent
            for parent in named_parents(i)
            if can_both_hold(genes[i].conditions, genes[parent].conditions)
        ]

    # The order by names alone is fast, and enough for nearly all spaces.
    order, is_circular = _depth_first(len(genes), named_parents)
    if is_circular:
        _check_circles(genes)
        order, _ = _depth_first(len(genes), possible_parents)
    return order, is_circular


def can_both_hold(
    some: tuple[Condition, ...], others: tuple[Condition, ...]
) -> bool:
    """Returns whether two sets of conditions can hold for the same values."""
    return not any(
        one.parent == other.parent and set(one.values).isdisjoint(other.values)
        for one in some
        for other in others
    )


def _depth_first(
    num_genes: int, parents_of: Callable[[int], list[int]]
) -> tuple[list[int], bool]:
    """Returns an order with parents before children, and if it has circles."""
    order: list[int] = []
    state = ["new"] * num_genes
    is_circular = False

    def visit(i: int) -> None:
        nonlocal is_circular
        is_circular |= state[i] == "open"
        if state[i] != "new":
            return
        state[i] = "open"
        for parent in parents_of(i):
            visit(parent)
        state[i] = "done"
        order.append(i)

    for i in range(num_genes):
        visit(i)
    return order, is_circular


def _check_circles(genes: Sequence[Gene]) -> None:
    """Raises if a gene can't be active because it needs itself."""
    # A name without a gene is part of no circle: its conditions never hold.
    reached = {
        condition.parent for gene in genes for condition in gene.conditions
    } - {gene.name for gene in genes}
    before = -1
    while len(reached) > before:
        before = len(reached)
        reached |= {
            gene.name
            for gene in genes
            if all(each.parent in reached for each in gene.conditions)
        }
    for gene in genes:
        if gene.name not in reached:
            raise ValueError(
                f"The conditions of hyperparameter '{gene.name}' depend on "
                f"itself. Received: conditions={gene.conditions}"
            )
