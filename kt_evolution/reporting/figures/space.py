"""Figures of hyperparameters: what was tried, and what matters."""

from typing import Any

import numpy as np
from scipy.stats import rankdata

from kt_evolution.algorithm.space.genes import LAST_CODE
from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.display.formatting import number
from kt_evolution.reporting.figures.plotly_objects import go
from kt_evolution.reporting.figures.style import COLORS
from kt_evolution.reporting.figures.style import SCALE
from kt_evolution.reporting.figures.style import figure
from kt_evolution.reporting.figures.style import rank_bar
from kt_evolution.reporting.figures.style import ranks
from kt_evolution.reporting.figures.style import short
from kt_evolution.reporting.figures.style import text
from kt_evolution.reporting.importance import DORMANT
from kt_evolution.reporting.importance import features_of
from kt_evolution.reporting.importance import importance_of
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.records import TrialRecord
from kt_evolution.reporting.records import evenly

# More axes or bars can't be read.
MAX_AXES = 10
MAX_BARS = 20
MAX_LINES = 300
MAX_TICKS = 6
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
    kept = _most_telling(features, places)
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


def _most_telling(features: np.ndarray, scores: np.ndarray) -> list[int]:
    """Returns the hyperparameters that go with the score most.

    By how much of the variance of ranks lies between the quarters of their
    codes, which costs nothing; importance is a figure of its own.
    """
    strengths = [_share_explained(column, scores) for column in features.T]
    return np.argsort(strengths, kind="stable")[-MAX_AXES:].tolist()


def _share_explained(codes: np.ndarray, scores: np.ndarray) -> float:
    """Returns the variance of the means of groups of alike codes."""
    bounds = np.quantile(codes, [0.25, 0.5, 0.75])
    groups = np.searchsorted(bounds, codes)
    means = np.zeros(4)
    sizes = np.bincount(groups, minlength=4)
    np.divide(np.bincount(groups, scores, 4), sizes, means, where=sizes > 0)
    return float(means[groups].var())


def _jittered(codes: np.ndarray, size: float) -> np.ndarray:
    """Returns codes of few values a bit apart, so that lines don't hide."""
    if size > MAX_TICKS:
        return codes
    # The golden ratio spreads any number of them evenly.
    spread = (np.arange(len(codes)) * 0.618034) % 1.0 - 0.5
    return codes + spread * 0.3 / size


def _axis(space: SearchSpace, name: str, codes: np.ndarray) -> dict[str, Any]:
    genes = [space.genes[i] for i in space.genes_named(name)]
    ticks = _ticks(genes[0])
    if any(_ticks(gene) != ticks for gene in genes):
        # A name may have other values in another branch.
        ticks = {0.0: "low", 1.0: "high"}
    is_unused = codes == DORMANT
    if is_unused.any():
        ticks[UNUSED] = "not used"
    return {
        "label": text(name, 18),
        "values": np.where(is_unused, UNUSED, _jittered(codes, genes[0].size)),
        "range": [UNUSED if is_unused.any() else 0.0, 1.0],
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
    }


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
    return {gene.encode(value): short(number(value), 14) for value in values}


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
    fits = ", ".join(
        f"{text(one.objective.name)}: R² {one.r2:.2f}" for one in ranked
    )
    drawn = figure(
        "fall of R² when the values are shuffled",
        height=140 + (24 if len(ranked) == 1 else 34) * len(names),
        barmode="group",
        showlegend=len(ranked) > 1,
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
    drawn.add_annotation(
        text=(
            "Permutation importance, random forests on ranks of "
            f"{ranked[0].num_trials} trials,<br>asked about trials they have "
            f"not seen. {fits}; near 0 it says nothing."
        ),
        x=1,
        y=0,
        xref="paper",
        yref="paper",
        xanchor="right",
        yanchor="bottom",
        align="right",
        showarrow=False,
    )
    return drawn
