"""A search as records: what there is to show of it, before any drawing."""

import dataclasses
import functools
import math
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kt_evolution.algorithm.ranking import best_first
from kt_evolution.algorithm.ranking import front
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.keras_tuner_bridge.objectives import SUM_OF_OBJECTIVES
from kt_evolution.keras_tuner_bridge.objectives import VERBS
from kt_evolution.keras_tuner_bridge.objectives import sign_of
from kt_evolution.limits import Limit
from kt_evolution.project.rejections import BranchTally
from kt_evolution.project.rejections import Mistake
from kt_evolution.project.rejections import UnbuiltBranch
from kt_evolution.reporting.trial_records import TrialRecord


@dataclasses.dataclass(frozen=True)
class ObjectiveRecord:
    """What a search is for.

    Args:
        name: String, the metric.
        direction: String, "min" or "max".
    """

    name: str
    direction: str

    @property
    def sign(self) -> float:
        """Float, the factor that makes lower values better."""
        return sign_of(self.direction)

    @property
    def verb(self) -> str:
        """String, "minimize" or "maximize"."""
        return VERBS[self.direction]


@dataclasses.dataclass(frozen=True)
class RejectionRecord:
    """A model that was proposed and rejected before it cost a trial.

    Args:
        values: Dict of names to values, those that its build asked for.
        problem: String, why it was rejected.
    """

    values: dict[str, Value]
    problem: str


