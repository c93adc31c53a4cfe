"""The state of a training at the end of an epoch, and back into a new model."""

import enum
import hashlib
import inspect
import json
import logging
import os
import random
import re
import types
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.training.history_epochs import NAMES
from kt_evolution.training.snapshots import SnapshotError
from kt_evolution.training.snapshots import encode

# What Keras sets in each callback itself.
_SET_BY_KERAS = frozenset({"_model", "params"})
# Constructor arguments that differ from build to build.
_VARYING = frozenset({"name", "seed"})
_HISTORY = {"history", "epoch", "params"}


# Variables.


def variables_of(model: Any) -> list[Any]:
    """Returns the variables that training changes, the optimizer's last.

    The states of seed generators are among those of the layers.
    """
    optimizer = model.optimizer
    others = [] if optimizer is None else list(optimizer.variables)
    return [*model.variables, *others]


def build_optimizer(model: Any) -> None:
    """Makes the variables of an optimizer, for values to be put into them."""
    optimizer = model.optimizer
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)


def values_of(model: Any) -> list[np.ndarray]:
    """Returns the values of `variables_of` a model."""
    arrays = map(keras.ops.convert_to_numpy, variables_of(model))
    return [
        # NumPy's files have no bfloat16. As float32 its values are the same.
        array if array.dtype.kind in "biufc" else array.astype(np.float32)
        for array in arrays
    ]


def assign(model: Any, values: Sequence[np.ndarray]) -> bool:
    """Gives the variables of a model their values.

    Args:
        model: The model, whose optimizer is built.
        values: List of arrays, by `values_of`.

    Returns:
        Bool, whether the shapes fit. Otherwise nothing is changed.
    """
    variables = variables_of(model)
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        return False
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return True


def problem_of(model: Any) -> str | None:
    """Returns why the state of a model's training can't be kept, if so."""
    if keras.distribution.distribution() is not None:
        return "its variables are spread over devices"
    for layer in [model, *_layers_of(model)]:
        if type(layer).__name__ == "TorchModuleWrapper":
            # Its buffers are no variables of Keras.
            return "its model has modules of torch"
        for value in vars(layer).values():
            inside = value.values() if isinstance(value, dict) else value
            parts = (
                inside if isinstance(value, (dict, list, tuple)) else [value]
            )
            for part in parts:
                is_optimizer = isinstance(part, keras.optimizers.Optimizer)
                if is_optimizer and part is not model.optimizer:
                    return "its model has optimizers besides `model.optimizer`"
    return None


def signature_of(model: Any) -> str:
    """Returns a text that is equal for two models of the same build."""
    layers = [
        [type(layer).__name__, _arguments_of(layer)]
        for layer in _layers_of(model)
    ]
    shapes = [
        [list(variable.shape), str(variable.dtype)]
        for variable in model.variables
    ]
    # A subclass of `Model` without `compile` has none of these.
    compiled = [getattr(model, name, None) for name in ("optimizer", "loss")]
    described = [[_plain(part), _arguments_of(part)] for part in compiled]
    text = json.dumps([layers, shapes, described])
    return hashlib.sha256(text.encode()).hexdigest()


def _layers_of(layer: Any) -> Iterator[Any]:
    for inner in private_api.layers_inside(layer):
        yield inner
        yield from _layers_of(inner)


def _arguments_of(part: Any) -> Any:
    """Returns the config of a layer, an optimizer or a loss, as JSON has it."""
    if isinstance(part, keras.Model):
        # The layers of a model have their own configs.
        return None
    try:
        return _plain(part.get_config())
    except Exception:
        # A custom layer need not have a config.
        return None


def _plain(value: Any) -> Any:
    """Returns a part of a config, without what differs from build to build."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {
            str(name): _plain(each)
            for name, each in value.items()
            if name not in _VARYING
        }
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return getattr(value, "__name__", type(value).__name__)


# Results.


def to_record(result: Any) -> Any:
    """Returns the result of an execution as a value that can be kept."""
    if not isinstance(result, keras.callbacks.History):
        return result
    return {
        name: value
        for name, value in vars(result).items()
        if name in (*_HISTORY, NAMES)
    }


def from_record(record: Any) -> Any:
    """Returns the result of an execution from its record."""
    if not isinstance(record, dict) or (record.keys() - {NAMES} != _HISTORY):
        return record
    history = keras.callbacks.History()
    vars(history).update(record)
    return history


# Random numbers.


def random_state() -> dict[str, Any]:
    """Returns the states of the generators from which training draws."""
    state: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
    }
    if keras.backend.backend() == "torch":
        import torch

        state["torch"] = torch.get_rng_state().numpy()
    return state


def set_random_state(state: Mapping[str, Any]) -> None:
    """Puts the generators back to an earlier `random_state`."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    if "torch" in state and keras.backend.backend() == "torch":
        import torch

        torch.set_rng_state(torch.from_numpy(state["torch"]))


