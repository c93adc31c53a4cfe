"""Hyperparameters and values as Keras Tuner stores them, without its classes.

A project is read in a fraction of the time that loading Keras takes. Configs
that the host's own constructors refuse are refused here too.
"""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from kt_evolution.algorithm.space.declarations import Declaration
from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.genes import native

_SAMPLINGS = ("linear", "log", "reverse_log")
_NUMERIC = frozenset({"default", "min_value", "max_value", "step", "sampling"})


def read_declaration(config: Any) -> Declaration:
    """Returns the hyperparameter of a config of the host.

    Args:
        config: Dict with "class_name" and "config", as the host's
            `HyperParameters.get_config` has them in its "space".

    Raises:
        ValueError: If the host would refuse the config.
    """
    kind, fields = _parts(config)
    if kind not in _READERS:
        raise ValueError(f"Unknown kind of hyperparameter: {kind!r}")
    allowed, read = _READERS[kind]
    _check_fields(fields, {"name", "conditions", *allowed})
    try:
        conditions = tuple(map(_condition, _list(fields["conditions"])))
        return Declaration(
            kind, _text(fields["name"]), conditions=conditions, **read(fields)
        )
    except (LookupError, TypeError, ArithmeticError) as error:
        raise ValueError(f"{kind} {fields!r}: {error!r}") from error


# Begins the names of values that `Hyperband` passes to itself.
_OF_HYPERBAND = "tuner/"


def own_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values without those that `Hyperband` passes to itself."""
    return {
        name: value
        for name, value in values.items()
        if not name.startswith(_OF_HYPERBAND)
    }


def hyperband_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what `Hyperband` passes to itself, such as "epochs"."""
    return {
        name.removeprefix(_OF_HYPERBAND): value
        for name, value in values.items()
        if name.startswith(_OF_HYPERBAND)
    }


def _parts(config: Any) -> tuple[str, dict[str, Any]]:
    if (
        not isinstance(config, dict)
        or not isinstance(config.get("class_name"), str)
        or not isinstance(config.get("config"), dict)
    ):
        raise ValueError("It must have a `class_name` and a `config`")
    return config["class_name"], config["config"]


def _check_fields(fields: Mapping[str, Any], allowed: set[str]) -> None:
    unknown = fields.keys() - allowed
    if unknown:
        raise ValueError(f"Unknown arguments: {sorted(unknown)}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"must be a string: {value!r}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"must be a list: {value!r}")
    return value


def _number(value: Any) -> Any:
    if not isinstance(value, (int, float)):
        raise TypeError(f"must be a number: {value!r}")
    return value


def _condition(config: Any) -> Condition:
    kind, fields = _parts(config)
    if kind != "Parent":
        raise ValueError(f"Unknown kind of condition: {kind!r}")
    _check_fields(fields, {"name", "values"})
    values = fields["values"]
    values = values if isinstance(values, list) else [values]
    # The first value decides the type of all, except for booleans and floats.
    if isinstance(values[0], str):
        values = [str(value) for value in values]
    elif isinstance(values[0], int) and not isinstance(values[0], bool):
        values = [int(value) for value in values]
    return Condition(_text(fields["name"]), tuple(map(_value, values)))


def _value(value: Any) -> Value:
    if not isinstance(value, (str, int, float)):
        raise TypeError(f"must be a number, a string or a boolean: {value!r}")
    return native(value)


def _boolean(fields: Mapping[str, Any]) -> dict[str, Any]:
    default = fields.get("default", False)
    if default not in {True, False}:
        raise ValueError(f"The default must be a boolean: {default!r}")
    return {"default": default}


def _choice(fields: Mapping[str, Any]) -> dict[str, Any]:
    values = _list(fields["values"])
    default = fields.get("default")
    if len({type(value) for value in values}) != 1:
        raise TypeError(f"must have values of one type: {values!r}")
    # A boolean is an integer to the host.
    kind = next((one for one in (str, int) if isinstance(values[0], one)), None)
    if kind is not None:
        values = [kind(value) for value in values]
    if default is None:
        default = values[0]
    elif kind is not None:
        default = kind(default)
    if default not in values:
        raise ValueError(f"The default {default!r} is not among the values")
    ordered = fields.get("ordered")
    if ordered not in (None, True, False) or (ordered and kind is str):
        raise ValueError(f"The values can't be ordered: {ordered!r}")
    return {
        "values": tuple(map(_value, values)),
        "default": _value(default),
        "ordered": kind is not str if ordered is None else bool(ordered),
    }


def _fixed(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"default": _value(fields["value"])}


def _int(fields: Mapping[str, Any]) -> dict[str, Any]:
    step = fields.get("step")
    if step is None and fields.get("sampling", "linear") == "linear":
        step = 1
    return _numeric(fields, step, _whole)


def _float(fields: Mapping[str, Any]) -> dict[str, Any]:
    return _numeric(fields, fields.get("step"), float)


def _whole(value: Any) -> int:
    if int(value) != value:
        raise ValueError(f"must be an integer: {value!r}")
    return int(value)


def _numeric(
    fields: Mapping[str, Any], step: Any, bound: Callable[[Any], Any]
) -> dict[str, Any]:
    low = bound(_number(fields["min_value"]))
    high = bound(_number(fields["max_value"]))
    sampling = fields.get("sampling", "linear")
    # The host's earlier versions wrote None.
    sampling = "linear" if sampling is None else _text(sampling).lower()
    if step is not None:
        step = _whole(_number(step)) if bound is _whole else _number(step)
    if sampling not in _SAMPLINGS or low > high:
        raise ValueError(f"no range from {low} to {high}, {sampling!r}")
    if sampling != "linear" and (low <= 0 or (step is not None and step <= 1)):
        raise ValueError(f"no {sampling!r} range from {low} by {step}")
    default = fields.get("default")
    return {
        "default": low if default is None else native(default),
        "min_value": low,
        "max_value": high,
        "step": step,
        "sampling": sampling,
    }


_READERS: dict[
    str, tuple[frozenset[str], Callable[[Mapping[str, Any]], dict[str, Any]]]
] = {
    "Boolean": (frozenset({"default"}), _boolean),
    "Choice": (frozenset({"default", "values", "ordered"}), _choice),
    "Fixed": (frozenset({"value"}), _fixed),
    "Float": (_NUMERIC, _float),
    "Int": (_NUMERIC, _int),
}
