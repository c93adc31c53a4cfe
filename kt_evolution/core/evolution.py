"""The search: a pure function from the history to the next proposal.

`Evolution.propose(history, rng)` keeps no state. First come the hypermodel's
defaults and points that fill the space evenly. Then survivors of the history
breed: selection, crossover, mutation, and of the offspring the first new one.
"""

import dataclasses

import numpy as np
from scipy.stats import qmc

from kt_evolution.core.checks import check_count
from kt_evolution.core.checks import resolve
from kt_evolution.core.genes import LAST_CODE
from kt_evolution.core.history import History
from kt_evolution.core.history import Status
from kt_evolution.operators.crossover import CROSSOVERS
from kt_evolution.operators.crossover import Crossover
from kt_evolution.operators.mutation import MUTATIONS
from kt_evolution.operators.mutation import Mutation
from kt_evolution.operators.selection import SELECTIONS
from kt_evolution.operators.selection import Selection
from kt_evolution.operators.survival import SURVIVALS
from kt_evolution.operators.survival import Survival

# How many offspring are bred before the nearest new genome is looked up.
NUM_OFFSPRING = 32


@dataclasses.dataclass(frozen=True)
class Proposal:
    """A genome to evaluate next, and how it was made.

    Args:
        genome: Float array of shape `(num_genes,)`, canonical codes.
        operator: String, for instance "initial" or "crossover+mutation".
        parents: Tuple of the parents' positions in the history.
        prediction: The mean and standard deviation of the score that the
            surrogate expects, or None.
    """

    genome: np.ndarray
    operator: str
    parents: tuple[int, ...] = ()
    prediction: tuple[float, float] | None = None


class Evolution:
    """Wires the operators of evolution to a proposal.

    Args:
        population_size: Int, how many individuals breed. Defaults to 20.
        num_initial_points: Int, how many individuals are sampled before the
            first is bred, the defaults included. Defaults to 10.
        selection: A `Selection` or its name. Defaults to "tournament".
        crossover: A `Crossover` or its name. Defaults to "uniform".
        mutation: A `Mutation` or its name. Defaults to "default".
        survival: A `Survival` or its name. Defaults to "elitist".
        seed: Int, scrambles the initial points. Defaults to 0.
    """

    def __init__(
        self,
        population_size: int = 20,
        num_initial_points: int = 10,
        selection: str | Selection = "tournament",
        crossover: str | Crossover = "uniform",
        mutation: str | Mutation = "default",
        survival: str | Survival = "elitist",
        seed: int = 0,
    ) -> None:
        self.population_size = check_count("population_size", population_size)
        self.num_initial_points = check_count(
            "num_initial_points", num_initial_points
        )
        self.selection = resolve("selection", selection, SELECTIONS, Selection)
        self.crossover = resolve("crossover", crossover, CROSSOVERS, Crossover)
        self.mutation = resolve("mutation", mutation, MUTATIONS, Mutation)
        self.survival = resolve("survival", survival, SURVIVALS, Survival)
        self.seed = seed

    def propose(
        self, history: History, rng: np.random.Generator
    ) -> Proposal | None:
        """Returns the next individual to evaluate.

        Args:
            history: The `History` so far; it is not changed.
            rng: The source of randomness of this proposal.

        Returns:
            A `Proposal` whose phenotype is not in the history, or None when
            every phenotype of the space is.
        """
        completed = history.positions(Status.COMPLETED)
        sampled = len(history) - len(history.positions(Status.REJECTED))
        if sampled < self.num_initial_points or not len(completed):
            return self._initial(history)
        population = completed[
            self.survival(history.scores[completed], self.population_size)
        ]
        offspring = self._breed(history, population, rng)
        for child in offspring:
            if history.find(child.genome) < 0:
                return child
        return _made_new(history, offspring[-1])

    def _initial(self, history: History) -> Proposal | None:
        """Returns the defaults first, then points of a scrambled sequence."""
        tried = sum(
            individual.operator in ("default", "initial")
            for individual in history.individuals
        )
        if not tried:
            genome = history.space.default_genome()
            return _made_new(history, Proposal(genome, "default"))
        genome = self._initial_point(history, tried - 1)
        return _made_new(history, Proposal(genome, "initial"))

    def _initial_point(self, history: History, number: int) -> np.ndarray:
        """Returns one point of a scrambled Sobol sequence.

        Reference:
            Owen (1998), "Scrambling Sobol' and Niederreiter-Xing points".
        """
        space = history.space
        sequence = qmc.Sobol(
            max(space.num_genes, 1), rng=np.random.default_rng(self.seed)
        )
        if number:
            sequence.fast_forward(number)
        point = np.minimum(sequence.random(1), LAST_CODE)
        return space.snap(point[:, : space.num_genes])[0]

    def _breed(
        self,
        history: History,
        population: np.ndarray,
        rng: np.random.Generator,
    ) -> list[Proposal]:
        """Returns mutated offspring of the population."""
        scores = history.scores[population]
        chosen = self.selection(scores, 2 * NUM_OFFSPRING, rng)
        parents = population[chosen].reshape(NUM_OFFSPRING, 2)
        crosses = rng.random(NUM_OFFSPRING) < self.crossover.probability
        crosses &= parents[:, 0] != parents[:, 1]
        children = history.genomes[parents[:, 0]]
        expressed = history.expressed[parents[:, 0]]
        if crosses.any():
            pairs = history.genomes[parents[crosses]]
            crossed = self.crossover(pairs, history.space, rng)
            children[crosses] = history.space.snap(crossed)
            expressed[crosses] = history.predict_expressed(children[crosses])
        mutates = rng.random(NUM_OFFSPRING) < self.mutation.probability
        mutates |= ~crosses
        # A child that is nothing new would be bred in vain.
        mutates |= [history.find(child) >= 0 for child in children]
        children[mutates] = self.mutation(
            children[mutates], expressed[mutates], history.space, rng
        )
        return [
            Proposal(
                child,
                _operator(crossed, mutated),
                tuple(int(p) for p in (pair if crossed else pair[:1])),
            )
            for child, crossed, mutated, pair in zip(
                children, crosses, mutates, parents, strict=True
            )
        ]


def _operator(crossed: bool, mutated: bool) -> str:
    if crossed:
        return "crossover+mutation" if mutated else "crossover"
    return "mutation"


def _made_new(history: History, proposal: Proposal) -> Proposal | None:
    """Returns the proposal with the nearest genome that is not known yet."""
    genome = history.nearest_new(proposal.genome)
    if genome is None:
        return None
    return dataclasses.replace(proposal, genome=genome)
