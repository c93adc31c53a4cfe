"""Reads the training log: the metrics of each epoch, in a file of the trial.

`training.epoch_log` writes it. No search reads the file, so it is not a part
of the journal.
"""

import contextlib
import dataclasses
import operator
from pathlib import Path
from typing import Any

from kt_evolution import files
from kt_evolution.display.architecture.blocks import BlockRecord
from kt_evolution.display.architecture.blocks import read_blocks

FILE_NAME = "training.jsonl"
# Lines of later epochs are not valid.
MAX_EPOCHS = 1_000_000


@dataclasses.dataclass
class TrainingRecord:
    """The content of the file of a trial.

    Args:
        curves: List of dicts of metric names to their values by epoch, one
            for each time that a model was fit.
        num_epochs: Int, for how many epochs the model that was fit last is
            trained at most, or None if not known.
        layers: List of dicts, the layers of the model that was trained last.
        blocks: List of the `BlockRecord`s of its architecture, empty if it was
            not made of blocks.
    """

    curves: list[dict[str, list[float]]] = dataclasses.field(
        default_factory=list
    )
    num_epochs: int | None = None
    layers: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    blocks: list[BlockRecord] = dataclasses.field(default_factory=list)


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
        epochs = line.get("epochs")
        record.num_epochs = None if epochs is None else operator.index(epochs)
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
        record.blocks = read_blocks(line.get("blocks", []))


def _layer_of(layer: dict[str, Any]) -> dict[str, Any]:
    params = layer["params"]
    return {
        **{name: str(layer[name]) for name in ("name", "type", "shape")},
        "params": None if params is None else operator.index(params),
    }
