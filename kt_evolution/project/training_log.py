"""What happens in training, epoch by epoch, in a file of the trial.

Keras Tuner keeps the best epoch only. The file is for people to look at: no
search reads it, so it is not part of the journal, and a worker writes that of
its own trial. A trial that runs again begins it anew.
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
# A line of a later epoch is none that a training wrote.
MAX_EPOCHS = 1_000_000


class TrainingLog(keras.callbacks.Callback):
    """Appends the metrics of each epoch to the file of a trial.

    Args:
        path: The path of the file.
        anew: Bool, whether what is in it is of an earlier run of the trial.
    """

    def __init__(self, path: Path, anew: bool) -> None:
        super().__init__()
        self._path = path
        self._anew = anew

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
        mode, self._anew = "w" if self._anew else "a", False
        # A curve is not worth a training.
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            files.check_own(self._path, self._path.parent.parent)
            with open(self._path, mode, encoding="utf-8") as file:
                file.write(json.dumps(line, separators=(",", ":")) + "\n")


def layers_of(model: Any) -> list[dict[str, Any]]:
    """Returns what `model.summary()` shows of each layer, as data."""
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
    # A layer that is shared, or of a subclassed model, has not one output.
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):
        return ""
    return " × ".join("?" if size is None else str(size) for size in shape[1:])


@dataclasses.dataclass
class TrainingRecord:
    """What the file of a trial tells.

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
    """Returns what the folder of a trial tells of its training.

    A file that is missing, damaged or not of the project tells nothing, or
    less.
    """
    record = TrainingRecord()
    try:
        data = files.read_own(folder / FILE_NAME, folder.parent)
    except OSError:
        return record
    for line in data.splitlines():
        # What `_take` stumbles over is no line of ours.
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
