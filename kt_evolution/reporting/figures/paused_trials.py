"""The figure of trials that were compared at rungs, paused and promoted."""

import itertools
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from kt_evolution.reporting.figures.plotly_objects import go
from kt_evolution.reporting.figures.style import BLUE
from kt_evolution.reporting.figures.style import GRAY
from kt_evolution.reporting.figures.style import GREEN
from kt_evolution.reporting.figures.style import ORANGE
from kt_evolution.reporting.figures.style import axis_of
from kt_evolution.reporting.figures.style import descriptions
from kt_evolution.reporting.figures.style import draw_outside
from kt_evolution.reporting.figures.style import figure
from kt_evolution.reporting.figures.style import text
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.records import evenly
from kt_evolution.reporting.rungs import Course
from kt_evolution.reporting.rungs import course_of
from kt_evolution.reporting.rungs import rungs_of

# How many paused trials are drawn.
MAX_PAUSED = 200


def courses(search: SearchRecord) -> Any | None:
    """Draws how good trials were by epoch, and where they were paused."""
    rungs = rungs_of(search)
    completed, paused = search.ranked(), evenly(search.paused, MAX_PAUSED)
    drawn_trials = [*paused, *reversed(completed)]
    found = [course_of(search, trial) for trial in drawn_trials]
    known = [course for course in found if course.points]
    if not rungs or not known:
        return None
    name = search.objectives[0].name
    drawn = figure("epoch", text(f"best {name} so far"))
    drawn.update_xaxes(
        type="log",
        tickvals=[rung.epochs for rung in rungs],
        ticktext=[f"{rung.epochs}<br>{rung.num_reached}" for rung in rungs],
        title_text="epoch, and the trials that reached it",
    )
    values = [value for course in known for _, value in course.points]
    drawn.update_yaxes(**axis_of(values))
    for label, color, width, opacity, trials in (
        ("paused", GRAY, 1.2, 0.7, paused),
        ("completed", BLUE, 1.5, 0.9, completed[1:]),
        ("best", ORANGE, 3.0, 1.0, completed[:1]),
    ):
        group = [one for one in known if one.trial in trials]
        if group:
            drawn.add_trace(_lines(group, label, color, width, opacity))
            ends = [(one, one.points[-1]) for one in group]
            symbol = "circle-open" if label == "paused" else "circle"
            size = 9 if label == "best" else 7
            drawn.add_trace(_markers(search, ends, label, color, symbol, size))
    promotions = [
        (one, point)
        for one in known
        for point in one.points
        if point[0] in one.trial.promoted_at
    ]
    if promotions:
        drawn.add_trace(
            _markers(search, promotions, "promoted", GREEN, "triangle-right", 9)
        )
    _draw_outside(drawn, search, known)
    return drawn


def _lines(
    group: Sequence[Course],
    label: str,
    color: str,
    width: float,
    opacity: float,
) -> Any:
    points = itertools.chain.from_iterable(
        (*one.points, (None, None)) for one in group
    )
    x, y = zip(*points, strict=True)
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        legendgroup=label,
        showlegend=False,
        line={"color": color, "width": width},
        opacity=opacity,
        hoverinfo="skip",
    )


def _markers(
    search: SearchRecord,
    places: Iterable[tuple[Course, tuple[int, float]]],
    label: str,
    color: str,
    symbol: str,
    size: int,
) -> Any:
    listed = list(places)
    return go.Scatter(
        x=[epoch for _, (epoch, _) in listed],
        y=[value for _, (_, value) in listed],
        mode="markers",
        name=label,
        legendgroup=label,
        marker={"color": color, "size": size, "symbol": symbol},
        text=descriptions(search, [one.trial for one, _ in listed]),
        hoverinfo="text",
    )


def _draw_outside(
    drawn: Any, search: SearchRecord, known: Sequence[Course]
) -> None:
    ends = [one.points[-1] for one in known]
    draw_outside(
        drawn,
        [epoch for epoch, _ in ends],
        [value for _, value in ends],
        descriptions(search, [one.trial for one in known]),
    )
