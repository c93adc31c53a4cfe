"""From Keras Tuner's hyperparameters to genes.

The host's own mappings between values and probabilities lose grid values,
leave domains and run backwards (`Float(0, 1, step=0.1)` never gives 1.0), so
each hyperparameter becomes a gene with a grid of its own.
"""

import math
import weakref
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
from keras_tuner.engine import hyperparameters as hp_module

from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.genes import CrowdedGene
from kt_evolution.algorithm.space.genes import FixedGene
from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.algorithm.space.genes import IntegerGene
from kt_evolution.algorithm.space.genes import LargeIntegerGene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.genes import gene_key
from kt_evolution.algorithm.space.genes import one_nan
from kt_evolution.algorithm.space.grids import MAX_GRID
from kt_evolution.algorithm.space.grids import ExtendedGrid
from kt_evolution.algorithm.space.grids import FloatGrid
from kt_evolution.algorithm.space.grids import FloatRange
from kt_evolution.algorithm.space.grids import GeometricGrid
from kt_evolution.algorithm.space.grids import count_floats
from kt_evolution.algorithm.space.grids import is_too_fine
from kt_evolution.algorithm.space.grids import position_in
from kt_evolution.algorithm.space.scales import Scale

# Of more integers on a logarithmic scale not every one has a code of its own.
MAX_INTEGERS = 2**40
# Of more floats hardly two codes that a search tries have the same one.
MAX_LISTED_FLOATS = 2**32
# The largest part of a scale that may be one float without being looked at.
WIDEST_FLOAT = 2.0**-20
# A hyperparameter is known by its identity, and never changes.
_KEYS: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


class SpaceError(ValueError):
    """A hyperparameter is declared in a way that can't be searched."""


def genes_of(hyperparameters: Iterable[Any]) -> list[Gene]:
    """Returns one gene for each hyperparameter.

    Args:
        hyperparameters: Iterable of Keras Tuner's `HyperParameter`s.

    Raises:
        SpaceError: If one of them has no searchable domain.
    """
    return [gene_of(hp) for hp in hyperparameters]


def gene_of(hp: Any) -> Gene:
    """Returns the gene of one Keras Tuner `HyperParameter`."""
    for kind, encode in _ENCODERS.items():
        if isinstance(hp, kind):
            return encode(hp, _conditions(hp))
    raise SpaceError(
        f"Hyperparameter '{getattr(hp, 'name', hp)}' must be a Boolean, "
        f"Choice, Fixed, Float or Int. Received: {hp!r} "
        f"(of type {type(hp).__name__})"
    )


def key_of(hp: Any) -> str:
    """Returns the key of a hyperparameter's gene.

    It is kept, because each build asks for the keys of a space again.
    """
    if hp not in _KEYS:
        _KEYS[hp] = gene_key(hp.name, _conditions(hp))
    return _KEYS[hp]


def native(value: Any) -> Value:
    """Returns a value as the Python type that it is an instance of."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return one_nan(kind(value))
    return one_nan(value.item()) if hasattr(value, "item") else value


def own_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values without those that `Hyperband` passes to itself."""
    return {
        name: value
        for name, value in values.items()
        if not name.startswith("tuner/")
    }


def _conditions(hp: Any) -> tuple[Condition, ...]:
    conditions = []
    for condition in hp.conditions:
        if not hasattr(condition, "values"):
            raise SpaceError(
                f"The conditions of hyperparameter '{hp.name}' must compare "
                f"a parent with values. Received: {condition!r}"
            )
        values = tuple(native(value) for value in condition.values)
        conditions.append(Condition(condition.name, values))
    return tuple(conditions)


def _encode_boolean(hp: Any, conditions: tuple[Condition, ...]) -> Gene:
    default = bool(hp.default)
    return CategoricalGene(hp.name, (False, True), default, conditions)


