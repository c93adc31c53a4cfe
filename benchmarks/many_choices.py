"""Searches the genes of `HyperCellNet` where drawn effects replace training.

Example:

```
python -m benchmarks.many_choices --trials 30 --seeds 20
```

Training random networks of cells takes minutes each, so the objective is drawn
with the seed: every value of every hyperparameter has an effect, most of them
small, and so has every operation each time that a cell has it. The scores of
random networks have the mean 0 and the standard deviation 1, larger is better.
A searcher is told the score with noise added, and judged by the true score of
the network with the best score that it was told.

The default values have no special effects: here they are a network like any
other. `nearest` is in how many hyperparameters the networks 6 to 12 differ from
the nearest one before them, on average.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
import numpy as np

from benchmarks import wide
from kt_evolution import nas
from kt_evolution.algorithm.space.genes import GridGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.keras_tuner_bridge.encoding import genes_of
from kt_evolution.nas.blocks.cells import OPERATIONS

NOISE = 0.5
# The logarithms of the sizes of effects: their mean and standard deviation.
EFFECTS = (-1.5, 1.2)
# How much an operation is worth wherever it stands, and in its place alone.
OPERATION, IN_PLACE = 0.45, 0.4
CHECKPOINTS = (12, 30, 100)
NUM_INITIAL, NUM_EARLY = 5, 12
# Of random networks, to which the scores are scaled.
NUM_SAMPLED = 1000
SEARCHERS = ("random", "evolution", "evolution-pure")


@functools.cache
def hyperparameters() -> kt.HyperParameters:
    """Returns the hyperparameters of `HyperCellNet` for small images."""
    hp = kt.HyperParameters()
    nas.HyperCellNet(input_shape=(32, 32, 3), num_classes=10, width=8).build(hp)
    return hp


@functools.cache
def space() -> SearchSpace:
    return SearchSpace(genes_of(hyperparameters().space))


class Effects:
    """An objective that is the sum of effects.

    Args:
        seed: Int, draws the effects.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 7])
        self._of_values: dict[str, dict[Any, float]] = {}
        self._of_codes: dict[str, tuple[float, float]] = {}
        self._of_operations: dict[tuple[str, Any], float] = {}
        for gene in space().genes:
            size = float(np.exp(rng.normal(*EFFECTS)))
            if not isinstance(gene, GridGene):
                self._of_codes[gene.name] = 3.0 * size, rng.uniform(0.2, 0.8)
                continue
            drawn = size * rng.normal(size=len(gene.values))
            if is_operation(gene.name):
                drawn *= IN_PLACE
            effects = drawn - drawn.mean()
            self._of_values[gene.name] = dict(
                zip(gene.values, effects.tolist(), strict=True)
            )
        for cell in ("normal", "reduction"):
            for operation in OPERATIONS:
                self._of_operations[cell, operation] = OPERATION * rng.normal()
        genomes = np.random.default_rng(0).random(
            (NUM_SAMPLED, len(space().genes))
        )
        sums = [
            self._sum(space().decode(genome))
            for genome in space().canonicalize(genomes)
        ]
        self._mean, self._std = float(np.mean(sums)), float(np.std(sums))

    def __call__(self, values: Mapping[str, Any]) -> float:
        """Returns the score of a network."""
        return (self._sum(values) - self._mean) / self._std

    def _sum(self, values: Mapping[str, Any]) -> float:
        total = 0.0
        for name, value in values.items():
            if name in self._of_codes:
                size, best = self._of_codes[name]
                (position,) = space().genes_named(name)
                code = space().genes[position].encode(value)
                total -= size * (code - best) ** 2
                continue
            total += self._of_values[name][value]
            if is_operation(name):
                total += self._of_operations[name.split("/")[0], value]
        return total


def is_operation(name: str) -> bool:
    return "operation" in name


@dataclasses.dataclass(frozen=True)
class Found:
    """What a search found.

    Args:
        scores: Float array, the true score of the best network so far.
        nearest: Float, see the module's docstring.
    """

    scores: np.ndarray
    nearest: float


def search(searcher: str, trials: int, seed: int) -> Found:
    effects = Effects(seed)
    told: list[float] = []
    true: list[float] = []
    tried: list[dict[str, Any]] = []

    def score(values: dict[str, Any]) -> float:
        noise = np.random.default_rng([seed, len(told), 3]).normal()
        true.append(effects(values))
        told.append(true[-1] + NOISE * noise)
        tried.append(values)
        # The oracles minimize.
        return -told[-1]

    oracle = wide.new_oracle(searcher, hyperparameters().copy(), trials, seed)
    wide.drive(oracle, trials, score)
    best = [int(np.argmax(told[: n + 1])) for n in range(trials)]
    changes = [
        min(_num_changes(tried[n], other) for other in tried[:n])
        for n in range(NUM_INITIAL, min(trials, NUM_EARLY))
    ]
    return Found(np.array(true)[best], float(np.mean(changes)))


def _num_changes(values: dict[str, Any], others: dict[str, Any]) -> int:
    names = values.keys() | others.keys()
    return sum(values.get(name) != others.get(name) for name in names)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Search the genes of `HyperCellNet` without training."
    )
    add = parser.add_argument
    add("--trials", type=int, default=30)
    add("--seeds", type=int, default=20)
    add("--searchers", nargs="+", choices=SEARCHERS, default=SEARCHERS)
    options = parser.parse_args(arguments)
    counts = [n for n in CHECKPOINTS if n <= options.trials]
    print(f"| searcher | {' | '.join(map(str, counts))} | nearest |")
    print(f"|---|{'---:|' * (len(counts) + 1)}")
    for searcher in options.searchers:
        found = [
            search(searcher, options.trials, seed)
            for seed in range(options.seeds)
        ]
        cells = []
        for n in counts:
            scores = np.array([one.scores[n - 1] for one in found])
            error = scores.std() / np.sqrt(len(scores))
            cells.append(f"{scores.mean():.2f} ± {error:.2f}")
        nearest = np.mean([one.nearest for one in found])
        print(
            f"| {searcher} | {' | '.join(cells)} | {nearest:.1f} |", flush=True
        )


if __name__ == "__main__":
    main()
