"""Genes: a value and its code stand for each other exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_evolution.algorithm.space.genes import LAST_CODE
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.genes import FixedGene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.genes import gene_key
from kt_evolution.algorithm.space.grids import FloatGrid
from kt_evolution.algorithm.space.integer_genes import IntegerGene
from kt_evolution.algorithm.space.scales import IntegerScale
from kt_evolution.algorithm.space.scales import Scale
from tests.algorithm.spaces import genes
from tests.algorithm.spaces import is_in_domain
from tests.algorithm.spaces import sure_values

CODES = st.floats(0.0, LAST_CODE)
SAMPLINGS = ["linear", "log", "reverse_log"]


@given(genes())
def test_decode_inverts_encode(gene):
    for value in sure_values(gene):
        decoded = gene.decode(gene.encode(value))
        assert decoded == value
        assert type(decoded) is type(value)


@given(genes())
def test_codes_lie_in_the_unit_interval(gene):
    assert all(0.0 <= gene.encode(v) < 1.0 for v in sure_values(gene))


@given(genes(), CODES)
def test_every_code_gives_a_native_value_of_the_domain(gene, code):
    assert is_in_domain(gene, gene.decode(code))


@given(genes(), st.lists(CODES, min_size=1, max_size=20))
def test_snap_keeps_the_value_and_snaps_once(gene, codes):
    codes = np.array(codes)
    canonical = gene.canonicalize(codes)
    assert [gene.decode(c) for c in canonical] == [
        gene.decode(c) for c in codes
    ]
    np.testing.assert_array_equal(gene.canonicalize(canonical), canonical)


@given(genes(finite=True))
def test_positions_and_codes_invert_each_other(gene):
    positions = np.arange(int(gene.size))
    codes = gene.code_at(positions)
    np.testing.assert_array_equal(gene.index(codes), positions)
    np.testing.assert_array_equal(gene.canonicalize(codes), codes)


@given(genes(finite=True))
def test_encoded_values_are_canonical(gene):
    codes = np.array([gene.encode(value) for value in sure_values(gene)])
    np.testing.assert_array_equal(gene.canonicalize(codes), codes)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@given(fraction=st.floats(0.0, 1.0))
def test_continuous_values_come_back(sampling, fraction):
    gene = ContinuousGene("lr", Scale(1e-4, 1e-1, sampling), 1e-4)
    value = 1e-4 + fraction * (1e-1 - 1e-4)
    back = gene.decode(gene.encode(min(value, 1e-1)))
    assert back == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_sampling_says_where_numbers_lie_close(sampling):
    gene = ContinuousGene("lr", Scale(1e-4, 1.0, sampling), 1e-4)
    middle = {"linear": 0.50005, "log": 1e-2, "reverse_log": 0.9901}
    assert gene.decode(0.5) == pytest.approx(middle[sampling])


def test_log_integers_own_the_part_of_the_scale_they_cover():
    gene = IntegerGene("units", IntegerScale(range(1, 1025), "log"), 1)
    small = np.mean(
        [gene.decode(code) <= 31 for code in np.linspace(0, 1, 999)]
    )
    assert small == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("high", [10**3, 10**6, 10**9])
@pytest.mark.parametrize("sampling", ["log", "reverse_log"])
def test_large_integers_come_back(high, sampling):
    gene = IntegerGene("n", IntegerScale(range(1, high + 1), sampling), 1)
    for value in (1, 2, 3, high // 2, high - 2, high - 1, high):
        assert gene.decode(gene.encode(value)) == value


def test_a_float_grid_has_the_round_numbers_that_its_user_means():
    assert list(FloatGrid(0.0, 1.0, 0.1)) == [
        *(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    ]
    assert list(FloatGrid(0.1, 0.7, 0.2)) == [0.1, 0.3, 0.5, 0.7]
    assert list(FloatGrid(0.0, 1.0, 0.3)) == [0.0, 0.3, 0.6, 0.9]


def test_a_fine_grid_costs_no_memory():
    grid = FloatGrid(0.0, 1e6, 1e-3)
    assert len(grid) == 10**9 + 1
    assert grid[-1] == 1e6
    assert grid.index(0.005) == 5


@pytest.mark.parametrize(
    ("gene", "value"),
    [
        (CategoricalGene("act", ("relu", "tanh"), "relu"), "gelu"),
        (OrdinalGene("units", range(8, 65, 8), 8), 12),
        (OrdinalGene("rate", FloatGrid(0.0, 0.5, 0.1), 0.0), 0.25),
        (OrdinalGene("rate", FloatGrid(0.0, 0.5, 0.1), 0.0), "much"),
        (ContinuousGene("lr", Scale(0.0, 1.0, "linear"), 0.0), 1.5),
        (ContinuousGene("lr", Scale(0.0, 1.0, "linear"), 0.0), "fast"),
        (ContinuousGene("lr", Scale(0.0, 1.0, "linear"), 0.0), float("nan")),
        (IntegerGene("n", IntegerScale(range(1, 9), "log"), 1), 9),
        (IntegerGene("n", IntegerScale(range(1, 9), "log"), 1), 2.5),
        (FixedGene("opt", "adam"), "sgd"),
    ],
)
def test_a_value_outside_the_domain_is_named(gene, value):
    with pytest.raises(ValueError, match=f"'{gene.name}'.*") as caught:
        gene.encode(value)
    assert repr(value) in str(caught.value)


def test_a_default_outside_the_domain_is_refused():
    with pytest.raises(ValueError, match="'act'.*Received: 'gelu'"):
        CategoricalGene("act", ("relu",), "gelu")


def test_a_gene_without_values_is_refused():
    with pytest.raises(ValueError, match="'act'.*must not be empty"):
        CategoricalGene("act", (), "relu")


def test_keys_tell_genes_of_one_name_apart():
    mlp = (Condition("model", ("mlp",)),)
    deep = (*mlp, Condition("layers", (2, 3)))
    assert gene_key("units", ()) == "units"
    assert gene_key("units", mlp) == "units?model=['mlp']"
    assert gene_key("units", deep) == "units?model=['mlp']&layers=[2, 3]"


def test_a_condition_on_a_missing_parent_does_not_hold():
    condition = Condition("model", ("mlp", "cnn"))
    assert condition.is_active({"model": "cnn"})
    assert not condition.is_active({"model": "rnn"})
    assert not condition.is_active({})
