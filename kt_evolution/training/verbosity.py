"""How much Keras prints in a `fit`, also in one that the user wrote."""

import contextlib
import functools
import inspect
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

# The methods of a model that show a bar.
METHODS = ("fit", "evaluate", "predict")
# The default of Keras, which stands for a bar.
AUTO = "auto"
# The position of `verbose` in the signature of `keras.Model.fit`.
POSITION = 4


def set_verbose(
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    is_own_fit: bool,
    verbose: int,
) -> None:
    """Sets `verbose` among the arguments of a `fit` that takes it.

    Args:
        args: Tuple, the positional arguments of `fit`.
        kwargs: Dict, the others, which is changed.
        is_own_fit: Bool, whether the user wrote `fit`. Then it need not take
            `verbose`.
        verbose: Int, as in `keras.Model.fit`.
    """
    is_positional = len(args) > POSITION
    if "verbose" in kwargs or not (is_own_fit or is_positional):
        kwargs["verbose"] = verbose


@contextlib.contextmanager
def default_verbose(model: Any, verbose: int) -> Iterator[None]:
    """Gives a model another default of `verbose` meanwhile.

    A `fit` of the user may take no `verbose`, or set it itself, so it is not
    an argument that can be added. What the user passes to the model counts.

    Args:
        model: The model. Other models don't change.
        verbose: Int, as in `keras.Model.fit`.
    """
    names = [name for name in METHODS if _has_default(model, name)]
    for name in names:
        # Keras's own `__setattr__` would track it.
        method = _with_default(getattr(model, name), verbose)
        object.__setattr__(model, name, method)
    try:
        yield
    finally:
        for name in names:
            object.__delattr__(model, name)


def _has_default(model: Any, name: str) -> bool:
    """Returns whether a method of a model has the default of Keras."""
    method = getattr(type(model), name, None)
    if method is None or name in vars(model):
        return False
    parameter = inspect.signature(method).parameters.get("verbose")
    return parameter is not None and parameter.default == AUTO


def _with_default(
    method: Callable[..., Any], verbose: int
) -> Callable[..., Any]:
    """Returns a bound method with another default of `verbose`."""
    place = list(inspect.signature(method).parameters).index("verbose")

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) <= place and kwargs.get("verbose", AUTO) == AUTO:
            kwargs["verbose"] = verbose
        return method(*args, **kwargs)

    return call
