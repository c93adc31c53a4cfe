"""Real training: callbacks, checkpoints and the models that come back."""

import importlib.util
import os
from pathlib import Path

import keras
import keras_tuner as kt
import numpy as np
import pytest
from tuner_helpers import FIT
from tuner_helpers import X
from tuner_helpers import Y
from tuner_helpers import build_dense
from tuner_helpers import dense_model
from tuner_helpers import trials_of

import kt_evolution
from kt_evolution.project.training_log import read_training


def new_tuner(folder, build=build_dense, objective="val_loss", **kwargs):
    kwargs.setdefault("max_trials", 3)
    return kt_evolution.EvolutionTuner(
        build, objective, directory=folder, project_name="p", seed=0, **kwargs
    )


def weights_on_disk(tuner):
    return {
        trial.trial_id
        for trial in trials_of(tuner)
        if os.path.exists(tuner._get_checkpoint_fname(trial.trial_id))
    }


@pytest.mark.parametrize("objective", ["val_loss", "val_accuracy"])
def test_the_best_models_score_what_their_trials_say(tmp_path, objective):
    new_tuner(tmp_path, objective=objective).search(**{**FIT, "epochs": 3})
    tuner = new_tuner(tmp_path, objective=objective)
    trials = tuner.oracle.get_best_trials(3)
    for trial, model in zip(trials, tuner.get_best_models(3), strict=True):
        result = model.evaluate(X, Y, verbose=0, return_dict=True)
        name = objective.removeprefix("val_")
        assert result[name] == pytest.approx(trial.score, abs=1e-3)


def test_a_model_scores_what_its_trial_says_after_nan(tmp_path):
    class PoisonsFirstEpoch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                logs["val_loss"] = float("nan")

    tuner = new_tuner(tmp_path, max_trials=1)
    tuner.search(**FIT | {"epochs": 3}, callbacks=[PoisonsFirstEpoch()])
    trial = tuner.oracle.get_trial("0")
    assert trial.best_step > 0
    loss = tuner.get_best_models()[0].evaluate(X, Y, verbose=0)[0]
    assert loss == pytest.approx(trial.score, abs=1e-3)


def test_validation_may_run_in_some_epochs_only(tmp_path):
    # The last validation is the worst, and an epoch without follows the best.
    class Diverges(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch >= 2:
                self.model.optimizer.learning_rate = 100.0

    tuner = new_tuner(tmp_path, max_trials=2)
    tuner.search(
        **FIT | {"epochs": 4, "validation_freq": 2}, callbacks=[Diverges()]
    )
    trial = tuner.oracle.get_best_trials()[0]
    assert len(trials_of(tuner, "COMPLETED")) == 2
    loss = tuner.get_best_models()[0].evaluate(X, Y, verbose=0)[0]
    assert loss == pytest.approx(trial.score, abs=1e-3)


def test_all_metrics_are_of_the_best_epoch_where_validation_is_rare(tmp_path):
    tuner = new_tuner(tmp_path, max_trials=2, executions_per_trial=2)
    tuner.search(**FIT | {"epochs": 5, "validation_freq": 2})
    for trial in trials_of(tuner):
        curves = read_training(Path(tuner.get_trial_dir(trial.trial_id))).curves
        best = [int(np.nanargmin(curve["val_loss"])) for curve in curves]
        assert trial.best_step == round(sum(best) / 2)
        for name in ("loss", "accuracy", "val_accuracy"):
            values = [curves[i][name][epoch] for i, epoch in enumerate(best)]
            assert trial.metrics.get_best_value(name) == pytest.approx(
                sum(values) / 2
            )
    gaps = {gap.trial_id: gap.training for gap in tuner.gap_report()}
    for trial in trials_of(tuner):
        loss = trial.metrics.get_best_value("loss")
        assert gaps[trial.trial_id] == pytest.approx(loss)


def test_limits_may_be_on_metrics_of_rare_validation(tmp_path):
    limits = kt_evolution.Limit("val_accuracy", min=0.0)
    tuner = new_tuner(tmp_path, objective="loss", max_trials=1, limits=limits)
    tuner.search(**FIT | {"epochs": 3, "validation_freq": 2})
    (trial,) = trials_of(tuner, "COMPLETED")
    curves = read_training(Path(tuner.get_trial_dir(trial.trial_id))).curves
    found = trial.metrics.get_best_value("val_accuracy")
    assert found == pytest.approx(curves[0]["val_accuracy"][1])


def test_early_stopping_starts_anew_in_each_trial(tmp_path):
    # A negligible rate improves nothing, so each trial stops after patience.
    epochs = []

    class Counts(kt.HyperModel):
        def build(self, hp):
            return dense_model(hp.Int("units", 1, 16), 1e-30)

        def fit(self, hp, model, *args, **kwargs):
            history = model.fit(*args, **kwargs)
            epochs.append(len(history.epoch))
            return history

    stopping = keras.callbacks.EarlyStopping("val_loss", patience=1)
    tuner = new_tuner(tmp_path, Counts())
    tuner.search(**FIT | {"epochs": 5}, callbacks=[stopping])
    assert epochs == [2, 2, 2]


def test_callbacks_that_cannot_be_copied_are_a_fatal_error(tmp_path):
    class Uncopyable(keras.callbacks.Callback):
        def __deepcopy__(self, memo):
            raise TypeError("no copies")

    with pytest.raises(kt.errors.FatalError, match="deep-copyable"):
        new_tuner(tmp_path).search(**FIT, callbacks=[Uncopyable()])


needs_no_tensorboard = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is not None,
    reason="tensorboard is installed",
)


