"""Evaluations: the scores of a model's trainings, and how noisy they are."""

import dataclasses
import math
from collections.abc import Iterable

import numpy as np

# Prior degrees of freedom when a model's variance is shrunk to the pooled one.
PRIOR_DEGREES_OF_FREEDOM = 4.0
# With fewer degrees of freedom the noise variance counts as unknown.
MIN_DEGREES_OF_FREEDOM = 3
# A model's own variance counts as at most this many times the median one. That
# of two trainings with normal noise is never as large by chance; the variance
# of a model of which one training diverged is larger by far.
MAX_VARIANCE = 100.0


@dataclasses.dataclass(frozen=True, slots=True)
class Evaluation:
    """The mean result of one or more trainings of a model.

    Args:
        objectives: Tuple of floats, lower is better.
        violations: Tuple of floats, one for each limit on a metric; at most 0
            if the limit holds.
        stds: Tuple of the standard deviations of the objectives between the
            trainings; empty after a single training.
        num_runs: Int, the number of trainings. Defaults to 1.
    """

    objectives: tuple[float, ...] = ()
    violations: tuple[float, ...] = ()
    stds: tuple[float, ...] = ()
    num_runs: int = 1

    @property
    def is_finite(self) -> bool:
        return all(map(math.isfinite, (*self.objectives, *self.violations)))

    @property
    def sum_of_squares(self) -> tuple[float, ...]:
        """Tuple, for each objective the sum of squared deviations."""
        if not self.stds:
            return (0.0,) * len(self.objectives)
        return tuple((self.num_runs - 1) * std**2 for std in self.stds)


def merge(evaluations: Iterable[Evaluation]) -> Evaluation:
    """Returns the evaluation of all trainings of a model.

    Args:
        evaluations: `Evaluation`s of the model, at least one.
    """
    several = list(evaluations)
    if len(several) == 1:
        return several[0]
    runs = np.array([one.num_runs for one in several])
    objectives = np.array([one.objectives for one in several])
    mean = np.average(objectives, axis=0, weights=runs)
    sum_of_squares = np.array([one.sum_of_squares for one in several]).sum(
        axis=0
    )
    sum_of_squares += runs @ (objectives - mean) ** 2
    violations = np.array([one.violations for one in several])
    num_runs = int(runs.sum())
    return Evaluation(
        tuple(mean.tolist()),
        tuple(np.average(violations, axis=0, weights=runs).tolist()),
        tuple(np.sqrt(sum_of_squares / (num_runs - 1)).tolist()),
        num_runs,
    )


def pooled_variance(
    sum_of_squares: np.ndarray, num_runs: np.ndarray
) -> tuple[np.ndarray, int]:
    """Returns the variance between trainings of the same model.

    Outliers are limited to a multiple of the median variance of the models that
    differ at all between their trainings.

    Args:
        sum_of_squares: Float array of shape `(n, num_objectives)`, the sums of
            the squared deviations of each model.
        num_runs: Int array of shape `(n,)`, how often each was trained.

    Returns:
        Tuple of a float array of shape `(num_objectives,)`, NaN if no model
        was trained twice, and its degrees of freedom.
    """
    degrees_of_freedom = int((num_runs - 1).sum())
    if not degrees_of_freedom:
        return np.full(sum_of_squares.shape[1], np.nan), 0
    limited = _without_outliers(sum_of_squares, num_runs)
    return limited.sum(axis=0) / degrees_of_freedom, degrees_of_freedom


def noise_variance(
    sum_of_squares: np.ndarray, num_runs: np.ndarray
) -> np.ndarray:
    """Returns the variance of each model's mean that is due to noise.

    The variance of a model's own trainings is estimated from few of them, so it
    is shrunk to the variance of all models.

    Args:
        sum_of_squares: Float array of shape `(n, num_objectives)`.
        num_runs: Int array of shape `(n,)`.

    Returns:
        Float array of shape `(n, num_objectives)`, NaN while too few models
        were trained repeatedly.
    """
    pooled, degrees_of_freedom = pooled_variance(sum_of_squares, num_runs)
    if degrees_of_freedom < MIN_DEGREES_OF_FREEDOM:
        return np.full(sum_of_squares.shape, np.nan)
    prior = PRIOR_DEGREES_OF_FREEDOM
    own = num_runs[:, None] - 1
    limited = _without_outliers(sum_of_squares, num_runs)
    variances = (prior * pooled + limited) / (prior + own)
    return variances / num_runs[:, None]


def _without_outliers(
    sum_of_squares: np.ndarray, num_runs: np.ndarray
) -> np.ndarray:
    """Returns the sums of squares, each at most what `MAX_VARIANCE` allows."""
    limited = sum_of_squares.copy()
    for sums in limited.T:
        varied = sums > 0.0
        own = num_runs[varied] - 1
        if len(own):
            largest = MAX_VARIANCE * np.median(sums[varied] / own)
            sums[varied] = np.minimum(sums[varied], largest * own)
    return limited
