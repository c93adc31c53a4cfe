"""The oracles of Keras Tuner as searchers: the host's own, and ours.

They are driven as a tuner drives them, through their public calls:
`create_trial`, `update_trial`, `end_trial`, and `recommend` of ours.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from benchmarks.searcher import Loss
from benchmarks.searcher import Searcher
from benchmarks.tasks import Cell
from benchmarks.tasks import Parameter
from benchmarks.tasks import Task

if TYPE_CHECKING:
    from kt_evolution.proposals.dry_build import DryBuild

PROJECT = "race"


class OracleSearcher(Searcher):
    """Drives a `keras_tuner.Oracle`, with as many workers as ask at once.

    Args:
        oracle: A `keras_tuner.Oracle` whose objectives are those of
            `objectives`.
        task: The task, whose parameters the oracle knows by name.
        recommends: Boolean, whether the oracle has `recommend`.
    """

    def __init__(
        self, oracle: Any, task: Task, recommends: bool = False
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="race-")
        oracle.verbose = 0
        oracle._set_project_dir(self._folder.name, PROJECT)
        self._oracle = oracle
        self._recommends = recommends
        self._names = _metric_names(task)
        self._parameters = task.parameters
        self._running: dict[int, Any] = {}

    @property
    def project(self) -> str:
        """The folder of the oracle's project, there until `close`."""
        return os.path.join(self._folder.name, PROJECT)

    @property
    def history(self) -> Any:
        """The `History` of a search of ours."""
        return self._oracle.history

    def ask(self) -> Cell | None:
        worker = next(n for n in itertools.count() if n not in self._running)
        trial = self._oracle.create_trial(f"tuner{worker}")
        if trial.status != "RUNNING":
            return None
        self._running[worker] = trial
        return self._cell(trial)

    def tell(self, cell: Cell, loss: Loss) -> None:
        worker = next(
            n for n, t in self._running.items() if self._cell(t) == cell
        )
        trial = self._running.pop(worker)
        if not np.isfinite(loss).all():
            trial.status = "FAILED"
            self._oracle.end_trial(trial)
            return
        losses = np.atleast_1d(loss).tolist()
        metrics = dict(zip(self._names, losses, strict=True))
        if len(losses) > 1:
            # The host's name for the sum, which a tuner reports as well.
            metrics["multi_objective"] = sum(losses)
        self._oracle.update_trial(trial.trial_id, metrics)
        trial.status = "COMPLETED"
        self._oracle.end_trial(trial)

    def recommend(self) -> Cell | None:
        if not self._recommends:
            return None
        return self._cell(self._oracle.recommend(1)[0])

    def best(self) -> Cell:
        """Returns the cell of the best trial, as a tuner would."""
        return self._cell(self._oracle.get_best_trials(1)[0])

    def close(self) -> None:
        self._folder.cleanup()

    def _cell(self, trial: Any) -> Cell:
        return cell_of(self._parameters, trial.hyperparameters.values)


def cell_of(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> Cell:
    """Returns the cell of a grid that values stand for."""
    return tuple(one.values.index(values[one.name]) for one in parameters)


def objectives(task: Task) -> Any:
    """Returns the objective that is minimized, or a list of several."""
    import keras_tuner

    found = [keras_tuner.Objective(name, "min") for name in _metric_names(task)]
    return found if len(found) > 1 else found[0]


def _metric_names(task: Task) -> list[str]:
    if task.num_objectives == 1:
        return ["score"]
    return [f"score{number}" for number in range(task.num_objectives)]


def hyperparameters(task: Task, seed: int) -> Any:
    """Returns the grid as `keras_tuner.HyperParameters`.

    A table has no defaults, and the first value of every list is no choice
    that a user would make, so the default is a random cell of the seed: for
    a searcher that tries it first, a random first point.
    """
    import keras_tuner

    rng = np.random.default_rng([seed, 1])
    hp = keras_tuner.HyperParameters()
    for parameter in task.parameters:
        values = list(parameter.values)
        hp.Choice(
            parameter.name,
            values,
            ordered=parameter.ordered,
            default=values[rng.integers(len(values))],
        )
    return hp


def random_search(task: Task, seed: int, evaluations: int) -> OracleSearcher:
    from keras_tuner.oracles import RandomSearchOracle

    return _host_searcher(RandomSearchOracle, task, seed, evaluations)


def bayesian_optimization(task: Task, seed: int, evaluations: int) -> Searcher:
    from keras_tuner.oracles import BayesianOptimizationOracle

    return _host_searcher(BayesianOptimizationOracle, task, seed, evaluations)


def evolution(
    task: Task,
    seed: int,
    evaluations: int,
    dry_build: DryBuild | None = None,
    **options: Any,
) -> OracleSearcher:
    """Builds ours; `options` are arguments of `EvolutionOracle`.

    Args:
        task: The task.
        seed: Integer.
        evaluations: Integer, the number of trials.
        dry_build: The `DryBuild` that a tuner would have. Defaults to None.
        **options: The other arguments.
    """
    import kt_evolution

    oracle = kt_evolution.EvolutionOracle(
        objective=objectives(task),
        max_trials=evaluations,
        seed=seed,
        hyperparameters=hyperparameters(task, seed),
        **options,
    )
    oracle._proposer.check.dry_build = dry_build
    return OracleSearcher(oracle, task, recommends=True)


def _host_searcher(
    oracle_class: Any, task: Task, seed: int, evaluations: int
) -> OracleSearcher:
    import keras_tuner

    oracle = oracle_class(
        objective=keras_tuner.Objective("score", "min"),
        max_trials=evaluations,
        seed=seed + 1,  # The host takes 0 for "no seed".
        hyperparameters=hyperparameters(task, seed),
    )
    return OracleSearcher(oracle, task)
