"""A search in a few numbers."""

import dataclasses

from kt_evolution.display.formatting import distances
from kt_evolution.display.formatting import duration
from kt_evolution.display.formatting import number
from kt_evolution.project.rejections import is_over_limit
from kt_evolution.project.rejections import reasons_of
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.rungs import rungs_of
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
    broken: tuple[str, ...] = ()
    if ranked:
        note = f"trial {ranked[0].trial_id}"
        broken = distances(search.limits, ranked[0].metrics)
        if broken:
            note += ", the nearest to the limits"
        elif len(search.objectives) > 1:
            note += ", the knee of the front"
        facts += [
            Fact(one.name, number(ranked[0].metrics[one.name]), note)
            for one in search.objectives
        ]
    if broken:
        facts.append(Fact("within all limits", "no trial", ", ".join(broken)))
    elif len(search.objectives) > 1:
        facts.append(Fact("on the front", number(len(search.front()))))
    facts.append(Fact("trials", number(len(search.trials)), _statuses(search)))
    if search.num_epochs is not None and search.num_epochs_in_full is not None:
        num_saved = search.num_epochs_in_full - search.num_epochs
        note = (
            f"of {number(search.num_epochs_in_full)} in full trainings: "
            f"{number(num_saved)} saved"
        )
        facts.append(Fact("epochs", number(search.num_epochs), note))
        facts += [_rungs(search)]
    if search.rejections:
        num_over = sum(
            is_over_limit(rejection.problem) for rejection in search.rejections
        )
        counts = {
            "over a limit": num_over,
            "can't be built": len(search.rejections) - num_over,
        }
        note = ", ".join(
            f"{number(n)} {what}" for what, n in counts.items() if n
        )
        facts.append(
            Fact("rejected untrained", number(len(search.rejections)), note)
        )
    if search.imports:
        note = "of other searches"
        facts.append(Fact("imported", number(len(search.imports)), note))
    if search.transfers:
        num_models = sum(search.transfers.values())
        note = f"of searches on other data: {', '.join(search.transfers)}"
        facts.append(Fact("transferred", number(num_models), note))
    seconds = busy_seconds(search)
    if seconds is not None:
        workers = {trial.worker for trial in search.trials if trial.worker}
        note = f"{len(workers)} workers" if len(workers) > 1 else ""
        facts.append(Fact("time", duration(seconds), note))
    return facts


def _rungs(search: SearchRecord) -> Fact:
    """Returns how many trials reached each rung."""
    rungs = rungs_of(search)
    counts = ", ".join(number(rung.num_reached) for rung in rungs)
    epochs = ", ".join(number(rung.epochs) for rung in rungs)
    return Fact("at the rungs", counts, f"trials that reached epoch {epochs}")


def rejections_of(search: SearchRecord) -> list[str]:
    """Returns why models were rejected, the most common reason first."""
    return reasons_of(rejection.problem for rejection in search.rejections)


def failures_of(search: SearchRecord) -> list[str]:
    """Returns why trials failed, the most common reason first."""
    return reasons_of(trial.reason for trial in search.trials if trial.reason)


def _statuses(search: SearchRecord) -> str:
    counts: dict[str, int] = {}
    for trial in search.trials:
        status = trial.status.lower()
        counts[status] = counts.get(status, 0) + 1
    # Interrupted trials have the status of running ones.
    counts["unfinished"] = counts.pop("running", 0)
    return ", ".join(
        f"{number(n)} {status}" for status, n in counts.items() if n
    )


def goal_of(search: SearchRecord) -> str:
    """Returns what a search is for, in words."""
    return ", ".join(f"{one.verb} {one.name}" for one in search.objectives)
