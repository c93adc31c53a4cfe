"""The events of a search.

A search changes in one way: an event is appended to the journal, then applied
to its `SearchState`. A field of an event is a key of its line in the journal,
see `event_lines.py`.
"""

import dataclasses
from typing import Any
from typing import ClassVar

from kt_evolution.algorithm.space.genes import Value
from kt_evolution.project import clock

VERSION = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened in a search.

    Args:
        time: Float, when it happened, in seconds since 1970. Defaults to now.
        session: Float, when its session began, or None between sessions.
            `Project.commit` fills in this field and the following ones.
        seconds: Float, for how long that session had run.
        space: List of the configs of hyperparameters that no earlier line
            has, or None.
        limits: List of the configs of the limits on metrics, or None if an
            earlier line has the same.
    """

    kind: ClassVar[str]
    # Whether its line may have new hyperparameters.
    has_space: ClassVar[bool] = True

    time: float | None = dataclasses.field(default_factory=clock.now)
    session: float | None = None
    seconds: float | None = None
    space: list[dict[str, Any]] | None = None
    limits: list[dict[str, Any]] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchDefined(Event):
    """The first event of a search.

    Args:
        version: Int, the version of the journal's format.
        objective: Dict of the names of metrics to "min" or "max".
        seed: Int.
    """

    kind = "search"
    has_space = False

    version: int = VERSION
    objective: dict[str, str]
    seed: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildBegan(Event):
    """The build of a model begins, before it becomes a trial.

    New hyperparameters of the build are in the line of the trial. If the model
    is rejected, it is built again after a restart.

    Args:
        model: Int, its `fingerprint`.
    """

    kind = "build"
    has_space = False

    model: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialCreated(Event):
    """A proposal became a trial, whose first run has begun.

    Args:
        trial_id: String.
        values: Dict of the proposed values.
        record: Dict, how it was proposed: `record_of` an individual, or
            "operator" and "reevaluates", the first trial of the model that is
            trained again. Before the proposal, "rejected" models could not be
            trained and "repeated" models were known; both are lists.
            "rebuilt" has the genes that builds request since the hypermodel
            was edited, "asked" those that exploring requested.
        worker: String, the worker that runs it, or None if not known.
        epochs: Int, the epoch to which it is trained; None for the last one,
            without a fidelity.
    """

    kind = "trial"

    trial_id: str
    values: dict[str, Value]
    record: dict[str, Any]
    worker: str | None = None
    epochs: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialStarted(Event):
    """A trial was given to a worker once more.

    Args:
        trial_id: String.
        worker: String, the worker that runs it, or None if not known.
        rebuilt: List of the keys of the genes that its build requests now, if
            the hypermodel was edited since the trial was proposed, or None.
    """

    kind = "start"

    trial_id: str
    worker: str | None = None
    rebuilt: list[str] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialPromoted(Event):
    """A paused trial was given to a worker, which trains it on.

    Args:
        trial_id: String.
        epochs: Int, the epoch to which it is trained now.
        worker: String, the worker that runs it, or None if not known.
        rebuilt: List of strings, see `TrialStarted`.
        record: Dict, what was found before it was decided: "rejected",
            "repeated", "rebuilt" and "asked" of `TrialCreated`.
    """

    kind = "promote"

    trial_id: str
    epochs: int
    worker: str | None = None
    rebuilt: list[str] | None = None
    record: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunsInterrupted(Event):
    """Runs or a build were ended from outside, so they did not crash.

    Args:
        trial_ids: List of strings, the trials that were running.
    """

    kind = "interrupted"
    has_space = False

    trial_ids: list[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunProgressed(Event):
    """A run that went on with a training has kept a further epoch of it.

    Args:
        trial_id: String.
    """

    kind = "progressed"
    has_space = False

    trial_id: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialPaused(Event):
    """A trial was trained to a rung, and may be trained on from there.

    Args:
        trial_id: String.
        epochs: Int, for how many epochs it was trained in all.
        score: Float, that of the best epoch so far.
        best_step: Int, the epoch that the score belongs to.
        metrics: Dict, see `TrialEnded`.
        rungs: List of dicts, the rungs that this run reached, see `rungs_of`
            in `issued_trial.py`. The last one has `epochs`.
        worker: String, the worker that ran it, or None if not known.
        began: Float, when that run began, or None if not known.
        values: Dict of its values, see `TrialEnded`.
        requested: List of the keys of genes, see `TrialEnded`.
        inherited: Dict, see `TrialEnded`.
        max_epochs: Int, the last epoch of the search, or None if not known.
    """

    kind = "pause"

    trial_id: str
    epochs: int
    score: float
    best_step: int | None
    metrics: dict[str, dict[str, Any]]
    rungs: list[dict[str, Any]]
    worker: str | None = None
    began: float | None = None
    values: dict[str, Value] | None = None
    requested: list[str] | None = None
    inherited: dict[str, Any] | None = None
    max_epochs: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialEnded(Event):
    """A run of a trial came to its end.

    Args:
        trial_id: String.
        status: String, a `TrialStatus` of Keras Tuner. INVALID means that the
            run crashed and the trial is run again.
        score: Float, or None if it has none.
        best_step: Int, the epoch that the score belongs to, or None.
        metrics: Dict of names to dicts with "direction" and "steps". A step is
            a list of an epoch and the values that were reported for it.
        worker: String, the worker that ran it, or None if not known.
        began: Float, when that run began, or None if not known.
        crashed: Bool, whether the failure counts for
            `max_consecutive_failed_trials`. Defaults to False.
        message: String, why it failed, or None.
        values: Dict of its values if training declared further
            hyperparameters, None if they are as proposed.
        requested: List of the keys of the genes that training requested, in
            order, if it ran to its end and no dry build shows them; else None.
        rungs: List of the rungs that the run passed, see `TrialPaused`, or
            None if there are none.
        inherited: Dict, whose weights its model began with, see
            `inherited_of` in `issued_trial.py`, or None.
        epochs: Int, for how many epochs it was trained in all, or None if not
            known. Of several executions it is the first.
    """

    kind = "end"

    trial_id: str
    status: str
    score: float | None
    best_step: int | None
    metrics: dict[str, dict[str, Any]]
    worker: str | None = None
    began: float | None = None
    crashed: bool = False
    message: str | None = None
    values: dict[str, Value] | None = None
    requested: list[str] | None = None
    rungs: list[dict[str, Any]] | None = None
    inherited: dict[str, Any] | None = None
    epochs: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class StatesDiscarded(Event):
    """Paused trials will not be trained on, so their states are deleted.

    Args:
        trial_ids: List of strings.
    """

    kind = "discard"
    has_space = False

    trial_ids: list[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchGivenUp(Event):
    """Too many trials failed. If none completed, all are run once more.

    Args:
        reason: String.
    """

    kind = "stop"

    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchStopped(Event):
    """The search ended by itself.

    Args:
        reason: String, which stopping rule fired, or that no model is left.
    """

    kind = "stopped"

    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelsRejected(Event):
    """Models were rejected after the last trial, or before the first.

    Only reports use this event. A restart builds the models again, because the
    build function may have been corrected. So it has no hyperparameters: those
    of builds before the first trial may have been corrected, too.

    Args:
        rejected: List of records of individuals, each with its "problem".
    """

    kind = "rejected"
    has_space = False

    rejected: list[dict[str, Any]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelImported(Event):
    """A model that another search evaluated entered the history.

    Args:
        trial_id: String, its id here.
        source: String, its id in the project that the next `WarmStarted`
            names.
        values: Dict of all values that it had there.
        metrics: Dict of names to the best values that it had there.
        record: Dict, `record_of` the individual.
        costs: Dict of the costs that are known from its build, or None.
        epochs: Int, after how many epochs it had them, if it was not trained
            to the end there; else None.
    """

    kind = "import"

    trial_id: str
    source: str
    values: dict[str, Value]
    metrics: dict[str, float]
    record: dict[str, Any]
    costs: dict[str, float] | None = None
    epochs: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class WarmStarted(Event):
    """The import from a project is complete.

    Args:
        path: String, its folder, as the user gave it.
        imported: Int, how many models entered the history.
        dropped: Int, how many can't be models of this search.
    """

    kind = "warm_start"

    path: str
    imported: int = 0
    dropped: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchTransferred(Event):
    """A search on other data teaches the surrogate of this one.

    Args:
        path: String, the folder of its project, as the user gave it.
        values: List of dicts of all values of its models.
        metrics: List of dicts of their objectives there, in the same order.
        dropped: Int, how many models can't be models of this search.
    """

    kind = "transfer"

    path: str
    values: list[dict[str, Value]]
    metrics: list[dict[str, float]]
    dropped: int = 0
