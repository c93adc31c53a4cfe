"""The first rung: after how many epochs a new individual is looked at first.

Low rungs are cheap, so of the same number of epochs more individuals are
compared there. But they may be compared wrongly: some networks start slowly,
and the better the individuals of a search are, the less the first epochs tell
them apart. So it is measured how well each rung has predicted the final order
of the best individuals, and the rung with the largest expected gain is chosen.
"""

import math

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.rungs import RungScores
from kt_evolution.algorithm.ranking import fitness
from kt_evolution.algorithm.ranking import total_violation

# Rungs are judged by this share of the completed individuals, the best ones,
# and by this many at least.
BEST_SHARE = 0.5
MIN_JUDGING = 6
# Before anything is known, the lowest rung is expected to have this rank
# correlation with the last one. That counts as much as so many individuals.
PRIOR_CORRELATION = 0.8
PRIOR_COUNT = 15.0
# What a single individual is worth that is trained to the end, in standard
# deviations of the final scores.
GAIN_OF_ONE = 0.5


def choose_first_rung(
    history: History, scores: RungScores, rng: np.random.Generator
) -> int:
    """Returns the rung at which the next new individual is looked at first.

    The gain of a rung is that of the best of as many individuals as are
    trained there for the epochs of one full training, times the rung's rank
    correlation with the last rung. The correlation is drawn from what is known
    of it (Thompson sampling), so that other rungs are tried as well.

    Reference:
        Bohdal et al. (2023), "PASHA: Efficient HPO and NAS with Progressive
        Resource Allocation", for rungs that are chosen by how much their
        orders disagree; Thompson (1933); Fisher (1921) for the normal
        distribution of a correlation's inverse hyperbolic tangent.

    Args:
        history: The `History`.
        scores: Its `RungScores`.
        rng: The source of randomness.

    Returns:
        Int, an index of `scores.epochs`.
    """
    last = len(scores.epochs) - 1
    completed = history.positions(Status.COMPLETED)
    order = np.argsort(_ranks(scores, last, completed), kind="stable")
    num_judging = max(MIN_JUDGING, round(BEST_SHARE * len(order)))
    judging = completed[order[:num_judging]]
    gains = [
        (_expected_largest(scores.epochs[-1] / epochs) + GAIN_OF_ONE)
        * _drawn_correlation(scores, rung, judging, rng)
        for rung, epochs in enumerate(scores.epochs[:-1])
    ]
    return int(np.argmax([*gains, GAIN_OF_ONE]))


def _drawn_correlation(
    scores: RungScores,
    rung: int,
    judging: np.ndarray,
    rng: np.random.Generator,
) -> float:
    """Returns a draw of the rank correlation of a rung with the last one."""
    last = len(scores.epochs) - 1
    prior = PRIOR_CORRELATION ** (1.0 - rung / last)
    known = np.isfinite(scores.objectives[rung, judging, 0])
    count, observed = int(known.sum()), 0.0
    if count > 2:
        before = equal_places(scores, rung, judging[known])
        after = equal_places(scores, last, judging[known])
        # Where all are equal, nothing is told apart.
        if np.ptp(before) > 0.0 and np.ptp(after) > 0.0:
            observed = np.corrcoef(before, after)[0, 1]
    # Of few individuals the correlation may be exactly one.
    observed = float(np.clip(observed, -0.95, 0.95))
    total = PRIOR_COUNT + count
    mean = PRIOR_COUNT * math.atanh(prior) + count * math.atanh(observed)
    return math.tanh(mean / total + rng.normal() / math.sqrt(total))


def _ranks(scores: RungScores, rung: int, members: np.ndarray) -> np.ndarray:
    return fitness(
        scores.objectives[rung, members], scores.violations[rung, members]
    )


def equal_places(
    scores: RungScores, rung: int, members: np.ndarray
) -> np.ndarray:
    """Returns the places of individuals at a rung; equal ones share theirs."""
    places = rankdata(_ranks(scores, rung, members)) - 1.0
    violation = total_violation(scores.violations[rung, members])
    # Those that break limits compare by their violation alone.
    objectives = scores.objectives[rung, members].copy()
    objectives[violation > 0.0] = 0.0
    _, same = np.unique(
        np.column_stack([violation, objectives]), axis=0, return_inverse=True
    )
    same = same.reshape(-1)
    return (np.bincount(same, places) / np.bincount(same))[same]


def _expected_largest(count: float) -> float:
    """Returns the expected largest of some standard normal numbers.

    Reference:
        Blom (1958), "Statistical Estimates and Transformed Beta-Variables".
    """
    return float(ndtri((count - 0.375) / (count + 0.25)))
