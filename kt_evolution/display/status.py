"""The status of a search that runs, as plain records for a display."""

import dataclasses

from kt_evolution.algorithm.calibration import expected
from kt_evolution.algorithm.evolution import REEVALUATION
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.display.formatting import origin
from kt_evolution.display.formatting import promotion_words


@dataclasses.dataclass(frozen=True)
class TrialSummary:
    """A trial that ended, or was paused.

    Args:
        trial_id: String.
        scores: Tuple of the values of the objectives, the best so far if it is
            paused; empty if it failed.
        is_best: Boolean, whether no trial is better.
        expected: The mean and standard deviation that the surrogate had
            expected of the score, or None.
        origin: String, how it was made.
        seconds: Float, how long it took; None if that is not known.
        reason: String, why it failed; empty if it did not fail.
        pause: String, where it is paused; empty if it is not paused.
        promoted_at: Tuple of ints, the rungs from which it was trained on.
    """

    trial_id: str
    scores: tuple[float, ...]
    is_best: bool
    expected: tuple[float, float] | None
    origin: str
    seconds: float | None
    reason: str = ""
    pause: str = ""
    promoted_at: tuple[int, ...] = ()

    @property
    def course(self) -> str:
        """String, where it is paused or how it was made, and promotions."""
        promoted = promotion_words(self.promoted_at)
        return ", ".join(filter(None, [self.pause or self.origin, promoted]))


@dataclasses.dataclass(frozen=True)
class SearchStatus:
    """How far a search is.

    Args:
        num_ended: Int, the trials that have ended or are paused.
        max_trials: Int, the trials at most; None for no limit.
        num_running: Int, the trials that run now.
        num_rejected: Int, the proposals that cost no trial.
        best_trial_id: String, the best trial so far, or None.
        best: Tuple of the values of the objectives of that trial.
        num_on_front: Int, with several objectives the size of the front.
        broken: Tuple of strings, how far the best trial is from each limit
            that it breaks. It breaks one only if every trial does.
        best_trial: The `TrialSummary` of the best trial, or None.
        seconds: Float, for how long the search has run.
        num_paused: Int, the trials that are paused. Defaults to 0.
        seconds_left: Float, an estimate; None if it can't be estimated.
    """

    num_ended: int
    max_trials: int | None
    num_running: int
    num_rejected: int
    best_trial_id: str | None
    best: tuple[float, ...]
    num_on_front: int
    seconds: float
    seconds_left: float | None
    broken: tuple[str, ...] = ()
    best_trial: TrialSummary | None = None
    num_paused: int = 0


def origin_of(individual: Individual, trial_id: str) -> str:
    """Returns how a trial was made, in words."""
    if trial_id != individual.trial_id:
        return f"{REEVALUATION} of {individual.trial_id}"
    return origin(individual.operator, individual.parents)


def expected_of(
    history: History, trial_id: str, sign: float
) -> tuple[float, float] | None:
    """Returns the calibrated prediction of a trial's score.

    Args:
        history: The `History`.
        trial_id: String.
        sign: Float, -1 if scores are maximized.
    """
    position = history.position_of(trial_id)
    if trial_id != history.individuals[position].trial_id:
        return None
    prediction = expected(history, position)
    if prediction is None:
        return None
    mean, std = prediction
    return sign * mean, std


def seconds_left(
    seconds: float,
    num_ended: int,
    max_trials: int | None,
    time_budget: float,
) -> float | None:
    """Estimates for how long a search goes on at its present pace.

    Args:
        seconds: Float, for how long it has run.
        num_ended: Int.
        max_trials: Int, or None.
        time_budget: Float, for how long it may run.
    """
    left = time_budget - seconds
    if max_trials is not None and num_ended:
        left = min(left, seconds / num_ended * (max_trials - num_ended))
    return max(left, 0.0) if left < float("inf") else None
