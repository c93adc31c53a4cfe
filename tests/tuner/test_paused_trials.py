"""A trial that is paused at a rung goes on as if it had not been paused."""

import errno
import itertools
import json

import keras
import keras_tuner as kt
import numpy as np
import pytest
from found_trials import FoundTrial
from found_trials import check_same_trial
from keras_tuner.engine.trial import Trial
from tuner_helpers import X
from tuner_helpers import Y

import kt_evolution
from kt_evolution.project import clock
from kt_evolution.project.issued_trial import is_paused
from kt_evolution.project.issued_trial import rungs_of
from kt_evolution.training import continuation

EPOCHS = 5
RUNGS = (1, 3, 5)


class Noted(keras.callbacks.Callback):
    """Notes the epochs that begin, and the variables at the end.

    What it notes is of the class, because it is no state of a training.
    """

    begun = []
    rates = []
    variables = []
    cut = None

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(epoch)
        assert self.params["epochs"] == EPOCHS

    def on_train_batch_end(self, batch, logs=None):
        if Noted.cut == len(self.begun) - 1:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch, logs=None):
        rate = self.model.optimizer.learning_rate
        self.rates.append(float(keras.ops.convert_to_numpy(rate)))
        variables = [*self.model.variables, *self.model.optimizer.variables]
        self.variables[:] = [
            np.copy(keras.ops.convert_to_numpy(one)) for one in variables
        ]


def adam():
    return keras.optimizers.Adam(0.05)


def build(hp, make_optimizer=adam):
    hp.Fixed("one", 1)
    # The same weights and the same dropout in any run.
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(4, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        make_optimizer(),
        "binary_crossentropy",
        metrics=["accuracy"],
        run_eagerly=True,
    )
    return model


class Found(FoundTrial):
    """A search of one trial, which is paused at some epochs on the way.

    Args:
        folder: Path.
        targets: Ints, the epochs at which it is paused.
        cut: Int, the epoch that is interrupted, of all that begin.
        send: Function that returns a trial as its trainer gets it.
        dies: Bool, whether the process dies before it can report a pause.
        rungs: Ints.
    """

    epochs = EPOCHS

    def __init__(
        self,
        folder,
        targets=(),
        hypermodel=build,
        callbacks=(),
        cut=None,
        send=lambda trial: trial,
        dies=False,
        rungs=RUNGS,
        **kwargs,
    ):
        options = {"max_starts_per_trial": 9, **kwargs}
        super().__init__(folder, hypermodel, **options)
        self.reports = []
        self.ended = []
        targets = itertools.chain(targets, itertools.repeat(None))
        self._issue(targets, rungs, send, dies)
        Noted.cut, Noted.begun, Noted.rates, Noted.variables = cut, [], [], []
        self.search(*callbacks, Noted())
        self.begun, self.rates = Noted.begun, Noted.rates
        self.variables = Noted.variables

    def _issue(self, targets, rungs, send, dies):
        """Issues the trial again when it was paused, with the next target."""
        oracle = self.tuner.oracle
        create_trial, end_trial = oracle.create_trial, oracle.end_trial

        def create(tuner_id):
            trial = create_trial(tuner_id)
            if trial.status == "RUNNING":
                trial.epochs, trial.rungs = next(targets), rungs
                trial = send(trial)
            return trial

        def end(trial):
            self.reports.append(rungs_of(trial))
            self.is_paused = is_paused(trial)
            if dies and self.is_paused:
                raise KeyboardInterrupt
            if not self.is_paused:
                end_trial(trial)

        oracle.create_trial, oracle.end_trial = create, end


def check_same(found, expected):
    check_same_trial(found, expected)
    assert found.begun == expected.begun
    assert found.rates == expected.rates
    pairs = zip(found.variables, expected.variables, strict=True)
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)


