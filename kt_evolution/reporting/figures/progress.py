"""Figures of how a search went on."""

from typing import Any

import numpy as np

from kt_evolution.algorithm.ranking import total_violation
from kt_evolution.display.formatting import MANY_TIMES
from kt_evolution.reporting.diversity import POPULATION_SIZE
from kt_evolution.reporting.diversity import diversity_of
from kt_evolution.reporting.figures.plotly_objects import go
from kt_evolution.reporting.figures.style import BLUE
from kt_evolution.reporting.figures.style import COLORS
from kt_evolution.reporting.figures.style import GRAY
from kt_evolution.reporting.figures.style import LIGHT_BLUE
from kt_evolution.reporting.figures.style import ORANGE
from kt_evolution.reporting.figures.style import axis_of
from kt_evolution.reporting.figures.style import descriptions
from kt_evolution.reporting.figures.style import draw_outside
from kt_evolution.reporting.figures.style import figure
from kt_evolution.reporting.figures.style import integer_ticks
from kt_evolution.reporting.figures.style import is_log
from kt_evolution.reporting.figures.style import text
from kt_evolution.reporting.progress import UNKNOWN
from kt_evolution.reporting.progress import ProgressCurve
from kt_evolution.reporting.progress import approach_of
from kt_evolution.reporting.progress import credits_of
from kt_evolution.reporting.progress import progress_of
from kt_evolution.reporting.records import SearchRecord

# More dots than these are drawn small.
MAX_MILESTONES = 30


def best_so_far(search: SearchRecord) -> Any | None:
    """Draws the score of each trial and the best so far.

    While no trial is within all limits, it draws how far trials are from
    them.
    """
    if not search.front():
        return _distance_so_far(search)
    progress = progress_of(search)
    if len(search.objectives) > 1:
        drawn = figure("trial", "hypervolume")
        _draw_best(drawn, search, progress, "hypervolume so far")
        return drawn
    (objective,) = search.objectives
    drawn = figure("trial", text(objective.name))
    scores = [trial.metrics[objective.name] for trial in progress.trials]
    _draw_trials(drawn, search, progress, scores)
    _draw_best(drawn, search, progress, "best so far")
    _draw_outside(drawn, search, progress, scores)
    return drawn


def _distance_so_far(search: SearchRecord) -> Any | None:
    """Draws the total violation of each trial and the smallest so far."""
    approach = approach_of(search)
    if not approach.trials:
        return None
    drawn = figure("trial", "distance to the limits")
    violations = total_violation(search.violations(approach.trials))
    _draw_trials(drawn, search, approach, violations.tolist())
    _draw_best(drawn, search, approach, "nearest so far")
    _draw_outside(drawn, search, approach, violations.tolist())
    if not is_log(violations):
        drawn.update_yaxes(rangemode="tozero")
    # As in the texts, a large share of the bound is a multiple of it.
    is_far = violations.max() >= MANY_TIMES
    drawn.update_yaxes(
        **{"tickformat": ",~r", "ticksuffix": "x"}
        if is_far
        else {"tickformat": ".2~%"}
    )
    return drawn


def _draw_trials(
    drawn: Any,
    search: SearchRecord,
    curve: ProgressCurve,
    values: list[float],
) -> None:
    """Draws a dot for each trial."""
    axis = axis_of(values)
    if "range" in axis:
        # The best may be as far from the others as what diverged.
        low, high = axis["range"]
        pad, best = 0.06 * (high - low), curve.best[-1]
        axis["range"] = [
            float(np.fmin(low, best - pad)),
            float(np.fmax(high, best + pad)),
        ]
    drawn.update_yaxes(**axis)
    drawn.add_trace(
        go.Scatter(
            x=[trial.number for trial in curve.trials],
            y=values,
            mode="markers",
            name="trial",
            marker={"color": LIGHT_BLUE, "size": 7},
            text=descriptions(search, curve.trials),
            hoverinfo="text",
        )
    )


def _draw_outside(
    drawn: Any,
    search: SearchRecord,
    curve: ProgressCurve,
    values: list[float],
) -> None:
    numbers = [trial.number for trial in curve.trials]
    draw_outside(drawn, numbers, values, descriptions(search, curve.trials))


def _draw_best(
    drawn: Any, search: SearchRecord, curve: ProgressCurve, name: str
) -> None:
    """Draws the best so far as a line, with a dot for each improvement."""
    numbers = [trial.number for trial in curve.trials]
    drawn.update_xaxes(**integer_ticks(numbers))
    is_hypervolume = len(search.objectives) > 1 and bool(search.front())
    drawn.add_trace(
        go.Scatter(
            x=numbers,
            y=curve.best,
            mode="lines",
            name=name,
            line={"color": ORANGE, "shape": "hv", "width": 2.5},
            hoverinfo="x+y" if is_hypervolume else "skip",
        )
    )
    milestones = np.flatnonzero(curve.improved)
    are_few = len(milestones) <= MAX_MILESTONES
    drawn.add_trace(
        go.Scatter(
            x=[numbers[i] for i in milestones],
            y=curve.best[milestones],
            mode="markers",
            name="improvement",
            marker={
                "color": ORANGE,
                "size": 10 if are_few else 5,
                "line": {"color": "white", "width": 1.5 if are_few else 0},
            },
            text=descriptions(search, [curve.trials[i] for i in milestones]),
            hoverinfo="text",
        )
    )


def diversity(search: SearchRecord) -> Any | None:
    """Draws how different the latest and the best trials are."""
    found = diversity_of(search)
    if len(found.trials) < 3:
        return None
    drawn = figure("trial", "mean distance, 1 = that of all trials")
    drawn.update_xaxes(
        **integer_ticks([trial.number for trial in found.trials[2:]])
    )
    drawn.update_yaxes(rangemode="tozero")
    lines = [
        ("latest 20", found.recent, BLUE),
        ("best 20 so far", found.best, ORANGE),
    ]
    if len(found.trials) <= POPULATION_SIZE:
        # The latest and the best are all, and their lines the same.
        lines = [("all trials so far", found.recent, BLUE)]
        drawn.update_layout(showlegend=True)
    for name, values, color in lines:
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
    completed = [trial.number for trial in search.completed]
    last = max(completed)
    drawn = figure("trial", "successes so far")
    drawn.update_xaxes(**integer_ticks(completed))
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
                    "color": COLORS[i] if i < len(COLORS) else GRAY,
                },
                name=(
                    f"{text(credit.operator.replace('+', ' + '))}: "
                    f"{successes[-1]} of {len(numbers)}"
                ),
            )
        )
    return drawn
