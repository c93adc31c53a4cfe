"""Stages of inverted bottlenecks."""

from collections.abc import Sequence
from typing import Any

import keras_tuner as kt

from kt_evolution.algorithm.checks import check_count
from kt_evolution.nas.blocks.convolution import ConvolutionalStage
from kt_evolution.nas.blocks.convolution import size_of
from kt_evolution.nas.blocks.layers import activate
from kt_evolution.nas.blocks.layers import apply_mask
from kt_evolution.nas.blocks.layers import normalise
from kt_evolution.nas.blocks.layers import pointwise
from kt_evolution.nas.blocks.layers import squeeze_excite
from kt_evolution.nas.blocks.operations import Window
from kt_evolution.nas.blocks.operations import depthwise
from kt_evolution.nas.genes import Genes
from kt_evolution.nas.genes import check_options
from kt_evolution.nas.genes import choose
from kt_evolution.nas.structure import Site


class MBConvStage(ConvolutionalStage):
    """Inverted bottlenecks in a row: wide inside, narrow outside.

    Example:

    ```python
    x = nas.MBConvStage(filters=(32, 16, 64), expansion=4)(hp, x, "stage_1")
    ```

    Reference:
        Sandler et al. (2018), "MobileNetV2: inverted residuals and linear
        bottlenecks"; Tan and Le (2019), "EfficientNet".

    Args:
        filters: Int or several, how many channels come out. Of several values
            the first is the default, here and below. Defaults to 32, or 16,
            64 or 128.
        depth: Int or several, how many bottlenecks. Defaults to 2, or 1, 3.
        expansion: Int or several, by how much each is wider inside. Defaults
            to 4, or 1, 2, 6.
        kernel: Int or several, the size of each kernel. Defaults to 3, or 5.
        connection: As in `ConvStage`. Defaults to "residual", or "plain".
        activation: As in `ConvStage`. Defaults to "relu", or "silu".
        normalisation: As in `ConvStage`. Defaults to "batch".
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
        kernel: int | Sequence[int] = (3, 5),
        connection: str | Sequence[str] = ("residual", "plain"),
        activation: str | Sequence[str] = ("relu", "silu"),
        normalisation: str | Sequence[str] = "batch",
        squeeze_excite: bool | Sequence[bool] = (False, True),
        downsample: str | Sequence[str] = "none",
        dropout: float | Sequence[float] = (0.0, 0.1, 0.2),
        stochastic_depth: float | Sequence[float] = (0.0, 0.1, 0.2),
    ) -> None:
        super().__init__(
            filters,
            depth,
            kernel,
            connection,
            activation,
            normalisation,
            squeeze_excite,
            downsample,
            dropout,
            stochastic_depth,
        )
        self.expansion = check_options("expansion", expansion, check_count)

    def declare_unit(self, hp: kt.HyperParameters, unit: str) -> Genes:
        return {
            "expansion": choose(hp, f"{unit}/expansion", self.expansion),
            "kernel": choose(hp, f"{unit}/kernel", self.kernel),
        }

    def convolve(
        self,
        site: Site,
        x: Any,
        channels: int,
        genes: Genes,
        unit: Genes,
        mask: Any,
    ) -> tuple[Any, str]:
        normalisation, activation = genes["normalisation"], genes["activation"]
        y = x
        if unit["expansion"] > 1:
            wide = unit["expansion"] * x.shape[-1]
            y = pointwise(site, y, wide, use_bias=False)
            y = normalise(site, y, normalisation, mask)
            y = apply_mask(site, activate(site, y, activation), mask)
        y = depthwise(site, y, y.shape[-1], Window(unit["kernel"]))
        y = activate(site, normalise(site, y, normalisation, mask), activation)
        if genes["squeeze_excite"]:
            y = squeeze_excite(site, y, mask)
        y = pointwise(site, y, channels, use_bias=False)
        y = normalise(site, y, normalisation, mask)
        size = size_of(unit["kernel"], x)
        return y, f"mbconv {size}, expansion {unit['expansion']}"

    def finish(self, site: Site, y: Any, genes: Genes) -> Any:
        # The bottleneck is linear, or it would lose what it has.
        return y
