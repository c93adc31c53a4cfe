"""Metrics of a trial: all are of its best epoch, also if lists are shorter."""

import math

import keras
import keras_tuner as kt
import pytest

from kt_evolution.training.curve import Curve
from kt_evolution.training.curve import rungs_reached
from kt_evolution.training.history_epochs import NoteEpochs
from kt_evolution.training.metrics import metrics_of
from kt_evolution.training.training_state import from_record
from kt_evolution.training.training_state import to_record

VAL_LOSS = kt.Objective("val_loss", "min")
BOTH = kt.oracles.RandomSearchOracle(
    [kt.Objective("loss", "min"), VAL_LOSS]
).objective
# Validation runs in each second epoch, and is best in the last but one.
LOGS = [
    {"loss": 0.9},
    {"loss": 0.8, "val_loss": 0.7},
    {"loss": 0.6},
    {"loss": 0.4, "val_loss": 0.5},
    {"loss": 0.3},
    {"loss": 0.2, "val_loss": 0.6},
]
BEST = ({"loss": 0.4, "val_loss": 0.5}, 3)


def history_of(logs, callbacks=()):
    """Returns the `History` of a training with these logs of its epochs.

    Args:
        logs: List of dicts.
        callbacks: List of callbacks.
    """
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    run = keras.callbacks.CallbackList(
        list(callbacks), add_history=True, model=model, epochs=len(logs)
    )
    run.on_train_begin()
    for epoch, each in enumerate(logs):
        run.on_epoch_begin(epoch)
        run.on_epoch_end(epoch, dict(each))
    run.on_train_end()
    return model.history


def noted(logs):
    return history_of(logs, [NoteEpochs()])


def of(results, objective=VAL_LOSS, **kwargs):
    return metrics_of(results, objective, "fit", **kwargs)


def test_metrics_are_of_the_epoch_that_has_the_best_objective():
    assert of(noted(LOGS)) == BEST
    # Of each epoch that has them all, as a list of epochs may say.
    assert of(noted([LOGS[1], *LOGS[2:4]])) == (BEST[0], 2)
    assert of(noted(LOGS), kt.Objective("loss", "min")) == (LOGS[5], 5)
    assert of(noted(LOGS), kt.Objective("loss", "max")) == ({"loss": 0.9}, 0)


def test_several_objectives_are_of_one_epoch():
    metrics, epoch = of(noted(LOGS), BOTH)
    # Of the sums 1.5, 0.9 and 0.8.
    assert epoch == 5
    assert (metrics["loss"], metrics["val_loss"]) == (0.2, 0.6)


def test_executions_have_the_mean_of_their_best_epochs():
    metrics, epoch = of([noted(LOGS), noted(LOGS[:2])])
    assert metrics["loss"] == pytest.approx(0.6)
    assert metrics["val_loss"] == pytest.approx(0.6)
    assert epoch == 2


def test_metrics_of_unknown_epochs_are_left_out():
    # `HyperModel.fit` passed no callbacks on.
    assert of(history_of(LOGS)) == ({"val_loss": 0.5}, 1)
    whole = [LOGS[1], LOGS[3], LOGS[5]]
    assert of(history_of(whole)) == (BEST[0], 1)


def test_what_a_fit_adds_to_its_history_counts():
    history = noted(LOGS)
    history.history["score"] = [0.25]
    history.history["each"] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    score = kt.Objective("score", "max")
    assert of(history, score) == ({"score": 0.25}, 0)
    assert of(history) == ({**BEST[0], "each": 4.0}, 3)


def test_objectives_of_unknown_epochs_that_differ_are_an_error():
    with pytest.raises(kt.errors.FatalValueError, match="same epochs") as error:
        of(history_of(LOGS), BOTH)
    assert "{'loss': 6, 'val_loss': 3}" in str(error.value)
    with pytest.raises(kt.errors.FatalValueError, match="must be among"):
        of(noted([{"loss": 0.1}, {"loss": 0.2}]))


def test_a_training_that_diverges_before_validation_has_failed():
    metrics, epoch = of(noted([{"loss": 0.9}, {"loss": math.nan}]))
    assert epoch == 1
    assert math.isnan(metrics["val_loss"]) and math.isnan(metrics["loss"])


def test_costs_are_of_the_last_epoch():
    params = kt.Objective("params", "min")
    found = of(noted(LOGS), params, costs={"params": 7})
    assert found == ({"params": 7.0, **LOGS[5]}, 5)


def test_rungs_have_the_metrics_of_their_best_epochs():
    curve = Curve()
    for epoch, logs in enumerate(LOGS):
        curve.add(epoch, logs, seconds=epoch + 1.0)
    rungs = rungs_reached(
        curve, noted(LOGS), False, (1, 3, 5, 9), VAL_LOSS, "fit", {}, ()
    )
    assert rungs == [
        {
            "epochs": 3,
            "best_step": 1,
            "metrics": {**LOGS[1], "train_seconds": 3.0},
        },
        {
            "epochs": 5,
            "best_step": 3,
            "metrics": {**LOGS[3], "train_seconds": 5.0},
        },
    ]


def test_a_limited_metric_is_the_latest_one():
    loss, limited = kt.Objective("loss", "min"), {"val_loss", "params"}
    found = of(noted(LOGS[:5]), loss, limited=limited)
    assert found == ({"loss": 0.3, "val_loss": 0.5}, 4)
    # The best epoch comes before the first validation.
    loss = kt.Objective("loss", "max")
    found = of(noted(LOGS[:2]), loss, limited=limited)
    assert found == ({"loss": 0.9, "val_loss": 0.7}, 0)
    # It is not known of which epochs the losses are.
    found = of(history_of(LOGS), limited={"loss"})
    assert found == ({"loss": 0.2, "val_loss": 0.5}, 1)


def test_rungs_before_a_limited_metric_are_left_out():
    curve = Curve()
    for epoch, logs in enumerate(LOGS):
        curve.add(epoch, logs, seconds=epoch + 1.0)
    loss, limited = kt.Objective("loss", "min"), {"val_loss"}
    rungs = rungs_reached(
        curve, noted(LOGS), False, (1, 3, 9), loss, "fit", {}, limited
    )
    assert [rung["epochs"] for rung in rungs] == [3]
    assert rungs[0]["metrics"] == {
        "loss": 0.6,
        "val_loss": 0.7,
        "train_seconds": 3.0,
    }


def test_a_result_that_was_kept_has_the_same_metrics():
    history = noted(LOGS)
    kept = from_record(to_record(history))
    assert of(kept) == of(history)
    assert (kept.epoch, kept.params) == (history.epoch, history.params)
    record = {"val_loss": 0.1}
    assert from_record(to_record(record)) is record
