"""Searches as text for a terminal."""

import math
from collections.abc import Sequence

from kt_evolution.display.formatting import distances
from kt_evolution.display.formatting import duration
from kt_evolution.display.formatting import nothing_completed
from kt_evolution.display.formatting import number
from kt_evolution.display.formatting import numbers
from kt_evolution.display.formatting import origin
from kt_evolution.display.formatting import same_width
from kt_evolution.display.formatting import score_rows
from kt_evolution.display.formatting import setting
from kt_evolution.display.formatting import text_table
from kt_evolution.display.terminal import printable
from kt_evolution.keras_tuner_bridge.objectives import best_of
from kt_evolution.project.closing import rejection_summary
from kt_evolution.project.rejections import lines_of
from kt_evolution.reporting.progress import progress_of
from kt_evolution.reporting.rebuild import rebuild_code
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.summary import failures_of
from kt_evolution.reporting.summary import goal_of
from kt_evolution.reporting.summary import rejections_of
from kt_evolution.reporting.summary import summary_of
from kt_evolution.reporting.timeline import busy_seconds


def overview(search: SearchRecord, num_trials: int = 10) -> str:
    """Returns a summary of a search, and its best trials as a table."""
    lines = [f"{search.name}: {goal_of(search)}"]
    if search.limits:
        lines.append(f"within {', '.join(map(str, search.limits))}")
    lines += [
        f"  {fact.label:18} {fact.value}"
        + (f"  ({fact.note})" if fact.note else "")
        for fact in summary_of(search)
    ]
    if search.stop_reason:
        lines.append(f"  stopped            {search.stop_reason}")
    for title, reasons in (
        ("Failed in training:", failures_of(search)),
        ("Rejected before training:", rejections_of(search)),
    ):
        if reasons:
            lines += ["", title, *(f"  {line}" for line in reasons)]
    for line in lines_of(search.mistakes, search.unbuilt_branches):
        lines += ["", line]
    lines = [printable(line) for line in lines]
    ranked = search.ranked()
    if not ranked:
        return "\n".join([*lines, "", _nothing_completed(search)])
    names = [one.name for one in search.objectives]
    made_by = ["made by"] if search.has_journal else []
    rows = [["rank", "trial", *names, *made_by, "values"]]
    shown = ranked[:num_trials]
    ids = same_width(trial.trial_id for trial in shown)
    results = score_rows([trial.metrics for trial in shown], names)
    rows += [
        [
            str(place),
            ids[place - 1],
            *results[place - 1],
            *([origin(trial.operator, trial.parents)] if made_by else []),
            " ".join(f"{k}={setting(v)}" for k, v in trial.values.items()),
        ]
        for place, trial in enumerate(shown, start=1)
    ]
    return "\n".join([*lines, "", text_table(rows)])


def _nothing_completed(search: SearchRecord) -> str:
    return nothing_completed([trial.epochs for trial in search.paused])


def best(search: SearchRecord) -> str:
    """Returns how to build the best model, with its score.

    With several objectives it is the knee of the front, and the front follows.

    Raises:
        ValueError: If no trial is completed.
    """
    ranked = search.ranked()
    if not ranked:
        problems = [rejection.problem for rejection in search.rejections]
        raise ValueError(
            f"No result in {search.folder}: {_nothing_completed(search)} "
            f"{rejection_summary(problems)}".rstrip()
        )
    lines = [
        f"# Trial {ranked[0].trial_id}: {one.name} "
        + number(ranked[0].metrics[one.name])
        for one in search.objectives
    ]
    if ranked[0].inherited:
        lines.append(
            f"# Its model began with {ranked[0].inherited}: from scratch these "
            "values may do worse."
        )
    broken = distances(search.limits, ranked[0].metrics)
    if broken:
        lines.append(
            "# No trial is within all limits, and it is the nearest to them: "
            f"{', '.join(broken)}."
        )
    # A line break in a name would end the comment.
    lines = [printable(line) for line in lines]
    if len(search.objectives) > 1 and not broken:
        names = [one.name for one in search.objectives]
        members = search.front()
        ids = same_width(trial.trial_id for trial in members)
        results = score_rows([trial.metrics for trial in members], names)
        rows = [["trial", *names]]
        rows += [[ids[i], *result] for i, result in enumerate(results)]
        front = text_table(rows).replace("\n", "\n#   ")
        lines.append(f"# It is the knee of the Pareto front:\n#   {front}")
    return "\n".join([*lines, rebuild_code(search, ranked[0])])


