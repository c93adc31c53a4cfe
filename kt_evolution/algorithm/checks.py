"""Checks of arguments: an error names the argument and its value."""

import difflib
import functools
import inspect
import math
import numbers
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import TypeVar
from typing import cast

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])


def check_probability(name: str, value: float) -> float:
    """Returns `value` if it lies in [0, 1]."""
    if not is_number(value) or not 0.0 <= value <= 1.0:
        raise ValueError(
            f"`{name}` must be in [0, 1]. Received: {name}={value}"
        )
    return float(value)


def check_positive(name: str, value: float) -> float:
    """Returns `value` if it is a finite number above zero."""
    if not is_number(value) or not 0.0 < value < math.inf:
        raise ValueError(
            f"`{name}` must be finite and greater than 0. "
            f"Received: {name}={value!r}"
        )
    return float(value)


def check_count(name: str, value: int, at_least: int = 1) -> int:
    """Returns `value` if it is a whole number and large enough."""
    if not is_count(value, at_least):
        raise ValueError(
            f"`{name}` must be an integer of at least {at_least}. "
            f"Received: {name}={value!r}"
        )
    return int(value)


def is_count(value: Any, at_least: int = 1) -> bool:
    """Returns whether a value is a whole number and large enough."""
    is_whole = is_number(value) and math.isfinite(value) and value % 1 == 0
    return is_whole and value >= at_least


def check_optional_count(
    name: str, value: int | None, at_least: int = 1
) -> int | None:
    """Returns `value` if it is None, or a count as `check_count` wants it."""
    return None if value is None else check_count(name, value, at_least)


def check_flag(name: str, value: Any) -> bool:
    """Returns `value` if it is True or False, also as a number.

    Any text is true for Python, "no" and "false" included.
    """
    if not isinstance(value, Hashable) or value not in (False, True):
        raise TypeError(
            f"`{name}` must be True or False. Received: {name}={value!r}"
        )
    return bool(value)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns a hint with the known name that a misspelled one most likely is.

    Args:
        name: String.
        known: Strings.

    Returns:
        String that begins with a space, empty if no known name is similar.
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean `{close[0]}`?" if close else ""


def named_arguments(function: Function) -> Function:
    """Makes a constructor name an argument that it does not have.

    Python's own error has neither the value nor the right spelling.

    Args:
        function: The `__init__` of a class, without `**kwargs`.
    """
    known = list(inspect.signature(function).parameters)[1:]

    @functools.wraps(function)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        for name, value in kwargs.items():
            if name not in known:
                raise TypeError(
                    f"`{type(self).__name__}` has no argument `{name}`."
                    f"{did_you_mean(name, known)} Received: {name}={value!r}"
                )
        return function(self, *args, **kwargs)

    return cast(Function, checked)


def with_named_arguments(cls: type[T]) -> type[T]:
    """Makes a data class name an argument that it does not have."""
    cls.__init__ = named_arguments(cls.__init__)  # type: ignore[method-assign]
    return cls


def is_number(value: Any) -> bool:
    """Returns whether a value is a number, NumPy's included.

    An integer that is too large for a float is none: nothing can be computed
    with it.
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def native_number(value: Any) -> int | float:
    """Returns a number as an int or a float of Python."""
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value)


def check_several(argument: str, value: Any, base: type[Any]) -> list[Any]:
    """Returns a list of instances of a class, made of one or several."""
    several = [value] if isinstance(value, base) else value
    if not isinstance(several, (list, tuple)) or not all(
        isinstance(one, base) for one in several
    ):
        raise TypeError(
            f"`{argument}` must be a `{base.__name__}` or a list of them. "
            f"Received: {argument}={value!r}"
        )
    return list(several)


def resolve(
    argument: str,
    choice: Any,
    registry: Mapping[str, Callable[[], T]],
    base: type[Any],
    allow_none: bool = False,
) -> T:
    """Returns the operator of a name, or the operator itself.

    Args:
        argument: String, the argument's name, for the error.
        choice: String, one of the registry's names, or an instance of `base`.
        registry: Dict of names to classes.
        base: The class that an instance must have.
        allow_none: Boolean, whether the error names None as a choice too.

    Raises:
        ValueError: If the name is not registered; it lists the known names.
        TypeError: If `choice` is neither a string nor an instance.
    """
    # A class, too, has the methods of a protocol.
    if isinstance(choice, base) and not isinstance(choice, type):
        return choice
    known = ", ".join(f'"{name}"' for name in registry)
    if allow_none:
        known += ", None"
    if isinstance(choice, str):
        if choice in registry:
            return registry[choice]()
        raise ValueError(
            f"`{argument}` must be one of {known} or an instance of "
            f'`{base.__name__}`. Received: {argument}="{choice}"'
        )
    raise TypeError(
        f"`{argument}` must be one of {known} or an instance of "
        f"`{base.__name__}`. Received: {argument}={choice!r} "
        f"(of type {type(choice).__name__})"
    )
