"""Racing: which of the best individuals is trained once more.

The best of many noisy scores is partly due to luck. So the best candidates are
trained again while it is uncertain which of them is better. Candidates that
are clearly worse are not.
"""

import numpy as np
from scipy.stats import t

from kt_evolution.algorithm.history.evaluations import pooled_variance
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import IMPORT
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.ranking import best_first
from kt_evolution.algorithm.ranking import total_violation

# How many of the last trials are reserved for each candidate's re-evaluations.
REEVALUATIONS_EACH = 2
# How often a candidate is trained at most, its first training included.
MAX_EVALUATIONS = 4
# A candidate is clearly better if it is better with this probability.
CONFIDENCE = 0.95


def num_reserved(history: History, num_candidates: int) -> int:
    """Returns how many of the last trials are reserved for re-evaluations.

    They are at most as many as this search has tried models so far, so at
    most half of its trials.

    Args:
        history: The `History`; it is not changed.
        num_candidates: Int, how many of the best individuals are candidates.
    """
    num_tried = sum(
        one.status is not Status.REJECTED and one.operator != IMPORT
        for one in history.individuals
    )
    return min(num_candidates * REEVALUATIONS_EACH, num_tried)


def next_to_reevaluate(history: History, num_candidates: int) -> int | None:
    """Returns the individual to train next.

    It is the uncertain candidate with the fewest trainings. With several
    objectives a candidate is clearly worse if another one is clearly better in
    all of them.

    Reference:
        Birattari et al. (2002), "A Racing Algorithm for Configuring
        Metaheuristics".

    Args:
        history: The `History`; it is not changed.
        num_candidates: Int, how many of the best individuals are candidates.

    Returns:
        Int, the position of an individual, or None if the order is clear.
    """
    candidates = _candidates(history, num_candidates)
    if len(candidates) < 2:
        return None
    worse = _probably_dominated(history, candidates)
    is_out = np.any(worse > CONFIDENCE, axis=1)
    # Only candidates that are not clearly worse are compared.
    is_in = ~is_out
    is_open = is_in[:, None] & is_in[None, :] & (worse >= 1.0 - CONFIDENCE)
    uncertain = is_open.any(axis=1) | is_open.any(axis=0)
    counts = np.array(
        [len(history.individuals[p].evaluations) for p in candidates]
    )
    uncertain &= counts < MAX_EVALUATIONS
    if not uncertain.any():
        return None
    # Candidates are sorted: of those with the fewest trainings, it is the best.
    return int(candidates[np.argmin(np.where(uncertain, counts, np.inf))])


def _candidates(history: History, count: int) -> np.ndarray:
    """Returns the best individuals by the mean of all their trainings.

    They are fewer where fewer keep the limits.
    """
    completed = history.positions(Status.COMPLETED)
    of_this_search = [
        history.individuals[p].operator != IMPORT for p in completed
    ]
    completed = completed[np.array(of_this_search, dtype=bool)]
    objectives = history.objectives[completed]
    violations = history.violations[completed]
    best = best_first(objectives, violations)[:count]
    # Trainings are compared by their objectives. So those that break a limit
    # take part only if all do.
    feasible = best[total_violation(violations[best]) == 0.0]
    return completed[feasible if len(feasible) else best]


def _probably_dominated(history: History, candidates: np.ndarray) -> np.ndarray:
    """Returns how likely each candidate is worse than each other one.

    Args:
        history: The `History`.
        candidates: Int array of shape `(n,)`.

    Returns:
        Float array of shape `(n, n)`; 0 on the diagonal.
    """
    known = history.positions(Status.COMPLETED)
    variance, degrees_of_freedom = pooled_variance(
        history.sum_of_squares[known], history.num_runs[known]
    )
    objectives = history.objectives[candidates]
    gaps = objectives[:, None] - objectives[None, :]
    if not degrees_of_freedom:
        worse = np.full(gaps.shape[:2], 0.5)
    else:
        share = 1.0 / history.num_runs[candidates]
        shares = share[:, None] + share[None, :]
        errors = np.sqrt(shares[..., None] * variance)
        with np.errstate(divide="ignore", invalid="ignore"):
            probabilities = t.cdf(gaps / errors, degrees_of_freedom)
        # Without noise, equal objectives are a tie.
        is_tie = (gaps == 0.0) & (errors == 0.0)
        worse = np.where(is_tie, 1.0, probabilities).prod(axis=2)
        worse[is_tie.all(axis=2)] = 0.0
    np.fill_diagonal(worse, 0.0)
    return worse
