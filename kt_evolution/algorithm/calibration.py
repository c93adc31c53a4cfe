"""Calibration: how far results are from predictions, learned from the past.

The surrogate's standard deviation is right as far as its model of the scores
is. A search shows how far results were from its earlier predictions, in units
of their deviations, so the next prediction is shifted and scaled accordingly.
Results are worse than predicted more often than better: what is proposed was
chosen because its prediction is good.

Proposals don't depend on it. It concerns what is reported.
"""

import math
from collections.abc import Iterable
from collections.abc import Sequence

from kt_evolution.algorithm.history.history import History

Prediction = tuple[float, float]

# Deviations of results from predictions, in predicted standard deviations:
# quantiles over searches of 100 trials on the development tables of the race.
# They count half as much each as a deviation of the search itself.
PRIOR = (
    *(-1.8, -1.2, -0.8, -0.6, -0.5, -0.3, -0.2, -0.1, 0.0, 0.1),
    *(0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.2, 1.6, 2.4, 6.7),
)
# How many of the latest deviations are used.
MAX_DEVIATIONS = 100
# The center is that of the interval with 80% of the deviations.
TAIL = 0.1
# A normal distribution has 68% within one standard deviation and 95% within
# two. Deviations have heavier tails. With 72% within one, both are about right.
WITHIN_ONE = 0.72


def deviation_of(prediction: Prediction | None, score: float) -> float:
    """Returns how many standard deviations a result is above its prediction.

    Args:
        prediction: The mean and the standard deviation, or None.
        score: Float, NaN if it is not known.

    Returns:
        Float, NaN if it is not known.
    """
    if prediction is None or not prediction[1] > 0.0:
        return math.nan
    mean, std = prediction
    deviation = (score - mean) / std
    return deviation if math.isfinite(deviation) else math.nan


def calibrate(
    prediction: Prediction, deviations: Sequence[float]
) -> Prediction:
    """Returns a prediction that comes true as often as a deviation says.

    About 68% of such predictions are within one standard deviation of the
    result, and 95% within two.

    Args:
        prediction: The mean and the standard deviation that the surrogate
            predicted. Lower is better.
        deviations: Sequence of the `deviation_of` earlier predictions, in
            their order, without NaN.
    """
    latest = deviations[-MAX_DEVIATIONS:]
    pooled = sorted([*PRIOR, *latest, *latest])
    center = (_quantile(pooled, TAIL) + _quantile(pooled, 1.0 - TAIL)) / 2.0
    distances = sorted(abs(one - center) for one in pooled)
    scale = _quantile(distances, WITHIN_ONE)
    mean, std = prediction
    return mean + center * std, scale * std


def _quantile(ordered: Sequence[float], part: float) -> float:
    """Returns a quantile, as `np.quantile` does in far more time."""
    place = part * (len(ordered) - 1)
    first = int(place)
    low, high = ordered[first], ordered[min(first + 1, len(ordered) - 1)]
    return low + (place - first) * (high - low)


def calibrate_each(
    predictions: Iterable[Prediction | None], scores: Iterable[float]
) -> list[Prediction | None]:
    """Returns each prediction, calibrated with the results before it.

    Args:
        predictions: Iterable of predictions or None, in their order.
        scores: Iterable of floats, the results; NaN where there is none.
    """
    deviations: list[float] = []
    calibrated: list[Prediction | None] = []
    for prediction, score in zip(predictions, scores, strict=True):
        calibrated.append(prediction and calibrate(prediction, deviations))
        deviation = deviation_of(prediction, score)
        if not math.isnan(deviation):
            deviations.append(deviation)
    return calibrated


def expected(history: History, position: int) -> Prediction | None:
    """Returns the calibrated prediction of an individual's first result.

    Args:
        history: The `History`.
        position: Int, the individual.

    Returns:
        Tuple of the mean and the standard deviation, or None if the surrogate
        did not predict it.
    """
    prediction = history.individuals[position].prediction
    if prediction is None:
        return None
    deviations: list[float] = []
    for individual in reversed(history.individuals[:position]):
        first = individual.evaluations.get(individual.trial_id or "")
        score = first.objectives[0] if first is not None else math.nan
        deviation = deviation_of(individual.prediction, score)
        if not math.isnan(deviation):
            deviations.append(deviation)
        if len(deviations) == MAX_DEVIATIONS:
            break
    return calibrate(prediction, deviations[::-1])
