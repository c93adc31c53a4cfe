"""The reader: every trial of a project on disk, of any oracle.

Projects of this package are read from the journal, those of Keras Tuner's own
oracles from the `trial.json` of each trial. Nothing is written or locked, and
no tuner or oracle is created: a search may go on while its project is read.
"""

import dataclasses
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kt_evolution import files
from kt_evolution.algorithm.space.declarations import Declaration
from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.display.terminal import printable
from kt_evolution.keras_tuner_bridge.stored_space import hyperband_values
from kt_evolution.keras_tuner_bridge.stored_space import own_values
from kt_evolution.keras_tuner_bridge.stored_space import read_declaration
from kt_evolution.keras_tuner_bridge.trial_status import TrialStatus
from kt_evolution.project.clock import SearchClock
from kt_evolution.project.event_checks import EventCheck
from kt_evolution.project.event_checks import check_trial_file
from kt_evolution.project.event_checks import check_version
from kt_evolution.project.event_lines import from_line
from kt_evolution.project.events import BuildBegan
from kt_evolution.project.events import Event
from kt_evolution.project.events import ModelImported
from kt_evolution.project.events import ModelsRejected
from kt_evolution.project.events import RunsInterrupted
from kt_evolution.project.events import SearchDefined
from kt_evolution.project.events import SearchStopped
from kt_evolution.project.events import SearchTransferred
from kt_evolution.project.events import TrialCreated
from kt_evolution.project.events import TrialEnded
from kt_evolution.project.events import TrialPaused
from kt_evolution.project.events import TrialPromoted
from kt_evolution.project.events import TrialStarted
from kt_evolution.project.journal import JOURNAL
from kt_evolution.project.journal import Journal


@dataclasses.dataclass(frozen=True)
class StoredMetric:
    """A metric of a trial.

    Args:
        direction: String, "min" or "max", as the project has it. Keras Tuner
            stores "min" if it does not know the direction.
        means: Dict of epochs to means over executions.
    """

    direction: str
    means: dict[int, float]


@dataclasses.dataclass(frozen=True)
class StoredRun:
    """A run of a trial that has ended.

    Args:
        worker: String, or None if that is not stored.
        began: Float, see `StoredTrial`.
        ended: Float.
        start: Float.
        finish: Float.
    """

    worker: str | None
    began: float | None
    ended: float | None
    start: float | None
    finish: float | None


