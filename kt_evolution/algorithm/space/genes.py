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
from kt_evolution.algorithm.space.scales import IntegerScale
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

    def is_active(self, values: Mapping[str, Value]) -> bool:
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

    def canonicalize(self, codes: np.ndarray) -> np.ndarray:
        """Returns canonical codes: each value of the domain has one code."""
        return self.code_at(self.index(codes))

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
        default: Number, a value between the bounds.
        conditions: Tuple of `Condition`s.
    """

    kind = "continuous"

    def __init__(
        self,
        name: str,
        scale: Scale | IntegerScale,
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

    def _decode_inner(self, code: float) -> Value:
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

    def _encode_inner(self, value: Any) -> float:
        first, last = INNER_CODES
        return min(max(self._unit_of(value), first), last)

    def _unit_of(self, value: Any) -> float:
        return self.scale.to_unit(float(value))

    def encode(self, value: Value) -> float:
        low, high = self.scale.low, self.scale.high
        if isinstance(value, str) or not low <= value <= high:
            raise self.outside(value, f"between {low} and {high}")
        if value == high:
            return LAST_CODE
        if value == low:
            return 0.0
        return self._encode_inner(value)

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
        return np.array([self._canonical(code) for code in codes.tolist()])

    def _canonical(self, code: float) -> float:
        """Returns the code of a code's value, if it decodes to that value."""
        value = self.decode(code)
        canonical = self.encode(value)
        return canonical if self.decode(canonical) == value else code
