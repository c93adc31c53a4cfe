"""How blocks declare their genes.

Whatever can be searched is an argument that takes one value, which is then
fixed, or several, of which the first is the default, as in `hp.Choice`.
"""

import contextlib
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
import numpy as np

from kt_evolution.algorithm.checks import is_number

# The values of the genes of a block by their names, None for dormant ones.
Genes = dict[str, Any]


def check_options(
    name: str, given: Any, check: Callable[[str, Any], Any]
) -> tuple[Any, ...]:
    """Returns the values that an argument allows.

    Args:
        name: String, the argument's name.
        given: One value, or a sequence of them.
        check: Function of a name and a value that returns the value or raises.

    Raises:
        ValueError: If there is no value, or if one of them is not allowed.
    """
    if isinstance(given, np.ndarray):
        given = given.tolist()
    is_one = isinstance(given, str) or not isinstance(given, Sequence)
    values = (given,) if is_one else given
    options = tuple(dict.fromkeys(check(name, value) for value in values))
    if not options:
        raise ValueError(
            f"`{name}` must have at least one value. Received: {name}={given}"
        )
    return options


def one_of(known: Collection[Any]) -> Callable[[str, Any], Any]:
    """Returns a check that a value is one of those that are known."""

    def check(name: str, value: Any) -> Any:
        if not isinstance(value, Hashable) or value not in known:
            listed = ", ".join(repr(each) for each in known)
            raise ValueError(
                f"`{name}` must be of {listed}. Received: {name}={value!r}"
            )
        return value

    return check


def check_flag(name: str, value: bool) -> bool:
    """Returns `value` if it is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(
            f"`{name}` must be True or False. Received: {name}={value!r}"
        )
    return bool(value)


def check_rate(name: str, value: float) -> float:
    """Returns `value` if a dropout can have it: in [0, 1)."""
    if not is_number(value) or not 0.0 <= value < 1.0:
        raise ValueError(
            f"`{name}` must be in [0, 1). Received: {name}={value!r}"
        )
    return float(value)


def first_of(default: Any, options: Iterable[Any]) -> tuple[Any, ...]:
    """Returns options with the default in front."""
    return tuple(dict.fromkeys([default, *options]))


def choose(hp: kt.HyperParameters, name: str, options: tuple[Any, ...]) -> Any:
    """Returns the only option, or declares a gene and returns its value."""
    if len(options) == 1:
        return options[0]
    # The host turns a choice of booleans into one of integers.
    if all(isinstance(option, bool) for option in options):
        return hp.Boolean(name, default=options[0])
    return hp.Choice(name, list(options))


def choose_each(
    hp: kt.HyperParameters, options: Mapping[str, tuple[Any, ...]]
) -> Genes:
    """Returns the values of several genes by their names."""
    return {name: choose(hp, name, each) for name, each in options.items()}


def given(
    hp: kt.HyperParameters,
    name: str,
    options: tuple[Any, ...],
    wanted: Iterable[Any],
) -> contextlib.AbstractContextManager[None]:
    """Opens the scope of what depends on a gene that `choose` declared.

    Args:
        hp: The `keras_tuner.HyperParameters`.
        name: String, the gene's name.
        options: Tuple, the gene's options.
        wanted: Those for which the scope is active, at least one of them.
    """
    wanted = [option for option in options if option in wanted]
    if len(wanted) == len(options):
        return contextlib.nullcontext()
    scope: contextlib.AbstractContextManager[None] = hp.conditional_scope(
        name, wanted
    )
    return scope


def deep_enough(
    hp: kt.HyperParameters, depth: tuple[int, ...], number: int
) -> contextlib.AbstractContextManager[None]:
    """Opens the scope of one of the units that the gene "depth" counts."""
    return given(hp, "depth", depth, [d for d in depth if d >= number])
