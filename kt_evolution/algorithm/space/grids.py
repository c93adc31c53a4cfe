"""Grids: lazy sequences of numbers.

A number is computed when it is indexed, so a fine step or a large range costs
neither memory nor time.
"""

import bisect
import math
import struct
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from kt_evolution.algorithm.space.scales import LEAST_DISTANCE

# A value within this share of a step from a member is that member, because a
# step such as 0.1 has no exact binary form.
GRID_TOLERANCE = 1e-6
# The largest number of values whose positions have distinct codes for sure.
MAX_GRID = 2**47
# Powers with a logarithm up to this do not overflow.
MAX_LOGARITHM = 700.0
# Members of a geometric grid are rounded to 12 digits.
ROUNDING = 1e-12


def position_in(values: Sequence[Any], value: Any) -> int:
    """Returns the position of a value in a sequence.

    Raises:
        ValueError: If the sequence does not have the value.
    """
    if isinstance(values, range):
        # A range compares values other than `int` with all of its numbers.
        if isinstance(value, str) or not values[0] <= value <= values[-1]:
            raise ValueError(value)
        if value != int(value):
            raise ValueError(value)
        value = int(value)
    return values.index(value)


class FloatRange(Sequence[Any]):
    """Every float between two bounds, both included.

    Args:
        low: Float, the first member.
        high: Float, the last member.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low = low
        self.high = high
        self._first = _rank(low)

    def __len__(self) -> int:
        return count_floats(self.low, self.high)

    def __getitem__(self, position: Any) -> Any:
        if position < 0:
            position += len(self)
        if not 0 <= position < len(self):
            raise IndexError(position)
        return _float_of_rank(self._first + position)

    def index(self, value: Any, *_: int) -> int:
        if isinstance(value, str) or not self.low <= value <= self.high:
            raise ValueError(value)
        return _rank(float(value)) - self._first


def count_floats(low: float, high: float) -> int:
    """Returns how many floats lie between two bounds, both included."""
    return _rank(high) - _rank(low) + 1


def _rank(value: float) -> int:
    """Returns how many floats lie between zero and a value, with its sign."""
    # The bits of a float, read as an integer, ascend with its magnitude.
    magnitude: int = struct.unpack("<q", struct.pack("<d", abs(value)))[0]
    return -magnitude if value < 0 else magnitude


def _float_of_rank(rank: int) -> float:
    value: float = struct.unpack("<d", struct.pack("<q", abs(rank)))[0]
    return -value if rank < 0 else value


def _quotient(above: float, low: float, step: float) -> float:
    """Returns how many steps one number is above another."""
    if math.isinf(above - low):
        return 2.0 * ((above / 2.0 - low / 2.0) / step)
    return (above - low) / step


class FloatGrid(Sequence[Any]):
    """The floats `low, low + step, ...` up to and including `high`.

    Lazy, so that a fine step costs no memory. Members are rounded to 12
    digits, or to as many as tell them apart: 0.1 + 2 * 0.1 is 0.3.

    Args:
        low: Float, the first member.
        high: Float, the upper bound.
        step: Float, the distance between two members.
    """

    def __init__(self, low: float, high: float, step: float) -> None:
        self.low = low
        self.high = high
        self.step = step
        self._length = count_steps(low, high, step) + 1
        largest = min(max(abs(low), abs(high)) / step, 1e15)
        fewest = max(12, math.ceil(math.log10(max(largest, 1.0))) + 2)
        self._digits = next(
            digits
            for digits in range(fewest, 18)
            if digits == 17 or float(f"{low:.{digits}g}") == low
        )
        # A step may be longer than the whole range.
        self._tolerance = GRID_TOLERANCE * min(largest, 1.0)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position: Any) -> Any:
        if position < 0:
            position += self._length
        if not 0 <= position < self._length:
            raise IndexError(position)
        if position == 0:
            return self.low
        value = self.low + position * self.step
        if not math.isfinite(position * self.step):
            value = 2.0 * (self.low / 2.0 + position * (self.step / 2.0))
        value = float(f"{value:.{self._digits}g}")
        return min(max(value, self.low), self.high)

    def __iter__(self) -> Iterator[Any]:
        return (self[position] for position in range(self._length))

    def index(self, value: Any, *_: int) -> int:
        if isinstance(value, str):
            raise ValueError(value)
        steps = _quotient(value, self.low, self.step)
        if not math.isfinite(steps):
            raise ValueError(value)
        position = round(steps)
        if not 0 <= position < self._length or (
            abs(steps - position) > self._tolerance and self[position] != value
        ):
            raise ValueError(value)
        return position


def count_steps(low: float, high: float, step: float) -> int:
    """Returns how many steps lie between two bounds."""
    steps = _quotient(high, low, step)
    return int(min(steps, float(2**63)) + GRID_TOLERANCE)


class GeometricGrid(Sequence[Any]):
    """The numbers `low, low * step, ...` up to `high`, or their mirror image.

    The members of the mirror image lie closest together at `high`. It has both
    bounds: without another default, `low` is the default. Both are lazy. Floats
    are rounded to 12 digits.

    Args:
        low: Int or float above 0, the smallest member.
        high: Int or float, the upper bound.
        step: Int or float above 1, the quotient of two members.
        is_mirrored: Boolean. Defaults to False.
    """

    def __init__(
        self, low: Any, high: Any, step: Any, is_mirrored: bool = False
    ) -> None:
        self.low = low
        self.high = high
        self.step = step
        self.is_mirrored = is_mirrored
        last = count_factors(low, high, step)
        self._exponents = range(last + 1)
        if is_mirrored:
            first = 1
            if isinstance(low, float):
                # Smaller distances are lost in the digits of `high`.
                distance = 4.0 * LEAST_DISTANCE * high
                least = max(distance / min(step - 1.0, 1.0), low)
                first = max(first, count_factors(low, least, step))
            # Its image is `low`, up to rounding.
            if math.isclose(self._grown(last), high):
                last -= 1
            self._exponents = range(last, first - 1, -1)

    def __len__(self) -> int:
        if self.low == self.high:
            return 1
        return len(self._exponents) + (2 if self.is_mirrored else 0)

    def __getitem__(self, position: Any) -> Any:
        if position < 0:
            position += len(self)
        if not 0 <= position < len(self):
            raise IndexError(position)
        if not self.is_mirrored:
            return self._grown(position)
        if position == 0:
            return self.low
        if position == len(self) - 1:
            return self.high
        return self._mirrored(self._grown(self._exponents[position - 1]))

    def __iter__(self) -> Iterator[Any]:
        return (self[position] for position in range(len(self)))

    def index(self, value: Any, *_: int) -> int:
        if isinstance(value, str) or not self.low <= value <= self.high:
            raise ValueError(value)
        near = 0
        if self.is_mirrored:
            exponent = _log_quotient(self._mirrored(value), self.low, self.step)
            near = 1 + len(self._exponents)
            if exponent >= self._exponents.stop:
                near = 1 + self._exponents.start - round(exponent)
        else:
            near = round(_log_quotient(value, self.low, self.step))
        around = [
            position
            for position in (near, near - 1, near + 1)
            if 0 <= position < len(self)
        ]
        for position in around:
            if self[position] == value:
                return position
        for position in around:
            if self._is_rounded and math.isclose(
                self[position], value, rel_tol=ROUNDING
            ):
                return position
        raise ValueError(value)

    @property
    def _is_rounded(self) -> bool:
        return isinstance(self.low, float) and not self.is_mirrored

    def _grown(self, exponent: int) -> Any:
        if exponent == 0:
            return self.low
        try:
            value = self.low * self.step**exponent
        except OverflowError:
            # The power may overflow although the product does not.
            value = self.low
            part = max(1, int(MAX_LOGARITHM / math.log(self.step)))
            for left in range(exponent, 0, -part):
                value *= self.step ** min(left, part)
        if isinstance(self.low, float):
            value = float(f"{value:.12g}")
        return min(max(value, self.low), self.high)

    def _mirrored(self, value: Any) -> Any:
        mirrored = self.high + self.low - value
        if isinstance(mirrored, float) and math.isinf(mirrored):
            mirrored = self.high - (value - self.low)
        return mirrored


def is_too_fine(low: float, high: float, step: float, sampling: str) -> bool:
    """Returns whether members of a grid are too close, or too many.

    Members are too close if two of them may be the same float.

    Args:
        low: Float, the lower bound.
        high: Float, the upper bound.
        step: Float, the distance or the quotient of two members.
        sampling: String, "linear", "log" or "reverse_log".
    """
    if sampling == "linear":
        closest = 2.0 * math.ulp(max(abs(low), abs(high)))
        return step < closest or count_steps(low, high, step) >= MAX_GRID
    # Members are rounded to 12 digits.
    return step - 1.0 < 10.0 * ROUNDING or low * (step - 1.0) < math.ulp(low)


def count_factors(low: float, high: float, step: float) -> int:
    """Returns how often a bound can be multiplied without passing the other."""
    return math.floor(_log_quotient(high, low, step) + GRID_TOLERANCE)


def _log_quotient(above: float, low: float, step: float) -> float:
    """Returns the logarithm of a quotient to the base of a step."""
    if above <= low:
        return 0.0
    quotient = above / low
    log = math.log(quotient)
    if math.isinf(quotient):
        log = math.log(above) - math.log(low)
    return log / math.log(step)


class ExtendedGrid(Sequence[Any]):
    """An ascending grid with one more value between two of its members.

    Args:
        grid: Sequence of numbers in ascending order.
        value: Number.
    """

    def __init__(self, grid: Sequence[Any], value: Any) -> None:
        self.grid = grid
        self.value = value
        self.position = bisect.bisect_left(grid, value)

    def __len__(self) -> int:
        return len(self.grid) + 1

    def __getitem__(self, position: Any) -> Any:
        if position < 0:
            position += len(self)
        if position == self.position:
            return self.value
        return self.grid[position - (position > self.position)]

    def index(self, value: Any, *_: int) -> int:
        if value == self.value:
            return self.position
        position = position_in(self.grid, value)
        return position + (position >= self.position)
