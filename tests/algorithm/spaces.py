"""Random search spaces, and the values of their genes, for property tests."""

import numpy as np
from hypothesis import strategies as st

from kt_evolution.algorithm.space.genes import LAST_CODE
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.genes import FixedGene
from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.genes import gene_key
from kt_evolution.algorithm.space.grids import FloatGrid
from kt_evolution.algorithm.space.integer_genes import IntegerGene
from kt_evolution.algorithm.space.scales import IntegerScale
from kt_evolution.algorithm.space.scales import Scale
from kt_evolution.algorithm.space.search_space import SearchSpace

NAMES = ("a", "b", "c", "d", "e")


def sure_values(gene: Gene) -> list:
    """Returns all values of a finite gene, the ends of a continuous one."""
    if isinstance(gene, ContinuousGene):
        return [gene.scale.low, gene.scale.high]
    if isinstance(gene, IntegerGene):
        return list(range(gene.scale.low, gene.scale.high + 1))
    return list(gene.values)


def is_in_domain(gene: Gene, value: object) -> bool:
    if isinstance(gene, ContinuousGene):
        low, high = gene.scale.low, gene.scale.high
        return type(value) is float and low <= value <= high
    return any(
        value == known and type(value) is type(known)
        for known in sure_values(gene)
    )


def random_genomes(space: SearchSpace, n: int, seed: int = 0) -> np.ndarray:
    """Returns raw genomes, the least and the largest codes among them."""
    rng = np.random.default_rng(seed)
    genomes = rng.random((n, space.num_genes))
    genomes[rng.random(genomes.shape) < 0.1] = 0.0
    genomes[rng.random(genomes.shape) < 0.1] = LAST_CODE
    return genomes


@st.composite
def genes(draw, name="x", conditions=(), finite=False):
    """A gene of any kind."""
    kinds = [_categorical, _integers, _float_grid, _log_integers, _fixed]
    make = draw(st.sampled_from(kinds if finite else [*kinds, _continuous]))
    return make(draw, name, tuple(conditions))


@st.composite
def spaces(draw, finite=False, max_genes=8):
    """A space of nested conditional genes, some of one name, in any order."""
    made: list[Gene] = []
    for _ in range(draw(st.integers(0, max_genes))):
        name = draw(st.sampled_from(NAMES))
        # A name depends on names before it only, so there is no circle.
        parents = [gene for gene in made if gene.name < name]
        conditions: tuple[Condition, ...] = ()
        if parents and draw(st.booleans()):
            parent = draw(st.sampled_from(parents))
            allowed = draw(
                st.lists(
                    st.sampled_from(sure_values(parent)), min_size=1, max_size=3
                )
            )
            condition = Condition(parent.name, tuple(allowed))
            conditions = (*parent.conditions, condition)
        if gene_key(name, conditions) not in {gene.key for gene in made}:
            made.append(draw(genes(name, conditions, finite)))
    return SearchSpace(draw(st.permutations(made)))


def _categorical(draw, name, conditions):
    values = draw(
        st.sampled_from(
            [
                (False, True),
                ("relu", "tanh", "gelu"),
                (64, 8, 128),
                (0.5, 0.1),
                ("one",),
            ]
        )
    )
    default = draw(st.sampled_from(values))
    return CategoricalGene(name, values, default, conditions)


def _integers(draw, name, conditions):
    low = draw(st.integers(-10, 10))
    values = range(low, low + draw(st.integers(1, 40)), draw(st.integers(1, 7)))
    return OrdinalGene(name, values, draw(st.sampled_from(values)), conditions)


def _float_grid(draw, name, conditions):
    low = draw(st.sampled_from([-1.0, 0.0, 0.1, 100.0]))
    step = draw(st.sampled_from([0.05, 0.1, 0.2, 1 / 3, 2.5]))
    grid = FloatGrid(low, low + step * draw(st.integers(0, 12)), step)
    default = draw(st.sampled_from(list(grid)))
    return OrdinalGene(name, grid, default, conditions)


def _log_integers(draw, name, conditions):
    low = draw(st.integers(1, 20))
    high = low + draw(st.integers(0, 60))
    sampling = draw(st.sampled_from(["log", "reverse_log"]))
    scale = IntegerScale(range(low, high + 1), sampling)
    default = draw(st.integers(low, high))
    return IntegerGene(name, scale, default, conditions)


def _continuous(draw, name, conditions):
    sampling = draw(st.sampled_from(["linear", "log", "reverse_log"]))
    low = draw(st.sampled_from([1e-6, 0.1, 3.0]))
    high = low * draw(st.sampled_from([1.0, 1.5, 1e4]))
    scale = Scale(low, high, sampling)
    return ContinuousGene(name, scale, low, conditions)


def _fixed(draw, name, conditions):
    value = draw(st.sampled_from([True, 3, 0.5, "adam"]))
    return FixedGene(name, value, conditions)
