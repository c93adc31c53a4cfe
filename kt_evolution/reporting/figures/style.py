"""How figures look, and how what users named is written on them."""

import html
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import numpy as np

from kt_evolution.display.formatting import number
from kt_evolution.display.formatting import origin
from kt_evolution.display.formatting import prediction
from kt_evolution.display.formatting import setting
from kt_evolution.reporting.figures.plotly_objects import go
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.trial_records import TrialRecord

# Colors that differ clearly on white and on black.
BLUE = "#3b82f6"
# For small dots, which are to stand out from black, too.
LIGHT_BLUE = "#60a5fa"
ORANGE = "#f97316"
GREEN = "#10b981"
RED = "#ef4444"
GRAY = "#94a3b8"
COLORS = (BLUE, ORANGE, GREEN, "#a855f7", "#ec4899", "#14b8a6", "#eab308")
# From the worst trial to the best.
SCALE = [[0.0, "#8496b0"], [0.4, "#6366f1"], [0.75, "#e0479e"], [1.0, ORANGE]]
HEIGHT = 420
MAX_NAME = 32
MAX_VALUES = 14
# An axis of more integers has no fractions among its ticks.
MAX_TICKS = 10


def figure(x: str = "", y: str = "", **layout: Any) -> Any:
    """Returns an empty figure.

    Args:
        x: String, the title of the x axis, escaped.
        y: String, that of the y axis.
        **layout: Further arguments of `update_layout`.
    """
    empty = go.Figure()
    empty.update_layout(
        template="none",
        height=HEIGHT,
        margin={"l": 56, "r": 16, "t": 16, "b": 48},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=COLORS,
        hovermode="closest",
        hoverlabel={"align": "left"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis=_axis(x, 10),
        yaxis=_axis(y, 14),
    )
    empty.update_layout(**layout)
    return empty


def figure_with_bar(x: str, y: str) -> Any:
    """Returns an empty figure with room for `rank_bar`, see `figure`."""
    drawn = figure(x, y, showlegend=False)
    drawn.update_layout(margin={"l": 56, "r": 16, "t": 64, "b": 48})
    # Beside a color bar, plotly takes the labels of the ticks for flat, and
    # would draw the title between them.
    drawn.update_xaxes(title_standoff=32)
    return drawn


def _axis(title: str, standoff: int) -> dict[str, Any]:
    return {
        "title": {"text": title, "standoff": standoff},
        "automargin": True,
        "zeroline": False,
        # Counts as tables show them.
        "separatethousands": True,
        # Markers at the edge are above the line of the axis.
        "layer": "below traces",
    }


def text(name: Any, limit: int = MAX_NAME) -> str:
    """Returns what a user named as text that plotly shows as it is.

    Plotly takes labels for a kind of HTML.
    """
    return html.escape(short(name, limit), quote=False)


def short(name: Any, limit: int = MAX_NAME) -> str:
    """Returns what a user named on one line, cut where it is long."""
    name = str(name).replace("\n", " ")
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


def describe(search: SearchRecord, trial: TrialRecord) -> str:
    """Returns what is shown of a trial when the mouse is over it."""
    scores = [
        f"{text(one.name)} {number(trial.metrics[one.name])}"
        for one in search.objectives
        if one.name in trial.metrics
    ]
    lines = [f"<b>Trial {text(trial.trial_id)}</b>  {'  '.join(scores)}"]
    if trial.operator:
        made = origin(trial.operator, trial.parents)
        lines.append(text(made, 80))
    if trial.prediction:
        expected = prediction(*trial.prediction)
        lines.append(f"expected {expected}")
    if trial.reason:
        lines.append(text(trial.reason, 60))
    lines += [text(limit, 60) + " is broken" for limit in trial.broken]
    return "<br>".join([*lines, *values_of(trial.values)])


def values_of(values: dict[str, Any]) -> list[str]:
    """Returns lines of names and values, so many that they can be read."""
    lines = [
        f"{text(name)} = {text(setting(value), 40)}"
        for name, value in list(values.items())[:MAX_VALUES]
    ]
    if len(values) > MAX_VALUES:
        lines.append(f"and {len(values) - MAX_VALUES} more")
    return lines


def descriptions(
    search: SearchRecord, trials: Iterable[TrialRecord]
) -> list[str]:
    return [describe(search, trial) for trial in trials]


def ranks(search: SearchRecord) -> dict[str, float]:
    """Returns how good each completed trial is, from 0 to 1, the best.

    By rank and not by score: what diverged would leave one color to others.
    """
    ranked = search.ranked()
    last = max(len(ranked) - 1, 1)
    return {trial.trial_id: 1.0 - i / last for i, trial in enumerate(ranked)}


def rank_bar() -> dict[str, Any]:
    """Returns the color bar of `ranks`."""
    return {
        "orientation": "h",
        "tickvals": [0, 0.5, 1],
        "ticktext": ["worst", "median", "best"],
        "thickness": 8,
        "len": 0.5,
        "x": 1,
        "xanchor": "right",
        "y": 1.01,
        "yanchor": "bottom",
        "outlinewidth": 0,
    }


def focus(values: Sequence[float] | np.ndarray) -> list[float] | None:
    """Returns the range of an axis that leaves out what diverged.

    Returns:
        List of two floats, or None where all can be shown.
    """
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if len(finite) < 4:
        return None
    low, high = np.quantile(finite, [0.25, 0.75])
    # Tukey's fences, three times as wide as usual.
    fence = 4.5 * max(high - low, 1e-12)
    inside = finite[(finite >= low - fence) & (finite <= high + fence)]
    if len(inside) == len(finite):
        return None
    pad = 0.06 * (inside.max() - inside.min() or 1.0)
    return [float(inside.min() - pad), float(inside.max() + pad)]


def is_log(values: Sequence[float] | np.ndarray) -> bool:
    """Returns whether values span so much that a logarithmic axis is due."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    return (
        len(finite) > 1
        and bool((finite > 0).all())
        and float(finite.max() / finite.min()) > 100.0
    )


def axis_of(values: Sequence[float] | np.ndarray) -> dict[str, Any]:
    """Returns the type and range that suit values of an axis."""
    if is_log(values):
        return {"type": "log"}
    found = focus(values)
    return {"range": found} if found else {}


def integer_ticks(numbers: Sequence[int]) -> dict[str, Any]:
    """Returns the ticks of an axis of trials, without fractions.

    Plotly marks halves where there are few trials.
    """
    is_short = bool(numbers) and max(numbers) - min(numbers) <= MAX_TICKS
    return {"dtick": 1} if is_short else {}


def draw_outside(
    drawn: Any,
    x: Sequence[float] | np.ndarray,
    y: Sequence[float] | np.ndarray,
    texts: Sequence[str],
) -> None:
    """Draws what the range of the y axis leaves out at its edges.

    Args:
        drawn: The figure, whose y axis has its range.
        x: Sequence of the places of all trials.
        y: Sequence of their values.
        texts: Sequence of what is shown of each with the mouse over it.
    """
    if drawn.layout.yaxis.range is None:
        return
    low, high = drawn.layout.yaxis.range
    values = np.asarray(y, dtype=float)
    for edge, where, side, symbol, is_outside in (
        (low, 0, "below", "triangle-down", values < low),
        (high, 1, "above", "triangle-up", values > high),
    ):
        places = np.flatnonzero(is_outside).tolist()
        if not places:
            continue
        drawn.add_trace(
            go.Scatter(
                x=[x[i] for i in places],
                y=[edge] * len(places),
                mode="markers",
                showlegend=False,
                cliponaxis=False,
                marker={"color": RED, "size": 10, "symbol": symbol},
                hovertext=[texts[i] for i in places],
                hoverinfo="text",
            )
        )
        drawn.add_annotation(
            text=f"{len(places)} trial{'s' if len(places) > 1 else ''} {side}",
            font={"color": RED},
            showarrow=False,
            xref="paper",
            x=1,
            xanchor="right",
            yref="paper",
            y=where,
            yanchor="top" if where else "bottom",
            # Beside the markers.
            yshift=-8 if where else 8,
        )
