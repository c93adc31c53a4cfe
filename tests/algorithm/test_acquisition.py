"""Acquisition: what is known of limits, failures and the gain of a model."""

import numpy as np
import pytest

from kt_evolution.algorithm.acquisition import Acquisition
from kt_evolution.algorithm.acquisition import KnownScores
from kt_evolution.algorithm.acquisition import fit_trainability
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
