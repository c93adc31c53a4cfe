"""Figures of hyperparameters: what was tried, and what matters."""

import textwrap
from typing import Any

import numpy as np
from scipy.stats import rankdata

from kt_evolution.algorithm.space.genes import LAST_CODE
from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.display.formatting import number
from kt_evolution.display.formatting import setting
from kt_evolution.reporting.figures.plotly_objects import go
from kt_evolution.reporting.figures.style import COLORS
from kt_evolution.reporting.figures.style import SCALE
from kt_evolution.reporting.figures.style import figure
from kt_evolution.reporting.figures.style import rank_bar
from kt_evolution.reporting.figures.style import ranks
from kt_evolution.reporting.figures.style import short
from kt_evolution.reporting.figures.style import text
from kt_evolution.reporting.importance import DORMANT
from kt_evolution.reporting.importance import Importance
from kt_evolution.reporting.importance import features_of
from kt_evolution.reporting.importance import importance_of
from kt_evolution.reporting.importance import most_telling
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.records import evenly
from kt_evolution.reporting.trial_records import TrialRecord

# More axes or bars can't be read.
MAX_AXES = 10
MAX_BARS = 20
MAX_LINES = 300
MAX_TICKS = 6
# The longest line of a note, which fits on a phone.
MAX_LINE = 46
# The place of lines of trials that don't use a hyperparameter.
UNUSED = -0.15


def parallel_coordinates(search: SearchRecord) -> Any | None:
    """Draws each trial as a line over its values."""
    trials = _spread(search.ranked())
    names, features = features_of(search, trials)
    if len(trials) < 2 or not names:
        return None
    quality = ranks(search)
    places = np.array([quality[trial.trial_id] for trial in trials])
    kept = most_telling(features, places, MAX_AXES)
    axes = [_axis(search.space, names[i], features[:, i]) for i in sorted(kept)]
    for one in search.objectives:
        scores = np.array([trial.metrics[one.name] for trial in trials])
        axes.append(_score_axis(text(one.name, 18), scores))
    drawn = figure(margin={"l": 64, "r": 64, "t": 64, "b": 56})
    drawn.add_trace(
        go.Parcoords(
            dimensions=axes,
            labelangle=-12,
            line={
                "color": places,
                "cmin": 0,
                "cmax": 1,
                "colorscale": SCALE,
                "showscale": True,
                "colorbar": {**rank_bar(), "y": -0.04, "yanchor": "top"},
            },
        )
    )
    return drawn


def _spread(ranked: list[TrialRecord]) -> list[TrialRecord]:
    """Returns as many trials as can be seen, evenly by rank."""
    # The best come last: they are drawn over the others.
    return evenly(ranked, MAX_LINES)[::-1]


def jittered(codes: np.ndarray, size: float) -> np.ndarray:
    """Returns codes of few values a bit apart, so that lines don't hide."""
    if size > MAX_TICKS:
        return codes
    # The golden ratio spreads any number of them evenly.
    spread = (np.arange(len(codes)) * 0.618034) % 1.0 - 0.5
    return codes + spread * 0.3 / size


def _axis(space: SearchSpace, name: str, codes: np.ndarray) -> dict[str, Any]:
    size = space.genes[space.genes_named(name)[0]].size
    ticks = ticks_of(space, name, codes)
    return {
        "label": text(name, 18),
        "values": np.where(codes == DORMANT, UNUSED, jittered(codes, size)),
        "range": [UNUSED if UNUSED in ticks else 0.0, 1.0],
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
    }


def ticks_of(
    space: SearchSpace, name: str, codes: np.ndarray
) -> dict[float, str]:
    """Returns the labels of the values of a hyperparameter by their codes.

    Args:
        space: The `SearchSpace`.
        name: String, the hyperparameter.
        codes: Float array, the codes of the trials; `DORMANT` ones are
            labeled at `UNUSED`.
    """
    genes = [space.genes[i] for i in space.genes_named(name)]
    ticks = _ticks(genes[0])
    if any(_ticks(gene) != ticks for gene in genes):
        # A name may have other values in another branch.
        ticks = {0.0: "low", 1.0: "high"}
    if (codes == DORMANT).any():
        ticks[UNUSED] = "not used"
    return ticks


def _ticks(gene: Gene) -> dict[float, str]:
    """Returns labels by code, of all values where they are few.

    They are not escaped: on these axes plotly takes them for mere text.
    """
    if gene.size <= MAX_TICKS:
        codes = (np.arange(int(gene.size)) + 0.5) / gene.size
    else:
        codes = np.linspace(0.0, LAST_CODE, MAX_TICKS)
    values = [gene.decode(code) for code in codes.tolist()]
    # A value's line runs through its own code, the middle of a range of them.
    return {gene.encode(value): short(setting(value), 14) for value in values}


def _score_axis(label: str, scores: np.ndarray) -> dict[str, Any]:
    """Returns an axis of ranks with scores for labels.

    What diverged would else push all others together.
    """
    places = rankdata(scores, method="average")
    order = np.argsort(scores, kind="stable")
    picks = order[np.linspace(0, len(order) - 1, MAX_TICKS).astype(int)]
    ticks = {float(places[i]): number(float(scores[i])) for i in picks}
    return {
        "label": label,
        "values": places,
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
    }


def gene_importance(search: SearchRecord) -> Any | None:
    """Draws how well each hyperparameter predicts the objectives."""
    found = [importance_of(search, one) for one in search.objectives]
    ranked = [one for one in found if one is not None]
    if not ranked:
        return None
    names = ranked[0].names[:MAX_BARS]
    note = _note(ranked)
    above = 18 * len(note) + 28 + (34 if len(ranked) > 1 else 0)
    drawn = figure(
        "fall of R² when shuffled",
        height=90 + above + (24 if len(ranked) == 1 else 34) * len(names),
        margin={"l": 56, "r": 16, "t": above, "b": 48},
        barmode="group",
        showlegend=len(ranked) > 1,
        title={
            "text": "<br>".join(note),
            "font": {"size": 12},
            **{"xref": "container", "x": 0.01, "xanchor": "left"},
            **{"yref": "container", "y": 1, "yanchor": "top"},
            "pad": {"t": 16},
        },
    )
    drawn.update_yaxes(autorange="reversed", ticksuffix="  ", type="category")
    for i, one in enumerate(ranked):
        places = [one.names.index(name) for name in names]
        drawn.add_trace(
            go.Bar(
                x=np.round(one.means[places], 4),
                y=[text(name) for name in names],
                orientation="h",
                name=text(one.objective.name),
                marker={"color": COLORS[i % len(COLORS)]},
                error_x={
                    "array": np.round(one.deviations[places], 4),
                    "color": "#94a3b8",
                    "thickness": 1,
                    "width": 3,
                },
                hoverinfo="x+y",
            )
        )
    return drawn


def _note(ranked: list[Importance]) -> list[str]:
    """Returns how well the forests predict, in lines that fit on a phone."""
    fits = ", ".join(
        f"{short(one.objective.name)}: R² {one.r2:.2f}" for one in ranked
    )
    note = (
        f"{ranked[0].num_trials} trials. How well unseen trials are "
        f"predicted: {fits}; near 0 the bars say nothing."
    )
    return [text(line, MAX_LINE) for line in textwrap.wrap(note, MAX_LINE)]
