"""A tiny search on one backend, without the others.

Run it as `KERAS_BACKEND=jax python tests/backends/smoke.py` where that
backend is installed.
"""

import os
import sys
import tempfile

import compiled_metrics
import keras
import model_costs
import numpy as np
import published_cells

import kt_evolution

WITHOUT_TENSORFLOW = ("jax", "torch")


def build_model(hp):
    model = keras.Sequential([keras.Input((4,))])
    for i in range(hp.Int("layers", 1, 2)):
        units = hp.Int(f"units_{i}", 2, 8)
        model.add(keras.layers.Dense(units, activation="relu"))
    model.add(keras.layers.Dense(1))
    model.compile(
        keras.optimizers.SGD(hp.Float("lr", 1e-3, 1e-1, sampling="log")),
        loss="mse",
        jit_compile=False,
    )
    return model


def new_tuner(directory):
    return kt_evolution.EvolutionTuner(
        build_model,
        objective="val_loss",
        max_trials=4,
        seed=0,
        directory=directory,
        num_initial_points=2,
        measure=["flops", "latency", "naswot", "synflow"],
    )


def check_costs(trial):
    values = trial.hyperparameters.values
    sizes = [4, *(values[f"units_{i}"] for i in range(values["layers"])), 1]
    weights = sum(a * b for a, b in zip(sizes, sizes[1:], strict=False))
    metric = trial.metrics.get_best_value
    assert metric("params") == weights + sum(sizes[1:])
    assert metric("trainable_params") == metric("params")
    # Biases and activations are counted on some backends.
    assert 2 * weights <= metric("flops") <= 2 * weights + 2 * sum(sizes[1:])
    assert metric("latency") > 0
    assert metric("naswot") > 0
    assert metric("synflow") > 0
    assert metric("train_seconds") > 0


def main():
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    with tempfile.TemporaryDirectory() as directory:
        tuner = new_tuner(directory)
        tuner.search(x, y, validation_data=(x, y), epochs=1, verbose=0)
        # As a new process would go on.
        tuner = new_tuner(directory)
        trials = tuner.oracle.get_best_trials(100)
        assert len(trials) == 4
        for trial in trials:
            check_costs(trial)
        model = tuner.get_best_models()[0]
        loss = model.evaluate(x, y, verbose=0)
        assert abs(loss - trials[0].score) < 1e-3
    compiled_metrics.main()
    model_costs.main()
    published_cells.main()
    backend = keras.backend.backend()
    assert backend == os.environ.get("KERAS_BACKEND", backend)
    if backend in WITHOUT_TENSORFLOW:
        assert "tensorflow" not in sys.modules
    print(f"backend={backend} trials={len(trials)} best={trials[0].score:.4f}")


if __name__ == "__main__":
    main()
