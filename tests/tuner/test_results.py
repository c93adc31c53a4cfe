"""What training may return, and what it becomes."""

import math

import keras
import keras_tuner as kt
import numpy as np
import pytest
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import build_dense
from tuner_helpers import trials_of

import kt_evolution

TWO_OBJECTIVES = [kt.Objective("loss", "min"), kt.Objective("accuracy", "max")]


def search(folder, result, objective=None, max_trials=3, **kwargs):
    """Runs trials that all return `result`, or `result(a)` if callable."""

    def score(hp):
        a = hp.Int("a", 1, 1000)
        return result(a) if callable(result) else result

    tuner = ScoringTuner(
        objective=objective,
        max_trials=max_trials,
        directory=folder,
        seed=0,
        **kwargs,
    )
    tuner.search(score)
    return tuner


@pytest.mark.parametrize(
    "result",
    [
        2,
        2.0,
        np.int64(2),
        np.float32(2),
        np.array(2.0),
        keras.ops.convert_to_tensor(2.0),
        np.array([2.0]),
        np.array([[2]]),
        keras.ops.convert_to_tensor([2.0]),
        [1.0, 3.0],
        [np.array([1.0]), keras.ops.convert_to_tensor([3.0])],
        {"default_objective": np.array([2.0])},
        {"default_objective": keras.ops.convert_to_tensor([2.0])},
        {"default_objective": [2.0]},
        [{"default_objective": 1}, {"default_objective": np.float16(3)}],
        {"default_objective": 2},
    ],
    ids=lambda result: f"{type(result).__name__} {result}",
)
def test_any_number_is_a_result(tmp_path, result):
    tuner = search(tmp_path, result)
    for trial in trials_of(tuner, "COMPLETED"):
        assert trial.score == 2.0
    assert len(trials_of(tuner, "COMPLETED")) == 3


@pytest.mark.parametrize(
    ("objective", "names"),
    [
        ("val_accuracy", ["val_accuracy"]),
        (kt.Objective("val_accuracy", "max"), ["val_accuracy"]),
        (["val_loss", "val_accuracy"], ["val_loss", "val_accuracy"]),
        (
            [kt.Objective("val_loss", "min"), "val_accuracy"],
            ["val_loss", "val_accuracy"],
        ),
    ],
)
def test_objectives_of_each_form_are_read_from_the_history(
    tmp_path, objective, names
):
    tuner = kt_evolution.EvolutionTuner(
        build_dense, objective, max_trials=1, directory=tmp_path
    )
    tuner.search(**FIT)
    trial = tuner.oracle.get_trial("0")
    values = {name: trial.metrics.get_best_value(name) for name in names}
    expected = values.get("val_loss", 0.0) - values["val_accuracy"]
    if len(names) == 1:
        expected = values["val_accuracy"]
    assert trial.score == pytest.approx(expected)


def test_other_metrics_of_a_dict_are_kept(tmp_path):
    tuner = search(
        tmp_path,
        lambda a: {"val_loss": a, "seconds": np.float32(0.5)},
        objective="val_loss",
    )
    trial = tuner.oracle.get_trial("0")
    assert trial.score == 1.0
    assert trial.metrics.get_history("seconds")[0].value == [0.5]


def test_the_sum_of_several_objectives_is_added_to_a_dict(tmp_path):
    tuner = search(
        tmp_path,
        lambda a: {"loss": a, "accuracy": 0.5, "more": 7},
        objective=TWO_OBJECTIVES,
    )
    trial = tuner.oracle.get_trial("0")
    assert trial.score == 0.5
    assert tuner.oracle.get_best_trials()[0] is trial


@pytest.mark.parametrize(
    ("result", "objective", "message"),
    [
        (None, None, "forget to return.*None"),
        ("0.5", None, "must return a number.*'0.5'"),
        (True, None, "must return a number.*True"),
        ([], None, r"must return a number.*\[\]"),
        (object(), "val_loss", "must return a number.*object"),
        (np.zeros(3), "val_loss", "must return a number.*array"),
        ({"loss": 1.0}, None, "default_objective.*loss"),
        ({"loss": 1.0}, "val_loss", "val_loss.*metrics=.*loss"),
        ([{"loss": 1.0}], "val_loss", "val_loss.*metrics=.*loss"),
        ({"loss": 1.0}, TWO_OBJECTIVES, "accuracy.*metrics=.*loss"),
        ({"multi_objective": 1.0}, TWO_OBJECTIVES, "accuracy.*metrics="),
        (1.0, TWO_OBJECTIVES, "accuracy.*loss"),
    ],
)
def test_a_useless_result_ends_the_search_at_once(
    tmp_path, result, objective, message
):
    with pytest.raises(kt.errors.FatalError, match=f"(?s){message}"):
        search(tmp_path, result, objective)


def test_a_metric_that_training_does_not_have_ends_the_search(tmp_path):
    tuner = kt_evolution.EvolutionTuner(
        build_dense,
        kt.Objective("val_auc", "max"),
        directory=tmp_path,
    )
    with pytest.raises(kt.errors.FatalError, match="val_auc.*val_accuracy"):
        tuner.search(**FIT)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("direction", ["min", "max"])
