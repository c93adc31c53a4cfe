"""Regret curves with confidence bands: computed as records, then drawn."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import searchers
from benchmarks import tasks
from benchmarks.standings import OFFSET
from benchmarks.standings import Standings

RESAMPLES = 500

FAMILY_TITLES = {
    "nasbench201": "NAS-Bench-201",
    "hpolib": "HPOLib",
    "hpobench": "HPOBench",
}

# Peers keep their color whoever else is drawn; dashes help where colors of
# thirteen lines can't. Ours are drawn thick, in black and reds.
STYLES = {
    "evolution": ("#000000", "-"),
    "evolution-pure": ("#d62728", "-"),
    "evolution-8-workers": ("#000000", ":"),
    "random": ("#9a9a9a", "-"),
    "kt-random": ("#9a9a9a", "--"),
    "kt-bayesian": ("#8c564b", "-"),
    "optuna-tpe": ("#0072b2", "-"),
    "optuna-gp": ("#009e73", "-"),
    "optuna-nsga2": ("#56b4e9", "--"),
    "pymoo-ga": ("#cc79a7", "-"),
    "nevergrad": ("#cc79a7", "--"),
    "regularized-evolution": ("#e69f00", "-"),
    "local-search": ("#e69f00", "--"),
}


@dataclasses.dataclass(frozen=True)
class Curve:
    """The regret of a searcher on a family of tasks.

    Args:
        middle: Float array, after each evaluation: the geometric mean over
            tasks of the mean over seeds, `OFFSET` added. NaN where a race
            ended.
        low: Float array, the 2.5% quantile when seeds are drawn anew.
        high: Float array, the 97.5% quantile.
        seeds: Integer, how many seeds have run on all tasks of the family.
    """

    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seeds: int


def curve(
    standings: Standings,
    searcher: str,
    task_names: Sequence[str],
    evaluations: int,
) -> Curve | None:
    """Computes a curve from the seeds that ran on all of the tasks."""
    records = standings.records.get(searcher, {})
    seeds = sorted(
        seed
        for seed in {seed for _, seed in records}
        if all((name, seed) in records for name in task_names)
    )
    if not seeds:
        return None
    regrets = np.array(
        [
            [records[name, seed].curve(evaluations) for name in task_names]
            for seed in seeds
        ]
    )
    rng = np.random.default_rng(0)
    draws = rng.integers(len(seeds), size=(RESAMPLES, len(seeds)))
    drawn = np.array([_middle(regrets[draw]) for draw in draws])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return Curve(_middle(regrets), low, high, len(seeds))


def _middle(regrets: np.ndarray) -> np.ndarray:
    """Reduces `(seeds, tasks, evaluations)` to `(evaluations,)`."""
    return np.exp(np.log(regrets.mean(axis=0) + OFFSET).mean(axis=0))


def family_curves(
    standings: Standings, evaluations: int
) -> dict[str, dict[str, Curve]]:
    """Returns family -> searcher -> curve, of those that ran the family."""
    found: dict[str, dict[str, Curve]] = {}
    for family in tasks.FAMILIES:
        found[family] = {}
        for name in standings.searchers:
            names = tasks.task_names([family])
            computed = curve(standings, name, names, evaluations)
            if computed is not None:
                found[family][name] = computed
    return found


def draw(
    families: Mapping[str, Mapping[str, Curve]],
    title: str,
    file: pathlib.Path,
    label: str = f"regret + {OFFSET:g} (optimum 0, median 1)",
) -> None:
    """Draws one panel for each family into a PNG file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, len(families), figsize=(5.2 * len(families), 5.4)
    )
    lines = {}
    for axis, (family, members) in zip(
        np.atleast_1d(axes), families.items(), strict=True
    ):
        for name, member in members.items():
            lines[name] = _draw_curve(axis, name, member)
        axis.set_title(FAMILY_TITLES.get(family, family))
        axis.set_xlabel("evaluations")
        axis.set_yscale("log")
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    np.atleast_1d(axes)[0].set_ylabel(label)
    columns = 2 * len(families) - 1
    figure.suptitle(title)
    figure.legend(
        lines.values(),
        [legend_label(name, families) for name in lines],
        loc="lower center",
        ncol=columns,
        frameon=False,
    )
    rows = -(-len(lines) // columns)
    figure.tight_layout(rect=(0, 0.02 + 0.045 * rows, 1, 1))
    figure.savefig(file, dpi=120)
    pyplot.close(figure)


def legend_label(name: str, families: Mapping[str, Mapping[str, Curve]]) -> str:
    """Returns a searcher's title and its number of seeds on the families."""
    entry = searchers.SEARCHERS.get(name)
    counts = [f[name].seeds for f in families.values() if name in f]
    least, most = min(counts), max(counts)
    seeds = f"{least}" if least == most else f"{least}-{most}"
    return f"{entry.title if entry else name} (n={seeds})"


def _draw_curve(axis: Any, name: str, drawn: Curve) -> Any:
    ours = name in searchers.SEARCHERS and searchers.SEARCHERS[name].ours
    color, dashes = STYLES.get(name, ("#7f7f7f", "-."))
    steps = np.arange(1, len(drawn.middle) + 1)
    (line,) = axis.plot(
        steps,
        drawn.middle,
        color=color,
        linestyle=dashes,
        linewidth=2.4 if ours else 1.3,
        zorder=3 if ours else 2,
    )
    axis.fill_between(
        steps, drawn.low, drawn.high, color=color, alpha=0.12, linewidth=0
    )
    return line
