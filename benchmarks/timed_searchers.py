"""The searchers of the race by time.

All train on the same rows in batches of the same size, each model for at most
as many epochs as the task has. A searcher has its library's own defaults. Ours
is told how much time it has, which the others can't be.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any
from unittest import mock

import keras
import keras_tuner as kt

import kt_evolution
from benchmarks.autokeras_searcher import autokeras
from benchmarks.nas_baselines import first_model
from benchmarks.nas_budget import trained_on_known
from benchmarks.nas_tasks import Data
from benchmarks.nas_tasks import Task
from benchmarks.timed_tasks import BATCH_SIZE
from benchmarks.timed_watch import Watch
from benchmarks.whole_time import default
from benchmarks.whole_time import residual_network
from kt_evolution.project import clock

Searcher = Callable[[Task, Data, Watch, int, pathlib.Path], None]


def evolution(**options: Any) -> Searcher:
    """Returns ours, with some arguments of `EvolutionTuner`."""

    def search(
        task: Task, data: Data, watch: Watch, seed: int, folder: pathlib.Path
    ) -> None:
        # Weights are not inherited across folds.
        folds = None if options.get("inherit_weights") else task.folds
        watched = (
            _watched(kt_evolution.EvolutionTuner, watch)
            if folds is None
            else _watched_folds(watch, data)
        )
        tuner = watched(
            task.space(data),
            objective=task.objective,
            max_trials=task.trials,
            cross_validation=folds,
            seed=seed,
            directory=folder,
            stop=kt_evolution.TimeBudget(seconds=watch.budget),
            **options,
        )
        # The time of the search is that of the watch at the last epoch.
        with mock.patch.object(clock, "monotonic", lambda: watch.last_look):
            if folds is None:
                _search(tuner, task, data)
            else:
                tuner.search(
                    *data.known,
                    epochs=task.epochs,
                    batch_size=BATCH_SIZE,
                    verbose=0,
                )

    return search


def of_host(base: type[kt.Tuner], **options: Any) -> Searcher:
    """Returns a tuner of Keras Tuner."""

    def search(
        task: Task, data: Data, watch: Watch, seed: int, folder: pathlib.Path
    ) -> None:
        budget = (
            {"max_epochs": task.epochs, "hyperband_iterations": task.trials}
            if base is kt.Hyperband
            else {"max_trials": task.trials}
        )
        tuner = _watched(base, watch)(
            task.space(data),
            objective=task.objective,
            # Keras Tuner takes 0 for no seed, and nearby seeds behave alike.
            seed=1 + 1000 * seed,
            max_consecutive_failed_trials=task.trials,
            directory=folder,
            **budget,
        )
        _search(tuner, task, data)

    return search


def _watched(base: Any, watch: Watch) -> Any:
    class Watched(base):
        def on_epoch_end(
            self, trial: Any, model: Any, epoch: int, logs: Any = None
        ) -> None:
            super().on_epoch_end(trial, model, epoch, logs)
            watch.on_epoch_end(model, logs)

    return Watched


def _watched_folds(watch: Watch, data: Data) -> Any:
    """Returns our tuner, which trains each best model on the rows of all folds.

    The time for that counts.
    """

    class Watched(kt_evolution.EvolutionTuner):
        def on_epoch_end(
            self, trial: Any, model: Any, epoch: int, logs: Any = None
        ) -> None:
            super().on_epoch_end(trial, model, epoch, logs)
            watch.count_epoch(model)

        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            ended = self.oracle.get_trial(trial.trial_id)
            if ended.status != "COMPLETED" or not watch.is_best(ended.score):
                return
            model = trained_on_known(
                data,
                self.hypermodel,
                ended,
                BATCH_SIZE,
                [_CountEpochs(watch)],
            )
            watch.on_best(watch.seconds, ended.score, model)

    return Watched


class _CountEpochs(keras.callbacks.Callback):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._watch.count_epoch(self.model)


def _search(tuner: kt.Tuner, task: Task, data: Data) -> None:
    tuner.search(
        *data.train,
        validation_data=data.validation,
        epochs=task.epochs,
        batch_size=BATCH_SIZE,
        verbose=0,
    )


def usual(
    task: Task, data: Data, watch: Watch, seed: int, folder: pathlib.Path
) -> None:
    """Fits the usual first model for such data, with its default values."""
    if task.kind == "images":
        residual_network(task, data, watch)
        return
    model = first_model(task, seed)
    model.fit(*data.train)
    watch.on_fit(model)


class SuggestedValues(kt.HyperParameters):
    """Hyperparameters whose values an Optuna trial suggests.

    Args:
        trial: The `optuna.Trial`.
    """

    def __init__(self, trial: Any) -> None:
        super().__init__()
        self._trial = trial

    def _retrieve(self, hp: Any) -> Any:
        if hp.name not in self.values and self.is_active(hp):
            self.values[hp.name] = _suggest(self._trial, hp)
        return super()._retrieve(hp)


def _suggest(trial: Any, hp: Any) -> Any:
    kinds = kt.engine.hyperparameters
    if isinstance(hp, kinds.Fixed):
        return hp.value
    if isinstance(hp, kinds.Boolean):
        return trial.suggest_categorical(hp.name, [False, True])
    if isinstance(hp, kinds.Choice):
        if not hp.ordered:
            return trial.suggest_categorical(hp.name, hp.values)
        return hp.values[trial.suggest_int(hp.name, 0, len(hp.values) - 1)]
    is_int = isinstance(hp, kinds.Int)
    suggest = trial.suggest_int if is_int else trial.suggest_float
    is_log = hp.sampling == "log"
    # Optuna has no steps on a logarithmic scale.
    step = {} if is_log or hp.step is None else {"step": hp.step}
    return suggest(hp.name, hp.min_value, hp.max_value, log=is_log, **step)


class ReportEpochs(keras.callbacks.Callback):
    """Reports the best epoch so far to Optuna, which may prune the trial."""

    def __init__(self, trial: Any, watch: Watch, metric: str) -> None:
        super().__init__()
        self.best = 0.0
        self._trial = trial
        self._watch = watch
        self._metric = metric

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        import optuna

        self._watch.on_epoch_end(self.model, logs)
        self.best = max(self.best, float(logs[self._metric]))
        self._trial.report(self.best, epoch + 1)
        if self._trial.should_prune():
            raise optuna.TrialPruned


def optuna_tpe(
    task: Task, data: Data, watch: Watch, seed: int, folder: pathlib.Path
) -> None:
    """Searches with Optuna's TPE and its Hyperband pruner."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = task.space(data)
    build = getattr(space, "build", space)

    def objective(trial: Any) -> float:
        keras.backend.clear_session()
        report = ReportEpochs(trial, watch, task.objective.name)
        build(SuggestedValues(trial)).fit(
            *data.train,
            validation_data=data.validation,
            epochs=task.epochs,
            batch_size=BATCH_SIZE,
            callbacks=[report],
            verbose=0,
        )
        return report.best

    study = optuna.create_study(
        # The pruner assigns trials to brackets by the study's name.
        study_name=f"race-{seed}",
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.HyperbandPruner(1, task.epochs, 3),
    )
    study.optimize(objective, n_trials=task.trials)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A searcher of the registry.

    Args:
        run: Function that searches until the watch ends it.
        title: String, for the tables.
        ours: Boolean. Defaults to False.
        kinds: Tuple of the kinds of tasks that it can do. Defaults to all.
    """

    run: Searcher
    title: str
    ours: bool = False
    kinds: tuple[str, ...] = ("images", "text", "tabular", "series")


RACERS = {
    "none": Entry(evolution(), "EvolutionTuner", ours=True),
    "fidelity": Entry(
        evolution(fidelity="auto"), '`fidelity="auto"`', ours=True
    ),
    "inherited": Entry(
        evolution(inherit_weights=True), "`inherit_weights=True`", ours=True
    ),
    "hyperband": Entry(of_host(kt.Hyperband), "kt.Hyperband"),
    "kt-bayesian": Entry(
        of_host(kt.BayesianOptimization), "kt.BayesianOptimization"
    ),
    "kt-random": Entry(of_host(kt.RandomSearch), "kt.RandomSearch"),
    "tpe-hyperband": Entry(optuna_tpe, "Optuna TPE, Hyperband pruner"),
}
SEARCHERS = {
    **RACERS,
    "autokeras": Entry(
        autokeras, "AutoKeras", kinds=("images", "text", "tabular")
    ),
    "default": Entry(default, "the default model"),
    "usual": Entry(usual, "the usual model"),
}
