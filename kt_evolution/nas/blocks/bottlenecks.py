"""Stages of inverted bottlenecks."""

from collections.abc import Sequence
from typing import Any

import keras_tuner as kt

from kt_evolution.algorithm.checks import check_count
from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.convolution import ConvolutionalStage
from kt_evolution.nas.blocks.convolution import size_of
from kt_evolution.nas.blocks.layers import activate
from kt_evolution.nas.blocks.layers import apply_mask
from kt_evolution.nas.blocks.layers import normalize
from kt_evolution.nas.blocks.layers import pointwise
from kt_evolution.nas.blocks.layers import squeeze_excite
from kt_evolution.nas.blocks.operations import Window
from kt_evolution.nas.blocks.operations import depthwise
from kt_evolution.nas.choices import Values
from kt_evolution.nas.choices import as_options
from kt_evolution.nas.choices import declare_choice


class MBConvStage(ConvolutionalStage):
    """A sequence of inverted bottlenecks: wide inside, narrow outside.

    Example:

    ```python
    x = nas.MBConvStage(filters=(32, 16, 64), expansion=4)(hp, x, "stage_1")
    ```

    Reference:
        Sandler et al. (2018), "MobileNetV2: inverted residuals and linear
        bottlenecks"; Tan and Le (2019), "EfficientNet".

    Args:
        filters: Int or several, the number of output channels. Of several
            values the first is the default, here and below. Defaults to 32,
            or 16, 64, 128.
        depth: Int or several, the number of bottlenecks. Defaults to 2, or
            1, 3.
        expansion: Int or several, the factor by which a bottleneck is wider
            inside. Defaults to 4, or 1, 2, 6.
        kernel_size: Int or several, for each bottleneck. Defaults to 3, or 5.
        connection: As in `ConvStage`. Defaults to "residual", or "plain".
        activation: As in `ConvStage`. Defaults to "relu", or "silu".
        normalization: As in `ConvStage`. Defaults to "batch".
        squeeze_excite: Boolean or both. Defaults to False, or True.
        downsample: As in `ConvStage`. Defaults to "none".
        dropout: As in `ConvStage`. Defaults to 0, or 0.1, 0.2.
        stochastic_depth: As in `ConvStage`. Defaults to 0, or 0.1, 0.2.
    """

    def __init__(
        self,
        filters: int | Sequence[int] = (32, 16, 64, 128),
        depth: int | Sequence[int] = (2, 1, 3),
        expansion: int | Sequence[int] = (4, 1, 2, 6),
        kernel_size: int | Sequence[int] = (3, 5),
        connection: str | Sequence[str] = ("residual", "plain"),
        activation: str | Sequence[str] = ("relu", "silu"),
        normalization: str | Sequence[str] = "batch",
        squeeze_excite: bool | Sequence[bool] = (False, True),
        downsample: str | Sequence[str] = "none",
        dropout: float | Sequence[float] = (0.0, 0.1, 0.2),
        stochastic_depth: float | Sequence[float] = (0.0, 0.1, 0.2),
    ) -> None:
        super().__init__(
            filters,
            depth,
            kernel_size,
            connection,
            activation,
            normalization,
            squeeze_excite,
            downsample,
            dropout,
            stochastic_depth,
        )
        self.expansion = as_options("expansion", expansion, check_count)

    def declare_block(self, hp: kt.HyperParameters, block: str) -> Values:
        return {
            "expansion": declare_choice(
                hp, f"{block}/expansion", self.expansion
            ),
            "kernel_size": declare_choice(
                hp, f"{block}/kernel_size", self.kernel_size
            ),
        }

    def convolve(
        self,
        scope: BlockScope,
        x: Any,
        channels: int,
        values: Values,
        own: Values,
        mask: Any,
    ) -> tuple[Any, str]:
        normalization, activation = (
            values["normalization"],
            values["activation"],
        )
        y = x
        if own["expansion"] > 1:
            wide = own["expansion"] * x.shape[-1]
            y = pointwise(scope, y, wide, use_bias=False)
            y = normalize(scope, y, normalization, mask)
            y = apply_mask(scope, activate(scope, y, activation), mask)
        y = depthwise(scope, y, y.shape[-1], Window(own["kernel_size"]))
        y = activate(
            scope, normalize(scope, y, normalization, mask), activation
        )
        if values["squeeze_excite"]:
            y = squeeze_excite(scope, y, mask)
        y = pointwise(scope, y, channels, use_bias=False)
        y = normalize(scope, y, normalization, mask)
        size = size_of(own["kernel_size"], x)
        return y, f"mbconv {size}, expansion {own['expansion']}"

    def activate_output(self, scope: BlockScope, y: Any, values: Values) -> Any:
        # An activation of the narrow output would lose information.
        return y
