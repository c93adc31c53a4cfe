"""What a block or an edge of a cell does to a map of features.

An operation takes the `Site`, a tensor, the number of channels that it gives,
the size of its kernel and its stride. A tensor that is a sequence with padding
is 0 there, so that a convolution sees none of it; what pools takes its mask.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from kt_evolution.nas.blocks.layers import apply_mask
from kt_evolution.nas.blocks.layers import fit
from kt_evolution.nas.blocks.layers import of_rank
from kt_evolution.nas.blocks.layers import weights_of
from kt_evolution.nas.blocks.layers import without_padding
from kt_evolution.nas.structure import Site

Operation = Callable[..., Any]

# Inception's kernels, as parts of the largest.
SCALES = (1, 2, 4)


def convolve(
    site: Site,
    x: Any,
    channels: int,
    kernel: int,
    stride: int = 1,
    mask: Any = None,
) -> Any:
    """A convolution."""
    return _convolved("Conv", site, x, channels, kernel, strides=stride)


def separable(
    site: Site,
    x: Any,
    channels: int,
    kernel: int,
    stride: int = 1,
    mask: Any = None,
) -> Any:
    """A convolution of each channel, then one across them."""
    return _convolved(
        "SeparableConv", site, x, channels, kernel, strides=stride
    )


def dilated(
    site: Site,
    x: Any,
    channels: int,
    kernel: int,
    stride: int = 1,
    mask: Any = None,
) -> Any:
    """A convolution with gaps of one, after which the stride is taken."""
    x = _convolved("Conv", site, x, channels, kernel, dilation_rate=2)
    if stride == 1:
        return x
    # Backends can't do both at once.
    return site.layer(of_rank("AveragePooling", x), stride, padding="same")(x)


def depthwise(
    site: Site,
    x: Any,
    channels: int,
    kernel: int,
    stride: int = 1,
    mask: Any = None,
) -> Any:
    """A convolution of each channel; the channels are mixed if they differ."""
    x = _convolved("DepthwiseConv", site, x, kernel, strides=stride)
    return fit(site, x, like=x, channels=channels)


def inception(
    site: Site,
    x: Any,
    channels: int,
    kernel: int,
    stride: int = 1,
    mask: Any = None,
) -> Any:
    """Convolutions of several lengths and a pooling, side by side.

    Reference:
        Ismail Fawaz et al. (2020), "InceptionTime: finding AlexNet for time
        series classification".
    """
    each = max(1, channels // (len(SCALES) + 1))
    kernels = [max(1, kernel // scale) for scale in SCALES]
    branches = [convolve(site, x, each, size, stride) for size in kernels]
    rest = max(1, channels - len(branches) * each)
    pooled = max_pool(site, x, rest, 3, stride, mask)
    joined = site.layer(layers.Concatenate)([*branches, pooled])
    return fit(site, joined, like=joined, channels=channels)


def max_pool(
    site: Site,
    x: Any,
    channels: int,
    kernel: int,
    stride: int = 1,
    mask: Any = None,
) -> Any:
    """The largest of the neighbours."""
    if mask is None:
        y = _pooled("MaxPooling", site, x, kernel, stride)
    else:
        y = without_padding(x, mask)
        y = _pooled("MaxPooling", site, y, kernel, stride)
        # Where there is nothing but padding.
        y = apply_mask(site, y, mask)
    return fit(site, y, like=y, channels=channels)


def average_pool(
    site: Site,
    x: Any,
    channels: int,
    kernel: int,
    stride: int = 1,
    mask: Any = None,
) -> Any:
    """The mean of the neighbours."""
    y = _pooled("AveragePooling", site, x, kernel, stride)
    if mask is not None:
        # Of those that are no padding.
        counted = weights_of(mask, x)
        share = _pooled("AveragePooling", site, counted, kernel, stride)
        y = keras.ops.divide(y, keras.ops.maximum(share, 1 / kernel))
    return fit(site, y, like=y, channels=channels)


def identity(
    site: Site,
    x: Any,
    channels: int,
    kernel: int = 1,
    stride: int = 1,
    mask: Any = None,
) -> Any:
    """The tensor itself, or as many of its positions as the stride leaves."""
    if stride == 1:
        return fit(site, x, like=x, channels=channels)
    return convolve(site, x, channels, 1, stride)


def _convolved(kind: str, site: Site, x: Any, *args: int, **kwargs: int) -> Any:
    conv = site.layer(
        of_rank(kind, x), *args, padding="same", use_bias=False, **kwargs
    )
    return conv(x)


def _pooled(kind: str, site: Site, x: Any, kernel: int, stride: int) -> Any:
    pooling = site.layer(
        of_rank(kind, x), kernel, strides=stride, padding="same"
    )
    return pooling(x)


CONVOLUTIONS: dict[str, Operation] = {
    "conv": convolve,
    "separable": separable,
    "dilated": dilated,
    "depthwise": depthwise,
    "inception": inception,
}
EDGES: dict[str, Operation] = {
    **CONVOLUTIONS,
    "max_pool": max_pool,
    "average_pool": average_pool,
    "identity": identity,
}
