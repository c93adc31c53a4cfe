"""Tests of single values in the lines of a journal, and in `trial.json`."""

import math
import re
from collections.abc import Callable
from typing import Any

from kt_evolution.algorithm.space.declarations import SpaceError
from kt_evolution.keras_tuner_bridge.objectives import is_direction
from kt_evolution.keras_tuner_bridge.stored_space import read_declaration
from kt_evolution.limits import Limit

# Our ids are numbers; those of earlier versions of Keras Tuner are hashes.
OUR_ID = re.compile(r"[0-9]{1,18}")
ANY_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
# Larger integers can't be converted to floats.
MAX_INTEGER = 2**1000
# In seconds since the epoch, at the end of the year 9999.
MAX_TIME = 253_402_300_799


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_id(value: Any) -> bool:
    return isinstance(value, str) and OUR_ID.fullmatch(value) is not None


def is_any_id(value: Any) -> bool:
    return isinstance(value, str) and ANY_ID.fullmatch(value) is not None


def is_number(value: Any) -> bool:
    return isinstance(value, float) or (
        isinstance(value, int) and abs(value) < MAX_INTEGER
    )


def is_finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)


def is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) < MAX_INTEGER


def is_count(value: Any) -> bool:
    return is_whole(value) and value >= 0


def is_positive(value: Any) -> bool:
    return is_count(value) and value > 0


def is_time(value: Any) -> bool:
    return is_number(value) and 0 <= value <= MAX_TIME


def is_value(value: Any) -> bool:
    return isinstance(value, str) or is_number(value)


def is_none_or(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or test(value)


def is_list_of(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(test, value))


def is_dict_of(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    # JSON has no other names than strings.
    return lambda value: (
        isinstance(value, dict) and all(map(test, value.values()))
    )


def is_pair(value: Any) -> bool:
    return is_list_of(is_finite)(value) and len(value) == 2


def is_code(value: Any) -> bool:
    return is_number(value) and 0.0 <= value < 1.0


def is_step(value: Any) -> bool:
    """Returns whether it is a list of an epoch and the values of a metric."""
    return (
        isinstance(value, list)
        and len(value) > 1
        and all(map(is_number, value))
        and math.isfinite(value[0])
    )


def is_observation(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("value"), list)
        and is_step([value.get("step"), *value["value"]])
    )


def is_metric(key: str, test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, dict)
        and is_direction(value.get("direction"))
        and is_list_of(test)(value.get(key))
    )


def is_rung(value: Any) -> bool:
    """Returns whether it has metrics after a number of epochs."""
    return (
        isinstance(value, dict)
        and is_positive(value.get("epochs"))
        and is_whole(value.get("best_step"))
        and is_dict_of(is_number)(value.get("metrics"))
    )


def is_inherited(value: Any) -> bool:
    """Returns whether it has a trial and a share of its weights."""
    return (
        isinstance(value, dict)
        and is_id(value.get("from"))
        and is_finite(value.get("share"))
        and 0 < value["share"] <= 1
    )


def is_space(value: Any) -> bool:
    """Returns whether Keras Tuner can make these hyperparameters."""
    return is_list_of(is_hyperparameter)(value)


def is_hyperparameter(config: Any) -> bool:
    """Returns whether Keras Tuner can make a hyperparameter of a config."""
    try:
        declaration = read_declaration(config)
        values = [declaration.default]
        for condition in declaration.conditions:
            values += condition.values
        if not all(map(is_value, values)):
            return False
        declaration.gene()
    except SpaceError:
        # It can be shown, although it can't be searched.
        return True
    except Exception:
        # Extreme numbers may raise anything.
        return False
    return True


def is_limit(config: Any) -> bool:
    try:
        return not Limit(**config).is_function
    except (TypeError, ValueError, OverflowError):
        return False
