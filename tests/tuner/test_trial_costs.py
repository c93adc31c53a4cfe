"""Costs as metrics of trials, and as objectives."""

import keras
import keras_tuner as kt
import numpy as np
import pytest
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import X
from tuner_helpers import Y
from tuner_helpers import build_dense
from tuner_helpers import trials_of

import kt_evolution
from kt_evolution.costs import naswot
from kt_evolution.costs import synflow
from kt_evolution.proposals.dry_build import DryBuild

FREE = {"params", "trainable_params", "train_seconds"}


def new_tuner(folder, hypermodel=build_dense, objective="val_loss", **kwargs):
    kwargs.setdefault("max_trials", 2)
    return kt_evolution.EvolutionTuner(
        hypermodel, objective, directory=folder, seed=0, **kwargs
    )


def metrics_of(trial):
    return {
        name: metric.get_best_value()
        for name, metric in trial.metrics.metrics.items()
    }


def params_of(trial):
    units = trial.hyperparameters.get("units")
    return 4 * units + units + units + 1


class Fits(kt.HyperModel):
    """Trains by itself and returns what `report` makes of the history."""

    def __init__(self, report):
        super().__init__()
        self.report = report

    def build(self, hp):
        return build_dense(hp)

    def fit(self, hp, model, *args, **kwargs):
        return self.report(model.fit(*args, **kwargs))


def test_what_comes_free_is_a_metric_of_every_trial(tmp_path):
    tuner = new_tuner(tmp_path)
    tuner.search(**FIT)
    for trial in trials_of(tuner, "COMPLETED"):
        metrics = metrics_of(trial)
        assert metrics["params"] == params_of(trial)
        assert metrics["trainable_params"] == params_of(trial)
        assert metrics["train_seconds"] > 0
        assert not {"flops", "latency"} & metrics.keys()
    assert len(trials_of(tuner, "COMPLETED")) == 2


def test_costs_are_there_again_after_a_restart(tmp_path):
    tuner = new_tuner(tmp_path, measure=["latency"])
    tuner.search(**FIT)
    before = [metrics_of(trial) for trial in trials_of(tuner)]
    tuner = new_tuner(tmp_path)
    assert [metrics_of(trial) for trial in trials_of(tuner)] == before
    assert FREE | {"latency"} <= before[0].keys()


def test_what_is_asked_for_is_measured(tmp_path):
    tuner = new_tuner(tmp_path, measure=["flops", "latency"])
    tuner.search(**FIT)
    for trial in trials_of(tuner, "COMPLETED"):
        units = trial.hyperparameters.get("units")
        metrics = metrics_of(trial)
        products = 2 * 4 * units + 2 * units
        assert products <= metrics["flops"] <= products + 10 * (units + 1)
        assert metrics["latency"] > 0


@pytest.mark.parametrize(
    ("bad", "error"), [(["watts"], ValueError), (7, TypeError)]
)
def test_measure_must_name_costs(tmp_path, bad, error):
    with pytest.raises(error, match="`measure`.*Received: measure="):
        new_tuner(tmp_path, measure=bad)


@pytest.mark.parametrize("report", [lambda history: history, None])
def test_executions_are_averaged(tmp_path, report):
    report = report or (lambda h: {"val_loss": h.history["val_loss"][-1]})
    tuner = new_tuner(tmp_path, Fits(report), executions_per_trial=3)
    tuner.search(**FIT)
    for trial in trials_of(tuner, "COMPLETED"):
        assert metrics_of(trial)["params"] == params_of(trial)
        # One value, as of every metric: the mean.
        (seconds,) = trial.metrics.get_history("train_seconds")
        assert len(seconds.value) == 1


