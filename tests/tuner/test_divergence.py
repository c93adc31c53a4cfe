"""A training that ends with a NaN loss has failed, for every objective."""

import json
import math
import warnings

import keras
import keras_tuner as kt
import numpy as np
import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import trials_of

import kt_evolution

pytestmark = pytest.mark.graph

# One positive in ten: a model that predicts NaN is right about the others.
X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
Y = (np.arange(40) % 10 == 0).astype("float32")
NEGATIVES = 0.9
DATA = {"x": X, "y": Y, "validation_data": (X, Y)}
FIT = {**DATA, "batch_size": 40, "epochs": 1, "verbose": 0}
ACCURACY = kt.Objective("val_accuracy", "max")


def build(hp):
    """Makes models of which the first predict NaN, the others ones."""
    scale = hp.Choice("scale", [math.inf, 1.0, 2.0, 3.0])
    model = keras.Sequential(
        [
            keras.Input((4,)),
            # 0 * inf is NaN.
            keras.layers.Rescaling(scale if math.isfinite(scale) else 0.0),
            keras.layers.Rescaling(scale),
            keras.layers.Dense(
                1,
                activation="sigmoid",
                kernel_initializer="zeros",
                bias_initializer=keras.initializers.Constant(5.0),
            ),
        ]
    )
    model.compile(
        keras.optimizers.SGD(1e-3),
        "binary_crossentropy",
        metrics=["accuracy"],
        run_eagerly=True,
    )
    return model


def search(
    folder, hypermodel=build, objective=ACCURACY, max_trials=2, **kwargs
):
    arguments = {**FIT, **kwargs.pop("fit", {})}
    tuner = kt_evolution.EvolutionTuner(
        hypermodel,
        objective,
        max_trials=max_trials,
        directory=folder,
        seed=0,
        **kwargs,
    )
    tuner.search(**arguments)
    return tuner


def check_only_the_first_failed(tuner):
    first, *others = trials_of(tuner)
    assert first.status == "FAILED"
    assert "not finite" in first.message
    assert "nan" in first.message
    assert [trial.status for trial in others] == ["COMPLETED"] * len(others)
    assert tuner.oracle.get_best_trials()[0] is others[0]


def test_a_model_that_predicts_nan_does_not_win(tmp_path):
    tuner = search(tmp_path)
    check_only_the_first_failed(tuner)
    first, second = trials_of(tuner)
    # It would have won.
    assert first.metrics.get_best_value("val_accuracy") == pytest.approx(
        NEGATIVES
    )
    assert second.score < 0.5
    with warnings.catch_warnings():
        # NumPy's of NaN.
        warnings.simplefilter("error", RuntimeWarning)
        check_only_the_first_failed(search(tmp_path))


@pytest.mark.parametrize(
    "kwargs",
    [
        {"objective": [ACCURACY, kt.Objective("params", "min")]},
        {"executions_per_trial": 2},
        {"fit": {"callbacks": [keras.callbacks.TerminateOnNaN()], "epochs": 3}},
        {"fit": {"validation_freq": 2, "epochs": 3}},
        {
            "fit": {
                "callbacks": [keras.callbacks.TerminateOnNaN()],
                "validation_freq": 2,
                "epochs": 3,
            }
        },
    ],
    ids=[
        "two objectives",
        "executions",
        "TerminateOnNaN",
        "validation_freq",
        "ended before it was validated",
    ],
)
def test_a_nan_loss_fails_a_trial_of_any_kind(tmp_path, kwargs):
    check_only_the_first_failed(search(tmp_path, **kwargs))


def test_a_nan_loss_of_one_fold_fails_the_trial(tmp_path):
    pytest.importorskip("sklearn")
    arrays = {"x": X, "y": Y, "validation_data": None}
    tuner = search(tmp_path, cross_validation=2, fit=arrays)
    check_only_the_first_failed(tuner)


RETURNS = {
    "history": lambda history: history,
    "number": lambda history: max(history.history["val_accuracy"]),
    "dict": lambda history: {"val_accuracy": history.history["accuracy"][0]},
    "dict with loss": lambda history: {
        "val_accuracy": 1.0,
        "loss": history.history["loss"][-1],
    },
}


class Fits(kt.HyperModel):
    """Returns what a function makes of the history."""

    def __init__(self, returns):
        super().__init__()
        self.returns = returns

    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, *args, **kwargs):
        return self.returns(model.fit(*args, **kwargs))


@pytest.mark.parametrize("returns", RETURNS)
def test_whatever_fit_returns(tmp_path, returns):
    check_only_the_first_failed(search(tmp_path, Fits(RETURNS[returns])))


def test_only_the_last_fit_of_several_counts(tmp_path):
    class FitsAgain(Fits):
        def fit(self, hp, model, *args, **kwargs):
            model.fit(*args, **kwargs)
            model = build_finite()
            return self.returns(model.fit(*args, **kwargs))

    def build_finite():
        hp = kt.HyperParameters()
        hp.Fixed("scale", 1.0)
        return build(hp)

    tuner = search(tmp_path, FitsAgain(RETURNS["number"]))
    assert len(trials_of(tuner, "COMPLETED")) == 2


