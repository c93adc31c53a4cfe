"""Genes: one hyperparameter each, with codes for its values.

A code is a number in [0, 1). Every gene maps its domain onto that interval
and back: `decode(encode(value)) == value` for each value of a finite domain,
and for both ends of a continuous one. Keras Tuner's own mappings do not have
that property, which is why they are not used here.
"""

import abc
import dataclasses
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import ClassVar
from typing import TypeAlias

import numpy as np

from kt_evolution.algorithm.space.grids import position_in
from kt_evolution.algorithm.space.scales import Scale

Value: TypeAlias = bool | int | float | str

# The largest code: the last float below 1.
LAST_CODE = float(np.nextafter(1.0, 0.0))
# The smallest and the largest code of values between the bounds.
INNER_CODES = float(np.nextafter(0.0, 1.0)), float(np.nextafter(LAST_CODE, 0.0))
# Numbers of digits to which a decoded value is rounded, the first that fits.
DIGITS = (5, 8, 12, 15)


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


def one_nan(value: Any) -> Any:
    """Returns a value, `math.nan` for every NaN: containers can find it."""
    return math.nan if value != value else value


def native(value: Any) -> Value:
    """Returns a value as the Python type that it is an instance of."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return one_nan(kind(value))
    return one_nan(value.item()) if hasattr(value, "item") else value


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
    def canonicalize(self, codes: np.ndarray) -> np.ndarray:
        """Returns canonical codes: each value of the domain has one code."""

    def canonical(self, code: float) -> float:
        """Returns the code of a code's value, if it decodes to that value."""
        value = self.decode(code)
        canonical = self.encode(value)
        return canonical if self.decode(canonical) == value else code

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
        self._default_position = self._position(self.encode(default))

    @property
    def size(self) -> float:
        return self._size

    def decode(self, code: float) -> Value:
        position = self._position(code)
        # A member of a grid may be rounded; the default is returned exactly.
        if position == self._default_position:
            return self.default
        return self.values[position]

    def _position(self, code: float) -> int:
        return min(max(int(code * self._size), 0), len(self.values) - 1)

    def encode(self, value: Value) -> float:
        try:
            position = position_in(self.values, one_nan(value))
        except (ValueError, OverflowError):
            raise self.outside(value, f"one of {self._shown()}") from None
        return (position + 0.5) / self._size

    def canonicalize(self, codes: np.ndarray) -> np.ndarray:
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
        scale: Scale,
        default: Value,
        conditions: tuple[Condition, ...] = (),
    ) -> None:
        super().__init__(name, default, conditions)
        self.scale = scale
        # Several floats may share a code. The default's code decodes to it.
        self._default_code = self.encode(default)

    @property
    def size(self) -> float:
        return 1.0 if self.scale.low == self.scale.high else math.inf

    def decode(self, code: float) -> Value:
        if code == self._default_code:
            return self.default
        if code >= LAST_CODE:
            return self.scale.high
        return self.scale.low if code <= 0 else self._decode_inner(code)

    def _decode_inner(self, code: float) -> float:
        """Returns a number that has a code, with few digits if possible.

        So 0.001 is decoded as 0.001, not as 0.0010000000000000002.
        """
        value = self.scale.from_unit(code)
        for digits in DIGITS:
            short = float(f"{value:.{digits}g}")
            is_inner = self.scale.low < short < self.scale.high
            if is_inner and self._encode_inner(short) == code:
                return short
        return value

    def _encode_inner(self, value: float) -> float:
        first, last = INNER_CODES
        return min(max(self.scale.to_unit(value), first), last)

    def encode(self, value: Value) -> float:
        low, high = self.scale.low, self.scale.high
        if isinstance(value, str) or not low <= value <= high:
            raise self.outside(value, f"between {low} and {high}")
        if value == high:
            return LAST_CODE
        if value == low:
            return 0.0
        return self._encode_inner(float(value))

    def canonicalize(self, codes: np.ndarray) -> np.ndarray:
        if self.size == 1.0:
            return np.full_like(codes, LAST_CODE)
        return np.clip(codes, 0.0, LAST_CODE)


