"""Searchers that decide for how many epochs each training goes on: ours, and
those that need no library."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any

import numpy as np

from benchmarks.curve_tables import Choice
from benchmarks.curve_tables import CurveTable


@dataclasses.dataclass(frozen=True)
class Job:
    """A part of a training.

    Args:
        values: Dict of names to values.
        first: Integer, after how many epochs it starts.
        last: Integer, after how many epochs it ends.
        trial: The searcher's own name of the training.
    """

    values: dict[str, Any]
    first: int
    last: int
    trial: Any


class CurveSearcher(abc.ABC):
    """Asked for jobs by idle workers, and told their losses."""

    @abc.abstractmethod
    def ask(self, worker: int) -> Job | None:
        """Returns the next job of a worker, None if there is none now."""

    @abc.abstractmethod
    def tell(self, job: Job, losses: np.ndarray) -> None:
        """Reports the loss after each epoch of a job."""

    def close(self) -> None:  # noqa: B027
        """Frees what the searcher holds."""


class RandomSearcher(CurveSearcher):
    """Random configurations, each trained to the end."""

    def __init__(self, table: CurveTable, seed: int, budget: int) -> None:
        self._table = table
        self._rng = np.random.default_rng([seed, 0])

    def ask(self, worker: int) -> Job:
        return Job(self._table.random(self._rng), 0, self._table.epochs, None)

    def tell(self, job: Job, losses: np.ndarray) -> None:
        pass


class Asha(CurveSearcher):
    """Random configurations, promoted asynchronously by rank, factor 3.

    Reference:
        Li et al. (2020), "A System for Massively Parallel Hyperparameter
        Tuning", algorithm 2.
    """

    def __init__(self, table: CurveTable, seed: int, budget: int) -> None:
        self._table = table
        self._rng = np.random.default_rng([seed, 0])
        shares = (1 / 27, 1 / 9, 1 / 3, 1)
        epochs = {max(1, round(share * table.epochs)) for share in shares}
        self._rungs = sorted(epochs)
        self._scores: list[dict[int, float]] = [{} for _ in self._rungs]
        self._promoted: list[set[int]] = [set() for _ in self._rungs]
        self._values: list[dict[str, Any]] = []

    def ask(self, worker: int) -> Job:
        for rung in range(len(self._rungs) - 2, -1, -1):
            scores = self._scores[rung]
            best = sorted(scores, key=scores.__getitem__)
            for trial in best[: len(best) // 3]:
                if trial not in self._promoted[rung]:
                    self._promoted[rung].add(trial)
                    first, last = self._rungs[rung : rung + 2]
                    return Job(self._values[trial], first, last, trial)
        self._values.append(self._table.random(self._rng))
        trial = len(self._values) - 1
        return Job(self._values[trial], 0, self._rungs[0], trial)

    def tell(self, job: Job, losses: np.ndarray) -> None:
        rung = self._rungs.index(job.last)
        before = self._scores[rung - 1].get(job.trial) if rung else None
        best = losses.min() if before is None else min(losses.min(), before)
        self._scores[rung][job.trial] = float(best)


def space_of(table: CurveTable, seed: int) -> Any:
    """Returns a table's space; a random configuration is its default."""
    from kt_evolution.algorithm.space.genes import CategoricalGene
    from kt_evolution.algorithm.space.genes import ContinuousGene
    from kt_evolution.algorithm.space.genes import Gene
    from kt_evolution.algorithm.space.genes import OrdinalGene
    from kt_evolution.algorithm.space.integer_genes import IntegerGene
    from kt_evolution.algorithm.space.scales import IntegerScale
    from kt_evolution.algorithm.space.scales import Scale
    from kt_evolution.algorithm.space.search_space import SearchSpace

    default = table.random(np.random.default_rng([seed, 1]))
    genes: list[Gene] = []
    for one in table.parameters:
        value = default[one.name]
        if isinstance(one, Choice):
            is_text = isinstance(one.values[0], str)
            kind = CategoricalGene if is_text else OrdinalGene
            genes.append(kind(one.name, one.values, value))
        elif one.is_integer:
            numbers = range(int(one.low), int(one.high) + 1)
            if one.log:
                genes.append(
                    IntegerGene(one.name, IntegerScale(numbers, "log"), value)
                )
            else:
                genes.append(OrdinalGene(one.name, numbers, value))
        else:
            scale = Scale(one.low, one.high, "log" if one.log else "linear")
            genes.append(ContinuousGene(one.name, scale, value))
    return SearchSpace(genes)


class EvolutionSearcher(CurveSearcher):
    """Ours: `Evolution`, with a history and without Keras Tuner.

    Args:
        table: The table.
        seed: Integer.
        evolution: The `Evolution`.
    """

    def __init__(self, table: CurveTable, seed: int, evolution: Any) -> None:
        from kt_evolution.algorithm.history.history import History

        self._table = table
        self._seed = seed
        self._evolution = evolution
        self.history = History(space_of(table, seed))
        self._proposals = 0
        self._best: dict[str, float] = {}

    def ask(self, worker: int) -> Job | None:
        from kt_evolution.algorithm.history import rungs
        from kt_evolution.algorithm.history.individual import Individual

        history, epochs = self.history, self._table.epochs
        rng = np.random.default_rng([self._seed, self._proposals])
        found = self._evolution.propose(
            history, rng, seed=self._seed, max_epochs=epochs
        )
        if found is None:
            return None
        self._proposals += 1
        last = found.epochs or epochs
        if found.promotes is not None:
            one = history.individuals[found.promotes]
            trial, first = one.trial_id, one.epochs_reached
            rungs.promote(history, trial, last)
        else:
            trial, first = str(self._proposals), 0
            parents = [history.individuals[p].trial_id for p in found.parents]
            history.add(
                Individual(
                    found.genome,
                    trial_id=trial,
                    parents=tuple(parents),
                    operator=found.operator,
                    epochs=(last,) if found.epochs else (),
                )
            )
        return Job(history.space.decode(found.genome), first, last, trial)

    def tell(self, job: Job, losses: np.ndarray) -> None:
        from kt_evolution.algorithm.history import rungs
        from kt_evolution.algorithm.history.evaluations import Evaluation
        from kt_evolution.algorithm.history.individual import Status

        best = self._best.get(job.trial, np.inf)
        lowest = np.minimum(np.minimum.accumulate(losses), best)
        self._best[job.trial] = lowest[-1]
        fidelity = self._evolution.fidelity
        if fidelity is not None:
            for rung in fidelity.rungs(self._table.epochs)[:-1]:
                if job.first < rung <= job.last:
                    score = float(lowest[rung - job.first - 1])
                    rungs.reach(
                        self.history, job.trial, rung, Evaluation((score,))
                    )
        if job.last < self._table.epochs:
            rungs.pause(self.history, job.trial)
        else:
            self.history.finish(
                job.trial, Status.COMPLETED, [float(lowest[-1])]
            )


def evolution(
    table: CurveTable, seed: int, budget: int, **options: Any
) -> CurveSearcher:
    """Builds ours; `options` are arguments of `Evolution`."""
    from kt_evolution.algorithm.evolution import Evolution

    return EvolutionSearcher(table, seed, Evolution(**options))


def evolution_with_fidelity(
    table: CurveTable, seed: int, budget: int
) -> CurveSearcher:
    """Builds ours with its defaults for a fidelity."""
    from kt_evolution.algorithm.fidelity import SuccessiveHalving

    return evolution(table, seed, budget, fidelity=SuccessiveHalving())
