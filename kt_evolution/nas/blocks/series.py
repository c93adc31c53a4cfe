"""Stages for time series."""

from collections.abc import Sequence

from kt_evolution.nas.blocks.convolution import CONNECTIONS
from kt_evolution.nas.blocks.convolution import ConvStage
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import NORMALIZATIONS


class SeriesStage(ConvStage):
    """A sequence of convolutions along time: a `ConvStage` of long kernels.

    It takes tensors of shape `(batch, time, channels)`.

    Example:

    ```python
    x = nas.SeriesStage(filters=(32, 64), kernel_size=(9, 5))(hp, x, "stage_1")
    ```

    Args:
        filters: Int or several, the number of output channels. Of several
            values the first is the default, here and below. Defaults to 32,
            or 16, 64, 128.
        depth: Int or several, the number of convolutions. Defaults to 2, or
            1, 3.
        operation: As in `ConvStage`. Defaults to "conv", or "separable",
            "dilated", "inception".
        kernel_size: Int or several, the length of each kernel. Defaults to 5,
            or 3, 9, 17.
        connection: As in `ConvStage`. Defaults to all.
        activation: As in `ConvStage`. Defaults to all.
        normalization: As in `ConvStage`. Defaults to "batch", or "layer".
        squeeze_excite: Boolean or both. Defaults to False, or True.
        downsample: As in `ConvStage`. Defaults to "none".
        dropout: As in `ConvStage`. Defaults to 0, or 0.1, 0.2.
        stochastic_depth: As in `ConvStage`. Defaults to 0, or 0.1, 0.2.
    """

    ranks = (3,)

    def __init__(
        self,
        filters: int | Sequence[int] = (32, 16, 64, 128),
        depth: int | Sequence[int] = (2, 1, 3),
        operation: str | Sequence[str] = (
            "conv",
            "separable",
            "dilated",
            "inception",
        ),
        kernel_size: int | Sequence[int] = (5, 3, 9, 17),
        connection: str | Sequence[str] = CONNECTIONS,
        activation: str | Sequence[str] = ACTIVATIONS,
        normalization: str | Sequence[str] = NORMALIZATIONS[:2],
        squeeze_excite: bool | Sequence[bool] = (False, True),
        downsample: str | Sequence[str] = "none",
        dropout: float | Sequence[float] = (0.0, 0.1, 0.2),
        stochastic_depth: float | Sequence[float] = (0.0, 0.1, 0.2),
    ) -> None:
        super().__init__(
            filters,
            depth,
            operation,
            kernel_size,
            connection,
            activation,
            normalization,
            squeeze_excite,
            downsample,
            dropout,
            stochastic_depth,
        )
