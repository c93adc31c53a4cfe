"""What trainings of a model scored, and how much of that is chance."""

import dataclasses
import math
from collections.abc import Iterable

import numpy as np

# The variance of one model counts as if it came from so many more trainings,
# which vary as much as those of all models do.
PRIOR_FREEDOM = 4.0
# Of fewer repeated trainings nothing is learnt about chance.
MIN_FREEDOM = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Evaluation:
    """The mean of what one or more trainings of a model scored.

    Args:
        objectives: Tuple of floats, lower is better.
        limits: Tuple of floats, one for each limit that only training tells;
            at most 0 where it holds.
        stds: Tuple of the standard deviations of the objectives between the
            trainings; empty if there was only one.
        num_runs: Int, the number of trainings. Defaults to 1.
    """

    objectives: tuple[float, ...] = ()
    limits: tuple[float, ...] = ()
    stds: tuple[float, ...] = ()
    num_runs: int = 1

    @property
    def is_finite(self) -> bool:
        return all(map(math.isfinite, (*self.objectives, *self.limits)))

    @property
    def squares(self) -> tuple[float, ...]:
        """Tuple, for each objective the sum of squared deviations."""
        if not self.stds:
            return (0.0,) * len(self.objectives)
        return tuple((self.num_runs - 1) * std**2 for std in self.stds)


def pool(evaluations: Iterable[Evaluation]) -> Evaluation:
    """Returns the evaluation of all trainings of a model.

    Args:
        evaluations: `Evaluation`s, at least one.
    """
    several = list(evaluations)
    if len(several) == 1:
        return several[0]
    runs = np.array([one.num_runs for one in several])
    objectives = np.array([one.objectives for one in several])
    mean = np.average(objectives, axis=0, weights=runs)
    squares = np.array([one.squares for one in several]).sum(axis=0)
    squares += runs @ (objectives - mean) ** 2
    limits = np.array([one.limits for one in several])
    num_runs = int(runs.sum())
    return Evaluation(
        tuple(mean.tolist()),
        tuple(np.average(limits, axis=0, weights=runs).tolist()),
        tuple(np.sqrt(squares / (num_runs - 1)).tolist()),
        num_runs,
    )


def variance_of_one(
    squares: np.ndarray, num_runs: np.ndarray
) -> tuple[np.ndarray, int]:
    """Returns by how much trainings of the same model vary.

    Args:
        squares: Float array of shape `(n, num_objectives)`, the sums of the
            squared deviations of each model.
        num_runs: Int array of shape `(n,)`, how often each was trained.

    Returns:
        Float array of shape `(num_objectives,)`, NaN where no model was
        trained twice, and the degrees of freedom that it is known with.
    """
    freedom = int((num_runs - 1).sum())
    if not freedom:
        return np.full(squares.shape[1], np.nan), 0
    return squares.sum(axis=0) / freedom, freedom


def chance(squares: np.ndarray, num_runs: np.ndarray) -> np.ndarray:
    """Returns the variance of each model's mean that chance explains.

    How much a model's own trainings vary is known from few of them, so it is
    drawn towards the variance of all.

    Args:
        squares: Float array of shape `(n, num_objectives)`.
        num_runs: Int array of shape `(n,)`.

    Returns:
        Float array of shape `(n, num_objectives)`, NaN while too few models
        were trained repeatedly.
    """
    common, freedom = variance_of_one(squares, num_runs)
    if freedom < MIN_FREEDOM:
        return np.full(squares.shape, np.nan)
    own = num_runs[:, None] - 1
    variances = (PRIOR_FREEDOM * common + squares) / (PRIOR_FREEDOM + own)
    return variances / num_runs[:, None]
