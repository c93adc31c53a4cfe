"""A missing objective is reported at the first batch, where it is certain."""

import keras
import keras_tuner as kt
import numpy as np
import pytest
from tuner_helpers import FIT
from tuner_helpers import X
from tuner_helpers import build_dense
from tuner_helpers import trials_of

import kt_evolution
from kt_evolution.keras_tuner_bridge.objectives import closest_metric

EPOCHS = 3
F1 = kt.Objective("f1", "max")
VAL_F1 = kt.Objective("val_f1", "max")


class CountsEpochs(keras.callbacks.EarlyStopping):
    """Counts the epochs that began."""

    # That of Keras: it adds nothing to the metrics.
    __module__ = keras.callbacks.EarlyStopping.__module__
    number = 0

    def on_epoch_begin(self, epoch, logs=None):
        CountsEpochs.number += 1


@pytest.fixture(autouse=True)
def no_epochs():
    CountsEpochs.number = 0


def search(
    folder,
    objective,
    hypermodel=build_dense,
    tuner_class=kt_evolution.EvolutionTuner,
    callbacks=(),
    limits=(),
    **fit,
):
    tuner = tuner_class(
        hypermodel,
        objective,
        max_trials=1,
        directory=folder,
        limits=limits,
    )
    counter = CountsEpochs(monitor="loss", patience=100)
    arguments = {**FIT, "epochs": EPOCHS, **fit}
    tuner.search(**arguments, callbacks=[counter, *callbacks])
    return tuner


def compiled_with(*metrics, units=1, model_class=keras.Model):
    """Returns a build function of models with some metrics."""

    def build(hp):
        inputs = keras.Input((4,))
        hp.Int("a", 1, 9)
        outputs = keras.layers.Dense(units, activation="softmax")(inputs)
        model = model_class(inputs, outputs)
        metrics_of_model = [
            make() if callable(make) else make for make in metrics
        ]
        model.compile("sgd", "mse", metrics=metrics_of_model, run_eagerly=True)
        return model

    return build


@pytest.mark.parametrize(
    ("objective", "metrics", "fit", "message"),
    [
        ("val_acc", ["accuracy"], {}, 'Did you mean "val_accuracy"'),
        ("acc", ["accuracy"], {}, 'Did you mean "accuracy"'),
        ("val_accuracy", ["acc"], {}, 'Did you mean "val_acc"'),
        ("val_auc", ["AUC"], {}, 'Did you mean "val_AUC"'),
        (["loss", "val_acuracy"], ["accuracy"], {}, '"val_accuracy"'),
        ("accuracy", [], {}, "metrics` of `compile`.*metrics=.'loss'"),
        ("val_mse", [], {}, "metrics` of `compile`"),
        (
            "val_accuracy",
            ["accuracy"],
            {"validation_data": None},
            "val_ need `validation_data`",
        ),
        ("val_loss", [], {"validation_data": None}, "`validation_split`"),
        (None, [], {}, 'Give an `objective`, such as "val_loss"'),
    ],
)
def test_a_missing_metric_is_an_error_at_the_first_batch(
    tmp_path, objective, metrics, fit, message
):
    if isinstance(objective, list):
        objective = [objective[0], kt.Objective(objective[1], "max")]
    with pytest.raises(kt.errors.FatalValueError, match=f"(?s){message}"):
        search(tmp_path, objective, compiled_with(*metrics), **fit)
    assert CountsEpochs.number == 1


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("parms", "params"), ("flop", "flops"), ("val_los", "val_loss")],
)
def test_a_misspelled_limit_is_an_error_with_what_was_meant(
    tmp_path, wrong, right
):
    limit = kt_evolution.Limit(wrong, max=300)
    with pytest.raises(kt.errors.FatalValueError, match=f'mean "{right}"'):
        search(tmp_path, "val_loss", limits=limit)


def test_the_search_goes_on_with_a_mended_objective(tmp_path):
    with pytest.raises(kt.errors.FatalError, match="val_accuracy"):
        search(tmp_path, "val_acc")
    tuner = search(tmp_path, "val_accuracy")
    assert len(trials_of(tuner, "COMPLETED")) == 1


def test_the_metric_of_a_limit_is_checked_too(tmp_path):
    limit = kt_evolution.Limit("val_acc", min=0.1)
    with pytest.raises(
        kt.errors.FatalError, match='`limits` must.*"val_accuracy"'
    ):
        search(tmp_path, "val_loss", limits=[limit])
    assert CountsEpochs.number == 1


