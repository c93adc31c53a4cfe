"""NASWOT, a zero-cost proxy: how well a model tells random inputs apart."""

import contextlib
import functools
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kt_evolution.costs.flops import sample_of
from kt_evolution.costs.rectifiers import RECTIFIER_LAYERS
from kt_evolution.costs.rectifiers import Replacement
from kt_evolution.costs.rectifiers import is_rectified
from kt_evolution.costs.rectifiers import replaced

# All models get the same random inputs.
SEED = 0
NUM_SAMPLES = 32
# The integers below which inputs are drawn, if no layer says how many it takes.
NUM_INTEGERS = 256


def naswot(model: Any) -> float:
    """Measures how well an untrained model tells inputs apart.

    Each of 32 random inputs has a binary code: which rectifiers it makes
    positive. The score is the logarithm of the determinant of the matrix that
    counts how many digits the codes of two inputs have in common. One is added
    to its diagonal, because the published score is infinite where two codes
    are equal. ReLU counts, and so do activations with its sign, such as GELU
    and SiLU. Batch normalization takes the statistics of the batch, as in
    training.

    Reference:
        Mellor et al. (2021), "Neural Architecture Search without Training".

    Args:
        model: A Keras model that is built.

    Returns:
        Float, higher for models whose codes differ more.

    Raises:
        TypeError: If it is not a Keras model.
        ValueError: If the model has no layer with such an activation, if the
            shape of its input is not known, or if its input is text.
    """
    rng = np.random.default_rng(SEED)
    sample = sample_of(model)
    num_integers = _num_integers(model)
    inputs = keras.tree.map_structure(
        lambda tensor: _random(tensor, num_integers, rng), sample
    )
    agreement = np.zeros((NUM_SAMPLES, NUM_SAMPLES))

    def count(outputs: Any) -> Any:
        codes = keras.ops.convert_to_numpy(outputs > 0)
        codes = codes.reshape(NUM_SAMPLES, -1).astype("float32")
        for digit in (codes, 1.0 - codes):
            agreement[:] += digit @ digit.T
        return outputs

    # Batch normalization assigns to its moving averages.
    with replaced(_watched_parts(model, count)), _without_gradients():
        with keras.StatelessScope():
            model(inputs, training=False)
    if not agreement.any():
        raise ValueError(
            "The model has no layer with a ReLU, or another activation of the "
            "same sign."
        )
    return float(np.linalg.slogdet(agreement + np.eye(NUM_SAMPLES))[1])


def _num_integers(model: Any) -> int:
    """Returns how many integers all embeddings of a model know."""
    sizes = [
        layer.input_dim
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.Embedding)
    ]
    return min(sizes, default=NUM_INTEGERS)


def _random(tensor: Any, num_integers: int, rng: np.random.Generator) -> Any:
    """Returns random values for an input, given one sample of it."""
    shape = (NUM_SAMPLES, *tensor.shape[1:])
    if tensor.dtype == "string":
        raise ValueError(
            "An input of the model is text, which can't be drawn at random."
        )
    values: np.ndarray
    if keras.backend.is_float_dtype(tensor.dtype):
        values = rng.standard_normal(shape)
    else:
        values = rng.integers(
            2 if tensor.dtype == "bool" else num_integers, size=shape
        )
    return keras.ops.convert_to_tensor(values, tensor.dtype)


def _without_gradients() -> contextlib.AbstractContextManager[Any]:
    if keras.config.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()


def _watched_parts(
    model: Any, count: Callable[[Any], Any]
) -> Iterator[Replacement]:
    """Yields what counts the outputs of rectifiers."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            yield layer, "call", functools.partial(_in_training, layer.call)
        elif isinstance(layer, RECTIFIER_LAYERS):
            yield layer, "call", _followed_by(layer.call, count)
        elif is_rectified(layer):
            yield layer, "activation", _followed_by(layer.activation, count)


def _in_training(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return call(*args, **{**kwargs, "training": True})


def _followed_by(
    function: Callable[..., Any], count: Callable[[Any], Any]
) -> Callable[..., Any]:
    return lambda *args, **kwargs: count(function(*args, **kwargs))
