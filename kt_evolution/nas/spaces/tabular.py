"""A ready space for tables."""

from collections.abc import Mapping
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.nas.blocks.dense import CONNECTIONS
from kt_evolution.nas.blocks.dense import ResidualMLP
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import full_precision
from kt_evolution.nas.blocks.layers import standardise
from kt_evolution.nas.genes import choose
from kt_evolution.nas.shapes import check_shape
from kt_evolution.nas.spaces.arguments import GROUPS
from kt_evolution.nas.spaces.base import ReadySpace
from kt_evolution.nas.structure import Site


class HyperTabularNet(ReadySpace):
    """Networks for tables: embeddings of categories and residual dense blocks.

    Numbers are standardised inside the network. One that is missing (NaN) is
    taken for the mean of `data`, and for 0 without `data`. Categories are
    integers from 0; a prediction takes one beyond them for the nearest.

    Example:

    ```python
    space = nas.HyperTabularNet(
        input_shape=(3,), num_classes=2, categorical={2: 5}, data=x_train
    )
    ```

    Args:
        input_shape: Tuple, the number of columns.
        num_classes: Int, for classification.
        num_outputs: Int, for regression. Defaults to 1.
        task: "classification" or "regression". Defaults to "classification".
        max_depth: Int, how many blocks there are at most. Defaults to 4.
        width: Int, how many units a block has by default. Defaults to 64.
        search: Strings, the groups of genes to search: "layers",
            "connections", "regularisation" and "training". What is not
            searched has its default values. Defaults to all.
        steps: Int, in how many batches a model is trained, for the cosine
            schedule. Defaults to a constant learning rate.
        targets: Array of the targets of a regression, whose mean and scale the
            output gets. Defaults to outputs around 0.
        categorical: Dict of the columns that hold categories to how many there
            are. Defaults to none.
        data: Array of the training table, whose mean and scale standardise the
            numbers. Defaults to those of the batches.
        name: String, the name of the hypermodel.
        tunable: Boolean, as in `keras_tuner.HyperModel`. Defaults to True.

    Raises:
        ValueError: If an argument is not as described. `fit`, and so a search,
            raises `keras_tuner.errors.FatalValueError` for samples and labels
            that fit no model of the space.
    """

    takes_missing = True

    def __init__(
        self,
        input_shape: Sequence[int],
        num_classes: int | None = None,
        num_outputs: int | None = None,
        task: str = "classification",
        max_depth: int = 4,
        width: int = 64,
        search: str | Sequence[str] = GROUPS,
        steps: int | None = None,
        targets: Any = None,
        categorical: Mapping[int, int] | None = None,
        data: Any = None,
        name: str | None = None,
        tunable: bool = True,
    ) -> None:
        self.input_shape = check_shape(input_shape, "the number of columns", 1)
        columns = self.input_shape[0]
        self.categorical = _check_categorical(categorical or {}, columns)
        self.numeric = [i for i in range(columns) if i not in self.categorical]
        self.moments = None
        if data is not None:
            self.moments = _moments(data, columns, self.numeric)
            _check_codes(np.asarray(data, "float64"), self.categorical, "data")
        super().__init__(
            num_classes,
            num_outputs,
            task,
            max_depth,
            width,
            search,
            steps,
            targets,
            name,
            tunable,
        )

    def samples(self, x: Any, name: str) -> Any:
        """Returns rows as Keras takes them, and checks that there is room.

        A category below 0, as pandas has it for one that is missing, counts
        as 0.
        """
        x = super().samples(x, name)
        if isinstance(x, np.ndarray) and x.shape[1:] == self.input_shape:
            _check_codes(x, self.categorical, name)
        return x

    def inputs(self) -> Any:
        return keras.Input(self.input_shape, name="table")

    def body(self, hp: kt.HyperParameters, inputs: Any) -> Any:
        x = self._columns(hp, inputs)
        stage = ResidualMLP(
            units=self.widths(),
            depth=self.depths(),
            expansion=self.choices("layers", 2, 1, 4),
            connection=self.choices("connections", *CONNECTIONS),
            activation=self.choices("layers", *ACTIVATIONS),
            normalisation=self.choices(
                "regularisation", "batch", "layer", "none"
            ),
            dropout=self.choices("regularisation", 0.1, 0.0, 0.2, 0.3, 0.5),
        )
        return stage(hp, x, "body")

    def _columns(self, hp: kt.HyperParameters, inputs: Any) -> Any:
        """Standardises numbers and embeds categories."""
        site = Site(hp, "columns")
        parts, texts = [], []
        if self.numeric:
            parts.append(self._standardised(site, inputs))
            texts.append(f"{len(self.numeric)} standardised")
        if self.categorical:
            largest = max(self.categorical.values())
            # No category needs more numbers than there are of them.
            sizes = [min(size, largest) for size in (8, 2, 4, 16)]
            with hp.name_scope("columns"):
                options = self.choices("layers", *dict.fromkeys(sizes))
                size = choose(hp, "embedding", options)
            parts += [
                self._embedded(site, inputs, column, size)
                for column in self.categorical
            ]
            in_all = {min(size, n) for n in self.categorical.values()}
            most = "" if len(in_all) == 1 else "at most "
            texts.append(f"{len(self.categorical)} embedded in {most}{size}")
        x = parts[0]
        if len(parts) > 1:
            x = site.layer(layers.Concatenate)(parts)
        return site.done(x, "columns", ", ".join(texts))

    def _standardised(self, site: Site, inputs: Any) -> Any:
        x = inputs
        if self.categorical:
            x = keras.ops.take(inputs, self.numeric, axis=1)
        if self.moments is None:
            return standardise(site, keras.ops.nan_to_num(x))
        mean, variance = self.moments
        layer = site.layer(
            layers.Normalization,
            mean=mean,
            variance=variance,
            dtype=full_precision(),
            name="standardisation",
        )
        return keras.ops.nan_to_num(layer(x))

    def _embedded(self, site: Site, inputs: Any, column: int, size: int) -> Any:
        count = self.categorical[column]
        codes = keras.ops.nan_to_num(inputs[:, column])
        codes = keras.ops.clip(codes, 0, count - 1)
        layer = site.layer(
            layers.Embedding, count, min(size, count), name=f"column_{column}"
        )
        return layer(keras.ops.cast(codes, "int32"))


