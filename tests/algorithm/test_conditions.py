"""Conditions: values of active names, and values that make genes active."""

import pytest

from kt_evolution.algorithm.space.conditions import settle
from kt_evolution.algorithm.space.conditions import values_opening
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import OrdinalGene

MODEL = CategoricalGene("model", ("mlp", "cnn", "rnn"), "mlp")
MLP = (Condition("model", ("mlp",)),)
CNN = (Condition("model", ("cnn", "rnn")),)
# The same name in two branches, and a gene of the second branch.
GENES = [
    MODEL,
    OrdinalGene("units", (8, 16), 8, MLP),
    OrdinalGene("units", (16, 32), 32, CNN),
    OrdinalGene("kernel", (3, 5), 3, (*CNN, Condition("units", (16, 32)))),
]


def genes_named(name):
    return [gene for gene in GENES if gene.name == name]


@pytest.mark.parametrize(
    ("scope", "known", "opening"),
    [
        ([], {}, {}),
        ([("model", ["rnn", "mlp"])], {}, {"model": "rnn"}),
        # A value of both branches, and one of the second branch.
        ([("units", [16])], {}, {"model": "mlp", "units": 16}),
        ([("units", [32])], {}, {"model": "cnn", "units": 32}),
        # What is known, or was opened before, does not change.
        ([("units", [16])], {"model": "rnn"}, {"model": "rnn", "units": 16}),
        (
            [("model", ["cnn"]), ("units", [8, 16])],
            {},
            {"model": "cnn", "units": 16},
        ),
        (
            [("kernel", [5])],
            {"units": 16},
            {"model": "cnn", "units": 16, "kernel": 5},
        ),
        ([("units", [32])], {"model": "mlp"}, None),
        ([("model", ["mlp"]), ("units", [32])], {}, None),
        # No gene has the value, or the name.
        ([("units", [64])], {}, None),
        ([("units", [object()])], {}, None),
        ([("depth", [1])], {}, None),
    ],
)
def test_values_that_open_a_scope(scope, known, opening):
    assert values_opening(scope, genes_named, known) == opening


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0]])
def test_a_name_has_the_value_of_its_active_gene_in_any_order(order):
    asked = ["cnn", 8, 32, 5]
    values, active = settle(GENES, lambda i: asked[i], order, is_sorted=False)
    assert values == {"model": "cnn", "units": 32, "kernel": 5}
    assert active == {0, 2, 3}
