"""Spaces of hundreds and thousands of genes."""

import numpy as np
import pytest

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.genes import FixedGene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.scales import Scale
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.algorithm.surrogate import GaussianProcess
from kt_evolution.algorithm.surrogate.kernel import embed
from kt_evolution.algorithm.surrogate.kernel import same_distances
from kt_evolution.algorithm.surrogate.kernel import squared_distances
from kt_evolution.algorithm.surrogate.parameters import NUM_OWN_LENGTH_SCALES

UNIT = Scale(0.0, 1.0, "linear")


def floats(count):
    return SearchSpace(
        [ContinuousGene(f"x{i}", UNIT, 0.5) for i in range(count)]
    )


def mixed(count):
    """A switch, and genes of all kinds under it and beside it."""
    on = (Condition("on", (True,)),)
    genes = [CategoricalGene("on", (False, True), True)]
    for i in range(count // 4):
        genes += [
            ContinuousGene(f"rate_{i}", UNIT, 0.5, on),
            OrdinalGene(f"units_{i}", range(1, 65), 8),
            CategoricalGene(f"act_{i}", ("relu", "tanh", "gelu"), "relu", on),
            FixedGene(f"epochs_{i}", 3),
        ]
    return SearchSpace(genes)


def scored(space, size, score, seed=0):
    rng = np.random.default_rng([seed, size])
    history = History(space)
    for number, genome in enumerate(
        space.canonicalize(rng.random((size, space.num_genes)))
    ):
        history.add(Individual(genome, trial_id=str(number)))
        history.finish(str(number), Status.COMPLETED, [score(genome)])
    return history


def best_of(space, score, seed, surrogate, trials):
    """Returns the best score of a search, of a random one if None."""
    history = History(space)
    evolution = Evolution(surrogate=surrogate) if surrogate else None
    for number in range(trials):
        rng = np.random.default_rng([seed, number])
        genome, operator = rng.random(space.num_genes), "random"
        if evolution is not None:
            proposal = evolution.propose(history, rng, seed=seed)
            genome, operator = proposal.genome, proposal.operator
        history.add(Individual(genome, trial_id=str(number), operator=operator))
        history.finish(str(number), Status.COMPLETED, [score(genome)])
    return history.scores.min()


@pytest.mark.parametrize(
    "space",
    [
        floats(1000),
        mixed(1000),
        SearchSpace(
            [CategoricalGene(f"b{i}", (False, True), False) for i in range(900)]
        ),
        SearchSpace(
            [FixedGene(f"f{i}", i) for i in range(22_000)]
            + list(floats(3).genes)
        ),
    ],
    ids=["floats", "mixed", "booleans", "fixed"],
)
def test_a_proposal_is_new_and_the_same_whenever_it_is_asked_for(space):
    history = scored(space, 9, lambda genome: float(genome[-3:].sum()))
    first, again = (
        Evolution().propose(history, np.random.default_rng(7)) for _ in "ab"
    )
    np.testing.assert_array_equal(first.genome, again.genome)
    np.testing.assert_array_equal(
        space.canonicalize(first.genome[None])[0], first.genome
    )
    assert history.find(first.genome) < 0
    assert np.isfinite(first.prediction).all()


def test_initial_points_of_more_genes_than_a_sequence_has_dimensions():
    space = floats(22_000)
    history, evolution = History(space), Evolution(num_initial_points=3)
    points = []
    for number in range(3):
        proposal = evolution.propose(history, np.random.default_rng(0))
        points.append(proposal.genome)
        history.add(
            Individual(
                proposal.genome,
                trial_id=str(number),
                operator=proposal.operator,
            )
        )
    assert (points[0] == 0.5).all()
    assert abs(points[1].mean() - 0.5) < 0.02
    assert (points[1] != points[2]).mean() > 0.99


def test_only_genes_that_matter_have_length_scales_of_their_own():
    space = floats(400)
    matter = [3, 77, 399]
    history = scored(
        space, 90, lambda genome: float(((genome[matter] - 0.3) ** 2).sum())
    )
    posterior = GaussianProcess().fit(
        space, history.genomes, history.expressed, history.scores
    )
    weights = posterior.parameters[:-1]
    values, counts = np.unique(weights, return_counts=True)
    assert counts.max() == 400 - NUM_OWN_LENGTH_SCALES
    shared = values[counts.argmax()]
    assert set(np.argsort(-posterior.relevance)[:3]) == set(matter)
    assert (weights[matter] > shared).all()


def test_few_coordinates_keep_all_distances():
    points = np.random.default_rng(0).random((20, 300))
    few = same_distances(points)
    assert few.shape == (20, 20)
    np.testing.assert_allclose(
        squared_distances(few, few),
        squared_distances(points, points),
        atol=1e-9,
    )


def test_what_is_not_expressed_does_not_tell_individuals_apart():
    space = mixed(400)
    genomes = np.random.default_rng(0).random((2, space.num_genes))
    silent = np.zeros(genomes.shape, dtype=bool)
    points, features = embed(space, genomes, silent)
    np.testing.assert_array_equal(points[0], points[1])
    assert set(features) == set(np.flatnonzero(space.is_tunable))
    points, _ = embed(space, genomes, ~silent)
    assert (points[0] != points[1]).any()


def far_off(genome):
    """Returns the distance from a point, of few genes of many."""
    return float(((genome[::40] - 0.8) ** 2).sum())


def test_a_wide_search_is_better_than_a_random_one():
    space = floats(160)
    ours = best_of(space, far_off, 0, "gaussian_process", 40)
    assert ours < best_of(space, far_off, 0, None, 40)
