"""A ready space for time series."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from kt_evolution.algorithm.checks import with_named_arguments
from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.base import BlockLike
from kt_evolution.nas.blocks.composition import LayerChoice
from kt_evolution.nas.blocks.convolution import CONNECTIONS
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import pool
from kt_evolution.nas.blocks.layers import standardize
from kt_evolution.nas.blocks.series import SeriesStage
from kt_evolution.nas.blocks.tokens import RecurrentStage
from kt_evolution.nas.blocks.tokens import TransformerStage
from kt_evolution.nas.choices import declare_choice
from kt_evolution.nas.choices import declare_choices
from kt_evolution.nas.shapes import check_shape
from kt_evolution.nas.spaces import kernels
from kt_evolution.nas.spaces.base import ReadySpace
from kt_evolution.nas.spaces.ridge import start_at_ridge

MAX_STAGES = 3
# Series up to this length are not halved.
SHORT = 8
# Those of the convolutions, default first.
KERNEL_SIZES = (5, 3, 9, 17)
# The numbers of random kernels, default first.
NUM_KERNELS = (1_000, 500, kernels.MAX_KERNELS)
# A network that is trained throughout needs more series than these.
MAX_FEW = 1_000
# The name of the block of random kernels.
KERNELS = "kernels"


@with_named_arguments
@dataclasses.dataclass(eq=False, repr=False)
class HyperSeriesNet(ReadySpace):
    """Networks for multivariate time series, of two families.

    The network family has convolutional stages that run along time. A recurrent
    or a transformer stage that reads the whole series may follow. Its default
    model is a small residual network.

    The kernel family has up to 2,000 random convolutions that are not trained,
    and a linear layer on the share of their outputs that are positive and on
    their largest outputs. If `fit` gets arrays, that layer starts at the
    solution of a ridge regression. `adapt` draws the kernels for the training
    series and adds the hyperparameter "family". It makes the kernel family the
    default if there are fewer than 1,000 series. Without `adapt` there is only
    the network family.

    Example:

    ```python
    space = nas.HyperSeriesNet(input_shape=(128, 9), num_classes=6)
    space.adapt(x_train, y_train)
    ```

    Reference:
        Dempster et al. (2020), "ROCKET: exceptionally fast and accurate time
        series classification using random convolutional kernels".

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

        self._kernels: kernels.Kernels | None = None
        self._are_few = False

    def adapt(self, x: Any = None, y: Any = None) -> None:
        """Learns the random kernels of series, and which family is the default.

        Args:
            x: Array of the training series, of equal length. Defaults to None:
                only the scale of a regression's targets is learned.
            y: Array of the training labels or targets. Defaults to None: only
                the series are learned from.

        Raises:
            ValueError: If the data do not fit the space.
        """
        super().adapt(x, y)
        if x is None:
            return
        series = _as_series(self.samples(x, "x"), self.input_shape)
        self._kernels = kernels.learn_kernels(
            series, has_fixed_length=self.input_shape[0] is not None
        )
        self._are_few = len(series) < MAX_FEW

    def inputs(self) -> Any:
        return keras.Input(self.input_shape, name="series")

    def body(self, hp: kt.HyperParameters, inputs: Any) -> Any:
        families: dict[str, Callable[..., Any]] = {"network": self._network}
        if self._kernels is not None:
            families["kernels"] = functools.partial(
                self._random_kernels, self._kernels
            )
        default = "kernels" if self._are_few else "network"
        return self.family(hp, inputs, families, default)

    def _random_kernels(
        self, found: kernels.Kernels, hp: kt.HyperParameters, inputs: Any
    ) -> Any:
        """Builds the kernel family, or declares it if `inputs` is None."""
        numbers = self.choices("layers", *NUM_KERNELS)
        with hp.name_scope(KERNELS):
            number = declare_choice(hp, "num_kernels", numbers)
        if inputs is None:
            return None
        scope = BlockScope(hp, KERNELS)
        return kernels.kernel_features(scope, inputs, found, number)

    def begin_training(self, model: keras.Model, x: Any, y: Any) -> None:
        """Starts the layer on random kernels at its ridge solution."""
        features = f"{KERNELS}_{kernels.LAST}"
        names = {layer.name for layer in model.layers}
        if features not in names or not isinstance(x, np.ndarray):
            return
        if self.task == "classification":
            # As in ROCKET: 1 for the right class, and -1 for the others.
            labels = np.asarray(y).reshape(-1).astype(int)
            targets = 2.0 * np.eye(int(self.num_classes or 0))[labels] - 1.0
            start_at_ridge(model, features, "head_logits", x, targets)
            return
        targets = np.asarray(y, "float64").reshape(len(x), -1)
        if self._target_scale is not None:
            targets = self._target_scale.standardized(targets)
        start_at_ridge(model, features, "head_outputs", x, targets)

    def _network(self, hp: kt.HyperParameters, inputs: Any) -> Any:
        """Builds the network family, or declares it if `inputs` is None."""
        x = inputs
        if x is not None:
            scope = BlockScope(hp, "input")
            x = standardize(scope, x)
            x = scope.finish(x, "input", "standardized series")
        options = {
            "activation": self.choices("layers", *ACTIVATIONS),
            "normalization": self.choices("regularization", "batch", "layer"),
            "dropout": self.choices("regularization", 0.0, 0.1, 0.2),
        }
        shared = declare_choices(hp, options)
        if x is None:
            # Dormant hyperparameters have no value.
            shared = {name: each[0] for name, each in options.items()}
        for number in range(1, self.num_stages + 1):
            stage = SeriesStage(
                filters=self.widths(2 ** (number - 1)),
                depth=self.depths(),
                operation=self.choices(
                    "layers", "conv", "separable", "dilated", "inception"
                ),
                kernel_size=self._kernel_sizes(number),
                connection=self.choices("connections", *CONNECTIONS),
                activation=shared["activation"],
                normalization=shared["normalization"],
                squeeze_excite=self.choices("layers", False, True),
                downsample="max" if number > 1 else "none",
                dropout=shared["dropout"],
                stochastic_depth=self.choices("regularization", 0.0, 0.1, 0.2),
            )
            if x is None:
                stage.declare(hp, f"stage_{number}")
            else:
                x = stage(hp, x, f"stage_{number}")
        x = self._context(hp, x, shared["dropout"])
        with hp.name_scope("head"):
            poolings = self.choices("layers", "average", "max")
            pooling = declare_choice(hp, "pooling", poolings)
        if x is None:
            return None
        scope = BlockScope(hp, "pooling")
        x = pool(scope, x, pooling)
        return scope.finish(x, "pooling", f"{pooling} pooling")

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
        return LayerChoice(options).walk(hp, x, "context")


def _unchanged(hp: kt.HyperParameters, x: Any, name: str) -> Any:
    return x


def _count_stages(length: int | None) -> int:
    if length is None:
        return MAX_STAGES
    num_stages = 1
    while num_stages < MAX_STAGES and length > SHORT:
        num_stages, length = num_stages + 1, -(-length // 2)
    return num_stages


def _as_series(x: Any, input_shape: tuple[int | None, int]) -> np.ndarray:
    """Returns the series of `adapt` with an axis for their channels."""
    if isinstance(x, np.ndarray):
        length, channels = input_shape
        if x.ndim == 2 and channels == 1:
            x = x[..., np.newaxis]
        wanted = (length or x.shape[1], channels) if x.ndim == 3 else None
        if x.size and x.shape[1:] == wanted:
            return x
    raise ValueError(
        f"`x` must be an array of series of input_shape={input_shape}. "
        f"Received: x of shape {getattr(x, 'shape', None)}"
    )
