"""The contract of `propose`, a pure function from the history."""

import copy
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.genes import FixedGene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from tests.algorithm.searches import MIXED
from tests.algorithm.searches import TWELVE
from tests.algorithm.searches import ask
from tests.algorithm.searches import run
from tests.algorithm.searches import with_options

# With and without a surrogate.
both = pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
# How many trials show it, where a proposal costs milliseconds.
NUM_TRIALS = {None: 40, "gaussian_process": 16}


@both
def test_the_first_individual_is_the_users_defaults(surrogate):
    history = History(MIXED)
    proposal = ask(Evolution(surrogate=surrogate), history)
    assert proposal.operator == "default"
    assert MIXED.decode(proposal.genome) == {
        "act": "tanh",
        "layers": 2,
        "lr": pytest.approx(1e-3),
        "batch": 32,
    }


@both
def test_to_propose_changes_nothing(surrogate):
    evolution = Evolution(surrogate=surrogate)
    history = run(evolution, MIXED, NUM_TRIALS[surrogate])
    ask(evolution, history)
    # The index of phenotypes is brought up to date when it is read.
    assert history.expressed.any()
    before = pickle.dumps(history)
    for seed in range(5):
        evolution.propose(history, np.random.default_rng(seed))
    assert pickle.dumps(history) == before


@both
@pytest.mark.parametrize("num_trials", [0, 1, 5, 10, 20])
def test_same_history_and_rng_same_proposal(num_trials, surrogate):
    evolution = Evolution(surrogate=surrogate)
    history = run(evolution, MIXED, num_trials)
    one = evolution.propose(history, np.random.default_rng(7))
    two = evolution.propose(history, np.random.default_rng(7))
    other = Evolution(surrogate=surrogate).propose(
        copy.deepcopy(history), np.random.default_rng(7)
    )
    for again in (two, other):
        np.testing.assert_array_equal(again.genome, one.genome)
        assert again.parents == one.parents
        assert again.prediction == one.prediction


@both
def test_a_rebuilt_history_gives_the_same_proposals(surrogate):
    evolution = Evolution(num_initial_points=5, surrogate=surrogate)
    number = NUM_TRIALS[surrogate]
    warm = run(evolution, MIXED, number, fails=lambda number: number % 4 == 0)
    cold = History(MIXED)
    for one in warm.individuals:
        cold.add(Individual(one.genome, (), one.trial_id))
    # Results may come in any order.
    for one in reversed(warm.individuals):
        cold.finish(one.trial_id, one.status, one.objectives)
    for seed in range(5):
        one, two = (
            evolution.propose(history, np.random.default_rng(seed))
            for history in (warm, cold)
        )
        np.testing.assert_array_equal(one.genome, two.genome)
        assert one.parents == two.parents


@both
def test_a_search_that_is_rebuilt_at_every_step_never_differs(surrogate):
    evolution = Evolution(num_initial_points=3, surrogate=surrogate)
    whole = run(evolution, MIXED, 12)
    for stop in range(12):
        again = History(MIXED)
        for one in whole.individuals[:stop]:
            again.add(
                Individual(one.genome, (), one.trial_id, operator=one.operator)
            )
            again.finish(one.trial_id, one.status, one.objectives)
        fresh = Evolution(num_initial_points=3, surrogate=surrogate)
        proposal = ask(fresh, again)
        np.testing.assert_array_equal(proposal.genome, whole.genomes[stop])


FRESH = """
from kt_evolution.algorithm.evolution import Evolution
from tests.algorithm.searches import MIXED, run, with_options
evolution = with_options(Evolution(surrogate={surrogate!r}), seed={seed})
print(run(evolution, MIXED, {num_trials}, {seed}).genomes.tolist())
"""


@both
@pytest.mark.parametrize("seed", [0, 1])
def test_a_fresh_process_gives_the_same_sequence(seed, surrogate):
    number = NUM_TRIALS[surrogate]
    program = FRESH.format(seed=seed, surrogate=surrogate, num_trials=number)
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    evolution = with_options(Evolution(surrogate=surrogate), seed=seed)
    here = run(evolution, MIXED, number, seed).genomes
    assert result.stdout.strip() == str(here.tolist())