def check_goes_on(tmp_path, targets=(3,), make_callbacks=list, **kwargs):
    """A training that is paused is as one that is not."""
    whole = Found(tmp_path / "whole", callbacks=make_callbacks(), **kwargs)
    found = Found(
        tmp_path / "paused", targets, callbacks=make_callbacks(), **kwargs
    )
    check_same(found, whole)
    return found, whole


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A search that is not paused, of the model that most tests have."""
    return Found(tmp_path_factory.mktemp("whole"))


def plain(rungs):
    """Returns rungs without the seconds of training."""
    return [
        {**one, "metrics": {**one["metrics"], "train_seconds": None}}
        for one in rungs
    ]


@pytest.mark.parametrize("targets", [(3,), (1, 2, 3, 4)])
def test_training_goes_on_where_it_was_paused(tmp_path, whole, targets):
    found = Found(tmp_path, targets)
    check_same(found, whole)
    assert found.begun == list(range(EPOCHS))
    assert len(found.reports) == len(targets) + 1
    for report, epochs in zip(found.reports, targets, strict=False):
        assert report[-1]["epochs"] == epochs
    assert plain(found.reports[-1]) == plain(whole.reports[0])


def test_rungs_have_the_metrics_of_the_best_epoch_so_far(tmp_path, whole):
    (rungs,) = whole.reports
    assert [rung["epochs"] for rung in rungs] == [1, 3]
    history = [line["logs"] for line in whole.curves[1:-1]]
    for rung in rungs:
        logs = history[: rung["epochs"]]
        best = min(range(len(logs)), key=lambda i: logs[i]["val_loss"])
        assert rung["best_step"] == best
        assert rung["metrics"].items() >= logs[best].items()
        assert rung["metrics"]["params"] == whole.metrics["params"]
        assert rung["metrics"]["train_seconds"] > 0
    paused = Found(tmp_path, (3,))
    assert plain(paused.reports[0]) == plain(rungs)


def test_trial_of_a_worker_is_paused(tmp_path, whole):
    def over_grpc(trial):
        return Trial.from_proto(trial.to_proto())

    found = Found(tmp_path, (3,), send=over_grpc)
    check_same(found, whole)
    assert plain(found.reports[-1]) == plain(whole.reports[0])


# The state of a training.


def scheduled():
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 2 * EPOCHS)
    return keras.optimizers.SGD(schedule, momentum=0.9)


def test_schedule_by_steps_is_that_of_all_epochs(tmp_path):
    found, _ = check_goes_on(
        tmp_path, (3,), hypermodel=lambda hp: build(hp, scheduled)
    )
    assert found.rates == pytest.approx(
        [0.05 * (1 + np.cos(np.pi * (i + 1) / EPOCHS)) for i in range(EPOCHS)]
    )


def test_callbacks_keep_their_state(tmp_path):
    class Counts(keras.callbacks.Callback):
        """Changes the rate by what it has seen, as users' callbacks may."""

        def on_train_begin(self, logs=None):
            self.losses = []

        def on_epoch_end(self, epoch, logs=None):
            self.losses.append(logs["loss"])
            if len(self.losses) == 4:
                self.model.optimizer.learning_rate = np.mean(self.losses) / 9

    check_goes_on(
        tmp_path,
        (1, 3),
        lambda: [
            keras.callbacks.ModelCheckpoint(
                tmp_path / "mine.keras", "val_loss", save_best_only=True
            ),
            keras.callbacks.EarlyStopping("val_loss", patience=EPOCHS),
            keras.callbacks.ReduceLROnPlateau(
                "val_loss", patience=1, min_delta=0.05
            ),
            keras.callbacks.LearningRateScheduler(
                lambda epoch, rate: rate * (0.5 if epoch == 3 else 1.0)
            ),
            Counts(),
        ],
    )


def test_best_weights_of_early_stopping_are_no_state(tmp_path):
    """It puts them into the model whenever `fit` ends."""

    def make_callbacks():
        return [
            keras.callbacks.EarlyStopping(
                "val_loss",
                patience=3,
                # No epoch is as much better than the first.
                min_delta=10.0,
                restore_best_weights=True,
            )
        ]

    found, _ = check_goes_on(tmp_path, (1, 3), make_callbacks)
    # A training that a callback ended has come to its end.
    assert found.begun == [0, 1, 2, 3]
    assert not found.is_paused
    assert [rung["epochs"] for rung in found.reports[-1]] == [1, 3]


