"""The search: a pure function from the history to a proposal."""

import copy
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

from kt_evolution.core.evolution import Evolution
from kt_evolution.core.genes import CategoricalGene
from kt_evolution.core.genes import ContinuousGene
from kt_evolution.core.genes import FixedGene
from kt_evolution.core.genes import OrdinalGene
from kt_evolution.core.genes import Scale
from kt_evolution.core.history import History
from kt_evolution.core.history import Individual
from kt_evolution.core.history import Status
from kt_evolution.core.space import SearchSpace
from tests.core.hypermodels import RandomHypermodel
from tests.core.hypermodels import drain
from tests.core.hypermodels import hash_score

MIXED = SearchSpace(
    [
        CategoricalGene("act", ("relu", "tanh", "gelu"), "tanh"),
        OrdinalGene("layers", range(1, 6), 2),
        ContinuousGene("lr", Scale(1e-4, 1e-1, "log"), 1e-3),
        FixedGene("batch", 32),
    ]
)
NUM_PARENTS = {"mutation": 1, "crossover": 2, "crossover+mutation": 2}
TWELVE = SearchSpace([MIXED.genes[0], OrdinalGene("units", range(4), 0)])


def ask(evolution, history, seed=0):
    """Proposes and adds the proposal, its trial running."""
    number = len(history)
    rng = np.random.default_rng([seed, number])
    proposal = evolution.propose(history, rng)
    if proposal is not None:
        parents = tuple(
            history.individuals[i].trial_id for i in proposal.parents
        )
        history.add(
            Individual(
                proposal.genome,
                trial_id=str(number),
                parents=parents,
                operator=proposal.operator,
            )
        )
    return proposal


def run(evolution, space, num_trials, seed=0, fails=lambda number: False):
    history = History(space)
    for number in range(num_trials):
        proposal = ask(evolution, history, seed)
        if proposal is None:
            break
        if fails(number):
            history.finish(str(number), Status.FAILED)
        else:
            score = hash_score(space.decode(proposal.genome))
            history.finish(str(number), Status.COMPLETED, score)
    return history


def test_the_first_individual_is_the_users_defaults():
    history = History(MIXED)
    proposal = ask(Evolution(), history)
    assert proposal.operator == "default"
    assert MIXED.decode(proposal.genome) == {
        "act": "tanh",
        "layers": 2,
        "lr": pytest.approx(1e-3),
        "batch": 32,
    }


def test_initial_points_fill_the_space_evenly():
    units = [
        ContinuousGene(f"x{i}", Scale(0.0, 1.0, "linear"), 0.5)
        for i in range(3)
    ]
    history = run(Evolution(num_initial_points=33), SearchSpace(units), 33)
    operators = [one.operator for one in history.individuals]
    assert operators == ["default"] + ["initial"] * 32
    # A Sobol sequence has one of 32 points in each of 32 strips.
    strips = np.sort(np.floor(history.genomes[1:] * 32), axis=0)
    np.testing.assert_array_equal(strips, np.tile(np.arange(32), (3, 1)).T)


def test_breeding_starts_after_the_initial_points():
    history = run(Evolution(num_initial_points=4), MIXED, 12)
    operators = [one.operator for one in history.individuals]
    assert operators[:4] == ["default", "initial", "initial", "initial"]
    assert set(operators[4:]) <= NUM_PARENTS.keys()


def test_parents_are_told():
    history = run(Evolution(num_initial_points=4), MIXED, 40)
    for number, one in enumerate(history.individuals):
        assert len(set(one.parents)) == NUM_PARENTS.get(one.operator, 0)
        assert all(int(parent) < number for parent in one.parents)


def test_to_propose_changes_nothing():
    history = run(Evolution(), MIXED, 25)
    before = pickle.dumps(history)
    for seed in range(5):
        Evolution().propose(history, np.random.default_rng(seed))
    assert pickle.dumps(history) == before


@pytest.mark.parametrize("num_trials", [0, 1, 5, 10, 40])
def test_same_history_and_rng_same_proposal(num_trials):
    evolution = Evolution()
    history = run(evolution, MIXED, num_trials)
    one = evolution.propose(history, np.random.default_rng(7))
    two = evolution.propose(history, np.random.default_rng(7))
    other = Evolution().propose(
        copy.deepcopy(history), np.random.default_rng(7)
    )
    for again in (two, other):
        np.testing.assert_array_equal(again.genome, one.genome)
        assert again.parents == one.parents


def test_a_rebuilt_history_gives_the_same_proposals():
    evolution = Evolution(num_initial_points=5)
    warm = run(evolution, MIXED, 40, fails=lambda number: number % 4 == 0)
    cold = History(MIXED)
    for one in warm.individuals:
        cold.add(Individual(one.genome, (), one.trial_id))
    # Results may come in any order.
    for one in reversed(warm.individuals):
        cold.finish(one.trial_id, one.status, one.score)
    for seed in range(10):
        proposals = [
            evolution.propose(history, np.random.default_rng(seed))
            for history in (warm, cold)
        ]
        np.testing.assert_array_equal(proposals[0].genome, proposals[1].genome)


FRESH = """
from kt_evolution.core.evolution import Evolution
from tests.core.test_evolution import MIXED, run
print(run(Evolution(seed={seed}), MIXED, 40, {seed}).genomes.tolist())
"""


