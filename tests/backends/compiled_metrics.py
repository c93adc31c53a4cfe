"""Metrics that are arrays, or can't be made by name, and a loss that is NaN."""

import math
import tempfile

import keras
import keras_tuner as kt
import numpy as np

import kt_evolution
from kt_evolution.keras_tuner_bridge.scalars import as_number

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = (X.sum(axis=1, keepdims=True) > 0).astype("float32")
DATA = {"x": X, "y": Y, "validation_data": (X, Y), "verbose": 0}


def build_model(hp):
    scale = hp.Choice("scale", [math.inf, 1.0, 2.0])
    model = keras.Sequential(
        [
            keras.Input((4,)),
            # 0 * inf is NaN.
            keras.layers.Rescaling(scale if math.isfinite(scale) else 0.0),
            keras.layers.Rescaling(scale),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        keras.optimizers.SGD(0.1),
        loss="mse",
        metrics=[
            keras.metrics.F1Score(threshold=0.5),
            keras.metrics.MeanIoU(num_classes=2),
        ],
        jit_compile=False,
    )
    return model


def check_numbers():
    tensor = keras.ops.convert_to_tensor
    for number in (0.5, [0.5], [[0.5]]):
        assert as_number(number) == 0.5
        assert as_number(tensor(number)) == 0.5
        assert as_number(keras.Variable(number)) == 0.5
        assert as_number(keras.ops.cast(tensor(number), "bfloat16")) == 0.5
    assert as_number(tensor([0.5, 0.5])) is None


def check_search(directory):
    tuner = kt_evolution.EvolutionTuner(
        build_model, "val_f1_score", max_trials=3, directory=directory, seed=0
    )
    callbacks = [keras.callbacks.TerminateOnNaN()]
    tuner.search(**DATA, epochs=2, callbacks=callbacks)
    for trial in tuner.oracle.trials.values():
        is_finite = math.isfinite(trial.hyperparameters.get("scale"))
        assert trial.status == ("COMPLETED" if is_finite else "FAILED")
    best = tuner.oracle.get_best_trials()[0]
    for name in ("val_f1_score", "val_mean_io_u"):
        assert best.metrics.metrics[name].direction == "max"
    model = tuner.get_best_models()[0]
    metrics = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert abs(as_number(metrics["f1_score"]) - best.score) < 1e-6


def check_missing_objective(directory):
    tuner = kt_evolution.EvolutionTuner(
        build_model, kt.Objective("val_f1", "max"), directory=directory
    )
    try:
        tuner.search(**DATA, epochs=2)
    except kt.errors.FatalError as error:
        assert 'Did you mean "val_f1_score"?' in str(error)
    else:
        raise AssertionError("The missing objective was not reported.")


def main():
    check_numbers()
    for check in (check_search, check_missing_objective):
        with tempfile.TemporaryDirectory() as directory:
            check(directory)


if __name__ == "__main__":
    main()