@both
def test_another_seed_gives_another_sequence(surrogate):
    one, two = (
        run(
            with_options(Evolution(surrogate=surrogate), seed=s), MIXED, 16, s
        ).genomes
        for s in (0, 1)
    )
    # The first is the user's defaults for every seed.
    np.testing.assert_array_equal(one[0], two[0])
    differ = np.any(one[1:] != two[1:], axis=1)
    # Two searches that learn the same may come to the same end.
    assert np.all(differ if surrogate is None else differ[:2])


@both
def test_pending_individuals_are_known(surrogate):
    history = History(TWELVE.extended([OrdinalGene("more", range(4), 0)]))
    evolution = Evolution(num_initial_points=5, surrogate=surrogate)
    for _ in range(20):
        ask(evolution, history)
    assert len(np.unique(history.genomes, axis=0)) == 20


@both
def test_workers_that_ask_while_others_run_get_distinct_models(surrogate):
    evolution = Evolution(num_initial_points=5, surrogate=surrogate)
    history = run(evolution, MIXED, 10)
    for _ in range(8):
        ask(evolution, history)
    phenotypes = {str(MIXED.decode(genome)) for genome in history.genomes}
    assert len(phenotypes) == 18


@both
@pytest.mark.parametrize("with_results", [True, False])
def test_a_finite_space_is_finished_exactly(with_results, surrogate):
    evolution = Evolution(num_initial_points=3, surrogate=surrogate)
    if with_results:
        history = run(evolution, TWELVE, 100)
    else:
        history = History(TWELVE)
        while ask(evolution, history) is not None:
            pass
    assert len(history) == 12
    assert len(np.unique(history.genomes, axis=0)) == 12
    assert ask(evolution, history) is None


@both
@pytest.mark.parametrize("num_initial_points", [1, 2])
@pytest.mark.parametrize(
    ("genes", "num_phenotypes"),
    [
        ([], 1),
        ([FixedGene("a", 1), FixedGene("b", "x")], 1),
        ([OrdinalGene("a", range(3), 1)], 3),
        ([OrdinalGene("a", range(25), 1), FixedGene("b", 1)], 25),
    ],
)
def test_the_smallest_spaces(
    genes, num_phenotypes, num_initial_points, surrogate
):
    evolution = Evolution(5, num_initial_points, surrogate=surrogate)
    history = run(evolution, SearchSpace(genes), 100)
    assert len(history) == num_phenotypes


@both
def test_one_continuous_gene_never_ends(surrogate):
    space = SearchSpace([MIXED.genes[2]])
    number = NUM_TRIALS[surrogate]
    history = run(Evolution(5, 2, surrogate=surrogate), space, number)
    assert len(np.unique(history.genomes)) == number


@both
def test_a_history_of_failures_only_goes_on_exploring(surrogate):
    evolution = Evolution(5, 3, surrogate=surrogate)
    history = run(evolution, MIXED, 30, fails=lambda number: True)
    assert len(np.unique(history.genomes, axis=0)) == 30
    assert {one.operator for one in history.individuals[1:]} == {"initial"}


@both
def test_failed_and_rejected_individuals_never_become_parents(surrogate):
    evolution = Evolution(5, 3, surrogate=surrogate)
    number = NUM_TRIALS[surrogate]
    history = run(evolution, MIXED, number, fails=lambda n: n % 2 == 1)
    rejected = Individual(MIXED.encode({"layers": 5}), status=Status.REJECTED)
    history.add(rejected)
    history.add(Individual(MIXED.encode({"lr": 0.1}), trial_id="nan"))
    history.finish("nan", Status.COMPLETED, [math.nan])
    for seed in range(10):
        proposal = evolution.propose(history, np.random.default_rng(seed))
        for parent in proposal.parents:
            assert history.individuals[parent].status is Status.COMPLETED


@both
def test_a_rejected_individual_is_no_initial_point(surrogate):
    history = History(MIXED)
    evolution = Evolution(5, 4, surrogate=surrogate)
    for number in range(6):
        proposal = evolution.propose(history, np.random.default_rng(0))
        assert proposal.operator in ("default", "initial")
        rejected = Individual(
            proposal.genome, tuple(range(4)), operator=proposal.operator
        )
        rejected.status = Status.REJECTED if number < 3 else Status.PENDING
        history.add(rejected)
