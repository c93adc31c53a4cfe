"""Ready spaces for images."""

import abc
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt

from kt_evolution.nas.blocks.bottlenecks import MBConvStage
from kt_evolution.nas.blocks.cells import OPERATIONS
from kt_evolution.nas.blocks.cells import Cell
from kt_evolution.nas.blocks.convolution import CONNECTIONS
from kt_evolution.nas.blocks.convolution import ConvStage
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import activate
from kt_evolution.nas.blocks.layers import normalise
from kt_evolution.nas.blocks.layers import standardise
from kt_evolution.nas.blocks.operations import Window
from kt_evolution.nas.blocks.operations import convolve
from kt_evolution.nas.blocks.regularisation import Augmentation
from kt_evolution.nas.genes import choose
from kt_evolution.nas.shapes import check_shape
from kt_evolution.nas.spaces.arguments import GROUPS
from kt_evolution.nas.spaces.base import ReadySpace
from kt_evolution.nas.structure import Site

MAX_STAGES = 4
# Maps of this size and below are not halved.
SMALL = 8
# The stem halves larger maps, one convolution after the other.
LARGE = 64


class HyperImageNet(ReadySpace):
    """What ready spaces for images have in common.

    Args:
        input_shape: Tuple, the height, width and channels of an image.
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
        input_shape: Sequence[int],
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
            input_shape, "the height, width and channels of an image", rank=3
        )
        self.stem_strides, self.num_stages = _layout(self.input_shape)
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
        return keras.Input(self.input_shape, name="image")

    def body(self, hp: kt.HyperParameters, inputs: Any) -> Any:
        site = Site(hp, "input")
        x = standardise(site, inputs)
        x = site.done(x, "input", "standardised image")
        augmentation = Augmentation(
            flip=self.choices("regularisation", True, False),
            shift=self.choices("regularisation", 0.1, 0.0, 0.2),
            rotation=self.choices("regularisation", 0.0, 0.05),
            contrast=self.choices("regularisation", 0.0, 0.2),
        )
        return self.stages(hp, augmentation(hp, x, "augmentation"))

    @abc.abstractmethod
    def stages(self, hp: kt.HyperParameters, x: Any) -> Any:
        """Returns the features of an image."""

    def stem(
        self,
        hp: kt.HyperParameters,
        x: Any,
        activation: str,
        normalisation: str,
    ) -> Any:
        """Builds the first convolutions."""
        site = Site(hp, "stem")
        for stride in self.stem_strides:
            x = convolve(site, x, self.width, Window(3, stride))
            x = activate(site, normalise(site, x, normalisation), activation)
        number = len(self.stem_strides)
        text = f"conv 3x3, {self.width}, {normalisation} norm, {activation}"
        text = text if number == 1 else f"{number} times {text}"
        return site.done(x, "conv", text)

    def staged(
        self, hp: kt.HyperParameters, x: Any, stage: type[Any], **options: Any
    ) -> Any:
        """Builds a stem and stages, each of which halves and widens."""
        activation = choose(
            hp, "activation", self.choices("layers", *options.pop("activation"))
        )
        normalisation = choose(
            hp, "normalisation", options.pop("normalisation")
        )
        downsample = choose(
            hp, "downsample", self.choices("layers", "max", "average")
        )
        dropout = choose(
            hp, "dropout", self.choices("regularisation", 0.0, 0.1, 0.2)
        )
        x = self.stem(hp, x, activation, normalisation)
        for number in range(1, self.num_stages + 1):
            build = stage(
                filters=self.widths(2 ** (number - 1)),
                depth=self.depths(),
                kernel=self.choices("layers", 3, 5),
                activation=activation,
                normalisation=normalisation,
                squeeze_excite=self.choices("layers", False, True),
                downsample=downsample if number > 1 else "none",
                dropout=dropout,
                stochastic_depth=self.choices("regularisation", 0.0, 0.1, 0.2),
                **options,
            )
            x = build(hp, x, f"stage_{number}")
        return x


class HyperConvNet(HyperImageNet):
    """Convolutional networks: stages of convolutions of several kinds.

    The kind and kernel of each convolution, how a stage's convolutions are
    connected (residual, plain, dense, parallel), its depth and width, and what
    regularises and trains the network are genes. The default is a small
    residual network. The arguments are those of `HyperImageNet`.

    Example:

    ```python
    tuner = kt_evolution.EvolutionTuner(
        nas.HyperConvNet(input_shape=(32, 32, 3), num_classes=10),
        objective="val_accuracy",
        max_trials=50,
    )
    tuner.search(x_train, y_train, validation_data=(x_val, y_val), epochs=10)
    ```
    """

    def stages(self, hp: kt.HyperParameters, x: Any) -> Any:
        return self.staged(
            hp,
            x,
            ConvStage,
            operation=self.choices("layers", "conv", "separable", "dilated"),
            connection=self.choices("connections", *CONNECTIONS),
            activation=ACTIVATIONS,
            normalisation=self.choices(
                "regularisation", "batch", "layer", "group"
            ),
        )


class HyperMobileNet(HyperImageNet):
    """Mobile networks: stages of inverted bottlenecks.

    The expansion and kernel of each bottleneck, squeeze-and-excitation, the
    depth and width of each stage, and what regularises and trains the network
    are genes. The default is a small MobileNetV2. The arguments are those of
    `HyperImageNet`.

    Example:

    ```python
    space = nas.HyperMobileNet(input_shape=(96, 96, 3), num_classes=10)
    ```

    Reference:
        Sandler et al. (2018), "MobileNetV2: inverted residuals and linear
        bottlenecks".
    """

    def stages(self, hp: kt.HyperParameters, x: Any) -> Any:
        return self.staged(
            hp,
            x,
            MBConvStage,
            expansion=self.choices("layers", 4, 1, 2, 6),
            connection=self.choices("connections", "residual", "plain"),
            activation=("relu", "silu"),
            normalisation=("batch",),
        )


class HyperCellNet(HyperImageNet):
    """Networks of two cells, a normal one that repeats and one that halves.

    What the nodes of the two cells take and do is searched, the network around
    them is given: stages of `max_depth` normal cells at most, with a
    reduction between them. The arguments are those of `HyperImageNet`.

    Example:

    ```python
    space = nas.HyperCellNet(input_shape=(32, 32, 3), num_classes=10)
    ```

    Reference:
        Zoph et al. (2018), "Learning transferable architectures for scalable
        image recognition".
    """

    def stages(self, hp: kt.HyperParameters, x: Any) -> Any:
        depth = choose(hp, "cells", self.depths(default=1))
        genes = {
            name: self._cell(self.width, stride).declare(hp, name)
            for name, stride in (("normal", 1), ("reduction", 2))
        }
        before, x = x, self.stem(hp, x, genes["normal"]["activation"], "batch")
        for number in range(1, self.num_stages + 1):
            width = self.width * 2 ** (number - 1)
            if number > 1:
                site = Site(hp, f"stage_{number}/reduction")
                cell = self._cell(width, stride=2)
                both = [before, x]
                before, x = x, cell.build(site, both, genes["reduction"])
            for i in range(1, depth + 1):
                site = Site(hp, f"stage_{number}/cell_{i}")
                cell = self._cell(width)
                both = [before, x]
                before, x = x, cell.build(site, both, genes["normal"])
        return x

    def _cell(self, filters: int, stride: int = 1) -> Cell:
        return Cell(
            filters,
            operation=self.choices("layers", *OPERATIONS),
            way_around=self.choices("layers", "identity", *OPERATIONS),
            searches_inputs="connections" in self.search,
            activation=self.choices("layers", *ACTIVATIONS),
            dropout=self.choices("regularisation", 0.0, 0.1, 0.2),
            stride=stride,
        )


def _layout(input_shape: tuple[int, ...]) -> tuple[list[int], int]:
    """Returns the strides of the stem, and how many stages follow."""
    size = min(input_shape[:2])
    strides: list[int] = []
    while size > LARGE:
        strides, size = [*strides, 2], -(-size // 2)
    num_stages = 1
    # Small images are halved too, as long as something is left.
    while num_stages < MAX_STAGES and (size > SMALL or num_stages < 3):
        if size < 4:
            break
        num_stages, size = num_stages + 1, -(-size // 2)
    return strides or [1], num_stages
