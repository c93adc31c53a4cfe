"""Killed while a real model trains: real weights, real results."""

import json
import time

import pytest

from tests.project import searches

pytestmark = pytest.mark.later


def make_tuner(folder):
    import keras

    import kt_evolution

    def build_model(hp):
        # The same weights for the same values, in any process.
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((4,))])
        for i in range(hp.Int("layers", 1, 2)):
            model.add(keras.layers.Dense(hp.Int(f"units_{i}", 4, 16, step=4)))
        model.add(keras.layers.Dense(1))
        rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
        model.compile(keras.optimizers.SGD(rate), "mse")
        return model

    return kt_evolution.EvolutionTuner(
        build_model,
        objective="val_loss",
        max_trials=6,
        seed=0,
        num_initial_points=3,
        population_size=3,
        directory=folder,
        project_name="project",
    )


def search(folder, slow_trial=None):
    import keras
    import numpy as np

    class Noting(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            started = len(list((folder / "project").glob("trial_*")))
            searches.note(folder / "log.txt", f"epoch {started - 1}")
            if started - 1 == slow_trial:
                time.sleep(600)

    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    y = x[:, :1] * 2
    make_tuner(folder).search(
        x[:24],
        y[:24],
        validation_data=(x[24:], y[24:]),
        epochs=2,
        batch_size=24,
        shuffle=False,
        callbacks=[Noting()],
        verbose=0,
    )


def load_best(folder):
    import numpy as np

    tuner = make_tuner(folder)
    model = tuner.get_best_models()[0]
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    loss = model.evaluate(x[24:], x[24:, :1] * 2, verbose=0)
    scores = [loss, tuner.oracle.get_best_trials()[0].score]
    (folder / "best.json").write_text(json.dumps(scores))


def scores_apart(events):
    """Splits a journal from its scores, which may differ in the last bit."""
    scores = []
    for event in events:
        if event["event"] == "end":
            scores.append(event.pop("score"))
            event.pop("metrics")
    return events, scores


def test_search_killed_in_epochs_of_real_models(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert searches.run(search, whole) == 0
    for trial in (0, 2, 5):
        process = searches.start(search, killed, slow_trial=trial)
        log = killed / "log.txt"
        while not log.exists() or f"epoch {trial}" not in log.read_text():
            assert process.is_alive(), searches.output(killed)
            time.sleep(0.05)
        process.kill()
        process.join()
        assert list(searches.ended(killed)) == [str(i) for i in range(trial)]
    assert searches.run(search, killed) == 0

    expected, expected_scores = scores_apart(searches.events(whole))
    found, scores = scores_apart(searches.events(killed))
    assert found == expected
    assert scores == pytest.approx(expected_scores, rel=1e-5)
    lines = (killed / "log.txt").read_text().splitlines()
    # Two epochs of each trial, and one of each killed run.
    assert len(lines) == 6 * 2 + 3

    assert searches.run(load_best, killed) == 0
    loss, score = json.loads((killed / "best.json").read_text())
    assert loss == pytest.approx(score, rel=1e-4)
