"""Stages of convolutions, for images and for sequences."""

import abc
import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import ClassVar

import keras_tuner as kt
from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import check_flag
from kt_evolution.algorithm.checks import with_named_arguments
from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.base import Stage
from kt_evolution.nas.blocks.base import check_features
from kt_evolution.nas.blocks.base import check_masked
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import NORMALIZATIONS
from kt_evolution.nas.blocks.layers import POOLINGS
from kt_evolution.nas.blocks.layers import SKIPS
from kt_evolution.nas.blocks.layers import activate
from kt_evolution.nas.blocks.layers import apply_mask
from kt_evolution.nas.blocks.layers import dropout
from kt_evolution.nas.blocks.layers import match_shape
from kt_evolution.nas.blocks.layers import normalize
from kt_evolution.nas.blocks.layers import of_rank
from kt_evolution.nas.blocks.layers import pointwise
from kt_evolution.nas.blocks.layers import squeeze_excite
from kt_evolution.nas.blocks.layers import stochastic_depth
from kt_evolution.nas.blocks.operations import CONVOLUTIONS
from kt_evolution.nas.blocks.operations import Window
from kt_evolution.nas.blocks.operations import average_pool
from kt_evolution.nas.choices import Values
from kt_evolution.nas.choices import active_if
from kt_evolution.nas.choices import as_options
from kt_evolution.nas.choices import check_rate
from kt_evolution.nas.choices import declare_choice
from kt_evolution.nas.choices import one_of

CONNECTIONS = ("residual", "plain", "dense", "parallel")


