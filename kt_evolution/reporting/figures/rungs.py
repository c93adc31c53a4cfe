"""The figure of the rungs of a search."""

from typing import Any

from kt_evolution.reporting.figures.paused_trials import courses
from kt_evolution.reporting.figures.plotly_objects import go
from kt_evolution.reporting.figures.style import COLORS
from kt_evolution.reporting.figures.style import axis_of
from kt_evolution.reporting.figures.style import descriptions
from kt_evolution.reporting.figures.style import draw_outside
from kt_evolution.reporting.figures.style import figure
from kt_evolution.reporting.figures.style import text
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.trial_records import TrialRecord


def rungs(search: SearchRecord) -> Any | None:
    """Draws trials by the epochs of their rungs, see `rungs_caption`."""
    if search.max_epochs is not None:
        return courses(search)
    brackets: dict[int, list[TrialRecord]] = {}
    for trial in search.completed:
        if trial.rung is not None:
            brackets.setdefault(trial.rung.bracket, []).append(trial)
    if not brackets:
        return None
    name = search.objectives[0].name
    epochs = {t.rung.epochs for ts in brackets.values() for t in ts if t.rung}
    drawn = figure("epochs", text(name))
    drawn.update_xaxes(
        type="log",
        tickvals=sorted(epochs),
        ticktext=[str(number) for number in sorted(epochs)],
    )
    drawn.update_yaxes(
        **axis_of([t.metrics[name] for ts in brackets.values() for t in ts])
    )
    known = {trial.trial_id: trial for trial in search.completed}
    for i, (bracket, trials) in enumerate(sorted(brackets.items())):
        color = COLORS[i % len(COLORS)]
        drawn.add_trace(_promotions(trials, known, name, color))
        drawn.add_trace(
            go.Scatter(
                x=[t.rung.epochs for t in trials if t.rung],
                y=[t.metrics[name] for t in trials],
                mode="markers",
                name=f"bracket {bracket}: {_sizes(trials)}",
                marker={"color": color, "size": 8, "opacity": 0.75},
                text=descriptions(search, trials),
                hoverinfo="text",
            )
        )
    _draw_outside(drawn, search, name)
    return drawn


def _draw_outside(drawn: Any, search: SearchRecord, name: str) -> None:
    trials = [trial for trial in search.completed if trial.rung]
    epochs = [trial.rung.epochs for trial in trials if trial.rung]
    values = [trial.metrics[name] for trial in trials]
    draw_outside(drawn, epochs, values, descriptions(search, trials))


def _promotions(
    trials: list[TrialRecord],
    known: dict[str, TrialRecord],
    name: str,
    color: str,
) -> Any:
    ends = [
        (source, trial)
        for trial in trials
        if trial.rung and (source := known.get(trial.rung.source or ""))
    ]
    x, y = [], []
    for pair in ends:
        x += [*(one.rung.epochs if one.rung else None for one in pair), None]
        y += [*(one.metrics[name] for one in pair), None]
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": color, "width": 1.2},
        opacity=0.6,
        showlegend=False,
        hoverinfo="skip",
    )


def _sizes(trials: list[TrialRecord]) -> str:
    """Returns how many trials each rung has, such as "9, 3, 1"."""
    numbers: dict[int, int] = {}
    for trial in trials:
        if trial.rung:
            round_ = trial.rung.round
            numbers[round_] = numbers.get(round_, 0) + 1
    return ", ".join(str(numbers[round_]) for round_ in sorted(numbers))
