"""Mutation: how far each kind of gene moves."""

import numpy as np
import pytest

from kt_evolution.algorithm.operators.mutation import MixedMutation
from kt_evolution.algorithm.operators.mutation import UniformMutation
from kt_evolution.algorithm.operators.mutation import move_steps
from kt_evolution.algorithm.operators.mutation import polynomial
from kt_evolution.algorithm.operators.mutation import resample
from kt_evolution.algorithm.space.genes import LAST_CODE
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.grids import FloatGrid
from kt_evolution.algorithm.space.integer_genes import IntegerGene
from kt_evolution.algorithm.space.scales import IntegerScale
from kt_evolution.algorithm.space.scales import Scale
from kt_evolution.algorithm.space.search_space import SearchSpace

UNIT = Scale(0.0, 1.0, "linear")
FINITE = [
    CategoricalGene("act", ("relu", "tanh", "gelu"), "relu"),
    CategoricalGene("norm", (False, True), False),
    OrdinalGene("units", range(8, 65, 8), 8),
    OrdinalGene("rate", FloatGrid(0.0, 0.5, 0.1), 0.0),
    IntegerGene("layers", IntegerScale(range(1, 10), "log"), 1),
    IntegerGene("two", IntegerScale(range(1, 3), "reverse_log"), 1),
]


def every_code_often(gene, n=500):
    return np.tile(gene.code_at(np.arange(int(gene.size))), n)


@pytest.mark.parametrize("gene", FINITE)
def test_resampling_reaches_every_other_value(gene):
    codes = every_code_often(gene)
    drawn = resample(gene, codes, np.random.default_rng(0))
    assert np.all(drawn != codes)
    changes = set(zip(gene.index(codes), gene.index(drawn), strict=True))
    assert len(changes) == gene.size * (gene.size - 1)
    np.testing.assert_array_equal(gene.canonicalize(drawn), drawn)


def test_resampling_a_category_is_even():
    gene = FINITE[0]
    codes = np.full(6000, gene.encode("tanh"))
    drawn = gene.index(resample(gene, codes, np.random.default_rng(0)))
    np.testing.assert_allclose(
        np.bincount(drawn, minlength=3), [3000, 0, 3000], rtol=0.05
    )


@pytest.mark.parametrize("size", [2, 3, 5, 50, 1000])
def test_ordinal_steps_always_move_within_the_grid(size):
    gene = OrdinalGene("units", range(size), 0)
    codes = every_code_often(gene, 2000 // size + 1)
    moved = move_steps(gene, codes, np.random.default_rng(0))
    assert np.all(moved != codes)
    np.testing.assert_array_equal(gene.canonicalize(moved), moved)
    assert np.all((moved > 0) & (moved < 1))


def test_ordinal_steps_are_short_with_a_long_tail():
    gene = OrdinalGene("units", range(1000), 0)
    codes = np.full(4000, gene.encode(500))
    moved = move_steps(gene, codes, np.random.default_rng(0))
    lengths = np.abs(gene.index(moved) - 500)
    assert np.median(lengths) == pytest.approx(50, rel=0.1)
    assert np.mean(lengths <= 5) > 0.05
    assert np.mean(lengths > 250) > 0.05


def test_ordinal_steps_go_both_ways():
    gene = OrdinalGene("units", range(101), 0)
    codes = np.full(4000, gene.encode(50))
    moved = move_steps(gene, codes, np.random.default_rng(0))
    assert np.mean(moved > codes) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("index", [0.1, 5.0, 100.0])
@pytest.mark.parametrize("code", [0.0, 1e-300, 0.3, 0.999, LAST_CODE])
def test_polynomial_mutation_stays_in_bounds(code, index):
    moved = polynomial(np.full(2000, code), index, np.random.default_rng(0))
    assert np.all(np.isfinite(moved))
    assert np.all((moved >= 0.0) & (moved < 1.0))


def test_polynomial_mutation_is_unbiased_in_the_middle():
    moved = polynomial(np.full(20000, 0.5), 5.0, np.random.default_rng(0))
    assert moved.mean() == pytest.approx(0.5, abs=0.003)
    assert np.mean(moved > 0.5) == pytest.approx(0.5, abs=0.02)


def test_a_larger_index_makes_smaller_changes():
    sizes = [
        np.abs(
            polynomial(np.full(4000, 0.5), i, np.random.default_rng(0)) - 0.5
        )
        for i in (1.0, 5.0, 50.0)
    ]
    assert sizes[0].mean() > sizes[1].mean() > sizes[2].mean()


def test_a_category_may_become_any_other_and_an_ordinal_stays_near():
    space = SearchSpace(
        [
            CategoricalGene("c", tuple(range(100)), 0),
            OrdinalGene("o", range(100), 0),
        ]
    )
    genomes = np.tile(space.encode({"c": 50, "o": 50}), (4000, 1))
    expressed = np.ones(genomes.shape, dtype=bool)
    mutants = MixedMutation()(
        genomes, expressed, space, np.random.default_rng(0)
    )
    moves = np.abs(mutants - genomes)
    category, ordinal = (column[column > 0] for column in moves.T)
    assert np.median(ordinal) < 0.1 < np.median(category)


@pytest.mark.parametrize("mutation", [MixedMutation, UniformMutation])
def test_as_many_genes_change_as_the_distribution_says(mutation):
    space = SearchSpace([ContinuousGene(f"x{i}", UNIT, 0.5) for i in range(40)])
    genomes = np.full((4000, 40), 0.5)
    expressed = np.ones(genomes.shape, dtype=bool)
    mutants = mutation(stop_probability=0.5)(
        genomes, expressed, space, np.random.default_rng(0)
    )
    changed = (mutants != genomes).sum(axis=1)
    # Geometric: P(1) = 1/2, P(2) = 1/4, mean 2.
    assert np.mean(changed == 1) == pytest.approx(0.5, abs=0.03)
    assert np.mean(changed == 2) == pytest.approx(0.25, abs=0.03)
    assert changed.mean() == pytest.approx(2.0, abs=0.1)


def test_stopping_at_once_changes_one_gene():
    space = SearchSpace(FINITE)
    genomes = np.tile(space.default_genome(), (200, 1))
    expressed = np.ones(genomes.shape, dtype=bool)
    mutants = UniformMutation(stop_probability=1.0)(
        genomes, expressed, space, np.random.default_rng(0)
    )
    assert np.all((mutants != genomes).sum(axis=1) == 1)


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: MixedMutation(stop_probability=0.0), "stop_probability=0.0"),
        (lambda: UniformMutation(stop_probability=1.5), "stop_probability=1.5"),
        (lambda: UniformMutation("often"), "probability=often"),
        (
            lambda: MixedMutation(distribution_index=-1),
            "distribution_index=-1",
        ),
    ],
)
def test_a_bad_argument_is_named(make, argument):
    name = argument.split("=")[0]
    with pytest.raises(ValueError, match=f"`{name}` must be .*{argument}"):
        make()