@with_named_arguments
@dataclasses.dataclass(eq=False, repr=False)
class ConvolutionalStage(Stage):
    """The base class of stages of convolutions.

    The arguments are those of `ConvStage`.
    """

    filters: int | Sequence[int] = (32, 16, 64, 128)
    depth: int | Sequence[int] = (2, 1, 3)
    _: dataclasses.KW_ONLY
    kernel_size: int | Sequence[int] = (3, 5)
    connection: str | Sequence[str] = CONNECTIONS
    activation: str | Sequence[str] = ACTIVATIONS
    normalization: str | Sequence[str] = NORMALIZATIONS[:3]
    squeeze_excite: bool | Sequence[bool] = (False, True)
    downsample: str | Sequence[str] = "none"
    dropout: float | Sequence[float] = (0.0, 0.1, 0.2)
    stochastic_depth: float | Sequence[float] = (0.0, 0.1, 0.2)

    # The ranks of its inputs: sequences and images.
    ranks: ClassVar[tuple[int, ...]] = (3, 4)

    def __post_init__(self) -> None:
        checks: dict[str, Callable[[str, Any], Any]] = {
            "filters": check_count,
            "connection": one_of(CONNECTIONS),
            "activation": one_of(ACTIVATIONS),
            "normalization": one_of(NORMALIZATIONS),
            "squeeze_excite": check_flag,
            "downsample": one_of((*POOLINGS, "none")),
            "dropout": check_rate,
        }
        kernel_sizes = as_options("kernel_size", self.kernel_size, check_count)
        self.stochastic_depths = as_options(
            "stochastic_depth", self.stochastic_depth, check_rate
        )
        super().__init__(
            self.depth,
            {
                name: as_options(name, getattr(self, name), check)
                for name, check in checks.items()
            },
            {**self.kind_options(), "kernel_size": kernel_sizes},
        )

    @abc.abstractmethod
    def kind_options(self) -> dict[str, tuple[Any, ...]]:
        """Returns the options of a block besides those of its kernel size."""

    def declare_shared(self, hp: kt.HyperParameters) -> Values:
        values = super().declare_shared(hp)
        connections = self.shared["connection"]
        if "residual" in connections:
            with active_if(hp, "connection", connections, ["residual"]):
                values["stochastic_depth"] = declare_choice(
                    hp, "stochastic_depth", self.stochastic_depths
                )
        return values

    def build_block(
        self, scope: BlockScope, x: Any, values: Values, number: int, mask: Any
    ) -> Any:
        check_features(type(self).__name__, x, *self.ranks)
        if mask is not None:
            check_masked(self.shared)
        texts = []
        if number == 1 and values["downsample"] != "none":
            x = _halve(scope, x, values["downsample"])
            texts.append(f"{values['downsample']} pooling")
        x = apply_mask(scope, x, mask)
        y, text = self.connect(
            scope, x, values, values[f"block_{number}"], mask
        )
        if values["connection"] == "dense" and number == values["depth"]:
            # A dense stage ends with `filters` channels too.
            y = pointwise(scope, y, values["filters"], name="transition")
        texts += [text, str(y.shape[-1]), *_texts_of(values)]
        skip = SKIPS.get(values["connection"], "")
        kind = text.split()[0]
        return scope.finish(y, kind, ", ".join(texts), skip=skip)

    def connect(
        self, scope: BlockScope, x: Any, values: Values, own: Values, mask: Any
    ) -> tuple[Any, str]:
        """Builds a convolution and joins it with its input."""
        connection, filters = values["connection"], values["filters"]
        # Two parallel halves make `filters`; a dense stage grows by halves.
        halved = connection in ("dense", "parallel")
        channels = max(1, filters // 2) if halved else filters
        y, text = self.convolve(scope, x, channels, values, own, mask)
        y = dropout(scope, y, values["dropout"])
        if connection == "residual":
            y = stochastic_depth(scope, y, values["stochastic_depth"])
            skip = match_shape(scope, x, like=y)
            y = scope.layer(layers.Add)([skip, y])
        y = self.activate_output(scope, y, values)
        if connection == "dense":
            y = scope.layer(layers.Concatenate)([x, y])
        if connection == "parallel":
            rest = max(1, filters - channels)
            z = average_pool(scope, x, rest, Window(3, mask=mask))
            z = normalize(scope, z, values["normalization"], mask)
            z = self.activate_output(scope, z, values)
            y = scope.layer(layers.Concatenate)([y, z])
        return y, text

    @abc.abstractmethod
    def convolve(
        self,
        scope: BlockScope,
        x: Any,
        channels: int,
        values: Values,
        own: Values,
        mask: Any,
    ) -> tuple[Any, str]:
        """Returns the normalized output of a convolution, and its text."""

    @abc.abstractmethod
    def activate_output(self, scope: BlockScope, y: Any, values: Values) -> Any:
        """Applies the activation of a block's output, if it has one."""


@with_named_arguments
@dataclasses.dataclass(eq=False, repr=False)
class ConvStage(ConvolutionalStage):
    """A sequence of convolutions of several kinds and connections.

    Example:

    ```python
    x = nas.ConvStage(filters=(32, 16, 64), kernel_size=3)(hp, x, "stage_1")
    ```

    Args:
        filters: Int or several, the number of output channels. With several
            values the first is the default, here and below. Defaults to 32,
            or 16, 64, 128.
        depth: Int or several, the number of convolutions. Defaults to 2, or
            1, 3.
        operation: String or several, the kind of each convolution: "conv",
            "separable", "dilated", "depthwise" or "inception". Defaults to
            the first three.
        kernel_size: Int or several, for each convolution. Defaults to 3, or 5.
        connection: "residual", "plain", "dense" (the output is concatenated
            with the input) or "parallel" (the output is concatenated with a
            pooling of the input), or several. Defaults to all.
        activation: "relu", "gelu" or "silu", or several. Defaults to all.
        normalization: "batch", "layer", "group" or "none", or several.
            Defaults to the first three.
        squeeze_excite: Boolean or both, whether to scale the channels by
            squeeze-and-excitation. Defaults to False, or True.
        downsample: "max", "average" or "none", or several: the pooling that
            halves the size first. Defaults to "none".
        dropout: Float in [0, 1) or several, the fraction of the channels to
            drop after each convolution. Defaults to 0, or 0.1, 0.2.
        stochastic_depth: Float in [0, 1) or several, the fraction of the
            samples that skip a residual branch in training. Defaults to 0, or
            0.1, 0.2.
    """

    _: dataclasses.KW_ONLY
    operation: str | Sequence[str] = ("conv", "separable", "dilated")

    def kind_options(self) -> dict[str, tuple[Any, ...]]:
        known = one_of(CONVOLUTIONS)
        return {"operation": as_options("operation", self.operation, known)}

    def convolve(
        self,
        scope: BlockScope,
        x: Any,
        channels: int,
        values: Values,
        own: Values,
        mask: Any,
    ) -> tuple[Any, str]:
        operation = CONVOLUTIONS[own["operation"]]
        y = operation(scope, x, channels, Window(own["kernel_size"], mask=mask))
        y = normalize(scope, y, values["normalization"], mask)
        if values["squeeze_excite"]:
            y = squeeze_excite(scope, y, mask)
        return y, f"{own['operation']} {size_of(own['kernel_size'], x)}"

    def activate_output(self, scope: BlockScope, y: Any, values: Values) -> Any:
        return activate(scope, y, values["activation"])


def _halve(scope: BlockScope, x: Any, downsample: str) -> Any:
    """Pools to half the size, rounded up, so that a size of 1 stays 1."""
    kind = POOLINGS[downsample]
    return scope.layer(of_rank(kind, x), 2, padding="same")(x)


def size_of(kernel_size: int, x: Any) -> str:
    """Returns the size of a kernel as text, such as "3x3"."""
    return "x".join([str(kernel_size)] * (len(x.shape) - 2))


def _texts_of(values: Values) -> list[str]:
    """Returns the text of the values that all blocks of a stage share."""
    texts = []
    if values["normalization"] != "none":
        texts.append(f"{values['normalization']} norm")
    texts += [values["activation"], values["connection"]]
    if values["squeeze_excite"]:
        texts.append("squeeze-excite")
    if values["dropout"]:
        texts.append(f"dropout {values['dropout']:g}")
    if values["connection"] == "residual" and values["stochastic_depth"]:
        texts.append(f"stochastic depth {values['stochastic_depth']:g}")
    return texts
