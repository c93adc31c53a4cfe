"""Stages of convolutions, for images and for sequences."""

import abc
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.nas.blocks.base import Stage
from kt_evolution.nas.blocks.base import check_features
from kt_evolution.nas.blocks.base import check_masked
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import NORMALISATIONS
from kt_evolution.nas.blocks.layers import POOLINGS
from kt_evolution.nas.blocks.layers import activate
from kt_evolution.nas.blocks.layers import apply_mask
from kt_evolution.nas.blocks.layers import drop
from kt_evolution.nas.blocks.layers import fit
from kt_evolution.nas.blocks.layers import normalise
from kt_evolution.nas.blocks.layers import of_rank
from kt_evolution.nas.blocks.layers import pointwise
from kt_evolution.nas.blocks.layers import squeeze_excite
from kt_evolution.nas.blocks.layers import stochastic_depth
from kt_evolution.nas.blocks.operations import CONVOLUTIONS
from kt_evolution.nas.blocks.operations import Window
from kt_evolution.nas.blocks.operations import average_pool
from kt_evolution.nas.genes import Genes
from kt_evolution.nas.genes import check_flag
from kt_evolution.nas.genes import check_options
from kt_evolution.nas.genes import check_rate
from kt_evolution.nas.genes import choose
from kt_evolution.nas.genes import choose_each
from kt_evolution.nas.genes import given
from kt_evolution.nas.genes import one_of
from kt_evolution.nas.structure import Site

CONNECTIONS = ("residual", "plain", "dense", "parallel")


