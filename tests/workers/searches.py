"""Searches with workers: the models, and workers without processes."""

import ctypes
import functools
import os
import pickle
import resource
import signal
import tempfile
import time
from pathlib import Path

import cloudpickle
import keras
import numpy as np

import kt_evolution
from kt_evolution.workers import shipping
from kt_evolution.workers.interface import TrainingBegan
from kt_evolution.workers.interface import WorkerDied
from kt_evolution.workers.interface import Workers
from kt_evolution.workers.member_tuner import MemberTuner

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("float32")
FIT = {"x": X, "y": Y, "validation_data": (X, Y), "epochs": 2, "verbose": 0}


def build(hp):
    """Builds a model that begins with the same weights in any process."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(hp.Int("units", 1, 16), activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    rate = hp.Float("lr", 1e-3, 1.0, sampling="log")
    model.compile(
        keras.optimizers.SGD(rate),
        "binary_crossentropy",
        metrics=["accuracy"],
        run_eagerly=True,
    )
    return model


def new_tuner(folder, **kwargs):
    options = {"max_trials": 4, "seed": 0, "directory": folder, **kwargs}
    hypermodel = options.pop("hypermodel", build)
    tuner_class = options.pop("tuner_class", kt_evolution.EvolutionTuner)
    return tuner_class(hypermodel, "val_loss", **options)


def results_of(tuner):
    """Returns the values and the score of each trial."""
    trials = [tuner.oracle.trials[i] for i in tuner.oracle.start_order]
    return {t.trial_id: (t.hyperparameters.values, t.score) for t in trials}


class InlineWorkers(Workers):
    """Workers that train in this process, with a copy of what a process gets.

    Args:
        num_workers: Int, how many.
        deaths: Dict of trial ids to how often the worker dies in them.
        failed_starts: Int, how many of the workers die before they train.

    Attributes:
        log: List of the calls of `Workers`, but `events`.
    """

    def __init__(self, num_workers=2, deaths=(), failed_starts=0):
        self.names = tuple(f"inline{n}" for n in range(num_workers))
        self.deaths = dict(deaths)
        self.failed_starts = failed_starts
        self.log = []
        self._tasks = []
        self._members = {}

    def start(self, tuner, args, kwargs):
        self.log.append("start")
        self._folder = tempfile.TemporaryDirectory()
        shipping.write(Path(self._folder.name), tuner, args, kwargs)

    def submit(self, worker, task):
        self.log.append((worker, task.trial.trial_id))
        assert not any(one == worker for one, _ in self._tasks)
        self._tasks.append((worker, cloudpickle.dumps(task)))

    def events(self, timeout):
        # The newest first, so that trials end in another order.
        worker, content = self._tasks.pop()
        task, sent = pickle.loads(content), []
        if self.deaths.get(task.trial.trial_id, 0):
            self.deaths[task.trial.trial_id] -= 1
            death = WorkerDied(worker, "It died of SIGNAL.")
            return [TrainingBegan(worker), death]
        if self.failed_starts:
            self.failed_starts -= 1
            return [WorkerDied(worker, "It could not start.")]
        member = self._member(worker, sent)
        folder = Path(self._folder.name)
        if member.load(functools.partial(shipping.read, folder)):
            member.train(task)
        return [pickle.loads(content) for content in sent]

    def _member(self, worker, sent):
        return MemberTuner(
            worker, lambda event: sent.append(cloudpickle.dumps(event))
        )

    def terminate(self, worker):
        self.log.append(("terminate", worker))

    def close(self, at_once):
        self.log.append(("close", at_once))
        self._tasks.clear()
        self._folder.cleanup()


# How a worker process may end.


def die(fate, folder):
    """Ends the process in the way that a trial has, the first time."""
    mark = Path(folder, fate)
    (Path(folder) / f"pid_{os.getpid()}").touch()
    if fate == "fine" or mark.exists():
        return
    mark.touch()
    if fate == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fate == "fault":
        ctypes.string_at(0)
    elif fate == "exit":
        raise SystemExit(3)
    elif fate == "hang":
        time.sleep(600)
    elif fate == "memory":
        size = int(Path("/proc/self/statm").read_text().split()[0])
        limit = size * resource.getpagesize() + 2**28
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        np.ones(2**32, np.uint8)


class Dying(keras.callbacks.Callback):
    """Ends the process in the training of a model.

    Args:
        folder: String, where it notes which trainings it has ended.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch, logs=None):
        die(self.model.name, self.folder)


FATES = ["fine", "kill", "fault", "exit", "hang", "memory"]


def build_with_fate(hp):
    """Builds a model whose name is how its worker ends."""
    fate = hp.Choice("fate", FATES)
    model = build(hp)
    model.name = fate
    return model
