"""Figures of one hyperparameter, and of two together."""

from typing import Any

import numpy as np

from kt_evolution.reporting.figures.plotly_objects import go
from kt_evolution.reporting.figures.space import UNUSED
from kt_evolution.reporting.figures.space import jittered
from kt_evolution.reporting.figures.space import ticks_of
from kt_evolution.reporting.figures.style import SCALE
from kt_evolution.reporting.figures.style import axis_of
from kt_evolution.reporting.figures.style import descriptions
from kt_evolution.reporting.figures.style import draw_outside
from kt_evolution.reporting.figures.style import figure_with_bar
from kt_evolution.reporting.figures.style import rank_bar
from kt_evolution.reporting.figures.style import ranks
from kt_evolution.reporting.figures.style import text
from kt_evolution.reporting.importance import DORMANT
from kt_evolution.reporting.landscape import codes_of
from kt_evolution.reporting.landscape import landscape_of
from kt_evolution.reporting.landscape import telling_names
from kt_evolution.reporting.landscape import telling_pairs
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.trial_records import TrialRecord


def value_slice(search: SearchRecord, name: str | None = None) -> Any | None:
    """Draws the score of each trial over its value of a hyperparameter.

    Args:
        search: The `SearchRecord`.
        name: String, the hyperparameter. Defaults to that which goes with the
            rank most.

    Raises:
        ValueError: If there is no such hyperparameter.
    """
    name = name or next(iter(telling_names(search, 1)), None)
    if name is None:
        return None
    trials, codes = codes_of(search, (name,))
    if not trials:
        return None
    objective = search.objectives[0]
    scores = [trial.metrics[objective.name] for trial in trials]
    drawn = figure_with_bar(text(name), text(objective.name))
    drawn.update_xaxes(**_axis(search, name, codes[:, 0]))
    drawn.update_yaxes(**axis_of(scores))
    places = _places(search, name, codes[:, 0])
    texts = descriptions(search, trials)
    drawn.add_trace(
        go.Scatter(
            x=places,
            y=scores,
            mode="markers",
            hovertext=texts,
            hoverinfo="text",
            marker={**_marker(search, trials), "colorbar": rank_bar()},
        )
    )
    draw_outside(drawn, places, scores, texts)
    return drawn


def value_contour(
    search: SearchRecord, x: str | None = None, y: str | None = None
) -> Any | None:
    """Draws the rank that two hyperparameters predict, and the trials.

    Args:
        search: The `SearchRecord`.
        x: String, the hyperparameter of the x axis. Defaults to that which
            goes with the rank most.
        y: String, that of the y axis. Defaults to the next one.

    Raises:
        ImportError: If scikit-learn is not installed.
        ValueError: If there is no such hyperparameter.
    """
    if x is None or y is None:
        others = telling_names(search, 3)
        others = [name for name in others if name not in (x, y)]
        if len(others) < (x is None) + (y is None):
            return None
        x = x or others.pop(0)
        y = y or others.pop(0)
    found = landscape_of(search, x, y)
    if found is None:
        return None
    drawn = figure_with_bar(text(x), text(y))
    drawn.update_xaxes(**_axis(search, x, found.codes[:, 0]), showgrid=False)
    drawn.update_yaxes(**_axis(search, y, found.codes[:, 1]), showgrid=False)
    drawn.add_trace(
        go.Contour(
            x=found.grid,
            y=found.grid,
            z=np.round(found.ranks, 3),
            zmin=0,
            zmax=1,
            colorscale=SCALE,
            opacity=0.55,
            ncontours=16,
            line={"width": 0.5},
            hoverinfo="skip",
            colorbar=rank_bar(),
        )
    )
    drawn.add_trace(
        go.Scatter(
            x=_places(search, x, found.codes[:, 0]),
            y=_places(search, y, found.codes[:, 1]),
            mode="markers",
            hovertext=descriptions(search, found.trials),
            hoverinfo="text",
            marker=_marker(search, found.trials),
        )
    )
    return drawn


def slices_of(search: SearchRecord) -> list[str]:
    """Returns the hyperparameters of which the report has a slice."""
    return telling_names(search, 12)


def contours_of(search: SearchRecord) -> list[tuple[str, str]]:
    """Returns the pairs of which the report has a contour."""
    return telling_pairs(search, 4)


def _axis(search: SearchRecord, name: str, codes: np.ndarray) -> dict[str, Any]:
    ticks = ticks_of(search.space, name, codes)
    low = UNUSED if UNUSED in ticks else 0.0
    return {
        "tickvals": list(ticks),
        "ticktext": [text(label) for label in ticks.values()],
        "range": [low - 0.03, 1.03],
    }


def _places(search: SearchRecord, name: str, codes: np.ndarray) -> np.ndarray:
    size = search.space.genes[search.space.genes_named(name)[0]].size
    return np.where(codes == DORMANT, UNUSED, jittered(codes, size))


def _marker(search: SearchRecord, trials: list[TrialRecord]) -> dict[str, Any]:
    quality = ranks(search)
    return {
        "color": [quality[trial.trial_id] for trial in trials],
        "cmin": 0,
        "cmax": 1,
        "colorscale": SCALE,
        "size": 9 if len(trials) <= 200 else 6,
        "line": {"color": "white", "width": 1},
    }
