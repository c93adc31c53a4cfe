"""A search in a few numbers."""

import dataclasses
import math
from typing import Any

from kt_evolution.project.rejections import by_kind
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.timeline import busy_seconds


@dataclasses.dataclass(frozen=True)
class Fact:
    """A number and what it is.

    Args:
        label: String.
        value: String.
        note: String, what else there is to say.
    """

    label: str
    value: str
    note: str = ""


def summary_of(search: SearchRecord) -> list[Fact]:
    """Returns what to know of a search first."""
    facts = []
    ranked = search.ranked()
    if ranked:
        note = f"trial {ranked[0].trial_id}"
        if len(search.objectives) > 1:
            note += ", the knee of the front"
        facts += [
            Fact(one.name, number(ranked[0].metrics[one.name]), note)
            for one in search.objectives
        ]
    if len(search.objectives) > 1:
        facts.append(Fact("on the front", str(len(search.front()))))
    facts.append(Fact("trials", str(len(search.trials)), _statuses(search)))
    if search.rejections:
        note = "models that can't be trained"
        facts.append(
            Fact("rejected untrained", str(len(search.rejections)), note)
        )
    if search.imports:
        note = "of other searches"
        facts.append(Fact("imported", str(len(search.imports)), note))
    seconds = busy_seconds(search)
    if seconds is not None:
        workers = {trial.worker for trial in search.trials if trial.worker}
        note = f"{len(workers)} workers" if len(workers) > 1 else ""
        facts.append(Fact("time", duration(seconds), note))
    return facts


def rejections_of(search: SearchRecord) -> list[str]:
    """Returns why models were rejected, the most common kind first."""
    problems = (rejection.problem for rejection in search.rejections)
    return [f"{len(kind)} x {kind[-1]}" for kind in by_kind(problems)]


def _statuses(search: SearchRecord) -> str:
    counts: dict[str, int] = {}
    for trial in search.trials:
        status = trial.status.lower()
        counts[status] = counts.get(status, 0) + 1
    # What was interrupted looks the same as what runs.
    counts["unfinished"] = counts.pop("running", 0)
    return ", ".join(f"{n} {status}" for status, n in counts.items() if n)


def number(value: Any) -> str:
    """Returns a value as a person writes it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}" if abs(value) >= 10_000 else str(int(value))
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """Returns a time span as a person says it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def goal_of(search: SearchRecord) -> str:
    """Returns what a search is for, in words."""
    verbs = {"min": "minimise", "max": "maximise"}
    return ", ".join(
        f"{verbs[one.direction]} {one.name}" for one in search.objectives
    )
