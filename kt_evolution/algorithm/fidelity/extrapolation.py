"""Extrapolation: the scores that paused individuals would have in the end.

From each rung to the next a line is fitted to the individuals that reached
both. The lines lead from the rung that an individual reached to the last one,
and the spread around them is the variance of the predicted score. With it, the
individual is known to the surrogate like one that was trained to the end.
"""

import dataclasses

import numpy as np

from kt_evolution.algorithm.acquisition import KnownScores
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.rungs import RungScores

# The prior of a line's slope, which is 1, counts as much as this many pairs.
PRIOR_PAIRS = 2.0
# The prior of the standard deviation around a line, as a share of that of the
# better half of the scores at its lower rung.
PRIOR_SPREAD = 0.5
PRIOR_DEGREES_OF_FREEDOM = 2.0
# A line is fitted to this many pairs at least, if there are as many.
MIN_PAIRS = 4


@dataclasses.dataclass(frozen=True)
class Line:
    """The regression of scores at one rung on those at the rung before.

    Args:
        center: Float, the mean of the scores at the lower rung.
        height: Float, the predicted score at the upper rung for `center`.
        slope: Float.
        variance: Float, the variance around the line.
        pairs: Int, the number of individuals that reached both rungs, or 1 if
            none did and only the prior is known.
    """

    center: float
    height: float
    slope: float
    variance: float
    pairs: int

    def __call__(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the means and variances at the upper rung."""
        height = self.height + self.slope * (mean - self.center)
        spread = self.variance * (1.0 + 1.0 / self.pairs)
        return height, self.slope**2 * variance + spread


def fit_line(lower: np.ndarray, upper: np.ndarray) -> Line:
    """Fits a line to the scores at two rungs.

    Hopeless individuals are left out: how bad they become says nothing about
    the good ones. The prior is that scores don't change.

    Args:
        lower: Float array of shape `(n,)`, the scores of all individuals at
            the lower rung, at least one.
        upper: Float array of shape `(n,)`, their scores at the upper one,
            infinite if they did not reach it.
    """
    order = np.argsort(lower, kind="stable")
    better = lower[order[: max((len(lower) + 1) // 2, min(2, len(lower)))]]
    scale = better.std()
    both = order[np.isfinite(upper[order])]
    num_kept = max(int(np.sum(lower[both] <= better[-1])), MIN_PAIRS)
    x, y = lower[both[:num_kept]], upper[both[:num_kept]]
    if not len(x):
        center = float(better[0])
        return Line(center, center, 1.0, float(scale**2), 1)
    center, height = x.mean(), y.mean()
    prior = PRIOR_PAIRS * max(scale**2, np.finfo(float).tiny)
    across = (x - center) @ (y - height)
    slope = (across + prior) / ((x - center) @ (x - center) + prior)
    rest = y - height - slope * (x - center)
    prior_squares = PRIOR_DEGREES_OF_FREEDOM * (PRIOR_SPREAD * scale) ** 2
    variance = (rest @ rest + prior_squares) / (
        len(x) + PRIOR_DEGREES_OF_FREEDOM
    )
    return Line(
        float(center), float(height), float(slope), float(variance), len(x)
    )


# Leads past a rung that no individual reached.
UNCHANGED = Line(0.0, 0.0, 1.0, 0.0, 1)


def extrapolate(
    scores: RungScores, objective: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the scores at the last rung, known or predicted.

    Args:
        scores: The `RungScores`.
        objective: Int, which of the objectives.

    Returns:
        Tuple of the means and the variances, two float arrays of shape
        `(n,)`. The means are infinite for individuals that reached no rung,
        and the variances are 0 for those that reached the last one.
    """
    table = scores.objectives[:, :, objective]
    last = len(scores.epochs) - 1
    mean, variance = table[last].copy(), np.zeros(table.shape[1])
    lines: list[Line] = []
    for rung in range(last - 1, -1, -1):
        members = scores.members(rung)
        if not len(members):
            lines.insert(0, UNCHANGED)
            continue
        lines.insert(
            0, fit_line(table[rung, members], table[rung + 1, members])
        )
        here = np.flatnonzero(scores.level == rung)
        seen = table[rung, here]
        predicted, spread = seen, np.zeros(len(here))
        for line in lines:
            predicted, spread = line(predicted, spread)
        # The score is that of the best epoch, so it never becomes worse.
        mean[here] = np.minimum(predicted, seen)
        variance[here] = spread
    return mean, variance


def known_scores(
    history: History, scores: RungScores, lowest: int = 0
) -> KnownScores:
    """Returns the scores of all individuals that reached a rung.

    Failed individuals are left out.

    Args:
        history: The `History`.
        scores: Its `RungScores`.
        lowest: Int, the rung that an individual must have reached to be known.
            Defaults to 0.
    """
    tried = history.positions(Status.COMPLETED, Status.PAUSED, Status.PENDING)
    known = tried[scores.level[tried] >= lowest]
    predicted = [extrapolate(scores, i) for i in range(history.num_objectives)]
    means, variances = np.stack(predicted, axis=-1)
    violations = history.violations.copy()
    violations[known] = scores.violations[scores.level[known], known]
    return KnownScores(
        known, means, violations, history.noise_variance, variances
    )
