"""Acquisition search with few scores: pending, failed, constant."""

import numpy as np
import pytest

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from tests.algorithm.searches import BRANCHES
from tests.algorithm.searches import BRED
from tests.algorithm.searches import MIXED
from tests.algorithm.searches import TWELVE
from tests.algorithm.searches import UNIT
from tests.algorithm.searches import ask
from tests.algorithm.searches import phenotypes
from tests.algorithm.searches import propose
from tests.algorithm.searches import run
from tests.algorithm.surrogates import NearestNeighbor


def test_a_cold_cache_gives_the_same_proposal():
    warm = Evolution(num_initial_points=3)
    history = run(warm, BRANCHES, 12, fails=lambda n: n == 4)
    ask(warm, history)
    cold = History(BRANCHES)
    for one in history.individuals:
        cold.add(Individual(one.genome, (), one.trial_id))
    for one in reversed(history.individuals):
        if one.status is not Status.PENDING:
            cold.finish(one.trial_id, one.status, one.objectives)
    one = propose(warm, history)
    two = propose(Evolution(num_initial_points=3), cold)
    np.testing.assert_array_equal(one.genome, two.genome)
    assert (one.parents, one.prediction) == (two.parents, two.prediction)


@pytest.mark.parametrize("space", [TWELVE, MIXED, BRANCHES])
def test_constant_scores(space):
    history = run(Evolution(), space, 10, score=lambda values: 1.5)
    assert len(set(phenotypes(history))) == 10


@pytest.mark.parametrize("value", [0.0, -1e-300, 1e300, -1e300])
def test_one_completed_individual(value):
    evolution = Evolution(num_initial_points=1)
    history = run(evolution, MIXED, 2, score=lambda values: value)
    assert history.individuals[1].operator in BRED
    assert len(set(phenotypes(history))) == 2


def test_scores_on_the_edge_of_floats():
    scores = iter([1e300, -1e300, 0.0, 1e-300, 1e300, 5.0, 5.0, 5.0])
    history = run(Evolution(), MIXED, 8, score=lambda values: next(scores))
    assert len(set(phenotypes(history))) == 8


def test_all_failed_but_one():
    history = run(Evolution(), MIXED, 8, fails=lambda n: n != 2)
    assert len(set(phenotypes(history))) == 8


@pytest.mark.parametrize("space", [TWELVE, MIXED])
def test_all_failed(space):
    surrogate = NearestNeighbor()
    evolution = Evolution(num_initial_points=2, surrogate=surrogate)
    history = run(evolution, space, 8, fails=lambda n: True)
    assert len(set(phenotypes(history))) == 8
    assert surrogate.asked == []


@pytest.mark.parametrize("space", [TWELVE, MIXED, BRANCHES])
@pytest.mark.parametrize("surrogate", ["gaussian_process", NearestNeighbor()])
def test_eight_workers_get_eight_models(space, surrogate):
    evolution = Evolution(surrogate=surrogate)
    history = run(evolution, space, 4)
    for _ in range(8):
        ask(evolution, history)
    assert len(set(phenotypes(history))) == 12


@pytest.mark.parametrize("with_results", [True, False])
def test_no_two_models_are_practically_the_same(with_results):
    space = SearchSpace([ContinuousGene("x", UNIT, 0.5)])
    history = run(
        Evolution(),
        space,
        12 if with_results else 4,
        score=lambda values: values["x"],
    )
    while len(history) < 12:
        ask(Evolution(), history)
    assert np.diff(np.sort(history.genomes[:, 0])).min() > 1e-6
