"""Keras Tuner's hyperparameters as genes, and the host's traps on the way."""

import itertools

import keras_tuner as kt
import numpy as np
import pytest

from kt_evolution.algorithm.space.declarations import SpaceError
from kt_evolution.algorithm.space.genes import native
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.keras_tuner_bridge.encoding import gene_of
from kt_evolution.keras_tuner_bridge.encoding import genes_of
from kt_evolution.keras_tuner_bridge.encoding import key_of

CLOSE_TO_ONE = float(np.nextafter(1.0, 0.0))


def declared(declare):
    """Returns the hyperparameter that a function of `hp` declares."""
    hp = kt.HyperParameters()
    declare(hp)
    return hp.space[-1]


def domain(gene):
    """Returns all values of a finite gene, in the order of their codes."""
    codes = gene.code_at(np.arange(int(gene.size)))
    return [gene.decode(float(code)) for code in codes]


GRIDS = {
    "boolean": (lambda hp: hp.Boolean("x"), [False, True]),
    "strings": (lambda hp: hp.Choice("x", ["b", "a"]), ["b", "a"]),
    "ordered ints": (lambda hp: hp.Choice("x", [64, 8, 128]), [8, 64, 128]),
    "unordered ints": (
        lambda hp: hp.Choice("x", [64, 8, 128], ordered=False),
        [64, 8, 128],
    ),
    "ordered floats": (lambda hp: hp.Choice("x", [0.5, 0.1]), [0.1, 0.5]),
    "unordered floats": (
        lambda hp: hp.Choice("x", [0.5, 0.1], ordered=False),
        [0.5, 0.1],
    ),
    "a choice listed twice": (lambda hp: hp.Choice("x", [1, 2, 1]), [1, 2]),
    "fixed": (lambda hp: hp.Fixed("x", "adam"), ["adam"]),
    "int": (lambda hp: hp.Int("x", 3, 6), [3, 4, 5, 6]),
    "int step": (lambda hp: hp.Int("x", 1, 8, step=3), [1, 4, 7]),
    "int log": (lambda hp: hp.Int("x", 1, 5, sampling="log"), [1, 2, 3, 4, 5]),
    "int log step": (
        lambda hp: hp.Int("x", 2, 32, step=2, sampling="log"),
        [2, 4, 8, 16, 32],
    ),
    "int log step past the end": (
        lambda hp: hp.Int("x", 1, 99, step=10, sampling="log"),
        [1, 10],
    ),
    "int reverse log": (
        lambda hp: hp.Int("x", 2, 5, sampling="reverse_log"),
        [2, 3, 4, 5],
    ),
    "int reverse log step": (
        lambda hp: hp.Int("x", 2, 40, step=2, sampling="reverse_log"),
        [2, 10, 26, 34, 38, 40],
    ),
    "one int": (lambda hp: hp.Int("x", 4, 4), [4]),
    "one int log": (lambda hp: hp.Int("x", 4, 4, sampling="log"), [4]),
    "float step": (
        lambda hp: hp.Float("x", 0.1, 0.7, step=0.2),
        [0.1, 0.3, 0.5, 0.7],
    ),
    "float log step": (
        lambda hp: hp.Float("x", 1e-3, 10, step=10, sampling="log"),
        [0.001, 0.01, 0.1, 1.0, 10.0],
    ),
    "float reverse log step": (
        lambda hp: hp.Float("x", 1.0, 100, step=10, sampling="reverse_log"),
        [1.0, 91.0, 100.0],
    ),
    "default between steps": (
        lambda hp: hp.Int("x", 0, 10, step=5, default=3),
        [0, 3, 5, 10],
    ),
    "float default between steps": (
        lambda hp: hp.Float("x", 0, 1, step=0.5, default=0.3),
        [0.0, 0.3, 0.5, 1.0],
    ),
}


@pytest.mark.parametrize("name", GRIDS)
def test_a_finite_domain_is_what_was_declared(name):
    declare, values = GRIDS[name]
    gene = gene_of(declared(declare))
    assert domain(gene) == values
    assert gene.size == len(values)


