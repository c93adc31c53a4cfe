"""Searches without an oracle: a history, asked and told in turns."""

import functools
import types

import numpy as np

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
from tests.algorithm.hypermodels import hash_score

UNIT = Scale(0.0, 1.0, "linear")
# How offspring may be made where a surrogate chooses.
BRED = {"mutation", "crossover", "crossover+mutation", "neighbor", "random"}


def when(name, *values):
    return (Condition(name, values),)


MIXED = SearchSpace(
    [
        CategoricalGene("act", ("relu", "tanh", "gelu"), "tanh"),
        OrdinalGene("layers", range(1, 6), 2),
        ContinuousGene("lr", Scale(1e-4, 1e-1, "log"), 1e-3),
        FixedGene("batch", 32),
    ]
)
TWELVE = SearchSpace([MIXED.genes[0], OrdinalGene("units", range(4), 0)])
# Ten phenotypes in sixty genomes.
NESTED = SearchSpace(
    [
        CategoricalGene("model", ("mlp", "cnn", "none"), "mlp"),
        OrdinalGene("units", range(4), 0, when("model", "mlp")),
        OrdinalGene("kernel", range(5), 0, when("model", "cnn")),
    ]
)
# Too large to be enumerated.
BRANCHES = SearchSpace(
    [
        CategoricalGene("model", ("mlp", "cnn"), "mlp"),
        ContinuousGene("rate", UNIT, 0.5, when("model", "mlp")),
        OrdinalGene("units", range(9), 0, when("model", "mlp")),
        ContinuousGene("decay", UNIT, 0.5, when("model", "cnn")),
        OrdinalGene("kernel", range(9), 0, when("model", "cnn")),
    ]
)


def with_options(evolution, **options):
    """Returns an evolution whose proposals are made with some arguments."""
    return types.SimpleNamespace(
        propose=functools.partial(evolution.propose, **options)
    )


def ask(evolution, history, seed=0):
    """Proposes and adds the proposal, its trial running."""
    number = len(history)
    rng = np.random.default_rng([seed, number])
    proposal = evolution.propose(history, rng)
    if proposal is not None:
        parents = tuple(
            history.individuals[i].trial_id for i in proposal.parents
        )
        history.add(
            Individual(
                proposal.genome,
                trial_id=str(number),
                parents=parents,
                operator=proposal.operator,
            )
        )
    return proposal


def run(
    evolution,
    space,
    num_trials,
    seed=0,
    fails=lambda number: False,
    score=hash_score,
):
    """Searches; `score` is a function of the decoded values."""
    history = History(space)
    for number in range(num_trials):
        proposal = ask(evolution, history, seed)
        if proposal is None:
            break
        if fails(number):
            history.finish(str(number), Status.FAILED)
        else:
            value = score(space.decode(proposal.genome))
            history.finish(str(number), Status.COMPLETED, [value])
    return history


def phenotypes(history):
    return [str(history.space.decode(genome)) for genome in history.genomes]


def propose(evolution, history, seed=0):
    return evolution.propose(history, np.random.default_rng(seed))