# Callbacks.


class CallbackStates:
    """The attributes of callbacks that a training changes.

    Args:
        callbacks: List of the callbacks.
    """

    def __init__(self, callbacks: Sequence[Any]) -> None:
        self._callbacks = callbacks
        self._first: list[dict[str, Any]] = []
        self._marks: list[dict[str, bytes | None]] = []

    def begin(self) -> None:
        """Remembers the attributes with which the training begins."""
        self._first = [dict(vars(callback)) for callback in self._callbacks]
        self._marks = [
            {name: _mark(value) for name, value in first.items()}
            for first in self._first
        ]

    def reset(self) -> None:
        """Gives the callbacks the attributes with which training begins."""
        for callback, first in zip(self._callbacks, self._first, strict=True):
            vars(callback).update(first)

    @property
    def arguments(self) -> list[Any]:
        """List of the names of the classes of the callbacks, and arguments.

        A state is only put into a callback with the same arguments:
        `EarlyStopping` changes its `min_delta` when it is first called.
        """
        pairs = zip(self._callbacks, self._first, strict=True)
        return [arguments_of_callback(*pair) for pair in pairs]

    def capture(self) -> list[dict[str, Any]]:
        """Returns what the training has changed, for each callback.

        Raises:
            SnapshotError: If a callback has a value that can't be kept, and
                that may be a state.
        """
        return [
            {
                name: value
                for name, value in vars(callback).items()
                if name not in _SET_BY_KERAS
                and _has_changed(callback, name, marks)
            }
            for callback, marks in zip(
                self._callbacks, self._marks, strict=True
            )
        ]

    def restore(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Gives the callbacks their states, by `capture`."""
        for callback, state in zip(self._callbacks, states, strict=True):
            vars(callback).update(state)


def arguments_of_callback(
    callback: Any, attributes: Mapping[str, Any]
) -> list[Any]:
    """Returns the name of the class of a callback, and its arguments.

    Args:
        callback: The callback.
        attributes: Mapping of its attributes before it began.
    """
    arguments = {
        name: value
        for name, value in attributes.items()
        if _is_argument(callback, value)
    }
    return [type(callback).__name__, arguments]


def _has_changed(
    callback: Any, name: str, marks: Mapping[str, bytes | None]
) -> bool:
    value = vars(callback)[name]
    mark = _mark(value)
    if mark is not None:
        return mark != marks.get(name)
    # Those of Keras make such values when training begins.
    if _is_users(callback) and not _has_no_state(value):
        raise SnapshotError(
            f"`{type(callback).__name__}.{name}` of a callback is a "
            f"{type(value).__name__}, which can't be kept"
        )
    return False


def _has_no_state(value: Any) -> bool:
    """Returns whether a value is code, or what training does not change."""
    return inspect.isroutine(value) or isinstance(
        value,
        (
            type,
            types.ModuleType,
            np.ufunc,
            np.dtype,
            range,
            re.Pattern,
            logging.Logger,
            logging.LoggerAdapter,
        ),
    )


def _is_users(callback: Any) -> bool:
    home = type(callback).__module__.partition(".")[0]
    return home not in ("keras", "keras_tuner", "kt_evolution")


def _is_argument(callback: Any, value: Any) -> bool:
    """Returns whether an attribute is the same in each run of a program."""
    if isinstance(value, enum.Enum):
        return False
    if isinstance(value, str):
        # The names of folders often have the time.
        return "/" not in value and os.sep not in value
    if isinstance(value, float):
        # It may be the time when training began.
        return not _is_users(callback)
    return isinstance(value, (bool, int))


def _mark(value: Any) -> bytes | None:
    """Returns a digest of a value, None if it can't be kept."""
    arrays: list[np.ndarray] = []
    try:
        text = json.dumps(encode(value, arrays))
        digest = hashlib.sha256(text.encode())
        for array in arrays:
            # Times of NumPy have no buffer.
            numbers = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            digest.update(numbers.data)
    except Exception:
        # An object of a user's may raise any error when it is looked at.
        return None
    return digest.digest()
