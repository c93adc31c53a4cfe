"""The priors of length scales, by hand, and what they are for."""

import math

import numpy as np
import pytest

from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import FixedGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.algorithm.surrogate import GaussianProcess
from kt_evolution.algorithm.surrogate.parameters import shift_of
from kt_evolution.algorithm.surrogate.parameters import spread_of


def choices(count, fixed=0):
    """Choices that have nothing in common, and genes with one value."""
    names = [
        chr(ord("a") + i // 26) + chr(ord("a") + i % 26) for i in range(count)
    ]
    genes = [CategoricalGene(name, tuple("pqrst"), "p") for name in names]
    genes += [FixedGene(f"fixed_{i}", i) for i in range(fixed)]
    return SearchSpace(genes)


def fitted(space, count, score, seed=0):
    """Returns a posterior of random individuals, and 200 other ones."""
    drawn = np.random.default_rng(seed).random((count + 200, space.num_genes))
    genomes = space.canonicalize(drawn)
    known, others = genomes[:count], genomes[count:]
    posterior = GaussianProcess().fit(
        space, known, np.ones(known.shape, dtype=bool), score(known)
    )
    return posterior, others


def test_the_prior_of_many_features_by_hand():
    # Four times as many features: a quarter of the weight, log(4) = 1.386294.
    assert shift_of(44) == pytest.approx(1.386294, abs=1e-6)
    # The square root of 1.5 ** 2 + 2 * 1.386294.
    assert spread_of(shift_of(44)) == pytest.approx(2.241113, abs=1e-6)
    # A weight is log-normal: its mean is exp(mean + variance / 2).
    for count in (11, 12, 44, 80):
        shift = shift_of(count)
        mean = math.exp(-1.0 - shift + spread_of(shift) ** 2 / 2.0)
        assert mean == pytest.approx(math.exp(-1.0 + 1.5**2 / 2.0))


def test_the_prior_of_few_features_is_not_shifted():
    for count in (0, 1, 10, 11):
        assert shift_of(count) == 0.0
    assert spread_of(0.0) == 1.5


@pytest.mark.parametrize(
    ("count", "fixed", "mean"),
    [(11, 0, -1.0), (44, 0, -1.0 - math.log(4.0)), (11, 33, -1.0)],
)
def test_genes_with_one_value_are_no_features(count, fixed, mean):
    space = choices(count, fixed)
    # One score says nothing about length scales: they are those of the prior.
    posterior, _ = fitted(space, 1, lambda genomes: genomes[:, 0])
    weights = posterior.parameters[: space.num_genes]
    np.testing.assert_allclose(weights, mean, atol=1e-6)


def test_learns_the_sum_of_many_effects_from_few_individuals():
    space = choices(40)
    found = []
    for seed in range(5):
        rng = np.random.default_rng([seed, 1])
        # Most effects are small, as those of hyperparameters are.
        sizes = np.exp(rng.normal(0.0, 1.2, size=(40, 1)))
        effects = sizes * rng.normal(size=(40, 5))

        def score(genomes, effects=effects):
            places = (genomes * 5).astype(int)
            return effects[np.arange(40), places].sum(axis=1)

        posterior, others = fitted(space, 30, score, seed)
        mean, _ = posterior.predict(others, np.ones(others.shape, dtype=bool))
        found.append(np.corrcoef(mean, score(others))[0, 1])
    assert np.mean(found) > 0.5