@pytest.mark.parametrize("name", GRIDS)
def test_every_grid_value_comes_back_as_itself(name):
    declare, values = GRIDS[name]
    gene = gene_of(declared(declare))
    for value in values:
        back = gene.decode(gene.encode(value))
        assert back == value
        assert type(back) is type(value)


@pytest.mark.parametrize("name", GRIDS)
def test_the_default_is_the_hosts(name):
    hp = declared(GRIDS[name][0])
    gene = gene_of(hp)
    assert gene.decode(gene.encode(gene.default)) == hp.default


@pytest.mark.parametrize("sampling", ["linear", "log", "reverse_log"])
def test_a_continuous_float_has_both_ends(sampling):
    hp = declared(lambda hp: hp.Float("x", 1e-4, 0.1, sampling=sampling))
    gene = gene_of(hp)
    assert gene.kind == "continuous"
    for value in (1e-4, 0.1):
        assert gene.decode(gene.encode(value)) == value
    inside = gene.decode(gene.encode(0.05))
    assert inside == pytest.approx(0.05, rel=1e-12)
    assert type(inside) is float
    assert hp.prob_to_value(0.3) == pytest.approx(gene.decode(0.3))


KINDS = {
    "boolean": "categorical",
    "strings": "categorical",
    "ordered ints": "ordinal",
    "unordered ints": "categorical",
    "fixed": "fixed",
    "int log": "ordinal",
    "float step": "ordinal",
}


@pytest.mark.parametrize("name", KINDS)
def test_kinds(name):
    assert gene_of(declared(GRIDS[name][0])).kind == KINDS[name]


# The host's own mappings, so that an upstream change is noticed.


