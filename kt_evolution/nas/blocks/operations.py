"""What a block or an edge of a cell does to a map of features.

An operation takes the `Site`, a tensor, the number of channels that it gives,
and the `Window` that it moves over the map.
"""

import dataclasses
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


@dataclasses.dataclass(frozen=True)
class Window:
    """What an operation moves over a map, and by how much.

    Args:
        kernel: Int, its size along each axis. Defaults to 1.
        stride: Int. Defaults to 1.
        mask: For a sequence, a boolean tensor that is false where there is
            padding. The sequence is 0 there, so that a convolution sees none
            of it. Defaults to no padding.
    """

    kernel: int = 1
    stride: int = 1
    mask: Any = None


Operation = Callable[[Site, Any, int, Window], Any]

# Inception's kernels, as parts of the largest.
SCALES = (1, 2, 4)


def convolve(site: Site, x: Any, channels: int, window: Window) -> Any:
    """A convolution."""
    return _convolved("Conv", site, x, window, channels)


def separable(site: Site, x: Any, channels: int, window: Window) -> Any:
    """A convolution of each channel, then one across them."""
    return _convolved("SeparableConv", site, x, window, channels)


def dilated(site: Site, x: Any, channels: int, window: Window) -> Any:
    """A convolution with gaps of one, after which the stride is taken."""
    # Backends can't do both at once.
    all_positions = dataclasses.replace(window, stride=1)
    x = _convolved("Conv", site, x, all_positions, channels, dilation_rate=2)
    if window.stride == 1:
        return x
    steps = dataclasses.replace(window, kernel=window.stride)
    return _pooled("AveragePooling", site, x, steps)


def depthwise(site: Site, x: Any, channels: int, window: Window) -> Any:
    """A convolution of each channel; the channels are mixed if they differ."""
    x = _convolved("DepthwiseConv", site, x, window)
    return fit(site, x, like=x, channels=channels)


def inception(site: Site, x: Any, channels: int, window: Window) -> Any:
    """Convolutions of several lengths and a pooling, side by side.

    Reference:
        Ismail Fawaz et al. (2020), "InceptionTime: finding AlexNet for time
        series classification".
    """
    each = max(1, channels // (len(SCALES) + 1))
    windows = [
        dataclasses.replace(window, kernel=max(1, window.kernel // scale))
        for scale in SCALES
    ]
    branches = [convolve(site, x, each, one) for one in windows]
    rest = max(1, channels - len(branches) * each)
    pooled = max_pool(site, x, rest, dataclasses.replace(window, kernel=3))
    joined = site.layer(layers.Concatenate)([*branches, pooled])
    return fit(site, joined, like=joined, channels=channels)


def max_pool(site: Site, x: Any, channels: int, window: Window) -> Any:
    """The largest of the neighbours."""
    y = x if window.mask is None else without_padding(x, window.mask)
    y = _pooled("MaxPooling", site, y, window)
    # Where there is nothing but padding.
    y = apply_mask(site, y, window.mask)
    return fit(site, y, like=y, channels=channels)


def average_pool(site: Site, x: Any, channels: int, window: Window) -> Any:
    """The mean of the neighbours."""
    y = _pooled("AveragePooling", site, x, window)
    if window.mask is not None:
        # Of those that are no padding.
        counted = weights_of(window.mask, x)
        share = _pooled("AveragePooling", site, counted, window)
        y = keras.ops.divide(y, keras.ops.maximum(share, 1 / window.kernel))
    return fit(site, y, like=y, channels=channels)


def identity(site: Site, x: Any, channels: int, window: Window) -> Any:
    """The tensor itself, or as many of its positions as the stride leaves."""
    if window.stride == 1:
        return fit(site, x, like=x, channels=channels)
    return convolve(site, x, channels, window)


def _convolved(
    kind: str, site: Site, x: Any, window: Window, *args: int, **kwargs: int
) -> Any:
    conv = site.layer(
        of_rank(kind, x),
        *args,
        window.kernel,
        window.stride,
        padding="same",
        use_bias=False,
        **kwargs,
    )
    return conv(x)


def _pooled(kind: str, site: Site, x: Any, window: Window) -> Any:
    pooling = site.layer(
        of_rank(kind, x), window.kernel, window.stride, padding="same"
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
