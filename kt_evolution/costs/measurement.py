"""Measures the costs of a model: size, operations, latency, training time.

Costs are metrics of a trial, by the names below, and lower is better for each.
They can be named as objectives. Zero-cost proxies are measured likewise, but
of a model that is not trained, and may be missing.
"""

import math
import statistics
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from kt_evolution.algorithm.checks import check_count
from kt_evolution.costs.activation_codes import naswot
from kt_evolution.costs.flops import check_model
from kt_evolution.costs.flops import count_flops
from kt_evolution.costs.flops import sample_of
from kt_evolution.costs.synaptic_flow import synflow
from kt_evolution.user_warnings import warn_user

# Predictions before the clock is read: the first ones compile.
NUM_WARM_UPS = 5


def count_params(model: Any) -> int:
    """Counts the parameters of a model, as `model.summary()` does.

    Args:
        model: A Keras model that is built.

    Raises:
        TypeError: If it is not a Keras model.
        ValueError: If the model is not built.
    """
    return _size_of(model, "weights")


def count_trainable_params(model: Any) -> int:
    """Counts the parameters of a model that training changes.

    Args:
        model: A Keras model that is built.

    Raises:
        TypeError: If it is not a Keras model.
        ValueError: If the model is not built.
    """
    return _size_of(model, "trainable_weights")


def _size_of(model: Any, kind: str) -> int:
    check_model(model)
    if not model.built:
        raise ValueError(
            "The parameters of a model can't be counted before it is built. "
            f"Received: model={model}"
        )
    return sum(math.prod(weight.shape) for weight in getattr(model, kind))


def measure_latency(model: Any, num_repeats: int = 30) -> float:
    """Measures how long a model takes to predict one sample.

    The sample is made of zeros, goes in as NumPy arrays and through the
    model's compiled `predict_on_batch`.

    Args:
        model: A Keras model that is built.
        num_repeats: Int, how many predictions are timed after the warm-up.
            Defaults to 30.

    Returns:
        Float, the median of their times, in milliseconds.

    Raises:
        TypeError: If it is not a Keras model.
        ValueError: If the shape of the model's input is not known, or if
            `num_repeats` is not a positive integer.
    """
    num_repeats = check_count("num_repeats", num_repeats)
    sample = keras.tree.map_structure(_zeros, sample_of(model))
    for _ in range(NUM_WARM_UPS):
        model.predict_on_batch(sample)
    seconds = []
    for _ in range(num_repeats):
        began = time.perf_counter()
        model.predict_on_batch(sample)
        seconds.append(time.perf_counter() - began)
    return 1000.0 * statistics.median(seconds)


def _zeros(tensor: Any) -> np.ndarray:
    if tensor.dtype == "string":
        return np.full(tensor.shape, "", dtype=object)
    return np.zeros(tensor.shape, tensor.dtype)


# These are known once a model is built.
COUNTED: dict[str, Callable[[Any], int]] = {
    "params": count_params,
    "trainable_params": count_trainable_params,
}
# These take time, so they are measured on request.
MEASURES: dict[str, Callable[[Any], float]] = {
    "flops": count_flops,
    "latency": measure_latency,
}
# Zero-cost proxies of an untrained model, which go with its accuracy. They
# know nothing of the data. Higher is better.
PROXIES: dict[str, Callable[[Any], float]] = {
    "naswot": naswot,
    "synflow": synflow,
}
TRAIN_SECONDS = "train_seconds"
COSTS = (*COUNTED, TRAIN_SECONDS, *MEASURES)
# The names that a user may give.
NAMES = (*COSTS, *PROXIES)


def is_cost(name: str) -> bool:
    """Returns whether a metric's name is that of a cost."""
    return name in COSTS


def is_proxy(name: str) -> bool:
    """Returns whether a metric's name is that of a zero-cost proxy."""
    return name in PROXIES


def check_names(argument: str, names: Any) -> tuple[str, ...]:
    """Checks names of costs and proxies, and returns them as a tuple.

    Args:
        argument: String, the argument's name, for the error.
        names: String, or a list of them.

    Raises:
        ValueError: If a name is not that of a cost or a proxy.
        TypeError: If `names` is something else.
    """
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, (list, tuple)):
        raise TypeError(
            f"`{argument}` must be the name of a cost or a list of names. "
            f"Received: {argument}={names!r} (of type {type(names).__name__})"
        )
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        known = ", ".join(f'"{name}"' for name in NAMES)
        raise ValueError(
            f"`{argument}` must be a list of names among {known}. "
            f"Received: {argument}={names!r}, of which {unknown} are unknown"
        )
    return tuple(names)


def parameter_counts(model: Any) -> dict[str, int]:
    """Returns the costs that are known from a build, if it is complete.

    Args:
        model: A Keras model. A subclassed one may be built in training only.
    """
    if not getattr(model, "built", False):
        return {}
    return {name: count(model) for name, count in COUNTED.items()}


def measure(model: Any, names: Collection[str]) -> dict[str, float]:
    """Measures costs of a model.

    Args:
        model: A Keras model that is built.
        names: Strings, of which those of `MEASURES` are measured.

    Returns:
        Dict of names to floats.

    Raises:
        keras_tuner.errors.FatalError: If one can't be measured.
    """
    measured = {}
    for name in (name for name in MEASURES if name in names):
        try:
            measured[name] = float(MEASURES[name](model))
        except Exception as error:
            raise kt.errors.FatalRuntimeError(
                f"The cost '{name}' of a model can't be measured. {error}"
            ) from error
    return measured


def measure_proxies(model: Any, names: Collection[str]) -> dict[str, float]:
    """Measures the zero-cost proxies of a model that is not trained.

    Of a model that has none it is warned.

    Args:
        model: A Keras model.
        names: Strings, of which those of `PROXIES` are measured.

    Returns:
        Dict of names to floats. What can't be measured is left out.
    """
    measured, errors = proxies_of(model, names)
    for name, error in errors.items():
        warn_user(
            f"The proxy '{name}' of a model can't be measured, so its "
            f"trial lacks it. {error}"
        )
    return measured


def proxies_of(
    model: Any, names: Collection[str]
) -> tuple[dict[str, float], dict[str, Exception]]:
    """Measures zero-cost proxies as `measure_proxies` does, without warnings.

    Returns:
        Tuple of a dict of names to floats, and of a dict of the other names to
        the errors.
    """
    measured: dict[str, float] = {}
    errors: dict[str, Exception] = {}
    for name in (name for name in PROXIES if name in names):
        try:
            if not model.built:
                raise ValueError("It has no weights before training.")
            measured[name] = PROXIES[name](model)
        except Exception as error:
            # The layers of a model may raise anything.
            errors[name] = error
    return measured, errors


def average(executions: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the mean costs of a trial's executions."""
    names = set.intersection(*map(set, executions)) if executions else ()
    return {
        name: statistics.fmean(execution[name] for execution in executions)
        for name in NAMES
        if name in names
    }
