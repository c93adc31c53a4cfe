"""Stages for time series."""

import dataclasses
from collections.abc import Sequence

from kt_evolution.algorithm.checks import with_named_arguments
from kt_evolution.nas.blocks.convolution import ConvStage
from kt_evolution.nas.blocks.layers import NORMALIZATIONS


@with_named_arguments
@dataclasses.dataclass(eq=False, repr=False)
class SeriesStage(ConvStage):
    """A sequence of convolutions along time: a `ConvStage` of long kernels.

    It takes tensors of shape `(batch, time, channels)`.

    Example:

    ```python
    x = nas.SeriesStage(filters=(32, 64), kernel_size=(9, 5))(hp, x, "stage_1")
    ```

    Args:
        operation: As in `ConvStage`. Defaults to "conv", or "separable",
            "dilated", "inception".
        kernel_size: Int or several, the length of each kernel. Defaults to 5,
            or 3, 9, 17.
        normalization: As in `ConvStage`. Defaults to "batch", or "layer".

    The other arguments are those of `ConvStage`.
    """

    _: dataclasses.KW_ONLY
    operation: str | Sequence[str] = (
        "conv",
        "separable",
        "dilated",
        "inception",
    )
    kernel_size: int | Sequence[int] = (5, 3, 9, 17)
    normalization: str | Sequence[str] = NORMALIZATIONS[:2]

    ranks = (3,)
