"""Figures of who descends from whom."""

from typing import Any

from kt_evolution.display.formatting import origin
from kt_evolution.display.formatting import score_rows
from kt_evolution.display.formatting import setting
from kt_evolution.reporting.figures.plotly_objects import go
from kt_evolution.reporting.figures.style import GRAY
from kt_evolution.reporting.figures.style import ORANGE
from kt_evolution.reporting.figures.style import SCALE
from kt_evolution.reporting.figures.style import axis_of
from kt_evolution.reporting.figures.style import describe
from kt_evolution.reporting.figures.style import draw_outside
from kt_evolution.reporting.figures.style import figure
from kt_evolution.reporting.figures.style import figure_with_bar
from kt_evolution.reporting.figures.style import integer_ticks
from kt_evolution.reporting.figures.style import rank_bar
from kt_evolution.reporting.figures.style import ranks
from kt_evolution.reporting.figures.style import short
from kt_evolution.reporting.figures.style import text
from kt_evolution.reporting.figures.style import values_of
from kt_evolution.reporting.lineage import Family
from kt_evolution.reporting.lineage import Member
from kt_evolution.reporting.lineage import ancestry_of
from kt_evolution.reporting.lineage import births_of
from kt_evolution.reporting.lineage import family_of
from kt_evolution.reporting.records import SearchRecord

ROW_HEIGHT = 40
MIN_HEIGHT = 120
# The text of a row, which fits beside the lines on a phone, and on a desktop.
MAX_TEXT = 34
MAX_WIDE_TEXT = 80
# How much wider the texts are than the lines, on a phone and on a desktop.
TEXT_SHARE = 2.4
WIDE_TEXT_SHARE = 1.4


def family_tree(
    search: SearchRecord, trial_id: str | None = None
) -> Any | None:
    """Draws the ancestors of a trial.

    Args:
        search: The `SearchRecord`.
        trial_id: String. Defaults to the best trial.

    Returns:
        The figure, None if the trial has no parents.

    Raises:
        ValueError: If there is no such trial.
    """
    ranked = search.ranked()
    if trial_id is None and not ranked:
        return None
    family = family_of(search, trial_id or ranked[0].trial_id)
    if not family.births:
        return None
    members = list(family.members.values())
    places = [member.place for member in members]
    places += [place for line in family.lines for place, _ in line]
    left, right = min(places) - 0.6, max(places) + 0.6
    drawn = figure(
        height=max(MIN_HEIGHT, 40 + ROW_HEIGHT * len(members)),
        margin={"l": 4, "r": 4, "t": 16, "b": 8},
        showlegend=False,
    )
    lines = (left, right)
    drawn.update_xaxes(visible=False, range=_span(lines, TEXT_SHARE))
    drawn.update_yaxes(visible=False, range=[len(members) - 0.4, -0.6])
    drawn.add_trace(_lines(family))
    drawn.add_trace(_members(search, members))
    drawn.add_trace(_texts(search, members, lines))
    if family.num_left_out:
        drawn.add_annotation(
            text=f"{family.num_left_out} older ancestors are left out",
            x=0,
            y=1,
            xref="paper",
            yref="paper",
            yanchor="bottom",
            showarrow=False,
        )
    return drawn


def _lines(family: Family) -> Any:
    return go.Scatter(
        x=[x for line in family.lines for x in (*_column(line, 0), None)],
        y=[y for line in family.lines for y in (*_column(line, 1), None)],
        mode="lines",
        line={"color": GRAY, "width": 1.4, "shape": "spline", "smoothing": 0.6},
        hoverinfo="skip",
    )


def _members(search: SearchRecord, members: list[Member]) -> Any:
    quality = ranks(search)
    return go.Scatter(
        x=[member.place for member in members],
        y=[member.row for member in members],
        mode="markers",
        hovertext=[_hover(search, member) for member in members],
        hoverinfo="text",
        marker=_marker(
            [quality.get(member.trial.trial_id) for member in members], 13
        ),
    )


def _span(lines: tuple[float, float], text_share: float) -> list[float]:
    """Returns the range of an axis with room for texts beside the lines."""
    left, right = lines
    return [left, right + text_share * (right - left)]


def _texts(
    search: SearchRecord, members: list[Member], lines: tuple[float, float]
) -> Any:
    """Draws what each member scored and what is new in it, beside its row.

    The report draws the longer texts, and wider lines, where there is room.
    """
    names = [one.name for one in search.objectives]
    scores = score_rows([member.trial.metrics for member in members], names)
    first, wide = [], []
    for member, score in zip(members, scores, strict=True):
        trial = member.trial
        line = (
            f"<b>{text(', '.join(filter(None, score)) or 'failed')}</b>"
            f"  trial {text(trial.trial_id, 12)}"
        )
        made = ""
        if trial.parents:
            made = f", {text(origin(trial.operator, trial.parents), 60)}"
        new = text(_new_in(member, MAX_WIDE_TEXT), MAX_WIDE_TEXT)
        first.append(f"{line}<br>{text(_new_in(member, MAX_TEXT), MAX_TEXT)}")
        wide.append(f"{line}{made}<br>{new}")
    return go.Scatter(
        x=[lines[1]] * len(members),
        y=[member.row for member in members],
        mode="text",
        text=first,
        meta={"wide": wide, "range": _span(lines, WIDE_TEXT_SHARE)},
        textposition="middle right",
        hoverinfo="skip",
    )


