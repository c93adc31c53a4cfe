"""What zero-cost proxies are worth to a search of NAS-Bench-201.

Example:

```
python -m benchmarks.proxy_race --inputs synflow shuffled nothing --seeds 0-31
```

A search of ours with `measure=["synflow"]`, or with other proxies, asks the
cells of NAS-Bench-201 until it has asked the best one of the table. In place of
building a cell its proxies are looked up in the table of
`benchmarks/proxy_table.py`, so hundreds of searches take minutes. All else is
as in a search of real models. "shuffled" is a SynFlow that misleads: each cell
has that of another one. "nothing" is the search without proxies, for which the
records of `benchmarks/race.py` count as well. Searches that are recorded
already are skipped. The sign tests are one-sided; ties are left out.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
import numpy as np

from benchmarks import hosts
from benchmarks import proxy_table
from benchmarks import results
from benchmarks import tables
from benchmarks import tasks
from benchmarks import transfer
from benchmarks.race import parse_seeds
from benchmarks.signs import SignTest
from benchmarks.tasks import Task
from benchmarks.transfer import Outcome
from kt_evolution.costs.measurement import PROXIES
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.encoding import key_of
from kt_evolution.proposals.dry_build import BuildHyperParameters
from kt_evolution.proposals.dry_build import BuildReport
from kt_evolution.proposals.dry_build import DryBuild

TRACK = "proxies"
JOINT = "+"
SHUFFLED = "shuffled"
NOTHING = "nothing"
INPUTS = (*PROXIES, JOINT.join(PROXIES), SHUFFLED, NOTHING)
RANKED = ("params", *PROXIES)
# The part of a table whose best cells are ranked alone as well.
TOP_SHARE = 0.1

Proxies = dict[str, dict[str, float]]
Records = dict[tuple[str, int], results.Record]


class TableBuild(DryBuild):
    """Looks a cell up in place of building it.

    Args:
        task: The table of scores.
        known: Dict of cells to their proxies, see `proxy_table`.
        names: The proxies that the search asks for.
    """

    def __init__(
        self, task: Task, known: Proxies, names: Sequence[str]
    ) -> None:
        super().__init__(kt.HyperModel(), proxies=names)
        self._task = task
        self._known = known

    def build(
        self,
        space: kt.HyperParameters,
        values: dict[str, Any],
        with_proxies: bool = False,
    ) -> BuildReport:
        hp = BuildHyperParameters()
        private_api.share_space(space, values, into=hp)
        cell = "".join(map(str, hosts.cell_of(self._task.parameters, values)))
        found = self._known[proxy_table.representatives()[cell]]
        proxies: Mapping[str, float] = {}
        if with_proxies:
            proxies = {name: found[name] for name in self.proxies}
        return BuildReport(
            tuple(map(key_of, hp.space)),
            hp,
            costs={"params": int(found["params"])},
            proxies=proxies,
        )


def correlations(task: Task, values: dict[str, float]) -> tuple[float, float]:
    """Returns how well a proxy ranks cells.

    Args:
        task: The table.
        values: Dict of cells to the proxy.

    Returns:
        Tuple of the rank correlations of the proxy with the score, of all
        cells and of the best of the table alone.
    """
    regrets = np.array([task.regret(tuple(map(int, cell))) for cell in values])
    proxy = np.array(list(values.values()))
    best = regrets <= np.quantile(task.means, TOP_SHARE)
    return proxy_table.rank_correlations(proxy, -regrets, best)


def correlations_table(known: Proxies, names: Sequence[str]) -> str:
    """Returns `correlations` of each table and proxy, in markdown."""
    cells = proxy_table.representatives().items()
    rows = []
    for name in names:
        row = [name]
        for proxy in RANKED:
            every, best = correlations(
                tasks.load_task(name),
                {cell: known[first][proxy] for cell, first in cells},
            )
            row.append(f"{every:.2f}, {best:.2f}")
        rows.append(row)
    return tables.table(["table", *RANKED], rows)


def run_seed(
    task: Task, seed: int, known: Proxies, inputs: str, budget: int
) -> results.Record:
    """Runs a search until the best cell was asked, or the budget is spent.

    Args:
        task: The table.
        seed: Integer.
        known: Dict of cells to their proxies, see `proxy_table`.
        inputs: String, one of `INPUTS`.
        budget: Integer, how many cells are asked at most.
    """
    dry_build = None
    if inputs == SHUFFLED:
        order = np.random.default_rng(seed).permutation(len(known))
        others = list(known.values())
        shuffled = {
            cell: others[i] for cell, i in zip(known, order, strict=True)
        }
        dry_build = TableBuild(task, shuffled, ["synflow"])
    elif inputs != NOTHING:
        dry_build = TableBuild(task, known, inputs.split(JOINT))
    return record_of(task, seed, transfer.run(task, seed, budget, dry_build))


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


def path_of(folder: pathlib.Path, inputs: str) -> pathlib.Path:
    return results.path(folder, f"evolution-{inputs}", TRACK)


def records_of(folder: pathlib.Path, inputs: str) -> Records:
    """Returns the recorded searches. Without a proxy, those of `race` count."""
    records = results.load(path_of(folder, inputs))
    if inputs == NOTHING:
        clean = results.load(results.path(folder, "evolution", "clean"))
        return {**clean, **records}
    return records


def queries_of(records: Records, task: str) -> dict[int, int]:
    """Returns the queries until the best cell for each seed.

    A search that has not found it counts as if the next query had.
    """
    return {
        seed: record.queries_to_best or record.evaluations + 1
        for (name, seed), record in records.items()
        if name == task
    }


def queries_table(
    folder: pathlib.Path, names: Sequence[str], inputs: Sequence[str]
) -> str:
    """Returns the mean queries until the best cell, and sign tests."""
    records = {one: records_of(folder, one) for one in (*inputs, NOTHING)}
    rows = []
    for name in names:
        without = queries_of(records[NOTHING], name)
        for one in inputs:
            found = queries_of(records[one], name)
            seeds = sorted(found.keys() & without.keys())
            if one == NOTHING or not seeds:
                continue
            pair = [
                [queries[seed] for seed in seeds]
                for queries in (found, without)
            ]
            rows.append(
                [
                    f"{name}, {one}",
                    str(len(seeds)),
                    *map(tables.mean_and_error, pair),
                    ", ".join(f"{np.median(queries):.0f}" for queries in pair),
                    str(SignTest.of(*pair)),
                ]
            )
    return tables.table(
        ["table, inputs", "seeds", "with", "without", "medians", "sooner"], rows
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Search with zero-cost proxies as inputs."
    )
    add = parser.add_argument
    add("--inputs", nargs="+", default=list(INPUTS), choices=INPUTS)
    add("--tasks", nargs="+", default=["nasbench201"], metavar="NAME")
    add("--seeds", type=parse_seeds, default=list(range(32)))
    add("--budget", type=int, default=200, metavar="TRIALS")
    add("--table", type=pathlib.Path, default=proxy_table.TABLE)
    add("--results", type=pathlib.Path, default=results.FOLDER)
    options = parser.parse_args(arguments)
    names = tasks.task_names(options.tasks)
    known = proxy_table.load(options.table)
    print(correlations_table(known, names), flush=True)
    recorded = {one: records_of(options.results, one) for one in options.inputs}
    for seed in options.seeds:
        for inputs in options.inputs:
            for name in names:
                if (name, seed) in recorded[inputs]:
                    continue
                task = tasks.load_task(name)
                record = run_seed(task, seed, known, inputs, options.budget)
                results.append(path_of(options.results, inputs), record)
                print(name, inputs, seed, record.queries_to_best, flush=True)
    print(queries_table(options.results, names, options.inputs))


if __name__ == "__main__":
    main()
