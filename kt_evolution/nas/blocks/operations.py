"""The operations of blocks and of the edges of a cell.

An operation takes the `BlockScope`, a tensor, the number of its output
channels, and the `Window` that it moves over the feature map.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.layers import apply_mask
from kt_evolution.nas.blocks.layers import match_shape
from kt_evolution.nas.blocks.layers import of_rank
from kt_evolution.nas.blocks.layers import weights_of
from kt_evolution.nas.blocks.layers import without_padding


@dataclasses.dataclass(frozen=True)
class Window:
    """The window that an operation moves over a feature map.

    Args:
        kernel_size: Int, its size along each axis. Defaults to 1.
        strides: Int. Defaults to 1.
        mask: For a sequence, a boolean tensor that is false at padding. The
            sequence is 0 there, so that convolutions do not read it. Defaults
            to no padding.
    """

    kernel_size: int = 1
    strides: int = 1
    mask: Any = None


Operation = Callable[[BlockScope, Any, int, Window], Any]

# Inception divides the largest kernel by these.
SCALES = (1, 2, 4)


def convolve(scope: BlockScope, x: Any, channels: int, window: Window) -> Any:
    """A convolution."""
    return _convolved("Conv", scope, x, window, channels)


def separable(scope: BlockScope, x: Any, channels: int, window: Window) -> Any:
    """A convolution of each channel, then a pointwise convolution."""
    return _convolved("SeparableConv", scope, x, window, channels)


def dilated(scope: BlockScope, x: Any, channels: int, window: Window) -> Any:
    """A convolution with dilation 2, then a pooling if it has strides."""
    # Backends allow no strides in a dilated convolution.
    all_positions = dataclasses.replace(window, strides=1)
    x = _convolved("Conv", scope, x, all_positions, channels, dilation_rate=2)
    if window.strides == 1:
        return x
    total_steps = dataclasses.replace(window, kernel_size=window.strides)
    return _pooled("AveragePooling", scope, x, total_steps)


def depthwise(scope: BlockScope, x: Any, channels: int, window: Window) -> Any:
    """A convolution of each channel, then a projection if channels differ."""
    x = _convolved("DepthwiseConv", scope, x, window)
    return match_shape(scope, x, like=x, channels=channels)


def inception(scope: BlockScope, x: Any, channels: int, window: Window) -> Any:
    """Parallel convolutions of several lengths and a pooling.

    Reference:
        Ismail Fawaz et al. (2020), "InceptionTime: finding AlexNet for time
        series classification".
    """
    each = max(1, channels // (len(SCALES) + 1))
    windows = [
        dataclasses.replace(
            window, kernel_size=max(1, window.kernel_size // scale)
        )
        for scale in SCALES
    ]
    branches = [convolve(scope, x, each, one) for one in windows]
    rest = max(1, channels - len(branches) * each)
    pooled = max_pool(
        scope, x, rest, dataclasses.replace(window, kernel_size=3)
    )
    joined = scope.layer(layers.Concatenate)([*branches, pooled])
    return match_shape(scope, joined, like=joined, channels=channels)


def max_pool(scope: BlockScope, x: Any, channels: int, window: Window) -> Any:
    """Max pooling."""
    y = x if window.mask is None else without_padding(x, window.mask)
    y = _pooled("MaxPooling", scope, y, window)
    # A window that lies in padding has the padding's low value.
    y = apply_mask(scope, y, window.mask)
    return match_shape(scope, y, like=y, channels=channels)


def average_pool(
    scope: BlockScope, x: Any, channels: int, window: Window
) -> Any:
    """Average pooling."""
    y = _pooled("AveragePooling", scope, x, window)
    if window.mask is not None:
        # The mean of the positions that are not padding.
        counted = weights_of(window.mask, x)
        share = _pooled("AveragePooling", scope, counted, window)
        y = keras.ops.divide(
            y, keras.ops.maximum(share, 1 / window.kernel_size)
        )
    return match_shape(scope, y, like=y, channels=channels)


def identity(scope: BlockScope, x: Any, channels: int, window: Window) -> Any:
    """The tensor itself, or a strided convolution if it has strides."""
    if window.strides == 1:
        return match_shape(scope, x, like=x, channels=channels)
    return convolve(scope, x, channels, window)


def _convolved(
    kind: str,
    scope: BlockScope,
    x: Any,
    window: Window,
    *args: int,
    **kwargs: int,
) -> Any:
    conv = scope.layer(
        of_rank(kind, x),
        *args,
        window.kernel_size,
        window.strides,
        padding="same",
        use_bias=False,
        **kwargs,
    )
    return conv(x)


def _pooled(kind: str, scope: BlockScope, x: Any, window: Window) -> Any:
    pooling = scope.layer(
        of_rank(kind, x), window.kernel_size, window.strides, padding="same"
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