def _new_in(member: Member, max_length: int) -> str:
    """Returns what none of a member's parents has, as much as fits."""
    trial = member.trial
    if not trial.parents:
        return trial.operator or "no parents"
    parts = [f"{name} {setting(x, 3)}" for name, x in member.changed.items()]
    if not parts:
        return f"mixes {' and '.join(trial.parents)}"
    shown = parts[0]
    for more, part in enumerate(parts[1:], start=1):
        rest = len(parts) - more - 1
        longer = f"{shown}, {part}"
        if len(longer) + (len(f" +{rest}") if rest else 0) > max_length:
            more_text = f" +{len(parts) - more}"
            return short(shown, max_length - len(more_text)) + more_text
        shown = longer
    return shown


def population(search: SearchRecord) -> Any | None:
    """Draws all trials with lines to their parents, colored by score."""
    trials = search.completed
    if not any(trial.parents for trial in trials):
        return None
    objective = search.objectives[0]
    known = {trial.trial_id: trial for trial in trials}
    heights = {name: t.metrics[objective.name] for name, t in known.items()}
    births = [
        (parent, child)
        for parent, child in births_of(search)
        if parent in known and child in known
    ]
    drawn = figure_with_bar("trial", text(objective.name))
    drawn.update_yaxes(**axis_of(list(heights.values())))
    drawn.add_trace(
        go.Scatter(
            x=_joined(known[name].number for birth in births for name in birth),
            y=_joined(heights[name] for birth in births for name in birth),
            mode="lines",
            line={"color": GRAY, "width": 0.6},
            # A thousand opaque lines would hide the trials.
            opacity=min(0.6, 100.0 / len(trials)),
            hoverinfo="skip",
        )
    )
    quality = ranks(search)
    numbers = [trial.number for trial in trials]
    texts = [describe(search, trial) for trial in trials]
    drawn.update_xaxes(**integer_ticks(numbers))
    drawn.add_trace(
        go.Scatter(
            x=numbers,
            y=list(heights.values()),
            mode="markers",
            hovertext=texts,
            hoverinfo="text",
            marker={
                **_marker(
                    [quality[trial.trial_id] for trial in trials],
                    9 if len(trials) <= 200 else 6,
                    outline=1.0 if len(trials) <= 200 else 0.0,
                ),
                "colorbar": rank_bar(),
            },
        )
    )
    _mark_best(drawn, search, heights)
    draw_outside(drawn, numbers, list(heights.values()), texts)
    return drawn


def _mark_best(
    drawn: Any, search: SearchRecord, heights: dict[str, float]
) -> None:
    """Draws the lines of descent of the best trial over all others."""
    ranked = search.ranked()
    known = {trial.trial_id: trial for trial in ranked}
    births = [
        (known[parent], known[child])
        for child, parents in ancestry_of(search, ranked[0].trial_id).items()
        for parent in parents
        if parent in known and child in known
    ]
    drawn.add_trace(
        go.Scatter(
            x=_joined(trial.number for birth in births for trial in birth),
            y=_joined(
                heights[trial.trial_id] for birth in births for trial in birth
            ),
            mode="lines",
            line={"color": ORANGE, "width": 1.4},
            hoverinfo="skip",
        )
    )


def _joined(ends: Any) -> list[Any]:
    """Returns pairs of numbers as one line that is broken between them."""
    flat = list(ends)
    return [
        number
        for i in range(0, len(flat), 2)
        for number in (flat[i], flat[i + 1], None)
    ]


def _column(line: list[tuple[float, int]], axis: int) -> list[float]:
    return [point[axis] for point in line]


def _marker(
    quality: list[float | None], size: int, outline: float = 1.0
) -> dict[str, Any]:
    return {
        # Failed trials and imported models have no rank.
        "color": [0.0 if one is None else one for one in quality],
        "cmin": 0,
        "cmax": 1,
        "colorscale": SCALE,
        "size": size,
        "line": {"color": "white", "width": outline},
    }


def _hover(search: SearchRecord, member: Member) -> str:
    changed = values_of(member.changed)
    if not changed:
        return describe(search, member.trial)
    news = ["", "<b>new, of neither parent</b>", *changed]
    return describe(search, member.trial) + "<br>".join(["", *news])