@pytest.mark.parametrize("epochs", [2, 3])
def test_training_that_a_callback_ends_is_not_paused(tmp_path, epochs):
    class Stops(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch + 1 == epochs

    found = Found(tmp_path, (3,), callbacks=[Stops()])
    assert found.begun == list(range(epochs))
    assert found.trial.status == "COMPLETED"
    assert len(found.reports) == 1
    reached = [rung["epochs"] for rung in found.reports[0]]
    assert reached == [one for one in RUNGS if one <= epochs]


class Rates(keras.callbacks.Callback):
    """Trains with another rate from the third epoch."""

    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.05 if epoch < 2 else self.rate


@pytest.mark.parametrize(
    "rate", [pytest.param(0.05, marks=pytest.mark.slow), 30.0]
)
def test_weights_are_those_of_the_best_epoch_of_both_runs(tmp_path, rate):
    found, _ = check_goes_on(tmp_path, (3,), lambda: [Rates(rate)])
    assert (found.trial.best_step < 3) == (rate > 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        {"executions_per_trial": 2},
        {"validation_data": None, "cross_validation": 3},
    ],
)
def test_only_the_first_execution_is_paused(tmp_path, data):
    found, whole = check_goes_on(tmp_path, (1, 3), **data)
    repeats = data.get("executions_per_trial", 3)
    assert found.begun == list(range(EPOCHS)) * repeats
    assert plain(found.reports[-1]) == plain(whole.reports[0])


# What is passed to `fit`.


class PassesOn(kt.HyperModel):
    """Has a `fit` that passes its arguments on."""

    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, **kwargs)


def test_fit_that_passes_its_arguments_on_is_paused(tmp_path, whole):
    found = Found(tmp_path, (3,), PassesOn(), fit={"verbose": 0})
    check_same(found, whole)
    assert len(found.reports) == 2


def test_epochs_of_a_number_of_steps(tmp_path):
    found, _ = check_goes_on(tmp_path, (3,), fit={"steps_per_epoch": 1})
    assert len(found.reports) == 2


def test_pause_awaits_the_validation(tmp_path):
    found, _ = check_goes_on(tmp_path, (1, 4), fit={"validation_freq": 2})
    assert [one[-1]["epochs"] for one in found.reports] == [2, 4, 3]
    assert [rung["epochs"] for rung in found.reports[-1]] == [3]


# What can't be paused is trained in full.


def check_in_full(tmp_path, reason, repeated=0, expected=None, **kwargs):
    """A search whose trial can't be paused is as one without a fidelity.

    Args:
        tmp_path: Path.
        reason: String, a part of the warning.
        repeated: Int, how many epochs are trained in vain. Defaults to 0.
        expected: A `Found`. Defaults to the same search without a pause.
    """
    expected = expected or Found(tmp_path / "whole", **kwargs)
    with pytest.warns(UserWarning) as warned:
        found = Found(tmp_path / "full", (3,), **kwargs)
    texts = [str(w.message) for w in warned if "in full" in str(w.message)]
    (text,) = texts
    assert text.startswith("Trial 0 is trained in full and not paused, because")
    assert reason in text
    assert found.begun == list(range(repeated)) + expected.begun
    found.begun = found.begun[repeated:]
    found.rates = found.rates[repeated:]
    check_same(found, expected)
    assert len(found.reports) == 1 and not found.is_paused
    return found


class OwnEpochs(PassesOn):
    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, **{**kwargs, "epochs": EPOCHS})


def test_epochs_of_the_users_own(tmp_path, whole):
    found = check_in_full(
        tmp_path,
        "gets epochs=5, and `search` got epochs=27",
        hypermodel=OwnEpochs(),
        rungs=(1, 3, 9, 27),
        expected=whole,
    )
    assert [rung["epochs"] for rung in found.reports[0]] == [1, 3]


class Loop(PassesOn):
    """Has a loop that notes all that `Model.fit` does, and does not stop."""

    def fit(self, hp, model, x, y, callbacks, epochs, **kwargs):
        several = keras.callbacks.CallbackList(
            callbacks, add_history=True, model=model, epochs=epochs
        )
        several.on_train_begin()
        for epoch in range(epochs):
            several.on_epoch_begin(epoch)
            loss = float(model.train_on_batch(x, y)[0])
            several.on_epoch_end(epoch, {"loss": loss, "val_loss": loss})
            if model.stop_training:
                break
        several.on_train_end()
        return model.history


