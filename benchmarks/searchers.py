"""The racers: every searcher behind the same ask and tell.

`SEARCHERS` is the registry: name -> how to build one. Those written here come
from papers and need numpy alone; `peers.py` wraps other libraries, `hosts.py`
the oracles of Keras Tuner, ours among them. Libraries are imported when a
searcher is built, so one that isn't installed only costs its own races.
"""

from __future__ import annotations

import abc
import collections
import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Iterator

import numpy as np

from benchmarks import hosts
from benchmarks import peers
from benchmarks.searcher import Loss
from benchmarks.searcher import Searcher
from benchmarks.tasks import Cell
from benchmarks.tasks import Task


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of the registry.

    Args:
        build: Called with the task, the seed and the number of evaluations.
        title: String, what tables and figures call it.
        packages: Names of the distributions whose versions are recorded.
        ours: Boolean, whether it is raced against the others, or is one of
            the others.
        workers: Integer, how many proposals are asked at once.
    """

    build: Callable[[Task, int, int], Searcher]
    title: str
    packages: tuple[str, ...] = ()
    ours: bool = False
    workers: int = 1


class GeneratorSearcher(Searcher):
    """A searcher written as a generator: yields cells, is sent losses."""

    def __init__(self, task: Task, seed: int, evaluations: int) -> None:
        del evaluations
        self.task = task
        self._search = self.search(np.random.default_rng([seed, 0]))
        self._next: Cell | None = next(self._search)

    @abc.abstractmethod
    def search(
        self, rng: np.random.Generator
    ) -> collections.abc.Generator[Cell, float, None]:
        """Yields a cell, receives its loss, and so on."""

    def ask(self) -> Cell | None:
        return self._next

    def tell(self, cell: Cell, loss: Loss) -> None:
        try:
            self._next = self._search.send(loss)
        except StopIteration:
            self._next = None

    def random_cell(self, rng: np.random.Generator) -> Cell:
        return tuple(int(rng.integers(size)) for size in self.task.sizes)


class RandomSearcher(GeneratorSearcher):
    """Cells in random order, none of them twice."""

    def search(
        self, rng: np.random.Generator
    ) -> collections.abc.Generator[Cell, float, None]:
        sizes = self.task.sizes
        for index in rng.permutation(int(np.prod(sizes))):
            yield tuple(map(int, np.unravel_index(index, sizes)))


class RegularizedEvolution(GeneratorSearcher):
    """Evolution in which the oldest dies.

    Nothing keeps a child from being a cell that was seen: the paper trains
    it again.

    Reference:
        Real et al. (2019), "Regularized evolution for image classifier
        architecture search", algorithm 1.
    """

    population_size = 30
    sample_size = 10

    def search(
        self, rng: np.random.Generator
    ) -> collections.abc.Generator[Cell, float, None]:
        population: collections.deque[tuple[float, Cell]] = collections.deque()
        while len(population) < self.population_size:
            cell = self.random_cell(rng)
            population.append(((yield cell), cell))
        while True:
            # With replacement, as the paper says.
            sample = rng.integers(len(population), size=self.sample_size)
            _, parent = min(population[index] for index in sample)
            child = self.mutate(parent, rng)
            population.append(((yield child), child))
            population.popleft()

    def mutate(self, cell: Cell, rng: np.random.Generator) -> Cell:
        """Gives one parameter another value, all of them equally likely."""
        sizes = self.task.sizes
        changed = int(rng.integers(len(sizes)))
        shift = int(rng.integers(1, sizes[changed]))
        child = list(cell)
        child[changed] = (child[changed] + shift) % sizes[changed]
        return tuple(child)


class LocalSearch(GeneratorSearcher):
    """Moves to the first better neighbor; starts anew at a local minimum.

    The best of ten random cells is the start, and no cell is asked twice,
    as in the code of the paper's authors. Neighbors differ in one
    parameter: by one step if it is ordered, by any value if not.

    Reference:
        White et al. (2021), "Exploring the loss landscape in neural
        architecture search", algorithm 1.
    """

    starts = 10

    def search(
        self, rng: np.random.Generator
    ) -> collections.abc.Generator[Cell, float, None]:
        size = int(np.prod(self.task.sizes))
        seen: set[Cell] = set()
        while len(seen) < size:
            scored: list[tuple[float, Cell]] = []
            while len(scored) < min(self.starts, size) and len(seen) < size:
                cell = self.random_cell(rng)
                if cell not in seen:
                    seen.add(cell)
                    scored.append(((yield cell), cell))
            best_loss, best = min(scored)
            improved = True
            while improved:
                improved = False
                neighbors = list(self.neighbors(best))
                for index in rng.permutation(len(neighbors)):
                    cell = neighbors[index]
                    if cell in seen:
                        continue
                    seen.add(cell)
                    loss = yield cell
                    if loss < best_loss:
                        best_loss, best, improved = loss, cell, True
                        break

    def neighbors(self, cell: Cell) -> Iterator[Cell]:
        for axis, parameter in enumerate(self.task.parameters):
            size, code = len(parameter.values), cell[axis]
            others = (
                [c for c in (code - 1, code + 1) if 0 <= c < size]
                if parameter.ordered
                else [c for c in range(size) if c != code]
            )
            for other in others:
                yield (*cell[:axis], other, *cell[axis + 1 :])


SEARCHERS: dict[str, Entry] = {
    "evolution": Entry(
        hosts.evolution, "EvolutionOracle", ("kt-evolution",), ours=True
    ),
    "evolution-pure": Entry(
        functools.partial(hosts.evolution, surrogate=None),
        "EvolutionOracle(surrogate=None)",
        ("kt-evolution",),
        ours=True,
    ),
    "evolution-8-workers": Entry(
        hosts.evolution,
        "EvolutionOracle, 8 workers",
        ("kt-evolution",),
        ours=True,
        workers=8,
    ),
    "random": Entry(RandomSearcher, "random"),
    "kt-random": Entry(
        hosts.random_search, "kt.RandomSearch", ("keras-tuner",)
    ),
    "kt-bayesian": Entry(
        hosts.bayesian_optimization,
        "kt.BayesianOptimization",
        ("keras-tuner", "scikit-learn"),
    ),
    "optuna-tpe": Entry(peers.optuna_tpe, "Optuna TPE", ("optuna",)),
    "optuna-gp": Entry(peers.optuna_gp, "Optuna GP", ("optuna", "torch")),
    "optuna-nsga2": Entry(peers.optuna_nsga2, "Optuna NSGA-II", ("optuna",)),
    "pymoo-ga": Entry(peers.PymooSearcher, "pymoo mixed GA", ("pymoo",)),
    "nevergrad": Entry(
        peers.NevergradSearcher, "Nevergrad portfolio", ("nevergrad",)
    ),
    "regularized-evolution": Entry(
        RegularizedEvolution, "regularized evolution"
    ),
    "local-search": Entry(LocalSearch, "local search"),
}


def get_entry(name: str) -> Entry:
    if name not in SEARCHERS:
        raise ValueError(
            f"A searcher must be one of {list(SEARCHERS)}. Received: {name}"
        )
    return SEARCHERS[name]
