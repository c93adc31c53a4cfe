"""How blocks declare their hyperparameters.

Each argument that can be searched takes one value or several. One value is
fixed. With several values the first is the default, as in `hp.Choice`.
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

# The values of a block's hyperparameters by name, None for dormant ones.
Values = dict[str, Any]


def as_options(
    name: str, given: Any, check: Callable[[str, Any], Any]
) -> tuple[Any, ...]:
    """Returns the values that an argument allows.

    Args:
        name: String, the argument's name.
        given: One value, or a sequence of values.
        check: Function of a name and a value that returns the value or raises.

    Raises:
        ValueError: If there is no value, or if a value is not allowed.
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
    """Returns a check that a value is in `known`."""

    def check(name: str, value: Any) -> Any:
        if not isinstance(value, Hashable) or value not in known:
            listed = ", ".join(repr(each) for each in known)
            raise ValueError(
                f"`{name}` must be of {listed}. Received: {name}={value!r}"
            )
        return value

    return check


def check_rate(name: str, value: float) -> float:
    """Returns `value` if it is in [0, 1), as a dropout rate is."""
    if not is_number(value) or not 0.0 <= value < 1.0:
        raise ValueError(
            f"`{name}` must be in [0, 1). Received: {name}={value!r}"
        )
    return float(value)


def default_first(default: Any, options: Iterable[Any]) -> tuple[Any, ...]:
    """Returns the options with the default first."""
    return tuple(dict.fromkeys([default, *options]))


def declare_choice(
    hp: kt.HyperParameters, name: str, options: tuple[Any, ...]
) -> Any:
    """Declares a hyperparameter unless there is only one option.

    Returns:
        The value.
    """
    if len(options) == 1:
        return options[0]
    # `hp.Choice` would turn booleans into integers.
    if all(isinstance(option, bool) for option in options):
        return hp.Boolean(name, default=options[0])
    return hp.Choice(name, list(options))


def declare_choices(
    hp: kt.HyperParameters, options: Mapping[str, tuple[Any, ...]]
) -> Values:
    """Declares several hyperparameters and returns their values by name."""
    return {
        name: declare_choice(hp, name, each) for name, each in options.items()
    }


def active_if(
    hp: kt.HyperParameters,
    name: str,
    options: tuple[Any, ...],
    wanted: Iterable[Any],
) -> contextlib.AbstractContextManager[None]:
    """Opens the scope of hyperparameters that depend on another one.

    Args:
        hp: The `keras_tuner.HyperParameters`.
        name: String, the name that `declare_choice` got.
        options: Tuple, the options that `declare_choice` got.
        wanted: The options that make the scope active, at least one.
    """
    wanted = [option for option in options if option in wanted]
    if len(wanted) == len(options):
        return contextlib.nullcontext()
    scope: contextlib.AbstractContextManager[None] = hp.conditional_scope(
        name, wanted
    )
    return scope


def up_to_depth(
    hp: kt.HyperParameters, depth: tuple[int, ...], number: int
) -> contextlib.AbstractContextManager[None]:
    """Opens the scope of block `number`, active if "depth" reaches it."""
    return active_if(hp, "depth", depth, [d for d in depth if d >= number])