@dataclasses.dataclass(frozen=True)
class SearchRecord:
    """A search, as its project has it.

    Args:
        folder: The path of the project.
        has_journal: Bool, whether it is one of ours, with parents and times.
        objectives: Tuple of `ObjectiveRecord`s.
        limits: Tuple of `Limit`s.
        space: The `SearchSpace`.
        trials: Tuple of `TrialRecord`s, in the order of their creation.
        imports: Tuple of `TrialRecord`s of other searches.
        stop_reason: String, why a stopping rule ended it, or None.
        seed: Int, or None.
        problems: Tuple of strings, what could not be read.
        rejections: Tuple of `RejectionRecord`s, in their order.
        seconds: Float, for how long it ran, pauses left out; None where the
            journal has no sessions.
        is_interrupted: Bool, whether its process ended between two trials.
        transfers: Dict of the folders of searches on other data from which
            it learned, to how many of their models it knows.
    """

    folder: Path
    has_journal: bool
    objectives: tuple[ObjectiveRecord, ...]
    limits: tuple[Limit, ...]
    space: SearchSpace
    trials: tuple[TrialRecord, ...]
    imports: tuple[TrialRecord, ...] = ()
    stop_reason: str | None = None
    seed: int | None = None
    problems: tuple[str, ...] = ()
    rejections: tuple[RejectionRecord, ...] = ()
    seconds: float | None = None
    is_interrupted: bool = False
    transfers: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    # Cached: these are read once for each trial.

    @functools.cached_property
    def completed(self) -> list[TrialRecord]:
        """The completed trials that have all objectives."""
        return [
            trial
            for trial in self.trials
            if trial.is_completed and self.has_objectives(trial)
        ]

    @functools.cached_property
    def paused(self) -> list[TrialRecord]:
        """The paused trials, in the order of their creation."""
        return [trial for trial in self.trials if trial.is_paused]

    @functools.cached_property
    def max_epochs(self) -> int | None:
        """The last epoch of trainings, None if no trial was paused."""
        last = [one.max_epochs for one in self.trials if one.max_epochs]
        return max(last, default=None)

    @property
    def num_epochs(self) -> int | None:
        """For how many epochs all trials were trained, None if none paused."""
        last = self.max_epochs
        if last is None:
            return None
        total = 0
        for one in self.trials:
            reached = last if one.is_completed else max(one.scores, default=0)
            total += reached if one.epochs is None else one.epochs
        return total

    @property
    def num_epochs_in_full(self) -> int | None:
        """The epochs if all trials were trained to the last one, or None."""
        return self.max_epochs and self.max_epochs * len(self.trials)

    @functools.cached_property
    def parameters(self) -> list[str]:
        """The names of the hyperparameters, in the order of the space."""
        named = dict.fromkeys(gene.name for gene in self.space.genes)
        for trial in self.trials:
            named |= dict.fromkeys(trial.values)
        return list(named)

    @functools.cached_property
    def metrics(self) -> list[str]:
        """The names of the metrics, the objectives first."""
        named = dict.fromkeys(one.name for one in self.objectives)
        for trial in self.trials:
            named |= dict.fromkeys(trial.metrics)
        if len(self.objectives) > 1:
            named.pop(SUM_OF_OBJECTIVES, None)
        return list(named)

    @property
    def unbuilt_branches(self) -> list[UnbuiltBranch]:
        """The values with which no model could be built."""
        return self._branches.unbuilt()

    @property
    def mistakes(self) -> list[Mistake]:
        """The bugs of the hypermodel that no unbuilt branch shows."""
        return self._branches.mistakes()

    @functools.cached_property
    def _branches(self) -> BranchTally:
        tally = BranchTally()
        for trial in self.trials:
            tally.add(self.space, trial.values, None)
        for rejection in self.rejections:
            tally.add(self.space, rejection.values, rejection.problem)
        return tally

    def has_objectives(self, trial: TrialRecord) -> bool:
        return all(
            math.isfinite(trial.metrics.get(one.name, math.nan))
            for one in self.objectives
        )

    def points(self, trials: Iterable[TrialRecord]) -> np.ndarray:
        """Returns the objectives of trials, lower is better.

        Returns:
            Float array of shape `(n, num_objectives)`.
        """
        rows = [
            [one.sign * trial.metrics[one.name] for one in self.objectives]
            for trial in trials
        ]
        return np.array(rows, dtype=float).reshape(
            len(rows), len(self.objectives)
        )

    def violations(self, trials: Iterable[TrialRecord]) -> np.ndarray:
        """Returns by how much trials break the limits, of which 0 is none."""
        rows = [trial.violations for trial in trials]
        return np.array(rows, dtype=float).reshape(len(rows), len(self.limits))

    def ranked(self) -> list[TrialRecord]:
        """Returns the completed trials, best first, as the oracle does."""
        return list(self._ranked)

    @functools.cached_property
    def _ranked(self) -> list[TrialRecord]:
        completed = self.completed
        order = best_first(self.points(completed), self.violations(completed))
        return [completed[position] for position in order]

    def front(self) -> list[TrialRecord]:
        """Returns the Pareto front, the knee first."""
        completed = self.completed
        members = front(self.points(completed), self.violations(completed))
        return [completed[position] for position in members]

    def individual(
        self, trial_id: str, argument: str = "trial_id"
    ) -> TrialRecord:
        """Returns a trial or an imported individual by its id.

        Args:
            trial_id: String.
            argument: String, the argument's name, for the error. Defaults to
                "trial_id".

        Raises:
            ValueError: If there is none.
        """
        for one in (*self.trials, *self.imports):
            if one.trial_id == trial_id:
                return one
        known = [trial.trial_id for trial in self.trials]
        # Ids begin with zeros.
        number = trial_id.lstrip("0")
        same = [one for one in known if number and one.lstrip("0") == number]
        hint = f" Did you mean {same[0]}?" if same else ""
        which = f"such as {', '.join(known[:5])}" if known else "which has none"
        raise ValueError(
            f"`{argument}` must be that of a trial of the search, {which}."
            f"{hint} Received: {argument}={trial_id!r}"
        )


def evenly(trials: Sequence[TrialRecord], most: int) -> list[TrialRecord]:
    """Returns trials at even distances, the first and the last among them.

    Args:
        trials: Sequence of `TrialRecord`s.
        most: Int, how many to return at most.
    """
    picks = np.linspace(0, len(trials) - 1, min(len(trials), most))
    return [trials[round(pick)] for pick in picks.tolist()]
