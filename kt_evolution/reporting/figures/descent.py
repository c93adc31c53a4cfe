"""Figures of who descends from whom."""

from typing import Any

from kt_evolution.reporting.figures.plotly_objects import go
from kt_evolution.reporting.figures.style import GRAY
from kt_evolution.reporting.figures.style import ORANGE
from kt_evolution.reporting.figures.style import SCALE
from kt_evolution.reporting.figures.style import axis_of
from kt_evolution.reporting.figures.style import describe
from kt_evolution.reporting.figures.style import figure
from kt_evolution.reporting.figures.style import rank_bar
from kt_evolution.reporting.figures.style import ranks
from kt_evolution.reporting.figures.style import text
from kt_evolution.reporting.figures.style import values_of
from kt_evolution.reporting.lineage import Family
from kt_evolution.reporting.lineage import Member
from kt_evolution.reporting.lineage import ancestry_of
from kt_evolution.reporting.lineage import births_of
from kt_evolution.reporting.lineage import family_of
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.records import TrialRecord

GENERATION_HEIGHT = 64


def family_tree(
    search: SearchRecord, trial_id: str | None = None
) -> Any | None:
    """Draws the ancestors of a trial.

    Args:
        search: The `SearchRecord`.
        trial_id: String. Defaults to the best trial.

    Raises:
        ValueError: If there is no such trial.
    """
    if trial_id is not None:
        search.individual(trial_id)
    ranked = search.ranked()
    if not any(trial.parents for trial in search.trials) or not ranked:
        return None
    family = family_of(search, trial_id or ranked[0].trial_id)
    last = max(member.generation for member in family.members.values())
    drawn = figure(
        height=max(220, 60 + GENERATION_HEIGHT * last),
        margin={"l": 56, "r": 16, "t": 16, "b": 8},
        showlegend=False,
    )
    places = [place for line in family.lines for place, _ in line]
    # Room for the curves, which swing out.
    drawn.update_xaxes(
        visible=False,
        range=[min(places, default=0) - 1.2, max(places, default=0) + 1.2],
    )
    drawn.update_yaxes(
        title={"text": "generation"},
        tickmode="linear",
        dtick=max(1, last // 8),
        range=[last + 0.5, -0.5],
        showgrid=False,
    )
    drawn.add_trace(_lines(family))
    drawn.add_trace(_members(search, list(family.members.values())))
    if family.num_left_out:
        drawn.add_annotation(
            text=f"{family.num_left_out} older ancestors are left out",
            x=0,
            y=1,
            xref="paper",
            yref="paper",
            showarrow=False,
        )
    return drawn


def _lines(family: Family) -> Any:
    return go.Scatter(
        x=[x for line in family.lines for x in (*_column(line, 0), None)],
        y=[y for line in family.lines for y in (*_column(line, 1), None)],
        mode="lines",
        line={"color": GRAY, "width": 1.2, "shape": "spline", "smoothing": 0.8},
        hoverinfo="skip",
    )


def _members(search: SearchRecord, members: list[Member]) -> Any:
    quality = ranks(search)
    is_small = len(members) <= 24
    return go.Scatter(
        x=[member.place for member in members],
        y=[member.generation for member in members],
        mode="markers+text" if is_small else "markers",
        text=[_label(member.trial) for member in members],
        textposition="middle right",
        hovertext=[_hover(search, member) for member in members],
        hoverinfo="text",
        marker=_marker(
            [quality.get(member.trial.trial_id) for member in members],
            18 if is_small else 13,
        ),
    )


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
    drawn = figure(
        "trial",
        text(objective.name),
        showlegend=False,
        margin={"l": 56, "r": 16, "t": 64, "b": 48},
    )
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
    drawn.add_trace(
        go.Scatter(
            x=[trial.number for trial in trials],
            y=list(heights.values()),
            mode="markers",
            hovertext=[describe(search, trial) for trial in trials],
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


def _label(trial: TrialRecord) -> str:
    return text(trial.trial_id, 12)


def _hover(search: SearchRecord, member: Member) -> str:
    changed = values_of(member.changed)
    if not changed:
        return describe(search, member.trial)
    news = ["", "<b>new, of neither parent</b>", *changed]
    return describe(search, member.trial) + "<br>".join(["", *news])
