"""Makes the table of zero-cost proxies of the cells of NAS-Bench-201.

Example:

```
KERAS_BACKEND=torch python -m benchmarks.proxy_table --minutes 50
```

The networks are small: one cell in each stage, 8, 16 and 32 channels, images
of 16 by 16. Many of the 15,625 cells are the same function, because some
operations are "none" and others are skip connections. They share the numbers
of one of them, whose operations without effect are "none". Cells come in random
order. What is in the table already is not measured again.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import pathlib
import time
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import keras
import numpy as np
from scipy.stats import spearmanr

from benchmarks import results
from kt_evolution import nas
from kt_evolution.costs import measurement
from kt_evolution.nas.nasbench201 import EDGES
from kt_evolution.nas.nasbench201 import NUM_NODES
from kt_evolution.nas.nasbench201 import OPERATIONS

TABLE = results.FOLDER / "proxies.nasbench201.jsonl"
# The digits of two operations.
NONE, SKIP = (str(OPERATIONS.index(name)) for name in ("none", "skip_connect"))

INPUT_SHAPE = (16, 16, 3)
WIDTH = 8
CELLS_PER_STAGE = 1


def function_of(cell: str) -> tuple[str, ...]:
    """Returns the terms whose sum a cell computes of its input.

    Args:
        cell: String of six digits, the operations of `EDGES`.
    """
    nodes: list[tuple[str, ...]] = [("x",)]
    for node in range(1, NUM_NODES):
        terms: list[str] = []
        for (source, target), operation in zip(EDGES, cell, strict=True):
            if target != node or operation == NONE or not nodes[source]:
                continue
            if operation == SKIP:
                terms += nodes[source]
            else:
                terms.append(f"{operation}({'+'.join(nodes[source])})")
        nodes.append(tuple(sorted(terms)))
    return nodes[-1]


@functools.cache
def representatives() -> dict[str, str]:
    """Returns for each cell the first one that is the same function."""
    first: dict[tuple[str, ...], str] = {}
    digits = map(str, range(len(OPERATIONS)))
    return {
        cell: first.setdefault(function_of(cell), cell)
        for cell in map("".join, itertools.product(digits, repeat=len(EDGES)))
    }


def load(file: pathlib.Path = TABLE) -> dict[str, dict[str, float]]:
    """Returns the proxies of the cells that were measured."""
    found = {}
    for line in results.lines_of(file):
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue  # Torn when the process died; the cell is measured again.
        found[record.pop("cell")] = record
    return found


def missing(known: Mapping[str, object]) -> Iterator[str]:
    """Yields the cells to measure, those of random cells first."""
    first = representatives()
    cells = np.random.default_rng(0).permutation(sorted(first))
    for cell in dict.fromkeys(first[cell] for cell in cells.tolist()):
        if cell not in known:
            yield cell


def proxies_of(model: keras.Model) -> dict[str, float]:
    """Returns the zero-cost proxies of a model, and its parameters."""
    return {
        "params": float(measurement.count_params(model)),
        **measurement.measure_proxies(model, measurement.PROXIES),
    }


def rank_correlations(
    proxy: np.ndarray, scores: np.ndarray, is_good: np.ndarray
) -> tuple[float, float]:
    """Returns how well a proxy ranks networks: all, and the good ones alone.

    Args:
        proxy: Float array, of each network.
        scores: Float array, the larger the better.
        is_good: Boolean array.
    """
    return (
        float(spearmanr(scores, proxy).statistic),
        float(spearmanr(scores[is_good], proxy[is_good]).statistic),
    )


def measured(cell: str) -> dict[str, float]:
    """Returns the proxies of a cell."""
    keras.utils.set_random_seed(0)
    model = nas.build_nasbench201(
        cell, INPUT_SHAPE, width=WIDTH, cells_per_stage=CELLS_PER_STAGE
    )
    return proxies_of(model)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Measure zero-cost proxies of the cells of NAS-Bench-201."
    )
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--table", type=pathlib.Path, default=TABLE)
    options = parser.parse_args(arguments)
    end = time.monotonic() + 60.0 * options.minutes
    known = load(options.table)
    for cell in missing(known):
        if time.monotonic() > end:
            break
        known[cell] = measured(cell)
        results.append_line(options.table, {"cell": cell, **known[cell]})
    total = len(set(representatives().values()))
    print(f"{len(known)} of {total} cells are in the table.")


if __name__ == "__main__":
    main()
