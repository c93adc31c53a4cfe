"""Small spaces and random histories for the surrogate's tests."""

import numpy as np
from hypothesis import strategies as st

from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from tests.algorithm.spaces import random_genomes
from tests.algorithm.spaces import spaces


def numeric_space(num_genes=2, size=11):
    return SearchSpace(
        [OrdinalGene(f"x{i}", range(size), default=0) for i in range(num_genes)]
    )


def mixed_space():
    return SearchSpace(
        [
            CategoricalGene("operation", ("conv", "pool", "skip"), "conv"),
            OrdinalGene("units", range(16), default=0),
            CategoricalGene("activation", ("relu", "tanh"), "relu"),
            OrdinalGene("layers", range(4), default=0),
        ]
    )


def cell_space(num_edges=4, operations=("conv", "pool", "skip", "none")):
    """The same choice on every edge: a family of genes."""
    return SearchSpace(
        [
            CategoricalGene(f"edge_{i}", operations, operations[0])
            for i in range(num_edges)
        ]
    )


def individuals(space, n, seed=0, p_expressed=0.7):
    """Returns snapped genomes, and random bits for what they express."""
    genomes = space.canonicalize(random_genomes(space, n, seed))
    rng = np.random.default_rng([seed, 1])
    return genomes, rng.random(genomes.shape) < p_expressed


def smooth_scores(genomes):
    return ((genomes - 0.3) ** 2).sum(axis=1)


@st.composite
def conditional_histories(draw, max_size=25):
    """A random space with individuals that express random genes of it."""
    space = draw(spaces())
    n = draw(st.integers(1, max_size))
    seed = draw(st.integers(0, 2**31))
    return space, *individuals(space, n, seed, draw(st.floats(0.0, 1.0)))
