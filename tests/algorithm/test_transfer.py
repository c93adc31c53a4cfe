"""What searches on other data say about a search."""

import numpy as np
import pytest

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.past_search import PastSearch
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.algorithm.surrogate import GaussianProcess
from kt_evolution.algorithm.transfer import TRANSFER
from kt_evolution.algorithm.transfer import next_from_past
from kt_evolution.algorithm.transfer import prior_means
from tests.algorithm.searches import ask
from tests.algorithm.searches import propose
from tests.algorithm.surrogates import NearestNeighbor

SPACE = SearchSpace(
    [
        OrdinalGene("x", range(10), 0),
        OrdinalGene("y", range(10), 0),
        OrdinalGene("z", range(10), 0),
    ]
)


def loss(values):
    """It is 0 at (7, 2, 4)."""
    return sum(
        (values[name] - best) ** 2
        for name, best in (("x", 7), ("y", 2), ("z", 4))
    )


def drawn(number, seed=0):
    rng = np.random.default_rng(seed)
    return [
        SPACE.decode(one) for one in SPACE.canonicalize(rng.random((number, 3)))
    ]


def past_of(values, score=loss):
    """Its scores have another offset and another scale."""
    return PastSearch(values, [(5.0 + 0.1 * score(one),) for one in values])


def history_after(*past):
    history = History(SPACE)
    history.past.extend(past)
    return history


def run(history, num_trials, score=loss, seed=0):
    """Returns the best score after each trial."""
    scores = []
    for number in range(num_trials):
        proposal = ask(Evolution(), history, seed)
        scores.append(score(SPACE.decode(proposal.genome)))
        history.finish(str(number), Status.COMPLETED, scores[-1:])
    return np.minimum.accumulate(scores)


def test_the_first_proposals_are_the_best_of_the_past_until_one_is_scored():
    values = drawn(30)
    best = sorted(values, key=loss)
    history = history_after(past_of(values))
    asked = [SPACE.decode(ask(Evolution(), history).genome) for _ in range(2)]
    # The second is asked while the first is running.
    assert asked[0] != asked[1]
    assert all(one in best[:4] for one in asked)
    assert history.individuals[0].operator == TRANSFER
    # What fails teaches no score.
    history.finish("0", Status.FAILED)
    assert propose(Evolution(), history).operator == TRANSFER
    history.finish("1", Status.COMPLETED, [3.0])
    assert propose(Evolution(), history).operator == "default"


def test_past_models_are_no_individuals():
    history = history_after(past_of(drawn(30)))
    run(history, 12)
    assert len(history) == 12 and not history.imports
    ranked = Evolution().rank(history)
    assert sorted(ranked) == list(range(12))


def test_proposals_are_a_function_of_the_history():
    past = past_of(drawn(40))
    history = history_after(past)
    run(history, 8)
    rebuilt = history_after(past_of(drawn(40)))
    for one in history.individuals:
        rebuilt.add(one)
        rebuilt.finish(one.trial_id, one.status, one.objectives)
    first, second = (propose(Evolution(), one) for one in (history, rebuilt))
    assert np.array_equal(first.genome, second.genome)
    assert first.prediction == second.prediction


@pytest.mark.later
def test_what_is_true_elsewhere_too_is_found_sooner():
    wins = []
    for seed in range(6):
        past = past_of(drawn(40, seed))
        warm = run(history_after(past), 10, seed=seed)
        cold = run(history_after(), 10, seed=seed)
        wins.append(warm[-1] < cold[-1])
    assert sum(wins) >= 5


@pytest.mark.later
def test_what_is_false_here_is_given_up():
    found = []
    for seed in range(4):
        past = past_of(drawn(40, seed), lambda values: -loss(values))
        found.append(run(history_after(past), 25, seed=seed)[-1])
    # Of 1,000 models 7 have a loss of 1 at most.
    assert np.median(found) <= 1.0


def test_several_past_searches_each_have_a_basis_function():
    history = history_after(past_of(drawn(30)), past_of(drawn(20, 1)))
    (prior_mean,) = prior_means(GaussianProcess(), history, 1)
    assert len(prior_mean.functions) == 2
    genomes = history.past[1].genomes(SPACE)
    expressed = history.predict_expressed(genomes)
    basis = prior_mean.basis(genomes, expressed)
    # Both are standardized, and know the same function.
    assert np.corrcoef(basis.T)[0, 1] > 0.9
    assert abs(basis[:, 1].mean()) < 0.3


def test_objectives_have_prior_means_of_their_own():
    values = drawn(30)
    past = PastSearch(
        values, [(float(one["x"]), -float(one["x"])) for one in values]
    )
    history = History(SPACE, num_objectives=2)
    history.past.append(past)
    first, second = prior_means(GaussianProcess(), history, 2)
    genomes = past.genomes(SPACE)
    expressed = history.predict_expressed(genomes)
    a, b = (one.basis(genomes, expressed)[:, 0] for one in (first, second))
    assert np.corrcoef(a, b)[0, 1] < -0.8
    # Combined into one number, each may tell of it.
    (combined,) = prior_means(GaussianProcess(), history, 1)
    assert len(combined.functions) == 2
    assert next_from_past(GaussianProcess(), history) is not None


def test_a_surrogate_without_a_prior_mean_has_none():
    history = history_after(past_of(drawn(30)))
    assert prior_means(NearestNeighbor(), history, 1) == [None]
    assert next_from_past(NearestNeighbor(), history) is None
    operators = {
        surrogate: propose(Evolution(surrogate=surrogate), history).operator
        for surrogate in (None, NearestNeighbor())
    }
    assert set(operators.values()) == {"default"}


def test_a_known_past_ends():
    values = drawn(3)
    history = history_after(past_of(values))
    for _ in range(3):
        assert ask(Evolution(), history).operator == TRANSFER
    assert propose(Evolution(), history).operator == "default"


def test_genes_that_only_one_search_has():
    values = [{"x": 3, "old": "a"}, {"x": 12, "y": 4}]
    past = PastSearch(values, [(1.0,), (2.0,)])
    # 12 is no value of x here.
    genomes = past.genomes(SPACE)
    assert [SPACE.decode(one) for one in genomes] == [
        {"x": 3, "y": 0, "z": 0},
        {"x": 0, "y": 4, "z": 0},
    ]
    grown = SPACE.extended([CategoricalGene("old", ("b", "a"), "b")])
    assert [grown.decode(one)["old"] for one in past.genomes(grown)] == [
        "a",
        "b",
    ]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_past_searches_may_be_tiny(number):
    history = history_after(past_of(drawn(number)))
    assert len(run(history, 8)) == 8
