"""Hyperparameters whose range differs from build to build.

Keras Tuner keeps the first declaration of a name. Where a bound depends on
another hyperparameter, `hp.Int("b", 1, hp.Int("a", 1, 9))`, it is therefore
that of the first build, whatever the others ask for.
"""

import dataclasses
import warnings
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

from keras_tuner.engine import hyperparameters as hp_module

from kt_evolution.core.genes import Value
from kt_evolution.encoding import key_of

# What makes the range of a hyperparameter; its default does not.
_RANGE = ("min_value", "max_value", "step", "sampling", "value")


@dataclasses.dataclass(frozen=True)
class Redeclaration:
    """A hyperparameter that a build declares with another range.

    Args:
        known: The `HyperParameter` that counts.
        declared: The `HyperParameter` that was declared later.
        asked_before: Tuple of the names that the build had asked for.
    """

    known: Any
    declared: Any
    asked_before: tuple[str, ...]


def has_same_range(known: Any, declared: Any) -> bool:
    """Tells whether two hyperparameters have the same values to choose from."""
    if type(known) is not type(declared):
        return False
    # The host lists the values of numbers too, which takes long for many.
    if isinstance(known, hp_module.Choice):
        return set(known.values) == set(declared.values)
    return all(
        getattr(known, name, None) == getattr(declared, name, None)
        for name in _RANGE
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
        """Notes hyperparameters of which the user was warned elsewhere."""
        self._reported |= {key_of(hp) for hp in hyperparameters}

    def note(self, hp: Any, build: Callable[[dict[str, Value]], Any]) -> None:
        """Warns of what a build declared otherwise.

        Args:
            hp: The `RecordingHyperParameters` of the build.
            build: Function that builds the model of a dict of values, and
                returns its `RecordingHyperParameters`.
        """
        values = dict(hp.values)
        for key in hp.asked:
            if key not in hp.redeclared:
                self._values_as_known[key] = values
        for key, redeclaration in hp.redeclared.items():
            if key not in self._reported:
                self._reported.add(key)
                cause = self._cause_of(key, redeclaration, values, build)
                warnings.warn(_message(redeclaration, cause), stacklevel=2)

    def _cause_of(
        self,
        key: str,
        redeclaration: Redeclaration,
        values: dict[str, Value],
        build: Callable[[dict[str, Value]], Any],
    ) -> str | None:
        """Returns the hyperparameter on whose value the range depends.

        It halves what differs from a build that declared the known range,
        and builds again, until one hyperparameter is left.

        Reference:
            Zeller and Hildebrandt (2002), "Simplifying and isolating
            failure-inducing input".
        """
        base = self._values_as_known.get(key)
        if base is None:
            return None
        base = {**values, **base}
        suspects = [
            name
            for name in redeclaration.asked_before
            if values.get(name) != base.get(name)
        ]
        while len(suspects) > 1:
            half = suspects[: len(suspects) // 2]
            changed = {**base, **{name: values[name] for name in half}}
            if _is_redeclared(key, changed, build):
                suspects = half
            else:
                base = changed
                suspects = suspects[len(half) :]
        return suspects[0] if suspects else None


def _is_redeclared(
    key: str,
    values: dict[str, Value],
    build: Callable[[dict[str, Value]], Any],
) -> bool:
    try:
        return key in build(values).redeclared
    except Exception:
        # Values of two models need not go together.
        return False


def _message(redeclaration: Redeclaration, cause: str | None) -> str:
    name = redeclaration.known.name
    if cause is None:
        start = f"Hyperparameter '{name}' is declared with different ranges."
    else:
        start = (
            f"The range of hyperparameter '{name}' depends on the value of "
            f"'{cause}'."
        )
    return (
        f"{start} The first declaration counts, {redeclaration.known!r}, also "
        f"where a build asks for {redeclaration.declared!r}. Declare a part of "
        "the range, such as a float between 0 and 1, and compute the value "
        "from it; or give each range a name of its own."
    )
