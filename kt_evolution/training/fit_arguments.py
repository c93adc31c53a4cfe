"""Arguments of a search, and of `fit`, checked before a model is trained."""

import inspect
import numbers
import types
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from kt_evolution.algorithm.checks import check_optional_count
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.training.hooks import has_own_fit
from kt_evolution.training.hooks import trains_models
from kt_evolution.training.verbosity import AUTO
from kt_evolution.training.verbosity import POSITION
from kt_evolution.user_warnings import warn_user

# The data of `fit`, and the arguments that say how many batches an epoch has.
_STEPS = {"x": "steps_per_epoch", "validation_data": "validation_steps"}
# The arguments of `fit` that have a row for each sample.
_ROWS = ("x", "y", "sample_weight")


def of_search(
    tuner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Returns the arguments of a search, checked, as its trainings get them.

    Keras's `fit` gets `verbose` and those behind it by name, because the
    search sets some of them, such as `callbacks`.

    Args:
        tuner: The `EvolutionTuner`. A `run_trial` of the user may take any
            arguments, and so may a `HyperModel.fit`.
        args: Tuple, the positional arguments of `search`.
        kwargs: Dict, the others.

    Raises:
        TypeError: If `fit` can't take the positional arguments.
        ValueError: If `verbose` is none that the display has.
    """
    kwargs = dict(kwargs)
    if trains_models(tuner):
        if not has_own_fit(tuner.hypermodel):
            args, kwargs = _by_name(args, kwargs)
        kwargs["verbose"] = _check_verbose(kwargs.get("verbose"))
    if kwargs.get("verbose", 0) is None:
        # The display keeps its default.
        del kwargs["verbose"]
    return args, kwargs


def _by_name(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Returns arguments of Keras's `fit`, `verbose` and later ones by name."""
    is_data_function = len(args) == 1 and callable(args[0])
    if not is_data_function:
        private_api.check_fit_positions(args, kwargs)
    names = list(private_api.fit_arguments(args, {}))[POSITION:]
    named = dict(zip(names, args[POSITION:], strict=True))
    return args[:POSITION], {**named, **kwargs}


def _check_verbose(verbose: Any) -> int | None:
    """Returns the `verbose` of a search; None leaves it at its default."""
    if isinstance(verbose, (bool, np.bool_)):
        return int(verbose)
    if isinstance(verbose, str) and verbose == AUTO:
        return 1
    return check_optional_count("verbose", verbose, at_least=0)


def check_fit_arguments(
    model: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    is_first: bool,
) -> None:
    """Raises if `fit` can't train any model with its arguments.

    Args:
        model: The model. A `fit` of its own may take any arguments.
        args: Tuple, the positional arguments of `fit`.
        kwargs: Dict, the others.
        is_first: Bool, whether it is the model of the first trial. If a later
            one is not compiled, only its trial fails.

    Raises:
        keras_tuner.errors.FatalTypeError: If Keras's `fit` has no such
            argument, or if the data are a generator that ends.
        keras_tuner.errors.FatalValueError: If there is no data or epoch, or
            if arrays have no rows or not as many as the samples, which names
            the argument; or if the first model is not compiled.
    """
    if type(model).fit is not keras.Model.fit:
        return
    private_api.check_fit_spelling(kwargs)
    arguments = private_api.fit_arguments(args, kwargs)
    _check_epochs(arguments.get("epochs", 1), arguments.get("initial_epoch", 0))
    for name, steps in _STEPS.items():
        _check_generator(name, arguments.get(name), arguments.get(steps))
    if arguments.get("x") is None:
        raise kt.errors.FatalValueError(
            "`search` must get the data of the training, as "
            "`keras.Model.fit` does: "
            "`search(x, y, validation_data=(x_val, y_val))`. Received: "
            "x=None"
        )
    _check_rows({name: arguments.get(name) for name in _ROWS})
    held_out = arguments.get("validation_data")
    if isinstance(held_out, (list, tuple)):
        names = [f"validation_data[{i}]" for i in range(len(held_out))]
        _check_rows(dict(zip(names, held_out, strict=True)))
    if is_first and not model.compiled:
        raise kt.errors.FatalValueError(
            "The hypermodel's build must return a compiled model: call "
            f"`model.compile(...)` in it. Received: {model!r}, which is not "
            "compiled"
        )


def _check_epochs(epochs: Any, initial_epoch: Any) -> None:
    """Raises if there is no epoch to train."""
    if not isinstance(epochs, numbers.Integral) or epochs < 1:
        raise kt.errors.FatalValueError(
            "`epochs` must be an integer of at least 1. "
            f"Received: epochs={epochs!r}"
        )
    is_whole = isinstance(initial_epoch, numbers.Integral)
    if not is_whole or initial_epoch < 0 or initial_epoch >= epochs:
        raise kt.errors.FatalValueError(
            "`initial_epoch` must be an integer of at least 0 and less than "
            "`epochs`, the number of the last epoch. Received: "
            f"initial_epoch={initial_epoch!r}, epochs={epochs!r}"
        )


def _check_rows(data: Mapping[str, Any]) -> None:
    """Raises if arrays have no rows, or not as many as the samples.

    Args:
        data: Dict of the names of arguments to arrays or dicts of them, the
            samples first. Nothing else is looked at: a list has samples or
            inputs.
    """
    expected: tuple[str, int] | None = None
    for name, given in data.items():
        arrays = given.values() if isinstance(given, Mapping) else [given]
        for array in filter(_has_rows, arrays):
            shape = tuple(array.shape)
            if not shape[0]:
                raise kt.errors.FatalValueError(
                    f"`{name}` must have at least one row. "
                    f"Received: {name} of shape {shape}"
                )
            expected = expected or (name, shape[0])
            if shape[0] != expected[1]:
                raise kt.errors.FatalValueError(
                    f"`{name}` must have one row for each row of "
                    f"`{expected[0]}`. Received: {shape[0]:,} rows of {name}, "
                    f"{expected[1]:,} of {expected[0]}"
                )


def _has_rows(data: Any) -> bool:
    """Returns whether data are an array that knows how many rows it has."""
    shape = getattr(data, "shape", None) or (None,)
    return isinstance(shape[0], int)


def _check_generator(name: str, data: Any, steps: Any) -> None:
    """Raises if data are a generator, unless it goes on for all trials.

    Args:
        name: String, the argument.
        data: Its value.
        steps: How many batches of it an epoch has, None if all.
    """
    if not isinstance(data, types.GeneratorType):
        return
    is_at_end = inspect.getgeneratorstate(data) == inspect.GEN_CLOSED
    if steps is None or is_at_end:
        raise kt.errors.FatalTypeError(
            f"`{name}` must not be a generator that ends, because later epochs "
            "and trials would get no data. Give arrays, a "
            "`keras.utils.PyDataset`, a `tf.data.Dataset` or a function that "
            f"returns a dict of the data. With `{_STEPS[name]}` a generator "
            f"may go on forever. Received: {name}={data!r}, "
            f"{_STEPS[name]}={steps!r}"
        )


def warn_of_one_epoch(
    model: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """Warns if models train for one epoch because the user gave no number.

    `Hyperband` sets the number itself, so code that was written for it gives
    none to `search`.

    Args:
        model: The model. A `fit` of its own may train for any number.
        args: Tuple, the positional arguments of `fit`.
        kwargs: Dict, the others.
    """
    if type(model).fit is not keras.Model.fit:
        return
    if "epochs" not in private_api.fit_arguments(args, kwargs):
        warn_user(
            "Each trial trains for one epoch only, the default of "
            "`keras.Model.fit`, because `search` got no `epochs`. Pass the "
            "number, such as `search(..., epochs=10)`; `epochs=1` trains for "
            "one epoch without this warning."
        )
