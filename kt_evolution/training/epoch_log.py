"""Writes the training log: the metrics of each epoch, in a file of the trial.

Keras Tuner keeps the best epoch only. Each worker writes the files of its
trials. If a trial runs again, the file is overwritten, or continued if the
training is.
"""

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from kt_evolution import files
from kt_evolution.display.architecture.blocks import BlockRecord
from kt_evolution.keras_tuner_bridge.scalars import as_numbers


class EpochLog(keras.callbacks.Callback):
    """Appends the metrics of each epoch to the file of a trial.

    Args:
        path: The path of the file.
        overwrite: Bool, whether to replace the content of the file, which is
            from an earlier run of the trial.
        get_blocks: Function that returns the `BlockRecord`s of the model.
    """

    def __init__(
        self,
        path: Path,
        overwrite: bool,
        get_blocks: Callable[[], Sequence[BlockRecord]],
    ) -> None:
        super().__init__()
        self._path = path
        self._is_first = self._overwrite = overwrite
        self._get_blocks = get_blocks
        self._has_begun = True

    def continue_curve(self) -> None:
        """Leaves the file as it is, because the training goes on after a cut.

        Call it once training has begun, before the first epoch.
        """
        self._has_begun, self._overwrite = True, False

    def begin_curve(self) -> None:
        """Begins from the first epoch, although the training was to go on."""
        self._has_begun, self._overwrite = False, self._is_first

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        # Whether the training goes on is known once all callbacks have begun.
        self._has_begun = False

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._begin()

    def _begin(self) -> None:
        if self._has_begun:
            return
        self._has_begun = True
        epochs = self.params.get("epochs")
        # `fit` takes NumPy's integers as well.
        epochs = None if epochs is None else int(epochs)
        self._write({"event": "begin", "epochs": epochs})

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._begin()
        self._write(
            {"event": "epoch", "epoch": epoch, "logs": as_numbers(logs)}
        )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._begin()
        line = {"event": "end", "layers": _layers_of(self.model)}
        blocks = [dataclasses.asdict(block) for block in self._get_blocks()]
        self._write({**line, "blocks": blocks} if blocks else line)

    def _write(self, line: dict[str, Any]) -> None:
        line["time"] = round(time.time(), 3)
        mode, self._overwrite = "w" if self._overwrite else "a", False
        # Training must not fail because logging failed.
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            files.check_own(self._path, self._path.parent.parent)
            with open(self._path, mode, encoding="utf-8") as file:
                file.write(json.dumps(line, separators=(",", ":")) + "\n")


def _layers_of(model: Any) -> list[dict[str, Any]]:
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
