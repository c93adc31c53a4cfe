"""A ready space for time series."""

from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt

from kt_evolution.nas.blocks.base import Piece
from kt_evolution.nas.blocks.composition import LayerChoice
from kt_evolution.nas.blocks.convolution import CONNECTIONS
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import standardise
from kt_evolution.nas.blocks.series import SeriesStage
from kt_evolution.nas.blocks.tokens import RecurrentStage
from kt_evolution.nas.blocks.tokens import TransformerStage
from kt_evolution.nas.genes import choose
from kt_evolution.nas.shapes import check_shape
from kt_evolution.nas.spaces.arguments import GROUPS
from kt_evolution.nas.spaces.base import ReadySpace
from kt_evolution.nas.structure import Site

MAX_STAGES = 3
# Series of this length and below are not halved.
SHORT = 8


class HyperSeriesNet(ReadySpace):
    """Networks for multivariate time series.

    Stages of convolutions along time, then, if it is chosen, a recurrent or a
    transformer stage that sees the series as a whole. The default is a small
    residual network.

    Example:

    ```python
    space = nas.HyperSeriesNet(input_shape=(128, 9), num_classes=6)
    ```

    Args:
        input_shape: Tuple, the length of a series and its channels; the length
            is None if it differs.
        num_classes: Int, for classification.
        num_outputs: Int, for regression. Defaults to 1.
        task: "classification" or "regression". Defaults to "classification".
        max_depth: Int, how many blocks a stage has at most. Defaults to 3.
        width: Int, how many channels the first stage has by default. Defaults
            to 32.
        search: Strings, the groups of genes to search: "layers",
            "connections", "regularisation" and "training". What is not
            searched has its default values. Defaults to all.
        steps: Int, in how many batches a model is trained, for the cosine
            schedule. Defaults to a constant learning rate.
        targets: Array of the targets of a regression, whose mean and scale the
            output gets. Defaults to outputs around 0.
        name: String, the name of the hypermodel.
        tunable: Boolean, as in `keras_tuner.HyperModel`. Defaults to True.

    Raises:
        ValueError: If an argument is not as described. `fit`, and so a search,
            raises `keras_tuner.errors.FatalValueError` for samples and labels
            that fit no model of the space.
    """

    def __init__(
        self,
        input_shape: Sequence[int | None],
        num_classes: int | None = None,
        num_outputs: int | None = None,
        task: str = "classification",
        max_depth: int = 3,
        width: int = 32,
        search: str | Sequence[str] = GROUPS,
        steps: int | None = None,
        targets: Any = None,
        name: str | None = None,
        tunable: bool = True,
    ) -> None:
        self.input_shape = check_shape(
            input_shape, "the length and channels of a series", 2, 1
        )
        self.num_stages = _count_stages(self.input_shape[0])
        super().__init__(
            num_classes,
            num_outputs,
            task,
            max_depth,
            width,
            search,
            steps,
            targets,
            name,
            tunable,
        )

    def inputs(self) -> Any:
        return keras.Input(self.input_shape, name="series")

    def body(self, hp: kt.HyperParameters, inputs: Any) -> Any:
        site = Site(hp, "input")
        x = standardise(site, inputs)
        x = site.done(x, "input", "standardised series")
        activation = choose(
            hp, "activation", self.choices("layers", *ACTIVATIONS)
        )
        normalisation = choose(
            hp,
            "normalisation",
            self.choices("regularisation", "batch", "layer"),
        )
        dropout = choose(
            hp, "dropout", self.choices("regularisation", 0.0, 0.1, 0.2)
        )
        for number in range(1, self.num_stages + 1):
            stage = SeriesStage(
                filters=self.widths(2 ** (number - 1)),
                depth=self.depths(),
                operation=self.choices(
                    "layers", "conv", "separable", "dilated", "inception"
                ),
                kernel=self.choices("layers", 5, 3, 9, 17),
                connection=self.choices("connections", *CONNECTIONS),
                activation=activation,
                normalisation=normalisation,
                squeeze_excite=self.choices("layers", False, True),
                downsample="max" if number > 1 else "none",
                dropout=dropout,
                stochastic_depth=self.choices("regularisation", 0.0, 0.1, 0.2),
            )
            x = stage(hp, x, f"stage_{number}")
        return self._context(hp, x, dropout)

    def _context(self, hp: kt.HyperParameters, x: Any, dropout: float) -> Any:
        """Builds what sees a series as a whole, if it is chosen."""
        contexts: dict[str, Piece] = {
            "none": _as_it_is,
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
                heads=self.choices("layers", 4, 2, 8),
                expansion=self.choices("layers", 2, 1, 4),
                activation="gelu",
                dropout=dropout,
            ),
        }
        searched = self.choices("layers", *contexts)
        options = {name: contexts[name] for name in searched}
        return LayerChoice(options)(hp, x, "context")


def _as_it_is(hp: kt.HyperParameters, x: Any, name: str) -> Any:
    return x


def _count_stages(length: int | None) -> int:
    if length is None:
        return MAX_STAGES
    num_stages = 1
    while num_stages < MAX_STAGES and length > SHORT:
        num_stages, length = num_stages + 1, -(-length // 2)
    return num_stages
