"""Killed while a real model trains: real weights, real results."""

import json
import os
import time

import numpy as np
import pytest

from tests.project import searches

pytestmark = pytest.mark.later


def make_tuner(folder, **kwargs):
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

    options = {"max_trials": 6, **kwargs}
    return kt_evolution.EvolutionTuner(
        build_model,
        objective="val_loss",
        seed=0,
        num_initial_points=3,
        population_size=3,
        directory=folder,
        project_name="project",
        **options,
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


# A training that is killed goes on.


def long_search(folder, dies_at=None, max_share=float("inf")):
    """Trains three models for six epochs; may die at a call on files."""
    import keras
    import numpy as np

    from kt_evolution.training import continuation

    class Noting(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            started = len(list((folder / "project").glob("trial_*")))
            searches.note(folder / "log.txt", f"{started - 1} {epoch}")

    continuation.MAX_SHARE = max_share
    if dies_at is not None:
        die_in_calls(continuation, dies_at)
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    y = x[:, :1] * 2
    make_tuner(folder, max_trials=3, max_starts_per_trial=100).search(
        x[:24],
        y[:24],
        validation_data=(x[24:], y[24:]),
        epochs=6,
        batch_size=4,
        shuffle=False,
        callbacks=[Noting(), keras.callbacks.EarlyStopping("val_loss", 0, 5)],
        verbose=0,
    )


def die_in_calls(continuation, number):
    """Ends the process at a call, before it or after it.

    Args:
        number: Int, even before and odd after half as many calls.
    """
    calls = iter(range(10**9))

    def dying(function):
        def call(*args, **kwargs):
            if next(calls) == number:
                os._exit(9)
            result = function(*args, **kwargs)
            if next(calls) == number:
                os._exit(9)
            return result

        return call

    continuation._link_or_copy = dying(continuation._link_or_copy)
    continuation.write_snapshot = dying(continuation.write_snapshot)
    continuation.os.replace = dying(os.replace)
    continuation.os.truncate = dying(os.truncate)
    continuation.delete_state = dying(continuation.delete_state)


def check_long_search(folder, whole):
    expected, expected_scores = scores_apart(searches.events(whole))
    found, scores = scores_apart(searches.events(folder))
    assert found == expected
    assert scores == pytest.approx(expected_scores, rel=1e-5)
    assert not list(folder.glob("project/trial_*/unfinished"))
    for number in range(3):
        name = f"project/trial_{number}/training.jsonl"
        curves = []
        for each in (folder, whole):
            lines = map(json.loads, (each / name).read_text().splitlines())
            curves.append([line.get("logs") for line in lines])
        found, expected = curves
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert one == (other and pytest.approx(other, rel=1e-4))


@pytest.fixture(scope="module")
def whole_long_search(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert searches.run(long_search, folder) == 0
    return folder


@pytest.mark.parametrize("seed", range(2))
def test_training_killed_at_random_goes_on(tmp_path, whole_long_search, seed):
    random = np.random.default_rng(seed)
    num_killed = 0
    for _ in range(6):
        before = searches.num_notes(tmp_path)
        process = searches.start(long_search, tmp_path)
        while process.is_alive() and searches.num_notes(tmp_path) == before:
            time.sleep(0.01)
        time.sleep(random.uniform(0.0, 0.5))
        num_killed += process.is_alive()
        process.kill()
        process.join()
    assert searches.run(long_search, tmp_path) == 0
    check_long_search(tmp_path, whole_long_search)
    # No epoch is trained again but those that were cut.
    assert searches.num_notes(tmp_path) <= 3 * 6 + num_killed


@pytest.mark.slow
@pytest.mark.parametrize("number", range(0, 120, 3))
def test_training_killed_at_its_files_goes_on(
    tmp_path, whole_long_search, number
):
    code = searches.run(long_search, tmp_path, number)
    assert code in (0, 9)
    while code:
        # It dies at a later call of the training that goes on.
        code = searches.run(long_search, tmp_path, number + 40)
    check_long_search(tmp_path, whole_long_search)
