"""Searchers of other libraries, each given the space as it models it best.

An ordered parameter is an integer, the index on the table's grid; the grids
are even on the scale on which a user would search. One that isn't ordered is
categorical. Settings are the libraries' own defaults but for one: genetic
algorithms get a population of 20, since the usual 50 would spend half of a
budget of 100 on its random start (20 was better on the development half).
"""

from __future__ import annotations

import collections
import logging
import warnings
from typing import Any

import numpy as np

from benchmarks.searcher import Loss
from benchmarks.searcher import Searcher
from benchmarks.tasks import Cell
from benchmarks.tasks import Parameter
from benchmarks.tasks import Task

POPULATION_SIZE = 20


class OptunaSearcher(Searcher):
    """Asks and tells an Optuna study, kept in memory."""

    def __init__(self, sampler: Any, task: Task) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(
            sampler=sampler, directions=["minimize"] * task.num_objectives
        )
        self._parameters = task.parameters
        self._trials: collections.deque[Any] = collections.deque()

    def ask(self) -> Cell:
        trial = self._study.ask()
        cell = tuple(self._suggest(trial, p) for p in self._parameters)
        self._trials.append(trial)
        return cell

    def tell(self, cell: Cell, loss: Loss) -> None:
        self._study.tell(self._trials.popleft(), loss)

    @staticmethod
    def _suggest(trial: Any, parameter: Parameter) -> int:
        if parameter.ordered:
            last = len(parameter.values) - 1
            return int(trial.suggest_int(parameter.name, 0, last))
        value = trial.suggest_categorical(parameter.name, parameter.values)
        return parameter.values.index(value)


def optuna_tpe(task: Task, seed: int, evaluations: int) -> Searcher:
    import optuna

    return OptunaSearcher(optuna.samplers.TPESampler(seed=seed), task)


def optuna_gp(task: Task, seed: int, evaluations: int) -> Searcher:
    import optuna
    import torch

    torch.set_num_threads(1)
    return OptunaSearcher(optuna.samplers.GPSampler(seed=seed), task)


def optuna_nsga2(task: Task, seed: int, evaluations: int) -> Searcher:
    import optuna

    sampler = optuna.samplers.NSGAIISampler(
        seed=seed, population_size=POPULATION_SIZE
    )
    return OptunaSearcher(sampler, task)


class PymooSearcher(Searcher):
    """pymoo's genetic algorithm for mixed variables.

    With the survival of NSGA-II where there are several objectives.
    A generation is asked one by one and told as a whole.
    """

    def __init__(self, task: Task, seed: int, evaluations: int) -> None:
        from pymoo.core.mixed import MixedVariableGA
        from pymoo.core.problem import Problem
        from pymoo.core.variable import Choice
        from pymoo.core.variable import Integer
        from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

        variables = {
            parameter.name: Integer(bounds=(0, len(parameter.values) - 1))
            if parameter.ordered
            else Choice(options=list(range(len(parameter.values))))
            for parameter in task.parameters
        }
        self._names = [parameter.name for parameter in task.parameters]
        # Its own survival knows one objective only.
        options = (
            {"survival": RankAndCrowding()} if task.num_objectives > 1 else {}
        )
        self._algorithm = MixedVariableGA(pop_size=POPULATION_SIZE, **options)
        self._algorithm.setup(
            Problem(vars=variables, n_obj=task.num_objectives),
            termination=("n_eval", evaluations),
            seed=seed,
            verbose=False,
        )
        self._generation: Any = None
        self._losses: list[Loss] = []
        self._asked = 0

    def ask(self) -> Cell | None:
        if self._generation is None:
            self._generation = self._algorithm.ask()
            self._losses, self._asked = [], 0
        if self._generation is None or self._asked == len(self._generation):
            return None
        values = self._generation[self._asked].X
        self._asked += 1
        return tuple(int(values[name]) for name in self._names)

    def tell(self, cell: Cell, loss: Loss) -> None:
        self._losses.append(loss)
        if len(self._losses) < len(self._generation):
            return
        losses = np.array(self._losses).reshape(len(self._losses), -1)
        self._generation.set("F", losses)
        for individual in self._generation:
            individual.evaluated.add("F")
        self._algorithm.evaluator.n_eval += len(self._losses)
        self._algorithm.tell(infills=self._generation)
        self._generation = None


class NevergradSearcher(Searcher):
    """Nevergrad's portfolio for discrete spaces, told the budget.

    Its documentation names it for hyperparameters. The general NGOpt was
    worse on the development half: it takes unordered choices for continuous.
    """

    def __init__(self, task: Task, seed: int, evaluations: int) -> None:
        import nevergrad

        logging.getLogger("nevergrad").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", module="nevergrad")
        kinds = nevergrad.p.TransitionChoice, nevergrad.p.Choice
        space = nevergrad.p.Tuple(
            *(
                kinds[0 if parameter.ordered else 1](
                    list(range(len(parameter.values)))
                )
                for parameter in task.parameters
            )
        )
        space.random_state.seed(seed)
        optimizer = nevergrad.optimizers.PortfolioDiscreteOnePlusOne
        self._optimizer = optimizer(space, budget=evaluations, num_workers=1)
        self._candidates: collections.deque[Any] = collections.deque()

    def ask(self) -> Cell:
        candidate = self._optimizer.ask()
        self._candidates.append(candidate)
        return tuple(map(int, candidate.value))

    def tell(self, cell: Cell, loss: Loss) -> None:
        self._optimizer.tell(self._candidates.popleft(), loss)