@dataclasses.dataclass(frozen=True)
class StoredTrial:
    """A trial as it is stored in its project.

    Args:
        trial_id: String.
        status: String, a `TrialStatus`; "RUNNING" if it was interrupted and
            "IDLE" if it is paused.
        values: Dict of names to values.
        score: Float, or None.
        best_step: Int, the epoch of the score, or None.
        metrics: Dict of names to `StoredMetric`s.
        message: String, why it failed, or None.
        record: Dict, how the oracle proposed it, see `TrialCreated`; only in
            projects of this package.
        worker: String, the worker that ran it, or None if that is not stored.
        began: Float, when it was given to that worker, or None.
        ended: Float, when it ended, or None.
        start: Float, for how many seconds the search had run when it began,
            or None if the journal has no sessions.
        finish: Float, likewise when it ended.
        hyperband: Dict of what `Hyperband` passed to itself, such as "epochs".
        requested: Tuple of the keys of the genes that its training requested,
            or None if it did not record them.
        inherited: Dict, whose weights its model began with, or None.
        epochs: Tuple of the epochs to which it was to be trained, in order;
            empty if it was to be trained to the end at once.
        rungs: Dict of the epochs after which it was compared to the metrics of
            its best epoch up to there.
        trained: Int, for how many epochs it has been trained in all, or None
            if that is not stored.
        max_epochs: Int, the last epoch of the search, if the trial was paused.
        earlier: Tuple of the `StoredRun`s after which it was paused, without
            the newest run.
    """

    trial_id: str
    status: str
    values: dict[str, Value]
    score: float | None = None
    best_step: int | None = None
    metrics: dict[str, StoredMetric] = dataclasses.field(default_factory=dict)
    message: str | None = None
    record: dict[str, Any] = dataclasses.field(default_factory=dict)
    worker: str | None = None
    began: float | None = None
    ended: float | None = None
    start: float | None = None
    finish: float | None = None
    hyperband: dict[str, Any] = dataclasses.field(default_factory=dict)
    requested: tuple[str, ...] | None = None
    inherited: dict[str, Any] | None = None
    trained: int | None = None
    max_epochs: int | None = None
    earlier: tuple[StoredRun, ...] = ()
    epochs: tuple[int, ...] = ()
    rungs: dict[int, dict[str, float]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class StoredProject:
    """A project as it is on disk.

    Args:
        folder: The path of its folder.
        has_journal: Bool, whether it is a project of this package.
        trials: List of `StoredTrial`s, in the order of their creation.
        imports: List of the `ModelImported` events of imported individuals.
        transfers: List of the `SearchTransferred` events.
        space: Dict of the `Declaration`s of the hyperparameters that were
            searched, by their names and conditions.
        search: Dict, the journal's first line; empty if there is none.
        limits: List of dicts, the limits on metrics.
        last_rejected: List of dicts, the records of the models that were
            rejected after the last trial.
        stop_reason: String, why a stopping rule ended the search, or None.
        is_interrupted: Bool, whether the process ended while building a model.
        damaged: List of strings, one for each trial or line that can't be
            read.
        clock: The `SearchClock`, which adds up the sessions of the search.
    """

    folder: Path
    has_journal: bool
    trials: list[StoredTrial] = dataclasses.field(default_factory=list)
    imports: list[ModelImported] = dataclasses.field(default_factory=list)
    transfers: list[SearchTransferred] = dataclasses.field(default_factory=list)
    space: dict[tuple[str, tuple[Condition, ...]], Declaration] = (
        dataclasses.field(default_factory=dict)
    )
    search: SearchDefined | None = None
    limits: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    last_rejected: list[dict[str, Any]] = dataclasses.field(
        default_factory=list
    )
    stop_reason: str | None = None
    is_interrupted: bool = False
    damaged: list[str] = dataclasses.field(default_factory=list)
    clock: SearchClock = dataclasses.field(default_factory=SearchClock)

    def add_to_space(self, configs: Iterable[dict[str, Any]]) -> None:
        """Adds new hyperparameters, in the format of Keras Tuner."""
        for config in configs:
            found = read_declaration(config)
            self.space.setdefault((found.name, found.conditions), found)


def read_stored(folder: Path, salvage: bool = False) -> StoredProject:
    """Reads a project.

    Args:
        folder: The path of its folder.
        salvage: Bool, whether damaged lines of a journal are left out. A
            damaged `trial.json` always is. Defaults to False.

    Raises:
        JournalError: If a line of the journal is damaged, without `salvage`,
            or if it was written by another version.
    """
    journal = Journal(folder / JOURNAL)
    if not journal.has_content():
        return _read_trial_files(folder)
    check_version(journal.first(), str(folder))
    project = StoredProject(folder, has_journal=True)
    if salvage:
        lines, problems = journal.salvage()
    else:
        lines, problems = dict(enumerate(journal.read(), start=1)), {}
    trials: dict[str, StoredTrial] = {}
    check = EventCheck()
    for number, line in lines.items():
        try:
            check(line)
            check_version(line, str(folder))
            event = from_line(line)
            if event is not None:
                _take(project, trials, event)
        except ValueError as error:
            problems[number] = f"it is no line of a search: {error}"
    project.damaged = [
        printable(f"Line {number} of {journal.path} can't be read: {problem}")
        for number, problem in sorted(problems.items())
    ]
    project.trials = list(trials.values())
    return project


def _take(
    project: StoredProject, trials: dict[str, StoredTrial], event: Event
) -> None:
    """Applies an event to a project."""
    project.clock.apply(event)
    moment = project.clock.seconds if event.session is not None else None
    project.is_interrupted = isinstance(event, (BuildBegan, RunsInterrupted))
    if event.space is not None:
        project.add_to_space(event.space)
    if event.limits is not None:
        project.limits = event.limits
    match event:
        case SearchDefined():
            project.search = event
        case ModelImported():
            project.imports.append(event)
        case SearchTransferred():
            project.transfers.append(event)
        case SearchStopped():
            project.stop_reason = event.reason
        case ModelsRejected():
            project.last_rejected = event.rejected
        case TrialCreated() if event.trial_id not in trials:
            project.last_rejected = []
            project.stop_reason = None
            trials[event.trial_id] = StoredTrial(
                event.trial_id,
                TrialStatus.RUNNING,
                own_values(event.values),
                record=event.record,
                worker=event.worker,
                began=event.time,
                start=moment,
                epochs=() if event.epochs is None else (event.epochs,),
            )
        case TrialStarted() | TrialPromoted():
            project.stop_reason = None
            trials[event.trial_id] = _started(
                trials[event.trial_id], event, moment
            )
        case TrialEnded() | TrialPaused():
            trial = trials[event.trial_id]
            # A repeated line changes nothing, but a failed trial may have run
            # again.
            if trial.status != TrialStatus.COMPLETED:
                trials[event.trial_id] = _ended(trial, event, moment)


def _started(
    trial: StoredTrial,
    event: TrialStarted | TrialPromoted,
    moment: float | None,
) -> StoredTrial:
    """Returns a trial that was given to a worker once more.

    Args: See `_ended`.
    """
    epochs, record = trial.epochs, trial.record
    if isinstance(event, TrialPromoted):
        epochs += (event.epochs,)
        rejected = (event.record or {}).get("rejected", [])
        if rejected:
            every = [*record.get("rejected", []), *rejected]
            record = {**record, "rejected": every}
    if trial.status == TrialStatus.IDLE:
        run = StoredRun(
            trial.worker, trial.began, trial.ended, trial.start, trial.finish
        )
        trial = dataclasses.replace(
            trial,
            status=TrialStatus.RUNNING,
            ended=None,
            finish=None,
            earlier=(*trial.earlier, run),
        )
    return dataclasses.replace(
        trial,
        worker=event.worker,
        began=event.time,
        start=moment,
        record=record,
        epochs=epochs,
    )


def _ended(
    trial: StoredTrial, event: TrialEnded | TrialPaused, moment: float | None
) -> StoredTrial:
    """Returns a trial with the result of a run.

    Args:
        trial: The `StoredTrial`.
        event: The event of the run's end.
        moment: Float, for how many seconds the search had run, or None.
    """
    start = trial.start
    if event.began not in (None, trial.began) and moment is not None:
        # The trial was started again meanwhile.
        start = moment - ((event.time or 0.0) - (event.began or 0.0))
    status, message, max_epochs = TrialStatus.IDLE, None, trial.max_epochs
    if isinstance(event, TrialEnded):
        status, message = event.status, event.message
    else:
        max_epochs = event.max_epochs
    return dataclasses.replace(
        trial,
        status=status,
        values=own_values(event.values or trial.values),
        score=event.score,
        best_step=event.best_step,
        metrics={
            name: StoredMetric(
                metric["direction"],
                {
                    step: statistics.fmean(values)
                    for step, *values in metric["steps"]
                },
            )
            for name, metric in event.metrics.items()
        },
        message=message,
        worker=event.worker or trial.worker,
        began=event.began or trial.began,
        ended=event.time,
        start=start,
        finish=moment,
        requested=tuple(event.requested) if event.requested else None,
        inherited=event.inherited,
        trained=event.epochs,
        max_epochs=max_epochs,
        rungs=trial.rungs
        | {one["epochs"]: one["metrics"] for one in event.rungs or ()},
    )


def _read_trial_files(folder: Path) -> StoredProject:
    project = StoredProject(folder, has_journal=False)
    for file in sorted(folder.glob("trial_*/trial.json")):
        try:
            state = files.parse_json(files.read_own(file, folder))
            check_trial_file(state)
            trial = _trial_of_state(state)
            project.add_to_space(state["hyperparameters"]["space"])
            project.trials.append(trial)
        except (OSError, ValueError) as error:
            project.damaged.append(printable(f"{file} can't be read: {error}"))
    project.trials.sort(key=_order)
    return project


def _trial_of_state(state: dict[str, Any]) -> StoredTrial:
    return StoredTrial(
        state["trial_id"],
        state["status"],
        own_values(state["hyperparameters"]["values"]),
        score=state["score"],
        best_step=state.get("best_step"),
        metrics={
            name: StoredMetric(
                metric["direction"],
                {
                    observation["step"]: statistics.fmean(observation["value"])
                    for observation in metric["observations"]
                },
            )
            for name, metric in state["metrics"]["metrics"].items()
        },
        message=state.get("message"),
        hyperband=hyperband_values(state["hyperparameters"]["values"]),
    )


def _order(trial: StoredTrial) -> tuple[bool, int, str]:
    """Sorts by number: ids are padded to different widths."""
    name = trial.trial_id
    return not name.isdigit(), int(name) if name.isdigit() else 0, name
