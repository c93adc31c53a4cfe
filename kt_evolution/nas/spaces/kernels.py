"""Random convolutions of series: which ones, and the layers for them."""

import dataclasses
import math
from typing import Any

import keras
import numpy as np
from keras import layers

from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.layers import full_precision
from kt_evolution.nas.spaces.scaling import Scale

LENGTH = 9
MAX_KERNELS = 2_000
# The scale of the features of more series than these is seldom another.
MAX_SERIES = 256
BATCH_SIZE = 32
# The length of a vector of features: small, so that the training changes the
# solution that it begins with slowly.
SCALE = 2.0
SEED = 0
# The layer that outputs the features.
LAST = "scaled_features"
EPSILON = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class KernelGroup:
    """The kernels that share a dilation and a padding.

    Args:
        dilation: Int, the distance between two steps that a kernel reads.
        padding: "same" or "valid".
        kernels: Array of shape `(length, channels, kernels)`.
        biases: Array of a number for each kernel.
        moments: Pair of arrays of shape `(2, kernels)`, the mean and the
            variance of the two features of each kernel.
    """

    dilation: int
    padding: str
    kernels: np.ndarray
    biases: np.ndarray
    moments: tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Kernels:
    """Random convolutions, and the scale of series.

    Args:
        scale: The `Scale` of the channels.
        groups: List of `KernelGroup`s.
    """

    scale: Scale
    groups: list[KernelGroup]


def learn_kernels(series: np.ndarray, has_fixed_length: bool) -> Kernels:
    """Draws the kernels for some series, and learns their biases and scales.

    The weights of a kernel are normal with mean 0, and read some of the
    channels. Its dilation is a power of two. Its bias is a quantile of its
    outputs for one of the series.

    References:
        Dempster et al. (2020), "ROCKET: exceptionally fast and accurate time
        series classification using random convolutional kernels"; Dempster et
        al. (2021), "MiniRocket", for the biases.

    Args:
        series: Array of shape `(series, time, channels)`.
        has_fixed_length: Bool, whether all series are as long as these.
    """
    rng = np.random.default_rng(SEED)
    number = min(len(series), MAX_SERIES)
    every = np.linspace(0, len(series) - 1, number).astype(int)
    sample = series[every].astype("float32")
    scale = Scale.of(sample.reshape(-1, sample.shape[-1]))
    sample = scale.standardized(sample).astype("float32")
    length = min(LENGTH, series.shape[1])
    reach = (series.shape[1] - 1) // max(1, length - 1)
    dilations = [2**power for power in range(max(1, reach).bit_length())]
    paddings = ("same", "valid") if has_fixed_length else ("same",)
    number = math.ceil(MAX_KERNELS / (len(dilations) * len(paddings)))
    groups = [
        _learn_group(rng, sample, dilation, padding, length, number)
        for dilation in dilations
        for padding in paddings
    ]
    return Kernels(scale, groups)


def _learn_group(
    rng: np.random.Generator,
    sample: np.ndarray,
    dilation: int,
    padding: str,
    length: int,
    number: int,
) -> KernelGroup:
    kernels = _draw_kernels(rng, length, sample.shape[-1], number)

    def outputs(series: np.ndarray) -> np.ndarray:
        found = keras.ops.conv(
            keras.ops.convert_to_tensor(series),
            keras.ops.convert_to_tensor(kernels),
            padding=padding,
            dilation_rate=dilation,
            data_format="channels_last",
        )
        return np.asarray(keras.ops.convert_to_numpy(found))

    some = outputs(rng.permutation(sample)[:BATCH_SIZE])
    ranks = rng.uniform(size=number)
    which = rng.integers(len(some), size=number)
    biases = np.array(
        [
            np.quantile(some[which[kernel], :, kernel], ranks[kernel])
            for kernel in range(number)
        ],
        "float32",
    )
    features = np.concatenate(
        [
            _features_of(outputs(sample[start : start + BATCH_SIZE]) - biases)
            for start in range(0, len(sample), BATCH_SIZE)
        ]
    )
    moments = features.mean(axis=0), features.var(axis=0) + EPSILON
    return KernelGroup(dilation, padding, kernels, biases, moments)


def _draw_kernels(
    rng: np.random.Generator, length: int, channels: int, number: int
) -> np.ndarray:
    kernels = rng.normal(size=(length, channels, number))
    if length > 1:
        kernels -= kernels.mean(axis=0)
    for kernel in range(number):
        read = int(2 ** rng.uniform(0, math.log2(channels + 1)))
        ignored = rng.permutation(channels)[read:]
        kernels[:, ignored, kernel] = 0.0
    return kernels.astype("float32")


def _features_of(outputs: np.ndarray) -> np.ndarray:
    """Returns the share of positive outputs of each kernel, and the largest.

    Args:
        outputs: Array of shape `(series, time, kernels)`.

    Returns:
        Array of shape `(series, 2, kernels)`.
    """
    return np.stack([(outputs > 0).mean(axis=1), outputs.max(axis=1)], axis=1)


def kernel_features(
    scope: BlockScope, x: Any, found: Kernels, num_kernels: int
) -> Any:
    """Returns the standardized features of series, two for each kernel.

    They are the share of the outputs of a kernel that are positive, and the
    largest output. The kernels are not trained.

    Args:
        scope: The `BlockScope`.
        x: The tensor of series.
        found: The `Kernels`.
        num_kernels: Int, the number of kernels, about.
    """
    dtype = full_precision()
    x = found.scale.standardize(scope, x)
    number = math.ceil(num_kernels / len(found.groups))
    parts = []
    for group in found.groups:
        y = _convolve(scope, x, group, number)
        is_positive = keras.ops.cast(keras.ops.greater(y, 0.0), dtype)
        parts.append(keras.ops.mean(is_positive, axis=1))
        parts.append(keras.ops.max(y, axis=1))
    y = scope.layer(layers.Concatenate, dtype=dtype)(parts)
    mean, variance = (
        np.concatenate(
            [group.moments[i][:, :number].reshape(-1) for group in found.groups]
        )
        for i in range(2)
    )
    y = scope.layer(
        layers.Normalization,
        mean=mean,
        variance=variance,
        dtype=dtype,
        name="features",
    )(y)
    scale = SCALE / math.sqrt(len(mean))
    y = scope.layer(layers.Rescaling, scale, dtype=dtype, name=LAST)(y)
    length = len(found.groups[0].kernels)
    text = f"{len(mean) // 2:,} random kernels of length {length}"
    return scope.finish(y, "kernels", text)


def _convolve(
    scope: BlockScope, x: Any, group: KernelGroup, number: int
) -> Any:
    """Returns the outputs of the first kernels of a group."""
    kernels = group.kernels[..., :number]
    layer = scope.layer(
        layers.Conv1D,
        kernels.shape[-1],
        len(kernels),
        padding=group.padding,
        dilation_rate=group.dilation,
        trainable=False,
        dtype=full_precision(),
        name=f"{group.padding}_{group.dilation}",
    )
    y = layer(x)
    layer.set_weights([kernels, -group.biases[:number]])
    return y
