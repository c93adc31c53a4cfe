"""A ready space for tables."""

import dataclasses
from collections.abc import Mapping
from numbers import Integral
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import with_named_arguments
from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.dense import CONNECTIONS
from kt_evolution.nas.blocks.dense import ResidualMLP
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import full_precision
from kt_evolution.nas.choices import active_if
from kt_evolution.nas.choices import declare_choice
from kt_evolution.nas.shapes import check_shape
from kt_evolution.nas.spaces.base import ReadySpace
from kt_evolution.nas.spaces.data import as_array
from kt_evolution.nas.spaces.numbers import ENCODINGS
from kt_evolution.nas.spaces.numbers import FREQUENCIES
from kt_evolution.nas.spaces.numbers import NEED_QUANTILES
from kt_evolution.nas.spaces.numbers import NumberStatistics
from kt_evolution.nas.spaces.numbers import encode
from kt_evolution.nas.spaces.numbers import encode_order


@with_named_arguments
@dataclasses.dataclass(eq=False, repr=False)
class HyperTabularNet(ReadySpace):
    """Networks for tables: embeddings of categories and residual dense blocks.

    The network standardizes its numeric columns. `adapt` makes it use the mean
    and variance of the training table; without it the network uses the
    statistics of the batches. A missing number (NaN) counts as the mean of the
    column, or as 0 without `adapt`. A column of which `adapt` saw that numbers
    are missing has another input, which is 1 where they are. Categories are
    integers from 0. In a prediction an unknown category counts as the nearest
    known one.

    The search tries three other encodings of the numbers, of which the first
    two need `adapt`. "quantiles" maps each column to a normal distribution.
    "piecewise" adds 8 bins of equally many training rows; each rises from 0 to
    1 as a number passes it. "periodic" embeds each column by sines and cosines
    of learned frequencies.

    The default model has 27,000 to 34,000 parameters for 10 to 64 columns. It
    trains for 15 epochs on 1,150 rows in 9 seconds on one core, and reaches an
    accuracy of 0.97 on scikit-learn's digits, breast cancer and wine.

    Example:

    ```python
    space = nas.HyperTabularNet(
        input_shape=(3,), num_classes=2, categorical={2: 5}
    )
    space.adapt(x_train)
    ```

    Reference:
        Gorishniy, Rubachev and Babenko (2022), "On embeddings for numerical
        features in tabular deep learning".

    Args:
        input_shape: Tuple, the number of columns.
        categorical: Dict that maps each column of categories to the number of
            its categories. Defaults to no such columns.
        ordered: Dict that maps each column of categories whose order matters,
            such as grades, to the number of its categories, at least 2. The
            network sees which categories a code reaches. Defaults to no such
            columns.
        max_depth: Int, the largest number of blocks. Defaults to 4.
        width: Int, the default number of units of a block. Defaults to 64.

    The other arguments are those of `ReadySpace`.
    """

    _: dataclasses.KW_ONLY
    max_depth: int = 4
    width: int = 64
    categorical: Mapping[int, int] | None = None
    ordered: Mapping[int, int] | None = None

    allows_missing = True

    def __post_init__(self) -> None:
        self.input_shape = check_shape(
            self.input_shape, "the number of columns", 1
        )
        columns = self.input_shape[0]
        self._num_categories = _check_categories(
            "categorical", self.categorical or {}, columns
        )
        self._num_ordered = _check_categories(
            "ordered", self.ordered or {}, columns, at_least=2
        )
        both = self._num_categories.keys() & self._num_ordered.keys()
        if both:
            raise ValueError(
                "`ordered` must have other columns than `categorical`. "
                f"Received: {sorted(both)} in both"
            )
        self._numeric = [
            column
            for column in range(columns)
            if column not in {**self._num_categories, **self._num_ordered}
        ]
        # What `adapt` learned of the numeric columns.
        self._statistics: NumberStatistics | None = None
        # The columns of which some numbers are missing, from `adapt`.
        self._incomplete: list[int] = []
        super().__post_init__()

    def adapt(self, x: Any = None, y: Any = None) -> None:
        """Learns the columns' scale and quantiles, and a regression's scale.

        Args:
            x: Array or table of the training samples. Defaults to None: only
                the scale of the targets is learned.
            y: Array of the training labels or targets. Defaults to None: only
                the scale of the columns is learned.

        Raises:
            ValueError: If the data do not fit the space.
        """
        if x is not None:
            table = _check_table(x, self.input_shape[0])
            self._check_codes(table, "x")
            self._statistics = NumberStatistics.of(table[:, self._numeric])
            missing = np.isnan(table).mean(axis=0)
            self._incomplete = [
                column for column in self._numeric if 0 < missing[column] < 1
            ]
        super().adapt(x, y)

    def samples(self, x: Any, name: str) -> Any:
        """Returns rows in the form that Keras takes, and checks categories.

        A category below 0, pandas's code for a missing one, counts as 0.
        """
        x = super().samples(x, name)
        if isinstance(x, np.ndarray) and x.shape[1:] == self.input_shape:
            _check_not_infinite(x, name)
            self._check_codes(x, name)
        return x

    def _check_codes(self, table: np.ndarray, name: str) -> None:
        _check_codes(table, "categorical", self._num_categories, name)
        _check_codes(table, "ordered", self._num_ordered, name)

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
            normalization=self.choices(
                "regularization", "batch", "layer", "none"
            ),
            dropout=self.choices("regularization", 0.1, 0.0, 0.2, 0.3, 0.5),
        )
        return stage(hp, x, "body")

    def _columns(self, hp: kt.HyperParameters, inputs: Any) -> Any:
        """Encodes numbers and embeds categories."""
        scope = BlockScope(hp, "columns")
        parts, texts = [], []
        if self._numeric:
            encoded, text = self._encoded(hp, scope, inputs)
            parts.append(encoded)
            texts.append(text)
        if self._incomplete:
            missing = keras.ops.isnan(
                keras.ops.take(inputs, self._incomplete, axis=1)
            )
            parts.append(keras.ops.cast(missing, full_precision()))
            texts.append(f"{len(self._incomplete)} missing or not")
        if self._num_ordered:
            parts.append(encode_order(scope, inputs, self._num_ordered))
            texts.append(f"{len(self._num_ordered)} in order")
        if self._num_categories:
            largest = max(self._num_categories.values())
            # An embedding needs no more numbers than there are categories.
            sizes = [min(size, largest) for size in (8, 2, 4, 16)]
            with hp.name_scope("columns"):
                options = self.choices("layers", *dict.fromkeys(sizes))
                size = declare_choice(hp, "embedding", options)
            parts += [
                self._embedded(scope, inputs, column, size)
                for column in self._num_categories
            ]
            in_all = {min(size, n) for n in self._num_categories.values()}
            most = "" if len(in_all) == 1 else "at most "
            texts.append(
                f"{len(self._num_categories)} embedded in {most}{size}"
            )
        x = parts[0]
        if len(parts) > 1:
            x = scope.layer(layers.Concatenate)(parts)
        return scope.finish(x, "columns", ", ".join(texts))

    def _encoded(
        self, hp: kt.HyperParameters, scope: BlockScope, inputs: Any
    ) -> tuple[Any, str]:
        """Returns the encoded numbers and what describes them."""
        known = [
            encoding
            for encoding in ENCODINGS
            if self._statistics is not None or encoding not in NEED_QUANTILES
        ]
        with hp.name_scope("columns"):
            options = self.choices("layers", *known)
            encoding = declare_choice(hp, "numbers", options)
            frequency = FREQUENCIES[0]
            if "periodic" in options:
                with active_if(hp, "numbers", options, ["periodic"]):
                    frequency = declare_choice(hp, "frequency", FREQUENCIES)
        x = inputs
        if len(self._numeric) < self.input_shape[0]:
            x = keras.ops.take(inputs, self._numeric, axis=1)
        text = f"{len(self._numeric)} {encoding}"
        if encoding == "periodic":
            text += f" from frequency {frequency:g}"
        return encode(scope, x, encoding, self._statistics, frequency), text

    def _embedded(
        self, scope: BlockScope, inputs: Any, column: int, size: int
    ) -> Any:
        count = self._num_categories[column]
        codes = keras.ops.nan_to_num(inputs[:, column])
        codes = keras.ops.clip(codes, 0, count - 1)
        layer = scope.layer(
            layers.Embedding, count, min(size, count), name=f"column_{column}"
        )
        return layer(keras.ops.cast(codes, "int32"))


