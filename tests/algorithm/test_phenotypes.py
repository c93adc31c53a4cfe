"""The tree of phenotypes: what is known, and what is left of a space."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.phenotypes import PhenotypeTree
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.genes import FixedGene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.scales import Scale
from kt_evolution.algorithm.space.search_space import SearchSpace
from tests.algorithm.hypermodels import RandomHypermodel
from tests.algorithm.hypermodels import drain
from tests.algorithm.searches import with_options

UNIT = Scale(0.0, 1.0, "linear")
PAIR = SearchSpace(
    [
        OrdinalGene("layers", range(1, 4), 1),
        CategoricalGene("act", ("relu", "tanh"), "relu"),
    ]
)


def genome(layers, act="relu"):
    return PAIR.encode({"layers": layers, "act": act})


@given(
    seed=st.integers(0, 10**6),
    search_seed=st.integers(0, 99),
    surrogate=st.sampled_from([None, "gaussian_process"]),
)
@settings(max_examples=60)
def test_a_search_proposes_every_phenotype_once_then_none(
    seed, search_seed, surrogate
):
    hypermodel = RandomHypermodel(seed)
    evolution = with_options(
        Evolution(4, 3, surrogate=surrogate), seed=search_seed
    )
    proposed = drain(hypermodel, evolution, search_seed)
    assert len(proposed) == len(set(proposed))
    assert set(proposed) == hypermodel.phenotypes()


def test_an_empty_tree_knows_nothing():
    tree = PhenotypeTree(PAIR)
    assert tree.find(genome(2)) == -1
    assert tree.predict_path(genome(2)) == []
    np.testing.assert_array_equal(tree.nearest_new(genome(2)), genome(2))


def test_find_ignores_genes_that_were_not_asked_for():
    tree = PhenotypeTree(PAIR)
    tree.add(genome(1, "relu"), [0], 7)
    assert tree.find(genome(1, "tanh")) == 7
    assert tree.find(genome(2, "relu")) == -1


def test_the_first_of_equal_phenotypes_is_found():
    tree = PhenotypeTree(PAIR)
    tree.add(genome(1), [0, 1], 3)
    tree.add(genome(1), [0, 1], 4)
    assert tree.find(genome(1)) == 3


def test_nearest_new_changes_nothing_of_a_new_genome():
    tree = PhenotypeTree(PAIR)
    tree.add(genome(1, "relu"), [0, 1], 0)
    for new in (genome(1, "tanh"), genome(3, "relu")):
        np.testing.assert_array_equal(tree.nearest_new(new), new)


def test_nearest_new_takes_the_nearest_value_that_is_left():
    tree = PhenotypeTree(PAIR)
    tree.add(genome(1, "relu"), [0, 1], 0)
    np.testing.assert_array_equal(
        tree.nearest_new(genome(1, "relu")), genome(1, "tanh")
    )
    tree.add(genome(1, "tanh"), [0, 1], 1)
    np.testing.assert_array_equal(
        tree.nearest_new(genome(1, "relu")), genome(2, "relu")
    )


def test_nearest_new_leaves_its_argument_alone():
    tree = PhenotypeTree(PAIR)
    tree.add(genome(1), [0], 0)
    asked = genome(1)
    tree.nearest_new(asked)
    np.testing.assert_array_equal(asked, genome(1))


def test_a_space_is_finished_when_all_is_known():
    tree = PhenotypeTree(PAIR)
    tree.add(genome(1), [0], 0)
    tree.add(genome(2), [0], 1)
    for position, act in enumerate(("relu", "tanh"), start=2):
        assert tree.nearest_new(genome(1)) is not None
        tree.add(genome(3, act), [0, 1], position)
    assert tree.nearest_new(genome(1)) is None


def test_a_hypermodel_that_asks_nothing_has_one_phenotype():
    tree = PhenotypeTree(PAIR)
    tree.add(genome(1), [], 0)
    assert tree.find(genome(3, "tanh")) == 0
    assert tree.nearest_new(genome(3)) is None


def test_the_path_of_an_untried_value_is_that_of_the_nearest():
    tree = PhenotypeTree(PAIR)
    tree.add(genome(1), [0], 0)
    tree.add(genome(3), [0, 1], 1)
    assert tree.predict_path(genome(1)) == [0]
    assert tree.predict_path(genome(3, "tanh")) == [0, 1]
    # As near to both; the smaller one wins, always.
    assert tree.predict_path(genome(2)) == [0]


@pytest.mark.parametrize("start", [0.0, 0.3, 0.5, np.nextafter(1.0, 0.0)])
def test_a_continuous_gene_never_runs_out(start):
    space = SearchSpace([ContinuousGene("lr", UNIT, 0.5)])
    tree = PhenotypeTree(space)
    point = np.array([start])
    for position in range(40):
        new = tree.nearest_new(point)
        assert 0.0 <= new[0] < 1.0
        assert tree.find(new) == -1
        tree.add(new, [0], position)


def test_a_continuous_gene_whose_half_is_known_too():
    space = SearchSpace([ContinuousGene("lr", UNIT, 0.5)])
    tree = PhenotypeTree(space)
    for position, code in enumerate((0.5, 0.25)):
        tree.add(np.array([code]), [0], position)
    assert tree.find(tree.nearest_new(np.array([0.5]))) == -1


@pytest.mark.parametrize("bound", [1.0, 1.1])
def test_what_is_new_of_a_continuous_gene_has_another_value(bound):
    space = SearchSpace([ContinuousGene("x", Scale(1.0, 1.1, "linear"), 1.0)])
    tree = PhenotypeTree(space)
    values = set()
    # As often as a gap between floats can be halved, and more.
    for position in range(120):
        new = tree.nearest_new(space.encode({"x": bound}))
        values.add(space.decode(new)["x"])
        tree.add(new, [0], position)
    assert len(values) == 120


def test_a_build_that_asks_differently_for_equal_answers_is_let_pass():
    tree = PhenotypeTree(PAIR)
    tree.add(genome(1, "relu"), [0, 1], 0)
    tree.add(genome(1, "tanh"), [1, 0], 1)
    tree.add(genome(1, "relu"), [0], 2)
    assert tree.find(genome(1, "relu")) == 0
    assert tree.find(genome(1, "tanh")) == -1


def count_nodes(node):
    return 1 + sum(count_nodes(child) for child in node.children.values())


def test_many_genes_need_no_more_nodes_than_few():
    wide = SearchSpace(
        [ContinuousGene(f"x{i}", UNIT, 0.5) for i in range(2000)]
    )
    tree = PhenotypeTree(wide)
    rng = np.random.default_rng(0)
    genomes = [rng.random(2000)]
    for _ in range(19):
        child = genomes[rng.integers(len(genomes))].copy()
        child[rng.integers(2000)] = rng.random()
        genomes.append(child)
    for position, each in enumerate(genomes):
        tree.add(each, list(range(2000)), position)
    assert [tree.find(each) for each in genomes] == list(range(20))
    assert tree.predict_path(rng.random(2000)) == list(range(2000))
    assert count_nodes(tree._root) <= 2 * len(genomes)


def test_the_only_value_of_a_gene_tells_no_models_apart():
    space = SearchSpace(
        [
            FixedGene("optimizer", "adam"),
            CategoricalGene("act", ("relu", "tanh"), "relu"),
            FixedGene("epochs", 3),
        ]
    )
    tree = PhenotypeTree(space)
    relu, tanh = space.encode({"act": "relu"}), space.encode({"act": "tanh"})
    tree.add(relu, [0, 1, 2], 0)
    np.testing.assert_array_equal(tree.nearest_new(relu), tanh)
    tree.add(tanh, [0, 1, 2], 1)
    assert tree.nearest_new(relu) is None
    assert tree.find(tanh) == 1
