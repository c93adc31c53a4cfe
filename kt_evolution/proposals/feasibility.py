"""Feasibility: whether a proposal can be built, and is within its limits."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
import numpy as np

from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.initial_design import FROM_USER
from kt_evolution.algorithm.initial_design import WARM_START
from kt_evolution.algorithm.proposal import Proposal
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.limits import Limit
from kt_evolution.project.builds import fingerprint
from kt_evolution.project.events import BuildBegan
from kt_evolution.project.project import Project
from kt_evolution.project.state import SearchState
from kt_evolution.proposals.build_warnings import BuildWarnings
from kt_evolution.proposals.dry_build import BuildReport
from kt_evolution.proposals.dry_build import DryBuild
from kt_evolution.proposals.dry_build import FatalBuildError
from kt_evolution.proposals.initial_population import InitialPopulation


class FeasibilityCheck:
    """Builds proposed models without training, and checks them.

    Args:
        project: The `Project` of the search.
        limits: The `Limit`s of models.
        initial_population: The `InitialPopulation`.
        max_starts: Int, how often a build may end its process before the model
            is rejected.
        grow: Function that adds new hyperparameters to the search space.
        build_warnings: The `BuildWarnings` of the search.

    Attributes:
        dry_build: The `DryBuild` of the hypermodel, or None.
    """

    def __init__(
        self,
        project: Project,
        limits: Sequence[Limit],
        initial_population: InitialPopulation,
        max_starts: int,
        grow: Callable[[kt.HyperParameters], None],
        build_warnings: BuildWarnings,
    ) -> None:
        self._project = project
        self._limits = limits
        self._initial_population = initial_population
        self._max_starts = max_starts
        self._grow = grow
        self._warnings = build_warnings
        self.dry_build: DryBuild | None = None

    @property
    def _state(self) -> SearchState:
        return self._project.state

    @property
    def _history(self) -> History:
        return self._project.state.history

    def develop(self, proposal: Proposal) -> tuple[Individual, str | None, int]:
        """Returns the individual of a proposal, and whether it can be trained.

        Returns:
            Tuple of the `Individual`, its problem or None, and the position
            of an earlier individual that is the same model, -1 if there is
            none.
        """
        individual = Individual(
            # A copy, because a row would keep the whole array in memory.
            proposal.genome.copy(),
            # A rejected parent has no trial.
            parents=tuple(
                trial_id
                for parent in proposal.parents
                if (trial_id := self._history.individuals[parent].trial_id)
            ),
            operator=proposal.operator,
            prediction=proposal.prediction,
            user_index=proposal.user_index,
            epochs=() if proposal.epochs is None else (proposal.epochs,),
        )
        values = self.values_of(individual)
        problem = self._fatal_problem(values)
        if problem is not None:
            individual.expression = self._predicted_expression(individual)
            return individual, self._explained(individual, problem), -1
        report = self.build_noted(values)
        if report is None:
            return *self._check_unbuilt(individual, values), -1
        space = self._history.space
        added = space.default_genome()[len(individual.genome) :]
        individual.genome = np.concatenate([individual.genome, added])
        individual.expression = self.expression_of(report)
        problem = self.problem_of(report)
        individual.violation = report.violation or self._violation_of_costs(
            report.costs
        )
        if problem is None:
            is_known_start = proposal.operator in (FROM_USER, WARM_START)
            same = self._history.same_as(individual, not is_known_start)
            return individual, None, same
        return individual, self._explained(individual, problem), -1

    def _explained(self, individual: Individual, problem: str) -> str:
        """Warns of a problem, and returns it as it is stored."""
        if individual.user_index is not None:
            problem = (
                f"`initial_population[{individual.user_index}]`: {problem}"
            )
        self._warnings.warn_of_rejected(problem)
        individual.status = Status.REJECTED
        return problem

    def problem_of(self, report: BuildReport) -> str | None:
        """Returns why a built model can't be trained, None if it can."""
        return report.problem or self._broken_limit(
            report.hyperparameters, report.costs
        )

    def values_of(self, individual: Individual) -> dict[str, Value]:
        """Returns the values of a new individual, those of the user exactly."""
        space = self._history.space
        values = space.decode(individual.genome)
        if individual.user_index is None:
            return values
        return self._initial_population.exact(
            individual.user_index, values, space
        )

    def expression_of(self, report: BuildReport) -> tuple[int, ...]:
        position = self._history.space.position
        return tuple(
            position[key] for key in report.requested if key in position
        )

    def _predicted_expression(self, individual: Individual) -> tuple[int, ...]:
        """Returns the genes that a model which can't be built may request."""
        position = self._history.space.position
        path = self._history.predict_path(individual.genome)
        requested = [
            position[key]
            for key in self._state.models.requested
            if key in position
        ]
        return tuple(path or requested)

    def _check_unbuilt(
        self, individual: Individual, values: dict[str, Any]
    ) -> tuple[Individual, str | None]:
        """Checks limits on hyperparameters without a build."""
        if not self._limits:
            return individual, None
        problem = self._broken_limit(
            private_api.share_space(self._state.hyperparameters, values), {}
        )
        if problem is not None:
            individual.status = Status.REJECTED
            active = self._history.space.active(individual.genome[None])[0]
            individual.expression = tuple(np.flatnonzero(active).tolist())
        return individual, problem

    def _broken_limit(
        self, hyperparameters: kt.HyperParameters, costs: Mapping[str, float]
    ) -> str | None:
        """Returns the problem of the first limit that a model breaks, if any.

        Limits on metrics are unknown before training.
        """
        for limit in self._limits:
            problem = limit.problem(hyperparameters, costs)
            if problem is not None:
                return problem
        return None

    def _violation_of_costs(self, costs: Mapping[str, float]) -> float | None:
        """Returns the total violation of limits on costs, None if it is 0."""
        known = [
            limit.violation(costs)
            for limit in self._state.limits
            if limit.name in costs
        ]
        return sum(violation for violation in known if violation > 0.0) or None

    # Dry builds.

    def build(self, values: dict[str, Any]) -> BuildReport | None:
        """Builds a model and adds its hyperparameters to the search space."""
        if self.dry_build is None:
            return None
        report = self.dry_build(self._state.hyperparameters, values)
        self._grow(report.hyperparameters)
        return report

    def build_noted(self, values: dict[str, Any]) -> BuildReport | None:
        """Builds a model after an event that says so, if the process dies.

        Returns:
            The `BuildReport`, or None if there is no dry build, or if the
            build of the model has ended the process too often.
        """
        return None if self._begun(values) is None else self.build(values)

    def build_candidate(self, values: dict[str, Any]) -> BuildReport | None:
        """Builds a model with its zero-cost proxies, noted as `build_noted`.

        It is a candidate only: its hyperparameters don't join the space.
        """
        dry_build = self._begun(values)
        if dry_build is None:
            return None
        space = self._state.hyperparameters
        return dry_build.build(space, values, with_proxies=True)

    def _begun(self, values: dict[str, Any]) -> DryBuild | None:
        """Notes that a build begins, and returns the dry build that makes it.

        None, and nothing is noted, if a model is not to be built.
        """
        if self.dry_build is None or self._fatal_problem(values) is not None:
            return None
        model = fingerprint(values)
        is_built = self._state.builds.was_built(model)
        # Reopening a search that has ended writes nothing.
        if self._state.stop_reason is None or not is_built:
            self._project.commit(BuildBegan(model=model))
        return self.dry_build

    def _fatal_problem(self, values: dict[str, Any]) -> str | None:
        """Returns why a model is not built any more, None if it is."""
        number = self._state.builds.num_deaths(
            fingerprint(values), self._project.clock.session
        )
        if number < self._max_starts:
            return None
        return (
            f"{FatalBuildError.__name__}: The build was started {number} times "
            "and never came to an end: its process died each time, for "
            "instance for want of memory or of a segmentation fault "
            f"(max_starts_per_trial={self._max_starts})."
        )
