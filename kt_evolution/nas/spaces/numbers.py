"""Encodings of the numeric columns of a table.

Reference:
    Gorishniy, Rubachev and Babenko (2022), "On embeddings for numerical
    features in tabular deep learning".
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers
from scipy.special import ndtri

from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.layers import full_precision
from kt_evolution.nas.blocks.layers import standardize
from kt_evolution.nas.spaces.scaling import Scale

# How the network sees a number. The first is the default.
ENCODINGS = ("standardized", "quantiles", "piecewise", "periodic")
# Those that need the quantiles of the training table.
NEED_QUANTILES = ("quantiles", "piecewise")
# The standard deviations of the initial frequencies of periodic embeddings.
FREQUENCIES = (0.1, 0.03, 0.3, 1.0)
NUM_FREQUENCIES = 16
EMBEDDING_SIZE = 8
# Into how many bins of equally many rows a column is cut.
NUM_BINS = {"quantiles": 16, "piecewise": 8}


@dataclasses.dataclass(frozen=True)
class NumberStatistics:
    """What `adapt` learns of the numeric columns of the training table.

    Args:
        scale: The `Scale` of the columns.
        edges: Dict of the encodings that need quantiles. Its values have for
            each column the distinct edges of its bins, standardized, and
            which part of the rows are below each.
    """

    scale: Scale
    edges: dict[str, list[tuple[np.ndarray, np.ndarray]]]

    @classmethod
    def of(cls, table: np.ndarray) -> "NumberStatistics":
        """Returns the statistics of a table without its missing numbers.

        Args:
            table: Array of finite numbers and NaN, of at least one row.
        """
        table = np.where(np.isnan(table).all(axis=0), 0.0, table)
        scale = Scale.of(table)
        standardized = scale.standardized(table)
        edges = {
            encoding: [
                _edges(column[~np.isnan(column)], NUM_BINS[encoding])
                for column in standardized.T
            ]
            for encoding in NEED_QUANTILES
        }
        return cls(scale, edges)


def _edges(column: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distinct quantiles, and the mean rank of each in [0, 1]."""
    quantiles = np.quantile(column, np.linspace(0, 1, bins + 1))
    edges, places = np.unique(quantiles, return_inverse=True)
    # Quantiles that are equal are one edge, in the middle of their ranks.
    counts = np.bincount(places)
    ranks = np.bincount(places, weights=np.arange(bins + 1)) / counts
    return edges, ranks / bins


def encode(
    scope: BlockScope,
    x: Any,
    encoding: str,
    statistics: NumberStatistics | None,
    frequency: float = FREQUENCIES[0],
) -> Any:
    """Returns a vector of the numeric columns of a batch.

    Args:
        scope: The `BlockScope` of the layers.
        x: Tensor of the numbers, which may be NaN.
        encoding: String of `ENCODINGS`.
        statistics: The `NumberStatistics`, or None to standardize by the
            statistics of the batches.
        frequency: Float, the standard deviation of the initial frequencies of
            periodic embeddings. Defaults to 0.1.
    """
    z = _standardized(scope, x, statistics)
    if encoding == "periodic":
        return _periodic(scope, z, frequency)
    if statistics is None or encoding not in NEED_QUANTILES:
        return z
    edges = statistics.edges[encoding]
    if max(len(column) for column, _ in edges) < 2:
        # All columns are constant.
        return z
    if encoding == "quantiles":
        return _normal_scores(scope, z, edges)
    return _piecewise(scope, z, [column for column, _ in edges])


def _standardized(
    scope: BlockScope, x: Any, statistics: NumberStatistics | None
) -> Any:
    if statistics is None:
        return standardize(scope, keras.ops.nan_to_num(x))
    return keras.ops.nan_to_num(statistics.scale.standardize(scope, x))


def _piecewise(scope: BlockScope, z: Any, edges: list[np.ndarray]) -> Any:
    """Adds the part of each bin that a number has passed.

    The numbers themselves go beyond the first and the last edge.
    """
    columns = [i for i, each in enumerate(edges) for _ in each[1:]]
    lefts = np.concatenate([each[:-1] for each in edges])
    widths = np.concatenate([np.diff(each) for each in edges])
    passed = _ramps(scope, keras.ops.take(z, columns, axis=1), lefts, widths)
    return scope.layer(layers.Concatenate, dtype=full_precision())([z, passed])


def _normal_scores(
    scope: BlockScope, z: Any, edges: list[tuple[np.ndarray, np.ndarray]]
) -> Any:
    """Maps each column to a normal distribution, by its quantiles."""
    bins = max(len(column) for column, _ in edges) - 1
    shape = len(edges), bins
    lefts, widths, steps = np.zeros(shape), np.ones(shape), np.zeros(shape)
    lowest = np.zeros(len(edges))
    margin = 0.5 / NUM_BINS["quantiles"]
    for i, (column, ranks) in enumerate(edges):
        scores = ndtri(np.clip(ranks, margin, 1 - margin))
        number = len(column) - 1
        lefts[i, :number] = column[:-1]
        widths[i, :number] = np.diff(column)
        steps[i, :number] = np.diff(scores)
        lowest[i] = scores[0]
    repeated = keras.ops.repeat(keras.ops.expand_dims(z, -1), bins, axis=-1)
    passed = _ramps(scope, repeated, lefts, widths)
    risen = keras.ops.sum(passed * steps.astype("float32"), axis=-1)
    return risen + lowest.astype("float32")


def encode_order(scope: BlockScope, x: Any, counts: Mapping[int, int]) -> Any:
    """Returns for each category but the first whether a code reaches it.

    Args:
        scope: The `BlockScope` of the layers.
        x: Tensor of a table, whose codes may be NaN.
        counts: Dict of the columns to the numbers of their categories.
    """
    columns = [
        column for column, count in counts.items() for _ in range(count - 1)
    ]
    lefts = np.concatenate([np.arange(n - 1.0) for n in counts.values()])
    codes = keras.ops.nan_to_num(keras.ops.take(x, columns, axis=1))
    return _ramps(scope, codes, lefts, np.ones(len(lefts)))


def _ramps(
    scope: BlockScope, x: Any, lefts: np.ndarray, widths: np.ndarray
) -> Any:
    """Rises from 0 at the left edge of each bin to 1 at the right one."""
    layer = scope.layer(
        layers.Normalization,
        axis=tuple(range(1, len(x.shape))),
        mean=lefts,
        variance=np.square(widths),
        dtype=full_precision(),
        name="bins",
    )
    clip = scope.layer(layers.ReLU, max_value=1.0, dtype=full_precision())
    return clip(layer(x))


def _periodic(scope: BlockScope, z: Any, frequency: float) -> Any:
    """Embeds each column by sines and cosines of learned frequencies."""
    columns = z.shape[-1]
    waves = scope.layer(
        layers.EinsumDense,
        "bc,cf->bcf",
        (columns, NUM_FREQUENCIES),
        kernel_initializer=keras.initializers.RandomNormal(
            stddev=2 * math.pi * frequency
        ),
        dtype=full_precision(),
        name="frequencies",
    )(z)
    waves = keras.ops.concatenate(
        [keras.ops.sin(waves), keras.ops.cos(waves)], axis=-1
    )
    embedded = scope.layer(
        layers.EinsumDense,
        "bcf,cfe->bce",
        (columns, EMBEDDING_SIZE),
        bias_axes="ce",
        activation="relu",
        name="periodic",
    )(waves)
    return scope.layer(layers.Flatten)(embedded)
