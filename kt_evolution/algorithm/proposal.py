"""Proposals: which individual is trained next, for how long, and its origin."""

import dataclasses

import numpy as np

from kt_evolution.algorithm.fidelity.successive_halving import Step
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.reproduction import Offspring

PROMOTION = "promotion"
# How many offspring are made before the nearest new genome is looked up.
NUM_TRIED = 8


@dataclasses.dataclass(frozen=True)
class Proposal:
    """A genome to evaluate next, and how it was made.

    Args:
        genome: Float array of shape `(num_genes,)`, canonical codes.
        operator: String, for instance "initial" or "crossover+mutation".
        parents: Tuple of the parents' positions in the history.
        prediction: The predicted mean and standard deviation of the score, or
            None.
        user_index: Int, its position in the user's initial population, or
            None.
        reevaluates: Int, the position of the individual that is to be trained
            again, or None.
        epochs: Int, the epoch to which the individual is trained, counted from
            the start of its training; None for the last one, without a
            fidelity.
        promotes: Int, the position of the paused individual whose training
            goes on, or None.
    """

    genome: np.ndarray
    operator: str
    parents: tuple[int, ...] = ()
    prediction: tuple[float, float] | None = None
    user_index: int | None = None
    reevaluates: int | None = None
    epochs: int | None = None
    promotes: int | None = None

    @classmethod
    def of_offspring(cls, offspring: Offspring, row: int) -> "Proposal":
        """Returns the proposal of one of several offspring."""
        # Two offspring of one individual may be crossed: it is one parent.
        parents = tuple(
            dict.fromkeys(int(p) for p in offspring.parents[row] if p >= 0)
        )
        return cls(
            offspring.genomes[row], str(offspring.operators[row]), parents
        )

    @classmethod
    def of_promotion(cls, history: History, step: Step) -> "Proposal | None":
        """Returns the promotion of a step, None if the step is none."""
        if step.promotes is None:
            return None
        return cls(
            history.genomes[step.promotes],
            PROMOTION,
            (step.promotes,),
            epochs=step.epochs,
            promotes=step.promotes,
        )


def first_new(history: History, offspring: Offspring) -> Proposal | None:
    """Returns the first new offspring, or a new genome near the last one."""
    for row, genome in enumerate(offspring.genomes):
        if history.find(genome) < 0:
            return Proposal.of_offspring(offspring, row)
    return made_new(history, Proposal.of_offspring(offspring, -1))


def made_new(history: History, proposal: Proposal) -> Proposal | None:
    """Returns the proposal with the nearest new genome, if there is one."""
    genome = history.nearest_new(proposal.genome)
    if genome is None:
        return None
    return dataclasses.replace(proposal, genome=genome)
