"""Acquisition search: what a surrogate chooses, and from what."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from kt_evolution.algorithm.acquisition_search import MAX_ENUMERATED
from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.scales import Scale
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.algorithm.surrogate import GaussianProcess
from kt_evolution.algorithm.surrogate.expected_improvement import (
    log_expected_improvement,
)
from tests.algorithm.hypermodels import hash_score
from tests.algorithm.searches import BRANCHES
from tests.algorithm.searches import BRED
from tests.algorithm.searches import MIXED
from tests.algorithm.searches import NESTED
from tests.algorithm.searches import TWELVE
from tests.algorithm.searches import UNIT
from tests.algorithm.searches import ask
from tests.algorithm.searches import phenotypes
from tests.algorithm.searches import propose
from tests.algorithm.searches import run
from tests.algorithm.searches import with_options
from tests.algorithm.spaces import spaces
from tests.algorithm.surrogates import NearestNeighbor


def told(space, *values, score=hash_score):
    """Returns a history of completed individuals of given values."""
    history = History(space)
    for number, one in enumerate(values):
        genome = space.encode(one)
        history.add(Individual(genome, trial_id=str(number)))
        value = score(space.decode(genome))
        history.finish(str(number), Status.COMPLETED, [value])
    return history


# Small spaces.


@pytest.mark.parametrize("make", [GaussianProcess, NearestNeighbor])
def test_of_a_small_space_the_most_promising_genome_is_proposed(make):
    history = run(Evolution(num_initial_points=5), TWELVE, 5)
    proposal = propose(Evolution(5, 3, surrogate=make()), history)

    codes = [gene.code_at(np.arange(gene.size)) for gene in TWELVE.genes]
    genomes = np.array(list(itertools.product(*codes)))
    expressed = np.ones(genomes.shape, dtype=bool)
    posterior = make().fit(
        TWELVE, history.genomes, history.expressed, history.scores
    )
    mean, std = posterior.predict(genomes, expressed)
    log_acquisition = log_expected_improvement(mean, std, posterior.best)
    log_acquisition[[history.find(genome) >= 0 for genome in genomes]] = -np.inf
    best = log_acquisition.argmax()
    assert np.isfinite(log_acquisition).sum() == 7
    np.testing.assert_array_equal(proposal.genome, genomes[best])
    assert (proposal.operator, proposal.parents) == ("enumeration", ())
    assert proposal.prediction == pytest.approx((mean[best], std[best]))


def test_to_enumerate_takes_no_randomness():
    history = run(Evolution(num_initial_points=3), TWELVE, 5)
    one, two = (propose(Evolution(), history, seed) for seed in (0, 1))
    np.testing.assert_array_equal(one.genome, two.genome)


def test_a_continuous_gene_of_one_value_is_enumerated_once():
    fixed = ContinuousGene("rate", Scale(0.5, 0.5, "linear"), 0.5)
    history = run(Evolution(), SearchSpace([fixed, TWELVE.genes[0]]), 100)
    assert len(history) == 3
    assert len(set(phenotypes(history))) == 3


@pytest.mark.parametrize("size", [MAX_ENUMERATED // 2, MAX_ENUMERATED // 2 + 1])
def test_larger_spaces_are_bred(size):
    genes = [OrdinalGene("a", range(size), 0), OrdinalGene("b", range(2), 0)]
    space = SearchSpace(genes)
    history = told(space, {"a": 1}, {"a": size // 2}, {"a": size - 2})
    operator = propose(Evolution(num_initial_points=3), history).operator
    is_small = 2 * size <= MAX_ENUMERATED
    assert operator in ({"enumeration"} if is_small else BRED)


@pytest.mark.filterwarnings("error")
def test_a_space_of_more_genomes_than_floats_can_count():
    units = [OrdinalGene(f"u{i}", range(1000), 9) for i in range(110)]
    history = told(SearchSpace(units), {"u0": 1}, {"u1": 1}, {"u2": 1})
    evolution = Evolution(num_initial_points=3)
    assert propose(evolution, history).operator in BRED


def test_of_a_conditional_space_every_phenotype_is_proposed_once():
    history = run(Evolution(num_initial_points=2), NESTED, 100)
    assert len(history) == 10
    assert len(set(phenotypes(history))) == 10
    enumerated = [one.operator for one in history.individuals[2:]]
    assert set(enumerated) == {"enumeration"}


def test_of_a_small_space_every_new_phenotype_is_predicted_once():
    surrogate = NearestNeighbor()
    history = told(NESTED, {"model": "none"}, {"model": "cnn"})
    evolution = Evolution(num_initial_points=1, surrogate=surrogate)
    propose(evolution, history)
    # And the chosen one once more, for the record.
    assert len(surrogate.predicted) == 8 + 1
    assert len(np.unique(surrogate.predicted, axis=0)) == 8


# Candidates and their parents.


@given(space=spaces(), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_a_known_phenotype_is_never_proposed(space, seed):
    evolution = with_options(
        Evolution(num_initial_points=2, surrogate=NearestNeighbor()),
        seed=seed,
    )
    history = run(evolution, space, 8, seed, fails=lambda n: n == 3)
    active = space.active(history.genomes)
    np.testing.assert_array_equal(
        space.canonicalize(history.genomes), history.genomes
    )
    visible = np.where(active, history.genomes, -1.0)
    assert len(np.unique(visible, axis=0)) == len(history)


@pytest.mark.parametrize("space", [MIXED, BRANCHES])
def test_parents_are_completed_individuals_of_the_history(space):
    history = run(Evolution(), space, 12, fails=lambda n: n % 3 == 2)
    operators = set()
    for seed in range(15):
        proposal = propose(Evolution(), history, seed)
        operators.add(proposal.operator)
        assert len(set(proposal.parents)) == len(proposal.parents) <= 2
        if proposal.operator == "random":
            assert proposal.parents == ()
        for parent in proposal.parents:
            assert type(parent) is int
            assert history.individuals[parent].status is Status.COMPLETED
    assert operators <= BRED


def test_what_is_not_expressed_is_not_stepped():
    history = run(Evolution(), BRANCHES, 30)
    assert len(set(phenotypes(history))) == 30
    assert "neighbor" in {one.operator for one in history.individuals}


def test_the_search_goes_where_the_surrogate_points():
    units = [ContinuousGene(f"x{i}", UNIT, 0.5) for i in range(2)]

    def bowl(values):
        return (values["x0"] - 0.2) ** 2 + (values["x1"] - 0.7) ** 2

    history = run(Evolution(), SearchSpace(units), 20, score=bowl)
    assert history.scores.min() < 1e-3


# A user's own surrogate.


def test_a_users_surrogate_is_asked_about_the_history():
    surrogate = NearestNeighbor()
    evolution = Evolution(num_initial_points=3, surrogate=surrogate)
    history = run(evolution, MIXED, 6, fails=lambda n: n == 1)
    ask(evolution, history)
    assert surrogate.pending == []
    surrogate.asked.clear()
    proposal = ask(evolution, history)
    [(genomes, expressed, scores), trained] = surrogate.asked
    for pending in surrogate.pending:
        np.testing.assert_array_equal(pending, history.genomes[6:7])
    # Neither the pending nor the failed one has a score.
    known = [0, 2, 3, 4, 5]
    np.testing.assert_array_equal(genomes, history.genomes[known])
    np.testing.assert_array_equal(expressed, history.expressed[known])
    np.testing.assert_array_equal(scores, history.scores[known])
    # That the second failed is a label of its own.
    np.testing.assert_array_equal(trained[0], history.genomes[:6])
    np.testing.assert_array_equal(trained[1], history.expressed[:6])
    assert trained[2].tolist() == [-1.0, 1.0, -1.0, -1.0, -1.0, -1.0]
    posterior = surrogate.fit(MIXED, genomes, expressed, scores).condition_on(
        history.genomes[6:7], history.expressed[6:7]
    )
    mean, std = posterior.predict(
        proposal.genome[None], np.ones((1, 4), dtype=bool)
    )
    assert proposal.prediction == (mean[0], std[0])


@pytest.mark.parametrize("space", [TWELVE, MIXED, BRANCHES])
def test_a_users_surrogate_searches(space):
    def evolution():
        return Evolution(num_initial_points=3, surrogate=NearestNeighbor())

    one, two = run(evolution(), space, 12), run(evolution(), space, 12)
    assert len(set(phenotypes(one))) == 12
    np.testing.assert_array_equal(one.genomes, two.genomes)


def test_a_wrong_surrogate_is_named():
    message = '`surrogate` must be one of "gaussian_process", None or an inst'
    with pytest.raises(ValueError, match=f'{message}.*surrogate="nonsense"'):
        Evolution(surrogate="nonsense")
    with pytest.raises(TypeError, match=f"{message}.*surrogate=3"):
        Evolution(surrogate=3)
    # The class has the method `fit`, too, but is no instance.
    with pytest.raises(TypeError, match=f"{message}.*NearestNeighbor"):
        Evolution(surrogate=NearestNeighbor)


# What is ranked best.


def test_individuals_are_ranked_by_the_surrogates_mean():
    class Prefers:
        """Expects the less the more layers."""

        best = 0.0

        def fit(self, space, genomes, expressed, scores, noise_variance=None):
            return self

        def predict(self, genomes, expressed):
            return -genomes[:, 1], np.ones(len(genomes))

        def condition_on(self, genomes, expressed):
            return self

    layers = [2, 5, 1, 4, 3]
    history = told(MIXED, *({"layers": n} for n in layers))
    history.finish("1", Status.FAILED)
    history.add(Individual(MIXED.encode({"act": "gelu"}), trial_id="5"))
    ranked = Evolution(surrogate=Prefers()).rank(history)
    assert ranked.tolist() == [3, 4, 0, 2]
    by_score = Evolution(surrogate=None).rank(history)
    assert sorted(by_score) == [0, 2, 3, 4]
    assert np.all(np.diff(history.scores[by_score]) >= 0)


@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
def test_of_nothing_completed_nothing_is_ranked(surrogate):
    history = History(MIXED)
    evolution = Evolution(surrogate=surrogate)
    assert evolution.rank(history).tolist() == []
    ask(evolution, history)
    history.finish("0", Status.FAILED)
    ask(evolution, history)
    assert evolution.rank(history).tolist() == []


# What failures teach.


def told_on_a_line(scores):
    """Returns the history of trials at places, None where one failed."""
    space = SearchSpace([ContinuousGene("x", UNIT, 0.5)])
    history = History(space)
    for number, (x, score) in enumerate(scores.items()):
        history.add(Individual(np.array([x]), trial_id=str(number)))
        if score is None:
            history.finish(str(number), Status.FAILED)
        else:
            history.finish(str(number), Status.COMPLETED, [score])
    return history


def test_a_failure_does_not_make_its_good_neighbors_look_bad():
    scores = {x / 10: (x / 10 - 0.5) ** 2 for x in range(1, 11)}
    failed = {0.5 + step: None for step in (-0.02, -0.01, 0.01, 0.02)}
    alone, among_failed = (
        told_on_a_line(scores),
        told_on_a_line(scores | failed),
    )
    ranked = Evolution().rank(among_failed)
    assert among_failed.genomes[ranked[0]] == 0.5
    assert ranked.tolist() == Evolution().rank(alone).tolist()


def test_proposals_keep_away_from_where_models_fail():
    # Scores promise most beyond 0.6, where nothing can be trained.
    scores = {x / 10: 1.0 - x / 10 for x in range(1, 7)}
    scores |= {x / 20: None for x in range(13, 20)}
    history = told_on_a_line(scores)
    for number in range(10):
        proposal = Evolution().propose(history, np.random.default_rng(number))
        assert proposal.genome[0] < 0.65


def test_rejected_models_teach_as_failed_ones_do():
    history = told_on_a_line({x / 10: 1.0 - x / 10 for x in range(1, 7)})
    for x in range(13, 20):
        genome = np.array([x / 20])
        history.add(Individual(genome, (0,), status=Status.REJECTED))
    for number in range(10):
        proposal = Evolution().propose(history, np.random.default_rng(number))
        assert proposal.genome[0] < 0.65


def test_where_everything_failed_the_initial_points_go_on():
    history = told_on_a_line(dict.fromkeys((0.1, 0.2, 0.3, 0.4, 0.6, 0.7)))
    assert propose(Evolution(), history).operator == "default"
    assert Evolution().rank(history).tolist() == []


# Several objectives.


def test_of_two_objectives_the_whole_front_is_found():
    units = [ContinuousGene(f"x{i}", UNIT, 0.5) for i in range(2)]
    space = SearchSpace(units)
    ideals = np.array([[0.2, 0.5], [0.8, 0.5]])
    history = History(space, num_objectives=2)
    evolution = Evolution()
    for number in range(30):
        proposal = evolution.propose(history, np.random.default_rng(number))
        history.add(Individual(proposal.genome, trial_id=str(number)))
        distances = ((proposal.genome - ideals) ** 2).sum(axis=1)
        history.finish(str(number), Status.COMPLETED, distances)
        assert proposal.prediction is None
    # Near every end of the front, and near its middle.
    wanted = np.concatenate([ideals, ideals.mean(axis=0, keepdims=True)])
    nearest = [
        np.linalg.norm(history.genomes - one, axis=1).min() for one in wanted
    ]
    assert max(nearest) < 0.1


def test_of_two_objectives_workers_do_not_look_at_the_same_place():
    units = [ContinuousGene(f"x{i}", UNIT, 0.5) for i in range(2)]
    history = History(SearchSpace(units), num_objectives=2)
    evolution = Evolution()
    for number in range(18):
        proposal = evolution.propose(history, np.random.default_rng(number))
        history.add(Individual(proposal.genome, trial_id=str(number)))
        if number < 14:
            x, y = proposal.genome
            history.finish(
                str(number), Status.COMPLETED, [x**2 + y, (1 - x) ** 2 + y]
            )
    first, *others = history.genomes[14:]
    assert min(np.linalg.norm(first - one) for one in others) > 1e-2