@pytest.mark.parametrize("objective", ["val_f1_score", "f1_score"])
def test_a_metric_with_a_value_for_each_class(tmp_path, objective):
    targets = np.eye(3, dtype="float32")[np.arange(len(X)) % 3]
    data = {"y": targets, "validation_data": (X, targets)}
    build = compiled_with(keras.metrics.F1Score, units=3)
    with pytest.raises(
        kt.errors.FatalTypeError,
        match=f"shape \\(3,\\).*average=.*objective='{objective}'",
    ):
        search(tmp_path, objective, build, **data)
    assert CountsEpochs.number == 1


def test_a_dict_whose_objective_is_an_array(tmp_path):
    class Returns(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, result):
            return result

    tuner = Returns(objective="val_loss", directory=tmp_path)
    message = r"shape \(2,\).*objective='val_loss'"
    with pytest.raises(kt.errors.FatalTypeError, match=message):
        tuner.search({"val_loss": np.array([0.5, 0.25])})


# Metrics that not the model alone has.


class AddsInTheEnd(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == EPOCHS - 1:
            logs["f1"] = 0.75


class OwnFit(kt.HyperModel):
    def build(self, hp):
        return build_dense(hp)

    def fit(self, hp, model, *args, **kwargs):
        history = model.fit(*args, **kwargs)
        return {"f1": history.history["val_accuracy"][-1]}


class AddsInHook(kt_evolution.EvolutionTuner):
    def on_epoch_end(self, trial, model, epoch, logs=None):
        logs["f1"] = 0.75


class OwnTrial(kt_evolution.EvolutionTuner):
    def run_trial(self, trial, *args, **kwargs):
        (history,) = super().run_trial(trial, *args, **kwargs)
        return {"f1": history.history["val_accuracy"][-1]}


class OwnStep(keras.Model):
    """Validates with a metric that training does not have."""

    def test_step(self, data):
        return {"f1": keras.ops.convert_to_tensor(0.75)}


class OwnFitOfModel(keras.Model):
    def fit(self, *args, **kwargs):
        history = super().fit(*args, **kwargs)
        history.history["f1"] = [0.75] * EPOCHS
        return history


@pytest.mark.parametrize(
    ("objective", "kwargs"),
    [
        (F1, {"callbacks": [AddsInTheEnd()]}),
        (
            F1,
            {
                "callbacks": [
                    keras.callbacks.LambdaCallback(
                        on_epoch_end=lambda epoch, logs: logs.update(f1=0.75)
                    )
                ]
            },
        ),
        (F1, {"hypermodel": OwnFit()}),
        (F1, {"tuner_class": AddsInHook}),
        (F1, {"tuner_class": OwnTrial}),
        (F1, {"hypermodel": compiled_with(model_class=OwnFitOfModel)}),
        (VAL_F1, {"hypermodel": compiled_with(model_class=OwnStep)}),
        (
            VAL_F1,
            {
                "hypermodel": compiled_with(model_class=OwnStep),
                "validation_freq": 2,
            },
        ),
        ("val_accuracy", {"validation_freq": 2}),
        ("val_accuracy", {"validation_data": None, "validation_split": 0.25}),
        (
            kt.Objective("learning_rate", "min"),
            {
                "callbacks": [
                    keras.callbacks.LearningRateScheduler(lambda epoch: 0.5)
                ]
            },
        ),
        (["val_accuracy", "params", "latency"], {}),
    ],
)
def test_metrics_that_come_later_still_count(tmp_path, objective, kwargs):
    tuner = search(tmp_path, objective, **kwargs)
    assert len(trials_of(tuner, "COMPLETED")) == 1
    assert CountsEpochs.number == EPOCHS


def test_limits_on_what_only_several_executions_have(tmp_path):
    limit = kt_evolution.Limit("score_std", max=9.0)
    tuner = kt_evolution.EvolutionTuner(
        build_dense,
        "val_loss",
        max_trials=1,
        directory=tmp_path,
        limits=[limit],
        executions_per_trial=2,
    )
    tuner.search(**FIT)
    assert len(trials_of(tuner, "COMPLETED")) == 1


def test_steps_without_the_metric_are_reported_after_an_epoch(tmp_path):
    build = compiled_with(model_class=OwnStep)
    with pytest.raises(kt.errors.FatalError, match="val_f1"):
        search(tmp_path, "val_loss", build)
    assert CountsEpochs.number == 1


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("val_acc", "val_accuracy"),
        ("val_mean_iou", "val_mean_io_u"),
        ("Val_Loss", "val_loss"),
        ("val_precision_1", "val_precision"),
        ("val_f1", "val_f1_score"),
        ("psnr", None),
        ("val_mse", None),
    ],
)
def test_closest_names(name, closest):
    known = ["accuracy", "loss", "val_accuracy", "val_loss"]
    known += ["val_mean_io_u", "val_precision", "val_f1_score"]
    assert closest_metric(name, known) == closest