class CrowdedGene(ContinuousGene):
    """A continuous gene of which many codes have the same value.

    A logarithmic scale spreads the numbers near one of its bounds, where there
    may be few floats. Codes of the same float are the same model.
    """

    def canonicalize(self, codes: np.ndarray) -> np.ndarray:
        return np.array([self.canonical(code) for code in codes.tolist()])


class LargeIntegerGene(Gene):
    """A gene with more whole numbers than there are codes.

    The search treats it as continuous. Both bounds and the default have exact
    codes, and on a logarithmic scale so do the small numbers. Any other number
    is encoded as one near it.

    Args:
        name: String, the name of the hyperparameter.
        numbers: Range, the domain.
        sampling: String, see `Scale`. A step is for linear sampling only.
        default: Int, a number of the domain.
        conditions: Tuple of `Condition`s.
    """

    kind = "continuous"

    def __init__(
        self,
        name: str,
        numbers: range,
        sampling: str,
        default: Value,
        conditions: tuple[Condition, ...] = (),
    ) -> None:
        super().__init__(name, default, conditions)
        self.numbers = numbers
        self.low = numbers[0]
        # A default may lie beyond the last step.
        self.high = max(numbers[-1], int(default))
        # Each number owns the part of the scale from itself to the next.
        is_linear = sampling == "linear"
        self.scale = Scale(
            self.low, self.high + 1, "linear" if is_linear else "log"
        )
        self.sampling = sampling
        # `len` raises for ranges as large as this.
        self._count = (numbers[-1] - self.low) // numbers.step + 1
        self._default_code = self.encode(default)

    @property
    def size(self) -> float:
        return math.inf

    def decode(self, code: float) -> Value:
        if code == self._default_code:
            return self.default
        if code >= LAST_CODE:
            return self.high
        return self.low if code <= 0.0 else self._decode_inner(code)

    def _decode_inner(self, code: float) -> int:
        if self.sampling == "linear":
            number = self.low + int(code * self._count) * self.numbers.step
        elif self.sampling == "log":
            number = math.floor(self.scale.from_unit(code))
        else:
            distance = math.floor(self.scale.from_unit(1.0 - code))
            number = self.high + self.low - distance
        return min(max(number, self.low), self.high)

    def encode(self, value: Value) -> float:
        if isinstance(value, str) or not self.low <= value <= self.high:
            raise self.outside(value, f"between {self.low} and {self.high}")
        if value != int(value):
            raise self.outside(value, "a whole number")
        if int(value) not in self.numbers and value != self.default:
            step = self.numbers.step
            raise self.outside(value, f"some steps of {step} above {self.low}")
        if value == self.high:
            return LAST_CODE
        return 0.0 if value == self.low else self._encode_inner(int(value))

    def _encode_inner(self, value: int) -> float:
        if self.sampling == "linear":
            steps = (value - self.low) // self.numbers.step
            unit = (2 * steps + 1) / (2 * self._count)
        elif self.sampling == "log":
            unit = self.scale.to_unit(value + 0.5)
        else:
            unit = 1.0 - self.scale.to_unit(self.high + self.low - value + 0.5)
        first, last = INNER_CODES
        return min(max(unit, first), last)

    def canonicalize(self, codes: np.ndarray) -> np.ndarray:
        return np.array([self.canonical(code) for code in codes.tolist()])


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
        scale: Scale,
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

    def canonicalize(self, codes: np.ndarray) -> np.ndarray:
        return self.code_at(self.index(codes))

    def index(self, codes: np.ndarray) -> np.ndarray:
        values = np.floor([self.scale.from_unit(code) for code in codes])
        return np.clip(values, self.low, self.high).astype(np.int64) - self.low

    def code_at(self, index: np.ndarray) -> np.ndarray:
        return np.array(
            [self.scale.to_unit(self.low + step + 0.5) for step in index]
        )
