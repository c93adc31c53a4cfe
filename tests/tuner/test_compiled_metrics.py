"""Every metric that a model may be compiled with, as Keras logs it."""

import json
import warnings

import keras
import keras_tuner as kt
import numpy as np
import pytest
from tuner_helpers import FIT
from tuner_helpers import X
from tuner_helpers import Y
from tuner_helpers import trials_of

import kt_evolution
from kt_evolution.project.journal import Journal

METRICS = {
    "MeanIoU": lambda: keras.metrics.MeanIoU(num_classes=2),
    "IoU": lambda: keras.metrics.IoU(2, [1]),
    "OneHotIoU": lambda: keras.metrics.OneHotIoU(2, [1]),
    "PrecisionAtRecall": lambda: keras.metrics.PrecisionAtRecall(0.5),
    "custom": lambda: Within(0.25),
}


@keras.saving.register_keras_serializable("tests")
class Within(keras.metrics.MeanMetricWrapper):
    """The part of the predictions that are near enough."""

    def __init__(self, distance, name="tests>Within", **kwargs):
        super().__init__(
            lambda y, p: keras.ops.cast(
                keras.ops.abs(y - p) < distance, "float32"
            ),
            name=name,
            **kwargs,
        )


def search(folder, metrics, objective, num_classes=1, max_trials=2, **fit):
    """Trains models that are compiled with metrics."""

    def build(hp):
        last = "sigmoid" if num_classes == 1 else "softmax"
        model = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(hp.Int("units", 1, 16), activation="relu"),
                keras.layers.Dense(num_classes, activation=last),
            ]
        )
        model.compile("sgd", "mse", metrics=metrics(), run_eagerly=True)
        return model

    tuner = kt_evolution.EvolutionTuner(
        build, objective, max_trials=max_trials, directory=folder, seed=0
    )
    tuner.search(**{**FIT, **fit})
    return tuner


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_whose_class_has_required_arguments(tmp_path, name):
    num_classes = 2 if name == "OneHotIoU" else 1
    y = np.eye(2)[Y.astype(int)] if num_classes == 2 else Y
    data = {"y": y, "validation_data": (X, y)}
    tuner = search(
        tmp_path, lambda: [METRICS[name]()], "val_loss", num_classes, **data
    )
    trials = trials_of(tuner, "COMPLETED")
    assert len(trials) == 2
    for trial in trials:
        metrics = trial.metrics.metrics
        validated = {each for each in metrics if each.startswith("val_")}
        (logged,) = validated - {"val_loss"}
        history = metrics[logged]
        assert 0.0 <= history.get_best_value() <= 1.0
        # The direction of a custom metric is not known.
        assert history.direction == ("min" if name == "custom" else "max")


def test_the_best_trial_has_the_highest_r2_score(tmp_path):
    tuner = search(tmp_path, lambda: ["r2_score"], "val_r2_score", max_trials=4)
    scores = [trial.score for trial in trials_of(tuner, "COMPLETED")]
    assert len(set(scores)) > 1
    assert tuner.oracle.get_best_trials()[0].score == max(scores)
    best_epochs = search(
        tmp_path / "epochs", lambda: ["r2_score"], "val_r2_score", epochs=4
    )
    for trial in trials_of(best_epochs):
        log = tmp_path / "epochs/untitled_project"
        lines = (log / f"trial_{trial.trial_id}/training.jsonl").read_text()
        epochs = [json.loads(line) for line in lines.splitlines()]
        values = [e["logs"]["val_r2_score"] for e in epochs if "logs" in e]
        assert trial.score == max(values)


@pytest.mark.parametrize(
    "metric",
    [
        lambda: keras.metrics.F1Score(threshold=0.5),
        lambda: keras.metrics.FBetaScore(
            beta=2.0, threshold=0.5, name="f1_score"
        ),
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_a_metric_that_is_an_array_of_one_element(tmp_path, metric, several):
    objective = ["val_f1_score", "params"] if several else "val_f1_score"
    targets = Y.reshape(-1, 1)
    data = {"y": targets, "validation_data": (X, targets), "epochs": 3}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Conversion of an array")
        tuner = search(tmp_path, lambda: [metric()], objective, **data)
    for trial in trials_of(tuner, "COMPLETED"):
        history = trial.metrics.metrics["val_f1_score"]
        log = tmp_path / f"untitled_project/trial_{trial.trial_id}"
        lines = (log / "training.jsonl").read_text().splitlines()
        epochs = [json.loads(line) for line in lines]
        values = [e["logs"]["val_f1_score"] for e in epochs if "logs" in e]
        assert len(values) == 3
        assert history.get_best_value() == max(values)
        assert tuner.load_model(trial).built


@pytest.mark.parametrize(
    ("name", "metric", "direction"),
    [
        ("cosine_similarity", keras.losses.CosineSimilarity, "min"),
        ("cosine_similarity", lambda: keras.losses.cosine_similarity, "min"),
        ("my_loss", lambda: keras.metrics.AUC(name="my_loss"), "max"),
    ],
)
def test_another_metric_under_the_name_of_one(
    tmp_path, name, metric, direction
):
    message = rf'Objective\("val_{name}", "{direction}"\)'
    with pytest.raises(kt.errors.FatalError, match=message):
        search(tmp_path, lambda: [metric()], f"val_{name}")
    named = kt.Objective(f"val_{name}", direction)
    tuner = search(tmp_path, lambda: [metric()], named)
    assert len(trials_of(tuner, "COMPLETED")) == 2


def test_the_metric_cosine_similarity_is_maximized(tmp_path):
    targets = np.eye(2)[Y.astype(int)]
    tuner = search(
        tmp_path,
        lambda: ["cosine_similarity"],
        "val_cosine_similarity",
        num_classes=2,
        y=targets,
        validation_data=(X, targets),
    )
    scores = [trial.score for trial in trials_of(tuner, "COMPLETED")]
    assert len(set(scores)) == 2
    assert tuner.oracle.get_best_trials()[0].score == max(scores)


def with_direction(folder, direction):
    """Makes a journal that of a search for another direction."""
    path = folder / "untitled_project/journal.jsonl"
    first, *others = Journal(path).read()
    first["objective"] = {"val_r2_score": direction}
    path.write_text("".join(json.dumps(e) + "\n" for e in [first, *others]))


def test_a_project_that_was_searched_the_wrong_way_still_opens(tmp_path):
    search(tmp_path, lambda: ["r2_score"], "val_r2_score", max_trials=3)
    with_direction(tmp_path, "min")
    message = r'give `keras_tuner.Objective\("val_r2_score", "min"\)`'
    with pytest.raises(ValueError, match=message):
        search(tmp_path, lambda: ["r2_score"], "val_r2_score", max_trials=4)
    as_it_was = kt.Objective("val_r2_score", "min")
    tuner = search(tmp_path, lambda: ["r2_score"], as_it_was, max_trials=4)
    scores = [trial.score for trial in trials_of(tuner, "COMPLETED")]
    assert len(scores) == 4
    assert tuner.oracle.get_best_trials()[0].score == min(scores)
