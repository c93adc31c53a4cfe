"""Starts: what is tried first, because something is known of it."""

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.history import Status
from kt_evolution.algorithm.ranking import best_first
from kt_evolution.algorithm.ranking import front
from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.search_space import SearchSpace

# The operators of a start.
GIVEN = "given"
BEST_IMPORT = "best import"
# How often the rest of a partial individual is sampled to find a new one.
MAX_SAMPLES = 20


def next_given(
    history: History,
    initial_population: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> tuple[int, np.ndarray] | None:
    """Returns the next individual of an initial population.

    Args:
        history: The `History`.
        initial_population: Sequence of float arrays of shape `(num_genes,)`,
            NaN where the code is to be sampled.
        rng: The source of randomness.

    Returns:
        Its position and its genome; None when each was proposed, or is the
        same model as one that was.
    """
    if not initial_population:
        return None
    proposed = [
        one.given for one in history.individuals if one.given is not None
    ]
    for number in range(max(proposed, default=-1) + 1, len(initial_population)):
        codes = initial_population[number]
        is_partial = np.isnan(codes).any()
        for _ in range(MAX_SAMPLES if is_partial else 1):
            sampled = history.space.snap(rng.random((1, len(codes))))[0]
            genome = np.where(np.isnan(codes), sampled, codes)
            if not history.is_tried(genome):
                return number, genome
    return None


def untried_best_import(history: History) -> int | None:
    """Returns the best imported individual, if it is to be tried here.

    Its model is known by its score only. So it gets a trial, once, unless
    one of this search did better.

    Args:
        history: The `History`.

    Returns:
        Its position, or None.
    """
    if not history.imports:
        return None
    objectives, limits = history.objectives, history.limits
    imports = np.array(history.imports)
    best = int(imports[best_first(objectives[imports], limits[imports])[0]])
    completed = history.positions(Status.COMPLETED)
    members = completed[front(objectives[completed], limits[completed])]
    if len(members) and best not in members:
        return None
    individual = history.individuals[best]
    # One that was rejected here is not always found by its phenotype.
    is_tried = history.is_tried(individual.genome) or any(
        one.operator == BEST_IMPORT and individual.trial_id in one.parents
        for one in history.individuals
    )
    return None if is_tried else best


def partial_genome(
    space: SearchSpace, values: Mapping[str, Value]
) -> np.ndarray:
    """Returns the codes of values, NaN for the genes that have none.

    Where a value counts only if others hold, and those are not given, they
    are chosen so that it does.

    Args:
        space: The `SearchSpace`.
        values: Dict of names to values of the genes' domains.

    Returns:
        Float array of shape `(num_genes,)`.
    """
    known = dict(values)
    for name, value in values.items():
        for position in space.codes_of(name, value):
            needed = _values_opening(space, space.genes[position], known)
            if needed is not None:
                known.update(needed)
                break
    codes = np.full(space.num_genes, np.nan)
    for name, value in known.items():
        for position, code in space.codes_of(name, value).items():
            codes[position] = code
    return codes


def _values_opening(
    space: SearchSpace, gene: Gene, known: Mapping[str, Value]
) -> dict[str, Value] | None:
    """Returns further values that make a gene active, None if none do."""
    needed: dict[str, Value] = {}
    for condition in gene.conditions:
        settled = {**known, **needed}
        wanted = condition.values
        if condition.parent in settled:
            wanted = tuple(v for v in wanted if v == settled[condition.parent])
        opening = _first_opening(space, condition.parent, wanted, settled)
        if opening is None:
            return None
        needed.update(opening)
    return needed


def _first_opening(
    space: SearchSpace,
    parent: str,
    wanted: tuple[Value, ...],
    settled: Mapping[str, Value],
) -> dict[str, Value] | None:
    """Returns values that give a parent one of those that are wanted."""
    for value in wanted:
        for position in space.codes_of(parent, value):
            outer = _values_opening(space, space.genes[position], settled)
            if outer is not None:
                return {**outer, parent: value}
    return None
