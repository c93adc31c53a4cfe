"""The proposer: from the history to a model that can be trained.

It takes the next individual of the algorithm and builds its model without
training. A model that can't be trained, or is known, costs no trial, and is
added to the history.
"""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np

from kt_evolution.algorithm.evolution import REEVALUATION
from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import IMPORT
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.proposal import Proposal
from kt_evolution.costs.measurement import COUNTED
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.project.events import ModelsRejected
from kt_evolution.project.events import SearchTransferred
from kt_evolution.project.events import WarmStarted
from kt_evolution.project.individuals import record_of
from kt_evolution.project.past_projects import PastTrial
from kt_evolution.project.project import Project
from kt_evolution.project.state import SearchState
from kt_evolution.proposals.build_proxies import BuildProxies
from kt_evolution.proposals.build_warnings import BuildWarnings
from kt_evolution.proposals.edits import EDITED
from kt_evolution.proposals.edits import EarlierBuilds
from kt_evolution.proposals.feasibility import FeasibilityCheck
from kt_evolution.proposals.initial_population import InitialPopulation
from kt_evolution.proposals.promotions import Promotions
from kt_evolution.proposals.rejection_texts import explanation
from kt_evolution.proposals.rejection_texts import why_nothing_is_left
from kt_evolution.proposals.warm_start import WarmStart
from kt_evolution.proposals.warm_start import check_untuned

# After this many rejected proposals in a row the space counts as one in which
# no model can be trained.
MAX_REJECTIONS = 100


class NothingTrainableError(RuntimeError):
    """Too many proposals in a row can't be built or are too large."""