@pytest.mark.parametrize(
    "objective",
    [
        "params",
        kt.Objective("params", "min"),
        kt.Objective("params", "max"),
        "flops",
        "latency",
        "train_seconds",
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "report",
    [
        lambda history: history,
        lambda history: {"val_loss": history.history["val_loss"][-1]},
    ],
    ids=["history", "dict"],
)
def test_a_cost_is_an_objective(tmp_path, objective, report):
    tuner = new_tuner(tmp_path, Fits(report), objective, max_trials=3)
    tuner.search(**FIT)
    name = tuner.oracle.objective.name
    trials = trials_of(tuner, "COMPLETED")
    assert len(trials) == 3
    for trial in trials:
        assert trial.score == metrics_of(trial)[name]
    best = max if tuner.oracle.objective.direction == "max" else min
    scores = [trial.score for trial in trials]
    assert tuner.oracle.get_best_trials()[0].score == best(scores)


def test_an_oracle_alone_knows_the_direction_too():
    oracle = kt_evolution.EvolutionOracle("flops")
    assert oracle.objective == kt.Objective("flops", "min")


def test_costs_are_among_several_objectives(tmp_path):
    tuner = new_tuner(tmp_path, objective=["val_accuracy", "params"])
    tuner.search(**FIT | {"epochs": 3})
    for trial in trials_of(tuner, "COMPLETED"):
        metrics = metrics_of(trial)
        expected = metrics["params"] - metrics["val_accuracy"]
        assert trial.score == pytest.approx(expected)


class DivergesAtLast(keras.callbacks.Callback):
    """Makes the last epoch by far the worst."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            self.model.optimizer.learning_rate = 1000.0


@pytest.mark.parametrize("objective", [["val_loss", "train_seconds"], "params"])
def test_the_weights_on_disk_are_those_of_the_metrics(tmp_path, objective):
    """A cost is not known when the host chooses which epoch to keep."""
    tuner = new_tuner(tmp_path, objective=objective)
    tuner.search(**FIT | {"epochs": 3}, callbacks=[DivergesAtLast()])
    for trial in trials_of(tuner, "COMPLETED"):
        assert (trial.best_step < 2) is (objective != "params")
        loss = tuner.load_model(trial).evaluate(X, Y, verbose=0)[0]
        assert loss == pytest.approx(metrics_of(trial)["val_loss"], rel=1e-3)


@pytest.mark.parametrize("as_history", [True, False])
def test_what_the_user_reports_wins(tmp_path, as_history):
    def report(history):
        history.history["params"] = [7.0] * len(history.epoch)
        if as_history:
            return history
        return {name: values[-1] for name, values in history.history.items()}

    tuner = new_tuner(tmp_path, Fits(report), "params", measure=["flops"])
    tuner.search(**FIT)
    for trial in trials_of(tuner, "COMPLETED"):
        assert trial.score == 7.0
        assert metrics_of(trial)["trainable_params"] == params_of(trial)


def test_own_run_trial_around_the_hosts_keeps_the_costs(tmp_path):
    class Own(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, *args, **kwargs):
            histories = super().run_trial(trial, *args, **kwargs)
            return min(histories[0].history["val_loss"])

    tuner = Own(build_dense, "val_loss", 2, directory=tmp_path)
    tuner.search(**FIT)
    for trial in trials_of(tuner, "COMPLETED"):
        assert metrics_of(trial).keys() == FREE | {"val_loss"}


def test_own_run_trial_that_trains_no_model_has_no_costs(tmp_path):
    tuner = ScoringTuner(max_trials=2, directory=tmp_path, measure=["latency"])
    tuner.search(lambda hp: hp.Int("a", 1, 9))
    assert not FREE & metrics_of(trials_of(tuner)[0]).keys()
    tuner = ScoringTuner(
        objective="latency", directory=tmp_path, project_name="other"
    )
    with pytest.raises(kt.errors.FatalError, match="(?s)fits itself.*latency"):
        tuner.search(lambda hp: {"loss": hp.Int("a", 1, 9)})


class Subclassed(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.dense = keras.layers.Dense(units)
        self.head = keras.layers.Dense(1, activation="sigmoid")

    def build(self, input_shape):
        self.dense.build(input_shape)
        self.head.build((None, self.dense.units))

    def call(self, inputs, training=False):
        return self.head(self.dense(inputs))


def build_subclassed(hp):
    model = Subclassed(hp.Int("units", 1, 16))
    model.compile("sgd", "binary_crossentropy")
    return model


def test_a_model_that_is_built_in_training_is_measured_after_it(tmp_path):
    tuner = new_tuner(tmp_path, build_subclassed, measure=["flops", "latency"])
    tuner.search(**FIT)
    for trial in trials_of(tuner, "COMPLETED"):
        metrics = metrics_of(trial)
        assert metrics["params"] == params_of(trial)
        assert metrics["flops"] > 0
    # As the host does: weights go into a model that is built as it was.
    loss = tuner.get_best_models()[0].evaluate(X, Y, verbose=0)
    best = tuner.oracle.get_best_trials()[0]
    assert loss == pytest.approx(best.score, abs=1e-3)


def test_what_can_not_be_counted_ends_the_search_before_training(tmp_path):
    fitted = []

    class Any(kt.HyperModel):
        def build(self, hp):
            inputs = keras.Input((None, hp.Int("size", 1, 4)), name="frames")
            model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
            model.compile("sgd", "mse")
            return model

        def fit(self, hp, model, *args, **kwargs):
            fitted.append(model)

    tuner = new_tuner(tmp_path, Any(), measure=["flops"])
    with pytest.raises(kt.errors.FatalError, match="'flops'.*'frames'"):
        tuner.search(np.zeros((4, 5, 1)), np.zeros((4, 5, 1)))
    assert not fitted


def proxies_of(tuner):
    return [
        {name: metrics_of(trial).get(name) for name in ("naswot", "synflow")}
        for trial in trials_of(tuner, "COMPLETED")
    ]


def build_rectified(hp):
    keras.utils.set_random_seed(0)
    units = hp.Int("units", 4, 16)
    inputs = keras.Input((4,))
    x = keras.layers.Dense(units, hp.Choice("kind", ["relu", "tanh"]))(inputs)
    x = keras.layers.Dropout(0.5)(x)
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(x))
    model.compile("sgd", "binary_crossentropy")
    return model


def test_proxies_are_those_of_the_model_before_training(tmp_path):
    tuner = new_tuner(
        tmp_path,
        build_rectified,
        max_trials=3,
        initial_population=[{"kind": "relu"}, {"kind": "tanh"}],
        measure=["naswot", "synflow"],
        inherit_weights=True,
    )
    with pytest.warns(UserWarning, match="'naswot'.*lacks it.*no layer with"):
        tuner.search(**FIT)
    found = proxies_of(tuner)
    for trial, proxies in zip(trials_of(tuner), found, strict=True):
        model = build_rectified(trial.hyperparameters)
        assert proxies["synflow"] == pytest.approx(synflow(model))
        if trial.hyperparameters.get("kind") == "relu":
            assert proxies["naswot"] == pytest.approx(naswot(model))
        else:
            assert proxies["naswot"] is None
    assert len(found) == 3
    again = new_tuner(tmp_path, build_rectified, max_trials=3)
    assert proxies_of(again) == found


def test_a_proxy_is_an_objective_and_has_a_limit(tmp_path):
    with pytest.raises(ValueError, match="direction.*synflow"):
        new_tuner(tmp_path, objective="synflow")
    tuner = new_tuner(
        tmp_path,
        build_rectified,
        kt.Objective("synflow", "max"),
        limits=kt_evolution.Limit("synflow", min=0.0),
        max_trials=2,
    )
    tuner.search(**FIT)
    best = tuner.oracle.get_best_trials()[0]
    assert best.score == max(one["synflow"] for one in proxies_of(tuner))


def test_an_objective_that_is_a_proxy_which_a_model_lacks(tmp_path):
    tuner = new_tuner(
        tmp_path,
        build_rectified,
        kt.Objective("naswot", "max"),
        initial_population=[{"kind": "tanh"}],
    )
    message = "`objective`.* Proxies are .* a warning says why"
    with (
        pytest.warns(UserWarning, match="'naswot'.*no layer with"),
        pytest.raises(kt.errors.FatalValueError, match=message),
    ):
        tuner.search(**FIT)


def test_a_dry_build_tells_the_size_of_a_model():
    dry_build = DryBuild(Fits(None))
    report = dry_build(kt.HyperParameters(), {"units": 3, "lr": 0.1})
    assert report.costs == {"params": 19, "trainable_params": 19}
