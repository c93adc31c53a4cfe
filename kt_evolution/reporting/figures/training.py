"""Figures of workers and of training."""

from typing import Any

import numpy as np

from kt_evolution.project.training_log import read_training
from kt_evolution.reporting.figures.plotly_objects import go
from kt_evolution.reporting.figures.style import BLUE
from kt_evolution.reporting.figures.style import GRAY
from kt_evolution.reporting.figures.style import ORANGE
from kt_evolution.reporting.figures.style import RED
from kt_evolution.reporting.figures.style import describe
from kt_evolution.reporting.figures.style import figure
from kt_evolution.reporting.figures.style import text
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.timeline import Span
from kt_evolution.reporting.timeline import timeline_of
from kt_evolution.reporting.trial_records import TrialRecord

NUM_CURVES = 10


def workers(search: SearchRecord) -> Any | None:
    """Draws when each worker ran which trial."""
    spans = timeline_of(search)
    if not spans:
        return None
    end = max(span.start + span.seconds for span in spans)
    unit, name = (3600.0, "hours") if end > 7200.0 else (60.0, "minutes")
    if end < 120.0:
        unit, name = 1.0, "seconds"
    names = sorted({span.worker for span in spans})
    drawn = figure(
        f"{name}, pauses left out",
        height=150 + 36 * len(names),
        barmode="overlay",
    )
    drawn.update_yaxes(type="category", ticksuffix="  ")
    for label, color in (
        ("completed", BLUE),
        ("paused", GRAY),
        ("failed", RED),
    ):
        group = [span for span in spans if _end_of(span) == label]
        if not group:
            continue
        drawn.add_trace(
            go.Bar(
                base=[span.start / unit for span in group],
                x=[span.seconds / unit for span in group],
                y=[text(span.worker) for span in group],
                orientation="h",
                name=label,
                marker={
                    "color": color,
                    "line": {
                        "color": "rgba(255,255,255,0.5)",
                        "width": 0.5 if len(spans) <= 200 else 0,
                    },
                },
                hovertext=[describe(search, span.trial) for span in group],
                hoverinfo="text",
            )
        )
    return drawn


def _end_of(span: Span) -> str:
    """Returns how the run of a trial ended."""
    if span.is_paused:
        return "paused"
    return "completed" if span.trial.is_completed else "failed"


def learning_curves(search: SearchRecord) -> Any | None:
    """Draws the training of the best trials, epoch by epoch."""
    best = search.ranked()[:NUM_CURVES]
    curves = {trial.trial_id: _mean_curves(search, trial) for trial in best}
    recorded = {name for one in curves.values() for name in one}
    longest = max(
        (len(v) for c in curves.values() for v in c.values()), default=1
    )
    metric = next(
        (one.name for one in search.objectives if one.name in recorded),
        min(recorded, key=lambda name: not name.startswith("val_"), default=""),
    )
    if not recorded:
        return None
    drawn = figure("epoch", text(metric))
    drawn.update_xaxes(tickformat="d", dtick=max(1, longest // 10), tick0=1)
    for i, trial in reversed(list(enumerate(best))):
        values = curves[trial.trial_id].get(metric, [])
        _draw_curve(drawn, search, trial, values, i, len(best))
    counterpart = metric.removeprefix("val_")
    training = curves[best[0].trial_id].get(counterpart)
    if training and counterpart != metric:
        _draw_counterpart(drawn, training, text(counterpart))
    return drawn


def _draw_curve(
    drawn: Any,
    search: SearchRecord,
    trial: TrialRecord,
    values: list[float],
    rank: int,
    num_curves: int,
) -> None:
    is_best = rank == 0
    drawn.add_trace(
        go.Scatter(
            x=list(range(1, len(values) + 1)),
            y=values,
            mode="lines+markers",
            name=f"best, trial {text(trial.trial_id)}"
            if is_best
            else f"next {num_curves - 1}",
            legendgroup="best" if is_best else "next",
            showlegend=rank <= 1,
            line={
                "color": ORANGE if is_best else BLUE,
                "width": 3 if is_best else 1.2,
            },
            opacity=1.0 if is_best else 0.6,
            marker={"size": 7 if is_best else 4},
            hovertext=[describe(search, trial)] * len(values),
            hoverinfo="x+text",
            connectgaps=True,
        )
    )


def _draw_counterpart(drawn: Any, values: list[float], name: str) -> None:
    """Draws how the best did on the data that it was trained on."""
    drawn.add_trace(
        go.Scatter(
            x=list(range(1, len(values) + 1)),
            y=values,
            mode="lines",
            name=f"its {name} in training",
            line={"color": GRAY, "width": 2, "dash": "dot"},
            connectgaps=True,
        )
    )


def _mean_curves(
    search: SearchRecord, trial: TrialRecord
) -> dict[str, list[float]]:
    """Returns the mean over executions of each metric, by epoch."""
    folder = search.folder / f"trial_{trial.trial_id}"
    runs = read_training(folder).curves
    means: dict[str, list[float]] = {}
    for name in dict.fromkeys(name for run in runs for name in run):
        columns = [run[name] for run in runs if name in run]
        length = max(map(len, columns))
        padded = np.full((len(columns), length), np.nan)
        for row, column in zip(padded, columns, strict=True):
            row[: len(column)] = column
        means[name] = _nanmeans(padded)
    return means


def _nanmeans(rows: np.ndarray) -> list[float]:
    known = np.isfinite(rows)
    totals = np.where(known, rows, 0.0).sum(axis=0)
    counts = known.sum(axis=0)
    return np.where(counts, totals / np.maximum(counts, 1), np.nan).tolist()