@pytest.mark.parametrize("seed", [0, 1])
def test_a_fresh_process_gives_the_same_sequence(seed):
    result = subprocess.run(
        [sys.executable, "-c", FRESH.format(seed=seed)],
        capture_output=True,
        text=True,
        check=True,
    )
    here = run(Evolution(seed=seed), MIXED, 40, seed).genomes
    assert result.stdout.strip() == str(here.tolist())


def test_another_seed_gives_another_sequence():
    one, two = (run(Evolution(seed=s), MIXED, 20, s).genomes for s in (0, 1))
    # The first is the user's defaults whatever the seed.
    np.testing.assert_array_equal(one[0], two[0])
    assert np.all(np.any(one[1:] != two[1:], axis=1))


def test_pending_individuals_are_known():
    history = History(TWELVE.extended([OrdinalGene("more", range(4), 0)]))
    evolution = Evolution(num_initial_points=5)
    for _ in range(20):
        ask(evolution, history)
    assert len(np.unique(history.genomes, axis=0)) == 20


def test_workers_that_ask_while_others_run_get_distinct_models():
    evolution = Evolution(num_initial_points=5)
    history = run(evolution, MIXED, 10)
    for _ in range(20):
        ask(evolution, history)
    phenotypes = {str(MIXED.decode(genome)) for genome in history.genomes}
    assert len(phenotypes) == 30


@pytest.mark.parametrize("with_results", [True, False])
def test_a_finite_space_is_finished_exactly(with_results):
    evolution = Evolution(num_initial_points=3)
    if with_results:
        history = run(evolution, TWELVE, 100)
    else:
        history = History(TWELVE)
        while ask(evolution, history) is not None:
            pass
    assert len(history) == 12
    assert len(np.unique(history.genomes, axis=0)) == 12
    assert ask(evolution, history) is None


@pytest.mark.parametrize(
    ("genes", "num_phenotypes"),
    [
        ([], 1),
        ([FixedGene("a", 1), FixedGene("b", "x")], 1),
        ([OrdinalGene("a", range(3), 1)], 3),
        ([OrdinalGene("a", range(50), 1)], 50),
    ],
)
def test_the_smallest_spaces(genes, num_phenotypes):
    history = run(Evolution(5, 2), SearchSpace(genes), 100)
    assert len(history) == num_phenotypes


def test_one_continuous_gene_never_ends():
    space = SearchSpace([MIXED.genes[2]])
    history = run(Evolution(5, 2), space, 60)
    assert len(np.unique(history.genomes)) == 60


def test_a_history_of_failures_only_goes_on_exploring():
    history = run(Evolution(5, 3), MIXED, 30, fails=lambda number: True)
    assert len(np.unique(history.genomes, axis=0)) == 30
    assert {one.operator for one in history.individuals[1:]} == {"initial"}


def test_failed_and_rejected_individuals_never_become_parents():
    history = run(Evolution(5, 3), MIXED, 60, fails=lambda n: n % 2 == 1)
    rejected = Individual(MIXED.encode({"layers": 5}), status=Status.REJECTED)
    history.add(rejected)
    history.add(Individual(MIXED.encode({"lr": 0.1}), trial_id="nan"))
    history.finish("nan", Status.COMPLETED, math.nan)
    for seed in range(20):
        proposal = Evolution().propose(history, np.random.default_rng(seed))
        for parent in proposal.parents:
            assert history.individuals[parent].status is Status.COMPLETED


def test_a_rejected_individual_is_no_initial_point():
    history = History(MIXED)
    for number in range(6):
        proposal = Evolution(5, 4).propose(history, np.random.default_rng(0))
        assert proposal.operator in ("default", "initial")
        rejected = Individual(
            proposal.genome, tuple(range(4)), operator=proposal.operator
        )
        rejected.status = Status.REJECTED if number < 3 else Status.PENDING
        history.add(rejected)


@pytest.mark.parametrize("survival", ["aging", "generational", "elitist"])
@pytest.mark.parametrize("selection", ["rank", "roulette", "tournament"])
def test_every_strategy_finishes_a_random_hypermodel(selection, survival):
    hypermodel = RandomHypermodel(2, num_names=5)
    evolution = Evolution(6, 4, selection=selection, survival=survival)
    proposed = drain(hypermodel, evolution, 0)
    assert len(proposed) == len(set(proposed))
    assert set(proposed) == hypermodel.phenotypes()


@pytest.mark.parametrize(
    ("argument", "known"),
    [
        ("selection", "tournament"),
        ("crossover", "uniform"),
        ("mutation", "default"),
        ("survival", "elitist"),
    ],
)
def test_an_unknown_name_lists_the_known_ones(argument, known):
    message = f'`{argument}` must be one of .*"{known}".*{argument}="best"'
    with pytest.raises(ValueError, match=message):
        Evolution(**{argument: "best"})
    with pytest.raises(TypeError, match=f"`{argument}`.*{argument}=3"):
        Evolution(**{argument: 3})


@pytest.mark.parametrize("argument", ["population_size", "num_initial_points"])
@pytest.mark.parametrize("value", [0, -3, 2.5, "ten", None, True, math.inf])
def test_a_bad_count_is_named(argument, value):
    message = f"`{argument}` must be .*{argument}={value}"
    with pytest.raises(ValueError, match=message):
        Evolution(**{argument: value})


def test_counts_may_be_numpys():
    assert Evolution(population_size=np.int64(7)).population_size == 7