def _check_categories(
    argument: str, given: Mapping[int, int], columns: int, at_least: int = 1
) -> dict[int, int]:
    """Returns `categorical` or `ordered` as a dict by column."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"`{argument}` must be a dict of columns to how many categories "
            f"they have. Received: {argument}={given!r}"
        )
    for column, count in given.items():
        if not isinstance(column, Integral) or column not in range(columns):
            raise ValueError(
                f"`{argument}` must have columns from 0 to {columns - 1}. "
                f"Received: {argument}={dict(given)}"
            )
        check_count(f"{argument}[{column}]", count, at_least=at_least)
    return {int(column): int(given[column]) for column in sorted(given)}


def _check_codes(
    table: np.ndarray, argument: str, counts: Mapping[int, int], name: str
) -> None:
    """Raises if a column has other numbers than an argument allows."""
    for column, count in counts.items():
        codes = table[:, column]
        fractions = codes[np.isfinite(codes) & (codes != np.floor(codes))]
        if len(fractions):
            raise kt.errors.FatalValueError(
                f"`{name}` must have integers from 0 in column {column}, which "
                f"`{argument}` names. Received: {float(fractions[0]):g}"
            )
        largest = float(np.max(codes, initial=0, where=codes > 0))
        if largest >= count:
            raise kt.errors.FatalValueError(
                f"`{name}` must have categories below {count} in column "
                f"{column}, as `{argument}` says. Received: {largest:g}"
            )


def _check_table(x: Any, columns: int) -> np.ndarray:
    """Returns a table as an array of finite numbers and NaN."""
    try:
        table = np.asarray(as_array(x, "x"), dtype="float64")
    except (TypeError, ValueError) as error:
        raise ValueError(
            "`x` must be numbers; categories are integers from 0, of the "
            "columns that `categorical` names, such as "
            f"`frame[name].astype('category').cat.codes`. Received: {error}"
        ) from error
    if table.ndim != 2 or table.shape[1] != columns:
        raise ValueError(
            f"`x` must have the {columns} columns of `input_shape`. "
            f"Received: x of shape {table.shape}"
        )
    if not len(table):
        raise ValueError(
            f"`x` must have rows. Received: x of shape {table.shape}"
        )
    _check_not_infinite(table, "x")
    return table


def _check_not_infinite(table: np.ndarray, name: str) -> None:
    """Raises if a number is infinite in single precision."""
    with np.errstate(over="ignore"):
        is_infinite = np.isinf(table.astype("float32")).any(axis=0)
    if np.any(is_infinite):
        raise kt.errors.FatalValueError(
            f"`{name}` must be finite, or NaN where a number is missing. "
            f"Received: infinite numbers in column {int(is_infinite.argmax())}"
        )
