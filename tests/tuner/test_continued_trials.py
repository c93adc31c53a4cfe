"""A trial that is cut goes on from its last epoch, or says why it does not."""

import collections
import datetime
import enum
import errno
import itertools
import logging
import pathlib
import re
import shutil
import zlib

import keras
import keras_tuner as kt
import numpy as np
import pytest
from found_trials import FoundTrial
from found_trials import check_same_trial
from sklearn import model_selection
from tuner_helpers import X
from tuner_helpers import Y

import kt_evolution
from kt_evolution.project import clock
from kt_evolution.training import continuation
from kt_evolution.training import snapshots

EPOCHS = 4
NOT_GONE_ON = "It starts from its beginning, because "


@pytest.fixture(autouse=True)
def each_epoch_is_kept(monkeypatch):
    monkeypatch.setattr(continuation, "MAX_SHARE", float("inf"))


class Cut(keras.callbacks.Callback):
    """Interrupts a search in an epoch, and notes all that begin.

    What it notes is of the class, because it is no state of a training.
    """

    at = None
    begun = []

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(epoch)

    def on_train_batch_end(self, batch, logs=None):
        if self.at == len(self.begun) - 1:
            raise KeyboardInterrupt


def build(hp, rate=0.05, units=4, seed=3):
    hp.Fixed("one", 1)
    # The same weights and the same dropout in any process.
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(rate),
        "binary_crossentropy",
        metrics=["accuracy"],
        run_eagerly=True,
    )
    return model


class Found(FoundTrial):
    """A search of one trial in a folder, which may be cut."""

    epochs = EPOCHS

    def __init__(
        self, folder, cut=None, hypermodel=build, callbacks=(), **kwargs
    ):
        super().__init__(folder, hypermodel, **kwargs)
        Cut.at, Cut.begun = cut, []
        self.begun = Cut.begun
        self.search(*callbacks, Cut())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A search that is not cut, of the model that most tests have."""
    return Found(tmp_path_factory.mktemp("whole"))


def check_goes_on(tmp_path, cut, make_callbacks=list, **kwargs):
    """A search that is cut in an epoch is as one that is not."""
    whole = Found(tmp_path / "whole", callbacks=make_callbacks(), **kwargs)
    folder = tmp_path / f"cut_{cut}"
    first = Found(folder, cut, callbacks=make_callbacks(), **kwargs)
    assert first.is_cut
    rest = Found(folder, callbacks=make_callbacks(), **kwargs)
    # No epoch twice but the one that was cut.
    assert first.begun[:-1] + rest.begun == whole.begun
    check_same_trial(rest, whole)


def check_starts_over(
    tmp_path, capsys, reason, cut=2, before=None, whole=None, **kwargs
):
    """A search that is cut trains its execution from the first epoch."""
    whole = whole or Found(tmp_path / "whole", **kwargs)
    first = Found(tmp_path / "cut", cut, **{**kwargs, **(before or {})})
    assert first.is_cut
    capsys.readouterr()
    rest = Found(tmp_path / "cut", **kwargs)
    text = capsys.readouterr().out
    assert f"Trial 0 was interrupted. {NOT_GONE_ON}" in text
    assert reason in text
    assert rest.begun == whole.begun
    check_same_trial(rest, whole)
    return rest


@pytest.mark.later
@pytest.mark.parametrize("cut", [2, 4, 7])
def test_executions_that_were_finished_are_not_trained_again(tmp_path, cut):
    check_goes_on(tmp_path, cut, executions_per_trial=2)


@pytest.mark.later
def test_validation_in_some_epochs_goes_on(tmp_path):
    fit = {"validation_freq": 2}
    check_goes_on(tmp_path, EPOCHS + 2, executions_per_trial=2, fit=fit)


@pytest.mark.later
def test_folds_that_were_finished_are_not_trained_again(tmp_path):
    data = {"validation_data": None, "cross_validation": 3}
    check_goes_on(tmp_path, 2 * EPOCHS + 1, **data)


def test_several_objectives(tmp_path):
    objectives = [
        kt.Objective("val_loss", "min"),
        kt.Objective("val_accuracy", "max"),
    ]
    check_goes_on(tmp_path, 2, objective=objectives)


def test_says_after_which_epoch_it_goes_on(tmp_path, capsys):
    Found(tmp_path, 2)
    Found(tmp_path)
    text = capsys.readouterr().out
    assert "Trial 0 was interrupted. It goes on after epoch 2." in text


def test_best_epoch_is_restored_where_the_cut_one_was_better(tmp_path):
    """The host's checkpoint overwrites the best one before the state is."""

    class Rates(keras.callbacks.Callback):
        """Diverges from the third epoch."""

        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.05 if epoch < 2 else 30.0

    check_goes_on(tmp_path, 3, lambda: [Rates()])


