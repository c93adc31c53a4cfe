"""Learning-curve tables: the loss of a configuration after each epoch.

Each is scaled to a loss whose best known value is 0 and whose median over
random configurations, trained to the end, is 1.

- `lcbench/TASK`: a surrogate of LCBench (Zimmer et al. 2021, "Auto-PyTorch
  Tabular"; the network of YAHPO Gym, Pfisterer et al. 2022), 50 epochs. Smooth.
- `cnn/digits`: a grid of 288 small convolutional networks, 27 epochs.
- `mlp/digits`, `mlp/sms`: grids of 1440 small networks, 27 epochs, made by
  `benchmarks.curve_trainings`. Rough: many of these trainings diverge.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
import json
import math
import os
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

LCBENCH_TASKS = (
    "126025",
    "167168",
    "167190",
    "167201",
    "34539",
    "146212",
    "167161",
    "167181",
    "189905",
    "168330",
)
NAMES = (
    *(f"lcbench/{task}" for task in LCBENCH_TASKS),
    "cnn/digits",
    "mlp/digits",
    "mlp/sms",
)
# What the search may be developed on, with seeds from 100 on.
DEVELOPMENT = (
    "lcbench/126025",
    "lcbench/167168",
    "lcbench/34539",
    "lcbench/189905",
    "mlp/digits",
)
REPORTED = tuple(name for name in NAMES if name not in DEVELOPMENT)
LCBENCH_EPOCHS = 50
GRID_EPOCHS = 27
FOLDER = pathlib.Path(__file__).parent / "curves"
# The folder of the files `lcbench/` and `curves/` that aren't kept here.
DATA = pathlib.Path(os.environ.get("CURVES_DATA", "data"))
# The share of each axis of LCBench that is cut off at both ends: there the
# surrogate extrapolates, to losses that no training reaches.
MARGIN = 0.08


@dataclasses.dataclass(frozen=True)
class Choice:
    """A hyperparameter with a few values; numbers are ordered."""

    name: str
    values: tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Range:
    """A numeric hyperparameter between two bounds, both included."""

    name: str
    low: float
    high: float
    log: bool = False

    @property
    def is_integer(self) -> bool:
        return isinstance(self.low, int)

    def at(self, share: np.ndarray) -> np.ndarray:
        """Returns the values at some shares of the range, from 0 to 1."""
        low, high = self.low, self.high
        if self.log:
            values = np.exp(
                math.log(low) + share * (math.log(high) - math.log(low))
            )
        else:
            values = low + share * (high - low)
        return np.round(values) if self.is_integer else values


Parameter = Choice | Range
Values = Mapping[str, Any]


class CurveTable(abc.ABC):
    """A search problem: the losses of a configuration after each epoch.

    Args:
        name: String.
        parameters: The hyperparameters.
        epochs: Integer, how long a configuration can be trained.
    """

    # The loss that is scaled to 0, and the distance of 1.
    best = 0.0
    unit = 1.0

    def __init__(
        self, name: str, parameters: Sequence[Parameter], epochs: int
    ) -> None:
        self.name = name
        self.parameters = tuple(parameters)
        self.epochs = epochs
        self._cache: dict[tuple[Any, ...], np.ndarray] = {}

    def curve(self, values: Values) -> np.ndarray:
        """Returns a float array of shape `(epochs,)`, scaled losses."""
        key = tuple(values[parameter.name] for parameter in self.parameters)
        if key not in self._cache:
            self._cache[key] = (self.losses(values) - self.best) / self.unit
        return self._cache[key]

    def random(self, rng: np.random.Generator) -> dict[str, Any]:
        """Returns random values."""
        values: dict[str, Any] = {}
        for parameter in self.parameters:
            if isinstance(parameter, Choice):
                number = rng.integers(len(parameter.values))
                values[parameter.name] = parameter.values[number]
            else:
                value = float(parameter.at(rng.random()))
                values[parameter.name] = (
                    int(value) if parameter.is_integer else value
                )
        return values

    @abc.abstractmethod
    def losses(self, values: Values) -> np.ndarray:
        """Returns the losses of a configuration, not scaled."""


class GridTable(CurveTable):
    """A table with a curve for every cell of a grid.

    Args:
        name: String.
        grid: Dict of names to values, the axes of `curves` in order.
        curves: Float array of shape `(*sizes, epochs)`, losses.
    """

    def __init__(
        self, name: str, grid: Mapping[str, list[Any]], curves: np.ndarray
    ) -> None:
        parameters = [Choice(key, tuple(grid[key])) for key in grid]
        super().__init__(name, parameters, curves.shape[-1])
        self._curves = curves
        lowest = curves.min(axis=-1)
        self.best = float(lowest.min())
        self.unit = float(np.median(lowest)) - self.best

    def losses(self, values: Values) -> np.ndarray:
        cell = tuple(
            parameter.values.index(values[parameter.name])
            for parameter in self.parameters
        )
        return self._curves[cell]


class LCBench(CurveTable):
    """A task of the surrogate of LCBench: validation errors in percent."""

    def __init__(self, task: str, folder: pathlib.Path) -> None:
        with open(folder / "config_space.json", encoding="utf-8") as file:
            space = json.load(file)["hyperparameters"]
        with open(folder / "encoding.json", encoding="utf-8") as file:
            self._code = json.load(file)["OpenML_task_id"][task]
        parameters = [
            _inner(entry)
            for entry in space
            if entry["name"] not in ("OpenML_task_id", "epoch")
        ]
        super().__init__(f"lcbench/{task}", parameters, LCBENCH_EPOCHS)
        self._session = _session(str(folder / "model.onnx"))
        scales = json.loads((FOLDER / "lcbench_scales.json").read_text())
        if task in scales:
            self.best, median = scales[task]
            self.unit = median - self.best

    def losses(self, values: Values) -> np.ndarray:
        return self.losses_of({key: [values[key]] for key in values})[0]

    def losses_of(self, columns: Mapping[str, Any]) -> np.ndarray:
        """Returns an array `(n, epochs)` for `n` configurations."""
        names = (
            "batch_size",
            "learning_rate",
            "momentum",
            "weight_decay",
            "num_layers",
            "max_units",
            "max_dropout",
        )
        settings = np.array([columns[name] for name in names], dtype=float).T
        # Its first epoch is the untrained network.
        epochs = np.arange(2, self.epochs + 2, dtype=float)
        rows = np.empty((len(settings), self.epochs, 8), dtype=np.float32)
        rows[:, :, 0] = epochs
        rows[:, :, 1:] = settings[:, None]
        rows = rows.reshape(-1, 8)
        found = self._session.run(
            None,
            {
                "x_cat": np.full((len(rows), 1), self._code, dtype=np.int32),
                "x_cont": rows,
            },
        )[0]
        return 100.0 - found[:, 1].reshape(-1, self.epochs).astype(float)


def _inner(entry: Mapping[str, Any]) -> Range:
    """Returns the inner part of an axis of LCBench's space."""
    low, high = float(entry["lower"]), float(entry["upper"])
    whole = Range(entry["name"], low, high, bool(entry["log"]))
    low, high = whole.at(np.array([MARGIN, 1.0 - MARGIN])).tolist()
    if entry["type"] == "uniform_int":
        if entry["name"] == "num_layers":
            return Range(
                entry["name"], int(entry["lower"]), int(entry["upper"])
            )
        return Range(entry["name"], round(low), round(high), whole.log)
    return Range(entry["name"], low, high, whole.log)


