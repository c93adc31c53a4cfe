"""Predictions come true as often as their deviations say."""

import math

import numpy as np
import pytest

from kt_evolution.algorithm.calibration import MAX_DEVIATIONS
from kt_evolution.algorithm.calibration import PRIOR
from kt_evolution.algorithm.calibration import calibrate
from kt_evolution.algorithm.calibration import calibrate_each
from kt_evolution.algorithm.calibration import deviation_of
from kt_evolution.algorithm.calibration import expected
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.search_space import SearchSpace


def test_a_deviation_is_in_predicted_deviations():
    assert deviation_of((1.0, 0.5), 2.0) == 2.0
    assert deviation_of((1.0, 0.5), 0.0) == -2.0
    for prediction, score in (
        (None, 1.0),
        ((1.0, 0.0), 1.0),
        ((1.0, 0.5), math.nan),
        ((1.0, 0.5), math.inf),
        ((0.0, 5e-324), 1.0),
    ):
        assert math.isnan(deviation_of(prediction, score))


def test_the_first_prediction_has_the_scale_of_the_prior():
    # The 10% quantile of the prior is between -1.2 and -0.8, and the 90%
    # quantile between 1.6 and 2.4.
    center = ((-1.2 + 0.9 * 0.4) + (1.6 + 0.1 * 0.8)) / 2
    mean, std = calibrate((10.0, 2.0), [])
    assert mean == pytest.approx(10.0 + 2.0 * center)
    inside = sum(abs(one - center) <= std / 2.0 for one in PRIOR)
    assert inside / len(PRIOR) == pytest.approx(0.7)


@pytest.mark.parametrize("factor", [1.0, 2.0, 10.0])
@pytest.mark.parametrize("shift", [-0.5, 0.0, 0.5])
def test_wrong_scales_and_shifts_are_learned(factor, shift):
    rng = np.random.default_rng(0)
    # Tails as heavy as those of the race.
    deviations = shift + factor * rng.standard_t(3.0, 2000)
    stds = np.exp(rng.normal(0.0, 2.0, len(deviations)))
    means = rng.normal(0.0, 10.0, len(deviations))
    calibrated = np.array(
        calibrate_each(
            list(zip(means, stds, strict=True)), means + deviations * stds
        )
    )
    results = np.abs(means + deviations * stds - calibrated[:, 0])
    results = (results / calibrated[:, 1])[100:]
    assert np.mean(results < 1.0) == pytest.approx(0.7, abs=0.05)
    assert np.mean(results < 2.0) == pytest.approx(0.95, abs=0.05)


def test_only_the_past_counts():
    rng = np.random.default_rng(0)
    predictions = [(float(x), 0.5) for x in rng.normal(size=30)]
    predictions[7] = None
    scores = rng.normal(size=30)
    scores[11] = math.nan
    whole = calibrate_each(predictions, scores)
    assert whole[7] is None
    assert whole[0] == calibrate(predictions[0], [])
    for number in range(len(predictions)):
        first = calibrate_each(predictions[: number + 1], scores[: number + 1])
        assert first == whole[: number + 1]
    changed = scores.copy()
    changed[20:] = 99.0
    assert calibrate_each(predictions, changed)[:21] == whole[:21]


def test_the_latest_deviations_are_used():
    latest = [0.5] * MAX_DEVIATIONS
    assert calibrate((0.0, 1.0), [9.0] * 50 + latest) == calibrate(
        (0.0, 1.0), latest
    )


def test_expectations_of_a_history_are_those_of_the_list():
    space = SearchSpace([OrdinalGene("x", range(200), 0)])
    history = History(space)
    rng = np.random.default_rng(0)
    predictions, scores = [], []
    for number in range(150):
        prediction = (float(rng.normal()), 0.5) if number % 7 else None
        genome = space.default_genome()
        genome[0] = space.genes[0].encode(number)
        trial_id = str(number)
        history.add(
            Individual(genome, trial_id=trial_id, prediction=prediction)
        )
        score = float(rng.normal())
        if number % 5 == 0:
            history.finish(trial_id, Status.FAILED)
            score = math.nan
        elif number < 149:
            history.finish(trial_id, Status.COMPLETED, [score])
        predictions.append(prediction)
        scores.append(score)
    # A second result does not change what was expected of the first.
    history.reevaluate(1, "again")
    history.finish("again", Status.COMPLETED, [50.0])
    whole = calibrate_each(predictions, scores)
    assert [expected(history, i) for i in range(150)] == whole
