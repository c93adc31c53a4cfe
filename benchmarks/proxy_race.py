"""What zero-cost proxies are worth to a search of NAS-Bench-201.

Example:

```
python -m benchmarks.proxy_race --starts naswot synflow nothing --seeds 0-31
```

For each seed the proxy of some random cells is known, as if their models had
been built before the first trial. It is used in one of two ways. `Transfer`
takes their ranks for the scores of a search on other data: they are the prior
mean of the surrogate, with a weight that the scores correct. Or, with "-first",
the best of them are the first trials, and nothing else. A search ends once it
has asked the best cell of the table. Races that are recorded already are
skipped. The cells are those of `benchmarks/proxy_table.py`. The sign tests are
one-sided; ties are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata
from scipy.stats import spearmanr

import kt_evolution
from benchmarks import proxy_table
from benchmarks import results
from benchmarks import tables
from benchmarks import tasks
from benchmarks.race import parse_seeds
from benchmarks.signs import SignTest
from benchmarks.tasks import Task
from benchmarks.transfer import CHECKPOINTS
from benchmarks.transfer import Outcome
from benchmarks.transfer import replayed
from benchmarks.transfer import run
from benchmarks.transfer import values_of_cells

TRACK = "proxies"
PROXIES = ("params", "naswot", "synflow")
NOTHING = "nothing"
FIRST = "-first"
# How many cells are tried first by their proxy alone.
NUM_FIRST = 3
STARTS = (*PROXIES, *(f"{name}{FIRST}" for name in PROXIES), NOTHING)
# The part of a table whose best cells are ranked alone as well.
TOP_SHARE = 0.1

Proxies = dict[str, dict[str, float]]


def values_of(proxies: Proxies, name: str) -> dict[str, float]:
    """Returns a proxy of all cells whose function was measured.

    A cell whose proxy is missing is worse than all others.

    Args:
        proxies: Dict of cells to their proxies, see `proxy_table`.
        name: String, the proxy.
    """
    return {
        cell: proxies[first].get(name, -np.inf)
        for cell, first in proxy_table.representatives().items()
        if first in proxies
    }


def correlations(
    task: Task, values: dict[str, float]
) -> tuple[float, float, int]:
    """Returns how well a proxy ranks cells, all and the best of the table.

    Returns:
        Tuple of two rank correlations of the proxy with the score, and of the
        number of cells.
    """
    regrets = np.array([task.regret(tuple(map(int, cell))) for cell in values])
    proxy = np.array(list(values.values()))
    best = regrets <= np.quantile(task.means, TOP_SHARE)
    return (
        float(spearmanr(-regrets, proxy).statistic),
        float(spearmanr(-regrets[best], proxy[best]).statistic),
        len(values),
    )


def run_seed(
    task: Task,
    seed: int,
    values: dict[str, float] | None,
    num_known: int,
    budget: int,
    tries_first: bool = False,
) -> results.Record:
    """Runs a search until the best cell was asked, or the budget is spent.

    Args:
        task: The table.
        seed: Integer.
        values: Dict of cells to a proxy; None for a search without.
        num_known: Integer, of how many random cells it is known.
        budget: Integer, how many cells are asked at most.
        tries_first: Boolean, whether the best cells by their proxy are the
            first trials, and not the prior mean. Defaults to False.
    """
    options: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        if values is not None:
            rng = np.random.default_rng([seed, num_known])
            known = rng.permutation(sorted(values))[:num_known]
            cells = [tuple(map(int, cell)) for cell in known]
            ranks = rankdata([-values[cell] for cell in known])
            if tries_first:
                best = np.argsort(ranks, kind="stable")[:NUM_FIRST]
                options["initial_population"] = values_of_cells(
                    task, [cells[index] for index in best]
                )
            else:
                past = replayed(task, cells, (ranks / len(ranks)).tolist())
                stack.enter_context(contextlib.closing(past))
                options["warm_start"] = kt_evolution.Transfer(past.project)
        outcome = run(task, seed, budget, **options)
    return record_of(task, seed, outcome)


def record_of(task: Task, seed: int, outcome: Outcome) -> results.Record:
    """Returns the record of a search that ends once it asked the best cell."""
    queries, regrets = outcome.queries, outcome.regrets
    changes = np.flatnonzero(np.diff(regrets, prepend=np.inf))
    return results.Record(
        task=task.name,
        seed=seed,
        evaluations=len(regrets),
        steps=[(int(i) + 1, results.rounded(regrets[i])) for i in changes],
        proposal_ms={},
        queries_to_best=int(queries) if np.isfinite(queries) else None,
        versions=results.versions(["kt-evolution"]),
    )


def queries_of(
    records: dict[tuple[str, int], results.Record], task: str
) -> dict[int, int]:
    """Returns the queries until the best cell for each seed.

    A search that has not found it counts as if the next query had.
    """
    return {
        seed: record.queries_to_best or record.evaluations + 1
        for (name, seed), record in records.items()
        if name == task
    }


def comparison(
    title: str, ours: dict[int, int], others: dict[int, int]
) -> list[list[str]]:
    """Returns the row that compares the queries of two searches.

    Returns:
        List of the row; empty if they have no seed in common.
    """
    seeds = sorted(ours.keys() & others.keys())
    if not seeds:
        return []
    pair = [[queries[seed] for seed in seeds] for queries in (ours, others)]
    return [
        [
            title,
            str(len(seeds)),
            *(tables.mean_and_error(list(queries)) for queries in pair),
            ", ".join(f"{np.median(queries):.0f}" for queries in pair),
            str(SignTest.of(*pair)),
        ]
    ]


def queries_table(
    folder: pathlib.Path, names: Sequence[str], starts: Sequence[str]
) -> str:
    """Returns the mean queries until the best cell, and sign tests."""
    rows = []
    for name in names:
        found = {
            start: queries_of(records_of(folder, start), name)
            for start in (*starts, NOTHING)
        }
        for start in starts:
            if start != NOTHING:
                rows += comparison(
                    f"{name}, {start}", found[start], found[NOTHING]
                )
    return tables.table(
        ["table, proxy", "seeds", "with it", "without", "medians", "sooner"],
        rows,
    )


def correlations_table(proxies: Proxies, names: Sequence[str]) -> str:
    rows = []
    for name in names:
        row = [name]
        for proxy in PROXIES:
            every, best, _ = correlations(
                tasks.load_task(name), values_of(proxies, proxy)
            )
            row.append(f"{every:.2f}, {best:.2f}")
        rows.append(row)
    return tables.table(["table", *PROXIES], rows)


def path_of(folder: pathlib.Path, start: str) -> pathlib.Path:
    return results.path(folder, f"evolution-{start}", TRACK)


def records_of(
    folder: pathlib.Path, start: str
) -> dict[tuple[str, int], results.Record]:
    """Returns the recorded races. Without a proxy, those of `race` count."""
    records = results.load(path_of(folder, start))
    if start == NOTHING:
        clean = results.load(results.path(folder, "evolution", "clean"))
        return {**clean, **records}
    return records


def regrets_table(
    folder: pathlib.Path, names: Sequence[str], starts: Sequence[str]
) -> str:
    """Returns mean regrets after some trials, and sign tests over all seeds."""
    others = records_of(folder, NOTHING)
    rows = []
    for start in starts:
        races = [
            (record, others[key])
            for key, record in records_of(folder, start).items()
            if start != NOTHING and key in others and key[0] in names
        ]
        for trials in CHECKPOINTS if races else ():
            ours, theirs = (
                # A race ends once its regret is 0.
                [
                    pair[i].regret_at(min(trials, pair[i].evaluations))
                    for pair in races
                ]
                for i in range(2)
            )
            rows.append(
                [
                    f"{start}, {trials}",
                    str(len(races)),
                    f"{np.mean(ours):.3f}",
                    f"{np.mean(theirs):.3f}",
                    str(SignTest.of(ours, theirs)),
                ]
            )
    return tables.table(
        ["proxy, trials", "races", "with it", "without", "smaller"], rows
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Compare searches with and without zero-cost proxies."
    )
    add = parser.add_argument
    add("--starts", nargs="+", default=list(STARTS), choices=STARTS)
    add("--tasks", nargs="+", default=["nasbench201"], metavar="NAME")
    add("--seeds", type=parse_seeds, default=list(range(32)))
    add("--known", type=int, default=200, metavar="CELLS")
    add("--budget", type=int, default=200, metavar="TRIALS")
    add("--table", type=pathlib.Path, default=proxy_table.TABLE)
    add("--results", type=pathlib.Path, default=results.FOLDER)
    options = parser.parse_args(arguments)
    names = tasks.task_names(options.tasks)
    proxies = proxy_table.load(options.table)
    print(f"{len(proxies)} functions are measured.")
    print(correlations_table(proxies, names), flush=True)
    for seed in options.seeds:
        for start in options.starts:
            path = path_of(options.results, start)
            recorded = records_of(options.results, start)
            for name in names:
                if (name, seed) in recorded:
                    continue
                record = run_seed(
                    tasks.load_task(name),
                    seed,
                    None
                    if start == NOTHING
                    else values_of(proxies, start.removesuffix(FIRST)),
                    options.known,
                    options.budget,
                    start.endswith(FIRST),
                )
                results.append(path, record)
                print(name, start, seed, record.queries_to_best, flush=True)
    print(queries_table(options.results, names, options.starts))
    print(regrets_table(options.results, names, options.starts))


if __name__ == "__main__":
    main()