def comparison(searches: Sequence[SearchRecord]) -> str:
    """Returns a table with a row for each search, the best first.

    Raises:
        ValueError: If they are not for the same objectives.
    """
    goals = {goal_of(search) for search in searches}
    if len(goals) > 1:
        raise ValueError(
            "Projects must have the same objective to be compared. Received: "
            + "; ".join(
                printable(f"{one.name}: {goal_of(one)}") for one in searches
            )
        )
    is_single = len(searches[0].objectives) == 1
    shortest = min(len(search.completed) for search in searches)
    lengths = {len(search.completed) for search in searches}
    is_fair = is_single and shortest and len(lengths) > 1
    are_named = len({search.name for search in searches}) == len(searches)
    epochs = [search.num_epochs for search in searches]
    has_epochs = any(number is not None for number in epochs)
    header = ["project", "trials", "completed", *["epochs"] * has_epochs]
    header += [f"best {one.name}" for one in searches[0].objectives]
    header += [f"of the first {shortest}"] if is_fair else []
    searches = sorted(searches, key=_order)
    columns = _best_columns(searches, shortest if is_fair else 0)
    rows = [
        [
            search.name if are_named else str(search.folder),
            number(len(search.trials)),
            number(len(search.completed)),
            *([_epochs(search)] if has_epochs else []),
            *(column[i] for column in columns),
            _time(search),
        ]
        for i, search in enumerate(searches)
    ]
    return f"{printable(goals.pop())}\n\n" + text_table(
        [[*header, "time"], *rows]
    )


def _order(search: SearchRecord) -> tuple[bool, float]:
    ranked = search.ranked()
    if not ranked:
        return True, 0.0
    return False, float(search.points(ranked[:1])[0, 0])


def _best_columns(
    searches: Sequence[SearchRecord], num_first: int
) -> list[list[str]]:
    """Returns a column with the best of each objective.

    Args:
        searches: Sequence of `SearchRecord`s.
        num_first: Int, if it is not 0 a further column has the best of this
            many trials, with the same digits.
    """
    bests = [_bests(search) for search in searches]
    columns = [list(column) for column in zip(*bests, strict=True)]
    if num_first:
        firsts = [progress_of(one).best[num_first - 1] for one in searches]
        shown = _cells(columns[0] + firsts)
        return [shown[: len(searches)], shown[len(searches) :]]
    return [_cells(column) for column in columns]


def _bests(search: SearchRecord) -> list[float]:
    """Returns the best value of each objective, NaN if there is none."""
    if len(search.objectives) == 1:
        bests = search.ranked()[:1]
    else:
        bests = search.front()
    return [
        best_of((trial.metrics[one.name] for trial in bests), one.direction)
        if bests
        else math.nan
        for one in search.objectives
    ]


def _cells(values: Sequence[float]) -> list[str]:
    shown = iter(numbers(value for value in values if math.isfinite(value)))
    return [next(shown) if math.isfinite(value) else "-" for value in values]


def _epochs(search: SearchRecord) -> str:
    """Returns for how many epochs all trials were trained, if it is known."""
    known = [one.epochs for one in search.trials if one.epochs is not None]
    total = search.num_epochs or sum(known)
    return number(total) if total else "-"


def _time(search: SearchRecord) -> str:
    seconds = busy_seconds(search)
    return "-" if seconds is None else duration(seconds)
