"""Completion: which trainings go on to the last epoch, and which are hopeless.

From the rung before the last one, it is predicted how much better each
individual becomes until the last epoch. Those that would be worse than a
completed one, even if they became much better than predicted, are hopeless.
They stay paused, and the surrogate knows them by their predicted scores. So
it learns of all others from complete trainings only, as without a fidelity.
"""

import dataclasses

import numpy as np

from kt_evolution.algorithm.acquisition import KnownScores
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.rungs import RungScores
from kt_evolution.algorithm.ranking import fitness
from kt_evolution.algorithm.ranking import total_violation
from kt_evolution.algorithm.surrogate.gaussian_process import GaussianPosterior
from kt_evolution.algorithm.surrogate.kernel import embed
from kt_evolution.algorithm.surrogate.kernel import num_varied
from kt_evolution.algorithm.surrogate.parameters import fit_parameters
from kt_evolution.algorithm.surrogate.parameters import nugget
from kt_evolution.algorithm.surrogate.standardization import SMALLEST
from kt_evolution.algorithm.surrogate.standardization import ScoreScale

# An individual is hopeless if it would have to become better than predicted by
# this many standard deviations. On development tables a third of the proposals
# after the first ten were hopeless, and of those that became the best, 2%.
DOUBT = 2.0
# Predictions are made from this many complete trainings at least. From fewer,
# individuals that start slowly were wrongly called hopeless.
MIN_COMPLETED = 8
# They are made from the better half of them: how bad individuals go on says
# nothing about the good ones.
JUDGING_SHARE = 0.5


@dataclasses.dataclass(frozen=True)
class Prospects:
    """What the individuals that are paused before the last rung may become.

    Args:
        known: The `KnownScores` of completed individuals, and of the paused
            ones by prediction.
        promising: Int array of positions, the paused individuals that are not
            hopeless, the oldest first.
    """

    known: KnownScores
    promising: np.ndarray

    @classmethod
    def of(
        cls, history: History, scores: RungScores, complete: KnownScores
    ) -> "Prospects | None":
        """Returns the prospects, None if too few trainings are complete.

        Args:
            history: The `History`.
            scores: Its `RungScores`, of two rungs at least.
            complete: The `KnownScores` of its completed individuals.
        """
        rung = len(scores.epochs) - 2
        judging = _judging(scores)
        if judging is None:
            return None
        paused = history.positions(Status.PAUSED)
        paused = paused[scores.level[paused] == rung]
        if not len(paused):
            return cls(complete, paused)
        means, stds = predict_finals(history, scores, judging, paused)
        objectives = complete.objectives.copy()
        violations = complete.violations.copy()
        variance = np.zeros(objectives.shape)
        objectives[paused], variance[paused] = means, stds**2
        violations[paused] = scores.violations[rung, paused]
        hopeless = _are_beaten(
            means - DOUBT * stds,
            violations[paused],
            objectives[complete.positions],
            violations[complete.positions],
        )
        known = KnownScores(
            np.union1d(complete.positions, paused),
            objectives,
            violations,
            complete.noise_variance,
            variance,
        )
        return cls(known, paused[~hopeless])


def predict_finals(
    history: History,
    scores: RungScores,
    judging: np.ndarray,
    members: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Predicts scores at the last rung from those at the rung before it.

    The change of the score is a Gaussian process over genomes: individuals
    that are alike go on alike. A line over scores, which leaves genomes out,
    has errors that neighbors share, and so misleads near the optimum.

    Args:
        history: The `History`.
        scores: Its `RungScores`.
        judging: Int array of positions that reached both rungs.
        members: Int array of shape `(n,)` of positions that reached the rung
            before the last one.

    Returns:
        Tuple of the means and the standard deviations, two float arrays of
        shape `(n, num_objectives)`.
    """
    space, genomes = history.space, history.genomes
    points, features = embed(
        space, genomes[judging], history.expressed[judging]
    )
    before = scores.objectives[-2, members]
    means, stds = before.copy(), np.zeros(before.shape)
    for i in range(history.num_objectives):
        lower, upper = scores.objectives[-2:, judging, i]
        changes = upper - lower
        scale = ScoreScale(
            float(changes.mean()), max(float(changes.std()), SMALLEST)
        )
        targets = (changes - scale.offset) / scale.scale
        parameters = fit_parameters(
            points, features, targets, num_varied=num_varied(space)
        )
        # The residual variance is that of single individuals.
        posterior = GaussianPosterior.of(
            space,
            points,
            features,
            targets,
            parameters,
            nugget(parameters),
            np.zeros(len(judging)),
            score_scale=scale,
        )
        mean, stds[:, i] = posterior.predict(
            genomes[members], history.expressed[members]
        )
        # The score is that of the best epoch, so it never becomes worse.
        means[:, i] += np.minimum(mean, 0.0)
    return means, stds


def _judging(scores: RungScores) -> np.ndarray | None:
    """Returns the individuals from which others are predicted, if enough."""
    finals = scores.objectives[-1], scores.violations[-1]
    both = np.flatnonzero(np.isfinite(scores.objectives[-2:, :, 0]).all(axis=0))
    if len(both) < MIN_COMPLETED:
        return None
    ranks = fitness(*(values[both] for values in finals))
    order = both[np.argsort(ranks, kind="stable")]
    return order[: max(round(JUDGING_SHARE * len(both)), MIN_COMPLETED)]


def _are_beaten(
    objectives: np.ndarray,
    violations: np.ndarray,
    others: np.ndarray,
    their_violations: np.ndarray,
) -> np.ndarray:
    """Returns whether others are as good in each objective and each limit.

    Args:
        objectives: Float array of shape `(n, num_objectives)`.
        violations: Float array of shape `(n, num_limits)`.
        others: Float array of shape `(m, num_objectives)`.
        their_violations: Float array of shape `(m, num_limits)`.

    Returns:
        Bool array of shape `(n,)`.
    """
    better = np.all(others <= objectives[:, None], axis=-1)
    better &= (
        total_violation(their_violations)
        <= total_violation(violations)[:, None]
    )
    return better.any(axis=1)