class Proposer:
    """Proposes models that can be trained and are not known.

    Args:
        project: The `Project` of the search.
        evolution: The `Evolution`.
        promotions: The `Promotions`.
        check: The `FeasibilityCheck` of proposed models.
        proxies: The `BuildProxies` of models.
        initial_population: The `InitialPopulation`.
        warm_start: The `WarmStart`.
        build_warnings: The `BuildWarnings` of the search.
        report: Function that prints a line, if the user wants it.

    Attributes:
        check: The `FeasibilityCheck`.
        warm_start: The `WarmStart`.
        build_warnings: The `BuildWarnings`.
    """

    def __init__(
        self,
        project: Project,
        evolution: Evolution,
        promotions: Promotions,
        check: FeasibilityCheck,
        proxies: BuildProxies,
        initial_population: InitialPopulation,
        warm_start: WarmStart,
        build_warnings: BuildWarnings,
        report: Callable[[str], None],
    ) -> None:
        self._project = project
        self._evolution = evolution
        self._promotions = promotions
        self.check = check
        self._proxies = proxies
        self._initial_population = initial_population
        self.warm_start = warm_start
        self._report = report
        self.build_warnings = build_warnings
        self.forget()

    def forget(self) -> None:
        """Starts over like a new process, after the state was read again."""
        self._is_prepared = False
        self._earlier_builds: EarlierBuilds | None = None
        self._proxies.forget()

    @property
    def _state(self) -> SearchState:
        return self._project.state

    @property
    def _history(self) -> History:
        return self._project.state.history

    # Before the first proposal.

    def prepare(self) -> None:
        """Checks `initial_population`, and reads `warm_start`.

        Raises:
            ValueError: If names or values are not those of the search space,
                or if a project lacks the objective of this search.
        """
        # Without a hypermodel the space is not known before the first trial.
        is_known = self._history.space.num_genes or self.check.dry_build
        if is_known and not self._is_prepared:
            self._initial_population.check(self._history, self.check.build)
            self.warm_start.read(
                self._state,
                COUNTED if self.check.dry_build else (),
                takes_partial=self._evolution.fidelity is not None,
            )
            self._is_prepared = True

    def _import_past(self) -> None:
        """Adds the trials of other projects to the history, each once."""
        if not self._is_prepared:
            return
        for event in self.warm_start.events(self._state, self._describe_past):
            self._project.commit(event)
            if isinstance(event, WarmStarted):
                self._report(
                    f"Warm start: {event.imported} evaluated models of "
                    f"{event.path} are in the history"
                )
            elif isinstance(event, SearchTransferred):
                self._report(
                    f"Transfer: {len(event.values)} evaluated models of "
                    f"{event.path} are the first guess of what is good"
                )

    def _describe_past(
        self, trial: PastTrial
    ) -> tuple[dict[str, Any], dict[str, float]]:
        """Returns the record of a trial of another project, and its costs.

        Build costs may be missing there and are computed here.

        Raises:
            ValueError: If the trial is outside this search space.
        """
        values = trial.values
        individual = Individual(
            self._history.space.encode(values), operator=IMPORT
        )
        decoded = self._history.space.decode(individual.genome)
        report = self.check.build_noted({**values, **decoded})
        if report is not None:
            if report.problem is not None:
                raise ValueError(report.problem)
            check_untuned(self._state.hyperparameters, report, values)
            # The build may have declared further hyperparameters.
            individual.genome = self._history.space.encode(values)
            individual.expression = self.check.expression_of(report)
        costs: dict[str, float] = dict(report.costs) if report else {}
        metrics = {**costs, **trial.metrics}
        self._state.scoring.violations(metrics)
        for objective in objectives_of(self._state.objective):
            if objective.name not in metrics:
                raise ValueError(f"Its {objective.name} is not known.")
        return self._record_of(individual), costs

    # Proposals.

    def propose(self, trial_id: str, num_left: float) -> dict[str, Any] | None:
        """Proposes the values of a trial.

        Args:
            trial_id: String, the id of the trial.
            num_left: Float, how many trials are still to come.

        Returns:
            Dict of the trial's "values", "record" and "epochs", see
            `TrialCreated`. If a paused trial is to be trained on, "promotes"
            has its id. None if no model is left.

        Raises:
            NothingTrainableError: If no proposal can be trained.
        """
        self.prepare()
        self._find_earlier_builds()
        self._import_past()
        record: dict[str, Any] = {}
        num_known = len(self._history)
        self._check_earlier_builds(record, num_known)
        proposed = self._propose_trainable(record, num_known, num_left)
        if self._state.models.requested and not self._state.trials:
            record["asked"] = self._state.models.requested
        if proposed is None:
            self._report_rejected(record.get("rejected", []))
            return None
        if isinstance(proposed, Individual):
            record.update(self._record_of(proposed))
            values = self.check.values_of(proposed)
            added = self._state.models.learn_proposed(trial_id, record, values)
            self._check_added(added, record, num_known)
            epochs = next(iter(proposed.epochs), None)
            return {"values": values, "record": record, "epochs": epochs}
        known = self._history.individuals[proposed.parents[0]].trial_id or ""
        values = self._state.trials[known].hyperparameters.values
        response = {"values": dict(values), "record": record}
        if proposed.promotes is not None:
            return {**response, "promotes": known, "epochs": proposed.epochs}
        record |= {"operator": REEVALUATION, "reevaluates": known}
        return response

    def _propose_trainable(
        self, record: dict[str, Any], num_known: int, num_left: float
    ) -> Individual | Proposal | None:
        """Returns a new individual, or a known one to train again.

        Args:
            record: Dict, the trial's record. Models that can't be trained, and
                those that turn out to be known, are added to it.
            num_known: Int, how many individuals there are.
            num_left: Float, how many trials are still to come.

        Returns:
            An `Individual`; or the `Proposal` to train a known one again, or
            on; None if no model is left.
        """
        rng = np.random.default_rng(
            [self._project.seed, self._state.num_decisions]
        )
        proxies = self._proxies.of_search()
        while True:
            proposal = self._evolution.propose(
                self._history,
                rng,
                num_left,
                seed=self._project.seed,
                initial_population=self._initial_genomes(),
                max_epochs=self._promotions.max_epochs,
                proxies=proxies,
            )
            if proposal is None:
                if self._check_earlier_builds(record, num_known, True):
                    continue
                return None
            if (proposal.reevaluates, proposal.promotes) != (None, None):
                return proposal
            individual, problem, same = self.check.develop(proposal)
            if same >= 0:
                if self._repeat(individual, same, record):
                    continue
                return None
            if problem is None:
                return individual
            self._reject(individual, problem, record)

    def _initial_genomes(self) -> Sequence[np.ndarray]:
        if not self._is_prepared:
            return ()
        return self._initial_population.genomes(self._history.space)

    def _repeat(
        self, individual: Individual, same: int, record: dict[str, Any]
    ) -> bool:
        """Records that a model is known, and returns whether to go on.

        Only a build function that is not deterministic repeats models without
        end.
        """
        one = {**self._record_of(individual), "same_as": same}
        self._state.models.learn_repeated(one)
        repeated = record.setdefault("repeated", [])
        repeated.append(one)
        return len(repeated) <= max(len(self._history), MAX_REJECTIONS)

    def _reject(
        self, individual: Individual, problem: str, record: dict[str, Any]
    ) -> None:
        """Records that a model can't be trained."""
        one = {**self._record_of(individual), "problem": problem}
        self._state.models.learn_rejected(one)
        self.build_warnings.warn_of_branches()
        rejected = record.setdefault("rejected", [])
        rejected.append(one)
        if len(rejected) == MAX_REJECTIONS:
            self._commit_rejected(rejected)
            raise NothingTrainableError(explanation(rejected))

    def _report_rejected(self, rejected: list[dict[str, Any]]) -> None:
        """Records the models that were rejected after the last trial.

        Raises:
            NothingTrainableError: If no model of the search can be trained.
        """
        self._commit_rejected(rejected)
        if rejected and not self._state.trials:
            raise NothingTrainableError(explanation(rejected))

    def _commit_rejected(self, rejected: list[dict[str, Any]]) -> None:
        """Writes models that no trial follows, unless they are the last line's.

        A search that no change of the hypermodel helped rejects them again.
        """
        if rejected and rejected != self._state.last_rejected:
            self._project.commit(ModelsRejected(rejected=rejected))

    def why_nothing_is_left(self) -> str:
        """Returns why there is no further proposal."""
        return why_nothing_is_left(self._state)

    def _record_of(self, individual: Individual) -> dict[str, Any]:
        return record_of(individual, self._history.space, self._state.sign)

    # Edits of the hypermodel between two runs.

    def _find_earlier_builds(self) -> EarlierBuilds:
        if self._earlier_builds is None:
            self._earlier_builds = EarlierBuilds(
                self._history, self.check.build_noted, self.check.problem_of
            )
        return self._earlier_builds

    def check_started(self, trial_id: str) -> list[str] | None:
        """Builds the model of a trial that is to be started again.

        Args:
            trial_id: String.

        Returns:
            List of the keys of the genes that its build requests, if the
            hypermodel was edited since the trial was proposed, otherwise None.
        """
        if trial_id in self._history.reevaluations:
            # Its earlier trainings are those of the earlier hypermodel.
            return None
        position = self._history.position_of(trial_id)
        requested = self._find_earlier_builds().check_one(position)
        if requested is not None:
            self._report(EDITED)
        return requested

    def _check_earlier_builds(
        self, record: dict[str, Any], num_known: int, checks_all: bool = False
    ) -> bool:
        """Builds models of earlier runs again, to find out about an edit.

        Args:
            record: Dict, the trial's record.
            num_known: Int, how many individuals there were before the trial.
            checks_all: Bool, whether all remaining models are built. Defaults
                to False: a few are built, once.

        Returns:
            Bool, whether the hypermodel was edited.
        """
        if self._earlier_builds is None:
            return False
        requested = (
            self._earlier_builds.check_all()
            if checks_all
            else self._earlier_builds.check_some()
        )
        if requested is not None:
            self._take_edit(requested, record, num_known)
        return requested is not None

    def _check_added(
        self, individual: Individual, record: dict[str, Any], num_known: int
    ) -> None:
        """Checks an individual whose build may be the first to show an edit."""
        earlier = self._earlier_builds
        if earlier is None or earlier.are_trusted:
            return
        if self._history.find(individual.genome) < 0:
            earlier.trust()
            self._take_edit(record.get("expressed", []), record, num_known)

    def _take_edit(
        self, requested: list[str], record: dict[str, Any], num_known: int
    ) -> None:
        """Records that the hypermodel was edited.

        Args:
            requested: List of the gene keys that its builds request now.
            record: Dict, the trial's record.
            num_known: Int, how many individuals there were before the trial.
        """
        record["rebuilt"] = list(requested)
        record.pop("repeated", None)
        self._state.models.learn_edit(record["rebuilt"], num_known)
        self._report(EDITED)