class ConvolutionalStage(Stage):
    """What stages of convolutions have in common.

    Args:
        filters: Int or several, how many channels come out.
        depth: Int or several, how many convolutions.
        kernel: Int or several, the size of each kernel.
        connection: String or several.
        activation: String or several.
        normalisation: String or several.
        squeeze_excite: Boolean or both.
        downsample: "max", "average" or "none", or several: how the size is
            halved first, if it is.
        dropout: Float in [0, 1) or several, the part of the channels that is
            dropped after each convolution.
        stochastic_depth: Float in [0, 1) or several, the part of the samples
            that a residual branch is left out for.
    """

    # Sequences and images.
    ranks: tuple[int, ...] = (3, 4)

    def __init__(
        self,
        filters: int | Sequence[int],
        depth: int | Sequence[int],
        kernel: int | Sequence[int],
        connection: str | Sequence[str],
        activation: str | Sequence[str],
        normalisation: str | Sequence[str],
        squeeze_excite: bool | Sequence[bool],
        downsample: str | Sequence[str],
        dropout: float | Sequence[float],
        stochastic_depth: float | Sequence[float],
    ) -> None:
        super().__init__(depth)
        self.kernel = check_options("kernel", kernel, check_count)
        self.shared = {
            "filters": check_options("filters", filters, check_count),
            "connection": check_options(
                "connection", connection, one_of(CONNECTIONS)
            ),
            "activation": check_options(
                "activation", activation, one_of(ACTIVATIONS)
            ),
            "normalisation": check_options(
                "normalisation", normalisation, one_of(NORMALISATIONS)
            ),
            "squeeze_excite": check_options(
                "squeeze_excite", squeeze_excite, check_flag
            ),
            "downsample": check_options(
                "downsample", downsample, one_of((*POOLINGS, "none"))
            ),
            "dropout": check_options("dropout", dropout, check_rate),
        }
        self.stochastic_depth = check_options(
            "stochastic_depth", stochastic_depth, check_rate
        )

    def declare_shared(self, hp: kt.HyperParameters) -> Genes:
        genes = choose_each(hp, self.shared)
        connections = self.shared["connection"]
        if "residual" in connections:
            with given(hp, "connection", connections, ["residual"]):
                genes["stochastic_depth"] = choose(
                    hp, "stochastic_depth", self.stochastic_depth
                )
        return genes

    def build_unit(
        self, site: Site, x: Any, genes: Genes, number: int, mask: Any
    ) -> Any:
        check_features(type(self).__name__, x, *self.ranks)
        if mask is not None:
            check_masked(self.shared)
        texts = []
        if number == 1 and genes["downsample"] != "none":
            x = _halve(site, x, genes["downsample"])
            texts.append(f"{genes['downsample']} pooling")
        x = apply_mask(site, x, mask)
        y, text = self.connect(site, x, genes, genes[f"block_{number}"], mask)
        if genes["connection"] == "dense" and number == genes["depth"]:
            # What was concatenated goes on with the channels asked for.
            y = pointwise(site, y, genes["filters"], name="transition")
        texts += [text, str(y.shape[-1]), *_texts_of(genes)]
        return site.done(y, text.split()[0], ", ".join(texts))

    def connect(
        self, site: Site, x: Any, genes: Genes, unit: Genes, mask: Any
    ) -> tuple[Any, str]:
        """Builds a convolution and joins it with what went in."""
        connection, filters = genes["connection"], genes["filters"]
        # Two halves make the whole, and a dense stage grows by halves.
        halved = connection in ("dense", "parallel")
        channels = max(1, filters // 2) if halved else filters
        y, text = self.convolve(site, x, channels, genes, unit, mask)
        y = drop(site, y, genes["dropout"])
        if connection == "residual":
            y = stochastic_depth(site, y, genes["stochastic_depth"])
            skip = fit(site, x, like=y)
            y = site.layer(layers.Add)([skip, y])
        y = self.finish(site, y, genes)
        if connection == "dense":
            y = site.layer(layers.Concatenate)([x, y])
        if connection == "parallel":
            rest = max(1, filters - channels)
            z = average_pool(site, x, rest, Window(3, mask=mask))
            z = normalise(site, z, genes["normalisation"], mask)
            z = self.finish(site, z, genes)
            y = site.layer(layers.Concatenate)([y, z])
        return y, text

    @abc.abstractmethod
    def convolve(
        self,
        site: Site,
        x: Any,
        channels: int,
        genes: Genes,
        unit: Genes,
        mask: Any,
    ) -> tuple[Any, str]:
        """Builds a convolution and returns its output, normalised, and text."""

    @abc.abstractmethod
    def finish(self, site: Site, y: Any, genes: Genes) -> Any:
        """Ends a unit, with an activation or without."""


class ConvStage(ConvolutionalStage):
    """Convolutions in a row, of several kinds and connected in several ways.

    Example:

    ```python
    x = nas.ConvStage(filters=(32, 16, 64), kernel=3)(hp, x, "stage_1")
    ```

    Args:
        filters: Int or several, how many channels come out. Of several values
            the first is the default, here and below. Defaults to 32, or 16,
            64 or 128.
        depth: Int or several, how many convolutions. Defaults to 2, or 1, 3.
        operation: String or several, the kind of each convolution: "conv",
            "separable", "dilated", "depthwise" or "inception". Defaults to
            the first three.
        kernel: Int or several, the size of each kernel. Defaults to 3, or 5.
        connection: "residual", "plain", "dense" (what went in is concatenated)
            or "parallel" (beside a pooling, with one channel each at least),
            or several. Defaults to all.
        activation: "relu", "gelu" or "silu", or several. Defaults to all.
        normalisation: "batch", "layer", "group" or "none", or several.
            Defaults to the first three.
        squeeze_excite: Boolean or both. Defaults to False, or True.
        downsample: "max", "average" or "none", or several: how the size is
            halved first, if it is. Defaults to "none".
        dropout: Float in [0, 1) or several, the part of the channels that is
            dropped after each convolution. Defaults to 0, or 0.1, 0.2.
        stochastic_depth: Float in [0, 1) or several, the part of the samples
            that a residual branch is left out for. Defaults to 0, or 0.1, 0.2.
    """

    def __init__(
        self,
        filters: int | Sequence[int] = (32, 16, 64, 128),
        depth: int | Sequence[int] = (2, 1, 3),
        operation: str | Sequence[str] = ("conv", "separable", "dilated"),
        kernel: int | Sequence[int] = (3, 5),
        connection: str | Sequence[str] = CONNECTIONS,
        activation: str | Sequence[str] = ACTIVATIONS,
        normalisation: str | Sequence[str] = NORMALISATIONS[:3],
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
        self.operation = check_options(
            "operation", operation, one_of(CONVOLUTIONS)
        )

    def declare_unit(self, hp: kt.HyperParameters, unit: str) -> Genes:
        return {
            "operation": choose(hp, f"{unit}/operation", self.operation),
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
        operation = CONVOLUTIONS[unit["operation"]]
        y = operation(site, x, channels, Window(unit["kernel"], mask=mask))
        y = normalise(site, y, genes["normalisation"], mask)
        if genes["squeeze_excite"]:
            y = squeeze_excite(site, y, mask)
        return y, f"{unit['operation']} {size_of(unit['kernel'], x)}"

    def finish(self, site: Site, y: Any, genes: Genes) -> Any:
        return activate(site, y, genes["activation"])


def _halve(site: Site, x: Any, downsample: str) -> Any:
    """Pools to half the size, rounded up: nothing is too small for it."""
    kind = POOLINGS[downsample]
    return site.layer(of_rank(kind, x), 2, padding="same")(x)


def size_of(kernel: int, x: Any) -> str:
    """Returns the size of a kernel in words."""
    return "x".join([str(kernel)] * (len(x.shape) - 2))


def _texts_of(genes: Genes) -> list[str]:
    """Returns what the units of a stage have in common, in words."""
    texts = []
    if genes["normalisation"] != "none":
        texts.append(f"{genes['normalisation']} norm")
    texts += [genes["activation"], genes["connection"]]
    if genes["squeeze_excite"]:
        texts.append("squeeze-excite")
    if genes["dropout"]:
        texts.append(f"dropout {genes['dropout']:g}")
    if genes["connection"] == "residual" and genes["stochastic_depth"]:
        texts.append(f"stochastic depth {genes['stochastic_depth']:g}")
    return texts
