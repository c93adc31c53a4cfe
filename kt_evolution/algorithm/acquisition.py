"""What surrogates make of a history: how much an evaluation promises."""

import functools
from collections.abc import Callable

import numpy as np
from scipy.special import log_ndtr

from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.history import Status
from kt_evolution.algorithm.ranking import violation
from kt_evolution.algorithm.surrogate import Posterior
from kt_evolution.algorithm.surrogate import Surrogate
from kt_evolution.algorithm.surrogate import (
    log_expected_hypervolume_improvement,
)
from kt_evolution.algorithm.surrogate import log_expected_improvement

# The reference point lies beyond the worst by this share of what was seen.
REFERENCE_MARGIN = 0.1
# The labels from which a surrogate learns which models can't be trained.
TRAINED, NOT_TRAINED = -1.0, 1.0

Improvement = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Outlook:
    """What is believed of what is minimised, and of each limit.

    Args:
        surrogate: The `Surrogate`, fitted once to each of them.
        history: The `History`, with a completed individual at least.
        objectives: Float array of shape `(n, 1)` or `(n, 2)`, what is
            minimised; infinite where it is not known.
        chance: Float array of the same shape, the variances of `objectives`
            that chance explains; NaN where it is not known.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        history: History,
        objectives: np.ndarray,
        chance: np.ndarray,
    ) -> None:
        self.objectives = fit_each(surrogate, history, objectives, chance)
        # Of one that was never broken there is nothing to learn.
        self.limits = [
            fit(
                surrogate,
                history,
                history.positions(Status.COMPLETED),
                limit,
                np.full(len(history), np.nan),
            )
            for limit in history.limits.T
            if np.any(limit[np.isfinite(limit)] > 0.0)
        ]
        trainability = fit_trainability(surrogate, history)
        if trainability is not None:
            self.limits.append(trainability)
        self._improvement = self._improvement_on(history, objectives)

    def expected(
        self, genomes: np.ndarray, expressed: np.ndarray
    ) -> np.ndarray:
        """Returns the means, a float array of shape `(n, num_objectives)`.

        Args:
            genomes: Float array of shape `(n, num_genes)`.
            expressed: Bool array of shape `(n, num_genes)`.
        """
        return expected(self.objectives, genomes, expressed)

    @property
    def relevance(self) -> np.ndarray | None:
        """Float array of shape `(num_genes,)`, how much each gene matters.

        None where the surrogate doesn't tell.
        """
        told = [getattr(one, "relevance", None) for one in self.objectives]
        known = [one for one in told if one is not None]
        return np.sum(known, axis=0) if known else None

    def _improvement_on(
        self, history: History, objectives: np.ndarray
    ) -> Improvement | None:
        """Returns what tells improvements, None where no limit is kept."""
        completed = history.positions(Status.COMPLETED)
        feasible = completed[violation(history.limits[completed]) == 0.0]
        if self.limits and not len(feasible):
            return None
        if len(self.objectives) > 1:
            # Beyond the front, so that its ends are worth moving, too.
            worst = objectives[completed].max(axis=0)
            span = np.ptp(objectives[completed], axis=0)
            # What is being trained is believed to become as is expected.
            pending = history.positions(Status.PENDING)
            believed = self.expected(
                history.genomes[pending], history.expressed[pending]
            )
            return functools.partial(
                log_expected_hypervolume_improvement,
                front=np.concatenate([objectives[feasible], believed]),
                reference=worst + REFERENCE_MARGIN * span,
            )
        best = self.objectives[0].best
        if self.limits:
            known = history.genomes[feasible], history.expressed[feasible]
            best = float(self.expected(*known).min())
        return lambda means, stds: log_expected_improvement(
            means[:, 0], stds[:, 0], best
        )

    def promise(self, genomes: np.ndarray, expressed: np.ndarray) -> np.ndarray:
        """Returns the logarithm of the improvement expected within limits.

        While no individual keeps all limits, the chance to do so is all that
        counts.

        Reference:
            Gardner et al. (2014), "Bayesian Optimization with Inequality
            Constraints", eq. 3.

        Args:
            genomes: Float array of shape `(n, num_genes)`.
            expressed: Bool array of shape `(n, num_genes)`.
        """
        promise = np.zeros(len(genomes))
        if self._improvement is not None:
            predicted = [
                one.predict(genomes, expressed) for one in self.objectives
            ]
            means, stds = np.stack(predicted, axis=-1)
            promise += self._improvement(means, stds)
        for limit in self.limits:
            mean, std = limit.predict(genomes, expressed)
            promise += log_ndtr(-mean / std)
        return promise


def fit(
    surrogate: Surrogate,
    history: History,
    known: np.ndarray,
    scores: np.ndarray,
    chance: np.ndarray,
) -> Posterior:
    """Fits a posterior, which believes its own predictions of pending trials.

    Args:
        surrogate: The `Surrogate`.
        history: The `History`.
        known: Int array of positions, the individuals to learn from.
        scores: Float array of shape `(n,)`, finite for those that are known.
        chance: Float array of shape `(n,)`, the variances of `scores` that
            chance explains; NaN where it is not known.
    """
    posterior = surrogate.fit(
        history.space,
        history.genomes[known],
        history.expressed[known],
        scores[known],
        chance[known],
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
    """Fits which models can be trained, None where all or none could.

    A failure tells nothing about how good a score would be: a made-up score
    would spread over good neighbors. So it teaches this alone, as a limit that
    nobody declared. Classes are learned by least squares on labels, negative
    where a model was trained.

    Reference:
        Gelbart et al. (2014), "Bayesian Optimization with Unknown
        Constraints"; Rasmussen & Williams (2006), "Gaussian Processes for
        Machine Learning", section 6.5.

    Args:
        surrogate: The `Surrogate`.
        history: The `History`.
    """
    failed = history.positions(Status.FAILED, Status.REJECTED)
    completed = history.positions(Status.COMPLETED)
    if not len(failed) or not len(completed):
        return None
    labels = np.full(len(history), TRAINED)
    labels[failed] = NOT_TRAINED
    known = np.union1d(completed, failed)
    return fit(surrogate, history, known, labels, np.full(len(history), np.nan))


def fit_each(
    surrogate: Surrogate,
    history: History,
    objectives: np.ndarray,
    chance: np.ndarray,
) -> list[Posterior]:
    """Fits each column of `objectives` to the completed, see `fit`."""
    known = history.positions(Status.COMPLETED)
    return [
        fit(surrogate, history, known, *columns)
        for columns in zip(objectives.T, chance.T, strict=True)
    ]


def expected(
    posteriors: list[Posterior], genomes: np.ndarray, expressed: np.ndarray
) -> np.ndarray:
    """Returns the means, a column for each posterior."""
    return np.stack(
        [one.predict(genomes, expressed)[0] for one in posteriors], axis=1
    )
