"""The lines of the journal that hold events.

Only this module knows the format of a line: a field of an event is a key of
its line, and fields with default values are left out.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from kt_evolution.project.events import Event

KINDS: dict[str, type[Event]] = {
    event.kind: event for event in Event.__subclasses__()
}
_SHARED = {field.name for field in dataclasses.fields(Event)}
_NAMES = {
    kind: {field.name for field in dataclasses.fields(event)}
    for kind, event in KINDS.items()
}


def to_line(event: Event) -> dict[str, Any]:
    """Returns an event as a line of the journal."""
    fields = dataclasses.fields(event)
    # The fields of all events come last, because people read them least.
    ordered = sorted(fields, key=lambda field: field.name in _SHARED)
    line = {"event": event.kind}
    for field in ordered:
        value = getattr(event, field.name)
        if field.name == "version" or value is not _default_of(field):
            line[field.name] = value
    return line


def _default_of(field: "dataclasses.Field[Any]") -> Any:
    return None if field.name == "time" else field.default


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
