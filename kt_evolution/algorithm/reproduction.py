"""Breeding: parents in, offspring out. The operators, wired."""

import dataclasses

import numpy as np

from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.operators.crossover import Crossover
from kt_evolution.algorithm.operators.mutation import Mutation
from kt_evolution.algorithm.operators.selection import Selection


@dataclasses.dataclass(frozen=True)
class Litter:
    """Offspring as arrays, one row each.

    Args:
        genomes: Float array of shape `(n, num_genes)`, canonical codes.
        expressed: Bool array of the same shape, as far as it can be told
            without building the models.
        parents: Int array of shape `(n, 2)`, positions in the history; the
            second is -1 where there is one parent only, both where none.
        operators: Array of strings of shape `(n,)`, how each was made.
    """

    genomes: np.ndarray
    expressed: np.ndarray
    parents: np.ndarray
    operators: np.ndarray

    def __len__(self) -> int:
        return len(self.genomes)

    def take(self, rows: np.ndarray) -> "Litter":
        """Returns some of the offspring."""
        return Litter(
            self.genomes[rows],
            self.expressed[rows],
            self.parents[rows],
            self.operators[rows],
        )

    @staticmethod
    def joined(litters: list["Litter"]) -> "Litter":
        """Returns the offspring of several litters as one."""
        return Litter(
            np.concatenate([litter.genomes for litter in litters]),
            np.concatenate([litter.expressed for litter in litters]),
            np.concatenate([litter.parents for litter in litters]),
            np.concatenate([litter.operators for litter in litters]),
        )

    @staticmethod
    def of_history(history: History, positions: np.ndarray) -> "Litter":
        """Returns individuals of the history, each its own parent."""
        parents = np.stack([positions, np.full_like(positions, -1)], axis=1)
        return Litter(
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
    ) -> "Litter":
        """Returns genomes that were made in one way.

        Args:
            history: The `History`, which predicts what they express.
            genomes: Float array of shape `(n, num_genes)`.
            operator: String, how they were made.
            parents: Int array of shape `(2,)`. Defaults to no parents.
        """
        if parents is None:
            parents = np.array([-1, -1])
        return Litter(
            genomes,
            history.predict_expressed(genomes),
            np.tile(parents, (len(genomes), 1)),
            np.full(len(genomes), operator, dtype=object),
        )


class Breeder:
    """Breeds offspring of a population.

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
        population: Litter,
        scores: np.ndarray,
        num_offspring: int,
        rng: np.random.Generator,
    ) -> Litter:
        """Returns offspring.

        Args:
            history: The `History`: its space, and which phenotypes are known.
            population: The `Litter` that breeds.
            scores: Float array, the population's scores, lower is better.
            num_offspring: Int, how many to breed.
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
            children[crosses] = history.space.snap(crossed)
            expressed[crosses] = history.predict_expressed(children[crosses])
        mutates = rng.random(num_offspring) < self.mutation.probability
        mutates |= ~crosses
        # A child that is nothing new would be bred in vain.
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
        return Litter(children, expressed, parents, names.astype(object))
