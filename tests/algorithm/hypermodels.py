"""Random hypermodels: a next question that depends on the answers so far."""

import itertools
import random

import numpy as np

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.search_space import SearchSpace


class RandomHypermodel:
    """Asks for hyperparameters as a random decision process.

    What it asks next is a fixed random function of the answers so far. The
    even ones ask in plain Python, in any order. In the odd ones each question
    is in the scope of the answer before, and a name has a gene for each.

    Args:
        seed: Int, which hypermodel it is.
        num_names: Int, the number of names. Defaults to 4.
    """

    def __init__(self, seed: int, num_names: int = 4):
        self.seed = seed
        self.is_scoped = seed % 2 == 1
        self.names = [f"n{i}" for i in range(num_names)]

    def next_gene(self, asked: list[Gene], values: dict) -> Gene | None:
        """Returns the gene of the next question, None at the end."""
        chance = random.Random(f"{self.seed} {sorted(values.items())}")
        left = [name for name in self.names if name not in values]
        if self.is_scoped and asked:
            left = [name for name in left if name > asked[-1].name]
        if not left or (asked and chance.random() < 0.1):
            return None
        name = chance.choice(left)
        conditions: tuple[Condition, ...] = ()
        if self.is_scoped and asked:
            parent = asked[-1]
            condition = Condition(parent.name, (values[parent.name],))
            conditions = (*parent.conditions, condition)
        chance = random.Random(f"{self.seed} {name} {conditions}")
        domain = range(chance.randint(1, 3))
        kind = chance.choice([CategoricalGene, OrdinalGene])
        return kind(name, domain, chance.choice(domain), conditions)

    def build(self, values: dict) -> tuple[list[Gene], dict]:
        """Returns the genes that a build asks for, and their values."""
        asked: list[Gene] = []
        answers: dict = {}
        while (gene := self.next_gene(asked, answers)) is not None:
            asked.append(gene)
            answers[gene.name] = values.get(gene.name, gene.default)
        return asked, answers

    def phenotypes(self) -> set[tuple]:
        """Returns all phenotypes, each as its sorted items."""
        found = set()

        def explore(asked: list[Gene], answers: dict) -> None:
            gene = self.next_gene(asked, answers)
            if gene is None:
                found.add(phenotype(answers))
                return
            for value in gene.values:
                explore([*asked, gene], {**answers, gene.name: value})

        explore([], {})
        return found


def phenotype(values: dict) -> tuple:
    return tuple(sorted(values.items()))


def develop(history: History, proposal, hypermodel) -> tuple:
    """Builds a proposal and adds it, as the oracle does: the space grows."""
    asked, answers = hypermodel.build(history.space.decode(proposal.genome))
    new = [g for g in asked if g.key not in history.space.position]
    if new:
        history.grow(history.space.extended(new))
    space = history.space
    added = space.default_genome()[len(proposal.genome) :]
    individual = Individual(
        np.concatenate([proposal.genome, added]),
        expression=tuple(space.position[gene.key] for gene in asked),
        operator=proposal.operator,
    )
    return individual, answers


def drain(hypermodel, evolution: Evolution, seed: int, limit: int = 200):
    """Searches to the end; every third trial fails, every fifth is rejected.

    Returns:
        The list of phenotypes in the order of their proposal.
    """
    history = History(SearchSpace())
    proposed = []
    for number in itertools.count():
        rng = np.random.default_rng([seed, number])
        proposal = evolution.propose(history, rng)
        if proposal is None or number == limit:
            return proposed
        individual, answers = develop(history, proposal, hypermodel)
        proposed.append(phenotype(answers))
        if number % 5 == 4:
            individual.status = Status.REJECTED
            history.add(individual)
            continue
        individual.trial_id = str(number)
        history.add(individual)
        if number % 3 == 2:
            history.finish(str(number), Status.FAILED)
        else:
            score = hash_score(answers)
            history.finish(str(number), Status.COMPLETED, [score])


def hash_score(values: dict) -> float:
    """Returns a rugged score that is the same in every process."""
    return random.Random(str(phenotype(values))).random()