def _encode_choice(hp: Any, conditions: tuple[Condition, ...]) -> Gene:
    values = tuple(dict.fromkeys(native(value) for value in hp.values))
    default = native(hp.default)
    # The host calls every numeric choice ordered, even [64, 8, 128].
    if hp.ordered:
        # Nothing is less or more than NaN: it comes last.
        ordered = tuple(sorted(values, key=lambda one: (one != one, one)))
        return OrdinalGene(hp.name, ordered, default, conditions)
    return CategoricalGene(hp.name, values, default, conditions)


def _encode_fixed(hp: Any, conditions: tuple[Condition, ...]) -> Gene:
    return FixedGene(hp.name, native(hp.value), conditions)


def _encode_int(hp: Any, conditions: tuple[Condition, ...]) -> Gene:
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
                hp.name, numbers, hp.sampling, default, conditions
            )
        if low >= MAX_INTEGERS:
            # They differ by a factor of two at most, and floats are too
            # coarse for a scale of them.
            return OrdinalGene(hp.name, numbers, default, conditions)
        scale = Scale(low, high + 1, hp.sampling)
        return IntegerGene(hp.name, scale, default, conditions)
    if hp.sampling != "linear":
        grid = _geometric_grid(low, high, int(hp.step), hp.sampling)
    elif (high - low) // int(hp.step) >= MAX_GRID:
        numbers = range(low, high + 1, int(hp.step))
        return LargeIntegerGene(hp.name, numbers, "linear", default, conditions)
    else:
        grid = range(low, high + 1, int(hp.step))
    grid = _with_default(grid, default, (low, high))
    return OrdinalGene(hp.name, grid, default, conditions)


def _encode_float(hp: Any, conditions: tuple[Condition, ...]) -> Gene:
    low, high = float(hp.min_value), float(hp.max_value)
    _check_step(hp)
    default = float(_default_within(hp))
    # A step that fine makes no grid: every float is next to a member.
    if hp.step is None or is_too_fine(low, high, float(hp.step), hp.sampling):
        return _range_of_floats(hp, low, high, default, conditions)
    if hp.sampling == "linear":
        grid: Sequence[Value] = FloatGrid(low, high, float(hp.step))
    else:
        grid = _geometric_grid(low, high, float(hp.step), hp.sampling)
    grid = _with_default(grid, default, (low, high))
    return OrdinalGene(hp.name, grid, default, conditions)


def _range_of_floats(
    hp: Any,
    low: float,
    high: float,
    default: float,
    conditions: tuple[Condition, ...],
) -> Gene:
    """Returns the gene of every float between two bounds."""
    if 1 < count_floats(low, high) <= MAX_LISTED_FLOATS:
        # In so narrow a range logarithmic sampling is all but linear.
        floats = FloatRange(low, high)
        return OrdinalGene(hp.name, floats, default, conditions)
    scale = Scale(low, high, hp.sampling)
    is_crowded = low < high and scale.widest_float > WIDEST_FLOAT
    kind = CrowdedGene if is_crowded else ContinuousGene
    return kind(hp.name, scale, default, conditions)


def _check_step(hp: Any) -> None:
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


def _default_within(hp: Any) -> Value:
    default = native(hp.default)
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
    hp_module.Boolean: _encode_boolean,
    hp_module.Choice: _encode_choice,
    hp_module.Fixed: _encode_fixed,
    hp_module.Int: _encode_int,
    hp_module.Float: _encode_float,
}


def check_given_space(hyperparameters: Any) -> None:
    """Raises if the argument `hyperparameters` is something else.

    Raises:
        TypeError: It has what was received.
    """
    if hyperparameters is not None and not isinstance(
        hyperparameters, kt.HyperParameters
    ):
        raise TypeError(
            "`hyperparameters` must be a `keras_tuner.HyperParameters`. "
            f"Received: hyperparameters={hyperparameters!r} "
            f"(of type {type(hyperparameters).__name__})"
        )
