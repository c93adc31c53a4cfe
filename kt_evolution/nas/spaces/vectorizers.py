"""Strings as samples: their checks, and copies of the user's vectorizer."""

from typing import Any

import keras
import keras_tuner as kt
import numpy as np


def copied(vectorizer: Any) -> Any:
    """Returns an equal layer.

    A layer refers to every model that uses it. Models that share one layer
    would all stay in memory.
    """
    config = {**vectorizer.get_config(), "vocabulary": None}
    copy = type(vectorizer)(**config)
    copy.set_vocabulary(vectorizer.get_vocabulary())
    return copy


def as_objects(texts: Any, name: str) -> Any:
    """Returns strings as an array of objects, one for each text.

    A tensor or a data set is returned unchanged.
    """
    is_pandas = hasattr(texts, "to_numpy")
    if not isinstance(texts, (list, tuple, np.ndarray)) and not is_pandas:
        return texts
    array = np.asarray(texts, dtype=object)
    rows = array.reshape(-1) if array.size == len(array) else list(array)
    for number, text in enumerate(rows):
        if not isinstance(text, (str, bytes)):
            raise kt.errors.FatalValueError(
                f"`{name}` must be one string for each text. "
                f"Received: {text!r} in row {number}"
            )
    return rows


def check_vectorizer(
    vectorizer: Any, input_shape: Any, vocabulary_size: Any
) -> None:
    if not isinstance(vectorizer, keras.layers.TextVectorization):
        raise ValueError(
            "`vectorizer` must be a `keras.layers.TextVectorization`. "
            f"Received: vectorizer={vectorizer!r}"
        )
    if vectorizer.get_config()["output_mode"] != "int":
        raise ValueError(
            '`vectorizer` must have output_mode="int". Received: output_mode='
            f"{vectorizer.get_config()['output_mode']!r}"
        )
    if vectorizer.get_config()["ragged"]:
        raise ValueError(
            "`vectorizer` must have ragged=False, so that texts are padded. "
            "Received: ragged=True"
        )
    if vectorizer.vocabulary_size() <= 2:
        raise ValueError(
            "`vectorizer` must be adapted to texts or have a vocabulary. "
            f"Received: vectorizer={vectorizer!r}"
        )
    for name, value in (
        ("input_shape", input_shape),
        ("vocabulary_size", vocabulary_size),
    ):
        if value is not None:
            raise ValueError(
                f"`{name}` comes from the `vectorizer`, and must not be given "
                f"with it. Received: {name}={value}"
            )
