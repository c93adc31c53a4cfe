"""Searches spaces of many choices where drawn effects replace training.

Example:

```
python -m benchmarks.many_choices --trials 30 --seeds 0-19 \
    --spaces HyperCellNet HyperConvNet
```

Training random networks takes minutes each, so the objective is drawn with the
seed: every value of every hyperparameter has an effect, most of them small, and
so has every operation each time that a cell has it. The scores of random
networks have the mean 0 and the standard deviation 1, larger is better. A
searcher is told the score with noise added, and judged by the true score of the
network with the best score that it was told.

The default values have no special effects: here they are a network like any
other. `nearest` is in how many hyperparameters the networks 9 to 12 differ from
the nearest one before them, on average.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
import numpy as np

from benchmarks import tables
from benchmarks import wide
from benchmarks.race import parse_seeds
from kt_evolution import nas
from kt_evolution.algorithm.space.genes import GridGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.keras_tuner_bridge.encoding import genes_of
from kt_evolution.nas.blocks.cells import OPERATIONS

# The shapes for which the spaces are built.
SPACES = {
    "HyperCellNet": (32, 32, 3),
    "HyperConvNet": (28, 28, 1),
    "HyperMobileNet": (32, 32, 3),
    "HyperSeriesNet": (60, 2),
}
NOISE = 0.5
# The logarithms of the sizes of effects: their mean and standard deviation.
EFFECTS = (-1.5, 1.2)
# How much an operation is worth wherever it stands, and in its place alone.
OPERATION, IN_PLACE = 0.45, 0.4
CHECKPOINTS = (12, 30, 100)
NUM_INITIAL, NUM_EARLY = 8, 12
# Of random networks, to which the scores are scaled.
NUM_SAMPLED = 1000
SEARCHERS = ("random", "evolution", "evolution-pure")


@functools.cache
def hyperparameters(name: str = "HyperCellNet") -> kt.HyperParameters:
    """Returns the hyperparameters of a ready space for small inputs."""
    hp = kt.HyperParameters()
    getattr(nas, name)(SPACES[name], num_classes=10, width=8).build(hp)
    return hp


@functools.cache
def space(name: str = "HyperCellNet") -> SearchSpace:
    return SearchSpace(genes_of(hyperparameters(name).space))


class Effects:
    """An objective that is the sum of effects.

    Args:
        seed: Int, draws the effects.
        name: String, the space. Defaults to that of cells.
    """

    def __init__(self, seed: int, name: str = "HyperCellNet") -> None:
        rng = np.random.default_rng([seed, 7])
        self._space = space(name)
        self._of_values: dict[str, dict[Any, float]] = {}
        self._of_codes: dict[str, tuple[float, float]] = {}
        self._of_operations: dict[tuple[str, Any], float] = {}
        for gene in self._space.genes:
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
            (NUM_SAMPLED, self._space.num_genes)
        )
        sums = [
            self._sum(self._space.decode(genome))
            for genome in self._space.canonicalize(genomes)
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
                (position,) = self._space.genes_named(name)
                code = self._space.genes[position].encode(value)
                total -= size * (code - best) ** 2
                continue
            total += self._of_values[name][value]
            if is_operation(name):
                total += self._of_operations[name.split("/")[0], value]
        return total


def is_operation(name: str) -> bool:
    """Whether a hyperparameter is the operation of a cell's node."""
    return "/node_" in name and "operation" in name


@dataclasses.dataclass(frozen=True)
class Found:
    """What a search found.

    Args:
        scores: Float array, the true score of the best network so far.
        nearest: Float, see the module's docstring.
    """

    scores: np.ndarray
    nearest: float


def search(
    searcher: str,
    trials: int,
    seed: int,
    objective: Callable[[Mapping[str, Any]], float],
    hp: kt.HyperParameters,
    noise: float,
) -> Found:
    """Runs a search without training.

    Args:
        searcher: String, one of `SEARCHERS`.
        trials: Int.
        seed: Int, that of the search and of the noise.
        objective: Function of the values of a network, its true score.
        hp: The `keras_tuner.HyperParameters` of the space.
        noise: Float, its standard deviation.
    """
    told: list[float] = []
    true: list[float] = []
    tried: list[dict[str, Any]] = []

    def score(values: dict[str, Any]) -> float:
        drawn = np.random.default_rng([seed, len(told), 3]).normal()
        true.append(objective(values))
        told.append(true[-1] + noise * drawn)
        tried.append(values)
        # The oracles minimize.
        return -told[-1]

    oracle = wide.new_oracle(searcher, hp.copy(), trials, seed)
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


def row(title: str, found: Sequence[Found], checkpoints: Sequence[int]) -> str:
    """Returns a row of a table: means over seeds, and their errors."""
    cells = [
        tables.mean_and_error([one.scores[n - 1] for one in found], 2)
        for n in checkpoints
    ]
    nearest = np.mean([one.nearest for one in found])
    return f"| {title} | {' | '.join(cells)} | {nearest:.1f} |"


def header(title: str, checkpoints: Sequence[int]) -> str:
    """Returns the head of such a table."""
    columns = " | ".join(map(str, checkpoints))
    lines = "---:|" * (len(checkpoints) + 1)
    return f"| {title} | {columns} | nearest |\n|---|{lines}"


def checkpoints_until(trials: int) -> list[int]:
    return [n for n in CHECKPOINTS if n <= trials]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Search spaces of many choices without training."
    )
    add = parser.add_argument
    add("--trials", type=int, default=30)
    add("--seeds", type=parse_seeds, default=list(range(20)))
    add("--searchers", nargs="+", choices=SEARCHERS, default=SEARCHERS)
    add("--spaces", nargs="+", choices=SPACES, default=["HyperCellNet"])
    options = parser.parse_args(arguments)
    checkpoints = checkpoints_until(options.trials)
    for name in options.spaces:
        print(header(f"{name}, searcher", checkpoints))
        for searcher in options.searchers:
            found = [
                search(
                    searcher,
                    options.trials,
                    seed,
                    Effects(seed, name),
                    hyperparameters(name),
                    NOISE,
                )
                for seed in options.seeds
            ]
            print(row(searcher, found, checkpoints), flush=True)


if __name__ == "__main__":
    main()
