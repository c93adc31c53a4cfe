"""Spaces: genomes to values and back, whatever the conditions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.scales import Scale
from kt_evolution.algorithm.space.search_space import SearchSpace
from tests.algorithm.spaces import is_in_domain
from tests.algorithm.spaces import random_genomes
from tests.algorithm.spaces import spaces
from tests.algorithm.spaces import sure_values


def when(parent, *values):
    return (Condition(parent, values),)


@st.composite
def spaces_and_genomes(draw):
    """A space and a genome of values that have an exact code."""
    space = draw(spaces())
    codes = [
        gene.encode(draw(st.sampled_from(sure_values(gene))))
        for gene in space.genes
    ]
    return space, np.array(codes)


@given(spaces_and_genomes())
def test_decode_inverts_encode_on_active_values(drawn):
    space, genome = drawn
    values = space.decode(genome)
    again = space.decode(space.encode(values))
    assert again == values
    assert list(again) == list(values)
    assert [type(v) for v in again.values()] == [
        type(v) for v in values.values()
    ]


@given(spaces_and_genomes())
def test_encode_gives_active_genes_their_codes(drawn):
    space, genome = drawn
    active = space.active(genome[None])[0]
    encoded = space.encode(space.decode(genome))
    np.testing.assert_array_equal(encoded[active], genome[active])


@given(spaces(), st.integers(0, 99))
def test_active_agrees_with_decode(space, seed):
    genomes = random_genomes(space, 5, seed)
    for genome, active in zip(genomes, space.active(genomes), strict=True):
        told = {
            gene.name: gene.decode(code)
            for gene, code, is_active in zip(
                space.genes, genome, active, strict=True
            )
            if is_active
        }
        assert told == space.decode(genome)


@given(spaces(), st.integers(0, 99))
def test_each_name_has_one_active_gene_at_most(space, seed):
    for active in space.active(random_genomes(space, 5, seed)):
        names = [space.genes[i].name for i in np.flatnonzero(active)]
        assert len(names) == len(set(names))


@given(spaces(), st.integers(0, 99))
def test_a_gene_is_active_only_where_its_conditions_hold(space, seed):
    genomes = random_genomes(space, 5, seed)
    for genome, active in zip(genomes, space.active(genomes), strict=True):
        values = space.decode(genome)
        for i in np.flatnonzero(active):
            conditions = space.genes[i].conditions
            assert all(condition.is_active(values) for condition in conditions)


@given(spaces(), st.integers(0, 99))
def test_decoded_values_are_native_and_in_the_domain(space, seed):
    for genome in random_genomes(space, 5, seed):
        active = space.active(genome[None])[0]
        values = space.decode(genome)
        for i in np.flatnonzero(active):
            assert is_in_domain(space.genes[i], values[space.genes[i].name])


@given(spaces(), st.integers(0, 99))
def test_snap_keeps_values_and_snaps_once(space, seed):
    genomes = random_genomes(space, 5, seed)
    before = genomes.copy()
    canonicalized = space.canonicalize(genomes)
    np.testing.assert_array_equal(genomes, before)
    np.testing.assert_array_equal(
        space.canonicalize(canonicalized), canonicalized
    )
    for raw, canonical in zip(genomes, canonicalized, strict=True):
        assert space.decode(raw) == space.decode(canonical)


@given(spaces())
def test_the_default_genome_has_the_defaults(space):
    genome = space.default_genome()
    active = space.active(genome[None])[0]
    values = space.decode(genome)
    for i in np.flatnonzero(active):
        assert values[space.genes[i].name] == space.genes[i].default
    assert space.decode(space.encode({})) == values


@given(spaces())
def test_extending_keeps_the_positions_of_old_genes(space):
    larger = space.extended([OrdinalGene("new", range(3), 0)])
    assert larger.genes[:-1] == space.genes
    for key, position in space.position.items():
        assert larger.position[key] == position


def test_of_two_active_genes_of_one_name_the_first_has_its_say():
    space = SearchSpace(
        [
            CategoricalGene("model", ("mlp", "cnn"), "mlp"),
            OrdinalGene("units", range(3), 0, when("model", "mlp", "cnn")),
            OrdinalGene("units", range(9), 8, when("model", "cnn")),
        ]
    )
    genome = space.encode({"model": "cnn", "units": 2})
    assert space.decode(genome) == {"model": "cnn", "units": 2}
    np.testing.assert_array_equal(
        space.active(genome[None]), [[True, True, False]]
    )


def test_one_name_under_two_conditions_has_two_domains():
    space = SearchSpace(
        [
            OrdinalGene("units", range(100, 105), 100, when("model", "cnn")),
            OrdinalGene("units", range(1, 5), 1, when("model", "mlp")),
            CategoricalGene("model", ("mlp", "cnn"), "mlp"),
        ]
    )
    for values in (
        {"model": "mlp", "units": 4},
        {"model": "cnn", "units": 104},
    ):
        assert space.decode(space.encode(values)) == values
    with pytest.raises(ValueError, match="'units'.*Received: 104"):
        space.encode({"model": "mlp", "units": 104})


def test_a_dormant_gene_takes_its_default_for_a_value_it_cant_have():
    space = SearchSpace(
        [
            CategoricalGene("model", ("mlp", "cnn"), "mlp"),
            OrdinalGene("layers", range(3), 1, when("model", "cnn")),
        ]
    )
    genome = space.encode({"model": "mlp", "layers": 77})
    assert space.genes[1].decode(genome[1]) == 1


def test_a_child_may_stand_before_its_parent():
    space = SearchSpace(
        [
            OrdinalGene("deep", range(3), 0, when("layers", 2)),
            OrdinalGene("layers", range(3), 0, when("model", "cnn")),
            CategoricalGene("model", ("mlp", "cnn"), "mlp"),
        ]
    )
    values = {"deep": 2, "layers": 2, "model": "cnn"}
    assert space.decode(space.encode(values)) == values
    assert space.decode(space.encode({"layers": 2})) == {"model": "mlp"}
    np.testing.assert_array_equal(space.condition_parents, [1, 2, -1])


def test_conditions_in_a_circle_are_refused():
    genes = [
        OrdinalGene("a", range(2), 0, when("b", 1)),
        OrdinalGene("b", range(2), 0, when("a", 1)),
    ]
    with pytest.raises(ValueError, match="'a' depend on itself"):
        SearchSpace(genes)


def two_orders():
    """One branch asks for b inside of a, the other for a inside of b."""
    ab, ba = Condition("order", ("ab",)), Condition("order", ("ba",))
    return [
        CategoricalGene("order", ("ab", "ba"), "ab"),
        CategoricalGene("a", (False, True), True, (ab,)),
        OrdinalGene("b", range(3), 1, (ab, Condition("a", (True,)))),
        OrdinalGene("b", range(9), 8, (ba,)),
        CategoricalGene("a", (False, True), True, (ba, Condition("b", (8,)))),
    ]


@pytest.mark.parametrize("seed", range(6))
def test_two_branches_may_have_the_same_names_in_both_orders(seed):
    genes = two_orders()
    # Over gRPC a child may come before its parent.
    shuffled = np.random.default_rng(seed).permutation(len(genes))
    space = SearchSpace(genes[i] for i in shuffled)
    for values in (
        {"order": "ab", "a": True, "b": 2},
        {"order": "ab", "a": False},
        {"order": "ba", "b": 8, "a": False},
        {"order": "ba", "b": 3},
    ):
        genome = space.encode(values)
        assert space.decode(genome) == values
        active = space.active(genome[None])[0]
        assert {space.genes[i].name for i in np.flatnonzero(active)} == set(
            values
        )
    for genome in random_genomes(space, 20, seed):
        active = space.active(genome[None])[0]
        names = [space.genes[i].name for i in np.flatnonzero(active)]
        assert sorted(names) == sorted(space.decode(genome))
    for i, gene in enumerate(space.genes):
        if gene.conditions:
            parent = space.genes[space.condition_parents[i]]
            assert parent.conditions == gene.conditions[:-1]


def test_three_names_that_turn_in_a_circle_of_branches():
    def chain(branch, *names):
        conditions = [Condition("branch", (branch,))]
        for name in names:
            yield OrdinalGene(name, range(2), 0, tuple(conditions))
            conditions.append(Condition(name, (1,)))

    space = SearchSpace(
        [
            *chain(0, "x", "y", "z"),
            *chain(1, "y", "z", "x"),
            *chain(2, "z", "x", "y"),
            OrdinalGene("branch", range(3), 0),
        ]
    )
    for branch in range(3):
        values = {"branch": branch, "x": 1, "y": 1, "z": 1}
        assert space.decode(space.encode(values)) == values
    assert space.decode(space.encode({"branch": 1, "y": 1})) == {
        "branch": 1,
        "y": 1,
        "z": 0,
    }


def test_a_name_asked_for_again_inside_of_what_it_opens():
    # hp.Boolean("a"), under it hp.Boolean("b"), under that "a" once more.
    space = SearchSpace(
        [
            CategoricalGene("a", (False, True), False),
            CategoricalGene("b", (False, True), False, when("a", True)),
            CategoricalGene("a", (False, True), False, when("b", True)),
        ]
    )
    for values in ({"a": False}, {"a": True, "b": True}):
        genome = space.encode(values)
        assert space.decode(genome) == values
        active = space.active(genome[None])[0]
        assert active.tolist() == [True, len(values) == 2, False]


def test_a_circle_that_either_end_may_open():
    # Which name comes first differs by values that no condition tells.
    space = SearchSpace(
        [
            OrdinalGene("p", range(2), 0),
            OrdinalGene("q", range(2), 0),
            OrdinalGene("b", range(2), 0, when("a", 1)),
            OrdinalGene("a", range(2), 0, when("p", 1)),
            OrdinalGene("a", range(2), 0, when("b", 1)),
            OrdinalGene("b", range(2), 0, when("q", 1)),
        ]
    )
    for values in (
        {"p": 0, "q": 0},
        {"p": 1, "q": 0, "b": 1, "a": 1},
        {"p": 0, "q": 1, "b": 1, "a": 0},
        {"p": 1, "q": 1, "b": 0, "a": 0},
    ):
        genome = space.encode(values)
        assert space.decode(genome) == values
        active = space.active(genome[None])[0]
        assert sum(active) == len(values)


def test_genes_of_one_key_are_refused():
    with pytest.raises(ValueError, match="distinct keys. Received: 'a' twice"):
        SearchSpace([OrdinalGene("a", range(n), 0) for n in (2, 3)])


def test_a_condition_on_an_unknown_parent_never_holds():
    space = SearchSpace([OrdinalGene("a", range(2), 0, when("nobody", 1))])
    assert space.decode(space.default_genome()) == {}
    assert not space.active(space.default_genome()[None]).any()


def test_genes_of_a_continuous_parent():
    space = SearchSpace(
        [
            ContinuousGene("rate", Scale(0.0, 1.0, "linear"), 0.0),
            OrdinalGene("steps", range(3), 0, when("rate", 1.0)),
        ]
    )
    assert space.decode(space.encode({"rate": 1.0, "steps": 2})) == {
        "rate": 1.0,
        "steps": 2,
    }
    assert space.decode(space.encode({"rate": 0.5})) == {"rate": 0.5}


def test_a_family_is_one_choice_made_several_times():
    def choice(name, values=("conv", "pool")):
        return CategoricalGene(name, values, values[0])

    space = SearchSpace(
        [
            choice("cell_1/edge_10"),
            OrdinalGene("units_1", range(4), default=0),
            choice("activation"),
            choice("cell_2/edge_3"),
            OrdinalGene("units_2", range(4), default=0),
            choice("cell_2/edge_4", ("conv", "pool", "skip")),
            choice("norm_1", ("batch",)),
            choice("norm_2", ("batch",)),
        ]
    )
    assert [choice.tolist() for choice in space.repeated_choices] == [[0, 3]]


def test_a_space_without_genes():
    space = SearchSpace()
    assert space.decode(space.default_genome()) == {}
    assert space.active(np.empty((3, 0))).shape == (3, 0)
    assert space.canonicalize(np.empty((3, 0))).shape == (3, 0)
