"""The benchmark on the genes of cells, whose effects are drawn."""

import numpy as np
import pytest

from benchmarks import many_choices

pytestmark = pytest.mark.later


def networks(number):
    space = many_choices.space()
    genomes = np.random.default_rng(1).random((number, space.num_genes))
    return [space.decode(genome) for genome in space.canonicalize(genomes)]


def test_random_networks_have_the_mean_0_and_the_deviation_1():
    effects = many_choices.Effects(0)
    scores = [effects(values) for values in networks(400)]
    assert np.mean(scores) == pytest.approx(0.0, abs=0.2)
    assert np.std(scores) == pytest.approx(1.0, abs=0.2)


def test_an_operation_is_worth_the_same_in_each_place(monkeypatch):
    monkeypatch.setattr(many_choices, "IN_PLACE", 0.0)
    effects = many_choices.Effects(0)
    (values,) = networks(1)

    def gain(node):
        name = f"normal/node_{node}/operation_1"
        scores = [
            effects({**values, name: operation})
            for operation in ("conv_3", "identity")
        ]
        return scores[1] - scores[0]

    assert gain(1) != 0.0
    assert gain(1) == pytest.approx(gain(4))


def searched(searcher):
    return many_choices.search(
        searcher,
        12,
        seed=0,
        objective=many_choices.Effects(0),
        hp=many_choices.hyperparameters(),
        noise=0.0,
    )


def test_a_search_is_judged_by_the_network_that_it_would_choose():
    found = searched("random")
    # Without noise that is the best one.
    assert np.all(np.diff(found.scores) >= 0.0)
    # Random networks share few of their choices.
    assert found.nearest > 20
    bred = searched("evolution")
    assert bred.nearest < found.nearest
