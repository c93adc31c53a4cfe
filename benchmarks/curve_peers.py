"""Other libraries' searchers that stop or resume trainings."""

from __future__ import annotations

import math
import tempfile
from typing import Any

import numpy as np

from benchmarks.curve_searchers import CurveSearcher
from benchmarks.curve_searchers import Job
from benchmarks.curve_tables import Choice
from benchmarks.curve_tables import CurveTable


class HyperbandSearcher(CurveSearcher):
    """Keras Tuner's `HyperbandOracle`, with as many iterations as needed."""

    def __init__(self, table: CurveTable, seed: int, budget: int) -> None:
        import keras_tuner

        self._table = table
        self._folder = tempfile.TemporaryDirectory(prefix="race-")
        self._oracle = keras_tuner.oracles.HyperbandOracle(
            objective=keras_tuner.Objective("loss", "min"),
            max_epochs=table.epochs,
            hyperband_iterations=1000,
            seed=seed + 1,  # The host takes 0 for "no seed".
            hyperparameters=_hyperparameters(table),
        )
        self._oracle.verbose = 0
        self._oracle._set_project_dir(self._folder.name, "race")

    def ask(self, worker: int) -> Job | None:
        trial = self._oracle.create_trial(f"tuner{worker}")
        if trial.status != "RUNNING":
            return None
        values = trial.hyperparameters.values
        first, last = values["tuner/initial_epoch"], values["tuner/epochs"]
        return Job(_inner(values, self._table), first, last, trial)

    def tell(self, job: Job, losses: np.ndarray) -> None:
        trial = job.trial
        loss = float(losses.min())
        self._oracle.update_trial(trial.trial_id, {"loss": loss})
        trial.status = "COMPLETED"
        self._oracle.end_trial(trial)

    def close(self) -> None:
        self._folder.cleanup()


def _hyperparameters(table: CurveTable) -> Any:
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    for one in table.parameters:
        if isinstance(one, Choice):
            hp.Choice(one.name, list(one.values))
        else:
            declare = hp.Int if one.is_integer else hp.Float
            sampling = "log" if one.log else "linear"
            declare(one.name, one.low, one.high, sampling=sampling)
    return hp


def _inner(values: dict[str, Any], table: CurveTable) -> dict[str, Any]:
    return {one.name: values[one.name] for one in table.parameters}


class OptunaSearcher(CurveSearcher):
    """Optuna's TPE with a pruner, which is asked after every epoch."""

    def __init__(self, table: CurveTable, seed: int, pruner: Any) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._table = table
        # The Hyperband pruner assigns trials to brackets by the study's name.
        self._study = optuna.create_study(
            study_name=f"race-{seed}",
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=pruner,
        )
        self._running: dict[int, Job] = {}
        self._best: dict[int, float] = {}

    def ask(self, worker: int) -> Job:
        if worker in self._running:
            return self._running[worker]
        trial = self._study.ask()
        values = {
            one.name: _suggest(trial, one) for one in self._table.parameters
        }
        return Job(values, 0, 1, (worker, trial))

    def tell(self, job: Job, losses: np.ndarray) -> None:
        import optuna

        worker, trial = job.trial
        best = min(self._best.get(trial.number, np.inf), float(losses[-1]))
        self._best[trial.number] = best
        trial.report(best, job.last)
        self._running.pop(worker, None)
        if job.last == self._table.epochs:
            self._study.tell(trial, best)
        elif trial.should_prune():
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            self._running[worker] = Job(
                job.values, job.last, job.last + 1, job.trial
            )


def _suggest(trial: Any, one: Any) -> Any:
    if isinstance(one, Choice):
        if isinstance(one.values[0], str):
            return trial.suggest_categorical(one.name, one.values)
        index = trial.suggest_int(one.name, 0, len(one.values) - 1)
        return one.values[index]
    suggest = trial.suggest_int if one.is_integer else trial.suggest_float
    return suggest(one.name, one.low, one.high, log=one.log)


def optuna_hyperband(
    table: CurveTable, seed: int, budget: int
) -> CurveSearcher:
    import optuna

    lowest = max(1, round(table.epochs / 27))
    pruner = optuna.pruners.HyperbandPruner(lowest, table.epochs, 3)
    return OptunaSearcher(table, seed, pruner)


def optuna_median(table: CurveTable, seed: int, budget: int) -> CurveSearcher:
    import optuna

    return OptunaSearcher(table, seed, optuna.pruners.MedianPruner())


class DehbSearcher(CurveSearcher):
    """DEHB, which restarts a training at each fidelity.

    It names no training that could go on, but one whose values it has asked
    for before, at a lower fidelity, is not trained from its start again.
    """

    def __init__(self, table: CurveTable, seed: int, budget: int) -> None:
        import ConfigSpace
        import dehb
        from loguru import logger

        logger.remove()
        self._table = table
        space = ConfigSpace.ConfigurationSpace(seed=seed)
        for one in table.parameters:
            if isinstance(one, Choice) and isinstance(one.values[0], str):
                made = ConfigSpace.CategoricalHyperparameter(
                    one.name, list(one.values)
                )
            elif isinstance(one, Choice):
                made = ConfigSpace.OrdinalHyperparameter(
                    one.name, list(one.values)
                )
            elif one.is_integer:
                made = ConfigSpace.UniformIntegerHyperparameter(
                    one.name, one.low, one.high, log=one.log
                )
            else:
                made = ConfigSpace.UniformFloatHyperparameter(
                    one.name, one.low, one.high, log=one.log
                )
            space.add(made)
        self._folder = tempfile.TemporaryDirectory(prefix="race-")
        lowest = max(1, round(table.epochs / 27))
        self._dehb = dehb.DEHB(
            f=lambda *_: None,
            cs=space,
            min_fidelity=lowest,
            max_fidelity=table.epochs,
            eta=3,
            n_workers=1,
            seed=seed,
            output_path=self._folder.name,
        )
        self._reached: dict[tuple[Any, ...], int] = {}

    def ask(self, worker: int) -> Job:
        info = self._dehb.ask()
        values = {
            one.name: _native(info["config"][one.name])
            for one in self._table.parameters
        }
        last = min(math.ceil(info["fidelity"] - 1e-9), self._table.epochs)
        first = min(self._reached.get(tuple(values.values()), 0), last)
        return Job(values, first, last, info)

    def tell(self, job: Job, losses: np.ndarray) -> None:
        self._reached[tuple(job.values.values())] = job.last
        whole = self._table.curve(job.values)[: job.last]
        result = {"fitness": float(whole.min()), "cost": job.last - job.first}
        self._dehb.tell(job.trial, result)

    def close(self) -> None:
        self._folder.cleanup()


def _native(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
