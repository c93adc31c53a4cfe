"""Acquisition: what is known of limits, failures and the gain of a model."""

import numpy as np
import pytest

from kt_evolution.algorithm.acquisition import Acquisition
from kt_evolution.algorithm.acquisition import KnownScores
from kt_evolution.algorithm.acquisition import fit_trainability
from kt_evolution.algorithm.acquisition import worst_and_span
from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.scales import Scale
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.algorithm.surrogate import GaussianProcess
from tests.algorithm.searches import UNIT
from tests.algorithm.surrogates import NearestNeighbor

LINE = SearchSpace([ContinuousGene("x", UNIT, 0.5)])
PLACES = np.linspace(0.01, 0.99, 40)


def on_a_line(violations):
    """Returns a history along a line, None where the model failed."""
    history = History(LINE, num_limits=1)
    for number, (x, violation) in enumerate(
        zip(PLACES, violations, strict=True)
    ):
        history.add(Individual(np.array([x]), (0,), trial_id=str(number)))
        if violation is None:
            history.finish(str(number), Status.FAILED)
        else:
            history.finish(str(number), Status.COMPLETED, [x], [violation])
    return history


def means_at(posterior, *places):
    genomes = np.array(places)[:, None]
    return posterior.predict(genomes, np.ones(genomes.shape, bool))[0]


def limit_of(violations, surrogate=None):
    history = on_a_line(violations)
    acquisition = Acquisition(
        surrogate or GaussianProcess(),
        history,
        KnownScores.of_completed(history),
    )
    (limit,) = acquisition.limits
    return limit


# Limits and failures.


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.3, 0.55, 0.8])
def test_models_that_always_fail_are_expected_to_fail(share):
    history = on_a_line([None if x > 1.0 - share else -1.0 for x in PLACES])
    label = fit_trainability(GaussianProcess(), history)
    trained, failed = means_at(label, (1.0 - share) / 2.0, 1.0 - share / 2.0)
    # The labels are -1 and 1.
    assert trained == pytest.approx(-1.0, abs=0.25)
    assert 0.5 < failed < 1.1


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.3, 0.55, 0.8])
def test_a_limit_that_few_models_break_is_expected_to_break_there(share):
    limit = limit_of([0.5 if x > 1.0 - share else -0.5 for x in PLACES])
    kept, broken = means_at(limit, (1.0 - share) / 2.0, 1.0 - share / 2.0)
    assert kept == pytest.approx(-0.5, abs=0.15)
    assert 0.25 < broken < 0.6


@pytest.mark.parametrize("outlier", [1e3, 1e12, 1e300, -1e12])
def test_one_huge_violation_hides_no_other(outlier):
    violations = 2.0 * (PLACES - 0.8)
    violations[0 if outlier < 0.0 else -1] = outlier
    kept, broken = means_at(limit_of(violations), 0.5, 0.92)
    assert kept == pytest.approx(-0.6, abs=0.15)
    assert broken > 0.1


def test_a_limit_without_outliers_is_learned_as_it_is():
    places = np.array([0.2, 0.4, 0.6, 0.7, 0.85])
    limit = limit_of(PLACES - 0.8)
    np.testing.assert_allclose(
        means_at(limit, *places), places - 0.8, atol=0.01
    )


def test_a_surrogate_of_ones_own_gets_violations_as_they_are():
    violations = [1e6 if x > 0.9 else -1.0 for x in PLACES]
    surrogate = NearestNeighbor()
    limit_of(violations, surrogate)
    # The objective is asked for first.
    np.testing.assert_array_equal(surrogate.asked[1][2], violations)


@pytest.mark.parametrize("fails", [True, False])
def test_a_choice_that_never_works_is_tried_once_or_twice(fails):
    space = SearchSpace(
        [ContinuousGene(f"x{i}", Scale(0.0, 1.0, "linear"), 0.5) for i in "ab"]
        + [CategoricalGene("choice", tuple("abcdefgh"), "a")]
    )
    history = History(space, num_limits=0 if fails else 1)
    tried = 0
    for number in range(24):
        proposal = Evolution(num_initial_points=8).propose(
            history, np.random.default_rng([0, number]), seed=0
        )
        genome, trial_id = proposal.genome, str(number)
        history.add(Individual(genome, (0, 1, 2), trial_id=trial_id))
        is_bad = int(genome[2] * 8) == 3
        tried += is_bad
        # The limit is broken where scores are best.
        score = ((genome[:2] - 0.3) ** 2).sum() - 0.3 * is_bad
        violations = [] if fails else [0.5 if is_bad else -0.5]
        if fails and is_bad:
            history.finish(trial_id, Status.FAILED)
        else:
            history.finish(trial_id, Status.COMPLETED, [score], violations)
    assert 1 <= tried <= 3


