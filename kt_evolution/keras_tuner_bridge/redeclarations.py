"""Hyperparameters whose range differs from build to build.

Keras Tuner keeps the first declaration of a name. So where a bound depends on
another hyperparameter, as in `hp.Int("b", 1, hp.Int("a", 1, 9))`, the bound of
the first build counts in all builds.
"""

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

from keras_tuner.engine import hyperparameters as hp_module

from kt_evolution.algorithm.space.genes import Value
from kt_evolution.keras_tuner_bridge.encoding import key_of
from kt_evolution.user_warnings import warn_user

# The attributes that make up a range. The default is not one of them.
_RANGE = ("min_value", "max_value", "step", "sampling", "value")
# The relative difference of a float that is computed in two ways is smaller.
_ROUNDING = 2.0**-49
# At most so many causes of a changed range are named.
MAX_CAUSES = 4


@dataclasses.dataclass(frozen=True)
class Redeclaration:
    """A hyperparameter that a build declares with another range.

    Args:
        known: The `HyperParameter` that counts.
        declared: The `HyperParameter` that was declared later.
        requested_before: Tuple of the names that the build had asked for.
    """

    known: Any
    declared: Any
    requested_before: tuple[str, ...]


def has_same_range(known: Any, declared: Any) -> bool:
    """Returns whether two hyperparameters have the same possible values."""
    if type(known) is not type(declared):
        return False
    # The host lists the values of numbers too, which takes long for many.
    if isinstance(known, hp_module.Choice):
        before, now = set(known.values), set(declared.values)
        return before == now or (
            len(before) == len(now)
            and all(map(_is_alike, sorted(before), sorted(now)))
        )
    noise = 0.0
    if getattr(known, "sampling", None) == "linear":
        # A bound near zero may be the difference of larger numbers.
        largest = max(abs(known.min_value), abs(known.max_value))
        noise = _ROUNDING * largest if isinstance(largest, float) else 0.0
    return all(
        _is_alike(
            getattr(known, name, None), getattr(declared, name, None), noise
        )
        for name in _RANGE
    )


def _is_alike(one: Any, other: Any, noise: float = 0.0) -> bool:
    """Returns whether two values are equal up to the rounding of floats."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_ROUNDING, abs_tol=noise)
    return bool(one == other)


def redeclared(known: Iterable[Any], found: Iterable[Any]) -> list[str]:
    """Returns the hyperparameters that are declared differently than before.

    Args:
        known: Iterable of Keras Tuner's `HyperParameter`s, those of a search.
        found: Iterable of those that were declared later.

    Returns:
        List of one line for each hyperparameter that both have and that has
        another kind, range or default in `found`.
    """
    before = {key_of(hp): hp for hp in known}
    return [
        f"{before[key]!r} is now {hp!r}"
        for key, hp in ((key_of(hp), hp) for hp in found)
        if key in before and _is_declared_otherwise(before[key], hp)
    ]


def _is_declared_otherwise(known: Any, declared: Any) -> bool:
    if repr(known) == repr(declared):
        return False
    # The order of choices is a part of their declaration.
    return (
        isinstance(known, hp_module.Choice)
        or not has_same_range(known, declared)
        or not _is_alike(known.default, declared.default)
    )


class Redeclarations:
    """Warns of each hyperparameter whose range differs between builds, once.

    Args:
        in_advance: Iterable of the hyperparameters that the user declared in
            advance: their range is meant to win. Defaults to none.
    """

    def __init__(self, in_advance: Iterable[Any] = ()) -> None:
        self._reported = {key_of(hp) for hp in in_advance}
        # The values of a build that declared the range that counts.
        self._values_as_known: dict[str, dict[str, Value]] = {}

    def mark_reported(self, hyperparameters: Iterable[Any]) -> None:
        """Marks hyperparameters of which another warning was given."""
        self._reported |= {key_of(hp) for hp in hyperparameters}

    def note(self, hp: Any, build: Callable[[dict[str, Value]], Any]) -> None:
        """Warns of the ranges that a build declared differently.

        Args:
            hp: The `BuildHyperParameters` of the build.
            build: Function that builds the model of a dict of values, and
                returns its `BuildHyperParameters`.
        """
        values = dict(hp.values)
        for key in hp.requested:
            if key not in hp.redeclared:
                self._values_as_known[key] = values
        for key, redeclaration in hp.redeclared.items():
            if key not in self._reported:
                self._reported.add(key)
                causes = self._causes_of(key, redeclaration, values, build)
                warn_user(_message(redeclaration, causes))

    def _causes_of(
        self,
        key: str,
        redeclaration: Redeclaration,
        values: dict[str, Value],
        build: Callable[[dict[str, Value]], Any],
    ) -> list[str]:
        """Returns the hyperparameters on whose values the range depends.

        Each cause that is found is set back to its value in a build that
        declared the known range. If the range still differs, there is another
        cause.
        """
        base = self._values_as_known.get(key)
        if base is None:
            return []
        base = {**values, **base}
        suspects = [
            name
            for name in redeclaration.requested_before
            if values.get(name) != base.get(name)
        ]
        causes: list[str] = []
        while suspects:
            cause = _cause_among(suspects, key, base, values, build)
            causes.append(f"'{cause}'")
            suspects.remove(cause)
            values = {**values, cause: base[cause]}
            if not _is_redeclared(key, values, build):
                break
            if len(causes) == MAX_CAUSES:
                causes.append("others")
                break
        return causes


def _cause_among(
    suspects: list[str],
    key: str,
    base: dict[str, Value],
    values: dict[str, Value],
    build: Callable[[dict[str, Value]], Any],
) -> str:
    """Returns one hyperparameter on whose value a range depends.

    It halves the values that differ between two builds, and builds again,
    until one hyperparameter is left.

    Reference:
        Zeller and Hildebrandt (2002), "Simplifying and isolating
        failure-inducing input".

    Args:
        suspects: List of names whose values differ, at least one.
        key: String, the key of the hyperparameter whose range changes.
        base: Dict of values with the known range.
        values: Dict of values with another range.
        build: Function that builds the model of a dict of values, and
            returns its `BuildHyperParameters`.
    """
    while len(suspects) > 1:
        half = suspects[: len(suspects) // 2]
        changed = {**base, **{name: values[name] for name in half}}
        if _is_redeclared(key, changed, build):
            suspects = half
        else:
            base = changed
            suspects = suspects[len(half) :]
    return suspects[0]


def _is_redeclared(
    key: str,
    values: dict[str, Value],
    build: Callable[[dict[str, Value]], Any],
) -> bool:
    try:
        return key in build(values).redeclared
    except Exception:
        # A mixture of the values of two models may not build.
        return False


def _message(redeclaration: Redeclaration, causes: list[str]) -> str:
    name = redeclaration.known.name
    if not causes:
        start = f"Hyperparameter '{name}' is declared with different ranges."
    else:
        *first, last = causes
        named = f"values of {', '.join(first)} and " if first else "value of "
        start = (
            f"The range of hyperparameter '{name}' depends on the {named}"
            f"{last}."
        )
    return (
        f"{start} The first declaration counts, {redeclaration.known!r}, also "
        f"where a build asks for {redeclaration.declared!r}. Declare a part of "
        "the range, such as a float between 0 and 1, and compute the value "
        "from it; or give each range a name of its own."
    )