@pytest.mark.later
def test_weights_of_a_finished_execution_survive_an_unfit_one(tmp_path, capsys):
    kwargs = {"executions_per_trial": 2, "callbacks": [Opaque()]}
    whole = Found(tmp_path / "whole", **kwargs)
    first = Found(tmp_path / "cut", EPOCHS + 3, **kwargs)
    assert first.is_cut
    rest = Found(tmp_path / "cut", **kwargs)
    assert "`Opaque.curve` of a callback" in capsys.readouterr().out
    assert rest.begun == list(range(EPOCHS))
    check_same_trial(rest, whole)


def model_checkpoint(folder):
    return keras.callbacks.ModelCheckpoint(
        folder / "mine.keras", "val_loss", save_best_only=True
    )


def test_callbacks_of_keras_keep_their_state(tmp_path):
    check_goes_on(
        tmp_path,
        2,
        lambda: [
            model_checkpoint(tmp_path),
            keras.callbacks.EarlyStopping("val_loss", patience=2),
            keras.callbacks.ReduceLROnPlateau("val_loss", patience=1),
            keras.callbacks.TerminateOnNaN(),
        ],
    )


def test_cut_between_the_last_epoch_and_the_end_of_the_trial(tmp_path, whole):
    class Broken(keras.callbacks.Callback):
        cuts = iter([True, False])

        def on_train_end(self, logs=None):
            if next(self.cuts):
                raise KeyboardInterrupt

    first = Found(tmp_path / "cut", callbacks=[Broken()])
    assert first.is_cut
    rest = Found(tmp_path / "cut", callbacks=[Broken()])
    assert rest.begun == []
    check_same_trial(rest, whole)


def test_cut_after_early_stopping(tmp_path):
    class Stops(keras.callbacks.Callback):
        cuts = iter([False, True, False])

        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

        def on_train_end(self, logs=None):
            if next(self.cuts):
                raise KeyboardInterrupt

    whole = Found(tmp_path / "whole", callbacks=[Stops()])
    assert whole.begun == [0, 1]
    assert Found(tmp_path / "cut", callbacks=[Stops()]).is_cut
    rest = Found(tmp_path / "cut", callbacks=[Stops()])
    assert rest.begun == []
    check_same_trial(rest, whole)


# What is unsure is trained from the beginning.


class SeveralFits(kt.HyperModel):
    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, *args, **kwargs):
        model.fit(*args, **{**kwargs, "epochs": 2})
        return model.fit(*args, **kwargs)


def test_first_of_several_fits_goes_on(tmp_path):
    check_goes_on(tmp_path, 1, hypermodel=SeveralFits())


@pytest.mark.later
def test_several_fits_start_over_from_the_second(tmp_path, capsys):
    check_starts_over(
        tmp_path,
        capsys,
        "calls `Model.fit` several times",
        4,
        hypermodel=SeveralFits(),
    )


def loop(begins, notes_epochs):
    """Returns a hypermodel with a loop instead of `fit`."""

    class Loop(kt.HyperModel):
        def build(self, hp):
            return build(hp)

        def fit(self, hp, model, x, y, callbacks, epochs, **kwargs):
            for callback in callbacks:
                callback.set_model(model)
                callback.set_params({"epochs": epochs})
                if begins:
                    callback.on_train_begin()
            losses = []
            for epoch in range(epochs):
                for callback in callbacks:
                    if notes_epochs or isinstance(callback, Cut):
                        callback.on_epoch_begin(epoch)
                loss = model.train_on_batch(x, y)[0]
                losses.append(float(loss))
                for callback in callbacks:
                    callback.on_train_batch_end(0)
                for callback in callbacks:
                    callback.on_epoch_end(epoch, {"val_loss": losses[-1]})
            return {"val_loss": min(losses)}

    return Loop()


