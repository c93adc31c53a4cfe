"""Breeding: offspring, and what is told of their origin."""

import numpy as np
import pytest

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.operators.crossover import UniformCrossover
from kt_evolution.algorithm.operators.mutation import MixedMutation
from kt_evolution.algorithm.operators.selection import TournamentSelection
from kt_evolution.algorithm.reproduction import Offspring
from kt_evolution.algorithm.reproduction import Reproduction
from tests.algorithm.searches import BRANCHES
from tests.algorithm.searches import MIXED
from tests.algorithm.searches import run

NUM_OFFSPRING = 60


def reproduction(crossover=0.9, mutation=0.3):
    """Returns a `Reproduction` with operators of these probabilities."""
    return Reproduction(
        TournamentSelection(),
        UniformCrossover(crossover),
        MixedMutation(mutation),
    )


@pytest.fixture(scope="module")
def history():
    return run(Evolution(surrogate=None), MIXED, 20)


def breed(history, positions, make=None, seed=0):
    population = Offspring.of_history(history, np.array(positions))
    make = make or reproduction()
    return make(
        history,
        population,
        history.scores[positions],
        NUM_OFFSPRING,
        np.random.default_rng(seed),
    )


def test_individuals_of_the_history_are_their_own_parents(history):
    offspring = Offspring.of_history(history, np.array([4, 1]))
    np.testing.assert_array_equal(offspring.genomes, history.genomes[[4, 1]])
    np.testing.assert_array_equal(
        offspring.expressed, history.expressed[[4, 1]]
    )
    assert offspring.parents.tolist() == [[4, -1], [1, -1]]


def test_litters_are_taken_and_joined(history):
    one = Offspring.of_history(history, np.array([4, 1]))
    two = Offspring.of_genomes(
        history, history.genomes[:3], "random", np.array([7, 8])
    )
    both = Offspring.joined([one, two])
    assert len(both) == 5
    assert both.operators.tolist() == ["", "", "random", "random", "random"]
    some = both.take(np.array([2, 0]))
    np.testing.assert_array_equal(some.genomes, history.genomes[[0, 4]])
    assert some.parents.tolist() == [[7, 8], [4, -1]]
    assert some.operators.tolist() == ["random", ""]


def test_genomes_have_no_parents_unless_told(history):
    offspring = Offspring.of_genomes(history, history.genomes[:2], "random")
    assert offspring.parents.tolist() == [[-1, -1], [-1, -1]]
    np.testing.assert_array_equal(
        offspring.expressed, history.predict_expressed(history.genomes[:2])
    )


@pytest.mark.parametrize("space", [MIXED, BRANCHES])
def test_offspring_are_canonical_and_told_truly(space):
    history = run(Evolution(surrogate=None), space, 20)
    offspring = breed(history, range(10))
    assert len(offspring) == NUM_OFFSPRING
    np.testing.assert_array_equal(
        space.canonicalize(offspring.genomes), offspring.genomes
    )
    np.testing.assert_array_equal(
        offspring.expressed, history.predict_expressed(offspring.genomes)
    )
    assert set(offspring.operators) == {
        "crossover",
        "mutation",
        "crossover+mutation",
    }
    for parents, operator in zip(
        offspring.parents, offspring.operators, strict=True
    ):
        assert 0 <= parents[0] < 10
        if operator == "mutation":
            assert parents[1] == -1
        else:
            assert 0 <= parents[1] < 10
            assert parents[1] != parents[0]


def test_the_genes_of_a_crossover_are_its_parents(history):
    offspring = breed(
        history, range(10), reproduction(crossover=1.0, mutation=0.0)
    )
    crossed = offspring.operators == "crossover"
    assert crossed.any()
    parents = history.genomes[offspring.parents[crossed]]
    children = offspring.genomes[crossed][:, None]
    assert np.all(np.any(parents == children, axis=1))


def test_without_crossover_every_child_is_a_mutant(history):
    offspring = breed(
        history, range(10), reproduction(crossover=0.0, mutation=0.0)
    )
    assert set(offspring.operators) == {"mutation"}
    parents = history.genomes[offspring.parents[:, 0]]
    assert np.all(np.any(offspring.genomes != parents, axis=1))


def test_a_known_child_mutates(history):
    # Whatever they cross, the copies of one known individual are known.
    twin = Offspring.of_history(history, np.array([3, 3]))
    offspring = reproduction(crossover=1.0, mutation=0.0)(
        history, twin, np.zeros(2), NUM_OFFSPRING, np.random.default_rng(0)
    )
    assert set(offspring.operators) == {"mutation", "crossover+mutation"}
    assert np.all(np.any(offspring.genomes != history.genomes[3], axis=1))


def test_one_individual_breeds_alone(history):
    offspring = breed(history, [5], reproduction(crossover=1.0))
    assert set(offspring.operators) == {"mutation"}
    assert np.unique(offspring.parents, axis=0).tolist() == [[5, -1]]


def test_the_population_is_left_as_it_was(history):
    population = Offspring.of_history(history, np.arange(10))
    fields = ("genomes", "expressed", "parents", "operators")
    before = [getattr(population, name).copy() for name in fields]
    reproduction()(
        history,
        population,
        history.scores[:10],
        NUM_OFFSPRING,
        np.random.default_rng(0),
    )
    for name, array in zip(fields, before, strict=True):
        np.testing.assert_array_equal(getattr(population, name), array)


def test_the_same_rng_gives_the_same_offspring(history):
    one, two, other = (breed(history, range(10), seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(one.genomes, two.genomes)
    np.testing.assert_array_equal(one.parents, two.parents)
    assert np.any(one.genomes != other.genomes)


def test_better_parents_breed_more(history):
    offspring = breed(history, range(20))
    order = np.argsort(history.scores)
    bred = np.bincount(offspring.parents[:, 0], minlength=20)
    assert bred[order[:10]].sum() > 2 * bred[order[10:]].sum()


def test_an_empty_history_predicts_what_is_active():
    genomes = MIXED.default_genome()[None]
    offspring = Offspring.of_genomes(History(MIXED), genomes, "random")
    assert offspring.expressed.all()
