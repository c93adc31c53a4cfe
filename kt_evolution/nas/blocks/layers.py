"""Groups of stock layers, for images and sequences alike.

A tensor of rank 4 is an image, one of rank 3 a sequence, one of rank 2 a
vector. Channels come last.
"""

import math
from typing import Any

import keras
from keras import layers

from kt_evolution.nas.structure import Site

ACTIVATIONS = ("relu", "gelu", "silu")
POOLINGS = {"max": "MaxPooling", "average": "AveragePooling"}
NORMALISATIONS = ("batch", "layer", "group", "none")
# Trials are short: the moving averages must follow in some hundred steps.
MOMENTUM = 0.9
MAX_GROUPS = 8


def of_rank(kind: str, x: Any) -> Any:
    """Returns the class of layers of a kind for a tensor's rank."""
    return getattr(layers, f"{kind}{len(x.shape) - 2}D")


def normalise(site: Site, x: Any, normalisation: str, mask: Any = None) -> Any:
    """Normalises the channels."""
    if normalisation == "batch":
        layer = site.layer(layers.BatchNormalization, momentum=MOMENTUM)
        return layer(x) if mask is None else layer(x, mask=mask)
    if normalisation == "layer":
        return site.layer(layers.LayerNormalization)(x)
    if normalisation == "group":
        groups = math.gcd(MAX_GROUPS, x.shape[-1])
        return site.layer(layers.GroupNormalization, groups)(x)
    return x


def standardise(site: Site, x: Any) -> Any:
    """Makes the network see the same, whatever range its inputs have."""
    layer = site.layer(
        layers.BatchNormalization,
        momentum=MOMENTUM,
        center=False,
        scale=False,
        dtype=full_precision(),
        name="standardisation",
    )
    return layer(x)


def full_precision() -> str:
    """Returns the dtype for what half precision is too narrow for.

    What goes in and what comes out may be large whatever the policy is.
    """
    return str(keras.config.dtype_policy().variable_dtype)


def activate(site: Site, x: Any, activation: str) -> Any:
    """Applies an activation function."""
    return site.layer(layers.Activation, activation)(x)


def pointwise(site: Site, x: Any, channels: int, **kwargs: Any) -> Any:
    """Mixes the channels of each position."""
    if len(x.shape) == 2:
        return site.layer(layers.Dense, channels, **kwargs)(x)
    return site.layer(of_rank("Conv", x), channels, 1, **kwargs)(x)


def squeeze_excite(site: Site, x: Any, mask: Any = None, ratio: int = 4) -> Any:
    """Weighs the channels by what is seen in the whole map.

    Reference:
        Hu et al. (2018), "Squeeze-and-excitation networks".
    """
    channels = x.shape[-1]
    pool = site.layer(of_rank("GlobalAveragePooling", x), keepdims=True)
    weights = pool(x) if mask is None else pool(x, mask=mask)
    squeezed = max(1, channels // ratio)
    weights = site.layer(layers.Dense, squeezed, activation="relu")(weights)
    weights = site.layer(layers.Dense, channels, activation="sigmoid")(weights)
    return site.layer(layers.Multiply)([x, weights])


def stochastic_depth(site: Site, x: Any, rate: float) -> Any:
    """Leaves out a branch for some of the samples, in training.

    Reference:
        Huang et al. (2016), "Deep networks with stochastic depth".
    """
    if not rate:
        return x
    noise_shape = (None, *(1 for _ in x.shape[1:]))
    return site.layer(
        layers.Dropout, rate, noise_shape=noise_shape, name="stochastic_depth"
    )(x)


def drop(site: Site, x: Any, rate: float) -> Any:
    """Drops features, whole channels of images and sequences."""
    if not rate:
        return x
    if len(x.shape) == 2:
        return site.layer(layers.Dropout, rate)(x)
    return site.layer(of_rank("SpatialDropout", x), rate)(x)


def apply_mask(site: Site, x: Any, mask: Any) -> Any:
    """Sets what is padding to zero, so that a convolution sees none of it."""
    if mask is None:
        return x
    return site.layer(layers.Multiply, name="mask")([x, weights_of(mask, x)])


def weights_of(mask: Any, x: Any) -> Any:
    """Returns 1 for each position that is no padding, 0 for the others."""
    return keras.ops.expand_dims(keras.ops.cast(mask, x.dtype), -1)


def without_padding(x: Any, mask: Any) -> Any:
    """Sets what is padding so low that it is never the largest."""
    # The lowest number that is the same in half precision.
    return keras.ops.where(keras.ops.expand_dims(mask, -1), x, -6e4)


def pool(site: Site, x: Any, pooling: str, mask: Any = None) -> Any:
    """Makes one vector of a map, of a sequence without its padding."""
    layer = site.layer(of_rank(f"Global{POOLINGS[pooling]}", x))
    if mask is None:
        return layer(x)
    if pooling == "average":
        return layer(x, mask=mask)
    return layer(without_padding(x, mask))


def fit(site: Site, x: Any, like: Any, channels: int | None = None) -> Any:
    """Gives a tensor the shape of another.

    Args:
        site: The `Site`.
        x: The tensor to change.
        like: The tensor whose shape it gets.
        channels: Int, the number of channels. Defaults to that of `like`.
    """
    if len(x.shape) != len(like.shape):
        raise ValueError(
            "Tensors that are joined must have the same rank. "
            f"Received: shapes {tuple(x.shape)} and {tuple(like.shape)}"
        )
    x = _fit_size(site, x, tuple(like.shape[1:-1]))
    channels = like.shape[-1] if channels is None else channels
    if x.shape[-1] == channels:
        return x
    return pointwise(site, x, channels, use_bias=False, name="projection")


def _fit_size(site: Site, x: Any, wanted: tuple[int | None, ...]) -> Any:
    """Pools or repeats, then cuts off what is too much."""
    # A length that is not known is that of all.
    if None in (*x.shape[1:-1], *wanted) or x.shape[1:-1] == wanted:
        return x
    pools = [_pooling(n, w) for n, w in _pairs(x, wanted)]
    if max(pools) > 1:
        pool = site.layer(
            of_rank("AveragePooling", x), _argument(pools), padding="same"
        )
        x = pool(x)
    repeats = [-(-w // n) for n, w in _pairs(x, wanted)]
    if max(repeats) > 1:
        x = site.layer(of_rank("UpSampling", x), _argument(repeats))(x)
    excess = [(0, n - w) for n, w in _pairs(x, wanted)]
    if any(after for _, after in excess):
        x = site.layer(of_rank("Cropping", x), _argument(excess))(x)
    return x


def _pairs(x: Any, wanted: tuple[Any, ...]) -> list[tuple[int, int]]:
    return list(zip(x.shape[1:-1], wanted, strict=True))


def _argument(per_axis: list[Any]) -> Any:
    """Returns what a layer takes: no tuple for one axis."""
    return tuple(per_axis) if len(per_axis) > 1 else per_axis[0]


def _pooling(size: int, wanted: int) -> int:
    """Returns the pooling that comes nearest to a size and not below it."""
    exact = -(-size // wanted)
    return exact if -(-size // exact) == wanted else max(1, size // wanted)
