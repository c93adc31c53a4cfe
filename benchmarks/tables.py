"""The tables of the report, in markdown.

Every table says how many seeds it rests on. What hasn't been run is a dash.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np

from benchmarks import results
from benchmarks import tasks
from benchmarks.searchers import SEARCHERS
from benchmarks.standings import OFFSET
from benchmarks.standings import Half
from benchmarks.standings import Ratio
from benchmarks.standings import Standings
from benchmarks.standings import compare
from benchmarks.standings import geometric_mean
from benchmarks.standings import halves
from benchmarks.standings import proposal_ms
from benchmarks.standings import queries_to_best
from benchmarks.targets import Reached

NOTHING = "–"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """Formats to three significant digits without an exponent."""
    if value == 0:
        return "0"
    digits = max(0, 2 - int(np.floor(np.log10(abs(value)))))
    return f"{value:.{min(digits, 5)}f}"


def cell(value: float | None) -> str:
    """Formats a number, or what hasn't been run."""
    return NOTHING if value is None else number(value)


def mean_and_error(values: Sequence[float], digits: int = 1) -> str:
    """Formats the mean over seeds, and its standard error."""
    error = np.std(values) / np.sqrt(len(values))
    return f"{np.mean(values):.{digits}f} ± {error:.{digits}f}"


def regret_table(standings: Standings, checkpoint: int, half: Half) -> str:
    """Mean regret of each searcher on each task, the best in bold."""
    cells: dict[str, dict[str, dict[int, float]]] = {
        name: {
            task: standings.regrets(name, task, checkpoint, half)
            for task in half.tasks
        }
        for name in standings.searchers
    }
    names = [name for name in cells if any(cells[name].values())]
    if not names:
        return "Nothing was run so far."
    most = {
        task: max(len(cells[name][task]) for name in names)
        for task in half.tasks
    }
    rows = []
    for task in half.tasks:
        means = {
            name: float(np.mean(list(cells[name][task].values())))
            for name in names
            if cells[name][task]
        }
        best = min(means.values(), default=0.0)
        row = [f"{task} (n={most[task]})"]
        for name in names:
            if name not in means:
                row.append(NOTHING)
                continue
            text = number(means[name])
            text = f"**{text}**" if means[name] == best else text
            seeds = len(cells[name][task])
            row.append(text + (f" (n={seeds})" if seeds < most[task] else ""))
        rows.append(row)
    rows.append([f"geometric mean, +{OFFSET:g}"])
    for name in names:
        regrets = [list(cells[name][task].values()) for task in half.tasks]
        complete = all(regrets)
        rows[-1].append(
            number(geometric_mean([np.mean(r) + OFFSET for r in regrets]))
            if complete
            else NOTHING
        )
    return table(["task", *(SEARCHERS[name].title for name in names)], rows)


def comparison_table(
    standings: Standings, ours: str, peers: Sequence[str]
) -> str:
    """Ours against the best peer, and some alone, for each half."""
    opponents = {"best peer": list(peers)}
    for name in ("optuna-tpe", "optuna-gp", "kt-random"):
        opponents[SEARCHERS[name].title] = [name]
    rows = []
    for half in halves():
        for checkpoint in results.CHECKPOINTS:
            versus = [
                compare(standings, ours, names, checkpoint, half)
                for names in opponents.values()
            ]
            if not any(versus):
                continue
            worst = max(
                versus[0].items(),
                key=lambda item: item[1].value,
                default=None,
            )
            rows.append(
                [half.title, str(checkpoint)]
                + [_mean_ratio(found, half) for found in versus]
                + [
                    NOTHING
                    if worst is None
                    else f"{number(worst[1].value)} ({worst[0]}, "
                    f"{SEARCHERS[worst[1].peer].title})"
                ]
            )
    return table(
        ["races", "trials", *opponents, "worst task against best peer"], rows
    )


