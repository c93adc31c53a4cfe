"""Searches with a fidelity, on learning curves that are computed."""

import numpy as np

from kt_evolution.algorithm.history import rungs
from kt_evolution.algorithm.history.evaluations import Evaluation
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.scales import Scale
from kt_evolution.algorithm.space.search_space import SearchSpace

UNIT = Scale(0.0, 1.0, "linear")
PLANE = SearchSpace([ContinuousGene(name, UNIT, 0.9) for name in "xy"])


def final_loss(genome):
    return float(((genome - [0.3, 0.6]) ** 2).sum())


def curve(genome, epochs):
    """Returns losses that fall to the final one; the order stays the same."""
    return final_loss(genome) * (1.0 + 2.0 * 0.8 ** np.arange(1, epochs + 1))


class CurveSearch:
    """A search that is asked for steps, and told their results.

    Args:
        evolution: The `Evolution`.
        epochs: Int, the last epoch. Defaults to 27.
        loss: Function of a genome and a number of epochs that returns a loss,
            or a tuple of several, for each epoch. Defaults to `curve`.
        history: The `History` to go on with. Defaults to an empty one.
    """

    def __init__(self, evolution, epochs=27, loss=curve, history=None, seed=0):
        self.evolution = evolution
        self.epochs = epochs
        self.loss = loss
        self.history = History(PLANE) if history is None else history
        self.seed = seed
        self.spent = 0
        self.proposals = []

    def propose(self, num_left=np.inf):
        number = len(self.proposals)
        return self.evolution.propose(
            self.history,
            np.random.default_rng([self.seed, number]),
            num_left,
            max_epochs=self.epochs,
        )

    def start(self, num_left=np.inf):
        """Proposes a step and adds it to the history, running.

        Returns:
            The trial's id, and the epochs before and after the step; None if
            nothing is proposed.
        """
        found = self.propose(num_left)
        if found is None:
            return None
        self.proposals.append(found)
        last = self.epochs if found.epochs is None else found.epochs
        if found.promotes is not None:
            one = self.history.individuals[found.promotes]
            first = one.epochs_reached
            rungs.promote(self.history, one.trial_id, last)
            return one.trial_id, first, last
        trial_id = str(len(self.history))
        self.history.add(
            Individual(
                found.genome,
                trial_id=trial_id,
                operator=found.operator,
                epochs=() if found.epochs is None else (last,),
            )
        )
        return trial_id, 0, last

    def end(self, trial_id, first, last):
        """Trains a step that was started."""
        position = self.history.position_of(trial_id)
        losses = self.loss(self.history.genomes[position], self.epochs)
        self.spent += last - first
        results = np.minimum.accumulate(np.reshape(losses, (self.epochs, -1)))
        passed = {last}
        if self.evolution.fidelity is not None:
            passed |= set(self.evolution.fidelity.rungs(self.epochs))
        for epochs in sorted(passed):
            if first < epochs <= last and epochs < self.epochs:
                result = Evaluation(tuple(results[epochs - 1].tolist()))
                rungs.reach(self.history, trial_id, epochs, result)
        if last < self.epochs:
            rungs.pause(self.history, trial_id)
        else:
            self.history.finish(trial_id, Status.COMPLETED, results[-1])

    def run(self, num_steps, num_left=np.inf):
        for _ in range(num_steps):
            step = self.start(num_left)
            if step is None:
                break
            self.end(*step)
        return self
