"""Stages of inverted bottlenecks."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import with_named_arguments
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


@with_named_arguments
@dataclasses.dataclass(eq=False, repr=False)
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
        expansion: Int or several, the factor by which a bottleneck is wider
            inside. Defaults to 4, or 1, 2, 6.
        connection: As in `ConvStage`. Defaults to "residual", or "plain".
        activation: As in `ConvStage`. Defaults to "relu", or "silu".
        normalization: As in `ConvStage`. Defaults to "batch".

    The other arguments are those of `ConvStage`, without `operation`.
    """

    _: dataclasses.KW_ONLY
    expansion: int | Sequence[int] = (4, 1, 2, 6)
    connection: str | Sequence[str] = ("residual", "plain")
    activation: str | Sequence[str] = ("relu", "silu")
    normalization: str | Sequence[str] = "batch"

    def kind_options(self) -> dict[str, tuple[Any, ...]]:
        expansions = as_options("expansion", self.expansion, check_count)
        return {"expansion": expansions}

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