# Noise.


def test_one_diverged_training_leaves_the_others_as_they_are():
    history = History(LINE)
    places = [*np.random.default_rng(0).random(15), 0.02]
    for number, x in enumerate(places):
        history.add(Individual(np.array([x]), (0,), trial_id=str(number)))
        score, std = (x - 0.7) ** 2 + 0.2, 0.01
        if x == 0.02:
            # One of three folds has a loss of 1e4.
            score, std = 1e4 / 3.0, 1e4 / 3.0**0.5
        history.finish(
            str(number), Status.COMPLETED, [score], [], [std], num_runs=3
        )
    known = KnownScores.of_completed(history)
    acquisition = Acquisition(GaussianProcess(), history, known)
    predicted = means_at(acquisition.objectives[0], 0.4, 0.7, 0.9)
    np.testing.assert_allclose(predicted, [0.29, 0.2, 0.24], atol=0.03)
    proposal = Evolution().propose(history, np.random.default_rng(0))
    assert proposal.genome[0] == pytest.approx(0.7, abs=0.05)


# Two objectives.


def gain_of(objectives, num_limits=0):
    """Returns the log acquisition along a line, from rows of objectives."""
    history = History(LINE, len(objectives[0]), num_limits)
    for number, (x, row) in enumerate(zip(PLACES, objectives, strict=False)):
        history.add(Individual(np.array([x]), (0,), trial_id=str(number)))
        # The first model breaks the limit, if there is one.
        violations = [1.0 if number == 0 else -1.0] * num_limits
        history.finish(str(number), Status.COMPLETED, list(row), violations)
    known = KnownScores.of_completed(history)
    genomes = np.linspace(0.0, 1.0, 50)[:, None]
    return Acquisition(GaussianProcess(), history, known).log_acquisition(
        genomes, np.ones(genomes.shape, bool)
    )


def test_outliers_do_not_count_for_the_reference_point():
    # From the median, 2.5, the better half is 0.957 away in the square mean.
    values = np.array([1.0, 2.0, 2.0, 3.0, 4.0, 900.0])
    worst, span = worst_and_span(np.stack([values, 10.0 * values], axis=1))
    assert (worst.tolist(), span.tolist()) == ([900, 9e3], [899, 8990])
    values[-1] = 1e4
    worst, span = worst_and_span(np.stack([values, np.full(6, 5.0)], axis=1))
    assert (worst.tolist(), span.tolist()) == ([4.0, 5.0], [3.0, 0.0])


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0, 7.0], [3.0], [-1e308, 0.0]])
def test_without_a_spread_there_is_no_outlier(values):
    worst, span = worst_and_span(np.array(values)[:, None])
    assert worst[0] == max(values)
    assert span[0] == max(values) - min(values)


def test_how_far_a_diverged_score_lies_does_not_matter():
    places = PLACES[::3]
    objectives = np.stack([(places - 0.7) ** 2, places], axis=1)
    gains = []
    for outlier in (1e4, 1e9):
        objectives[3, 0] = outlier
        gains.append(gain_of(objectives))
    np.testing.assert_allclose(*gains, rtol=1e-4)


def test_with_a_diverged_score_both_objectives_are_improved():
    space = SearchSpace([ContinuousGene(f"x{i}", UNIT, 0.5) for i in range(2)])
    history = History(space, 2)
    for number in range(22):
        rng, trial_id = np.random.default_rng([0, number]), str(number)
        found = Evolution().propose(history, rng, seed=0)
        x = found.genome
        history.add(
            Individual(x, (0, 1), trial_id=trial_id, operator=found.operator)
        )
        loss = (x[0] - 0.7) ** 2 + 0.5 * (1.0 - x[1]) ** 2
        scores = [1e6 if number == 3 else loss, x[1]]
        history.finish(trial_id, Status.COMPLETED, scores)
    # Otherwise all of them have the least second objective.
    assert np.sum(history.genomes[5:, 1] < 0.1) < 10


@pytest.mark.parametrize("num_limits", [0, 1])
def test_of_two_objectives_one_that_is_constant_is_left_out(num_limits):
    places = PLACES[::4]
    losses = (places - 0.7) ** 2
    constant = np.full(len(places), 5.0)
    alone = gain_of(losses[:, None], num_limits)
    for columns in ([losses, constant], [constant, losses]):
        both = gain_of(np.stack(columns, axis=1), num_limits)
        np.testing.assert_array_equal(both, alone)
