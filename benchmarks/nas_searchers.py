"""The searchers of the benchmark.

All searchers train on the same rows in batches of the same size. Evolution and
random search train equally many models for equally many epochs. Hyperband
trains more models for the same total of epochs. The result is the best model on
validation at its best epoch. Where rows are few, evolution scores a model by
the mean of its folds, and its best one is trained on the rows of all folds.
"""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner as kt

import kt_evolution
from benchmarks.nas_baselines import baseline
from benchmarks.nas_budget import BATCH_SIZE
from benchmarks.nas_budget import Budget
from benchmarks.nas_budget import Found
from benchmarks.nas_budget import tested
from benchmarks.nas_budget import trained_on_known
from benchmarks.nas_tasks import Data
from benchmarks.nas_tasks import Task
from kt_evolution.costs import measurement


class HyperbandWithin(kt.Hyperband):
    """Hyperband that ends after a total number of epochs."""

    def __init__(self, *args: Any, total_epochs: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._epochs_left = total_epochs

    def on_trial_end(self, trial: kt.engine.trial.Trial) -> None:
        super().on_trial_end(trial)
        values = trial.hyperparameters.values
        self._epochs_left -= (
            values["tuner/epochs"] - values["tuner/initial_epoch"]
        )
        if self._epochs_left <= 0:
            _end(self)


class RandomSearchWithin(kt.RandomSearch):
    """Random search that starts no trial after a deadline."""

    def __init__(self, *args: Any, seconds: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.deadline = time.monotonic() + seconds

    def on_trial_end(self, trial: kt.engine.trial.Trial) -> None:
        super().on_trial_end(trial)
        if time.monotonic() >= self.deadline:
            _end(self)


class StopAt(keras.callbacks.Callback):
    """Ends the training at a deadline."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if time.monotonic() >= self._deadline:
            self.model.stop_training = True


def _end(tuner: kt.Tuner) -> None:
    tuner.oracle.max_trials = len(tuner.oracle.trials)


# Searches.

Searcher = Callable[[Task, Data, Budget, int, pathlib.Path], Found]


def evolution(
    task: Task, data: Data, budget: Budget, seed: int, folder: pathlib.Path
) -> Found:
    tuner = kt_evolution.EvolutionTuner(
        task.space(data),
        objective=task.objective,
        max_trials=budget.trials,
        cross_validation=task.folds,
        seed=seed,
        directory=folder,
    )
    if task.folds is None:
        return _search(task, data, tuner, budget.epochs)
    tuner.search(
        *data.known, epochs=budget.epochs, batch_size=BATCH_SIZE, verbose=0
    )
    best = tuner.oracle.get_best_trials()[0]
    model = trained_on_known(data, tuner.hypermodel, best, BATCH_SIZE)
    return _found(task, data, tuner, model)


def default(
    task: Task, data: Data, budget: Budget, seed: int, folder: pathlib.Path
) -> Found:
    """Trains the model of the space's default values."""
    # Its first trial has them.
    one = dataclasses.replace(budget, trials=1)
    return evolution(task, data, one, seed, folder)


def random(
    task: Task, data: Data, budget: Budget, seed: int, folder: pathlib.Path
) -> Found:
    tuner = kt.RandomSearch(
        task.space(data),
        objective=task.objective,
        max_trials=budget.trials,
        # Keras Tuner takes 0 for no seed, and nearby seeds behave alike.
        seed=1 + 1000 * seed,
        max_consecutive_failed_trials=budget.trials,
        directory=folder,
    )
    return _search(task, data, tuner, budget.epochs)


def hyperband(
    task: Task, data: Data, budget: Budget, seed: int, folder: pathlib.Path
) -> Found:
    """Trains more models for the same total of epochs, most of them shorter."""
    tuner = HyperbandWithin(
        task.space(data),
        objective=task.objective,
        max_epochs=budget.epochs,
        hyperband_iterations=budget.trials,
        seed=1 + 1000 * seed,
        max_consecutive_failed_trials=budget.trials,
        directory=folder,
        total_epochs=budget.trials * budget.epochs,
    )
    return _search(task, data, tuner, budget.epochs)


def application(
    hypermodel: type[kt.HyperModel],
) -> Searcher:
    """Returns a timed random search of one of Keras Tuner's spaces."""

    def search(
        task: Task, data: Data, budget: Budget, seed: int, folder: pathlib.Path
    ) -> Found:
        classes = data.num_classes
        one_hot = Data(
            *(
                (x, keras.utils.to_categorical(y, classes))
                for x, y in (data.train, data.validation)
            ),
            data.test,
        )
        space = hypermodel(input_shape=data.input_shape, classes=classes)
        tuner = RandomSearchWithin(
            space,
            objective=task.objective,
            max_trials=1000,
            seed=1 + 1000 * seed,
            max_consecutive_failed_trials=1000,
            directory=folder,
            seconds=budget.seconds,
        )
        stop = StopAt(tuner.deadline)
        return _search(task, one_hot, tuner, budget.epochs, [stop])

    return search


def _search(
    task: Task,
    data: Data,
    tuner: kt.Tuner,
    epochs: int,
    callbacks: list[keras.callbacks.Callback] | None = None,
) -> Found:
    tuner.search(
        *data.train,
        validation_data=data.validation,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        callbacks=callbacks or [],
        verbose=0,
    )
    best = tuner.oracle.get_best_trials()[0]
    return _found(task, data, tuner, tuner.load_model(best))


def _found(
    task: Task, data: Data, tuner: kt.Tuner, model: keras.Model
) -> Found:
    return Found(
        score=tested(task, data, model),
        trials=len(tuner.oracle.trials),
        params=measurement.count_params(model),
        values=tuner.oracle.get_best_trials()[0].hyperparameters.values,
    )


# The registry.


@dataclasses.dataclass(frozen=True)
class Entry:
    """A searcher of the registry.

    Args:
        run: Function that searches.
        title: String, for the tables.
        tasks: Names of the only tasks it is for, or of their kinds. Defaults
            to every task.
        for_a_time: Boolean, whether it searches for as long as evolution did,
            instead of a number of trials. Defaults to False.
    """

    run: Searcher
    title: str
    tasks: tuple[str, ...] = ()
    for_a_time: bool = False

    def is_for(self, task: str, kind: str) -> bool:
        return not self.tasks or bool({task, kind} & set(self.tasks))


SEARCHERS: dict[str, Entry] = {
    "evolution": Entry(evolution, "EvolutionTuner"),
    "default": Entry(default, "the default model"),
    "random": Entry(random, "kt.RandomSearch"),
    "hyperband": Entry(hyperband, "kt.Hyperband"),
    "baseline": Entry(baseline, "baseline", ("text", "tabular", "series")),
    "resnet": Entry(
        application(kt.applications.HyperResNet),
        "HyperResNet",
        ("cifar10/conv",),
        for_a_time=True,
    ),
    "xception": Entry(
        application(kt.applications.HyperXception),
        "HyperXception",
        ("cifar10/conv",),
        for_a_time=True,
    ),
}


def get_entry(name: str) -> Entry:
    if name not in SEARCHERS:
        raise ValueError(
            f"A searcher must be one of {list(SEARCHERS)}. Received: {name}"
        )
    return SEARCHERS[name]
