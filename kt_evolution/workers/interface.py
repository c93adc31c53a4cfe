"""What a search asks of its workers, and what they answer."""

import abc
import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_tuner.engine.trial import Trial

from kt_evolution.project.issued_trial import IssuedTrial


@dataclasses.dataclass(frozen=True)
class Task:
    """A trial that a worker is to train.

    Args:
        trial: The `IssuedTrial`.
        parents: List of the trials whose weights it may begin with.
        seconds: Float, for how long the search has run.
        seed: Int, with which Keras is seeded before the training.
    """

    trial: IssuedTrial
    parents: Sequence[Trial]
    seconds: float
    seed: int


@dataclasses.dataclass(frozen=True)
class TrainingBegan:
    """A worker begins to train its trial."""

    worker: str


@dataclasses.dataclass(frozen=True)
class TrainingResumed:
    """A training that was cut goes on, and is further by now."""

    worker: str


@dataclasses.dataclass(frozen=True)
class TrainingProgressed:
    """A worker has trained a part of its trial.

    Args:
        worker: String.
        part: Float in [0, 1].
        text: String, what the last epoch said, or None for no news.
    """

    worker: str
    part: float
    text: str | None


@dataclasses.dataclass(frozen=True)
class WorkerPrinted:
    """The code of a training has printed something.

    Args:
        worker: String.
        text: String, whole lines.
    """

    worker: str
    text: str


@dataclasses.dataclass(frozen=True)
class TrialReported:
    """A worker has trained its trial.

    Args:
        worker: String.
        trial: The `IssuedTrial` after `put_report`.
        updates: Sequence of the metrics of the trial, and their epochs.
    """

    worker: str
    trial: IssuedTrial
    updates: Sequence[tuple[Mapping[str, float], int]]


@dataclasses.dataclass(frozen=True)
class WorkerDied:
    """A worker ended before it reported its trial.

    Without `TrainingBegan` before it, the trial is not to blame, and is
    submitted again.

    Args:
        worker: String.
        reason: String, how it ended, as a sentence.
    """

    worker: str
    reason: str


@dataclasses.dataclass(frozen=True)
class WorkerJoined:
    """A worker has become one of `Workers.names`.

    Args:
        worker: String.
    """

    worker: str


@dataclasses.dataclass(frozen=True)
class SearchFailed:
    """An error on a worker that has to end the search.

    Args:
        worker: String.
        error: The exception.
        text: String, its traceback on the worker.
    """

    worker: str
    error: BaseException
    text: str


Event = (
    TrainingBegan
    | TrainingResumed
    | TrainingProgressed
    | WorkerPrinted
    | TrialReported
    | WorkerDied
    | WorkerJoined
    | SearchFailed
)


class Workers(abc.ABC):
    """Trains trials somewhere else than in the process of the search.

    The methods are called in the order of a search: `start`, then any number
    of the others, and `close` also after an error. All calls come from one
    thread. After `close` the next search calls `start` again.

    Attributes:
        names: Tuple of strings, the workers that can get a trial, at least
            one. Each has one trial at a time. On a cluster they may become
            more, with an event `WorkerJoined`, and fewer.
    """

    names: tuple[str, ...]

    @abc.abstractmethod
    def start(
        self, tuner: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Takes what all trials of a search share.

        Args:
            tuner: The `EvolutionTuner`, of which each worker gets a copy.
            args: Tuple, the positional arguments of `search`.
            kwargs: Dict, the others.

        Raises:
            TypeError: If something can't be sent. The message names it.
        """

    @abc.abstractmethod
    def submit(self, worker: str, task: Task) -> None:
        """Gives a worker that has no trial the next one.

        A worker that is not running, or has died, is started.

        Args:
            worker: String, one of `names`.
            task: The `Task`.
        """

    @abc.abstractmethod
    def events(self, timeout: float) -> Sequence[Event]:
        """Returns what has happened, in the order in which it did.

        Args:
            timeout: Float, for how many seconds to wait for an event at most.
        """

    @abc.abstractmethod
    def terminate(self, worker: str) -> None:
        """Ends a worker at once. `WorkerDied` follows."""

    @abc.abstractmethod
    def close(self, at_once: bool) -> None:
        """Ends all workers.

        Args:
            at_once: Bool, whether they train and are not waited for.
        """
