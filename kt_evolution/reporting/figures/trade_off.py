"""Figures of what a trial gives and what it costs."""

import itertools
from typing import Any

import numpy as np

from kt_evolution.reporting.figures.plotly_objects import go
from kt_evolution.reporting.figures.style import BLUE
from kt_evolution.reporting.figures.style import GRAY
from kt_evolution.reporting.figures.style import ORANGE
from kt_evolution.reporting.figures.style import RED
from kt_evolution.reporting.figures.style import axis_of
from kt_evolution.reporting.figures.style import descriptions
from kt_evolution.reporting.figures.style import figure
from kt_evolution.reporting.figures.style import text
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.trial_records import TrialRecord


def axes_of(search: SearchRecord) -> list[str]:
    """Returns what there is to weigh up: objectives, and metrics limited."""
    names = [one.name for one in search.objectives]
    names += [limit.name for limit in search.limits]
    return list(dict.fromkeys(names))


def pareto_front(
    search: SearchRecord, x: str | None = None, y: str | None = None
) -> Any | None:
    """Draws the Pareto front, and the limits.

    Args:
        search: The `SearchRecord`.
        x: String, the metric of the x axis. Defaults to the second objective
            or, where there is one only, to the first metric that is limited.
        y: String, that of the y axis. Defaults to the first objective.
    """
    axes = axes_of(search)
    if len(axes) < 2 or not search.completed:
        return None
    x, y = x or axes[1], y or axes[0]
    front = search.front()
    on_front = {trial.trial_id for trial in front}
    others = [t for t in search.completed if t.trial_id not in on_front]
    drawn = figure(text(x), text(y))
    drawn.update_xaxes(**axis_of(_values(search.completed, x)))
    drawn.update_yaxes(**axis_of(_values(search.completed, y)))
    front = sorted(front, key=lambda t: t.metrics.get(x, 0.0))
    groups = (
        ("dominated", [t for t in others if not t.broken], BLUE, 0.45, None),
        ("breaks a limit", [t for t in others if t.broken], GRAY, 0.6, "x"),
        ("front", front, ORANGE, 1.0, None),
    )
    for name, trials, color, opacity, symbol in groups:
        if not trials:
            continue
        is_front = name == "front"
        drawn.add_trace(
            go.Scatter(
                x=_values(trials, x),
                y=_values(trials, y),
                mode=_mode(search, is_front, x, y),
                name=name,
                line={"color": color, "width": 1.5, "shape": "linear"},
                marker={
                    "color": color,
                    "size": 9 if is_front else 7,
                    "opacity": opacity,
                    "symbol": symbol,
                },
                text=descriptions(search, trials),
                hoverinfo="text",
            )
        )
    _draw_limits(drawn, search, x, y)
    return drawn


def pairs_of(search: SearchRecord) -> list[tuple[str, str]]:
    """Returns the names for the x and y axis of each picture of a front."""
    return [(x, y) for y, x in itertools.combinations(axes_of(search)[:4], 2)]


def _mode(search: SearchRecord, is_front: bool, x: str, y: str) -> str:
    # With more objectives the front is a surface, which has no line.
    names = {one.name for one in search.objectives}
    return "lines+markers" if is_front and names == {x, y} else "markers"


def _values(trials: list[TrialRecord], name: str) -> np.ndarray:
    return np.array([trial.metrics.get(name, np.nan) for trial in trials])


def _draw_limits(drawn: Any, search: SearchRecord, x: str, y: str) -> None:
    for limit in search.limits:
        for bound in (limit.max, limit.min):
            if bound is None or limit.name not in (x, y):
                continue
            draw = drawn.add_vline if limit.name == x else drawn.add_hline
            draw(
                bound,
                line={"color": RED, "width": 1.5, "dash": "dash"},
                annotation={
                    "text": "limit",
                    "font": {"color": RED},
                    "showarrow": False,
                },
            )