def test_one_output_whose_loss_is_nan(tmp_path):
    def two_outputs(hp):
        inputs = keras.Input((4,))
        good = keras.layers.Dense(1, activation="sigmoid", name="good")(inputs)
        bad = keras.layers.Dense(1, name="bad")(inputs)
        bad = keras.layers.Rescaling(
            math.nan if hp.Boolean("nan", default=True) else 1.0, name="out"
        )(bad)
        model = keras.Model(inputs, {"good": good, "out": bad})
        model.compile("sgd", "mse", metrics={"good": ["accuracy"]})
        return model

    targets = {"good": Y, "out": Y}
    tuner = search(
        tmp_path,
        two_outputs,
        kt.Objective("val_good_accuracy", "max"),
        fit={"y": targets, "validation_data": (X, targets)},
    )
    check_only_the_first_failed(tuner)
    assert "out_loss=nan" in trials_of(tuner)[0].message


class BreaksAnEpoch(keras.callbacks.Callback):
    """Makes the weights NaN in one epoch, and restores them after it."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.weights = self.model.get_weights()
            self.model.set_weights([w * math.nan for w in self.weights])
        if epoch == 2:
            self.model.set_weights(self.weights)


def test_an_epoch_that_training_recovered_from_is_not_the_best(tmp_path):
    def finite(hp):
        hp.Fixed("scale", 1.0)
        return build(hp)

    fit = {"epochs": 3, "callbacks": [BreaksAnEpoch()]}
    tuner = search(tmp_path, finite, max_trials=1, fit=fit)
    (trial,) = trials_of(tuner, "COMPLETED")
    log = (tmp_path / "untitled_project/trial_0/training.jsonl").read_text()
    epochs = [json.loads(line) for line in log.splitlines()]
    accuracies = [e["logs"]["val_accuracy"] for e in epochs if "logs" in e]
    assert accuracies == pytest.approx([0.1, NEGATIVES, 0.1])
    assert trial.score == pytest.approx(0.1)
    assert trial.best_step == 0
    # The weights are those of the score.
    model = tuner.get_best_models()[0]
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def history_of(**metrics):
    history = keras.callbacks.History()
    history.history = metrics
    history.epoch = list(range(max(map(len, metrics.values()))))
    return history


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "result",
    [
        lambda bad: {"score": 1.0, "loss": bad},
        lambda bad: {"score": 1.0, "loss": np.float32(bad)},
        lambda bad: {"score": 1.0, "loss": np.array([bad])},
        lambda bad: [{"score": 1.0}, {"score": 1.0, "val_loss": bad}],
        lambda bad: [{"score": 1.0, "val_loss": bad}, {"score": 1.0}],
        lambda bad: history_of(score=[1.0, 2.0], loss=[0.5, bad]),
        lambda bad: history_of(score=[1.0, 2.0], val_loss=[bad, bad]),
        lambda bad: history_of(score=[1.0, 2.0, 3.0], val_loss=[0.5, bad]),
        lambda bad: history_of(score=[1.0, 2.0], val_digits_loss=[0.5, bad]),
        lambda bad: [history_of(score=[1.0], loss=[x]) for x in (0.5, bad)],
    ],
)
def test_a_run_trial_of_ones_own(tmp_path, result, bad):
    results = iter([result(bad), result(0.5), result(0.5)])
    tuner = ScoringTuner(
        objective=kt.Objective("score", "max"),
        max_trials=3,
        directory=tmp_path,
    )
    tuner.search(lambda hp: hp.Int("a", 1, 100) and next(results))
    statuses = [trial.status for trial in trials_of(tuner)]
    assert statuses == ["FAILED", "COMPLETED", "COMPLETED"]
    assert f"loss={bad}" in trials_of(tuner)[0].message


@pytest.mark.parametrize(
    ("metrics", "score"),
    [
        ({"score": [1.0, 3.0, 2.0], "loss": [0.5, math.nan, 0.5]}, 2.0),
        ({"score": [1.0, 3.0, 2.0], "val_loss": [math.nan, 0.5, 0.5]}, 3.0),
        # Validated in the second and the fourth epoch.
        (
            {
                "loss": [math.nan, math.nan, 0.5, 0.5],
                "val_loss": [0.5, 0.5],
                "score": [3.0, 2.0],
            },
            3.0,
        ),
        (
            {
                "loss": [0.5, 0.5, 0.5, 0.5],
                "val_loss": [math.nan, 0.5],
                "score": [3.0, 2.0],
            },
            2.0,
        ),
        # No losses.
        ({"score": [1.0, 3.0], "lr": [0.5, math.nan]}, 3.0),
        ({"score": [1.0, 3.0], "lossless": [math.inf, math.inf]}, 3.0),
    ],
)
def test_losses_that_are_finite_at_the_end(tmp_path, metrics, score):
    tuner = ScoringTuner(
        objective=kt.Objective("score", "max"),
        max_trials=1,
        directory=tmp_path,
    )
    tuner.search(lambda hp: history_of(**metrics))
    (trial,) = trials_of(tuner, "COMPLETED")
    assert trial.score == score


def test_metrics_that_run_trial_reports_by_itself(tmp_path):
    class Reports(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, losses):
            trial.hyperparameters.Int("a", 1, 100)
            for step, loss in enumerate(losses[int(trial.trial_id)]):
                metrics = {"score": 1.0, "loss": loss}
                self.oracle.update_trial(trial.trial_id, metrics, step=step)

    tuner = Reports(
        objective=kt.Objective("score", "max"), max_trials=2, directory=tmp_path
    )
    tuner.search([[0.5, math.nan], [math.nan, 0.5]])
    statuses = [trial.status for trial in trials_of(tuner)]
    assert statuses == ["FAILED", "COMPLETED"]
