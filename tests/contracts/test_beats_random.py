"""Evolution beats random search: a sign test over paired fixed seeds.

Both spend the same number of trials on the same function and seed. Of 20
pairs, 16 wins are p < 0.01. A draw counts as a loss.
"""

import math
import random

import keras_tuner as kt
import numpy as np
import pytest
from scipy.stats import binomtest

from kt_evolution import EvolutionOracle
from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.keras_tuner_bridge.encoding import genes_of

NUM_TRIALS = 150
# What a surrogate needs, whose proposals cost milliseconds.
NUM_SCREENED_TRIALS = 40
SEEDS = range(20)


def smooth_mixed(hp):
    """Declares genes of all kinds; returns a bowl over them."""
    hp.Float("lr", 1e-5, 1.0, sampling="log")
    hp.Float("dropout", 0.0, 0.9)
    hp.Float("momentum", 0.0, 1.0)
    hp.Int("units", 8, 512, sampling="log")
    hp.Int("layers", 1, 8)
    hp.Choice("act", ["relu", "tanh", "gelu", "elu"])
    hp.Boolean("norm")
    act = {"relu": 0.3, "tanh": 0.5, "gelu": 0.0, "elu": 0.2}

    def loss(values):
        return (
            (math.log10(values["lr"]) + 2.7) ** 2 / 4
            + (values["dropout"] - 0.35) ** 2
            + (values["momentum"] - 0.85) ** 2
            + math.log2(values["units"] / 150) ** 2 / 8
            + (values["layers"] - 5) ** 2 / 16
            + act[values["act"]]
            + (0.0 if values["norm"] else 0.2)
        )

    return loss


def rugged_categorical(hp):
    """Declares 12 choices; returns an NK landscape over them.

    Reference:
        Kauffman and Weinberger (1989), "The NK model of rugged fitness
        landscapes".
    """
    names = [f"op_{i}" for i in range(12)]
    for name in names:
        hp.Choice(name, ["conv", "pool", "skip", "none"], default="none")
    pairs = list(zip(names, names[1:] + names[:1], strict=True))

    def loss(values):
        return sum(
            random.Random(f"{name} {values[name]} {values[other]}").random()
            for name, other in pairs
        )

    return loss


def conditional(hp):
    """Declares three families with genes of their own, and nested ones."""
    models = ["mlp", "cnn", "rnn"]
    hp.Choice("model", models)
    for model in models:
        with hp.conditional_scope("model", [model]):
            hp.Int("layers", 1, 6)
            hp.Int(f"{model}_units", 8, 256, sampling="log")
            hp.Float("rate", 0.0, 1.0)
            hp.Choice(f"{model}_act", ["a", "b", "c", "d", "e"])
            with hp.conditional_scope("layers", [4, 5, 6]):
                hp.Int(f"{model}_skip", 1, 5)
    valley = {"mlp": 0.4, "cnn": 0.0, "rnn": 0.2}

    def loss(values):
        model = values["model"]
        return (
            valley[model]
            + (values["layers"] - 5) ** 2 / 16
            + math.log2(values[f"{model}_units"] / 90) ** 2 / 8
            + (values["rate"] - 0.7) ** 2
            + 0.1 * "cabde".index(values[f"{model}_act"])
            + abs(values.get(f"{model}_skip", 1) - 4) / 8
        )

    return loss


FUNCTIONS = [smooth_mixed, rugged_categorical, conditional]


def best_of_evolution(space, loss, seed, num_trials, **operators):
    evolution = Evolution(**operators)
    history = History(space)
    for number in range(num_trials):
        rng = np.random.default_rng([seed, number])
        proposal = evolution.propose(history, rng, seed=seed)
        history.add(
            Individual(
                proposal.genome,
                trial_id=str(number),
                operator=proposal.operator,
            )
        )
        score = loss(space.decode(proposal.genome))
        history.finish(str(number), Status.COMPLETED, [score])
    return history.scores.min()


def best_of_random(space, loss, seed, num_trials):
    """Returns the best of as many random points, the defaults among them."""
    rng = np.random.default_rng([seed, num_trials])
    genomes = rng.random((num_trials, space.num_genes))
    genomes[0] = space.default_genome()
    return min(
        loss(space.decode(genome)) for genome in space.canonicalize(genomes)
    )


def best_of_oracle(hp, loss, seed, direction, folder):
    """Runs the oracle as a tuner does, and returns its best loss."""
    sign = -1.0 if direction == "max" else 1.0
    oracle = EvolutionOracle(
        objective=kt.Objective("score", direction),
        max_trials=NUM_TRIALS,
        seed=seed,
        hyperparameters=hp,
        surrogate=None,
    )
    oracle.verbose = 0
    oracle._set_project_dir(folder / str(seed), "p")
    while True:
        trial = oracle.create_trial("tuner0")
        if trial.status == "STOPPED":
            return sign * oracle.get_best_trials()[0].score
        score = sign * loss(trial.hyperparameters.values)
        oracle.update_trial(trial.trial_id, {"score": score})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)


def assert_wins(search, function, name, num_trials=NUM_TRIALS):
    """Asserts that a search, `(hp, space, loss, seed) -> best`, wins."""
    hp = kt.HyperParameters()
    loss = function(hp)
    space = SearchSpace(genes_of(hp.space))
    wins = sum(
        search(hp, space, loss, seed)
        < best_of_random(space, loss, seed, num_trials)
        for seed in SEEDS
    )
    test = binomtest(wins, len(SEEDS), alternative="greater")
    print(f"{function.__name__}, {name}: {wins} wins, p = {test.pvalue:.1e}")
    assert test.pvalue < 0.01, f"{wins} wins of {len(SEEDS)}"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_evolution_beats_random_search(function):
    def search(hp, space, loss, seed):
        return best_of_evolution(space, loss, seed, NUM_TRIALS, surrogate=None)

    assert_wins(search, function, "minimized")


@pytest.mark.slow
def test_the_default_beats_random_search_in_few_trials():
    def search(hp, space, loss, seed):
        return best_of_evolution(space, loss, seed, NUM_SCREENED_TRIALS)

    assert_wins(search, smooth_mixed, "screened", NUM_SCREENED_TRIALS)


@pytest.mark.parametrize(
    "function",
    [
        smooth_mixed,
        pytest.param(rugged_categorical, marks=pytest.mark.slow),
        pytest.param(conditional, marks=pytest.mark.slow),
    ],
)
def test_the_oracle_beats_random_search_when_maximizing(function, tmp_path):
    def search(hp, space, loss, seed):
        return best_of_oracle(hp, loss, seed, "max", tmp_path)

    assert_wins(search, function, "maximized")


@pytest.mark.slow
def test_the_oracle_beats_random_search_when_minimizing(tmp_path):
    def search(hp, space, loss, seed):
        return best_of_oracle(hp, loss, seed, "min", tmp_path)

    assert_wins(search, smooth_mixed, "minimized by the oracle")