class SeveralFits(PassesOn):
    def fit(self, hp, model, *args, **kwargs):
        model.fit(*args, **kwargs)
        return model.fit(*args, **kwargs)


class NoCallbacks(PassesOn):
    def fit(self, hp, model, *args, callbacks, **kwargs):
        return model.fit(*args, callbacks=[callbacks[0]], **kwargs)


class Opaque(keras.callbacks.Callback):
    """Has a state that can't be kept."""

    def on_epoch_end(self, epoch, logs=None):
        self.curve = itertools.chain([epoch])


@pytest.mark.parametrize(
    ("hypermodel", "reason", "repeated"),
    [
        (Loop(), "has a loop instead of `Model.fit`", 0),
        pytest.param(
            SeveralFits(),
            "calls `Model.fit` several times",
            3,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_fit_of_the_users_own(tmp_path, hypermodel, reason, repeated):
    check_in_full(tmp_path, reason, repeated, hypermodel=hypermodel)


def test_callbacks_that_are_not_passed_on(tmp_path):
    with pytest.warns(UserWarning, match="passes no callbacks on"):
        found = Found(tmp_path, (3,), NoCallbacks())
    assert found.begun == list(range(EPOCHS))
    assert found.trial.status == "COMPLETED"


@pytest.mark.slow
def test_fits_that_were_paused_in_vain_are_so_once_a_search(tmp_path):
    class Two(SeveralFits):
        def build(self, hp):
            hp.Boolean("other")
            return build(hp)

    found = Found(tmp_path, (3, 3), Two(), max_trials=2)
    assert len(found.begun) == 3 + 2 * 2 * EPOCHS


def test_state_that_cannot_be_kept(tmp_path):
    reason = "`Opaque.curve` of a callback is a chain"
    check_in_full(tmp_path, reason, callbacks=[Opaque()])


def test_full_disk(tmp_path, monkeypatch, whole):
    def write(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(continuation, "write_snapshot", write)
    reason = "its state can't be written"
    check_in_full(tmp_path, reason, expected=whole)


# What ends a run.


def test_ctrl_c_in_a_promoted_run(tmp_path, whole, monkeypatch):
    monkeypatch.setattr(continuation, "MAX_SHARE", float("inf"))
    first = Found(tmp_path, (3,), cut=4)
    assert first.is_cut and first.begun == [0, 1, 2, 3, 4]
    rest = Found(tmp_path)
    assert rest.begun == [4]
    rest.begun = first.begun[:-1] + rest.begun
    rest.rates = first.rates + rest.rates
    check_same(rest, whole)
    assert plain(rest.reports[-1]) == plain(whole.reports[0])


def test_ctrl_c_before_a_pause_is_stored(tmp_path, whole):
    first = Found(tmp_path, (3,), dies=True)
    assert first.is_cut and first.begun == [0, 1, 2]
    again = Found(tmp_path, (3,), dies=True)
    assert again.is_cut and again.begun == []
    assert plain(again.reports[0]) == plain(first.reports[0])
    rest = Found(tmp_path, (3,))
    assert len(rest.reports) == 2
    rest.begun, rest.rates = first.begun + rest.begun, first.rates + rest.rates
    check_same(rest, whole)


@pytest.mark.parametrize(("target", "paused"), [(3, True), (None, False)])
def test_time_budget(tmp_path, monkeypatch, target, paused):
    class Slow(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            times[0] += 10.0

    times = [1e6]
    monkeypatch.setattr(clock, "monotonic", lambda: times[0])
    stop = kt_evolution.TimeBudget(seconds=20)
    found = Found(tmp_path, (target,), callbacks=[Slow()], stop=stop, dies=True)
    assert found.begun == [0, 1]
    assert found.is_paused is paused
    assert found.state.exists() is paused
    reached = [rung["epochs"] for rung in found.reports[0]]
    assert reached == ([1, 2] if paused else [1])


def test_training_that_has_diverged_at_a_rung_has_failed(tmp_path):
    def build_diverging(hp):
        return build(hp, lambda: keras.optimizers.SGD(float("nan")))

    found = Found(tmp_path, (3,), build_diverging)
    assert found.begun == [0, 1, 2]
    assert found.trial.status == "FAILED"
    assert "is not finite" in found.trial.message
    assert found.reports == [[]]
    assert not found.state.parent.exists()


# Results that only the user's code knows.


class OwnResult(PassesOn):
    def fit(self, hp, model, *args, **kwargs):
        history = super().fit(hp, model, *args, **kwargs).history
        return {"score": min(history["loss"]) + len(history["loss"])}


def test_rung_has_the_result_of_the_users_fit(tmp_path):
    found, whole = check_goes_on(
        tmp_path,
        (1, 3),
        hypermodel=OwnResult(),
        objective=kt.Objective("score", "min"),
    )
    assert whole.reports == [[]]
    losses = [
        line["logs"]["loss"]
        for line in whole.curves
        if line["event"] == "epoch"
    ]
    for report, epochs in zip(found.reports, (1, 3), strict=False):
        (rung,) = report
        score = min(losses[:epochs]) + epochs
        assert (rung["epochs"], rung["metrics"]["score"]) == (epochs, score)


def test_callbacks_of_the_search_know_no_pause(tmp_path):
    class Ends(kt_evolution.SearchCallback):
        ended = []

        def on_trial_end(self, tuner, trial):
            self.ended.append(trial.trial_id)

    Found(tmp_path, (1, 3), callbacks=[Ends()], keep_checkpoints=1)
    assert Ends.ended == ["0"]


# A search that decides itself what is paused.


class Halved:
    """A search whose trials are paused and promoted.

    Args:
        folder: Path.
    """

    def __init__(self, folder):
        epochs = self.epochs = []

        class Tuner(kt_evolution.EvolutionTuner):
            def on_epoch_begin(self, trial, model, epoch, logs=None):
                epochs.append((trial.trial_id, epoch))

        self.folder = folder / "project"
        self.tuner = Tuner(
            self.build,
            "val_loss",
            max_trials=8,
            seed=0,
            fidelity=kt_evolution.SuccessiveHalving(factor=2),
            directory=folder,
            project_name="project",
        )
        self.tuner.search(
            X, Y, validation_data=(X, Y), epochs=4, shuffle=False, verbose=0
        )

    @staticmethod
    def build(hp):
        rate = hp.Float("rate", 1e-3, 1.0, sampling="log")
        return build(hp, lambda: keras.optimizers.Adam(rate))

    def curve(self, trial_id):
        path = self.folder / f"trial_{trial_id}" / "training.jsonl"
        lines = map(json.loads, path.read_text().splitlines())
        return [line["logs"] for line in lines if line["event"] == "epoch"]


@pytest.fixture(scope="module")
def halved(tmp_path_factory):
    return Halved(tmp_path_factory.mktemp("halved"))


def test_no_epoch_is_trained_twice(halved):
    assert len(set(halved.epochs)) == len(halved.epochs)
    promoted = [
        trial_id
        for trial_id, trial in halved.tuner.oracle.trials.items()
        if len(halved.curve(trial_id)) > 1
    ]
    assert len(halved.epochs) < 8 * 4
    assert 0 < len(promoted) < 8


def test_curves_are_those_of_trainings_without_a_pause(halved):
    for trial_id, trial in halved.tuner.oracle.trials.items():
        curve = halved.curve(trial_id)
        model = halved.build(trial.hyperparameters)
        data = {"validation_data": (X, Y), "shuffle": False, "verbose": 0}
        history = model.fit(X, Y, epochs=len(curve), **data).history
        assert curve == [
            {name: values[epoch] for name, values in history.items()}
            for epoch in range(len(curve))
        ]


def test_only_completed_trials_are_the_best(halved):
    oracle = halved.tuner.oracle
    (best,) = oracle.get_best_trials()
    assert len(halved.curve(best.trial_id)) == 4
    (model,) = halved.tuner.get_best_models()
    assert model.evaluate(X, Y, verbose=0)[0] == pytest.approx(best.score)


def test_states_are_there_of_trials_that_are_paused(halved):
    trials = halved.tuner.oracle.trials
    for trial_id, trial in trials.items():
        folder = halved.folder / f"trial_{trial_id}" / "unfinished"
        assert folder.is_dir() <= (trial.status == "IDLE")