@pytest.mark.later
@pytest.mark.parametrize(
    ("begins", "notes_epochs"), list(itertools.product([0, 1], repeat=2))
)
def test_loops_start_over(tmp_path, capsys, begins, notes_epochs):
    hypermodel = loop(begins, notes_epochs)
    reason = "has a loop instead of `Model.fit`"
    check_starts_over(tmp_path, capsys, reason, hypermodel=hypermodel)


@pytest.mark.later
@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ({"hypermodel": lambda hp: build(hp, units=5)}, "another model"),
        ({"hypermodel": lambda hp: build(hp, rate=0.01)}, "another model"),
        ({"epochs": EPOCHS + 1}, "`epochs` of `fit` is 4, and was 5"),
        ({"batch_size": 8}, "`batch_size` of `fit` is 16, and was 8"),
        (
            {"x": X[:16], "y": Y[:16]},
            "`x` of `fit` is {'shape': (32, 4)}, and was {'shape': (16, 4)}",
        ),
        (
            {"callbacks": [keras.callbacks.EarlyStopping("loss", patience=9)]},
            "its callbacks are other ones",
        ),
    ],
)
def test_what_changed_starts_over(tmp_path, capsys, whole, before, reason):
    check_starts_over(tmp_path, capsys, reason, before=before, whole=whole)


def own_fit(epochs):
    class OwnFit(kt.HyperModel):
        def build(self, hp):
            return build(hp)

        def fit(self, hp, model, *args, **kwargs):
            return model.fit(*args, **{**kwargs, "epochs": epochs})

    return OwnFit()


def test_own_fit_of_another_length_starts_over(tmp_path, capsys):
    check_starts_over(
        tmp_path,
        capsys,
        "the number of epochs is 4, and was 5",
        before={"hypermodel": own_fit(5)},
        hypermodel=own_fit(4),
    )


# The first execution was finished, the second is cut.
EXECUTIONS = {"executions_per_trial": 2, "cut": EPOCHS + 2}


def test_executions_of_another_length_start_over(tmp_path, capsys):
    check_starts_over(
        tmp_path,
        capsys,
        "the argument `epochs` of `fit` is 4, and was 5",
        before={"epochs": EPOCHS + 1},
        **EXECUTIONS,
    )


@pytest.mark.later
def test_executions_with_other_callbacks_start_over(tmp_path, capsys):
    stop = keras.callbacks.EarlyStopping("loss", patience=9)
    check_starts_over(
        tmp_path,
        capsys,
        "its callbacks are other ones than before",
        before={"callbacks": [stop]},
        **EXECUTIONS,
    )


@pytest.mark.later
def test_fewer_executions_of_another_length_start_over(tmp_path, capsys):
    check_starts_over(
        tmp_path,
        capsys,
        "the argument `epochs` of `fit` is 4, and was 3",
        before={"epochs": EPOCHS - 1, "executions_per_trial": 2},
        cut=EPOCHS,
    )


@pytest.mark.parametrize(
    ("before", "now", "cut"),
    [
        # The first fold was finished.
        pytest.param(2, 4, EPOCHS + 2, marks=pytest.mark.later),
        # It goes on.
        (
            model_selection.ShuffleSplit(2, random_state=1),
            model_selection.ShuffleSplit(2, random_state=2),
            2,
        ),
    ],
    ids=["finished", "running"],
)
def test_other_folds_start_over(tmp_path, capsys, before, now, cut):
    check_starts_over(
        tmp_path,
        capsys,
        "its folds have other rows than before",
        cut=cut,
        validation_data=None,
        before={"cross_validation": before},
        cross_validation=now,
    )


def forget_settings(state):
    """Leaves out of a state what earlier versions did not keep."""
    record = snapshots.read_snapshot(state)
    record.pop("settings")
    for finished in record["finished"]:
        finished.pop("settings")
    snapshots.write_snapshot(state, record)


