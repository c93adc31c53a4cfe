"""What a block or an edge of a cell does to a map of features.

An operation takes the `Site`, a tensor, the number of channels that it gives,
the size of its kernel and its stride.
"""

from collections.abc import Callable
from typing import Any

from keras import layers

from kt_evolution.nas.blocks.layers import fit
from kt_evolution.nas.blocks.layers import of_rank
from kt_evolution.nas.structure import Site

Operation = Callable[[Site, Any, int, int, int], Any]

# Inception's kernels, as parts of the largest.
SCALES = (1, 2, 4)


def convolve(
    site: Site, x: Any, channels: int, kernel: int, stride: int = 1
) -> Any:
    """A convolution."""
    return _convolved("Conv", site, x, channels, kernel, strides=stride)


def separable(
    site: Site, x: Any, channels: int, kernel: int, stride: int = 1
) -> Any:
    """A convolution of each channel, then one across them."""
    return _convolved(
        "SeparableConv", site, x, channels, kernel, strides=stride
    )


def dilated(
    site: Site, x: Any, channels: int, kernel: int, stride: int = 1
) -> Any:
    """A convolution with gaps of one, after which the stride is taken."""
    x = _convolved("Conv", site, x, channels, kernel, dilation_rate=2)
    if stride == 1:
        return x
    # Backends can't do both at once.
    return site.layer(of_rank("AveragePooling", x), stride, padding="same")(x)


def depthwise(
    site: Site, x: Any, channels: int, kernel: int, stride: int = 1
) -> Any:
    """A convolution of each channel; the channels are mixed if they differ."""
    x = _convolved("DepthwiseConv", site, x, kernel, strides=stride)
    return fit(site, x, like=x, channels=channels)


def inception(
    site: Site, x: Any, channels: int, kernel: int, stride: int = 1
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
    pooled = max_pool(site, x, rest, 3, stride)
    joined = site.layer(layers.Concatenate)([*branches, pooled])
    return fit(site, joined, like=joined, channels=channels)


def max_pool(
    site: Site, x: Any, channels: int, kernel: int, stride: int = 1
) -> Any:
    """The largest of the neighbours."""
    return _pool("MaxPooling", site, x, channels, kernel, stride)


def average_pool(
    site: Site, x: Any, channels: int, kernel: int, stride: int = 1
) -> Any:
    """The mean of the neighbours."""
    return _pool("AveragePooling", site, x, channels, kernel, stride)


def identity(
    site: Site, x: Any, channels: int, kernel: int = 1, stride: int = 1
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


def _pool(
    kind: str, site: Site, x: Any, channels: int, kernel: int, stride: int
) -> Any:
    pooling = site.layer(
        of_rank(kind, x), kernel, strides=stride, padding="same"
    )
    x = pooling(x)
    return fit(site, x, like=x, channels=channels)


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