@functools.cache
def _session(file: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        file, options, providers=["CPUExecutionProvider"]
    )


def epochs_of(name: str) -> int:
    """Returns the epochs of a full training, without reading the table."""
    return LCBENCH_EPOCHS if name.startswith("lcbench/") else GRID_EPOCHS


@functools.cache
def load_table(name: str) -> CurveTable:
    """Reads a table, once per process."""
    family, _, which = name.partition("/")
    if name not in NAMES:
        raise ValueError(f"A table must be one of {NAMES}. Received: {name}")
    if family == "lcbench":
        return LCBench(which, DATA / "lcbench")
    if family == "cnn":
        with np.load(DATA / "curves" / "digits_cnn.npz") as file:
            grid = json.loads(str(file["grid"]))
            metric = list(file["metrics"]).index("val_loss")
            curves = file["curves"][..., 0, :, metric].astype(float)
        return GridTable(name, grid, curves)
    with np.load(FOLDER / f"{which}_mlp.npz") as file:
        grid = json.loads(str(file["grid"]))
        return GridTable(name, grid, file["curves"].astype(float))


def find_scales(task: str, seed: int = 0) -> tuple[float, float]:
    """Returns the best and the median loss of a task of LCBench.

    The best one is looked up among random configurations, and then around the
    best of them and between them, in many small steps.
    """
    table = LCBench(task, DATA / "lcbench")
    rng = np.random.default_rng(seed)
    shares = rng.random((4000, len(table.parameters)))
    losses = _lowest(table, shares)
    median = float(np.median(losses))
    for spread in np.geomspace(0.3, 0.003, 60):
        order = np.argsort(losses)[:200]
        shares, losses = shares[order], losses[order]
        parents, others = shares[rng.integers(len(shares), size=(2, 400))]
        crossed = rng.random(parents.shape) < 0.3
        moved = np.where(crossed, others, parents)
        moves = rng.random(moved.shape) < 0.4
        moved = moved + spread * moves * rng.normal(size=moved.shape)
        moved = np.clip(moved, 0.0, 1.0)
        shares = np.concatenate([shares, moved])
        losses = np.concatenate([losses, _lowest(table, moved)])
    return float(losses.min()), median


def _lowest(table: LCBench, shares: np.ndarray) -> np.ndarray:
    columns = {
        parameter.name: parameter.at(share)
        for parameter, share in zip(table.parameters, shares.T, strict=True)
        if isinstance(parameter, Range)
    }
    return table.losses_of(columns).min(axis=1)


if __name__ == "__main__":
    (FOLDER / "lcbench_scales.json").write_text(
        json.dumps({task: find_scales(task) for task in LCBENCH_TASKS})
    )
