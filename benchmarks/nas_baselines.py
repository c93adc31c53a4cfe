"""Common first models for texts, tables and series, without a search."""

from __future__ import annotations

import pathlib
from typing import Any

import keras
import numpy as np

from benchmarks.nas_budget import BATCH_SIZE
from benchmarks.nas_budget import Budget
from benchmarks.nas_budget import Found
from benchmarks.nas_budget import tested
from benchmarks.nas_tasks import Data
from benchmarks.nas_tasks import Task


def baseline(
    task: Task, data: Data, budget: Budget, seed: int, folder: pathlib.Path
) -> Found:
    """Fits a common first model with its default values."""
    if task.kind == "series":
        return _series_baseline(task, data, budget, folder)
    model = _text_baseline() if task.kind == "text" else _trees(task, seed)
    model.fit(*data.train)
    inputs, targets = data.test
    predictions = (
        model.predict(inputs)
        if task.is_regression
        else _by_class(model, model.predict_proba(inputs), data.num_classes)
    )
    return Found(task.score(targets, predictions), trials=1)


def _by_class(model: Any, probabilities: np.ndarray, classes: int) -> Any:
    columns = np.zeros((len(probabilities), classes))
    columns[:, model.classes_.astype(int)] = probabilities
    return columns


def _text_baseline() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    # Chinese has no spaces between words, so characters serve for both.
    vectorizer = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, 3), sublinear_tf=True
    )
    return make_pipeline(vectorizer, LogisticRegression(max_iter=1000))


def _trees(task: Task, seed: int) -> Any:
    from sklearn import ensemble

    name = "Regressor" if task.is_regression else "Classifier"
    return getattr(ensemble, f"HistGradientBoosting{name}")(random_state=seed)


def _series_baseline(
    task: Task, data: Data, budget: Budget, folder: pathlib.Path
) -> Found:
    """Trains the network of Keras's `timeseries_classification_from_scratch`.

    There is one of it, so it trains for as long as all trials of a search.
    """
    inputs = x = keras.Input(data.input_shape)
    for _ in range(3):
        x = keras.layers.Conv1D(64, 3, padding="same")(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    outputs = keras.layers.Dense(data.num_classes, activation="softmax")(x)
    model = keras.Model(inputs, outputs)
    model.compile(
        "adam",
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    weights = str(folder / "best.weights.h5")
    model.fit(
        *data.train,
        validation_data=data.validation,
        epochs=budget.trials * budget.epochs,
        batch_size=BATCH_SIZE,
        callbacks=[
            keras.callbacks.ReduceLROnPlateau(
                "val_loss", factor=0.5, patience=20, min_lr=1e-4
            ),
            keras.callbacks.ModelCheckpoint(
                weights,
                monitor="val_accuracy",
                save_best_only=True,
                save_weights_only=True,
            ),
        ],
        verbose=0,
    )
    model.load_weights(weights)
    return Found(tested(task, data, model), 1, model.count_params())
