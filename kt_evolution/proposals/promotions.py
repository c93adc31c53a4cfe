"""Promotions: which paused trials are trained on, and to which epoch."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import TypedDict

import keras_tuner as kt

from kt_evolution.algorithm.checks import check_optional_count
from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.proposal import Proposal
from kt_evolution.keras_tuner_bridge.trial_metrics import execution_metrics
from kt_evolution.limits import Limit
from kt_evolution.project.project import Project


class Promotion(TypedDict):
    """A paused trial, and the epoch to which it is trained on."""

    trial_id: str
    epochs: int


def check_limits(limits: Sequence[Limit], objective: kt.Objective) -> None:
    """Checks that every limit of a search with a fidelity is known at a rung.

    Trials are compared there during their first execution.

    Args:
        limits: The `Limit`s of the search.
        objective: The `keras_tuner.Objective`.

    Raises:
        ValueError: If a limit is on a metric of several executions.
    """
    later = execution_metrics(objective)
    unknown = [limit for limit in limits if limit.name in later]
    if unknown:
        raise ValueError(
            "With `fidelity`, `limits` must be on metrics that each execution "
            "has, since trials are compared during their first one. "
            f"Received: limits={unknown}"
        )


class Promotions:
    """Decides which paused trials of a search are trained on.

    A search without a fidelity pauses no trial, and neither does one whose
    trainings have a single rung.

    Args:
        project: The `Project` of the search.
        evolution: Its `Evolution`, which has the fidelity.
        limits: Its `Limit`s.
        objective: Its `keras_tuner.Objective`.

    Raises:
        ValueError: If a limit is not known at a rung.
    """

    def __init__(
        self,
        project: Project,
        evolution: Evolution,
        limits: Sequence[Limit],
        objective: kt.Objective,
    ) -> None:
        self._project = project
        self._evolution = evolution
        self._fidelity = fidelity = evolution.fidelity
        if fidelity is not None:
            project.max_epochs = fidelity.max_epochs
            check_limits(limits, objective)

    def set_max_epochs(self, epochs: int | None) -> None:
        """Takes the last epoch from a call of `search`.

        Args:
            epochs: Int, its `epochs`, or None if it has none.

        Raises:
            ValueError: If the last epoch is not known, or not the same as in
                `SuccessiveHalving(max_epochs=...)`.
        """
        fidelity = self._fidelity
        epochs = check_optional_count("epochs", epochs)
        given = None if fidelity is None else fidelity.max_epochs
        if given is not None and epochs not in (None, given):
            raise ValueError(
                "`max_epochs` of `SuccessiveHalving` must be the `epochs` of "
                f"`search`. Received: max_epochs={given}, epochs={epochs}"
            )
        if epochs is None and given is None:
            raise ValueError(
                "With `fidelity` or an `EpochBudget`, `search` needs the "
                "argument `epochs`: for how many epochs a model is trained in "
                "full. It is passed on to `fit`. Received no `epochs`"
            )
        self._project.max_epochs = epochs or given

    @property
    def rungs(self) -> tuple[int, ...]:
        """Tuple of the epochs of the rungs, empty if no trial is paused.

        Raises:
            RuntimeError: If the last epoch is not known.
        """
        if self._fidelity is None:
            return ()
        max_epochs = self._project.max_epochs
        if max_epochs is None:
            raise RuntimeError(
                "An oracle with a `fidelity` must know the last epoch of a "
                "training. `EvolutionTuner.search` takes it from `epochs`; "
                "elsewhere use `fidelity=SuccessiveHalving(max_epochs=...)`."
            )
        rungs = self._fidelity.rungs(max_epochs)
        return rungs if len(rungs) > 1 else ()

    @property
    def max_epochs(self) -> int | None:
        """Int, the last epoch; None if no trial is paused."""
        return self.rungs[-1] if self.rungs else None

    def due(self) -> Promotion | None:
        """Returns the promotion that is due when there are no new trials."""
        return self._made_by(self._evolution.propose_promotion)

    def last(self) -> Promotion | None:
        """Returns the promotion that is due before a search ends."""
        return self._made_by(self._evolution.propose_last)

    def epochs_left(self, promotion: Promotion) -> int:
        """Returns for how many epochs a promoted trial is trained on."""
        individual = self._project.state.history.individual_of(
            promotion["trial_id"]
        )
        return promotion["epochs"] - individual.epochs_reached

    def _made_by(
        self, propose: Callable[[History, int], Proposal | None]
    ) -> Promotion | None:
        """Returns what is proposed for the history, None if nothing is."""
        max_epochs = self.max_epochs
        if max_epochs is None:
            return None
        history = self._project.state.history
        proposal = propose(history, max_epochs)
        if proposal is None or proposal.promotes is None:
            return None
        trial_id = history.individuals[proposal.promotes].trial_id
        return Promotion(trial_id=trial_id or "", epochs=proposal.epochs or 0)

    def unneeded(self) -> list[str]:
        """Returns the paused trials that will never be trained on."""
        max_epochs = self.max_epochs
        if max_epochs is None or self._fidelity is None:
            return []
        history = self._project.state.history
        positions = self._fidelity.unneeded_states(history, max_epochs)
        return [history.individuals[one].trial_id or "" for one in positions]
