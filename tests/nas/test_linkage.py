"""Crossover keeps the nodes of a cell whole."""

import keras
import numpy as np
import pytest

from kt_evolution import nas
from kt_evolution.algorithm.operators.crossover import CROSSOVERS
from tests.nas.nas_helpers import declared
from tests.nas.nas_helpers import search_space

NUM_PAIRS = 400


def build_cell(hp):
    inputs = keras.Input((4, 4, 2))
    cell = nas.Cell(filters=2)(hp, [inputs, inputs], "cell")
    return keras.Model(inputs, cell)


def whole_nodes(first, second, children, nodes):
    """Returns which part of the nodes that differ comes from one parent."""
    whole = total = 0
    for node in nodes:
        differs = (first[:, node] != second[:, node]).sum(axis=1) > 1
        rows = [parent[differs][:, node] for parent in (first, second)]
        child = children[differs][:, node]
        of_one = [(child == row).all(axis=1) for row in rows]
        whole += (of_one[0] | of_one[1]).sum()
        total += differs.sum()
    return whole / total


@pytest.mark.parametrize("name", CROSSOVERS)
def test_nodes_stay_whole_more_often_than_chance(name):
    space = search_space(declared(build_cell))
    names = [gene.name for gene in space.genes]
    nodes = [
        [
            i
            for i, each in enumerate(names)
            if each.startswith(f"cell/node_{n}/")
        ]
        for n in range(1, 5)
    ]
    assert [len(node) for node in nodes] == [4] * 4
    rng = np.random.default_rng(0)
    genomes = rng.random((2 * NUM_PAIRS, space.num_genes))
    first, second = np.split(space.canonicalize(genomes), 2)
    crossover = CROSSOVERS[name]()
    pairs = np.stack([first, second], axis=1)
    children = space.canonicalize(crossover(pairs, space, rng))
    by_chance = np.where(rng.random(first.shape) < 0.5, second, first)
    observed = whole_nodes(first, second, children, nodes)
    expected = whole_nodes(first, second, by_chance, nodes)
    assert expected < 0.3
    assert observed > expected + 0.25
