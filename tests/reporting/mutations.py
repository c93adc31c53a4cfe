"""Journals in which one thing is not what it should be."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import kt_evolution
from kt_evolution.project.event_lines import to_line
from kt_evolution.project.events import BuildBegan
from kt_evolution.project.events import Event
from kt_evolution.project.events import ModelsRejected
from kt_evolution.project.events import RunProgressed
from kt_evolution.project.events import RunsInterrupted
from kt_evolution.project.events import SearchGivenUp
from kt_evolution.project.events import SearchStopped
from kt_evolution.project.events import SearchTransferred
from kt_evolution.project.events import StatesDiscarded
from kt_evolution.project.events import TrialPaused
from kt_evolution.project.events import TrialPromoted
from kt_evolution.project.events import TrialStarted
from tests.reporting import projects

LIMIT = kt_evolution.Limit("latency", max=4.0)
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


def variants(
    events: list[dict[str, Any]], number: int
) -> Iterator[tuple[str, list[Any]]]:
    """Yields what is done to one line, and the events, for all there is."""
    for path in places_of(events[number]):
        intruders: list[Any] = [*INTRUDERS, "removed", "renamed"]
        for intruder in intruders[: len(INTRUDERS) if not path else None]:
            changed = copy.deepcopy(events)
            parent: Any = changed
            keys = (number, *path)
            for key in keys[:-1]:
                parent = parent[key]
            if intruder == "removed":
                del parent[keys[-1]]
            elif intruder == "renamed" and isinstance(parent, dict):
                parent["\x1b"] = parent.pop(keys[-1])
            else:
                parent[keys[-1]] = copy.deepcopy(intruder)
            yield f"{number} {path} by {intruder!r}", changed


def every_line(root: Path) -> list[dict[str, Any]]:
    """Returns a journal that has every kind of line, with all its fields."""
    options: dict[str, Any] = {"limits": LIMIT}
    past = projects.simulate(root / "past", 3, projects.OBJECTIVES, **options)
    folder = projects.simulate(
        root / "all",
        6,
        projects.OBJECTIVES,
        failed=(2,),
        reevaluate=1,
        warm_start=str(past),
        **options,
    )
    lines = (folder / "journal.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    made = [event for event in events if event["event"] == "trial"]
    record = made[4]["record"]
    one = {
        "genome": record["genome"],
        "operator": record["operator"],
        "expressed": list(record["genome"])[:3],
    }
    record.update(
        asked=one["expressed"],
        rebuilt=one["expressed"],
        rejected=[{**one, "problem": "ValueError: x", "excess": 1.5}],
        repeated=[{**one, "same_as": 0}],
        parents=["0000"],
        prediction=[0.5, 0.1],
        given=0,
    )
    (failed,) = (one for one in events if one.get("status") == "FAILED")
    inherited = {"from": made[0]["trial_id"], "share": 0.5}
    failed.update(crashed=True, values=made[2]["values"], inherited=inherited)
    session = {"session": events[-1]["session"], "seconds": 1.0}
    again = made[-1]["trial_id"]
    begun = events.index(made[-1]) + 1
    began: list[Event] = [
        RunsInterrupted(trial_ids=[again], **session),
        BuildBegan(model=7, **session),
        TrialStarted(trial_id=again, worker="worker0", **session),
        RunProgressed(trial_id=again, **session),
        SearchTransferred(
            path="other",
            values=[made[0]["values"]],
            metrics=[dict.fromkeys(events[0]["objective"], 0.5)],
            dropped=1,
            **session,
        ),
    ]
    ended: list[Event] = [
        SearchGivenUp(reason="x", **session),
        ModelsRejected(rejected=record["rejected"], **session),
        SearchStopped(reason="y", **session),
    ]
    events[begun:begun] = map(to_line, began)
    events += map(to_line, ended)
    add_fidelity(events, made[0])
    return events


def add_fidelity(events: list[dict[str, Any]], made: dict[str, Any]) -> None:
    """Adds lines as if a trial had been paused and promoted."""
    trial_id = made["trial_id"]
    (end,) = (
        one
        for one in events
        if one["event"] == "end" and one["trial_id"] == trial_id
    )
    metrics = {name: one["steps"][0][1] for name, one in end["metrics"].items()}
    rung: dict[str, Any] = {"best_step": 0, "metrics": metrics}
    made["epochs"] = 1
    end["rungs"] = [{**rung, "epochs": 9}]
    end["epochs"] = 27
    fields = {"trial_id": trial_id, "worker": "worker0"}
    lines: list[Event] = [
        TrialPaused(
            **fields,
            epochs=3,
            score=0.5,
            best_step=0,
            metrics=copy.deepcopy(end["metrics"]),
            rungs=[{**rung, "epochs": epochs} for epochs in (1, 3)],
            began=made["time"],
            values=made["values"],
            requested=list(made["record"]["genome"])[:3],
            max_epochs=27,
        ),
        StatesDiscarded(trial_ids=[trial_id]),
        TrialPromoted(
            **fields,
            epochs=27,
            rebuilt=list(made["record"]["genome"])[:3],
        ),
    ]
    number = events.index(end)
    events[number:number] = map(to_line, lines)


def write(folder: Path, events: list[Any]) -> None:
    """Writes a journal, also with what is no strict JSON."""
    folder.mkdir(exist_ok=True)
    text = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "journal.jsonl").write_text(text)