@pytest.mark.parametrize(
    ("cut", "kwargs", "reason"),
    [
        (2, {}, None),
        (
            EPOCHS + 2,
            {"executions_per_trial": 2},
            "it is not known with what its executions were trained",
        ),
        (
            2,
            {"validation_data": None, "cross_validation": 2},
            "its folds have other rows than before",
        ),
    ],
    ids=["running", "finished", "fold"],
)
def test_state_of_an_earlier_version(tmp_path, capsys, cut, kwargs, reason):
    first = Found(tmp_path, cut, **kwargs)
    forget_settings(first.state)
    capsys.readouterr()
    rest = Found(tmp_path, **kwargs)
    text = capsys.readouterr().out
    assert rest.trial.status == "COMPLETED"
    if reason is None:
        assert NOT_GONE_ON not in text
        assert rest.begun == [2, 3]
    else:
        assert f"{NOT_GONE_ON}{reason}" in text
        assert rest.begun == [0, 1, 2, 3] * 2


def test_callback_with_other_arguments_starts_over(tmp_path, capsys):
    stop = keras.callbacks.EarlyStopping
    check_starts_over(
        tmp_path,
        capsys,
        "its callbacks are other ones than before",
        before={"callbacks": [stop("loss", patience=9)]},
        callbacks=[stop("loss", patience=1, min_delta=10.0)],
    )


class Opaque(keras.callbacks.Callback):
    """Has a state that can't be kept."""

    def on_train_begin(self, logs=None):
        self.curve = iter(())

    def on_epoch_end(self, epoch, logs=None):
        self.curve = itertools.chain(self.curve, [epoch])


def test_callback_whose_state_cannot_be_kept_starts_over(tmp_path, capsys):
    check_starts_over(
        tmp_path,
        capsys,
        "`Opaque.curve` of a callback is a chain, which can't be kept",
        callbacks=[Opaque()],
    )


class Phase(enum.Enum):
    FIRST = 1
    LATER = 2


class PlainValues(keras.callbacks.Callback):
    """Has a state of many kinds, on which the training depends."""

    def __init__(self, folder, kind):
        super().__init__()
        self.folder = folder
        self.kind = kind
        # No states of a training.
        self.pattern = re.compile("loss")
        self.logger = logging.getLogger("training")

    def on_train_begin(self, logs=None):
        self.path = self.folder / "losses.txt"
        self.phase = Phase.FIRST
        self.began = datetime.datetime(2026, 11, 27)
        self.recent = collections.deque(maxlen=2)
        self.counts = collections.Counter()
        self.seen = np.str_("")

    def on_epoch_end(self, epoch, logs=None):
        self.path = self.folder / f"{self.path.stem}_{epoch}.txt"
        self.phase = Phase.LATER
        self.began += datetime.timedelta(days=1)
        self.recent.append(np.float32(logs["loss"]))
        self.counts[self.phase] += 1
        self.seen = np.str_(f"{self.seen}{epoch}")
        state = (self.path, self.began, [*self.recent], self.counts, self.seen)
        digest = zlib.crc32(repr((*state, self.phase)).encode())
        self.model.optimizer.learning_rate = 0.001 * (1 + digest % 100)


def test_callback_with_plain_values_goes_on(tmp_path):
    def make_callbacks():
        return [PlainValues(pathlib.Path("logs"), Phase.FIRST)]

    check_goes_on(tmp_path, 2, make_callbacks)


class TwoOptimizers(keras.Sequential):
    def compile(self, *args, **kwargs):
        super().compile(*args, **kwargs)
        self.second = keras.optimizers.SGD()


@pytest.mark.later
def test_second_optimizer_starts_over(tmp_path, capsys):
    def build_two(hp):
        model = TwoOptimizers(build(hp).layers)
        model.compile("sgd", "binary_crossentropy", run_eagerly=True)
        return model

    reason = "its model has optimizers besides `model.optimizer`"
    check_starts_over(tmp_path, capsys, reason, hypermodel=build_two)


@pytest.mark.later
def test_distribution_strategy_starts_over(tmp_path, capsys):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("Only TensorFlow has strategies.")
    import tensorflow as tf

    check_starts_over(
        tmp_path,
        capsys,
        "a distribution strategy spreads its variables",
        distribution_strategy=tf.distribute.get_strategy(),
    )


