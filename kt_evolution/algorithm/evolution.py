"""The search: a pure function from the history to the next proposal.

`Evolution.propose(history, rng)` keeps no state. First come individuals that
the user gave, the hypermodel's defaults and points that fill the space evenly.
Then survivors of the history breed: selection, crossover, mutation. Of the
offspring a surrogate model of the history chooses one; without it the first new
one is taken.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import qmc

from kt_evolution.algorithm.acquisition_search import Screening
from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import resolve
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.history import Status
from kt_evolution.algorithm.initial_design import BEST_IMPORT
from kt_evolution.algorithm.initial_design import GIVEN
from kt_evolution.algorithm.initial_design import next_given
from kt_evolution.algorithm.initial_design import untried_best_import
from kt_evolution.algorithm.operators.crossover import CROSSOVERS
from kt_evolution.algorithm.operators.crossover import Crossover
from kt_evolution.algorithm.operators.mutation import MUTATIONS
from kt_evolution.algorithm.operators.mutation import Mutation
from kt_evolution.algorithm.operators.selection import SELECTIONS
from kt_evolution.algorithm.operators.selection import Selection
from kt_evolution.algorithm.operators.survival import SURVIVALS
from kt_evolution.algorithm.operators.survival import Survival
from kt_evolution.algorithm.racing import next_to_reevaluate
from kt_evolution.algorithm.ranking import best_first
from kt_evolution.algorithm.ranking import fitness
from kt_evolution.algorithm.reproduction import Breeder
from kt_evolution.algorithm.reproduction import Litter
from kt_evolution.algorithm.space.genes import LAST_CODE
from kt_evolution.algorithm.space.search_space import WIDE
from kt_evolution.algorithm.surrogate import SURROGATES
from kt_evolution.algorithm.surrogate import Surrogate

INITIAL_POINTS = 10
# A surrogate learns from few points where to look next.
SCREENED_INITIAL_POINTS = 5
# For so many re-evaluations of each candidate the last trials are kept.
REEVALUATIONS_EACH = 2
REEVALUATION = "reevaluation"
# So many rejected in a row tell that limits are hard to keep.
MANY_REJECTED = 10
# How many offspring are bred before the nearest new genome is looked up.
NUM_OFFSPRING = 8


@dataclasses.dataclass(frozen=True)
class Proposal:
    """A genome to evaluate next, and how it was made.

    Args:
        genome: Float array of shape `(num_genes,)`, canonical codes.
        operator: String, for instance "initial" or "crossover+mutation".
        parents: Tuple of the parents' positions in the history.
        prediction: The mean and standard deviation of the score that the
            surrogate expects, or None.
        given: Int, its position in the initial population, or None.
        reevaluates: Int, the position of the individual that is to be trained
            again, or None.
    """

    genome: np.ndarray
    operator: str
    parents: tuple[int, ...] = ()
    prediction: tuple[float, float] | None = None
    given: int | None = None
    reevaluates: int | None = None


class Evolution:
    """Wires the operators of evolution to a proposal.

    Args:
        population_size: Int, how many individuals breed. Defaults to 20.
        num_initial_points: Int, how many individuals are sampled before the
            first is bred, the defaults included. Defaults to 5 with a
            surrogate and to 10 without.
        selection: A `Selection` or its name. Defaults to "tournament".
        crossover: A `Crossover` or its name. Defaults to "uniform".
        mutation: A `Mutation` or its name. Defaults to "default".
        survival: A `Survival` or its name. Defaults to "elitist".
        surrogate: A `Surrogate` or its name, or None for the pure genetic
            algorithm. Defaults to "gaussian_process".
        reevaluate: Int, how many of the best are trained again before the
            end, see `kt_evolution.algorithm.racing`. Defaults to 0.
    """

    def __init__(
        self,
        population_size: int = 20,
        num_initial_points: int | None = None,
        selection: str | Selection = "tournament",
        crossover: str | Crossover = "uniform",
        mutation: str | Mutation = "default",
        survival: str | Survival = "elitist",
        surrogate: str | Surrogate | None = "gaussian_process",
        reevaluate: int = 0,
    ) -> None:
        self.population_size = check_count("population_size", population_size)
        self.survival = resolve("survival", survival, SURVIVALS, Survival)
        self.breeder = Breeder(
            resolve("selection", selection, SELECTIONS, Selection),
            resolve("crossover", crossover, CROSSOVERS, Crossover),
            resolve("mutation", mutation, MUTATIONS, Mutation),
        )
        self.screening = None
        if surrogate is not None:
            model = resolve(
                "surrogate", surrogate, SURROGATES, Surrogate, allow_none=True
            )
            self.screening = Screening(
                model, self.breeder, self.survival, self.population_size
            )
        if num_initial_points is None:
            num_initial_points = (
                INITIAL_POINTS if surrogate is None else SCREENED_INITIAL_POINTS
            )
        self.num_initial_points = check_count(
            "num_initial_points", num_initial_points
        )
        self.reevaluate = check_count("reevaluate", reevaluate, at_least=0)

    def propose(
        self,
        history: History,
        rng: np.random.Generator,
        num_left: float = math.inf,
        *,
        seed: int = 0,
        initial_population: Sequence[np.ndarray] = (),
    ) -> Proposal | None:
        """Returns the next individual to evaluate.

        It is a pure function: equal arguments have equal results.

        Args:
            history: The `History` so far; it is not changed.
            rng: The source of randomness of this proposal.
            num_left: Float, how many proposals will be evaluated, this one
                included. The last of them are for re-evaluations. Defaults
                to infinity.
            seed: Int, scrambles the initial points. Defaults to 0.
            initial_population: Sequence of float arrays of shape
                `(num_genes,)`, the individuals to try first, in their order.
                Where a code is NaN it is sampled. Defaults to none.

        Returns:
            A `Proposal` whose phenotype is not in the history, or None when
            every phenotype of the space is. One that was imported may be
            proposed if the user gave it, or if it is the best of all.
            A re-evaluation is marked as such.
        """
        kept = min(self.reevaluate * REEVALUATIONS_EACH, len(history))
        if num_left <= kept:
            again = self.propose_again(history)
            if again is not None:
                return again
        return self._start(history, rng, initial_population) or (
            self._propose_new(history, rng, seed) or self.propose_again(history)
        )

    def propose_again(self, history: History) -> Proposal | None:
        """Returns the next re-evaluation, None if none is worth it."""
        if not self.reevaluate:
            return None
        position = next_to_reevaluate(history, self.reevaluate)
        if position is None:
            return None
        return Proposal(
            history.genomes[position],
            REEVALUATION,
            (position,),
            reevaluates=position,
        )

    def _propose_new(
        self, history: History, rng: np.random.Generator, seed: int
    ) -> Proposal | None:
        nearer = self._nearer_to_limits(history, rng)
        if nearer is not None:
            return nearer
        completed = history.positions(Status.COMPLETED)
        sampled = len(history) - len(history.positions(Status.REJECTED))
        if sampled < self.num_initial_points or not len(completed):
            return self._initial(history, seed)
        screened = self._screened(history, rng)
        if screened is not None:
            return screened
        fit = fitness(history.objectives[completed], history.limits[completed])
        survivors = self.survival(fit, self.population_size)
        offspring = self.breeder(
            history,
            Litter.of_history(history, completed[survivors]),
            fit[survivors],
            NUM_OFFSPRING,
            rng,
        )
        return _first_new(history, offspring)

    def rank(self, history: History) -> np.ndarray:
        """Returns the completed individuals, the best as expected first.

        Those that keep all limits come before those that don't. Of several
        objectives the front comes first, and of that its knee.

        Args:
            history: The `History`; it is not changed.

        Returns:
            Int array of positions, ordered by what the surrogate expects of
            them, or by what was observed where there is none.
        """
        completed = history.positions(Status.COMPLETED)
        objectives = history.objectives[completed]
        if self.screening is not None and len(completed):
            objectives = self.screening.expected(history, completed)
        return completed[best_first(objectives, history.limits[completed])]

    def _nearer_to_limits(
        self, history: History, rng: np.random.Generator
    ) -> Proposal | None:
        """Returns offspring of the models that break limits least.

        Where next to nothing keeps the limits that are known before training,
        models are bred for that alone; it costs no trial.
        """
        newest = history.individuals[-MANY_REJECTED:]
        # Now and then something else is proposed.
        if len(newest) < MANY_REJECTED or len(history) % 4 == 0:
            return None
        if any(one.status is not Status.REJECTED for one in newest):
            return None
        broken = [
            (one.excess, position)
            for position, one in enumerate(history.individuals)
            if one.excess is not None
        ]
        if len(broken) < 2:
            return None
        broken.sort()
        excesses, least = zip(*broken[: self.population_size], strict=True)
        offspring = self.breeder(
            history,
            Litter.of_history(history, np.array(least)),
            np.array(excesses),
            NUM_OFFSPRING,
            rng,
        )
        return _first_new(history, offspring)

    def _screened(
        self, history: History, rng: np.random.Generator
    ) -> Proposal | None:
        """Returns the offspring that the surrogate expects most of."""
        if self.screening is None:
            return None
        found = self.screening(history, rng)
        if found is None:
            return None
        best, outlook = found
        proposal = _proposal(best, 0)
        if history.num_objectives > 1:
            # What was predicted is a number of this proposal alone.
            return proposal
        mean, std = outlook.objectives[0].predict(best.genomes, best.expressed)
        return dataclasses.replace(
            proposal, prediction=(float(mean[0]), float(std[0]))
        )

    def _start(
        self,
        history: History,
        rng: np.random.Generator,
        initial_population: Sequence[np.ndarray],
    ) -> Proposal | None:
        """Returns what is to be tried before anything is searched."""
        given = next_given(history, initial_population, rng)
        if given is not None:
            number, genome = given
            return Proposal(genome, GIVEN, given=number)
        best = untried_best_import(history)
        if best is not None:
            return Proposal(history.genomes[best], BEST_IMPORT, (best,))
        return None

    def _initial(self, history: History, seed: int) -> Proposal | None:
        """Returns the defaults first, then points of a scrambled sequence."""
        tried = sum(
            individual.operator in ("default", "initial")
            for individual in history.individuals
        )
        if not tried:
            genome = history.space.default_genome()
            return _made_new(history, Proposal(genome, "default"))
        genome = _initial_point(history, tried - 1, seed)
        return _made_new(history, Proposal(genome, "initial"))


def _proposal(litter: Litter, row: int) -> Proposal:
    # Two offspring of one individual may be crossed: it is named once.
    parents = tuple(
        dict.fromkeys(int(p) for p in litter.parents[row] if p >= 0)
    )
    return Proposal(litter.genomes[row], str(litter.operators[row]), parents)


def _first_new(history: History, offspring: Litter) -> Proposal | None:
    """Returns the first of the offspring that is not known, or one near it."""
    for row, genome in enumerate(offspring.genomes):
        if history.find(genome) < 0:
            return _proposal(offspring, row)
    return _made_new(history, _proposal(offspring, -1))


def _made_new(history: History, proposal: Proposal) -> Proposal | None:
    """Returns the proposal with the nearest genome that is not known yet."""
    genome = history.nearest_new(proposal.genome)
    if genome is None:
        return None
    return dataclasses.replace(proposal, genome=genome)


def _initial_point(history: History, number: int, seed: int) -> np.ndarray:
    """Returns one point of a scrambled Sobol sequence.

    Reference:
        Owen (1998), "Scrambling Sobol' and Niederreiter-Xing points".
    """
    space = history.space
    sampled = np.arange(space.num_genes)
    if space.num_genes > WIDE:
        sampled = np.flatnonzero(space.is_tunable)
    rng = np.random.default_rng(seed)
    if len(sampled) > qmc.Sobol.MAXDIM:
        # No sequence has more dimensions.
        rng = np.random.default_rng([seed, number])
        drawn = rng.random((1, len(sampled)))
    else:
        sequence = qmc.Sobol(max(len(sampled), 1), rng=rng)
        if number:
            sequence.fast_forward(number)
        drawn = sequence.random(1)[:, : len(sampled)]
    point = space.default_genome()[None]
    point[:, sampled] = np.minimum(drawn, LAST_CODE)
    return space.snap(point)[0]