def test_trap_the_host_never_gives_the_last_float_of_a_grid():
    hp = declared(lambda hp: hp.Float("x", 0, 1, step=0.1))
    assert hp.prob_to_value(CLOSE_TO_ONE) == 0.9
    assert hp.prob_to_value(hp.value_to_prob(0.5)) == pytest.approx(0.4)
    assert domain(gene_of(hp)) == [
        *(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    ]


def test_trap_the_host_stops_a_step_early():
    hp = declared(lambda hp: hp.Float("x", 0.1, 0.7, step=0.2))
    assert hp.prob_to_value(CLOSE_TO_ONE) == 0.5
    assert domain(gene_of(hp))[-1] == 0.7


def test_trap_the_host_leaves_a_log_domain_at_probability_one():
    hp = declared(lambda hp: hp.Int("x", 1, 5, sampling="log"))
    assert hp.prob_to_value(1.0) == 6
    assert gene_of(hp).decode(1.0) == 5


def test_trap_the_host_runs_reverse_log_steps_backwards():
    hp = declared(lambda hp: hp.Int("x", 2, 40, step=2, sampling="reverse_log"))
    probabilities = np.linspace(0, CLOSE_TO_ONE, 50)
    hosts = [hp.prob_to_value(p) for p in probabilities]
    assert hosts[0] > hosts[-1]
    assert min(hosts) == 10
    ours = [gene_of(hp).decode(p) for p in probabilities]
    assert ours == sorted(ours)
    assert min(ours) == 2


def test_trap_the_host_makes_choices_of_booleans_ordered_ints():
    hp = declared(lambda hp: hp.Choice("x", [True, False]))
    assert [type(value) for value in hp.values] == [int, int]
    assert hp.ordered
    gene = gene_of(hp)
    assert domain(gene) == [0, 1]
    # The user's own constants are found all the same.
    assert gene.decode(gene.encode(True)) == 1


def test_trap_the_host_calls_any_numbers_ordered():
    hp = declared(lambda hp: hp.Choice("x", [64, 8, 128]))
    assert hp.ordered
    assert hp.values == [64, 8, 128]
    assert domain(gene_of(hp)) == [8, 64, 128]


def test_trap_the_host_takes_any_default_and_a_step_of_zero():
    hp = declared(lambda hp: hp.Int("x", 1, 5, default=99))
    assert hp.default == 99
    with pytest.raises(SpaceError, match="'x'.*default=99"):
        gene_of(hp)
    hp = declared(lambda hp: hp.Int("x", 1, 5, step=0))
    with pytest.raises(SpaceError, match="'x'.*step=0"):
        gene_of(hp)


def test_trap_the_host_has_no_scope_on_an_outer_parent_within_a_scope():
    hp = kt.HyperParameters()
    hp.Int("layers", 0, 2)
    hp.Boolean("deep")
    with (
        hp.conditional_scope("layers", [1, 2]),
        pytest.raises(ValueError, match="deep not defined"),
        hp.conditional_scope("deep", [True]),
    ):
        pass


def test_trap_the_host_drops_a_live_value_of_a_name_in_two_scopes():
    hp = kt.HyperParameters()
    hp.Choice("model", ["mlp", "cnn"])
    for model in ("mlp", "cnn"):
        with hp.conditional_scope("model", [model]):
            hp.Int("units", 1, 3)
    hp.values = {"model": "mlp", "units": 2}
    space = SearchSpace(genes_of(hp.space))
    ours = space.decode(space.encode(hp.values))
    hp.ensure_active_values()
    assert hp.values == {"model": "mlp"}
    assert ours == {"model": "mlp", "units": 2}


def test_a_hyperparameter_of_another_kind_is_refused():
    with pytest.raises(SpaceError, match="must be a Boolean.*'nonsense'"):
        gene_of("nonsense")


def test_conditions_become_keys_that_tell_genes_apart():
    hp = kt.HyperParameters()
    hp.Choice("model", ["mlp", "cnn"])
    for model, low in (("mlp", 1), ("cnn", 100)):
        with hp.conditional_scope("model", [model]):
            hp.Int("units", low, low + 4)
            hp.Boolean("deep")
            with hp.conditional_scope("deep", [True]):
                hp.Int("extra", 0, 1)
    assert [key_of(one) for one in hp.space] == [
        "model",
        "units?model=['mlp']",
        "deep?model=['mlp']",
        "extra?model=['mlp']&deep=[True]",
        "units?model=['cnn']",
        "deep?model=['cnn']",
        "extra?model=['cnn']&deep=[True]",
    ]
    space = SearchSpace(genes_of(hp.space))
    for values in (
        {"model": "mlp", "units": 5, "deep": False},
        {"model": "cnn", "units": 104, "deep": True, "extra": 1},
    ):
        assert space.decode(space.encode(values)) == values


def test_our_active_is_the_hosts():
    hp = kt.HyperParameters()
    hp.Int("layers", 0, 2)
    with hp.conditional_scope("layers", [1, 2]):
        hp.Int("units", 1, 3)
        hp.Boolean("deep")
        with hp.conditional_scope("deep", [True]):
            hp.Int("extra", 1, 3)
    space = SearchSpace(genes_of(hp.space))
    for layers, deep in itertools.product(range(3), (False, True)):
        genome = space.encode({"layers": layers, "deep": deep})
        hp.values = space.decode(genome)
        assert space.active(genome[None])[0].tolist() == [
            hp.is_active(one) for one in hp.space
        ]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.int64(3), int),
        (np.float32(0.5), float),
        (np.bool_(True), bool),
        (np.str_("a"), str),
        (True, bool),
    ],
)
def test_native_values(value, kind):
    assert type(native(value)) is kind
    assert native(value) == value


def test_numpy_values_of_a_declaration_become_native():
    hp = kt.HyperParameters()
    hp.Choice("units", list(np.array(["a", "b"])))
    hp.Int("layers", np.int64(1), np.int64(3), default=np.int64(2))
    hp.Float("rate", np.float64(0.0), np.float64(1.0), step=np.float64(0.5))
    space = SearchSpace(genes_of(hp.space))
    values = space.decode(space.default_genome())
    assert [type(value) for value in values.values()] == [str, int, float]
