"""What surrogates make of a history: how much an evaluation promises."""

import functools
from collections.abc import Callable

import numpy as np
from scipy.special import log_ndtr

from kt_evolution.core.history import History
from kt_evolution.core.history import Status
from kt_evolution.core.ranking import violation
from kt_evolution.surrogate import Posterior
from kt_evolution.surrogate import Surrogate
from kt_evolution.surrogate import impute_failures
from kt_evolution.surrogate import log_expected_hypervolume_improvement
from kt_evolution.surrogate import log_expected_improvement

# The reference point lies beyond the worst by this share of what was seen.
REFERENCE_MARGIN = 0.1

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
            fit(surrogate, history, limit, np.full(len(history), np.nan))
            for limit in history.limits.T
            if np.any(limit[np.isfinite(limit)] > 0.0)
        ]
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
    scores: np.ndarray,
    chance: np.ndarray,
) -> Posterior:
    """Returns what scores teach; failures are bad, and guesses are believed.

    Args:
        surrogate: The `Surrogate`.
        history: The `History`.
        scores: Float array of shape `(n,)`, infinite where not completed.
        chance: Float array of shape `(n,)`, the variances of `scores` that
            chance explains; NaN where it is not known.
    """
    known = history.positions(Status.COMPLETED, Status.FAILED, Status.REJECTED)
    scores = scores[known]
    posterior = surrogate.fit(
        history.space,
        history.genomes[known],
        history.expressed[known],
        impute_failures(scores, ~np.isfinite(scores)),
        chance[known],
    )
    pending = history.positions(Status.PENDING)
    if len(pending):
        return posterior.condition_on(
            history.genomes[pending], history.expressed[pending]
        )
    return posterior


def fit_each(
    surrogate: Surrogate,
    history: History,
    objectives: np.ndarray,
    chance: np.ndarray,
) -> list[Posterior]:
    """Returns what each column of `objectives` teaches, see `fit`."""
    return [
        fit(surrogate, history, *columns)
        for columns in zip(objectives.T, chance.T, strict=True)
    ]


def expected(
    posteriors: list[Posterior], genomes: np.ndarray, expressed: np.ndarray
) -> np.ndarray:
    """Returns the means, a column for each posterior."""
    return np.stack(
        [one.predict(genomes, expressed)[0] for one in posteriors], axis=1
    )
