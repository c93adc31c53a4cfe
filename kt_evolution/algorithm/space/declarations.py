"""From declared hyperparameters to genes.

Keras Tuner's own mappings between values and probabilities lose grid values,
leave domains and run backwards (`Float(0, 1, step=0.1)` never gives 1.0), so
each hyperparameter becomes a gene with a grid of its own.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.genes import CrowdedGene
from kt_evolution.algorithm.space.genes import FixedGene
from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.genes import gene_key
from kt_evolution.algorithm.space.grids import MAX_GRID
from kt_evolution.algorithm.space.grids import ExtendedGrid
from kt_evolution.algorithm.space.grids import FloatGrid
from kt_evolution.algorithm.space.grids import FloatRange
from kt_evolution.algorithm.space.grids import GeometricGrid
from kt_evolution.algorithm.space.grids import count_floats
from kt_evolution.algorithm.space.grids import is_too_fine
from kt_evolution.algorithm.space.grids import position_in
from kt_evolution.algorithm.space.integer_genes import IntegerGene
from kt_evolution.algorithm.space.integer_genes import LargeIntegerGene
from kt_evolution.algorithm.space.scales import IntegerScale
from kt_evolution.algorithm.space.scales import Scale

# Of more integers on a logarithmic scale not every one has a code of its own.
MAX_INTEGERS = 2**40
# Of more floats hardly two codes that a search tries have the same one.
MAX_LISTED_FLOATS = 2**32
# The largest part of a scale that may be one float without being looked at.
WIDEST_FLOAT = 2.0**-20


class SpaceError(ValueError):
    """A hyperparameter is declared in a way that can't be searched."""


@dataclasses.dataclass(frozen=True)
class Declaration:
    """A hyperparameter as it is declared, in native Python values.

    Args:
        kind: String: "Boolean", "Choice", "Fixed", "Float" or "Int".
        name: String.
        default: The value that it has when nothing is known; for "Fixed" the
            only one.
        conditions: Tuple of `Condition`s, the innermost one last.
        values: Tuple of the values of a "Choice".
        ordered: Bool, whether the values of a "Choice" have an order.
        min_value: Number, the lower bound of a "Float" or "Int".
        max_value: Number, the upper bound.
        step: Number, the step between values, or None for no grid.
        sampling: String: "linear", "log" or "reverse_log".
    """

    kind: str
    name: str
    default: Value
    conditions: tuple[Condition, ...] = ()
    values: tuple[Value, ...] = ()
    ordered: bool = False
    min_value: Any = None
    max_value: Any = None
    step: Any = None
    sampling: str = "linear"

    @property
    def key(self) -> str:
        """String, the key of its gene."""
        return gene_key(self.name, self.conditions)

    def gene(self) -> Gene:
        """Returns its gene.

        Raises:
            SpaceError: If it has no searchable domain.
        """
        return _ENCODERS[self.kind](self)


def _encode_boolean(hp: Declaration) -> Gene:
    default = bool(hp.default)
    return CategoricalGene(hp.name, (False, True), default, hp.conditions)


def _encode_choice(hp: Declaration) -> Gene:
    values = tuple(dict.fromkeys(hp.values))
    # The host calls every numeric choice ordered, even [64, 8, 128].
    if hp.ordered:
        # Nothing is less or more than NaN: it comes last.
        ordered = tuple(sorted(values, key=lambda one: (one != one, one)))
        return OrdinalGene(hp.name, ordered, hp.default, hp.conditions)
    return CategoricalGene(hp.name, values, hp.default, hp.conditions)


def _encode_fixed(hp: Declaration) -> Gene:
    return FixedGene(hp.name, hp.default, hp.conditions)


