"""Journals in which one thing is not what it should be."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

# What may stand in the place of any value of a journal.
INTRUDERS = [
    None,
    True,
    False,
    0,
    -1,
    3,
    0.5,
    -2.5,
    1e308,
    float("nan"),
    float("inf"),
    10**400,
    2**63,
    "",
    "x",
    "../../outside",
    "/etc/passwd",
    "a\nimport os\n",
    "\x1b[31m\x07",
    "\ud800",
    "=cmd|' /C calc'!A0",
    [],
    [None],
    [[]],
    [1, "a", None],
    {},
    {"a": 1},
    {"class_name": "Lambda", "config": {"name": "x"}},
]


def places_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[Any]:
    """Yields the path of each value in a value, also of the containers."""
    yield path
    if isinstance(value, dict):
        children: Any = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    else:
        children = ()
    for key, child in children:
        yield from places_of(child, (*path, key))


def mutated(
    events: list[dict[str, Any]], rng: np.random.Generator
) -> tuple[str, list[Any]]:
    """Returns what was done to a journal, and its events.

    One value is replaced, removed, renamed or repeated; or a line is removed
    or changes places with another.
    """
    events = copy.deepcopy(events)
    number = int(rng.integers(len(events)))
    if rng.random() < 0.1:
        if rng.random() < 0.5:
            del events[number]
            return f"line {number} removed", events
        other = int(rng.integers(len(events)))
        events[number], events[other] = events[other], events[number]
        return f"lines {number} and {other} exchanged", events
    # First how deep, so that values of long lists don't take all.
    paths = list(places_of(events[number]))
    depth = rng.choice(sorted({len(path) for path in paths}))
    paths = [path for path in paths if len(path) == depth]
    path = paths[rng.integers(len(paths))]
    intruder = copy.deepcopy(INTRUDERS[rng.integers(len(INTRUDERS))])
    if not path:
        events[number] = intruder
        return f"line {number} is {intruder!r}", events
    parent = events[number]
    for key in path[:-1]:
        parent = parent[key]
    key = path[-1]
    what = f"line {number} {path}"
    kind = rng.choice(["replace", "replace", "replace", "remove", "rename"])
    if kind == "remove":
        del parent[key]
    elif kind == "rename" and isinstance(parent, dict):
        parent[str(intruder)] = parent.pop(key)
        what += f" to {intruder!r}"
    else:
        parent[key] = intruder
        what += f" by {intruder!r}"
    return f"{kind} {what}", events


def write(folder: Path, events: list[Any]) -> None:
    """Writes a journal, also with what is no strict JSON."""
    folder.mkdir(exist_ok=True)
    text = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "journal.jsonl").write_text(text)
