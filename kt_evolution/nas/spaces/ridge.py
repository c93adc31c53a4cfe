"""A linear layer that starts at the solution of a ridge regression."""

from typing import Any

import keras
import numpy as np

# Shrinkage relative to the mean square length of a sample's features.
SHRINKAGES = np.logspace(-6.0, 0.0, 13)
# Samples to solve for at most: the time is the third power of their number.
MAX_SAMPLES = 4_000


def start_at_ridge(
    model: keras.Model, features: str, layer: str, x: Any, targets: np.ndarray
) -> None:
    """Sets the weights of a linear layer by ridge regression.

    Args:
        model: The model.
        features: String, the name of the layer that outputs the features.
        layer: String, the name of the `keras.layers.Dense`.
        x: Array of samples.
        targets: Array of shape `(samples, outputs)`.
    """
    number = min(len(x), MAX_SAMPLES)
    every = np.linspace(0, len(x) - 1, number).astype(int)
    reader = keras.Model(model.inputs, model.get_layer(features).output)
    found = reader.predict(np.asarray(x)[every], batch_size=32, verbose=0)
    weights, biases = ridge_regression(found, targets[every])
    model.get_layer(layer).set_weights([weights, biases])


def ridge_regression(
    x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the weights and biases of a linear map from `x` to `y`.

    The shrinkage is the one with the least leave-one-out error, which the
    solution for all samples yields.

    Reference:
        Rifkin & Lippert (2007), "Notes on regularized least squares".

    Args:
        x: Array of shape `(samples, features)`.
        y: Array of shape `(samples, outputs)`.
    """
    x, y = x.astype("float64"), y.astype("float64")
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    x, y = x - x_mean, y - y_mean
    products = x @ x.T
    roots, vectors = np.linalg.eigh(products)
    rotated = vectors.T @ y
    length = max(np.trace(products) / len(x), 1e-12)
    best, least = np.zeros_like(y), np.inf
    for shrinkage in SHRINKAGES * length:
        inverse = 1.0 / (np.maximum(roots, 0.0) + shrinkage)
        duals = vectors @ (inverse[:, np.newaxis] * rotated)
        # Without the part of the mean, which no sample shares in.
        diagonal = np.square(vectors) @ inverse - 1.0 / (shrinkage * len(x))
        errors = duals / np.maximum(diagonal, 1e-12)[:, np.newaxis]
        error = float(np.square(errors).mean())
        if error < least:
            best, least = duals, error
    weights = x.T @ best
    biases = y_mean - x_mean @ weights
    return weights.astype("float32"), biases.astype("float32")
