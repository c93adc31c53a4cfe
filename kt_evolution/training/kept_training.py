"""What is on disk of a trial that was begun and has not ended."""

import dataclasses
from typing import Any

from kt_evolution.training.snapshots import SnapshotError

# A file of another version is not read.
VERSION = 2


@dataclasses.dataclass
class Best:
    """The best epoch so far, and the training log up to there.

    Args:
        value: Float, its objective, or None without a checkpoint.
        file: String, the file with its weights beside the state, or None.
        log_size: Int, the bytes of the training log that belong to it.
    """

    value: float | None = None
    file: str | None = None
    log_size: int = 0


@dataclasses.dataclass
class Kept:
    """What is known of an unfinished trial.

    Args:
        values: Dict of the values of its hyperparameters.
        signature: String, the `signature_of` its model before training.
        finished: List of dicts, the results of finished executions.
        first: `Best` before the running execution.
        best: `Best` by now.
        clock: Tuple of the session and its seconds, or None.
        reason: String, why the running execution can't go on, or None.
        epoch: Dict, the state of the running execution, or None.
        inherited: Dict, whose weights it began with, or None.
        settings: Dict, with what it is trained, or None if a version kept it
            that did not note this. Those of a finished execution are in its
            result.
    """

    values: dict[str, Any]
    signature: str = ""
    finished: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    first: Best = dataclasses.field(default_factory=Best)
    best: Best = dataclasses.field(default_factory=Best)
    clock: Any = None
    reason: str | None = None
    epoch: dict[str, Any] | None = None
    inherited: dict[str, Any] | None = None
    settings: dict[str, Any] | None = None

    def to_record(self) -> dict[str, Any]:
        """Returns values and arrays, for a file."""
        first, best = vars(self.first), vars(self.best)
        return {**vars(self), "first": first, "best": best, "version": VERSION}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Kept":
        """Returns what a file has.

        Raises:
            SnapshotError: If another version wrote it.
        """
        if record.pop("version") != VERSION:
            raise SnapshotError("another version wrote it")
        first, best = Best(**record["first"]), Best(**record["best"])
        return cls(**{**record, "first": first, "best": best})
