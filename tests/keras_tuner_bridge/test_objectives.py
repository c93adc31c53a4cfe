"""Directions of objectives: all of Keras's metrics, and what is not known."""

import inspect

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_evolution
from kt_evolution.keras_tuner_bridge.objectives import HIGHER_IS_BETTER
from kt_evolution.keras_tuner_bridge.objectives import LOWER_IS_BETTER
from kt_evolution.keras_tuner_bridge.objectives import as_objectives
from kt_evolution.keras_tuner_bridge.objectives import infer_direction

# Metrics of numbers that have no better direction of their own.
UNDIRECTED = {"Mean", "Sum", "Metric", "MeanMetricWrapper"}
METRICS = {
    name: each
    for name, each in vars(keras.metrics).items()
    if inspect.isclass(each) and name not in UNDIRECTED
}
ARGUMENTS = {
    "F1Score": {"average": "micro"},
    "FBetaScore": {"average": "micro"},
    "IoU": {"num_classes": 2, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 2},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 2},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.9},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SparseTopKCategoricalAccuracy": {"k": 1},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "TopKCategoricalAccuracy": {"k": 1},
}
LABELS = np.array([0, 1, 1, 0])
ONE_HOT = np.eye(2, dtype="float32")[LABELS]
# Each class is right once and wrong once.
POOR = np.array([[0.6, 0.4], [0.3, 0.7], [0.8, 0.2], [0.1, 0.9]], "float32")


def data_of(name):
    """Returns targets, perfect and poor predictions for a metric."""
    if name in ("MeanIoU", "IoU", "Accuracy"):
        return LABELS, LABELS, POOR.argmax(axis=1)
    if name.startswith("Sparse"):
        return LABELS, ONE_HOT, POOR
    return ONE_HOT, ONE_HOT, POOR


@pytest.mark.parametrize("name", METRICS)
def test_the_direction_of_each_metric_of_keras_is_that_of_its_values(name):
    keras.utils.clear_session()
    default_name = METRICS[name](**ARGUMENTS.get(name, {})).name
    values = []
    targets, *predictions = data_of(name)
    for prediction in predictions:
        metric = METRICS[name](**ARGUMENTS.get(name, {}))
        metric.update_state(targets, prediction)
        values.append(float(np.squeeze(metric.result())))
    perfect, poor = values
    assert perfect != poor
    expected = "max" if perfect > poor else "min"
    # By its name in the logs, by that of its class, and as a second one.
    for logged in (default_name, name, f"{default_name}_1"):
        assert infer_direction(logged) == expected
        assert infer_direction(f"val_{logged}") == expected
        assert infer_direction(f"val_digits_{logged}") == expected


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, each in vars(keras.losses).items()
        if inspect.isclass(each) and name != "Loss"
    ],
)
def test_the_losses_of_keras_are_minimized_where_their_name_says_it(name):
    expected = {"Dice": None, "Tversky": None, "CosineSimilarity": "max"}
    assert infer_direction(name) == expected.get(name, "min")


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("loss", "min"),
        ("val_loss", "min"),
        ("val_digits_loss", "min"),
        ("acc", "max"),
        ("val_acc", "max"),
        ("weighted_accuracy", "max"),
        ("out_1_accuracy", "max"),
        ("val_mean_iou", "max"),
        ("auc_12", "max"),
        ("MSE", "min"),
        ("val_out_mape", "min"),
        ("kld", "min"),
        ("ce", "min"),
        ("val_false_positives_2", "min"),
        ("true_positives", "max"),
        # No metric of Keras.
        ("score", None),
        ("rmse", None),
        ("val_dice", None),
        ("val_psnr", None),
        ("mean", None),
        ("val_", None),
        ("1", None),
        ("", None),
        ("precision_at_5", None),
        ("inaccuracy", None),
        # The same metrics, turned around.
        ("neg_mean_squared_error", None),
        ("val_one_minus_auc", None),
        ("negative_loss", None),
    ],
)
def test_directions_by_name(name, direction):
    assert infer_direction(name) == direction


def test_no_name_has_two_directions():
    assert not HIGHER_IS_BETTER & LOWER_IS_BETTER


def test_strings_become_objectives_and_all_else_stays():
    named = kt.Objective("val_dice", "max")
    assert as_objectives("val_f1_score") == kt.Objective("val_f1_score", "max")
    assert as_objectives(["loss", named]) == [
        kt.Objective("loss", "min"),
        named,
    ]
    assert as_objectives(named) is named
    assert as_objectives(None) is None


@pytest.mark.parametrize(
    "make", [kt_evolution.EvolutionOracle, kt_evolution.EvolutionTuner]
)
@pytest.mark.parametrize("objective", ["val_dice", ["val_loss", "val_dice"]])
def test_an_unknown_direction_is_asked_for(tmp_path, make, objective):
    arguments = {"objective": objective}
    if make is kt_evolution.EvolutionTuner:
        arguments |= {"hypermodel": lambda hp: None, "directory": tmp_path}
    with pytest.raises(ValueError, match=r'Objective\("val_dice", "max"\)'):
        make(**arguments)
    assert not list(tmp_path.iterdir())
