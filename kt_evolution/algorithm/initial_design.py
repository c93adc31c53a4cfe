"""The initial design: evenly spread points, and individuals of the user."""

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
from scipy.stats import qmc

from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.proxies import NUM_CANDIDATES
from kt_evolution.algorithm.proxies import Proxies
from kt_evolution.algorithm.ranking import best_first
from kt_evolution.algorithm.ranking import front
from kt_evolution.algorithm.space.conditions import values_opening
from kt_evolution.algorithm.space.genes import LAST_CODE
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.search_space import WIDE
from kt_evolution.algorithm.space.search_space import SearchSpace

# How many individuals are sampled before the first offspring. With a surrogate
# fewer are needed, unless it has to learn many genes.
INITIAL_POINTS = 10
SURROGATE_INITIAL_POINTS = 5
MANY_GENES_INITIAL_POINTS = 8
# A space with more tunable genes has many.
MANY_GENES = 11
# The operators of these individuals, as the journal stores them.
FROM_USER = "given"
WARM_START = "best import"
# How often the rest of a partial individual is sampled to find a new one.
MAX_SAMPLES = 20


def default_num_initial_points(space: SearchSpace, has_surrogate: bool) -> int:
    """Returns how many individuals are sampled before the first offspring."""
    if not has_surrogate:
        return INITIAL_POINTS
    if space.is_tunable.sum() > MANY_GENES:
        return MANY_GENES_INITIAL_POINTS
    return SURROGATE_INITIAL_POINTS


def next_initial(
    history: History, seed: int, proxies: Proxies | None = None
) -> tuple[np.ndarray, str]:
    """Returns the defaults, or a point of a scrambled Sobol sequence.

    Args:
        history: The `History`.
        seed: Int, scrambles the sequence.
        proxies: The `Proxies` of models. Then it is the best of the next few
            points by their proxies. Defaults to None.

    Returns:
        Tuple of a genome, which may be known, and the name of its operator.
    """
    tried = sum(
        individual.operator in ("default", "initial")
        for individual in history.individuals
    )
    if not tried:
        return history.space.default_genome(), "default"
    if proxies is None:
        return initial_points(history.space, tried - 1, 1, seed)[0], "initial"
    first = (tried - 1) * NUM_CANDIDATES
    points = initial_points(history.space, first, NUM_CANDIDATES, seed)
    is_unknown = [history.find(point) < 0 for point in points]
    unknown = points[is_unknown] if any(is_unknown) else points
    can_train = unknown[proxies.can_train(unknown)]
    if not len(can_train):
        return unknown[0], "initial"
    return can_train[proxies.best_of(can_train)], "initial"


def initial_points(
    space: SearchSpace, first: int, count: int, seed: int
) -> np.ndarray:
    """Returns successive points of a scrambled Sobol sequence.

    Args:
        space: The `SearchSpace`.
        first: Int, the number of the first point.
        count: Int, how many points.
        seed: Int, scrambles the sequence.

    Returns:
        Float array of shape `(count, num_genes)`.

    Reference:
        Owen (1998), "Scrambling Sobol' and Niederreiter-Xing points".
    """
    sampled = np.arange(space.num_genes)
    if space.num_genes > WIDE:
        sampled = np.flatnonzero(space.is_tunable)
    if len(sampled) > qmc.Sobol.MAXDIM:
        # SciPy has no sequence of more dimensions.
        drawn = np.array(
            [
                np.random.default_rng([seed, number]).random(len(sampled))
                for number in range(first, first + count)
            ]
        )
    else:
        rng = np.random.default_rng(seed)
        sequence = qmc.Sobol(max(len(sampled), 1), rng=rng)
        if first:
            sequence.fast_forward(first)
        drawn = sequence.random(count)[:, : len(sampled)]
    points = np.tile(space.default_genome(), (count, 1))
    points[:, sampled] = np.minimum(drawn, LAST_CODE)
    return space.canonicalize(points)


def next_from_user(
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
        Tuple of its position and its genome; None if each of them was
        proposed, or is the same model as a proposed one.
    """
    if not initial_population:
        return None
    proposed = [
        one.user_index
        for one in history.individuals
        if one.user_index is not None
    ]
    for number in range(max(proposed, default=-1) + 1, len(initial_population)):
        codes = initial_population[number]
        is_partial = np.isnan(codes).any()
        for _ in range(MAX_SAMPLES if is_partial else 1):
            sampled = history.space.canonicalize(rng.random((1, len(codes))))[0]
            genome = np.where(np.isnan(codes), sampled, codes)
            if not history.is_tried(genome):
                return number, genome
    return None


def next_from_warm_start(history: History) -> int | None:
    """Returns the best imported individual, if it is to be trained here.

    An imported individual has a score, but no trained model here. So the best
    of them gets one trial, unless an individual of this search is better.

    Args:
        history: The `History`.

    Returns:
        Its position, or None.
    """
    if not history.imports:
        return None
    objectives, violations = history.objectives, history.violations
    imports = np.array(history.imports)
    best = int(imports[best_first(objectives[imports], violations[imports])[0]])
    completed = history.positions(Status.COMPLETED)
    members = completed[front(objectives[completed], violations[completed])]
    if len(members) and best not in members:
        return None
    individual = history.individuals[best]
    # If it was rejected here, it may not be found by its phenotype.
    is_tried = history.is_tried(individual.genome) or any(
        one.operator == WARM_START and individual.trial_id in one.parents
        for one in history.individuals
    )
    return None if is_tried else best


def partial_genome(
    space: SearchSpace, values: Mapping[str, Value]
) -> np.ndarray:
    """Returns the codes of values, NaN for the genes without a value.

    If the gene of a value is conditional, and its parents have no values, they
    get values that make it active.

    Args:
        space: The `SearchSpace`.
        values: Dict of names to values of the genes' domains.

    Returns:
        Float array of shape `(num_genes,)`.
    """
    known = dict(values)
    for name, value in values.items():
        for position in space.codes_of(name, value):
            gene = space.genes[position]
            needed = values_opening(
                [(one.parent, one.values) for one in gene.conditions],
                lambda parent: [
                    space.genes[i] for i in space.genes_named(parent)
                ],
                known,
            )
            if needed is not None:
                known.update(needed)
                break
    codes = np.full(space.num_genes, np.nan)
    space.write(codes, known)
    return codes