@needs_no_tensorboard
def test_training_needs_no_tensorboard(tmp_path):
    tuner = new_tuner(tmp_path, max_trials=1)
    tuner.search(**FIT, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert len(trials_of(tuner, "COMPLETED")) == 1


@needs_no_tensorboard
def test_a_tensorboard_callback_without_tensorboard_says_so(tmp_path):
    tuner = new_tuner(tmp_path)
    callback = keras.callbacks.TensorBoard(str(tmp_path / "logs"))
    with pytest.raises(ImportError, match="pip install tensorboard"):
        tuner.search(**FIT, callbacks=[callback])
    # Nothing is spent: the trial is run once the package is there.
    tuner.search(**FIT)
    assert len(trials_of(tuner, "COMPLETED")) == 3


def test_only_the_best_checkpoints_are_kept(tmp_path):
    tuner = new_tuner(tmp_path, keep_checkpoints=2, max_trials=5)
    tuner.search(**FIT)
    best = [trial.trial_id for trial in tuner.oracle.get_best_trials(5)]
    assert weights_on_disk(tuner) == set(best[:2])
    assert len(tuner.get_best_models(2)) == 2
    with pytest.raises(ValueError, match=f"trial {best[2]}.*deleted.*=2 keeps"):
        tuner.get_best_models(3)


def test_checkpoints_of_an_earlier_process_are_pruned_too(tmp_path):
    new_tuner(tmp_path, max_trials=2).search(**FIT)
    tuner = new_tuner(tmp_path, keep_checkpoints=1, max_trials=4)
    tuner.search(**FIT)
    best = tuner.oracle.get_best_trials()[0].trial_id
    assert weights_on_disk(tuner) == {best}


def test_checkpoint_of_a_trial_that_is_retried_elsewhere_is_kept(tmp_path):
    tuner = new_tuner(tmp_path, keep_checkpoints=1, max_retries_per_trial=1)
    crashed = tuner.oracle.create_trial("worker_1")
    crashed.status = "INVALID"
    tuner.on_trial_end(crashed)
    assert tuner.oracle.create_trial("worker_2").trial_id == crashed.trial_id
    weights = Path(tuner._get_checkpoint_fname(crashed.trial_id))
    weights.write_bytes(b"Those of the other worker.")
    other = tuner.oracle.create_trial("worker_1")
    tuner.oracle.update_trial(other.trial_id, {"val_loss": 1.0})
    other.status = "COMPLETED"
    tuner.on_trial_end(other)
    assert weights.exists()


def test_all_checkpoints_are_kept_by_default(tmp_path):
    tuner = new_tuner(tmp_path)
    tuner.search(**FIT)
    assert weights_on_disk(tuner) == {"0", "1", "2"}
    assert len(tuner.get_best_models(10)) == 3


def test_a_model_whose_weights_are_gone_is_an_error(tmp_path):
    tuner = new_tuner(tmp_path, max_trials=1)
    tuner.search(**FIT)
    os.remove(tuner._get_checkpoint_fname("0"))
    with pytest.raises(ValueError, match="trial 0.*moved or never written"):
        tuner.get_best_models()


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, "2"])
def test_keep_checkpoints_must_be_a_count(tmp_path, bad):
    with pytest.raises((TypeError, ValueError), match="keep_checkpoints"):
        new_tuner(tmp_path, keep_checkpoints=bad)


def test_the_hooks_of_a_tuner_are_called_as_by_the_host(tmp_path):
    calls = []

    class Hooked(kt_evolution.EvolutionTuner):
        def on_search_begin(self):
            calls.append("search begins")
            super().on_search_begin()

        def on_trial_begin(self, trial):
            calls.append("trial begins")
            super().on_trial_begin(trial)

        def on_epoch_end(self, trial, model, epoch, logs=None):
            calls.append("epoch ends")
            super().on_epoch_end(trial, model, epoch, logs=logs)

        def on_trial_end(self, trial):
            calls.append("trial ends")
            super().on_trial_end(trial)

        def on_search_end(self):
            calls.append("search ends")
            super().on_search_end()

    tuner = Hooked(build_dense, "val_loss", 2, directory=tmp_path)
    tuner.search(**FIT)
    one = ["trial begins", "epoch ends", "trial ends"]
    assert calls == ["search begins", *one, *one, "search ends"]
    assert np.isfinite(trials_of(tuner)[0].score)
