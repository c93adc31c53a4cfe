"""The lines of the journal that hold events.

Only this module knows the format of a line: a field of an event is a key of
its line, and fields with default values are left out.
"""

import dataclasses
import json
import reprlib
from collections.abc import Mapping
from typing import Any

from kt_evolution import files
from kt_evolution.algorithm.space.genes import native
from kt_evolution.keras_tuner_bridge.errors import fatal_value_error
from kt_evolution.project.event_checks import EventCheck
from kt_evolution.project.events import Event

KINDS: dict[str, type[Event]] = {
    event.kind: event for event in Event.__subclasses__()
}
_SHARED = {field.name for field in dataclasses.fields(Event)}


def _defaults_of(event: type[Event]) -> list[tuple[str, Any]]:
    """Returns the names of an event's fields, and their values if left out."""
    fields = dataclasses.fields(event)
    defaults = {field.name: field.default for field in fields}
    # The version is always written, and the time is if it is known.
    defaults |= {"time": None}
    if "version" in defaults:
        defaults["version"] = dataclasses.MISSING
    # The fields of all events come last, because people read them least.
    return sorted(defaults.items(), key=lambda one: one[0] in _SHARED)


_DEFAULTS = {kind: _defaults_of(event) for kind, event in KINDS.items()}
_NAMES = {
    kind: {field.name for field in dataclasses.fields(event)}
    for kind, event in KINDS.items()
}


def to_line(event: Event) -> dict[str, Any]:
    """Returns an event as a line of the journal."""
    line = {"event": event.kind}
    for name, default in _DEFAULTS[event.kind]:
        value = getattr(event, name)
        if value is not default:
            line[name] = value
    return line


def from_line(line: Mapping[str, Any]) -> Event | None:
    """Returns the event of a line that was checked, None for other kinds.

    Args:
        line: Mapping, a line that `EventCheck` accepts. Unknown keys are left
            out.
    """
    kind = KINDS.get(line["event"])
    if kind is None:
        return None
    names = _NAMES[line["event"]]
    fields = {name: value for name, value in line.items() if name in names}
    return kind(**{"time": None, **fields})


def encode(event: Event, check: EventCheck) -> bytes:
    """Returns the text of an event's line, which can be read again.

    Args:
        event: The `Event`. Its values may be scalars of NumPy.
        check: The `EventCheck` of the lines before it.

    Raises:
        keras_tuner.errors.FatalValueError: If the line can't be read again.
            It names the field and its value.
    """
    try:
        text = _text_of(to_line(event))
        check(files.parse_json(text))
    except ValueError as error:
        trial_id = getattr(event, "trial_id", None)
        of_trial = "" if trial_id is None else f" of trial {trial_id}"
        raise fatal_value_error(
            f'The event "{event.kind}"{of_trial} can\'t be stored: {error}. '
            "It was not written, and the results so far are safe. Correct the "
            "value, and run the same code again: the search goes on."
        ) from error
    return text.encode()


def _text_of(line: Mapping[str, Any]) -> str:
    """Returns a line as JSON, or raises a `ValueError` that names a field."""
    try:
        return _ENCODER.encode(line) + "\n"
    except (TypeError, ValueError, RecursionError):
        for name, value in line.items():
            _check_json(name, value)
        raise


def _check_json(name: str, value: Any) -> None:
    try:
        _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"`{name}` must consist of numbers, strings and booleans. "
            f"Received: {reprlib.repr(value)} ({error})"
        ) from error


def python_scalar(value: Any) -> Any:
    """Returns a scalar of NumPy as one of Python, for `json`.

    Raises:
        TypeError: If it is none.
    """
    scalar = native(value)
    if not isinstance(scalar, (bool, int, float, str)):
        raise TypeError(f"{value!r} is of type {type(value).__name__}")
    return scalar


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=python_scalar)
