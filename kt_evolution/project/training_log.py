"""The training log: the metrics of each epoch, in a file of the trial.

Keras Tuner keeps the best epoch only. The file is for people: no search reads
it, so it is not part of the journal, and each worker writes the files of its
trials. If a trial runs again, the file is overwritten.
"""

import contextlib
import dataclasses
import json
import operator
import time
from pathlib import Path
from typing import Any

import keras

from kt_evolution import files
from kt_evolution.keras_tuner_bridge.scalars import as_numbers

FILE_NAME = "training.jsonl"
# Lines of later epochs are not valid.
MAX_EPOCHS = 1_000_000


class TrainingLog(keras.callbacks.Callback):
    """Appends the metrics of each epoch to the file of a trial.

    Args:
        path: The path of the file.
        overwrite: Bool, whether to replace the content of the file, which is
            from an earlier run of the trial.
    """

    def __init__(self, path: Path, overwrite: bool) -> None:
        super().__init__()
        self._path = path
        self._overwrite = overwrite

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._write({"event": "begin"})

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._write(
            {"event": "epoch", "epoch": epoch, "logs": as_numbers(logs)}
        )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._write({"event": "end", "layers": layers_of(self.model)})

    def _write(self, line: dict[str, Any]) -> None:
        line["time"] = round(time.time(), 3)
        mode, self._overwrite = "w" if self._overwrite else "a", False
        # Training must not fail because logging failed.
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            files.check_own(self._path, self._path.parent.parent)
            with open(self._path, mode, encoding="utf-8") as file:
                file.write(json.dumps(line, separators=(",", ":")) + "\n")


def layers_of(model: Any) -> list[dict[str, Any]]:
    """Returns a dict for each layer, with the columns of `model.summary()`."""
    return [
        {
            "name": layer.name,
            "type": type(layer).__name__,
            "shape": _shape_of(layer),
            "params": int(layer.count_params()) if layer.built else None,
        }
        for layer in model.layers
    ]


def _shape_of(layer: Any) -> str:
    # Shared layers have several outputs, those of subclassed models have none.
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):
        return ""
    return " × ".join("?" if size is None else str(size) for size in shape[1:])


@dataclasses.dataclass
class TrainingRecord:
    """The content of the file of a trial.

    Args:
        curves: List of dicts of metric names to their values by epoch, one
            for each time that a model was fit.
        layers: List of dicts, the layers of the model that was trained last.
    """

    curves: list[dict[str, list[float]]] = dataclasses.field(
        default_factory=list
    )
    layers: list[dict[str, Any]] = dataclasses.field(default_factory=list)


def read_training(folder: Path) -> TrainingRecord:
    """Returns the training log in the folder of a trial.

    It is empty if the file is missing or not of the project. Damaged lines are
    left out.
    """
    record = TrainingRecord()
    try:
        data = files.read_own(folder / FILE_NAME, folder.parent)
    except OSError:
        return record
    for line in data.splitlines():
        # `_take` raises these errors for damaged lines.
        with contextlib.suppress(
            ValueError, KeyError, TypeError, AttributeError, OverflowError
        ):
            _take(record, files.parse_json(line))
    return record


def _take(record: TrainingRecord, line: dict[str, Any]) -> None:
    if line["event"] == "begin":
        record.curves.append({})
    elif line["event"] == "epoch":
        epoch = operator.index(line["epoch"])
        if not record.curves or not 0 <= epoch < MAX_EPOCHS:
            return
        for name, value in line["logs"].items():
            # Validation may not run in each epoch.
            values = record.curves[-1].setdefault(name, [])
            values += [float("nan")] * (epoch - len(values))
            values.append(float(value))
    elif line["event"] == "end":
        record.layers = [_layer_of(layer) for layer in line["layers"]]


def _layer_of(layer: dict[str, Any]) -> dict[str, Any]:
    params = layer["params"]
    return {
        **{name: str(layer[name]) for name in ("name", "type", "shape")},
        "params": None if params is None else operator.index(params),
    }