def test_a_score_that_is_not_finite_is_a_failed_individual(
    tmp_path, bad, direction
):
    results = iter([bad, 1.0, bad, 2.0, 3.0])
    tuner = search(
        tmp_path,
        lambda a: next(results),
        kt.Objective("score", direction),
        max_trials=5,
    )
    statuses = [trial.status for trial in trials_of(tuner)]
    assert statuses.count("COMPLETED") == 3
    assert statuses[0] == statuses[2] == "FAILED"
    assert "not finite" in tuner.oracle.get_trial("0").message
    best = tuner.oracle.get_best_trials(5)
    expected = [1.0, 2.0, 3.0]
    if direction == "max":
        expected.reverse()
    assert [trial.score for trial in best] == expected


def test_failures_in_a_row_end_the_search_with_the_last_message(tmp_path):
    def diverge(a):
        raise FloatingPointError("diverged")

    with pytest.raises(RuntimeError, match="(?s)4 trials in a row.*diverged"):
        search(
            tmp_path,
            diverge,
            max_trials=100,
            max_consecutive_failed_trials=4,
        )


def history_of(**metrics):
    history = keras.callbacks.History()
    history.history = metrics
    history.epoch = list(range(max(map(len, metrics.values()))))
    return history


@pytest.mark.parametrize(
    ("losses", "score", "step"),
    [
        ([math.nan, 3.0, 2.0], 2.0, 2),
        ([3.0, math.nan, 4.0], 3.0, 0),
        ([3.0, -math.inf, 4.0], 3.0, 0),
        ([np.float32(3.0), np.float32(2.0)], 2.0, 1),
    ],
)
def test_the_best_finite_epoch_is_the_result(tmp_path, losses, score, step):
    history = history_of(val_loss=losses, lr=[0.5] * len(losses))
    tuner = search(tmp_path, history, "val_loss")
    trial = tuner.oracle.get_trial("0")
    assert (trial.score, trial.best_step) == (score, step)


def test_training_that_is_never_finite_is_a_failed_individual(tmp_path):
    results = iter([[math.nan, math.nan], [1.0, 2.0], [1.0, 2.0]])
    tuner = search(
        tmp_path, lambda a: history_of(val_loss=next(results)), "val_loss"
    )
    statuses = [trial.status for trial in trials_of(tuner)]
    assert statuses == ["FAILED", "COMPLETED", "COMPLETED"]


def test_run_trial_may_report_by_itself_as_it_once_had_to(tmp_path):
    class Reports(kt_evolution.EvolutionTuner):
        def run_trial(self, trial):
            a = trial.hyperparameters.Int("a", 1, 100)
            self.oracle.update_trial(trial.trial_id, {"score": np.int64(a)})

    tuner = Reports(
        objective=kt.Objective("score", "max"),
        max_trials=3,
        directory=tmp_path,
    )
    tuner.search()
    assert len(trials_of(tuner, "COMPLETED")) == 3


def test_the_spread_over_executions_is_a_metric(tmp_path):
    tuner = search(tmp_path, lambda a: [a - 1.0, a + 1.0, a + 3.0])
    for trial in trials_of(tuner):
        assert trial.score == trial.hyperparameters.get("a") + 1.0
        assert trial.metrics.get_best_value("score_std") == 2.0
        assert trial.metrics.get_best_value("num_executions") == 3
    assert tuner.oracle.history.sum_of_squares.tolist() == [[8.0]] * 3
    assert tuner.oracle.history.num_runs.tolist() == [3, 3, 3]
    again = search(tmp_path, 1.0, max_trials=3)
    assert again.oracle.history.sum_of_squares.tolist() == [[8.0]] * 3


def test_the_spread_of_several_objectives(tmp_path):
    results = [{"loss": 1.0, "accuracy": 0.5}, {"loss": 3.0, "accuracy": 0.5}]
    tuner = search(tmp_path, results, TWO_OBJECTIVES)
    metrics = trials_of(tuner)[0].metrics
    assert metrics.get_best_value("loss_std") == pytest.approx(2.0**0.5)
    assert metrics.get_best_value("accuracy_std") == 0.0
    assert not metrics.exists("score_std")
    np.testing.assert_allclose(
        tuner.oracle.history.sum_of_squares, [[2.0, 0.0]] * 3
    )


def test_one_execution_has_no_spread(tmp_path):
    tuner = search(tmp_path, [4.0])
    metrics = trials_of(tuner)[0].metrics
    assert not metrics.exists("score_std")
    assert not metrics.exists("num_executions")
    assert np.isnan(tuner.oracle.history.noise_variance).all()


@pytest.mark.parametrize("number", [math.nan, -1.0, 1.0, math.inf])
def test_a_metric_of_ones_own_that_is_no_number_of_executions(tmp_path, number):
    result = {"default_objective": 1.0, "score_std": 1.0, "num_executions": 2}
    tuner = search(tmp_path, {**result, "num_executions": number})
    assert tuner.oracle.history.num_runs.tolist() == [1, 1, 1]
