"""A trial of a search as a record."""

import dataclasses

from kt_evolution.algorithm.space.genes import Value
from kt_evolution.display.formatting import failure_reason
from kt_evolution.display.formatting import pause_words
from kt_evolution.display.formatting import promotion_words
from kt_evolution.keras_tuner_bridge.trial_status import TrialStatus
from kt_evolution.project.reader import StoredRun

# The status of a trial that was trained to a rung. Keras Tuner calls it IDLE.
PAUSED = "PAUSED"


@dataclasses.dataclass(frozen=True)
class Rung:
    """Where a trial of `Hyperband` stands.

    Args:
        bracket: Int.
        round: Int, the number of the rung in its bracket.
        epochs: Int, for how many epochs it is trained in all.
        source: String, the trial that it goes on training, or None.
    """

    bracket: int
    round: int
    epochs: int
    source: str | None = None


@dataclasses.dataclass(frozen=True)
class InheritedWeights:
    """With whose weights the training of a model began.

    Args:
        source: String, the trial whose weights they are.
        share: Float in (0, 1], the part of the model's weights that was taken.
    """

    source: str
    share: float

    def __str__(self) -> str:
        return f"{self.share:.0%} of its weights from trial {self.source}"


@dataclasses.dataclass(frozen=True)
class TrialRecord:
    """One trial, or an individual that was imported from another search.

    Args:
        trial_id: String.
        number: Int, its place in the order of creation.
        status: String: "COMPLETED", "FAILED", "INVALID", "PAUSED" or
            "RUNNING", which is also what was interrupted.
        values: Dict of names to the values that count: those of dormant
            hyperparameters are left out.
        metrics: Dict of names to floats, at the best epoch.
        best_epoch: Int, or None.
        operator: String, how it was made; empty if that is not known.
        parents: Tuple of trial ids.
        prediction: Mean and standard deviation that were expected of the
            score, calibrated with the results before it, or None.
        num_rejected: Int, how many proposals were rejected before it.
        broken: Tuple of strings, the limits that it breaks.
        violations: Tuple of floats, by what part each limit is broken.
        message: String, why it failed, or None.
        worker: String, or None.
        began: Float, seconds since the epoch, or None.
        ended: Float, or None.
        start: Float, for how many seconds the search had run when it began,
            pauses left out; None where the journal has no sessions.
        finish: Float, likewise when it ended, or None.
        rung: Its `Rung` in a project of `Hyperband`, or None.
        inherited: Its `InheritedWeights`, or None if it began from scratch.
        epochs: Int, for how many epochs it has been trained, of several
            executions the first; None if that is not known.
        max_epochs: Int, the last epoch of the search, if the trial was paused.
        promoted_at: Tuple of ints, the rungs from which it was trained on.
        scores: Dict of the epochs of rungs to the metrics of the best epoch up
            to there.
        earlier: Tuple of the `StoredRun`s before the newest.
    """

    trial_id: str
    number: int
    status: str
    values: dict[str, Value]
    metrics: dict[str, float]
    best_epoch: int | None = None
    operator: str = ""
    parents: tuple[str, ...] = ()
    prediction: tuple[float, float] | None = None
    num_rejected: int = 0
    broken: tuple[str, ...] = ()
    violations: tuple[float, ...] = ()
    message: str | None = None
    worker: str | None = None
    began: float | None = None
    ended: float | None = None
    start: float | None = None
    finish: float | None = None
    rung: Rung | None = None
    inherited: InheritedWeights | None = None
    epochs: int | None = None
    max_epochs: int | None = None
    promoted_at: tuple[int, ...] = ()
    scores: dict[int, dict[str, float]] = dataclasses.field(
        default_factory=dict
    )
    earlier: tuple[StoredRun, ...] = ()

    @property
    def is_completed(self) -> bool:
        return self.status == TrialStatus.COMPLETED

    @property
    def is_running(self) -> bool:
        """Bool, whether it runs, or ran when its search was interrupted."""
        return self.status == TrialStatus.RUNNING

    @property
    def is_paused(self) -> bool:
        return self.status == PAUSED

    @property
    def has_failed(self) -> bool:
        return self.status in (TrialStatus.FAILED, TrialStatus.INVALID)

    @property
    def paused_at(self) -> int | None:
        """Int, the epoch after which it is paused, or None."""
        return self.epochs if self.is_paused else None

    @property
    def pause(self) -> str:
        """String, where it is paused in words; empty if it is not."""
        if not self.is_paused:
            return ""
        return pause_words(self.epochs, self.max_epochs)

    @property
    def state(self) -> str:
        """String, its status in words, such as "paused at epoch 3 of 27"."""
        words = [
            self.pause or self.status.lower(),
            promotion_words(self.promoted_at),
        ]
        return ", ".join(filter(None, words))

    @property
    def newest_run(self) -> StoredRun:
        return StoredRun(
            self.worker, self.began, self.ended, self.start, self.finish
        )

    @property
    def reason(self) -> str:
        """String, why it failed, on one line; empty if it did not fail."""
        has_result = self.is_completed or self.is_paused
        return "" if has_result else failure_reason(self.message or "")

    @property
    def seconds(self) -> float | None:
        """Float, for how long it ran until it ended or was paused, or None.

        The run of an interrupted trial is not known in full, but its training.
        """
        if self.began is None or self.ended is None:
            return None
        seconds = self.ended - self.began
        for run in self.earlier:
            seconds += (run.ended or 0.0) - (run.began or 0.0)
        seconds = max(seconds, self.metrics.get("train_seconds", 0.0))
        # The times of a clock have few digits, their difference has many.
        return round(seconds, 6)
