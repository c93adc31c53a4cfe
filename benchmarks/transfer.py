"""What a search on other data is worth: with it, without it, and misled by it.

Example:

```
python -m benchmarks.transfer \
    --pairs nasbench201/cifar10:nasbench201/imagenet --seeds 0-7
```

For each seed a search of ours runs on the first table of a pair. Then four
searches run on the second one: with `Transfer` from the first, from nothing,
and with `Transfer` from two searches of the same cells that mislead. In one
the scores were shuffled among the cells, in the other the best cell has the
worst score. Each ends once it has asked the best cell of the table. The sign
tests are one-sided; ties are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import kt_evolution
from benchmarks import hosts
from benchmarks import tasks
from benchmarks.race import parse_seeds
from benchmarks.signs import SignTest
from benchmarks.tasks import Cell
from benchmarks.tasks import Task
from kt_evolution.proposals.dry_build import DryBuild

PAIRS = (
    "nasbench201/cifar10:nasbench201/imagenet",
    "hpolib/protein_structure:hpolib/slice_localization",
)
STARTS = ("transfer", "shuffled", "reversed", "nothing")
# After how many trials the regrets are compared.
CHECKPOINTS = (1, 5, 10, 20, 40)
# The searches on the first table have other seeds than those on the second.
PAST_SEED = 500


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A search on the second table.

    Args:
        regrets: Float array, the best regret after each trial.
    """

    regrets: np.ndarray

    @property
    def queries(self) -> float:
        """The trial that asked the best cell, infinite if none did."""
        found = np.flatnonzero(self.regrets == 0.0)
        return float(found[0]) + 1.0 if len(found) else math.inf

    def regret_after(self, trials: int) -> float:
        """Returns the best regret after so many trials."""
        return float(self.regrets[: min(trials, len(self.regrets))][-1])


def run_seed(
    source: Task, target: Task, seed: int, past_trials: int, budget: int
) -> dict[str, Outcome]:
    """Runs the past search, and those that follow it."""
    outcomes = {}
    with contextlib.ExitStack() as stack:
        past = hosts.evolution(source, PAST_SEED + seed, past_trials)
        stack.enter_context(contextlib.closing(past))
        cells = []
        while (cell := past.ask()) is not None:
            past.tell(cell, source.regret(cell))
            cells.append(cell)
        projects = {"transfer": past.project}
        scores = [source.regret(cell) for cell in cells]
        shuffled = np.random.default_rng(seed).permutation(scores).tolist()
        for start, wrong in (
            ("shuffled", shuffled),
            ("reversed", [-score for score in scores]),
        ):
            searcher = replayed(source, cells, wrong)
            stack.enter_context(contextlib.closing(searcher))
            projects[start] = searcher.project
        for start in STARTS:
            past_search = None
            if start in projects:
                past_search = kt_evolution.Transfer(projects[start])
            outcomes[start] = run(target, seed, budget, warm_start=past_search)
    return outcomes


def values_of_cells(task: Task, cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Returns the values that cells of a table stand for."""
    return [
        {
            parameter.name: parameter.values[index]
            for parameter, index in zip(task.parameters, cell, strict=True)
        }
        for cell in cells
    ]


def replayed(
    task: Task, cells: Sequence[Cell], scores: Sequence[float]
) -> hosts.OracleSearcher:
    """Returns a search that asked given cells and was told given scores."""
    searcher = hosts.evolution(
        task,
        0,
        len(cells),
        initial_population=values_of_cells(task, cells),
    )
    for score in scores:
        searcher.tell(searcher.ask(), score)
    return searcher


def run(
    task: Task,
    seed: int,
    budget: int,
    dry_build: DryBuild | None = None,
    **options: Any,
) -> Outcome:
    """Searches until the best cell was asked, or the budget is spent.

    `options` are arguments of `EvolutionOracle`.
    """
    regrets: list[float] = []
    searcher = hosts.evolution(task, seed, budget, dry_build, **options)
    with contextlib.closing(searcher):
        while not regrets or regrets[-1] > 0.0:
            cell = searcher.ask()
            if cell is None:
                break
            regrets.append(task.regret(cell))
            searcher.tell(cell, regrets[-1])
    return Outcome(np.minimum.accumulate(regrets))


def queries_table(found: dict[int, dict[str, Outcome]], budget: int) -> str:
    """Returns the trials until the best cell, in markdown."""
    lines = [
        f"| seed | {' | '.join(STARTS)} |",
        "| --- |" + " ---: |" * len(STARTS),
    ]
    for seed, outcomes in found.items():
        shown = [
            f"{queries:.0f}" if queries <= budget else f"> {budget}"
            for queries in (outcomes[start].queries for start in STARTS)
        ]
        lines.append(f"| {seed} | {' | '.join(shown)} |")
    means = []
    for start in STARTS:
        queries = [one[start].queries for one in found.values()]
        bound = ">= " if max(queries) > budget else ""
        means.append(f"{bound}{np.minimum(queries, budget).mean():.1f}")
    return "\n".join([*lines, f"| mean | {' | '.join(means)} |"])


def regrets_table(found: dict[int, dict[str, Outcome]], budget: int) -> str:
    """Returns the mean regrets after some trials, in markdown."""
    lines = [
        f"| trials | {' | '.join(STARTS)} |",
        "| --- |" + " ---: |" * len(STARTS),
    ]
    for trials in CHECKPOINTS:
        if trials <= budget:
            means = [
                np.mean([one[s].regret_after(trials) for one in found.values()])
                for s in STARTS
            ]
            shown = " | ".join(f"{mean:.4f}" for mean in means)
            lines.append(f"| {trials} | {shown} |")
    return "\n".join(lines)


def sign_test(
    found: dict[int, dict[str, Outcome]], start: str, trials: int
) -> SignTest:
    """Compares a start with nothing, by the regret after so many trials."""
    return SignTest.of(
        *(
            [one[name].regret_after(trials) for one in found.values()]
            for name in (start, "nothing")
        )
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Compare searches with and without a search on other data."
    )
    add = parser.add_argument
    add("--pairs", nargs="+", default=list(PAIRS), metavar="SOURCE:TARGET")
    add("--seeds", type=parse_seeds, default=list(range(8)))
    add("--past", type=int, default=100, metavar="TRIALS")
    add("--budget", type=int, default=150, metavar="TRIALS")
    options = parser.parse_args(arguments)
    for pair in options.pairs:
        source, target = (tasks.load_task(name) for name in pair.split(":"))
        found: dict[int, dict[str, Outcome]] = {}
        for seed in options.seeds:
            found[seed] = run_seed(
                source, target, seed, options.past, options.budget
            )
            queries = {s: one.queries for s, one in found[seed].items()}
            print(f"{pair}, seed {seed}: {queries}", flush=True)
        print(f"### {pair}\n\n{queries_table(found, options.budget)}\n")
        print(f"{regrets_table(found, options.budget)}\n")
        for start in STARTS[:-1]:
            sooner = SignTest.of(
                *(
                    [one[name].queries for one in found.values()]
                    for name in (start, "nothing")
                )
            )
            print(f"- {start}, trials until the best: {sooner}")
            for trials in CHECKPOINTS:
                if trials <= options.budget:
                    test = sign_test(found, start, trials)
                    print(f"- {start} after {trials} trials: {test}")
        print(flush=True)


if __name__ == "__main__":
    main()
