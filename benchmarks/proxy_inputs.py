"""What zero-cost proxies are worth as inputs of the surrogate.

Example:

```
OMP_NUM_THREADS=1 python -m benchmarks.proxy_inputs --seeds 0-31
```

The Gaussian process of the search gets a linear function of the proxies as its
prior mean, whose weights the scores decide. Of the cells of NAS-Bench-201 the
one with the largest expected improvement is asked next, until the best one was.
A real search has to build a model to know its proxies, so the proxies are known
of all cells, which is the most that they can be worth, or only of the
`--candidates` best ones by a Gaussian process that knows no proxies. The first
`NUM_INITIAL` cells are random ones; with proxies, each is the best of as many
random ones by the prior mean. Searches that are recorded already are skipped.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import pathlib
from collections.abc import Sequence

import keras_tuner as kt
import numpy as np
from scipy.stats import norm
from scipy.stats import rankdata

from benchmarks import proxy_table
from benchmarks import results
from benchmarks import tables
from benchmarks import tasks
from benchmarks.proxy_race import NOTHING
from benchmarks.proxy_race import Proxies
from benchmarks.proxy_race import comparison
from benchmarks.proxy_race import queries_of
from benchmarks.proxy_race import record_of
from benchmarks.proxy_race import values_of
from benchmarks.race import parse_seeds
from benchmarks.tasks import Task
from benchmarks.transfer import Outcome
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.algorithm.surrogate.expected_improvement import (
    log_expected_improvement,
)
from kt_evolution.algorithm.surrogate.gaussian_process import GaussianProcess
from kt_evolution.algorithm.surrogate.prior_mean import PriorMean
from kt_evolution.keras_tuner_bridge.encoding import genes_of

TRACK = "proxy-inputs"
INPUTS = {
    NOTHING: (),
    "synflow": ("synflow",),
    "naswot": ("naswot",),
    "synflow+naswot": ("synflow", "naswot"),
    "all": ("synflow", "naswot", "params"),
}
NUM_INITIAL = 5


@functools.cache
def cells() -> list[str]:
    return list(proxy_table.representatives())


@functools.cache
def encoded() -> tuple[SearchSpace, np.ndarray]:
    """Returns the space of the cells, and the genomes of all of them."""
    hp = kt.HyperParameters()
    digits = sorted({digit for cell in cells() for digit in cell})
    for edge in range(len(cells()[0])):
        hp.Choice(f"edge_{edge}", digits)
    space = SearchSpace(genes_of(hp.space))
    values = (
        {f"edge_{i}": digit for i, digit in enumerate(cell)} for cell in cells()
    )
    return space, np.array([space.encode(one) for one in values])


@functools.cache
def positions() -> dict[bytes, int]:
    """Returns where a genome, as bytes, is among those of all cells."""
    _, genomes = encoded()
    return {row.tobytes(): i for i, row in enumerate(genomes)}


def columns_of(proxies: Proxies, names: Sequence[str]) -> np.ndarray:
    """Returns a column for each proxy, lower is better.

    The ranks of all cells are spread as a standard normal distribution.
    """
    columns = np.empty((len(cells()), len(names)))
    for i, name in enumerate(names):
        values = values_of(proxies, name)
        worst_first = rankdata([values[cell] for cell in cells()])
        columns[:, i] = -norm.ppf((worst_first - 0.5) / len(worst_first))
    return columns


@dataclasses.dataclass(frozen=True)
class Search:
    """A search of a table until its best cell was asked.

    Args:
        regrets: Float array, the regret of each cell.
        columns: Float array, the proxies of each cell; none for a search
            without them.
        num_candidates: Int, of how many cells the proxies are known in each
            step. None for all.
    """

    regrets: np.ndarray
    columns: np.ndarray
    num_candidates: int | None

    def __call__(self, seed: int, budget: int) -> list[int]:
        """Returns the positions of the cells that were asked."""
        rng = np.random.default_rng([seed, 5])
        asked: list[int] = []
        while len(asked) < budget:
            unknown = np.setdiff1d(np.arange(len(self.regrets)), asked)
            if len(asked) < NUM_INITIAL:
                found = self._initial(rng.permutation(unknown))
            else:
                found = self._next(np.array(asked), unknown)
            asked.append(found)
            if self.regrets[found] == 0.0:
                break
        return asked

    def _initial(self, order: np.ndarray) -> int:
        if not self.columns.shape[1]:
            return int(order[0])
        known = order[: self.num_candidates]
        expected = PriorMean.expected(self.columns[known])
        return int(known[np.argmin(expected)])

    def _next(self, asked: np.ndarray, unknown: np.ndarray) -> int:
        if self.num_candidates is not None and self.columns.shape[1]:
            plain = np.empty((len(self.columns), 0))
            gains = self._gains(plain, asked, unknown)
            best = np.argsort(-gains, kind="stable")[: self.num_candidates]
            unknown = unknown[best]
        gains = self._gains(self.columns, asked, unknown)
        return int(unknown[np.argmax(gains)])

    def _gains(
        self, columns: np.ndarray, asked: np.ndarray, unknown: np.ndarray
    ) -> np.ndarray:
        space, genomes = encoded()
        expressed = np.ones(genomes.shape, dtype=bool)
        position = positions()

        def column(number: int, rows: np.ndarray, _: np.ndarray) -> np.ndarray:
            return columns[[position[row.tobytes()] for row in rows], number]

        posterior = GaussianProcess().fit(
            space,
            genomes[asked],
            expressed[asked],
            self.regrets[asked],
            prior_mean=PriorMean(
                tuple(
                    functools.partial(column, number)
                    for number in range(columns.shape[1])
                )
            ),
        )
        mean, std = posterior.predict(genomes[unknown], expressed[unknown])
        return log_expected_improvement(mean, std, posterior.best)


def run_seed(
    task: Task,
    seed: int,
    columns: np.ndarray,
    num_candidates: int | None,
    budget: int,
) -> results.Record:
    """Runs a search, and returns its record."""
    regrets = np.array([task.regret(tuple(map(int, cell))) for cell in cells()])
    asked = Search(regrets, columns, num_candidates)(seed, budget)
    return record_of(task, seed, Outcome(np.minimum.accumulate(regrets[asked])))


def path_of(
    folder: pathlib.Path, inputs: str, num_candidates: int | None
) -> pathlib.Path:
    if inputs == NOTHING:
        return results.path(folder, NOTHING, TRACK)
    known = num_candidates or "all"
    return results.path(folder, f"{inputs}-of-{known}", TRACK)


def report(
    folder: pathlib.Path,
    names: Sequence[str],
    inputs: Sequence[str],
    candidates: Sequence[int | None],
) -> str:
    """Returns the mean queries until the best cell, and sign tests."""
    others = results.load(path_of(folder, NOTHING, None))
    rows = []
    for name in names:
        without = queries_of(others, name)
        for one in inputs:
            for known in candidates:
                if one == NOTHING:
                    continue
                records = results.load(path_of(folder, one, known))
                rows += comparison(
                    f"{name}, {one}, {known or 'all'}",
                    queries_of(records, name),
                    without,
                )
    head = ["table, inputs, known", "seeds", "with", "without", "medians"]
    return tables.table([*head, "sooner"], rows)


def parse_candidates(text: str) -> int | None:
    return None if text == "all" else int(text)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Search with zero-cost proxies as inputs."
    )
    add = parser.add_argument
    add("--inputs", nargs="+", default=list(INPUTS), choices=INPUTS)
    add(
        "--candidates",
        nargs="+",
        type=parse_candidates,
        default=[None, 16],
        metavar="CELLS",
    )
    add("--tasks", nargs="+", default=["nasbench201"], metavar="NAME")
    add("--seeds", type=parse_seeds, default=list(range(32)))
    add("--budget", type=int, default=150, metavar="TRIALS")
    add("--table", type=pathlib.Path, default=proxy_table.TABLE)
    add("--results", type=pathlib.Path, default=results.FOLDER)
    options = parser.parse_args(arguments)
    names = tasks.task_names(options.tasks)
    proxies = proxy_table.load(options.table)
    inputs = list(dict.fromkeys([NOTHING, *options.inputs]))
    for seed in options.seeds:
        for one in inputs:
            columns = columns_of(proxies, INPUTS[one])
            for known in [None] if one == NOTHING else options.candidates:
                path = path_of(options.results, one, known)
                recorded = results.load(path)
                for name in names:
                    if (name, seed) in recorded:
                        continue
                    task = tasks.load_task(name)
                    record = run_seed(
                        task, seed, columns, known, options.budget
                    )
                    results.append(path, record)
    print(report(options.results, names, inputs, options.candidates))


if __name__ == "__main__":
    main()