def damage(state):
    content = bytearray(state.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) // 2)
    state.write_bytes(content)


def link_away(state):
    outside = state.parents[3] / "outside.npz"
    shutil.move(state, outside)
    state.symlink_to(outside)


@pytest.mark.later
@pytest.mark.parametrize(
    "spoil",
    [
        damage,
        link_away,
        lambda state: state.write_bytes(b""),
        lambda state: state.write_bytes(b"\x80\x04."),
        lambda state: [p.unlink() for p in state.parent.glob("best_*")],
    ],
)
def test_damaged_state_starts_over(tmp_path, capsys, whole, spoil):
    first = Found(tmp_path / "cut", 2)
    spoil(first.state)
    capsys.readouterr()
    rest = Found(tmp_path / "cut")
    assert f"{first.state}" in capsys.readouterr().out
    assert rest.begun == whole.begun
    check_same_trial(rest, whole)


def test_full_disk_fails_no_training(tmp_path, monkeypatch, whole):
    def write(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(continuation, "write_snapshot", write)
    with pytest.warns(UserWarning, match="No space left") as warned:
        found = Found(tmp_path / "full", executions_per_trial=1)
    assert sum("No space left" in str(w.message) for w in warned) == 1
    check_same_trial(found, whole)


def test_retry_after_a_crash_starts_from_the_beginning(tmp_path):
    class Crashes(keras.callbacks.Callback):
        crashes = iter([False, False, True])

        def on_epoch_end(self, epoch, logs=None):
            if next(self.crashes, False):
                raise RuntimeError("A crash.")

    found = Found(tmp_path, callbacks=[Crashes()], max_retries_per_trial=1)
    assert found.begun == [0, 1, 2, 0, 1, 2, 3]
    assert found.trial.status == "COMPLETED"


# Times and starts.


def test_seconds_of_training_are_those_of_all_parts(tmp_path, monkeypatch):
    class Slow(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            times[0] += 100.0

    times = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: times[0])
    Found(tmp_path, 2, callbacks=[Slow()])
    times[0] += 5000.0
    found = Found(tmp_path, callbacks=[Slow()])
    seconds = found.trial.metrics.get_best_value("train_seconds")
    assert seconds == 100.0 * EPOCHS


def test_time_budget_counts_the_parts_of_a_trial(tmp_path, monkeypatch):
    class Slow(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            times[0] += 10.0

    times = [1e6]
    monkeypatch.setattr(clock, "monotonic", lambda: times[0])
    monkeypatch.setattr(clock, "now", lambda: times[0])
    stop = {"stop": kt_evolution.TimeBudget(seconds=30)}
    Found(tmp_path, 2, callbacks=[Slow()], **stop)
    # As if killed: no event has the time of the interruption.
    journal = tmp_path / "project" / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    kept = [line for line in lines if '"interrupted"' not in line]
    assert len(kept) == len(lines) - 1
    journal.write_text("".join(kept))
    times[0] += 1e6
    rest = Found(tmp_path, callbacks=[Slow()], **stop)
    assert rest.begun == [2]
    assert rest.tuner.oracle.progress().seconds == 30.0


def kill(tmp_path, cut):
    """A search that dies in an epoch, as far as its files know."""
    found = Found(tmp_path, cut)
    journal = tmp_path / "project" / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    assert '"interrupted"' in lines[-1]
    journal.write_text("".join(lines[:-1]))
    return found


def test_starts_that_came_further_are_not_counted(tmp_path, whole):
    begun = [kill(tmp_path, 1).begun for _ in range(EPOCHS - 1)]
    assert begun == [[0, 1], [1, 2], [2, 3]]
    rest = Found(tmp_path)
    assert rest.begun == [3]
    assert rest.trial.status == "COMPLETED"
    check_same_trial(rest, whole)


def test_starts_that_came_no_further_are_counted(tmp_path):
    assert kill(tmp_path, 1).begun == [0, 1]
    for _ in range(2):
        assert kill(tmp_path, 0).begun == [1]
    rest = Found(tmp_path)
    assert rest.begun == []
    assert "started 3 times" in rest.trial.message
