"""Reproduction: parents in, offspring out, by the operators of evolution."""

import dataclasses

import numpy as np

from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.operators.crossover import Crossover
from kt_evolution.algorithm.operators.mutation import Mutation
from kt_evolution.algorithm.operators.selection import Selection


@dataclasses.dataclass(frozen=True)
class Offspring:
    """Offspring as arrays, one row each.

    Args:
        genomes: Float array of shape `(n, num_genes)`, canonical codes.
        expressed: Bool array of the same shape, predicted without building
            the models.
        parents: Int array of shape `(n, 2)`, positions in the history. With
            one parent the second is -1, without parents both are.
        operators: Array of strings of shape `(n,)`, how each was made.
    """

    genomes: np.ndarray
    expressed: np.ndarray
    parents: np.ndarray
    operators: np.ndarray

    def __len__(self) -> int:
        return len(self.genomes)

    def take(self, rows: np.ndarray) -> "Offspring":
        """Returns the offspring of some rows."""
        return Offspring(
            self.genomes[rows],
            self.expressed[rows],
            self.parents[rows],
            self.operators[rows],
        )

    @staticmethod
    def joined(batches: list["Offspring"]) -> "Offspring":
        """Returns several batches of offspring as one."""
        return Offspring(
            np.concatenate([batch.genomes for batch in batches]),
            np.concatenate([batch.expressed for batch in batches]),
            np.concatenate([batch.parents for batch in batches]),
            np.concatenate([batch.operators for batch in batches]),
        )

    @staticmethod
    def of_history(history: History, positions: np.ndarray) -> "Offspring":
        """Returns individuals of the history, each its own parent."""
        parents = np.stack([positions, np.full_like(positions, -1)], axis=1)
        return Offspring(
            history.genomes[positions],
            history.expressed[positions],
            parents,
            np.full(len(positions), "", dtype=object),
        )

    @staticmethod
    def of_genomes(
        history: History,
        genomes: np.ndarray,
        operator: str,
        parents: np.ndarray | None = None,
    ) -> "Offspring":
        """Returns genomes that were made in one way.

        Args:
            history: The `History`, which predicts what they express.
            genomes: Float array of shape `(n, num_genes)`.
            operator: String, how they were made.
            parents: Int array of shape `(2,)`. Defaults to no parents.
        """
        if parents is None:
            parents = np.array([-1, -1])
        return Offspring(
            genomes,
            history.predict_expressed(genomes),
            np.tile(parents, (len(genomes), 1)),
            np.full(len(genomes), operator, dtype=object),
        )


class Reproduction:
    """Makes offspring of a population.

    Args:
        selection: The `Selection`.
        crossover: The `Crossover`.
        mutation: The `Mutation`.
    """

    def __init__(
        self, selection: Selection, crossover: Crossover, mutation: Mutation
    ) -> None:
        self.selection = selection
        self.crossover = crossover
        self.mutation = mutation

    def __call__(
        self,
        history: History,
        population: Offspring,
        scores: np.ndarray,
        num_offspring: int,
        rng: np.random.Generator,
    ) -> Offspring:
        """Returns offspring.

        Args:
            history: The `History`: its space, and which phenotypes are known.
            population: The `Offspring` from which parents are selected.
            scores: Float array, the population's scores, lower is better.
            num_offspring: Int, how many to make.
            rng: The source of randomness.
        """
        chosen = self.selection(scores, 2 * num_offspring, rng)
        first, second = chosen.reshape(num_offspring, 2).T
        crosses = rng.random(num_offspring) < self.crossover.probability
        crosses &= first != second
        children = population.genomes[first]
        expressed = population.expressed[first]
        if crosses.any():
            pairs = population.genomes[
                np.stack([first[crosses], second[crosses]], axis=1)
            ]
            crossed = self.crossover(pairs, history.space, rng)
            children[crosses] = history.space.canonicalize(crossed)
            expressed[crosses] = history.predict_expressed(children[crosses])
        mutates = rng.random(num_offspring) < self.mutation.probability
        mutates |= ~crosses
        # Children that equal a known individual are mutated as well.
        mutates |= [history.find(child) >= 0 for child in children]
        children[mutates] = self.mutation(
            children[mutates], expressed[mutates], history.space, rng
        )
        expressed[mutates] = history.predict_expressed(children[mutates])
        parents = population.parents[first].copy()
        parents[crosses, 1] = population.parents[second[crosses], 0]
        names = np.where(
            crosses,
            np.where(mutates, "crossover+mutation", "crossover"),
            "mutation",
        )
        return Offspring(children, expressed, parents, names.astype(object))
