"""Small groups of Keras layers, for images, sequences and vectors.

A tensor of rank 4 is an image, one of rank 3 a sequence, one of rank 2 a
vector. Channels come last.
"""

import math
from typing import Any

import keras
from keras import layers

from kt_evolution.nas.architecture import BlockScope

ACTIVATIONS = ("relu", "gelu", "silu")
POOLINGS = {"max": "MaxPooling", "average": "AveragePooling"}
NORMALIZATIONS = ("batch", "layer", "group", "none")
# How connections that skip a block join its input with its output.
SKIPS = {"residual": "add", "dense": "concatenate"}
# Trials are short: the moving averages must converge in a few hundred steps.
MOMENTUM = 0.9
MAX_GROUPS = 8


def of_rank(kind: str, x: Any) -> Any:
    """Returns the layer class of a kind for the rank of a tensor."""
    return getattr(layers, f"{kind}{len(x.shape) - 2}D")


def normalize(
    scope: BlockScope, x: Any, normalization: str, mask: Any = None
) -> Any:
    """Normalizes the channels."""
    if normalization == "batch":
        layer = scope.layer(layers.BatchNormalization, momentum=MOMENTUM)
        return layer(x) if mask is None else layer(x, mask=mask)
    if normalization == "layer":
        return scope.layer(layers.LayerNormalization)(x)
    if normalization == "group":
        groups = math.gcd(MAX_GROUPS, x.shape[-1])
        return scope.layer(layers.GroupNormalization, groups)(x)
    return x


def standardize(scope: BlockScope, x: Any) -> Any:
    """Standardizes the inputs by the statistics of their batches."""
    layer = scope.layer(
        layers.BatchNormalization,
        momentum=MOMENTUM,
        center=False,
        scale=False,
        dtype=full_precision(),
        name="standardization",
    )
    return layer(x)


def full_precision() -> str:
    """Returns the dtype of values that may exceed the half-precision range.

    Inputs and outputs can be large under any dtype policy.
    """
    return str(keras.config.dtype_policy().variable_dtype)


def activate(scope: BlockScope, x: Any, activation: str) -> Any:
    """Applies an activation function."""
    return scope.layer(layers.Activation, activation)(x)


def pointwise(scope: BlockScope, x: Any, channels: int, **kwargs: Any) -> Any:
    """Applies a dense layer to the channels of each position."""
    if len(x.shape) == 2:
        return scope.layer(layers.Dense, channels, **kwargs)(x)
    return scope.layer(of_rank("Conv", x), channels, 1, **kwargs)(x)


def squeeze_excite(
    scope: BlockScope, x: Any, mask: Any = None, ratio: int = 4
) -> Any:
    """Scales each channel by a weight computed from the whole map.

    Reference:
        Hu et al. (2018), "Squeeze-and-excitation networks".
    """
    channels = x.shape[-1]
    pool = scope.layer(of_rank("GlobalAveragePooling", x), keepdims=True)
    weights = pool(x) if mask is None else pool(x, mask=mask)
    squeezed = max(1, channels // ratio)
    weights = scope.layer(layers.Dense, squeezed, activation="relu")(weights)
    weights = scope.layer(layers.Dense, channels, activation="sigmoid")(weights)
    return scope.layer(layers.Multiply)([x, weights])


def stochastic_depth(scope: BlockScope, x: Any, rate: float) -> Any:
    """Drops a branch for a random part of the samples, in training.

    Reference:
        Huang et al. (2016), "Deep networks with stochastic depth".
    """
    if not rate:
        return x
    noise_shape = (None, *(1 for _ in x.shape[1:]))
    return scope.layer(
        layers.Dropout, rate, noise_shape=noise_shape, name="stochastic_depth"
    )(x)


def dropout(scope: BlockScope, x: Any, rate: float) -> Any:
    """Drops features, or whole channels of images and sequences."""
    if not rate:
        return x
    if len(x.shape) == 2:
        return scope.layer(layers.Dropout, rate)(x)
    return scope.layer(of_rank("SpatialDropout", x), rate)(x)


def apply_mask(scope: BlockScope, x: Any, mask: Any) -> Any:
    """Sets padding to zero, so that convolutions do not read it."""
    if mask is None:
        return x
    return scope.layer(layers.Multiply, name="mask")([x, weights_of(mask, x)])


def weights_of(mask: Any, x: Any) -> Any:
    """Returns 0 for each position of padding, 1 for the others."""
    return keras.ops.expand_dims(keras.ops.cast(mask, x.dtype), -1)


def without_padding(x: Any, mask: Any) -> Any:
    """Sets padding to a value so low that it is never the maximum."""
    # Half precision can represent this number, close to its lowest.
    return keras.ops.where(keras.ops.expand_dims(mask, -1), x, -6e4)


def pool(scope: BlockScope, x: Any, pooling: str, mask: Any = None) -> Any:
    """Pools a feature map, or a sequence without its padding, to a vector."""
    layer = scope.layer(of_rank(f"Global{POOLINGS[pooling]}", x))
    if mask is None:
        return layer(x)
    if pooling == "average":
        return layer(x, mask=mask)
    return layer(without_padding(x, mask))


def match_shape(
    scope: BlockScope, x: Any, like: Any, channels: int | None = None
) -> Any:
    """Resizes and projects a tensor to the shape of another.

    Args:
        scope: The `BlockScope`.
        x: The tensor to change.
        like: The tensor with the wanted shape.
        channels: Int, the number of channels. Defaults to that of `like`.
    """
    if len(x.shape) != len(like.shape):
        raise ValueError(
            "Tensors that are joined must have the same rank. "
            f"Received: shapes {tuple(x.shape)} and {tuple(like.shape)}"
        )
    x = _match_size(scope, x, tuple(like.shape[1:-1]))
    channels = like.shape[-1] if channels is None else channels
    if x.shape[-1] == channels:
        return x
    return pointwise(scope, x, channels, use_bias=False, name="projection")


def _match_size(
    scope: BlockScope, x: Any, wanted: tuple[int | None, ...]
) -> Any:
    """Pools or repeats the positions, then crops the rest."""
    # All tensors of an unknown size have the same size.
    if None in (*x.shape[1:-1], *wanted) or x.shape[1:-1] == wanted:
        return x
    pools = [_pooling(n, w) for n, w in _pairs(x, wanted)]
    if max(pools) > 1:
        pool = scope.layer(
            of_rank("AveragePooling", x), _argument(pools), padding="same"
        )
        x = pool(x)
    repeats = [-(-w // n) for n, w in _pairs(x, wanted)]
    if max(repeats) > 1:
        x = scope.layer(of_rank("UpSampling", x), _argument(repeats))(x)
    surplus = [(0, n - w) for n, w in _pairs(x, wanted)]
    if any(after for _, after in surplus):
        x = scope.layer(of_rank("Cropping", x), _argument(surplus))(x)
    return x


def _pairs(x: Any, wanted: tuple[Any, ...]) -> list[tuple[int, int]]:
    return list(zip(x.shape[1:-1], wanted, strict=True))


def _argument(per_axis: list[Any]) -> Any:
    """Returns the argument of a layer: a number if there is one axis."""
    return tuple(per_axis) if len(per_axis) > 1 else per_axis[0]


def _pooling(size: int, wanted: int) -> int:
    """Returns the pool size whose output is closest to `wanted`, not below."""
    exact = -(-size // wanted)
    return exact if -(-size // exact) == wanted else max(1, size // wanted)