def _encode_int(hp: Declaration) -> Gene:
    low, high = int(hp.min_value), int(hp.max_value)
    _check_step(hp)
    default = _default_within(hp)
    if default != int(default):
        raise SpaceError(
            f"The default of hyperparameter '{hp.name}' must be an integer. "
            f"Received: default={hp.default}"
        )
    default = int(default)
    if hp.step is None:
        numbers = range(low, high + 1)
        if high - low >= MAX_INTEGERS:
            return LargeIntegerGene(
                hp.name, numbers, hp.sampling, default, hp.conditions
            )
        if low >= MAX_INTEGERS:
            # They differ by a factor of two at most, and floats are too
            # coarse for a scale of them.
            return OrdinalGene(hp.name, numbers, default, hp.conditions)
        scale = IntegerScale(numbers, hp.sampling)
        return IntegerGene(hp.name, scale, default, hp.conditions)
    if hp.sampling != "linear":
        grid = _geometric_grid(low, high, int(hp.step), hp.sampling)
    elif (high - low) // int(hp.step) >= MAX_GRID:
        numbers = range(low, high + 1, int(hp.step))
        return LargeIntegerGene(
            hp.name, numbers, "linear", default, hp.conditions
        )
    else:
        grid = range(low, high + 1, int(hp.step))
    grid = _with_default(grid, default, (low, high))
    return OrdinalGene(hp.name, grid, default, hp.conditions)


def _encode_float(hp: Declaration) -> Gene:
    low, high = float(hp.min_value), float(hp.max_value)
    _check_step(hp)
    default = float(_default_within(hp))
    # A step that fine makes no grid: every float is next to a member.
    if hp.step is None or is_too_fine(low, high, float(hp.step), hp.sampling):
        return _range_of_floats(hp, low, high, default)
    if hp.sampling == "linear":
        grid: Sequence[Value] = FloatGrid(low, high, float(hp.step))
    else:
        grid = _geometric_grid(low, high, float(hp.step), hp.sampling)
    grid = _with_default(grid, default, (low, high))
    return OrdinalGene(hp.name, grid, default, hp.conditions)


def _range_of_floats(
    hp: Declaration,
    low: float,
    high: float,
    default: float,
) -> Gene:
    """Returns the gene of every float between two bounds."""
    if 1 < count_floats(low, high) <= MAX_LISTED_FLOATS:
        # In so narrow a range logarithmic sampling is all but linear.
        floats = FloatRange(low, high)
        return OrdinalGene(hp.name, floats, default, hp.conditions)
    scale = Scale(low, high, hp.sampling)
    is_crowded = low < high and scale.widest_float > WIDEST_FLOAT
    kind = CrowdedGene if is_crowded else ContinuousGene
    return kind(hp.name, scale, default, hp.conditions)


def _check_step(hp: Declaration) -> None:
    if not all(map(_is_finite, (hp.min_value, hp.max_value))):
        raise SpaceError(
            f"The bounds of hyperparameter '{hp.name}' must be finite. "
            f"Received: min_value={hp.min_value}, max_value={hp.max_value}"
        )
    if hp.step is not None and not hp.step > 0:
        raise SpaceError(
            f"The step of hyperparameter '{hp.name}' must be greater than 0. "
            f"Received: step={hp.step}"
        )


def _is_finite(bound: Any) -> bool:
    try:
        return math.isfinite(bound)
    except OverflowError:
        # An integer that no float is as large as.
        return False


def _default_within(hp: Declaration) -> Value:
    default = hp.default
    if isinstance(default, str) or not (
        hp.min_value <= default <= hp.max_value
    ):
        raise SpaceError(
            f"The default of hyperparameter '{hp.name}' must be between "
            f"{hp.min_value} and {hp.max_value}. "
            f"Received: default={hp.default!r}"
        )
    return default


def _geometric_grid(
    low: Any, high: Any, step: Any, sampling: str
) -> Sequence[Value]:
    return GeometricGrid(low, high, step, sampling == "reverse_log")


def _with_default(
    grid: Sequence[Value], default: Value, bounds: tuple[Value, Value]
) -> Sequence[Value]:
    """Adds a default that lies between two steps to the domain.

    The host accepts it, and the first trial is to be the user's own.
    """
    try:
        member = grid[position_in(grid, default)]
    except ValueError:
        return ExtendedGrid(grid, default)
    # Members are computed, so rounding may tell one from the default. A bound
    # is the user's own number.
    if member != default and member in bounds:
        return ExtendedGrid(grid, default)
    return grid


_ENCODERS = {
    "Boolean": _encode_boolean,
    "Choice": _encode_choice,
    "Fixed": _encode_fixed,
    "Float": _encode_float,
    "Int": _encode_int,
}
KINDS = frozenset(_ENCODERS)
