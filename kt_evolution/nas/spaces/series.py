"""A ready space for time series."""

import dataclasses
from typing import Any

import keras
import keras_tuner as kt

from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.base import BlockLike
from kt_evolution.nas.blocks.composition import LayerChoice
from kt_evolution.nas.blocks.convolution import CONNECTIONS
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import standardize
from kt_evolution.nas.blocks.series import SeriesStage
from kt_evolution.nas.blocks.tokens import RecurrentStage
from kt_evolution.nas.blocks.tokens import TransformerStage
from kt_evolution.nas.choices import declare_choice
from kt_evolution.nas.shapes import check_shape
from kt_evolution.nas.spaces.base import ReadySpace

MAX_STAGES = 3
# Series up to this length are not halved.
SHORT = 8
# Those of the convolutions, default first.
KERNEL_SIZES = (5, 3, 9, 17)


@dataclasses.dataclass(eq=False, repr=False)
class HyperSeriesNet(ReadySpace):
    """Networks for multivariate time series.

    Convolutional stages run along time. A recurrent or a transformer stage
    that reads the whole series may follow. The default model is a small
    residual network.

    Example:

    ```python
    space = nas.HyperSeriesNet(input_shape=(128, 9), num_classes=6)
    ```

    Args:
        input_shape: Tuple, the length of a series and its channels. The length
            is None if series differ in length.

    The other arguments are those of `ReadySpace`.
    """

    def __post_init__(self) -> None:
        self.input_shape = check_shape(
            self.input_shape, "the length and channels of a series", 2, 1
        )
        self.num_stages = _count_stages(self.input_shape[0])
        super().__post_init__()

    def inputs(self) -> Any:
        return keras.Input(self.input_shape, name="series")

    def body(self, hp: kt.HyperParameters, inputs: Any) -> Any:
        scope = BlockScope(hp, "input")
        x = standardize(scope, inputs)
        x = scope.finish(x, "input", "standardized series")
        activation = declare_choice(
            hp, "activation", self.choices("layers", *ACTIVATIONS)
        )
        normalization = declare_choice(
            hp,
            "normalization",
            self.choices("regularization", "batch", "layer"),
        )
        dropout = declare_choice(
            hp, "dropout", self.choices("regularization", 0.0, 0.1, 0.2)
        )
        for number in range(1, self.num_stages + 1):
            stage = SeriesStage(
                filters=self.widths(2 ** (number - 1)),
                depth=self.depths(),
                operation=self.choices(
                    "layers", "conv", "separable", "dilated", "inception"
                ),
                kernel_size=self._kernel_sizes(number),
                connection=self.choices("connections", *CONNECTIONS),
                activation=activation,
                normalization=normalization,
                squeeze_excite=self.choices("layers", False, True),
                downsample="max" if number > 1 else "none",
                dropout=dropout,
                stochastic_depth=self.choices("regularization", 0.0, 0.1, 0.2),
            )
            x = stage(hp, x, f"stage_{number}")
        return self._context(hp, x, dropout)

    def _kernel_sizes(self, number: int) -> tuple[int, ...]:
        """Returns the lengths of the kernels of a stage, default first."""
        length = self.input_shape[0]
        if length is None:
            return self.choices("layers", *KERNEL_SIZES)
        # Each stage but the first begins with a pooling that halves it.
        length = -(-length // 2 ** (number - 1))
        fitting = [size for size in KERNEL_SIZES if size <= length]
        return self.choices("layers", *(fitting or [length]))

    def _context(self, hp: kt.HyperParameters, x: Any, dropout: float) -> Any:
        """Builds the stage that reads the whole series, if one is chosen."""
        contexts: dict[str, BlockLike] = {
            "none": _unchanged,
            "recurrent": RecurrentStage(
                units=self.widths(),
                depth=1,
                cell=self.choices("layers", "gru", "lstm"),
                bidirectional=self.choices("connections", True, False),
                connection=self.choices("connections", "plain", "residual"),
                dropout=dropout,
            ),
            "transformer": TransformerStage(
                depth=1,
                num_heads=self.choices("layers", 4, 2, 8),
                expansion=self.choices("layers", 2, 1, 4),
                activation="gelu",
                dropout=dropout,
            ),
        }
        searched = self.choices("layers", *contexts)
        options = {name: contexts[name] for name in searched}
        return LayerChoice(options)(hp, x, "context")


def _unchanged(hp: kt.HyperParameters, x: Any, name: str) -> Any:
    return x


def _count_stages(length: int | None) -> int:
    if length is None:
        return MAX_STAGES
    num_stages = 1
    while num_stages < MAX_STAGES and length > SHORT:
        num_stages, length = num_stages + 1, -(-length // 2)
    return num_stages
