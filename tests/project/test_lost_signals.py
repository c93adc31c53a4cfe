"""Signals that end a search, received where Python or the user drops them."""

import contextlib
import os
import signal
import sys
import time

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_evolution
from kt_evolution.project.signals import is_interrupted
from kt_evolution.project.signals import keeping_interrupts
from kt_evolution.project.signals import raise_if_interrupted
from tests.project import searches
from tests.project.test_fatal_trials import lines


class Signaled:
    """Receives a signal where Python ignores what is raised."""

    def __init__(self, sent):
        self.sent = sent

    def __del__(self):
        os.kill(os.getpid(), self.sent)


class SignaledInABatch(keras.callbacks.Callback):
    def __init__(self, log, name, sent):
        super().__init__()
        self.log, self.name, self.sent = log, name, sent

    def __deepcopy__(self, memo):
        return self

    def on_train_batch_end(self, batch, logs=None):
        searches.note(self.log, f"begun batch-{batch}")
        if self.name == "train" and batch == 1:
            Signaled(self.sent)
        if self.name == "swallowed" and batch == 1:
            # As code in C that clears all errors.
            with contextlib.suppress(BaseException):
                os.kill(os.getpid(), self.sent)
                time.sleep(1)

    def on_test_batch_end(self, batch, logs=None):
        searches.note(self.log, f"begun test-{batch}")
        if self.name == "test" and batch == 1:
            Signaled(self.sent)


def search_that_loses(folder, where, sent):
    log = folder / "log.txt"

    def build(hp):
        hp.Float("x", 0.0, 1.0)
        if where == "build" and log.exists():
            Signaled(sent)
        if where == "turns down" and log.exists():
            try:
                os.kill(os.getpid(), sent)
                time.sleep(1)
            except BaseException as error:
                raise ValueError("It can't be built.") from error
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    class Tuner(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, *args, **kwargs):
            searches.note(log, f"begun {trial.trial_id}")
            if where == "run":
                Signaled(sent)
            if where == "other error":
                try:
                    os.kill(os.getpid(), sent)
                    time.sleep(1)
                except BaseException as error:
                    raise ValueError("of C code") from error
            if where in TRAINED:
                return super().run_trial(trial, *args, **kwargs)
            return trial.hyperparameters.get("x")

        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            if where == "trial end":
                Signaled(sent)

    x = np.zeros((64, 1))
    Tuner(
        build,
        "loss" if where in TRAINED else None,
        max_trials=3,
        seed=0,
        directory=folder,
        project_name="project",
    ).search(
        x,
        x,
        validation_data=(x, x),
        batch_size=2,
        epochs=3,
        callbacks=[SignaledInABatch(log, where, sent)],
        verbose=0,
    )


TRAINED = ("train", "swallowed", "test")
LOST = {
    # Where a signal is lost: what is begun, and the trials that end.
    "run": (["0"], []),
    "trial end": (["0"], ["0"]),
    "build": (["0"], ["0"]),
    "turns down": (["0"], ["0"]),
    "other error": (["0"], []),
    "train": (["0", "batch-0", "batch-1", "test-0"], []),
    "swallowed": (["0", "batch-0", "batch-1", "test-0"], []),
    "test": (["0", *(f"batch-{i}" for i in range(32)), "test-0", "test-1"], []),
}


@pytest.mark.parametrize("where", LOST)
def test_sigterm_that_python_drops_ends_the_search_soon(tmp_path, where):
    code = searches.run(search_that_loses, tmp_path, where, signal.SIGTERM)
    assert code == -signal.SIGTERM
    begun, ended = LOST[where]
    assert searches.begun(tmp_path) == begun
    assert list(searches.ended(tmp_path)) == ended
    assert lines(tmp_path / "project", "rejected") == []


def search_that_loses_ctrl_c(folder, where):
    former = sys.unraisablehook
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        search_that_loses(folder, where, signal.SIGINT)
    except KeyboardInterrupt:
        searches.note(folder / "log.txt", "begun nothing")
    assert sys.unraisablehook is former
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("where", LOST)
def test_ctrl_c_that_python_drops_ends_the_search_soon(tmp_path, where):
    searches.run(search_that_loses_ctrl_c, tmp_path, where)
    begun, ended = LOST[where]
    last = [] if ended else ["nothing"]
    assert searches.begun(tmp_path) == begun + last
    assert list(searches.ended(tmp_path)) == ended
    assert lines(tmp_path / "project", "rejected") == []
    output = searches.output(tmp_path)
    assert "Exception ignored" not in output
    trials = "1 trial;" if len(ended) == 1 else f"{len(ended)} trials;"
    assert f"Interrupted after {trials}" in output


def search_that_catches_ctrl_c(folder):
    signal.signal(signal.SIGINT, signal.default_int_handler)

    class Tuner(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, *args, **kwargs):
            # As `fit` of users who end a training by hand.
            with contextlib.suppress(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1)
            return trial.hyperparameters.Float("x", 0.0, 1.0)

    tuner = Tuner(
        max_trials=2, seed=0, directory=folder, project_name="project"
    )
    tuner.search(verbose=0)
    assert len(tuner.oracle.get_best_trials(2)) == 2


def search_that_trains_again_after_ctrl_c(folder):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log, x = folder / "log.txt", np.zeros((8, 1))

    class Pressed(keras.callbacks.Callback):
        times = 0

        def on_train_batch_end(self, batch, logs=None):
            self.times += 1
            if self.times == 1:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1)

        def on_epoch_end(self, epoch, logs=None):
            searches.note(log, f"begun epoch-{epoch}")

    class Impatient(kt.HyperModel):
        def build(self, hp):
            hp.Float("x", 0.0, 1.0)
            model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
            model.compile("sgd", "mse", run_eagerly=True)
            return model

        def fit(self, hp, model, *args, callbacks=(), **kwargs):
            with contextlib.suppress(KeyboardInterrupt):
                model.fit(x, x, callbacks=callbacks)
            return model.fit(x, x, epochs=2, callbacks=callbacks)

    tuner = kt_evolution.EvolutionTuner(
        Impatient(), "loss", max_trials=1, directory=folder, project_name="p"
    )
    tuner.search(callbacks=[Pressed()], verbose=0)
    assert len(tuner.oracle.get_best_trials()) == 1
    assert searches.begun(folder) == ["epoch-0", "epoch-1"]


@pytest.mark.parametrize(
    "search",
    [search_that_catches_ctrl_c, search_that_trains_again_after_ctrl_c],
)
def test_ctrl_c_that_the_user_handles_does_not_end_the_search(tmp_path, search):
    assert searches.run(search, tmp_path) == 0


@pytest.fixture
def receives_interrupts():
    """Takes Ctrl-C as a terminal's process does: others may ignore it."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


def test_what_python_drops_of_others_is_still_printed(receives_interrupts):
    class Bad:
        def __del__(self):
            raise ValueError("bad")

    former = sys.unraisablehook
    seen = []
    sys.unraisablehook = seen.append
    try:
        with keeping_interrupts():
            Bad()
            assert not is_interrupted()
            Signaled(signal.SIGINT)
            assert is_interrupted()
            with pytest.raises(KeyboardInterrupt):
                raise_if_interrupted()
            # It is raised once.
            raise_if_interrupted()
            Signaled(signal.SIGINT)
        assert not is_interrupted()
    finally:
        sys.unraisablehook = former
    assert [one.exc_type for one in seen] == [ValueError]
