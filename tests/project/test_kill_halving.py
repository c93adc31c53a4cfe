"""Killed while trials of a real model are paused and promoted.

Their models begin with fresh weights, or with those of their parents.
"""

import contextlib
import functools
import json
import os

import pytest

from tests.project import searches

EPOCHS = 4
MAX_TRIALS = 7
# How often a process can die in a search, at least: see `dying`.
NUM_POINTS = 200


class Killed(BaseException):
    """The end of a process, as far as its files know."""


def make_tuner(folder, inherits):
    """Returns a tuner that notes the epochs that begin."""
    import keras

    import kt_evolution

    def build_model(hp):
        # The same weights for the same values, in any process.
        keras.utils.set_random_seed(1)
        units = hp.Int("units", 2, 16)
        rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
        model = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(units),
                keras.layers.Dropout(0.1),
                keras.layers.Dense(1),
            ]
        )
        model.compile(keras.optimizers.Adam(rate), "mse", run_eagerly=True)
        return model

    class Tuner(kt_evolution.EvolutionTuner):
        def on_epoch_begin(self, trial, model, epoch, logs=None):
            searches.note(folder / "log.txt", f"{trial.trial_id} {epoch}")

    return Tuner(
        build_model,
        "val_loss",
        max_trials=MAX_TRIALS,
        seed=0,
        num_initial_points=4,
        max_starts_per_trial=100,
        fidelity=kt_evolution.SuccessiveHalving(factor=2),
        inherit_weights=inherits,
        directory=folder,
        project_name="project",
    )


def search(folder, inherits, dies_at=None, die=lambda: os._exit(9)):
    """Searches, and may die at a call.

    Args:
        folder: Path.
        inherits: Bool, whether children begin with their parents' weights.
        dies_at: Int, see `dying`.
        die: Function that ends the process.
    """
    import numpy as np

    from kt_evolution.training import continuation

    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    y = x[:, :1] * 2
    with contextlib.ExitStack() as stack:
        stack.enter_context(replaced(continuation, "MAX_SHARE", float("inf")))
        if dies_at is not None:
            stack.enter_context(dying(dies_at, die))
        make_tuner(folder, inherits).search(
            x,
            y,
            validation_data=(x, y),
            epochs=EPOCHS,
            batch_size=8,
            shuffle=False,
            verbose=0,
        )


@contextlib.contextmanager
def replaced(owner, name, value):
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextlib.contextmanager
def dying(number, die):
    """Ends the process before or after a call that changes files.

    Args:
        number: Int, even before and odd after half as many calls.
        die: Function.
    """
    from kt_evolution.project.journal import Journal
    from kt_evolution.training import continuation
    from kt_evolution.training import inheritance
    from kt_evolution.training.epoch_log import EpochLog

    count = iter(range(10**9))

    def watched(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            if next(count) == number:
                die()
            result = function(*args, **kwargs)
            if next(count) == number:
                die()
            return result

        return call

    with contextlib.ExitStack() as stack:
        for owner, name in [
            (Journal, "append"),
            # In the middle of an epoch.
            (EpochLog, "_write"),
            (inheritance, "transfer_weights"),
            (continuation, "write_snapshot"),
            (continuation, "_link_or_copy"),
            (continuation, "delete_state"),
        ]:
            changed = watched(getattr(owner, name))
            stack.enter_context(replaced(owner, name, changed))
        yield


def decisions(folder):
    """Splits a journal from its scores, which may differ in the last bit."""
    events, scores = searches.events(folder), []
    for event in events:
        if event["event"] in ("end", "pause"):
            scores.append(event.pop("score"))
            del event["metrics"]
            event["rungs"] = [one["epochs"] for one in event.get("rungs") or []]
    return events, scores


def epochs_of(folder):
    return (folder / "log.txt").read_text().splitlines()


def check_finished(folder, whole, num_kills):
    """Checks that a search that was killed is as one that was not."""
    expected, expected_scores = decisions(whole)
    found, scores = decisions(folder)
    assert found == expected
    assert scores == pytest.approx(expected_scores, rel=1e-5)
    begun = epochs_of(folder)
    assert set(begun) == set(epochs_of(whole))
    # No epoch is trained again but those that were cut.
    assert len(begun) <= len(set(begun)) + num_kills
    for path in whole.glob("project/trial_*/training.jsonl"):
        pair = [path, folder / path.relative_to(whole)]
        one, other = (
            [json.loads(line).get("logs") for line in each.open()]
            for each in pair
        )
        assert len(one) == len(other)
        for logs, others in zip(one, other, strict=True):
            assert logs == (others and pytest.approx(others, rel=1e-4))
    kept, others = (
        {path.parent.name for path in each.glob("project/trial_*/unfinished")}
        for each in (folder, whole)
    )
    assert kept == others


@pytest.fixture(scope="module", params=[False, True], ids=["fresh", "heirs"])
def inherits(request):
    return request.param


@pytest.fixture(scope="module")
def whole(tmp_path_factory, inherits):
    folder = tmp_path_factory.mktemp("whole")
    search(folder, inherits)
    events = searches.events(folder)
    kinds = {event["event"] for event in events}
    assert {"pause", "promote", "end"} <= kinds
    assert any(event.get("inherited") for event in events) is inherits
    return folder


def die():
    raise Killed


@pytest.mark.later
def test_killed_search_goes_on_without_an_epoch_twice(
    tmp_path, whole, inherits
):
    kills = 0
    # In the first pause, in a promoted run, and before the last result.
    for number in (21, 60, 75):
        with contextlib.suppress(Killed):
            search(tmp_path, inherits, number, die)
            break
        kills += 1
    search(tmp_path, inherits)
    assert kills == 3
    check_finished(tmp_path, whole, kills)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(0, NUM_POINTS, NUM_POINTS // 50))
def test_process_that_is_killed_anywhere(tmp_path, whole, inherits, number):
    assert searches.run(search, tmp_path, inherits, number) == 9
    # Once more, soon after the start.
    assert searches.run(search, tmp_path, inherits, number % 23) in (0, 9)
    assert searches.run(search, tmp_path, inherits) == 0
    check_finished(tmp_path, whole, 2)
