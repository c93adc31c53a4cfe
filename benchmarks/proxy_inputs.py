"""What zero-cost proxies are worth to a search that has them as inputs.

Example:

```
python -m benchmarks.proxy_inputs --seeds 0-31
```

A search of ours with `measure=["synflow"]`, or with other proxies, asks the
cells of NAS-Bench-201 until it has asked the best one of the table. In place of
building a cell its proxies are looked up in the table of
`benchmarks/proxy_table.py`, so hundreds of searches take minutes. All else is
as in a search of real models. "shuffled" is a SynFlow that misleads: each cell
has that of another one. The same search without proxies is that of
`benchmarks/race.py`. Searches that are recorded already are skipped. The sign
tests are one-sided; ties are left out.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
import numpy as np

from benchmarks import proxy_table
from benchmarks import results
from benchmarks import tables
from benchmarks import tasks
from benchmarks import transfer
from benchmarks.proxy_race import NOTHING
from benchmarks.proxy_race import Proxies
from benchmarks.proxy_race import comparison
from benchmarks.proxy_race import queries_of
from benchmarks.proxy_race import record_of
from benchmarks.proxy_race import records_of
from benchmarks.race import parse_seeds
from benchmarks.tasks import Task
from kt_evolution.costs.measurement import PROXIES
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.encoding import key_of
from kt_evolution.proposals.dry_build import BuildHyperParameters
from kt_evolution.proposals.dry_build import BuildReport
from kt_evolution.proposals.dry_build import DryBuild

TRACK = "proxy-inputs"
JOINT = "+"
SHUFFLED = "shuffled"
INPUTS = (*PROXIES, JOINT.join(PROXIES), SHUFFLED)


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
        cell = "".join(
            str(parameter.values.index(values[parameter.name]))
            for parameter in self._task.parameters
        )
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


def run_seed(
    task: Task, seed: int, known: Proxies, inputs: str, budget: int
) -> results.Record:
    """Runs a search until the best cell was asked, or the budget is spent."""
    names = inputs.split(JOINT)
    if inputs == SHUFFLED:
        order = np.random.default_rng(seed).permutation(len(known))
        proxies = list(known.values())
        known = {
            cell: proxies[other]
            for cell, other in zip(known, order, strict=True)
        }
        names = ["synflow"]
    dry_build = TableBuild(task, known, names)
    return record_of(task, seed, transfer.run(task, seed, budget, dry_build))


def path_of(folder: pathlib.Path, inputs: str) -> pathlib.Path:
    return results.path(folder, f"evolution-{inputs}", TRACK)


def report(
    folder: pathlib.Path, names: Sequence[str], inputs: Sequence[str]
) -> str:
    """Returns the mean queries until the best cell, and sign tests."""
    others = records_of(folder, NOTHING)
    rows = []
    for name in names:
        without = queries_of(others, name)
        for one in inputs:
            queries = queries_of(results.load(path_of(folder, one)), name)
            rows += comparison(f"{name}, {one}", queries, without)
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
    for seed in options.seeds:
        for inputs in options.inputs:
            path = path_of(options.results, inputs)
            recorded = results.load(path)
            for name in names:
                if (name, seed) in recorded:
                    continue
                task = tasks.load_task(name)
                record = run_seed(task, seed, known, inputs, options.budget)
                results.append(path, record)
                print(name, inputs, seed, record.queries_to_best, flush=True)
    print(report(options.results, names, options.inputs))


if __name__ == "__main__":
    main()