def _check_categorical(
    categorical: Mapping[int, int], columns: int
) -> dict[int, int]:
    if not isinstance(categorical, Mapping):
        raise TypeError(
            "`categorical` must be a dict of columns to how many categories "
            f"they have. Received: categorical={categorical!r}"
        )
    for column, count in categorical.items():
        if not isinstance(column, Integral) or column not in range(columns):
            raise ValueError(
                f"`categorical` must have columns from 0 to {columns - 1}. "
                f"Received: categorical={dict(categorical)}"
            )
        check_count(f"categorical[{column}]", count)
    return {
        int(column): int(categorical[column]) for column in sorted(categorical)
    }


def _check_codes(
    table: np.ndarray, categorical: Mapping[int, int], name: str
) -> None:
    """Raises if a column has more categories than it was said to have."""
    for column, count in categorical.items():
        codes = table[:, column]
        largest = float(np.max(codes, initial=0, where=codes > 0))
        if largest >= count:
            raise kt.errors.FatalValueError(
                f"`{name}` must have categories below {count} in column "
                f"{column}, as `categorical` says. Received: {largest:g}"
            )


def _moments(
    data: Any, columns: int, numeric: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and variance of the numbers that are not missing."""
    try:
        table = np.asarray(data, dtype="float64")
    except (TypeError, ValueError) as error:
        raise ValueError(
            "`data` must be numbers; categories are integers from 0, of the "
            "columns that `categorical` names, such as "
            f"`frame[name].astype('category').cat.codes`. Received: {error}"
        ) from error
    if table.ndim != 2 or table.shape[1] != columns:
        raise ValueError(
            f"`data` must have the {columns} columns of `input_shape`. "
            f"Received: data of shape {table.shape}"
        )
    if not len(table):
        raise ValueError(
            f"`data` must have rows. Received: data of shape {table.shape}"
        )
    if np.any(np.isinf(table)):
        column = int(np.argmax(np.isinf(table).any(axis=0)))
        raise ValueError(
            "`data` must be finite, or NaN where a number is missing. "
            f"Received: infinite numbers in column {column}"
        )
    table = table[:, numeric]
    # Numbers that are all missing are never seen.
    table[:, np.isnan(table).all(axis=0)] = 0.0
    variance = np.nanvar(table, axis=0)
    # A number that is always the same has no scale to be divided by.
    return np.nanmean(table, axis=0), np.where(variance > 0, variance, 1.0)
