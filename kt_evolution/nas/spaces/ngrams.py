"""Bags of n-grams: which ones a text space reads, and the layers for them."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import scipy.sparse
from keras import layers

from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.layers import full_precision

# The longest n-gram of each analyzer.
LENGTHS = {"words": 2, "characters": 3}
MAX_FEATURES = 20_000
# Most n-grams occur once; the most frequent ones are enough to select from.
MAX_CANDIDATES = 100_000
MIN_DOCUMENTS = 2
# The n-grams of more texts than these are seldom others.
MAX_TEXTS = 10_000
BATCH_SIZE = 256
# Vectors of unit length have small features, on which a few hundred texts would
# need many epochs. Beyond this factor, thousands of texts are learned by heart.
SCALE = 2.0
# The embeddings of bags of token ids have this many rows for pairs of ids.
NUM_BUCKETS = 20_000
# A prime that no vocabulary is likely to divide.
MULTIPLIER = 8191


@dataclasses.dataclass(frozen=True, eq=False)
class NGrams:
    """The n-grams of texts, the most informative first.

    Args:
        config: Dict, the configuration of a `keras.layers.TextVectorization`
            that finds them.
        terms: List of strings.
        idf: Array of floats, the inverse document frequency of each term.
    """

    config: dict[str, Any]
    terms: list[str]
    idf: np.ndarray

    def layer(self, num_features: int, weighting: str, name: str) -> Any:
        """Returns a layer that turns strings into vectors.

        The first feature is that of all other n-grams.
        """
        layer = layers.TextVectorization(
            **self.config, output_mode=weighting, name=name
        )
        idf = self.idf[:num_features] if weighting == "tf_idf" else None
        layer.set_vocabulary(self.terms[:num_features], idf)
        return layer


def learn_ngrams(
    vectorizer: Any, analyzer: str, texts: np.ndarray, targets: Any
) -> NGrams:
    """Returns the n-grams of texts.

    Args:
        vectorizer: The `keras.layers.TextVectorization` that says how to
            standardize the texts, and to split them into words.
        analyzer: "words" or "characters".
        texts: Array of strings.
        targets: Array of shape `(texts, outputs)`, the one-hot labels or the
            standardized targets. None orders the n-grams by frequency alone.

    Raises:
        ValueError: If no text has a word.
    """
    config = _config(vectorizer, LENGTHS[analyzer])
    if analyzer == "characters":
        config["split"] = "character"
    finder = layers.TextVectorization(
        **config, max_tokens=MAX_CANDIDATES, output_mode="int"
    )
    finder.adapt(texts, batch_size=BATCH_SIZE)
    # The first two terms stand for padding and for unknown n-grams.
    terms = np.array(finder.get_vocabulary()[2:], dtype=object)
    if not len(terms):
        raise ValueError(
            "`x` must have texts with words. Received: texts without any"
        )
    found = _occurrences(finder, texts, len(terms))
    counts = np.asarray(found.sum(axis=0)).reshape(-1)
    if targets is None:
        scores = counts
    else:
        scores = _f_ratios(found, counts, targets)
    scores = np.where(counts >= MIN_DOCUMENTS, scores, -1.0)
    # Of equal scores the more frequent n-gram comes first.
    order = np.argsort(-scores, kind="stable")[:MAX_FEATURES]
    frequent = order[counts[order] >= MIN_DOCUMENTS]
    order = frequent if len(frequent) else order
    idf = np.log1p(len(texts) / (1.0 + counts[order]))
    return NGrams(config, list(map(str, terms[order])), idf.astype("float32"))


def sample_of(number: int) -> np.ndarray:
    """Returns the texts to select n-grams from, at equal distances."""
    every = np.linspace(0, number - 1, min(number, MAX_TEXTS))
    return every.astype(int)


def count_words(vectorizer: Any, texts: np.ndarray) -> np.ndarray:
    """Returns the number of words of each text, as a vectorizer splits it."""
    counter = layers.TextVectorization(
        **_config(vectorizer, None), vocabulary=["word"]
    )
    counts = [np.count_nonzero(ids, 1) for ids in _batches(counter, texts)]
    return np.concatenate(counts)


def _config(vectorizer: Any, ngrams: int | None) -> dict[str, Any]:
    config = vectorizer.get_config()
    kept = {name: config[name] for name in ("standardize", "split", "encoding")}
    return {**kept, "ngrams": ngrams, "dtype": full_precision()}


def _batches(layer: Any, texts: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(texts), BATCH_SIZE):
        yield np.asarray(layer(texts[start : start + BATCH_SIZE]))


def _occurrences(
    finder: Any, texts: np.ndarray, num_terms: int
) -> scipy.sparse.csr_matrix:
    """Returns a matrix of texts and terms: 1 where a text has a term."""
    parts = []
    for ids in _batches(finder, texts):
        rows, _ = places = np.nonzero(ids >= 2)
        part = scipy.sparse.csr_matrix(
            (np.ones(len(rows)), (rows, ids[places] - 2)),
            shape=(len(ids), num_terms),
        )
        part.data[:] = 1.0
        parts.append(part)
    return scipy.sparse.vstack(parts, format="csr")


def _f_ratios(
    found: scipy.sparse.csr_matrix, counts: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    """Returns how much of the variance of each term the targets explain.

    It orders terms as the F-values of an analysis of variance do.
    """
    centered = targets - targets.mean(axis=0)
    scale = np.square(targets).mean(axis=0)
    explained = np.square(found.T @ centered) @ (1 / np.maximum(scale, 1e-12))
    share = counts / found.shape[0]
    variance = found.shape[0] ** 2 * share * (1 - share)
    # A term that all texts have explains nothing.
    return np.where(variance > 0, explained / np.maximum(variance, 1e-12), 0.0)


def bag_of_strings(
    scope: BlockScope,
    x: Any,
    found: dict[str, NGrams],
    num_features: int,
    weighting: str,
) -> Any:
    """Returns the weights of the n-grams of each text, of equal length.

    Args:
        scope: The `BlockScope`.
        x: The tensor of strings.
        found: Dict of the names of analyzers to their `NGrams`.
        num_features: Int, the largest number of n-grams of an analyzer.
        weighting: "tf_idf" or "multi_hot".
    """
    parts, texts = [], []
    for analyzer, ngrams in found.items():
        layer = scope.layer(
            ngrams.layer, num_features, weighting, name=analyzer
        )
        # The first feature is that of n-grams that were not selected. The
        # layer returns integers for "multi_hot", whatever its dtype.
        y = keras.ops.cast(layer(x)[:, 1:], full_precision())
        if weighting == "tf_idf":
            # A word that comes ten times does not say ten times as much.
            y = keras.ops.log1p(y)
        parts.append(_unit_length(scope, y))
        number = min(num_features, len(ngrams.terms))
        texts.append(f"{number:,} {LENGTHS[analyzer]}-grams of {analyzer}")
    y = parts[0]
    if len(parts) > 1:
        y = scope.layer(layers.Concatenate)(parts)
    y = scope.layer(layers.Rescaling, SCALE)(y)
    texts.append(weighting.replace("_", "-"))
    return scope.finish(y, "ngrams", ", ".join(texts))


def _unit_length(scope: BlockScope, x: Any) -> Any:
    # The square of a small number is 0 in half precision.
    return scope.layer(layers.UnitNormalization, dtype=full_precision())(x)


def bag_of_ids(
    scope: BlockScope, x: Any, mask: Any, vocabulary_size: int, values: Any
) -> Any:
    """Returns the sum of the embeddings of the n-grams of each text.

    It is divided by the root of their number. Pairs of token ids share the
    rows of an embedding by a hash.

    Reference:
        Joulin et al. (2017), "Bag of tricks for efficient text
        classification".

    Args:
        scope: The `BlockScope`.
        x: The tensor of token ids.
        mask: Boolean tensor, false at padding.
        vocabulary_size: Int, the number of token ids.
        values: Dict of "length", the longest n-gram, and "output_dim".
    """
    size = values["output_dim"]
    y = _sum(scope, x, mask, vocabulary_size, size, "tokens")
    texts = [f"embedding {size} of {vocabulary_size:,} tokens"]
    if values["length"] > 1 and x.shape[1] != 1:
        hashed = (x[:, :-1] * MULTIPLIER + x[:, 1:]) % NUM_BUCKETS
        both = keras.ops.logical_and(mask[:, :-1], mask[:, 1:])
        pairs = _sum(scope, hashed, both, NUM_BUCKETS, size, "pairs")
        y = scope.layer(layers.Add)([y, pairs])
        texts.append("of pairs of tokens")
    return scope.finish(y, "ngrams", ", ".join(texts))


def _sum(
    scope: BlockScope, ids: Any, mask: Any, rows: int, size: int, name: str
) -> Any:
    embedded = scope.layer(layers.Embedding, rows, size, name=name)(ids)
    weights = keras.ops.expand_dims(keras.ops.cast(mask, embedded.dtype), -1)
    number = keras.ops.maximum(keras.ops.sum(weights, axis=1), 1.0)
    total = keras.ops.sum(embedded * weights, axis=1)
    return total / keras.ops.sqrt(number)
