"""Genes: one hyperparameter each, and the way from a value to a code.

A code is a number in [0, 1). Every gene maps its domain onto that interval
and back: `decode(encode(value)) == value` for each value of a finite domain,
and for both ends of a continuous one. Keras Tuner's own mappings do not have
that property, which is why they are not used here.
"""

import abc
import dataclasses
import math
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import ClassVar
from typing import TypeAlias

import numpy as np

Value: TypeAlias = bool | int | float | str

# The largest code: the last float below 1.
LAST_CODE = float(np.nextafter(1.0, 0.0))
# A grid value is recognised within this part of a step, because a step such
# as 0.1 has no exact binary form.
GRID_TOLERANCE = 1e-6


@dataclasses.dataclass(frozen=True)
class Condition:
    """Holds when a parent hyperparameter has one of the given values.

    Args:
        parent: String, the name of the parent hyperparameter.
        values: Tuple of the parent's values for which the condition holds.
    """

    parent: str
    values: tuple[Value, ...]

    def holds(self, values: Mapping[str, Value]) -> bool:
        return self.parent in values and values[self.parent] in self.values


class Gene(abc.ABC):
    """One hyperparameter of a search space, known by name and conditions.

    Args:
        name: String, the name of the hyperparameter.
        default: The value that the hyperparameter has when nothing is known.
        conditions: Tuple of `Condition`s, all of which must hold for the gene
            to be active. The innermost one comes last.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        name: str,
        default: Value,
        conditions: tuple[Condition, ...] = (),
    ) -> None:
        self.name = name
        self.conditions = conditions
        self.default = default
        self.key = gene_key(name, conditions)

    @property
    @abc.abstractmethod
    def size(self) -> float:
        """The number of values of the domain, infinite when continuous."""

    @abc.abstractmethod
    def decode(self, code: float) -> Value:
        """Returns the value that a code stands for."""

    @abc.abstractmethod
    def encode(self, value: Value) -> float:
        """Returns the code of a value; raises ValueError outside the domain."""

    @abc.abstractmethod
    def snap(self, codes: np.ndarray) -> np.ndarray:
        """Returns the canonical codes: one for each value of the domain."""

    def index(self, codes: np.ndarray) -> np.ndarray:
        """Returns the positions in the domain that codes stand for."""
        return np.clip(codes * self.size, 0, self.size - 1).astype(np.int64)

    def code_at(self, index: np.ndarray) -> np.ndarray:
        """Returns the canonical codes of positions in the domain."""
        return (index + 0.5) / self.size

    def outside(self, value: Value, expected: str) -> ValueError:
        return ValueError(
            f"The value of hyperparameter '{self.name}' must be {expected}. "
            f"Received: {value!r}"
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key!r}, size={self.size:g})"


def gene_key(name: str, conditions: tuple[Condition, ...]) -> str:
    """Returns a gene's identity as a readable string.

    Example:

    >>> gene_key("units", (Condition("model", ("mlp",)),))
    "units?model=['mlp']"
    """
    scopes = "&".join(
        f"{condition.parent}={list(condition.values)}"
        for condition in conditions
    )
    return f"{name}?{scopes}" if scopes else name


class GridGene(Gene):
    """A gene whose domain is a sequence of values, equally likely.

    Args:
        name: String, the name of the hyperparameter.
        values: Sequence of the values, in the order of their codes. It may be
            lazy (a `range`), so that a large domain costs nothing.
        default: One of the values.
        conditions: Tuple of `Condition`s.
    """

    def __init__(
        self,
        name: str,
        values: Sequence[Value],
        default: Value,
        conditions: tuple[Condition, ...] = (),
    ) -> None:
        if not len(values):
            raise ValueError(
                f"The values of hyperparameter '{name}' must not be empty. "
                f"Received: values={values!r}"
            )
        super().__init__(name, default, conditions)
        self.values = values
        self._size = float(len(values))
        self.encode(default)

    @property
    def size(self) -> float:
        return self._size

    def decode(self, code: float) -> Value:
        last = len(self.values) - 1
        return self.values[min(max(int(code * self._size), 0), last)]

    def encode(self, value: Value) -> float:
        try:
            position = self.values.index(value)
        except ValueError:
            raise self.outside(value, f"one of {self._shown()}") from None
        return (position + 0.5) / self._size

    def snap(self, codes: np.ndarray) -> np.ndarray:
        return self.code_at(self.index(codes))

    def _shown(self) -> str:
        if len(self.values) <= 20:
            return str(list(self.values))
        return f"[{self.values[0]}, {self.values[1]}, ..., {self.values[-1]}]"


class CategoricalGene(GridGene):
    """A gene whose values have no order."""

    kind = "categorical"


class OrdinalGene(GridGene):
    """A gene whose values are ordered steps."""

    kind = "ordinal"


class FixedGene(GridGene):
    """A gene that has one value only."""

    kind = "fixed"

    def __init__(
        self,
        name: str,
        value: Value,
        conditions: tuple[Condition, ...] = (),
    ) -> None:
        super().__init__(name, (value,), value, conditions)


class ContinuousGene(Gene):
    """A gene whose value is any number between two bounds, both included.

    Args:
        name: String, the name of the hyperparameter.
        scale: The `Scale` that maps the bounds to 0 and 1.
        default: Float, a value between the bounds.
        conditions: Tuple of `Condition`s.
    """

    kind = "continuous"

    def __init__(
        self,
        name: str,
        scale: "Scale",
        default: Value,
        conditions: tuple[Condition, ...] = (),
    ) -> None:
        super().__init__(name, default, conditions)
        self.scale = scale
        self.encode(default)

    @property
    def size(self) -> float:
        return 1.0 if self.scale.low == self.scale.high else math.inf

    def decode(self, code: float) -> Value:
        if code >= LAST_CODE:
            return self.scale.high
        return self.scale.low if code <= 0 else self.scale.from_unit(code)

    def encode(self, value: Value) -> float:
        low, high = self.scale.low, self.scale.high
        if isinstance(value, str) or not low <= value <= high:
            raise self.outside(value, f"between {low} and {high}")
        if value == high:
            return LAST_CODE
        if value == low:
            return 0.0
        return min(max(self.scale.to_unit(float(value)), 0.0), LAST_CODE)

    def snap(self, codes: np.ndarray) -> np.ndarray:
        if self.size == 1.0:
            return np.full_like(codes, LAST_CODE)
        return np.clip(codes, 0.0, LAST_CODE)


class IntegerGene(Gene):
    """A gene of whole numbers on a logarithmic scale.

    Each number owns the part of the scale that it covers, so small numbers
    are as likely as the large ones are together.

    Args:
        name: String, the name of the hyperparameter.
        scale: The `Scale` over `[low, high + 1]`.
        default: Int, a value between the bounds.
        conditions: Tuple of `Condition`s.
    """

    kind = "ordinal"

    def __init__(
        self,
        name: str,
        scale: "Scale",
        default: Value,
        conditions: tuple[Condition, ...] = (),
    ) -> None:
        super().__init__(name, default, conditions)
        self.scale = scale
        self.low = int(scale.low)
        self.high = int(scale.high) - 1
        self.encode(default)

    @property
    def size(self) -> float:
        return float(self.high - self.low + 1)

    def decode(self, code: float) -> Value:
        value = math.floor(self.scale.from_unit(code))
        return min(max(value, self.low), self.high)

    def encode(self, value: Value) -> float:
        if isinstance(value, str) or not self.low <= value <= self.high:
            raise self.outside(value, f"between {self.low} and {self.high}")
        if value != int(value):
            raise self.outside(value, "a whole number")
        return self.scale.to_unit(int(value) + 0.5)

    def snap(self, codes: np.ndarray) -> np.ndarray:
        return self.code_at(self.index(codes))

    def index(self, codes: np.ndarray) -> np.ndarray:
        values = np.floor([self.scale.from_unit(code) for code in codes])
        return np.clip(values, self.low, self.high).astype(np.int64) - self.low

    def code_at(self, index: np.ndarray) -> np.ndarray:
        return np.array(
            [self.scale.to_unit(self.low + step + 0.5) for step in index]
        )


class Scale:
    """Maps the numbers between two bounds to [0, 1].

    Args:
        low: Number, the lower bound.
        high: Number, the upper bound.
        sampling: String, one of "linear", "log" and "reverse_log": where the
            numbers lie close together on the unit interval. "log" spreads
            the small ones, "reverse_log" the large ones.
    """

    def __init__(self, low: float, high: float, sampling: str) -> None:
        self.low = low
        self.high = high
        self.sampling = sampling
        self._log_ratio = (
            math.log(high / low) if sampling != "linear" else math.nan
        )

    def to_unit(self, value: float) -> float:
        if self.low == self.high:
            return 0.5
        if self.sampling == "linear":
            return (value - self.low) / (self.high - self.low)
        if self.sampling == "log":
            return math.log(value / self.low) / self._log_ratio
        mirrored = self.high + self.low - value
        return 1.0 - math.log(mirrored / self.low) / self._log_ratio

    def from_unit(self, unit: float) -> float:
        if self.sampling == "linear":
            value = self.low + unit * (self.high - self.low)
        elif self.sampling == "log":
            value = self.low * math.exp(unit * self._log_ratio)
        else:
            mirrored = self.low * math.exp((1.0 - unit) * self._log_ratio)
            value = self.high + self.low - mirrored
        return min(max(value, self.low), self.high)


class FloatGrid(Sequence[Value]):
    """The floats `low, low + step, ...` up to and including `high`.

    Lazy, so that a fine step costs no memory. Members are rounded to 12
    digits: 0.1 + 2 * 0.1 is 0.3.

    Args:
        low: Float, the first member.
        high: Float, the upper bound.
        step: Float, the distance between two members.
    """

    def __init__(self, low: float, high: float, step: float) -> None:
        self.low = low
        self.high = high
        self.step = step
        self._length = int((high - low) / step + GRID_TOLERANCE) + 1

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position: int) -> float:  # type: ignore[override]
        if position < 0:
            position += self._length
        if not 0 <= position < self._length:
            raise IndexError(position)
        value = float(f"{self.low + position * self.step:.12g}")
        return min(max(value, self.low), self.high)

    def __iter__(self) -> Iterator[Value]:
        return (self[position] for position in range(self._length))

    def index(self, value: Value, *_: int) -> int:
        if isinstance(value, str):
            raise ValueError(value)
        steps = (value - self.low) / self.step
        position = round(steps)
        if (
            abs(steps - position) > GRID_TOLERANCE
            or not 0 <= position < self._length
        ):
            raise ValueError(value)
        return position
