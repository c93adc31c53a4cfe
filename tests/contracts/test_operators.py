"""What every registered operator promises. The registries are the list."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_evolution.algorithm.operators.crossover import CROSSOVERS
from kt_evolution.algorithm.operators.crossover import Crossover
from kt_evolution.algorithm.operators.mutation import MUTATIONS
from kt_evolution.algorithm.operators.mutation import Mutation
from kt_evolution.algorithm.operators.selection import SELECTIONS
from kt_evolution.algorithm.operators.selection import Selection
from kt_evolution.algorithm.operators.survival import SURVIVALS
from kt_evolution.algorithm.operators.survival import Survival
from kt_evolution.algorithm.space.genes import FixedGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from tests.algorithm.spaces import is_in_domain
from tests.algorithm.spaces import random_genomes
from tests.algorithm.spaces import spaces

SCORES = st.lists(
    st.one_of(
        st.integers(0, 3).map(float),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    min_size=1,
    max_size=30,
)
SEEDS = st.integers(0, 2**31)
selections = pytest.mark.parametrize("name", SELECTIONS)
crossovers = pytest.mark.parametrize("name", CROSSOVERS)
mutations = pytest.mark.parametrize("name", MUTATIONS)
survivals = pytest.mark.parametrize("name", SURVIVALS)


def rng(seed=0):
    return np.random.default_rng(seed)


def in_domain(space, genomes):
    return all(
        0.0 <= code < 1.0 and is_in_domain(gene, gene.decode(float(code)))
        for genome in genomes
        for gene, code in zip(space.genes, genome, strict=True)
    )


def snapped_genomes(space, n, seed):
    return space.canonicalize(random_genomes(space, n, seed))


@pytest.mark.parametrize(
    ("registry", "base"),
    [
        (SELECTIONS, Selection),
        (CROSSOVERS, Crossover),
        (MUTATIONS, Mutation),
        (SURVIVALS, Survival),
    ],
)
def test_registered_operators_need_no_arguments(registry, base):
    assert all(isinstance(operator(), base) for operator in registry.values())


@selections
@given(scores=SCORES, num_parents=st.integers(1, 70), seed=SEEDS)
def test_selection(name, scores, num_parents, seed):
    scores = np.array(scores)
    before = scores.copy()
    select = SELECTIONS[name]()
    with np.errstate(all="raise", under="ignore"):
        chosen = select(scores, num_parents, rng(seed))
    assert chosen.shape == (num_parents,)
    assert np.issubdtype(chosen.dtype, np.integer)
    assert np.all((chosen >= 0) & (chosen < len(scores)))
    np.testing.assert_array_equal(scores, before)
    again = select(scores, num_parents, rng(seed))
    np.testing.assert_array_equal(chosen, again)


@selections
def test_selection_of_one_individual(name):
    chosen = SELECTIONS[name]()(np.array([1e308]), 5, rng())
    np.testing.assert_array_equal(chosen, [0] * 5)


@selections
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e307])
def test_selection_prefers_better_scores(name, scale):
    scores = scale * np.array([4.0, -2.0, 9.0, 3.0, 5.0])
    chosen = SELECTIONS[name]()(scores, 2000, rng())
    counts = np.bincount(chosen, minlength=5)
    assert np.argmax(counts) == 1
    assert np.argmin(counts) == 2


@crossovers
@given(space=spaces(), n=st.integers(0, 4), seed=SEEDS)
def test_crossover(name, space, n, seed):
    parents = snapped_genomes(space, 2 * n, seed)
    parents = parents.reshape(n, 2, space.num_genes)
    before = parents.copy()
    cross = CROSSOVERS[name]()
    children = cross(parents, space, rng(seed))
    assert children.shape == (n, space.num_genes)
    assert in_domain(space, children)
    assert in_domain(space, space.canonicalize(children))
    np.testing.assert_array_equal(parents, before)
    again = cross(parents, space, rng(seed))
    np.testing.assert_array_equal(children, again)


@crossovers
@given(space=spaces(), seed=SEEDS)
def test_crossover_of_equal_parents_is_their_copy(name, space, seed):
    parent = snapped_genomes(space, 1, seed)
    parents = np.stack([parent, parent], axis=1)
    child = CROSSOVERS[name]()(parents, space, rng(seed))
    np.testing.assert_allclose(child, parent, atol=1e-15)


@crossovers
@given(space=spaces(), seed=SEEDS)
def test_crossover_lets_genes_travel_with_their_choice(name, space, seed):
    parents = snapped_genomes(space, 8, seed)
    parents = parents.reshape(4, 2, space.num_genes)
    children = CROSSOVERS[name]()(parents, space, rng(seed))
    for i, condition_parent in enumerate(space.condition_parents):
        if condition_parent < 0 or not space.is_categorical[condition_parent]:
            continue
        for child, (first, second) in zip(children, parents, strict=True):
            if first[condition_parent] == second[condition_parent]:
                continue
            of_first = child[condition_parent] == first[condition_parent]
            assert child[i] == (first[i] if of_first else second[i])


@mutations
@given(space=spaces(), n=st.integers(0, 6), seed=SEEDS)
def test_mutation(name, space, n, seed):
    genomes = snapped_genomes(space, n, seed)
    expressed = space.active(genomes)
    before = genomes.copy(), expressed.copy()
    mutate = MUTATIONS[name]()
    mutants = mutate(genomes, expressed, space, rng(seed))
    assert mutants.shape == genomes.shape
    assert in_domain(space, mutants)
    np.testing.assert_array_equal(space.canonicalize(mutants), mutants)
    np.testing.assert_array_equal(genomes, before[0])
    np.testing.assert_array_equal(expressed, before[1])
    again = mutate(genomes, expressed, space, rng(seed))
    np.testing.assert_array_equal(mutants, again)


@mutations
@given(space=spaces(), seed=SEEDS)
def test_mutation_changes_expressed_genes_and_no_others(name, space, seed):
    genomes = snapped_genomes(space, 6, seed)
    expressed = space.active(genomes)
    mutants = MUTATIONS[name]()(genomes, expressed, space, rng(seed))
    changed = mutants != genomes
    eligible = expressed & space.is_tunable
    assert not np.any(changed & ~eligible)
    np.testing.assert_array_equal(changed.any(1), eligible.any(1))


@mutations
def test_mutation_of_a_space_that_is_all_fixed(name):
    space = SearchSpace([FixedGene("a", 1), FixedGene("b", "x")])
    genomes = np.tile(space.default_genome(), (3, 1))
    expressed = np.ones(genomes.shape, dtype=bool)
    mutants = MUTATIONS[name]()(genomes, expressed, space, rng())
    np.testing.assert_array_equal(mutants, genomes)


@survivals
@given(scores=SCORES, population_size=st.integers(1, 12))
def test_survival(name, scores, population_size):
    scores = np.array(scores)
    before = scores.copy()
    survive = SURVIVALS[name]()
    kept = survive(scores, population_size)
    assert 1 <= len(kept) <= min(population_size, len(scores))
    assert len(set(kept.tolist())) == len(kept)
    assert np.all((kept >= 0) & (kept < len(scores)))
    np.testing.assert_array_equal(scores, before)
    np.testing.assert_array_equal(kept, survive(scores, population_size))


@survivals
def test_survival_keeps_everyone_while_the_population_is_not_full(name):
    kept = SURVIVALS[name]()(np.array([3.0, 1.0, 1.0, 2.0]), 4)
    assert sorted(kept) == [0, 1, 2, 3]
