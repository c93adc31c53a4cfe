"""The search: what it starts with, how it breeds, what it takes."""

import math

import numpy as np
import pytest

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.scales import Scale
from kt_evolution.algorithm.space.search_space import SearchSpace
from tests.algorithm.hypermodels import RandomHypermodel
from tests.algorithm.hypermodels import drain
from tests.algorithm.searches import MIXED
from tests.algorithm.searches import run

NUM_PARENTS = {"mutation": 1, "crossover": 2, "crossover+mutation": 2}
# With and without a surrogate.
both = pytest.mark.parametrize("surrogate", [None, "gaussian_process"])


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


@both
def test_breeding_starts_after_the_initial_points(surrogate):
    evolution = Evolution(num_initial_points=4, surrogate=surrogate)
    history = run(evolution, MIXED, 12)
    operators = [one.operator for one in history.individuals]
    assert operators[:4] == ["default", "initial", "initial", "initial"]
    screened = set() if surrogate is None else {"neighbor", "random"}
    assert set(operators[4:]) <= NUM_PARENTS.keys() | screened


@pytest.mark.parametrize(
    ("surrogate", "number"), [(None, 10), ("gaussian_process", 5)]
)
def test_a_surrogate_needs_fewer_initial_points(surrogate, number):
    history = run(Evolution(surrogate=surrogate), MIXED, number + 2)
    operators = [one.operator for one in history.individuals]
    assert operators[:number] == ["default"] + ["initial"] * (number - 1)
    assert "initial" not in operators[number:]


def test_parents_are_told():
    evolution = Evolution(num_initial_points=4, surrogate=None)
    history = run(evolution, MIXED, 40)
    for number, one in enumerate(history.individuals):
        assert len(set(one.parents)) == NUM_PARENTS.get(one.operator, 0)
        assert all(int(parent) < number for parent in one.parents)


@pytest.mark.parametrize("survival", ["aging", "generational", "elitist"])
@pytest.mark.parametrize("selection", ["rank", "roulette", "tournament"])
def test_every_strategy_finishes_a_random_hypermodel(selection, survival):
    hypermodel = RandomHypermodel(2, num_names=5)
    evolution = Evolution(
        6, 4, selection=selection, survival=survival, surrogate=None
    )
    proposed = drain(hypermodel, evolution, 0)
    assert len(proposed) == len(set(proposed))
    assert set(proposed) == hypermodel.phenotypes()


@pytest.mark.parametrize(
    ("argument", "known"),
    [
        ("selection", "tournament"),
        ("crossover", "uniform"),
        ("mutation", "mixed"),
        ("survival", "elitist"),
        ("surrogate", "gaussian_process"),
    ],
)
def test_an_unknown_name_lists_the_known_ones(argument, known):
    message = f'`{argument}` must be one of .*"{known}".*{argument}="best"'
    with pytest.raises(ValueError, match=message):
        Evolution(**{argument: "best"})
    with pytest.raises(TypeError, match=f"`{argument}`.*{argument}=3"):
        Evolution(**{argument: 3})


@pytest.mark.parametrize("argument", ["population_size", "num_initial_points"])
@pytest.mark.parametrize("value", [0, -3, 2.5, "ten", True, math.inf])
def test_a_bad_count_is_named(argument, value):
    message = f"`{argument}` must be .*{argument}={value!r}"
    with pytest.raises(ValueError, match=message):
        Evolution(**{argument: value})


def test_counts_may_be_numpys():
    assert Evolution(population_size=np.int64(7)).population_size == 7
