"""The search: a pure function from the history to the next proposal.

`Evolution.propose(history, rng)` keeps no state. First come the individuals of
the user, the hypermodel's defaults and points that fill the space evenly. Then
selection, crossover and mutation make offspring of the survivors. A surrogate
model of the history chooses one of them; without a surrogate the first new
offspring is proposed.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from kt_evolution.algorithm.acquisition import KnownScores
from kt_evolution.algorithm.acquisition_search import AcquisitionSearch
from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import resolve
from kt_evolution.algorithm.fidelity.successive_halving import FIDELITIES
from kt_evolution.algorithm.fidelity.successive_halving import Step
from kt_evolution.algorithm.fidelity.successive_halving import SuccessiveHalving
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.rungs import rank_paused
from kt_evolution.algorithm.initial_design import FROM_USER
from kt_evolution.algorithm.initial_design import WARM_START
from kt_evolution.algorithm.initial_design import default_num_initial_points
from kt_evolution.algorithm.initial_design import next_from_user
from kt_evolution.algorithm.initial_design import next_from_warm_start
from kt_evolution.algorithm.initial_design import next_initial
from kt_evolution.algorithm.limits_search import next_nearer_to_limits
from kt_evolution.algorithm.operators.crossover import CROSSOVERS
from kt_evolution.algorithm.operators.crossover import Crossover
from kt_evolution.algorithm.operators.mutation import MUTATIONS
from kt_evolution.algorithm.operators.mutation import Mutation
from kt_evolution.algorithm.operators.selection import SELECTIONS
from kt_evolution.algorithm.operators.selection import Selection
from kt_evolution.algorithm.operators.survival import SURVIVALS
from kt_evolution.algorithm.operators.survival import Survival
from kt_evolution.algorithm.proposal import NUM_TRIED
from kt_evolution.algorithm.proposal import Proposal
from kt_evolution.algorithm.proposal import first_new
from kt_evolution.algorithm.proposal import made_new
from kt_evolution.algorithm.proxies import Proxies
from kt_evolution.algorithm.racing import next_to_reevaluate
from kt_evolution.algorithm.racing import num_reserved
from kt_evolution.algorithm.ranking import best_first
from kt_evolution.algorithm.ranking import fitness
from kt_evolution.algorithm.reproduction import Offspring
from kt_evolution.algorithm.reproduction import Reproduction
from kt_evolution.algorithm.surrogate.base import Surrogate
from kt_evolution.algorithm.surrogate.gaussian_process import SURROGATES
from kt_evolution.algorithm.surrogate.gaussian_process import GaussianProcess
from kt_evolution.algorithm.transfer import TRANSFER
from kt_evolution.algorithm.transfer import next_from_past

REEVALUATION = "reevaluation"


class Evolution:
    """Makes proposals with the operators of evolution.

    Args:
        population_size: Int, how many individuals may become parents.
            Defaults to 20.
        num_initial_points: Int, how many individuals are sampled before the
            first offspring, the defaults included. Defaults to 10, with a
            surrogate to 5, and to 8 for more than 11 tunable genes.
        selection: A `Selection` or its name. Defaults to "tournament".
        crossover: A `Crossover` or its name. Defaults to "uniform".
        mutation: A `Mutation` or its name. Defaults to "mixed".
        survival: A `Survival` or its name. Defaults to "elitist".
        surrogate: A `Surrogate` or its name, or None for the pure genetic
            algorithm. Defaults to "gaussian_process".
        reevaluate: Int, how many of the best are trained again before the
            end, see `kt_evolution.algorithm.racing`. Defaults to 0.
        fidelity: A `SuccessiveHalving` or its name, "auto", or None to train
            every individual to the end. Defaults to None.
    """

    def __init__(
        self,
        population_size: int = 20,
        num_initial_points: int | None = None,
        selection: str | Selection = "tournament",
        crossover: str | Crossover = "uniform",
        mutation: str | Mutation = "mixed",
        survival: str | Survival = "elitist",
        surrogate: str | Surrogate | None = "gaussian_process",
        reevaluate: int = 0,
        fidelity: str | SuccessiveHalving | None = None,
    ) -> None:
        self.population_size = check_count("population_size", population_size)
        self.survival = resolve("survival", survival, SURVIVALS, Survival)
        self.reproduction = Reproduction(
            resolve("selection", selection, SELECTIONS, Selection),
            resolve("crossover", crossover, CROSSOVERS, Crossover),
            resolve("mutation", mutation, MUTATIONS, Mutation),
        )
        self.acquisition_search = None
        if surrogate is not None:
            model = resolve(
                "surrogate", surrogate, SURROGATES, Surrogate, allow_none=True
            )
            self.acquisition_search = AcquisitionSearch(
                model, self.reproduction, self.survival, self.population_size
            )
        self.num_initial_points = num_initial_points
        if num_initial_points is not None:
            self.num_initial_points = check_count(
                "num_initial_points", num_initial_points
            )
        self.reevaluate = check_count("reevaluate", reevaluate, at_least=0)
        self.fidelity = None
        if fidelity is not None:
            self.fidelity = resolve(
                "fidelity",
                fidelity,
                FIDELITIES,
                SuccessiveHalving,
                allow_none=True,
            )

    @property
    def has_prior_mean(self) -> bool:
        """Whether other searches and `Proxies` can be inputs of this one."""
        search = self.acquisition_search
        return search is not None and isinstance(
            search.surrogate, GaussianProcess
        )

    def propose(
        self,
        history: History,
        rng: np.random.Generator,
        num_left: float = math.inf,
        *,
        seed: int = 0,
        initial_population: Sequence[np.ndarray] = (),
        max_epochs: int | None = None,
        proxies: Proxies | None = None,
    ) -> Proposal | None:
        """Returns the next individual to evaluate.

        It is a pure function: equal arguments have equal results.

        Args:
            history: The `History` so far; it is not changed.
            rng: The source of randomness of this proposal.
            num_left: Float, how many proposals will be evaluated, this one
                included. The last of them are reserved for re-evaluations.
                Defaults to infinity.
            seed: Int, scrambles the initial points. Defaults to 0.
            initial_population: Sequence of float arrays of shape
                `(num_genes,)`, the individuals to try first, in their order.
                Where a code is NaN it is sampled. Defaults to none.
            max_epochs: Int, to which epoch a training goes at most. With a
                fidelity only those that reached it are compared for the best.
                Defaults to None: the trainings can't be paused.
            proxies: The `Proxies` of models. Without a `GaussianProcess` they
                are not used. Defaults to None: they are not known.

        Returns:
            A `Proposal` whose phenotype is not in the history, or None if
            every phenotype of the space is. An imported phenotype may be
            proposed if it is in the user's initial population, or if it is
            the best of all. `reevaluates` marks a re-evaluation and
            `promotes` a promotion, which are individuals of the history. If
            `num_left` is below 1, only these are proposed.
        """
        again = self.propose_again(history, num_left)
        if again is not None:
            return again
        if self.fidelity is None or max_epochs is None:
            step = Step(KnownScores.of_completed(history))
            found = self._new(
                history, rng, seed, initial_population, step, proxies
            )
            return found or self.propose_again(history)
        for allows_new in (num_left >= 1, False):
            next_step = self.fidelity.next_step(
                history, rng, max_epochs, allows_new
            )
            if next_step is None:
                continue
            found = Proposal.of_promotion(history, next_step) or self._new(
                history, rng, seed, initial_population, next_step, proxies
            )
            if found is not None:
                # A model that another search found best is not compared first.
                is_known = found.operator == WARM_START
                epochs = max_epochs if is_known else next_step.epochs
                return dataclasses.replace(found, epochs=epochs)
        return self.propose_again(history)

    def propose_promotion(
        self, history: History, max_epochs: int
    ) -> Proposal | None:
        """Returns the promotion that is due when there are no new individuals.

        Args:
            history: The `History`; it is not changed.
            max_epochs: Int, the last epoch.

        Returns:
            A `Proposal`, or None if no paused individual is to be promoted, or
            without a fidelity.
        """
        if self.fidelity is None:
            return None
        step = self.fidelity.next_promotion(history, max_epochs)
        return None if step is None else Proposal.of_promotion(history, step)

    def propose_last(
        self, history: History, max_epochs: int
    ) -> Proposal | None:
        """Returns the promotion that is due before a search ends.

        It trains the paused individual to the end that is probably the best,
        so that no search ends with its best individual half trained.

        Args:
            history: The `History`; it is not changed.
            max_epochs: Int, the last epoch.

        Returns:
            A `Proposal`, or None if a completed individual is probably the
            best, or without a fidelity.
        """
        if self.fidelity is None:
            return None
        step = self.fidelity.last_step(history, max_epochs)
        return None if step is None else Proposal.of_promotion(history, step)

    def propose_again(
        self, history: History, num_left: float = 0
    ) -> Proposal | None:
        """Returns the next re-evaluation, None if it is too early or done."""
        if not self.reevaluate or num_left > num_reserved(
            history, self.reevaluate
        ):
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

    def _new(
        self,
        history: History,
        rng: np.random.Generator,
        seed: int,
        initial_population: Sequence[np.ndarray],
        step: Step,
        proxies: Proxies | None,
    ) -> Proposal | None:
        """Returns a new individual, None if every phenotype is known."""
        if not self.has_prior_mean:
            proxies = None
        return self._from_initial_design(
            history, rng, initial_population
        ) or self._propose_new(history, rng, seed, step, proxies)

    def _propose_new(
        self,
        history: History,
        rng: np.random.Generator,
        seed: int,
        step: Step,
        proxies: Proxies | None,
    ) -> Proposal | None:
        nearer = next_nearer_to_limits(
            history, self.reproduction, self.population_size, rng
        )
        if nearer is not None:
            return nearer
        known = step.known.positions
        sampled = len(history) - len(history.positions(Status.REJECTED))
        num_initial_points = (
            self.num_initial_points
            or default_num_initial_points(
                history.space, self.acquisition_search is not None
            )
        )
        if sampled < num_initial_points or not len(known):
            return self._initial(history, seed, proxies)
        if step.is_random:
            genome = rng.random((1, history.space.num_genes))
            genome = history.space.canonicalize(genome)[0]
            return made_new(history, Proposal(genome, "random"))
        found = self._from_acquisition(history, step.known, rng, proxies)
        if found is not None:
            return found
        fit = fitness(
            step.known.objectives[known], step.known.violations[known]
        )
        survivors = self.survival(fit, self.population_size)
        offspring = self.reproduction(
            history,
            Offspring.of_history(history, known[survivors]),
            fit[survivors],
            NUM_TRIED,
            rng,
        )
        return first_new(history, offspring)

    def rank(self, history: History) -> np.ndarray:
        """Returns the completed individuals, the best first.

        Feasible individuals come before infeasible ones. With several
        objectives the Pareto front comes first, and its knee at the very
        start. While none is completed, these are the paused individuals, those
        that were trained longest first.

        Args:
            history: The `History`; it is not changed.

        Returns:
            Int array of positions, ordered by predicted objectives, or by
            observed ones if there is no surrogate.
        """
        completed = history.positions(Status.COMPLETED)
        if not len(completed):
            return rank_paused(history)
        objectives = history.objectives[completed]
        if self.acquisition_search is not None:
            objectives = self.acquisition_search.predicted_mean(
                history, completed
            )
        return completed[best_first(objectives, history.violations[completed])]

    def _from_acquisition(
        self,
        history: History,
        known: KnownScores,
        rng: np.random.Generator,
        proxies: Proxies | None,
    ) -> Proposal | None:
        """Returns the offspring with the largest acquisition."""
        if self.acquisition_search is None:
            return None
        found = self.acquisition_search(history, known, rng, proxies)
        if found is None:
            return None
        best, acquisition = found
        proposal = Proposal.of_offspring(best, 0)
        if history.num_objectives > 1:
            # With random weights of the objectives, the prediction cannot be
            # compared with that of another proposal.
            return proposal
        mean, std = acquisition.objectives[0].predict(
            best.genomes, best.expressed
        )
        return dataclasses.replace(
            proposal, prediction=(float(mean[0]), float(std[0]))
        )

    def _from_initial_design(
        self,
        history: History,
        rng: np.random.Generator,
        initial_population: Sequence[np.ndarray],
    ) -> Proposal | None:
        """Returns the next of the models that the user wants to try first."""
        from_user = next_from_user(history, initial_population, rng)
        if from_user is not None:
            user_index, genome = from_user
            return Proposal(genome, FROM_USER, user_index=user_index)
        best = next_from_warm_start(history)
        if best is not None:
            return Proposal(history.genomes[best], WARM_START, (best,))
        return None

    def _initial(
        self, history: History, seed: int, proxies: Proxies | None
    ) -> Proposal | None:
        """Returns the best of searches on other data, or an initial point."""
        if self.acquisition_search is not None:
            genome = next_from_past(self.acquisition_search.surrogate, history)
            if genome is not None:
                return Proposal(genome, TRANSFER)
        if proxies is not None and not all(proxies.are_informed):
            # The best by proxies are those that cost most.
            proxies = None
        return made_new(
            history, Proposal(*next_initial(history, seed, proxies))
        )
