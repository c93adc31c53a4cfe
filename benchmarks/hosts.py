"""The oracles of Keras Tuner as searchers: the host's own, and ours.

They are driven as a tuner drives them, through their public calls:
`create_trial`, `update_trial`, `end_trial`, and `recommend` of ours.
"""

from __future__ import annotations

import collections
import os
import tempfile
from typing import Any

from benchmarks.searcher import Searcher
from benchmarks.tasks import Cell
from benchmarks.tasks import Task

# Keras loads a backend that no race needs; this is the lightest to load.
os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class OracleSearcher(Searcher):
    """Drives a `keras_tuner.Oracle`, with as many workers as ask at once.

    Args:
        oracle: A `keras_tuner.Oracle` whose objective is `score`.
        task: The task, whose parameters the oracle knows by name.
        recommends: Boolean, whether the oracle has `recommend`.
    """

    def __init__(
        self, oracle: Any, task: Task, recommends: bool = False
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="race-")
        oracle.verbose = 0
        oracle._set_project_dir(self._folder.name, "race")
        self._oracle = oracle
        self._recommends = recommends
        self._parameters = task.parameters
        self._running: collections.deque[Any] = collections.deque()

    def ask(self) -> Cell | None:
        trial = self._oracle.create_trial(f"tuner{len(self._running)}")
        if trial.status != "RUNNING":
            return None
        self._running.append(trial)
        return self._cell(trial)

    def tell(self, cell: Cell, loss: float) -> None:
        trial = self._running.popleft()
        self._oracle.update_trial(trial.trial_id, {"score": loss})
        trial.status = "COMPLETED"
        self._oracle.end_trial(trial)

    def recommend(self) -> Cell | None:
        if not self._recommends:
            return None
        return self._cell(self._oracle.recommend(1)[0])

    def close(self) -> None:
        self._folder.cleanup()

    def _cell(self, trial: Any) -> Cell:
        values = trial.hyperparameters.values
        return tuple(
            parameter.values.index(values[parameter.name])
            for parameter in self._parameters
        )


def hyperparameters(task: Task) -> Any:
    """Returns the grid as `keras_tuner.HyperParameters`.

    No defaults are given: a table has none. A searcher that tries the
    defaults first gets the first value of every list.
    """
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    for parameter in task.parameters:
        hp.Choice(
            parameter.name,
            list(parameter.values),
            ordered=parameter.ordered,
        )
    return hp


def random_search(task: Task, seed: int, evaluations: int) -> Searcher:
    from keras_tuner.oracles import RandomSearchOracle

    return _host_searcher(RandomSearchOracle, task, seed, evaluations)


def bayesian_optimization(task: Task, seed: int, evaluations: int) -> Searcher:
    from keras_tuner.oracles import BayesianOptimizationOracle

    return _host_searcher(BayesianOptimizationOracle, task, seed, evaluations)


def evolution(
    task: Task, seed: int, evaluations: int, **options: Any
) -> Searcher:
    """Builds ours; `options` are arguments of `EvolutionOracle`."""
    import keras_tuner

    import kt_evolution

    oracle = kt_evolution.EvolutionOracle(
        objective=keras_tuner.Objective("score", "min"),
        max_trials=evaluations,
        seed=seed,
        hyperparameters=hyperparameters(task),
        **options,
    )
    return OracleSearcher(oracle, task, recommends=True)


def _host_searcher(
    oracle_class: Any, task: Task, seed: int, evaluations: int
) -> Searcher:
    import keras_tuner

    oracle = oracle_class(
        objective=keras_tuner.Objective("score", "min"),
        max_trials=evaluations,
        seed=seed + 1,  # The host takes 0 for "no seed".
        hyperparameters=hyperparameters(task),
    )
    return OracleSearcher(oracle, task)
