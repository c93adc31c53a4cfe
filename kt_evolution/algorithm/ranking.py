"""Ranking: which individual is better, by several objectives and by limits.

Objectives are minimized. A violation is a number that is at most zero if its
limit holds. Selection and survival compare single numbers, so `fitness` makes
one number of all objectives and violations. With it, elitist survival is that
of NSGA-II.
"""

import moocore
import numpy as np

# The share of the sum of objectives in the augmented Chebyshev function.
AUGMENTATION = 0.05


def fitness(objectives: np.ndarray, violations: np.ndarray) -> np.ndarray:
    """Returns numbers that order individuals, lower is better.

    A feasible individual is better than an infeasible one. Infeasible
    individuals compare by their total violation, feasible ones by their
    objective. With several objectives, feasible individuals compare by their
    front, and on the same front by how far their neighbors are.

    Reference:
        Deb et al. (2002), "A Fast and Elitist Multiobjective Genetic
        Algorithm: NSGA-II"; Deb (2000), "An efficient constraint handling
        method for genetic algorithms".

    Args:
        objectives: Float array of shape `(n, num_objectives)`, finite.
        violations: Float array of shape `(n, num_limits)`.

    Returns:
        Float array of shape `(n,)`: the objective itself if there are neither
        several objectives nor limits, otherwise ranks.
    """
    is_single = objectives.shape[1] == 1
    if is_single and violations.shape[1] == 0:
        return objectives[:, 0]
    total = total_violation(violations)
    feasible = np.flatnonzero(total == 0.0)
    infeasible = np.flatnonzero(total > 0.0)
    ranks = np.empty(len(objectives))
    if is_single:
        order = np.argsort(objectives[feasible, 0], kind="stable")
    else:
        order = _crowded_order(objectives[feasible])
    ranks[feasible[order]] = np.arange(len(feasible))
    order = np.argsort(total[infeasible], kind="stable")
    ranks[infeasible[order]] = np.arange(len(feasible), len(objectives))
    return ranks


def total_violation(violations: np.ndarray) -> np.ndarray:
    """Returns the sums of the violations, 0 where all limits hold."""
    return np.maximum(violations, 0.0).sum(axis=1)


def _crowded_order(objectives: np.ndarray) -> np.ndarray:
    fronts = pareto_rank(objectives)
    distances = np.empty(len(objectives))
    for front in np.unique(fronts):
        members = np.flatnonzero(fronts == front)
        distances[members] = crowding_distance(objectives[members])
    return np.lexsort((-distances, fronts))


def pareto_rank(objectives: np.ndarray) -> np.ndarray:
    """Returns the number of each point's front: 0 for non-dominated points."""
    if not len(objectives):
        return np.empty(0, dtype=np.int64)
    return np.asarray(moocore.pareto_rank(objectives), dtype=np.int64)


def crowding_distance(objectives: np.ndarray) -> np.ndarray:
    """Returns how far the neighbors of each point of a front are.

    Of points with equal objectives the first has the distance to the
    neighbors, and the others have 0, so that copies don't crowd others out.

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


def best_first(objectives: np.ndarray, violations: np.ndarray) -> np.ndarray:
    """Returns the order of individuals, the best first.

    With several objectives the front comes first, see `front`.

    Args:
        objectives: Float array of shape `(n, num_objectives)`, finite.
        violations: Float array of shape `(n, num_limits)`.

    Returns:
        Int array of shape `(n,)`.
    """
    order = np.argsort(fitness(objectives, violations), kind="stable")
    if objectives.shape[1] == 1:
        return order
    first = front(objectives, violations)
    return np.concatenate([first, order[~np.isin(order, first)]])


def front(objectives: np.ndarray, violations: np.ndarray) -> np.ndarray:
    """Returns the non-dominated feasible individuals, the knee first.

    Each objective is scaled to go from 0 to 1 over the front. The knee is the
    individual nearest to the point with the best value of each objective.

    Args:
        objectives: Float array of shape `(n, num_objectives)`, finite.
        violations: Float array of shape `(n, num_limits)`.

    Returns:
        Int array of positions; empty if none is feasible.
    """
    feasible = np.flatnonzero(total_violation(violations) == 0.0)
    members = feasible[pareto_rank(objectives[feasible]) == 0]
    if not len(members):
        return members
    points = objectives[members]
    distances = (_normalized(points, points) ** 2).sum(axis=1)
    return members[np.argsort(distances, kind="stable")]


def chebyshev(
    objectives: np.ndarray, violations: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Returns one number for several objectives, by their weights.

    Each objective is scaled to go from 0 to 1 over the front, so that outliers
    do not set the scale.

    Reference:
        Knowles (2006), "ParEGO: A Hybrid Algorithm With On-Line Landscape
        Approximation for Expensive Multiobjective Optimization Problems",
        eq. 2.

    Args:
        objectives: Float array of shape `(n, num_objectives)`, finite.
        violations: Float array of shape `(n, num_limits)`.
        weights: Float array of shape `(num_objectives,)` that sums to 1.

    Returns:
        Float array of shape `(n,)`.
    """
    members = front(objectives, violations)
    reference = objectives[members] if len(members) else objectives
    weighted = weights * _normalized(objectives, reference)
    return weighted.max(axis=1) + AUGMENTATION * weighted.sum(axis=1)


def _normalized(objectives: np.ndarray, reference: np.ndarray) -> np.ndarray:
    lowest, highest = reference.min(axis=0), reference.max(axis=0)
    # The front may have a single point.
    highest = np.where(highest > lowest, highest, objectives.max(axis=0))
    span = highest - lowest
    return (objectives - lowest) / np.where(span > 0.0, span, 1.0)
