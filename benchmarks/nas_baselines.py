"""Common first models for texts, tables and series, without a search."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from benchmarks.nas_budget import Budget
from benchmarks.nas_budget import Found
from benchmarks.nas_tasks import Data
from benchmarks.nas_tasks import Rows
from benchmarks.nas_tasks import Task


def baseline(
    task: Task, data: Data, budget: Budget, seed: int, folder: pathlib.Path
) -> Found:
    """Fits a common first model with its default values."""
    model = first_model(task, seed)
    model.fit(*data.train)
    return Found(score_of(model, task, data, data.test), trials=1)


def first_model(task: Task, seed: int) -> Any:
    """Returns an estimator of scikit-learn's kind for the task's data."""
    if task.kind == "text":
        return _text_baseline()
    return _rocket(seed) if task.kind == "series" else _trees(task, seed)


def score_of(model: Any, task: Task, data: Data, rows: Rows) -> float:
    """Returns the score of a fitted estimator on some rows of the data."""
    inputs, targets = rows
    if task.is_regression:
        return task.score(targets, model.predict(inputs))
    columns = np.zeros((len(targets), data.num_classes))
    columns[:, model.classes_.astype(int)] = model.predict_proba(inputs)
    return task.score(targets, columns)


def _rocket(seed: int) -> Any:
    """Returns ROCKET (Dempster et al. 2020) with a ridge classifier."""
    from aeon.classification.convolution_based import RocketClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    # Aeon has channels first, Keras has them last.
    turn = FunctionTransformer(np.swapaxes, kw_args={"axis1": 1, "axis2": 2})
    return make_pipeline(turn, RocketClassifier(random_state=seed))


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
