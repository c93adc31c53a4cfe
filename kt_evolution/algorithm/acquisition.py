"""Acquisition: how much is gained by training a model, as far as is known."""

import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import log_ndtr

from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.ranking import total_violation
from kt_evolution.algorithm.surrogate.base import Posterior
from kt_evolution.algorithm.surrogate.base import Surrogate
from kt_evolution.algorithm.surrogate.expected_improvement import (
    log_expected_hypervolume_improvement,
)
from kt_evolution.algorithm.surrogate.expected_improvement import (
    log_expected_improvement,
)
from kt_evolution.algorithm.surrogate.gaussian_process import GaussianProcess
from kt_evolution.algorithm.surrogate.prior_mean import BasisFunction
from kt_evolution.algorithm.surrogate.prior_mean import PriorMean
from kt_evolution.algorithm.transfer import prior_means

# The reference point is worse than the worst observed values, by this share of
# the range of each objective.
REFERENCE_MARGIN = 0.1
# Values that are this many times farther from the median than the better half
# do not count for it: they are those of diverged trainings. On the tables of
# the benchmarks the worst values were at most 87 times farther.
MAX_DISTANCE = 1e3
# The labels from which a surrogate learns which models can't be trained.
TRAINED, NOT_TRAINED = -1.0, 1.0

Improvement = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class KnownScores:
    """What is known of the individuals' scores, as arrays over the history.

    Args:
        positions: Int array, the individuals whose scores are known.
        objectives: Float array of shape `(n, num_objectives)`, the numbers to
            minimize; infinite where they are not known.
        violations: Float array of shape `(n, num_limits)`, likewise.
        noise_variance: Float array of the shape of `objectives`, their
            variances that are due to noise; NaN where they are not known.
        extrapolation_variance: Float array of the same shape, the variances of
            the objectives that are predicted from shorter trainings. Defaults
            to None: all trainings were complete.
    """

    positions: np.ndarray
    objectives: np.ndarray
    violations: np.ndarray
    noise_variance: np.ndarray
    extrapolation_variance: np.ndarray | None = None

    @classmethod
    def of_completed(cls, history: History) -> "KnownScores":
        """Returns the scores of the completed individuals."""
        return cls(
            history.positions(Status.COMPLETED),
            history.objectives,
            history.violations,
            history.noise_variance,
        )


