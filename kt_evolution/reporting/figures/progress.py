"""Figures of how a search went on."""

from typing import Any

import numpy as np

from kt_evolution.reporting.diversity import diversity_of
from kt_evolution.reporting.figures.plotly_objects import go
from kt_evolution.reporting.figures.style import BLUE
from kt_evolution.reporting.figures.style import COLORS
from kt_evolution.reporting.figures.style import GREY
from kt_evolution.reporting.figures.style import ORANGE
from kt_evolution.reporting.figures.style import axis_of
from kt_evolution.reporting.figures.style import descriptions
from kt_evolution.reporting.figures.style import figure
from kt_evolution.reporting.figures.style import text
from kt_evolution.reporting.progress import UNKNOWN
from kt_evolution.reporting.progress import credits_of
from kt_evolution.reporting.progress import progress_of
from kt_evolution.reporting.records import SearchRecord

# More dots than these are drawn small.
MAX_MILESTONES = 30


def best_so_far(search: SearchRecord) -> Any | None:
    """Draws the score of each trial and the best so far."""
    progress = progress_of(search)
    if not progress.trials:
        return None
    numbers = [trial.number for trial in progress.trials]
    is_single = len(search.objectives) == 1
    name = search.objectives[0].name if is_single else "hypervolume"
    drawn = figure("trial", text(name))
    if is_single:
        scores = [trial.metrics[name] for trial in progress.trials]
        drawn.update_yaxes(**axis_of(scores))
        drawn.add_trace(
            go.Scatter(
                x=numbers,
                y=scores,
                mode="markers",
                name="trial",
                marker={"color": BLUE, "size": 7, "opacity": 0.55},
                text=descriptions(search, progress.trials),
                hoverinfo="text",
            )
        )
    drawn.add_trace(
        go.Scatter(
            x=numbers,
            y=progress.best,
            mode="lines",
            name="best so far" if is_single else "hypervolume so far",
            line={"color": ORANGE, "shape": "hv", "width": 2.5},
            hoverinfo="skip" if is_single else "x+y",
        )
    )
    milestones = np.flatnonzero(progress.improved)
    are_few = len(milestones) <= MAX_MILESTONES
    drawn.add_trace(
        go.Scatter(
            x=[numbers[i] for i in milestones],
            y=progress.best[milestones],
            mode="markers",
            name="improvement",
            marker={
                "color": ORANGE,
                "size": 10 if are_few else 5,
                "line": {"color": "white", "width": 1.5 if are_few else 0},
            },
            text=descriptions(search, [progress.trials[i] for i in milestones]),
            hoverinfo="text",
        )
    )
    return drawn


def diversity(search: SearchRecord) -> Any | None:
    """Draws how different the latest and the best trials are."""
    found = diversity_of(search)
    if len(found.trials) < 3:
        return None
    drawn = figure("trial", "mean distance, 1 = that of all trials")
    drawn.update_yaxes(rangemode="tozero")
    for name, values, color in (
        ("latest 20", found.recent, BLUE),
        ("best 20 so far", found.best, ORANGE),
    ):
        drawn.add_trace(
            go.Scatter(
                x=[trial.number for trial in found.trials[2:]],
                y=np.round(values[2:], 4),
                mode="lines",
                name=name,
                line={"color": color, "width": 2.5},
            )
        )
    return drawn


# So many trials have a tick each.
FEW_SUCCESSES = 5


def operator_credit(search: SearchRecord) -> Any | None:
    """Draws the successes of each operator as they add up."""
    credits = credits_of(search)
    if {credit.operator for credit in credits} <= {UNKNOWN}:
        return None
    last = max(trial.number for trial in search.completed)
    drawn = figure("trial", "successes so far")
    drawn.update_yaxes(tickformat=",d", rangemode="tozero")
    if max(sum(credit.succeeded) for credit in credits) <= FEW_SUCCESSES:
        # Plotly would mark halves, and write them as whole numbers.
        drawn.update_yaxes(dtick=1)
    for i, credit in enumerate(credits):
        numbers = [trial.number for trial in credit.trials]
        successes = np.cumsum(credit.succeeded)
        drawn.add_trace(
            go.Scatter(
                x=[*numbers, last],
                y=[*successes, successes[-1]],
                mode="lines",
                line={
                    "shape": "hv",
                    "width": 2.5,
                    "color": COLORS[i] if i < len(COLORS) else GREY,
                },
                name=(
                    f"{text(credit.operator.replace('+', ' + '))}: "
                    f"{successes[-1]} of {len(numbers)}"
                ),
            )
        )
    return drawn