def _mean_ratio(found: dict[str, Ratio], half: Half) -> str:
    if not found:
        return NOTHING
    mean = number(geometric_mean([ratio.value for ratio in found.values()]))
    seeds = [ratio.seeds for ratio in found.values()]
    least, most = min(seeds), max(seeds)
    counted = f"n={least}" if least == most else f"n={least}-{most}"
    if len(found) < len(half.tasks):
        counted += f", {len(found)} of {len(half.tasks)} tasks"
    return f"{mean} ({counted})"


def task_ratio_table(
    standings: Standings, ours: str, peers: Sequence[str], half: Half
) -> str:
    """Ours against the best peer on each task."""
    found = {
        checkpoint: compare(standings, ours, peers, checkpoint, half)
        for checkpoint in results.CHECKPOINTS
    }
    found = {checkpoint: best for checkpoint, best in found.items() if best}
    rows = []
    for task in half.tasks:
        row = [task]
        for best in found.values():
            ratio = best.get(task)
            row.append(
                NOTHING
                if ratio is None
                else f"{number(ratio.value)} ({SEARCHERS[ratio.peer].title}, "
                f"n={ratio.seeds})"
            )
        rows.append(row)
    return table(["task", *(f"{c} trials" for c in found)], rows)


def queries_table(standings: Standings) -> str:
    """Evaluations until the best cell of NAS-Bench-201 was asked."""
    names = tasks.task_names(["nasbench201"])
    rows = []
    for searcher in standings.searchers:
        row = [SEARCHERS[searcher].title]
        for task in names:
            queries = queries_to_best(standings, searcher, task)
            if queries is None:
                row.append(NOTHING)
                continue
            bound = "" if queries.found == queries.seeds else "> "
            row.append(
                f"{bound}{queries.mean:.0f} "
                f"({queries.found} of {queries.seeds})"
            )
        rows.append(row)
    return table(["searcher", *names], rows)


def time_table(standings: Standings) -> str:
    """Milliseconds for a proposal and its report."""
    rows = []
    for searcher in standings.searchers:
        row = [SEARCHERS[searcher].title]
        for checkpoint in results.CHECKPOINTS:
            time = proposal_ms(standings, searcher, checkpoint)
            row.append(cell(time))
        rows.append(row)
    header = [f"at {checkpoint}" for checkpoint in results.CHECKPOINTS]
    return table(["searcher", *header], rows)


def coverage_table(standings: Standings) -> str:
    """What has been run, with which versions."""
    rows = []
    for searcher, records in standings.records.items():
        seeds = {seed for _, seed in records}
        lengths = [record.evaluations for record in records.values()]
        versions = {
            f"{package} {version}"
            for record in records.values()
            for package, version in record.versions.items()
        }
        rows.append(
            [
                SEARCHERS[searcher].title,
                str(len(records)),
                str(len({task for task, _ in records})),
                str(len(seeds)),
                f"{min(lengths)}-{max(lengths)}",
                ", ".join(sorted(versions)) or NOTHING,
            ]
        )
    return table(
        ["searcher", "races", "tasks", "seeds", "evaluations", "versions"],
        rows,
    )


def reached_table(found: Iterable[Reached]) -> str:
    """Targets beside the figures that were reached."""
    rows = [
        [
            target.title,
            f"≤ {target.target:g}",
            cell(target.value),
            target.basis or NOTHING,
            target.verdict,
        ]
        for target in found
    ]
    return table(["figure", "target", "measured", "on", ""], rows)


def one_against_one_table(standings: Standings) -> str:
    """The comparisons among two of which the targets speak by name."""
    pairs = (
        ("evolution-pure", "regularized-evolution"),
        ("evolution-8-workers", "evolution"),
    )
    rows = []
    for half in halves():
        for ours, other in pairs:
            for checkpoint in results.CHECKPOINTS:
                found = compare(standings, ours, [other], checkpoint, half)
                if found:
                    title = f"{SEARCHERS[ours].title} / "
                    title += SEARCHERS[other].title
                    ratios = _mean_ratio(found, half)
                    rows.append([title, half.title, str(checkpoint), ratios])
    return table(["pair", "races", "trials", "ratio"], rows)