class Acquisition:
    """The posteriors of the objectives and of each limit.

    With them it is computed how much is gained by training a model.

    Args:
        surrogate: The `Surrogate`, fitted once to each of them.
        history: The `History`.
        known: The `KnownScores`, of an individual at least, with one or two
            objectives.
        added: Sequence of tuples of basis functions for the prior mean of each
            objective. Defaults to none.

    Attributes:
        objectives: List of the `Posterior`s of the objectives.
        limits: List of the `Posterior`s of the violations of limits.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        history: History,
        known: KnownScores,
        added: Sequence[tuple[BasisFunction, ...]] = (),
    ) -> None:
        self.objectives = fit_each(surrogate, history, known, added)
        # Limits that no model has broken so far need no posterior.
        self.limits = [
            fit_limit(surrogate, history, known.positions, violations)
            for violations in known.violations.T
            if np.any(violations[np.isfinite(violations)] > 0.0)
        ]
        trainability = fit_trainability(surrogate, history)
        if trainability is not None:
            self.limits.append(trainability)
        self._improvement = self._improvement_on(history, known)

    def predicted_mean(
        self, genomes: np.ndarray, expressed: np.ndarray
    ) -> np.ndarray:
        """Returns the means, a float array of shape `(n, num_objectives)`.

        Args:
            genomes: Float array of shape `(n, num_genes)`.
            expressed: Bool array of shape `(n, num_genes)`.
        """
        return predicted_mean(self.objectives, genomes, expressed)

    @property
    def relevance(self) -> np.ndarray | None:
        """Float array of shape `(num_genes,)`, how much each gene matters.

        None if the posteriors have no such property.
        """
        each = [getattr(one, "relevance", None) for one in self.objectives]
        known = [relevance for relevance in each if relevance is not None]
        return np.sum(known, axis=0) if known else None

    def _improvement_on(
        self, history: History, known: KnownScores
    ) -> Improvement | None:
        """Returns the log improvement as a function of means and stds.

        None while no individual is feasible.
        """
        objectives = known.objectives
        feasible = known.positions[
            total_violation(known.violations[known.positions]) == 0.0
        ]
        if self.limits and not len(feasible):
            return None
        varied = 0
        if len(self.objectives) > 1:
            worst, span = worst_and_span(objectives[known.positions])
            if np.all(span > 0.0):
                # The reference point leaves room to gain at the front's ends.
                return self._growth_of_front(
                    history,
                    objectives[feasible],
                    worst + REFERENCE_MARGIN * span,
                )
            # While an objective is equal for all, only the other can improve.
            varied = int(np.argmax(span > 0.0))
        best = self.objectives[varied].best
        if self.limits:
            genomes = history.genomes[feasible]
            expressed = history.expressed[feasible]
            predicted = self.predicted_mean(genomes, expressed)
            best = float(predicted[:, varied].min())
        return lambda means, stds: log_expected_improvement(
            means[:, varied], stds[:, varied], best
        )

    def _growth_of_front(
        self, history: History, front: np.ndarray, reference: np.ndarray
    ) -> Improvement:
        """Returns the log growth of the dominated area as such a function."""
        # Pending trials are assumed to score as predicted.
        pending = history.positions(Status.PENDING)
        predicted = self.predicted_mean(
            history.genomes[pending], history.expressed[pending]
        )
        return functools.partial(
            log_expected_hypervolume_improvement,
            front=np.concatenate([front, predicted]),
            reference=reference,
        )

    def log_acquisition(
        self, genomes: np.ndarray, expressed: np.ndarray
    ) -> np.ndarray:
        """Returns the logarithm of the expected feasible improvement.

        It is the expected improvement times the probability that the limits
        hold. While no individual is feasible, it is the probability alone.

        Reference:
            Gardner et al. (2014), "Bayesian Optimization with Inequality
            Constraints", eq. 3.

        Args:
            genomes: Float array of shape `(n, num_genes)`.
            expressed: Bool array of shape `(n, num_genes)`.
        """
        log_acquisition = np.zeros(len(genomes))
        if self._improvement is not None:
            predicted = [
                one.predict(genomes, expressed) for one in self.objectives
            ]
            means, stds = np.stack(predicted, axis=-1)
            log_acquisition += self._improvement(means, stds)
        for limit in self.limits:
            mean, std = limit.predict(genomes, expressed)
            log_acquisition += log_ndtr(-mean / std)
        return log_acquisition


def worst_and_span(objectives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the worst value and the range of each objective.

    Outliers are left out, see `MAX_DISTANCE`. The surrogate clips them, and a
    reference point beyond them would make all else in that objective equal.

    Args:
        objectives: Float array of shape `(n, num_objectives)`, finite.

    Returns:
        Tuple of two float arrays of shape `(num_objectives,)`.
    """
    # A quarter, so that no difference of two finite values overflows.
    quarters = objectives / 4.0
    median = np.median(quarters, axis=0)
    distances = quarters - median
    worst = np.empty(objectives.shape[1])
    for i, column in enumerate(distances.T):
        farthest = -column.min()
        is_inlier = np.ones(len(column), dtype=bool)
        if farthest > 0.0:
            better = column[column <= 0.0] / farthest
            typical = np.sqrt(np.mean(better**2))
            is_inlier = column / MAX_DISTANCE <= typical * farthest
        worst[i] = objectives[is_inlier, i].max()
    return worst, worst - objectives.min(axis=0)


