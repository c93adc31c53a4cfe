"""What surrogates make of a history: how much an evaluation promises."""

import numpy as np
from scipy.special import log_ndtr

from kt_evolution.core.history import History
from kt_evolution.core.history import Status
from kt_evolution.core.ranking import violation
from kt_evolution.surrogate import Posterior
from kt_evolution.surrogate import Surrogate
from kt_evolution.surrogate import impute_failures
from kt_evolution.surrogate import log_expected_improvement


class Outlook:
    """What is believed of the number to minimise, and of each limit.

    Args:
        surrogate: The `Surrogate`, fitted once to each of them.
        history: The `History`, with a completed individual at least.
        scores: Float array of shape `(n,)`, what is minimised; infinite
            where it is not known.
    """

    def __init__(
        self, surrogate: Surrogate, history: History, scores: np.ndarray
    ) -> None:
        self.scores = scores
        self.score = fit(surrogate, history, scores)
        # Of one that was never broken there is nothing to learn.
        self.limits = [
            fit(surrogate, history, limit)
            for limit in history.limits.T
            if np.any(limit[np.isfinite(limit)] > 0.0)
        ]
        self.best = self._best_feasible(history)

    def _best_feasible(self, history: History) -> float | None:
        """Returns the score to improve on, None where no limit is kept."""
        if not self.limits:
            return self.score.best
        completed = history.positions(Status.COMPLETED)
        feasible = completed[violation(history.limits[completed]) == 0.0]
        if not len(feasible):
            return None
        mean, _ = self.score.predict(
            history.genomes[feasible], history.expressed[feasible]
        )
        return float(mean.min())

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
        if self.best is not None:
            mean, std = self.score.predict(genomes, expressed)
            promise += log_expected_improvement(mean, std, self.best)
        for limit in self.limits:
            mean, std = limit.predict(genomes, expressed)
            promise += log_ndtr(-mean / std)
        return promise


def fit(
    surrogate: Surrogate, history: History, scores: np.ndarray
) -> Posterior:
    """Returns what scores teach; failures are bad, and guesses are believed.

    Args:
        surrogate: The `Surrogate`.
        history: The `History`.
        scores: Float array of shape `(n,)`, infinite where not completed.
    """
    known = history.positions(Status.COMPLETED, Status.FAILED, Status.REJECTED)
    scores = scores[known]
    posterior = surrogate.fit(
        history.space,
        history.genomes[known],
        history.expressed[known],
        impute_failures(scores, ~np.isfinite(scores)),
    )
    pending = history.positions(Status.PENDING)
    if len(pending):
        return posterior.condition_on(
            history.genomes[pending], history.expressed[pending]
        )
    return posterior
