"""With what the executions of a trial are trained, as two runs compare it.

An interrupted trial goes on in another run of the program, whose user may have
given `search` other arguments. Data are compared by their shapes only.
"""

import contextlib
import hashlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.training.cross_validation import Fold
from kt_evolution.training.training_state import arguments_of_callback

# Longer texts of values are kept as digests, which are longer than this.
MAX_LENGTH = 40
# What the search shows changes no training.
_SHOWN_ONLY = "verbose"


class Settings:
    """The settings of a trial's executions, before any of them begins.

    Args:
        args: Tuple, the positional arguments of `fit`, as `search` got them.
        kwargs: Mapping, the others.
        folds: The `Fold`s of the data, none without cross-validation.
    """

    def __init__(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        folds: Sequence[Fold],
    ) -> None:
        arguments = private_api.fit_arguments(args, kwargs)
        arguments.pop(_SHOWN_ONLY, None)
        callbacks = private_api.users_of(arguments.pop("callbacks", None) or [])
        self._folds = folds
        self._arguments = {
            name: _text_of(_plain(value)) for name, value in arguments.items()
        }
        self._callbacks = _text_of(
            [arguments_of_callback(one, vars(one)) for one in callbacks]
        )

    def of(self, number: int) -> dict[str, Any]:
        """Returns the settings of one execution, as they are kept.

        Args:
            number: Int, the executions before it.
        """
        rows = None
        if self._folds:
            rows = self._folds[number % len(self._folds)].digest
        return {
            "arguments": self._arguments,
            "callbacks": self._callbacks,
            "rows": rows,
        }


def difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Returns how the settings of an execution differ, None if they don't.

    Args:
        then: Mapping, those of an earlier run, by `Settings.of`.
        now: Mapping, those of this run.
    """
    if then["rows"] != now["rows"]:
        return "its folds have other rows than before"
    for name in then["arguments"] | now["arguments"]:
        before, after = (
            each["arguments"].get(name, "None") for each in (then, now)
        )
        if before != after:
            are_texts = max(len(before), len(after)) <= MAX_LENGTH
            change = (
                f"{after}, and was {before}" if are_texts else "another one"
            )
            return f"the argument `{name}` of `fit` is {change}"
    if then["callbacks"] != now["callbacks"]:
        return "its callbacks are other ones than before"
    return None


def _text_of(value: Any) -> str:
    """Returns the text of a plain value, or its digest, which is longer."""
    text = repr(value)
    if len(text) <= MAX_LENGTH:
        return text
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Returns an argument of `fit` as numbers, texts, lists and dicts.

    Of an array there is the shape, of a dataset the number of batches. What
    has neither, such as a generator, is not compared.
    """
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {repr(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    # Objects of a user's may raise anything.
    with contextlib.suppress(Exception):
        return {"shape": tuple(value.shape)}
    with contextlib.suppress(Exception):
        return {"length": len(value)}
    return None