def fit(
    surrogate: Surrogate,
    history: History,
    known: np.ndarray,
    scores: np.ndarray,
    noise_variance: np.ndarray,
    extrapolation_variance: np.ndarray | None = None,
    prior_mean: PriorMean | None = None,
    are_violations: bool = False,
) -> Posterior:
    """Fits a posterior; pending trials are assumed to score as predicted.

    Args:
        surrogate: The `Surrogate`.
        history: The `History`.
        known: Int array of positions, the individuals to learn from.
        scores: Float array of shape `(n,)`, finite for those that are known.
        noise_variance: Float array of shape `(n,)`, the variances of `scores`
            that are due to noise; NaN where they are not known.
        extrapolation_variance: Float array of shape `(n,)`, the variances of
            `scores` that are predicted from shorter trainings. Defaults to
            None, for which a surrogate need not have such an argument.
        prior_mean: The `PriorMean` of the standardized scores, likewise.
        are_violations: Bool, whether `scores` are violations of a limit. Only
            a `GaussianProcess` clips them otherwise than scores. Defaults to
            False.
    """
    added: dict[str, Any] = {}
    if extrapolation_variance is not None:
        added["extrapolation_variance"] = extrapolation_variance[known]
    if prior_mean is not None:
        added["prior_mean"] = prior_mean
    if are_violations and isinstance(surrogate, GaussianProcess):
        added["are_violations"] = True
    posterior = surrogate.fit(
        history.space,
        history.genomes[known],
        history.expressed[known],
        scores[known],
        noise_variance[known],
        **added,
    )
    pending = history.positions(Status.PENDING)
    if len(pending):
        return posterior.condition_on(
            history.genomes[pending], history.expressed[pending]
        )
    return posterior


def fit_trainability(
    surrogate: Surrogate, history: History
) -> Posterior | None:
    """Fits which models can be trained, None if all could be or none.

    The score of a failed model is unknown, and a made-up bad score would
    spread to good models near it. So failures are learned as one more limit.
    The classes are learned by least squares on labels: negative for models
    that were trained, positive for those that were not.

    Reference:
        Gelbart et al. (2014), "Bayesian Optimization with Unknown
        Constraints"; Rasmussen & Williams (2006), "Gaussian Processes for
        Machine Learning", section 6.5.

    Args:
        surrogate: The `Surrogate`.
        history: The `History`.
    """
    failed = history.positions(Status.FAILED, Status.REJECTED)
    trained = history.positions(Status.COMPLETED, Status.PAUSED)
    if not len(failed) or not len(trained):
        return None
    labels = np.full(len(history), TRAINED)
    labels[failed] = NOT_TRAINED
    known = np.union1d(trained, failed)
    return fit_limit(surrogate, history, known, labels)


def fit_limit(
    surrogate: Surrogate,
    history: History,
    known: np.ndarray,
    violations: np.ndarray,
) -> Posterior:
    """Fits the violations of a limit, positive where it is broken, see `fit`.

    Args:
        surrogate: The `Surrogate`.
        history: The `History`.
        known: Int array of positions, the individuals to learn from.
        violations: Float array of shape `(n,)`, finite for those that are
            known.
    """
    noise = np.full(len(history), np.nan)
    return fit(
        surrogate, history, known, violations, noise, are_violations=True
    )


def fit_each(
    surrogate: Surrogate,
    history: History,
    known: KnownScores,
    added: Sequence[tuple[BasisFunction, ...]] = (),
) -> list[Posterior]:
    """Fits each objective to the known scores, see `fit` and `Acquisition`."""
    extrapolated = known.extrapolation_variance
    priors = prior_means(surrogate, history, known.objectives.shape[1])
    if added:
        priors = [
            (prior or PriorMean()).extended(functions)
            for prior, functions in zip(priors, added, strict=True)
        ]
    return [
        fit(
            surrogate,
            history,
            known.positions,
            known.objectives[:, i],
            known.noise_variance[:, i],
            None if extrapolated is None else extrapolated[:, i],
            priors[i],
        )
        for i in range(known.objectives.shape[1])
    ]


def predicted_mean(
    posteriors: list[Posterior], genomes: np.ndarray, expressed: np.ndarray
) -> np.ndarray:
    """Returns the means, a column for each posterior."""
    return np.stack(
        [one.predict(genomes, expressed)[0] for one in posteriors], axis=1
    )
