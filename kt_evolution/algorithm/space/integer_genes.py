"""Genes of whole numbers on a scale.

A step between numbers, and linear sampling of numbers that all have codes, need
no scale: they are grids.
"""

from typing import Any

import numpy as np

from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import CrowdedGene
from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.scales import IntegerScale


class IntegerGene(Gene):
    """A gene of whole numbers on a logarithmic scale.

    Each number owns the part of the scale that it covers, so small numbers
    are as likely as the large ones are together.

    Args:
        name: String, the name of the hyperparameter.
        scale: The `IntegerScale` of the domain.
        default: Int, a value of the domain.
        conditions: Tuple of `Condition`s.
    """

    kind = "ordinal"

    def __init__(
        self,
        name: str,
        scale: IntegerScale,
        default: Value,
        conditions: tuple[Condition, ...] = (),
    ) -> None:
        super().__init__(name, default, conditions)
        self.scale = scale
        self.encode(default)

    @property
    def size(self) -> float:
        return float(self.scale.high - self.scale.low + 1)

    def decode(self, code: float) -> Value:
        return self.scale.from_unit(code)

    def encode(self, value: Value) -> float:
        return self.scale.to_unit(_whole(self, value))

    def index(self, codes: np.ndarray) -> np.ndarray:
        numbers = [self.scale.from_unit(code) for code in codes]
        return np.array(numbers, dtype=np.int64) - self.scale.low

    def code_at(self, index: np.ndarray) -> np.ndarray:
        return np.array([self.scale.to_unit(self.scale.low + i) for i in index])


class LargeIntegerGene(CrowdedGene):
    """A gene with more whole numbers than there are codes.

    The search treats it as continuous. Both bounds and the default have exact
    codes, and on a logarithmic scale so do the small numbers. Any other number
    is encoded as one near it.

    Args:
        name: String, the name of the hyperparameter.
        numbers: Range, the domain.
        sampling: String, see `IntegerScale`.
        default: Int, a number of the domain, or one beyond its last step.
        conditions: Tuple of `Condition`s.
    """

    scale: IntegerScale

    def __init__(
        self,
        name: str,
        numbers: range,
        sampling: str,
        default: Value,
        conditions: tuple[Condition, ...] = (),
    ) -> None:
        self.numbers = numbers
        scale = IntegerScale(numbers, sampling, at_least=int(default))
        super().__init__(name, scale, default, conditions)

    def encode(self, value: Value) -> float:
        if _whole(self, value) not in self.numbers and value != self.default:
            raise self.outside(
                value,
                f"some steps of {self.numbers.step} above {self.scale.low}",
            )
        return super().encode(value)

    def _decode_inner(self, code: float) -> int:
        return self.scale.from_unit(code)

    def _unit_of(self, value: Any) -> float:
        # A float has fewer digits than a large integer.
        return self.scale.to_unit(int(value))


def _whole(gene: IntegerGene | LargeIntegerGene, value: Any) -> int:
    """Returns a value as an int; raises ValueError where it is outside."""
    low, high = gene.scale.low, gene.scale.high
    if isinstance(value, str) or not low <= value <= high:
        raise gene.outside(value, f"between {low} and {high}")
    if value != int(value):
        raise gene.outside(value, "a whole number")
    return int(value)
