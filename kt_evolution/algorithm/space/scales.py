"""Scales: how the numbers between two bounds lie on the unit interval."""

import math

# The smallest distance from the upper bound of a "reverse_log" scale, as a
# share of the bound. Nearer floats are the bound itself.
LEAST_DISTANCE = 2.0**-52


class Scale:
    """Maps the numbers between two bounds to [0, 1].

    Args:
        low: Number, the lower bound.
        high: Number, the upper bound.
        sampling: String, one of "linear", "log" and "reverse_log". "log"
            spreads small numbers over the unit interval, "reverse_log" large
            ones.
    """

    def __init__(self, low: float, high: float, sampling: str) -> None:
        self.low = low
        self.high = high
        self.sampling = sampling
        # The smallest number, or distance from `high`, that has a logarithm.
        self._smallest = low
        if sampling == "reverse_log":
            self._smallest = max(low, high * LEAST_DISTANCE)
        self._log_ratio = math.nan
        if sampling != "linear":
            self._log_ratio = self._log_above(high)

    @property
    def widest_float(self) -> float:
        """The longest part of the unit interval that is a single float."""
        if self.sampling == "log":
            spacing = math.ulp(self.low) / self.low
        elif self.sampling == "reverse_log":
            spacing = math.ulp(self.high) / self._smallest
        else:
            largest = max(abs(self.low), abs(self.high))
            # Halves, because the difference of two floats may overflow.
            return math.ulp(largest) / 2.0 / (self.high / 2.0 - self.low / 2.0)
        return spacing / self._log_ratio

    def to_unit(self, value: float) -> float:
        if self.low == self.high:
            return 0.5
        if self.sampling == "linear":
            if math.isinf(self.high - self.low):
                half = self.high / 2.0 - self.low / 2.0
                return (value / 2.0 - self.low / 2.0) / half
            return (value - self.low) / (self.high - self.low)
        if self.sampling == "log":
            return self._log_above(value) / self._log_ratio
        mirrored = max(self._mirrored(value), self._smallest)
        return 1.0 - self._log_above(mirrored) / self._log_ratio

    def from_unit(self, unit: float) -> float:
        if self.sampling == "linear":
            value = self.low + unit * (self.high - self.low)
            if math.isinf(self.high - self.low):
                value = (1.0 - unit) * self.low + unit * self.high
        elif self.sampling == "log":
            value = self._grown(unit * self._log_ratio)
        else:
            value = self._mirrored(self._grown((1.0 - unit) * self._log_ratio))
        return min(max(value, self.low), self.high)

    def _log_above(self, value: float) -> float:
        """Returns the logarithm of a value in units of the smallest one."""
        # The quotient of two floats may overflow.
        if math.isinf(self.high / self._smallest):
            return math.log(value) - math.log(self._smallest)
        return math.log(value / self._smallest)

    def _grown(self, log: float) -> float:
        if math.isinf(self.high / self._smallest):
            return math.exp(math.log(self._smallest) + log)
        return self._smallest * math.exp(log)

    def _mirrored(self, value: float) -> float:
        if math.isinf(self.high + self.low):
            return self.high - (value - self.low)
        return self.high + self.low - value


class IntegerScale:
    """Maps whole numbers to [0, 1].

    Each number owns a part of the scale: from itself to the next number. It is
    mapped to the middle of that part.

    Args:
        numbers: Range. A step is for linear sampling only.
        sampling: String, see `Scale`.
        at_least: Int, a number to which the scale reaches, also where it is
            beyond the last step. Defaults to the first number.
    """

    def __init__(
        self, numbers: range, sampling: str, at_least: int | None = None
    ) -> None:
        self.low = numbers[0]
        self.high = max(numbers[-1], self.low if at_least is None else at_least)
        self.sampling = sampling
        self._step = numbers.step
        # `len` raises for the largest ranges.
        self._count = (numbers[-1] - self.low) // numbers.step + 1
        if sampling != "linear":
            self._log = Scale(self.low, self.high + 1, "log")

    def to_unit(self, number: float) -> float:
        if self.sampling == "linear":
            steps = (number - self.low) // self._step
            return (2 * steps + 1) / (2 * self._count)
        if self.sampling == "log":
            return self._log.to_unit(number + 0.5)
        # The distance is exact, because integers are.
        distance = self.high + self.low - number
        return 1.0 - self._log.to_unit(distance + 0.5)

    def from_unit(self, unit: float) -> int:
        if self.sampling == "linear":
            number = self.low + int(unit * self._count) * self._step
        elif self.sampling == "log":
            number = math.floor(self._log.from_unit(unit))
        else:
            distance = math.floor(self._log.from_unit(1.0 - unit))
            number = self.high + self.low - distance
        return min(max(number, self.low), self.high)
