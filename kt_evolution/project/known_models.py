"""The models that a search knows, and the space that they are from.

A proposal changes both before it becomes a trial. Such changes are applied at
once, and written with the line of the trial.
"""

import math
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt

from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.past_search import PastSearch
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.encoding import genes_of
from kt_evolution.keras_tuner_bridge.encoding import key_of
from kt_evolution.project.events import ModelImported
from kt_evolution.project.events import SearchTransferred
from kt_evolution.project.events import TrialCreated
from kt_evolution.project.events import WarmStarted
from kt_evolution.project.individuals import individual_of
from kt_evolution.project.rejections import BranchTally
from kt_evolution.project.rejections import kind_of
from kt_evolution.project.scoring import Scoring

# The operator of individuals that a subclass of the oracle proposed.
CUSTOM = "custom"


class KnownModels:
    """The search space, and the models that were proposed or imported.

    Args:
        num_objectives: Int.
        num_limits: Int, the number of limits on metrics.
        sign: Float, -1 if the objective is maximized, else 1.

    Attributes:
        hyperparameters: The search space, a `keras_tuner.HyperParameters`.
        history: The `History`.
        branches: The `BranchTally` of the values of builds.
        requested: List of the keys of genes that exploring requested.
        problems: List of the problems of rejected models.
        kinds_of_problems: Set of these, without their numbers.
        imports: Dict of the ids of imported individuals to their
            `ModelImported` events.
        sources: Set of the paths of the projects that were read.
    """

    def __init__(
        self, num_objectives: int, num_limits: int, sign: float
    ) -> None:
        self.hyperparameters = private_api.HyperParameters()
        self.history = History(SearchSpace(), num_objectives, num_limits)
        self.branches = BranchTally()
        self.requested: list[str] = []
        self.problems: list[str] = []
        self.kinds_of_problems: set[str] = set()
        self.imports: dict[str, ModelImported] = {}
        self.sources: set[str] = set()
        self._sign = sign
        # Records and keys that were applied before the line of their trial.
        self._learned: list[Any] = []

    def grow(self, found: kt.HyperParameters) -> None:
        """Adds new hyperparameters to the search space.

        Args:
            found: A `keras_tuner.HyperParameters`.
        """
        new = private_api.new_entries(self.hyperparameters, found)
        self.hyperparameters.merge(new)
        known = self.history.space.position
        unknown = [
            hp for hp in self.hyperparameters.space if key_of(hp) not in known
        ]
        if unknown:
            self.history.grow(
                self.history.space.extended(genes_of(unknown)),
                {key: event.values for key, event in self.imports.items()},
            )
            self._mark_requested(self.requested)

    def learn_requested(self, keys: list[str]) -> None:
        """Marks genes that exploring requested.

        A gene that no build has requested may be requested in training, so
        models with different values of it count as different.
        """
        self.requested = keys
        self._mark_requested(keys)

    def learn_edit(self, keys: list[str], num_outdated: int) -> None:
        """Applies an edit of the hypermodel.

        Args:
            keys: List of the keys of the genes that its builds request now.
            num_outdated: Int, how many individuals were built before.
        """
        self._learned.append(keys)
        self._mark_requested(keys)
        self.history.forget_builds(num_outdated)

    def learn_rebuilt(self, trial_id: str, keys: list[str]) -> None:
        """Applies an edit of the hypermodel before a trial is trained.

        Args:
            trial_id: String.
            keys: List of the keys of the genes that its build requests now.
        """
        self._mark_requested(keys)
        self.history.forget_builds(len(self.history))
        position = self.history.space.position
        self.history.note_rebuilt(
            trial_id, tuple(position[key] for key in keys if key in position)
        )

    def all_problems(self, at_end: Sequence[Mapping[str, Any]]) -> list[str]:
        """Returns the problems of all rejected models.

        Args:
            at_end: Sequence of the records of those that were rejected after
                the last trial. A restart builds these again, one by one.
        """
        learned = [one for one in self._learned if isinstance(one, dict)]
        num_rebuilt = sum("problem" in one for one in learned)
        rest = [one["problem"] for one in at_end[num_rebuilt:]]
        return [*self.problems, *rest]

    def learn_rejected(self, record: dict[str, Any]) -> None:
        """Adds a model that can't be trained.

        Args:
            record: Dict, `record_of` its individual, with its "problem".
        """
        self._learned.append(record)
        individual = self._individual_of(record)
        individual.status = Status.REJECTED
        self.history.add(individual)
        values = self.history.space.decode(individual.genome)
        self._tally(individual, values, record["problem"])
        self.problems.append(record["problem"])
        self.kinds_of_problems.add(kind_of(record["problem"]))

    def learn_repeated(self, record: dict[str, Any]) -> None:
        """Adds a build that was the model of an earlier individual.

        Args:
            record: Dict, `record_of` the individual, with "same_as", the
                position of the earlier one.
        """
        self._learned.append(record)
        self.history.note_repeated(
            self._individual_of(record), record["same_as"]
        )

    def learn_proposed(
        self, trial_id: str, record: dict[str, Any], values: dict[str, Any]
    ) -> Individual:
        """Adds the individual of a new trial, and returns it.

        Args:
            trial_id: String.
            record: Dict, `record_of` it; without "genome" where a subclass of
                the oracle proposed it.
            values: Dict of the values of the trial.
        """
        self._learned.append(record)
        if "genome" in record:
            individual = self._individual_of(record)
        else:
            genome = self.history.space.encode(values)
            individual = Individual(genome, operator=CUSTOM)
        individual.trial_id = trial_id
        self.history.add(individual)
        self._tally(individual, values)
        return individual

    def learn_training(
        self, trial_id: str, keys: list[str], session: float
    ) -> None:
        """Applies what the training of a trial requested.

        Args:
            trial_id: String.
            keys: List of the keys of genes, in the order of the requests.
            session: Float, the session of the training.
        """
        position = self.history.space.position
        genes = [position[key] for key in keys]
        self.history.learn_training(trial_id, genes, session)

    def learn_imported(self, event: ModelImported) -> None:
        """Adds a model that another search evaluated."""
        self.imports[event.trial_id] = event
        individual = self._individual_of(event.record)
        individual.trial_id = event.trial_id
        self.history.add(individual)

    def learn_source(
        self, event: WarmStarted | SearchTransferred, scoring: Scoring
    ) -> None:
        """Takes a project that was read, and its scores on other data."""
        if isinstance(event, SearchTransferred):
            if event.path in self.sources:
                return
            scored = [
                (values, scoring.minimized(metrics))
                for values, metrics in zip(
                    event.values, event.metrics, strict=True
                )
            ]
            # A journal may have been edited.
            scored = [one for one in scored if all(map(math.isfinite, one[1]))]
            self.history.past.append(
                PastSearch(
                    [values for values, _ in scored],
                    [objectives for _, objectives in scored],
                )
            )
        self.sources.add(event.path)

    def apply(self, event: TrialCreated) -> None:
        """Applies the parts of a trial's line that were not applied before."""
        record = event.record
        is_known = any(record is one for one in self._learned)
        self.learn_on_the_way(record)
        if "reevaluates" in record:
            first = self.history.position_of(record["reevaluates"])
            self.history.reevaluate(first, event.trial_id)
        elif not is_known:
            self.learn_proposed(event.trial_id, record, event.values)
        self._learned = []

    def learn_on_the_way(self, record: dict[str, Any]) -> None:
        """Applies what was found before a decision, if it was not applied.

        Args:
            record: Dict, see `TrialCreated`.
        """
        known = {id(one) for one in self._learned}
        if "asked" in record:
            self.learn_requested(record["asked"])
        if "rebuilt" in record and id(record["rebuilt"]) not in known:
            self.learn_edit(record["rebuilt"], len(self.history))
        for one in record.get("rejected", ()):
            if id(one) not in known:
                self.learn_rejected(one)
        for one in record.get("repeated", ()):
            if id(one) not in known:
                self.learn_repeated(one)
        self._learned = []

    def _mark_requested(self, keys: Iterable[str]) -> None:
        position = self.history.space.position
        self.history.mark_requested(
            position[key] for key in keys if key in position
        )

    def _individual_of(self, record: Mapping[str, Any]) -> Individual:
        return individual_of(record, self.history.space, self._sign)

    def _tally(
        self,
        individual: Individual,
        values: Mapping[str, Value],
        problem: str | None = None,
    ) -> None:
        """Counts a model as built or rejected, for each of its values."""
        space = self.history.space
        names = [space.genes[i].name for i in individual.expression]
        requested = {name: values[name] for name in names if name in values}
        self.branches.add(space, requested, problem)
