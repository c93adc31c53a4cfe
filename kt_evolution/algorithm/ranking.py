"""Who is better: several objectives, limits, and a number to compare by.

Objectives are minimised. A limit is a number that is at most zero where the
limit holds. Selection and survival compare single numbers, so `fitness` makes
one of all that: with it elitist survival is that of NSGA-II.
"""

import moocore
import numpy as np

# Of the augmented Chebyshev function, the share of the sum of objectives.
AUGMENTATION = 0.05


def fitness(objectives: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Returns numbers that order individuals, lower is better.

    A feasible individual is better than one that breaks a limit; of two that
    break limits, the one that breaks them less; of two feasible ones, the one
    with the better objective. With several objectives that is the one on the
    earlier front, and on the same front the one in the less crowded place.

    Reference:
        Deb et al. (2002), "A Fast and Elitist Multiobjective Genetic
        Algorithm: NSGA-II"; Deb (2000), "An efficient constraint handling
        method for genetic algorithms".

    Args:
        objectives: Float array of shape `(n, num_objectives)`, finite.
        limits: Float array of shape `(n, num_limits)`.

    Returns:
        Float array of shape `(n,)`: the objective itself where one objective
        is all there is to compare, otherwise ranks.
    """
    is_single = objectives.shape[1] == 1
    if is_single and limits.shape[1] == 0:
        return objectives[:, 0]
    broken = violation(limits)
    feasible = np.flatnonzero(broken == 0.0)
    infeasible = np.flatnonzero(broken > 0.0)
    ranks = np.empty(len(objectives))
    if is_single:
        order = np.argsort(objectives[feasible, 0], kind="stable")
    else:
        order = _crowded_order(objectives[feasible])
    ranks[feasible[order]] = np.arange(len(feasible))
    order = np.argsort(broken[infeasible], kind="stable")
    ranks[infeasible[order]] = np.arange(len(feasible), len(objectives))
    return ranks


def violation(limits: np.ndarray) -> np.ndarray:
    """Returns by how much limits are broken in all, 0 where all hold."""
    return np.maximum(limits, 0.0).sum(axis=1)


def _crowded_order(objectives: np.ndarray) -> np.ndarray:
    fronts = pareto_rank(objectives)
    distances = np.empty(len(objectives))
    for front in np.unique(fronts):
        members = np.flatnonzero(fronts == front)
        distances[members] = crowding_distance(objectives[members])
    return np.lexsort((-distances, fronts))


def pareto_rank(objectives: np.ndarray) -> np.ndarray:
    """Returns the front of each point; that of non-dominated ones is 0."""
    if not len(objectives):
        return np.empty(0, dtype=np.int64)
    return np.asarray(moocore.pareto_rank(objectives), dtype=np.int64)


def crowding_distance(objectives: np.ndarray) -> np.ndarray:
    """Returns how far the neighbours of each point of a front are.

    Points of equal objectives share the room between their neighbours: the
    first of them has it all, so that copies don't crowd others out.

    Reference:
        Deb et al. (2002), "A Fast and Elitist Multiobjective Genetic
        Algorithm: NSGA-II", section III-B.

    Args:
        objectives: Float array of shape `(n, num_objectives)`.

    Returns:
        Float array of shape `(n,)`, infinite at the ends of an objective.
    """
    distances = np.zeros(len(objectives))
    _, first = np.unique(objectives, axis=0, return_index=True)
    points = objectives[first]
    for values in points.T:
        order = np.argsort(values, kind="stable")
        span = values[order[-1]] - values[order[0]] if len(order) else 0.0
        if span == 0.0:
            continue
        gaps = np.diff(values[order]) / span
        distances[first[order[1:-1]]] += gaps[:-1] + gaps[1:]
        distances[first[order[[0, -1]]]] = np.inf
    if len(points) == 1:
        distances[first] = np.inf
    return distances


def best_first(objectives: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Returns the order of individuals, the best first.

    Of several objectives, the front comes first, see `front`.

    Args:
        objectives: Float array of shape `(n, num_objectives)`, finite.
        limits: Float array of shape `(n, num_limits)`.

    Returns:
        Int array of shape `(n,)`.
    """
    order = np.argsort(fitness(objectives, limits), kind="stable")
    if objectives.shape[1] == 1:
        return order
    first = front(objectives, limits)
    return np.concatenate([first, order[~np.isin(order, first)]])


def front(objectives: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Returns the feasible individuals that none dominates, the knee first.

    The knee is nearest to the point that has the best of each objective,
    where each objective goes from 0 to 1 over the front.

    Args:
        objectives: Float array of shape `(n, num_objectives)`, finite.
        limits: Float array of shape `(n, num_limits)`.

    Returns:
        Int array of positions; empty if none is feasible.
    """
    feasible = np.flatnonzero(violation(limits) == 0.0)
    members = feasible[pareto_rank(objectives[feasible]) == 0]
    if not len(members):
        return members
    points = objectives[members]
    distances = (_normalised(points, points) ** 2).sum(axis=1)
    return members[np.argsort(distances, kind="stable")]


def chebyshev(
    objectives: np.ndarray, limits: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Returns one number for several objectives, by their weights.

    Each objective goes from 0 to 1 over the front, so that what is far worse
    does not decide what is much.

    Reference:
        Knowles (2006), "ParEGO: A Hybrid Algorithm With On-Line Landscape
        Approximation for Expensive Multiobjective Optimization Problems",
        eq. 2.

    Args:
        objectives: Float array of shape `(n, num_objectives)`, finite.
        limits: Float array of shape `(n, num_limits)`.
        weights: Float array of shape `(num_objectives,)` that sums to 1.

    Returns:
        Float array of shape `(n,)`.
    """
    members = front(objectives, limits)
    reference = objectives[members] if len(members) else objectives
    weighted = weights * _normalised(objectives, reference)
    return weighted.max(axis=1) + AUGMENTATION * weighted.sum(axis=1)


def _normalised(objectives: np.ndarray, reference: np.ndarray) -> np.ndarray:
    lowest, highest = reference.min(axis=0), reference.max(axis=0)
    # A front of one point has no extent.
    highest = np.where(highest > lowest, highest, objectives.max(axis=0))
    span = highest - lowest
    return (objectives - lowest) / np.where(span > 0.0, span, 1.0)
