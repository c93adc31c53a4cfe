"""Stages of dense layers, for vectors."""

from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.nas.blocks.base import Stage
from kt_evolution.nas.blocks.base import check_features
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import NORMALISATIONS
from kt_evolution.nas.blocks.layers import activate
from kt_evolution.nas.blocks.layers import drop
from kt_evolution.nas.blocks.layers import fit
from kt_evolution.nas.blocks.layers import normalise
from kt_evolution.nas.genes import Genes
from kt_evolution.nas.genes import check_options
from kt_evolution.nas.genes import check_rate
from kt_evolution.nas.genes import choose
from kt_evolution.nas.genes import choose_each
from kt_evolution.nas.genes import one_of
from kt_evolution.nas.structure import Site

CONNECTIONS = ("residual", "plain", "dense")


class ResidualMLP(Stage):
    """Blocks of two dense layers, the first of which widens.

    Example:

    ```python
    x = nas.ResidualMLP(units=(64, 128), depth=(2, 1, 3))(hp, x, "body")
    ```

    Reference:
        Gorishniy et al. (2021), "Revisiting deep learning models for tabular
        data".

    Args:
        units: Int or several, the size of the vector that comes out of each
            block. Of several values the first is the default, here and below.
            Defaults to 64, or 32, 128, 256.
        depth: Int or several, how many blocks. Defaults to 2, or 1, 3, 4.
        expansion: Int or several, by how much the inner layer of each block is
            wider. Defaults to 2, or 1, 4.
        connection: "residual", "plain" or "dense" (what went in is
            concatenated, so that more comes out), or several. Defaults to all.
        activation: "relu", "gelu" or "silu", or several. Defaults to all.
        normalisation: "batch", "layer", "group" or "none", or several.
            Defaults to "batch", or "layer", "none".
        dropout: Float in [0, 1) or several, within each block. Defaults to
            0.1, or 0, 0.2, 0.3, 0.5.
    """

    def __init__(
        self,
        units: int | Sequence[int] = (64, 32, 128, 256),
        depth: int | Sequence[int] = (2, 1, 3, 4),
        expansion: int | Sequence[int] = (2, 1, 4),
        connection: str | Sequence[str] = CONNECTIONS,
        activation: str | Sequence[str] = ACTIVATIONS,
        normalisation: str | Sequence[str] = ("batch", "layer", "none"),
        dropout: float | Sequence[float] = (0.1, 0.0, 0.2, 0.3, 0.5),
    ) -> None:
        super().__init__(depth)
        self.expansion = check_options("expansion", expansion, check_count)
        self.shared = {
            "units": check_options("units", units, check_count),
            "connection": check_options(
                "connection", connection, one_of(CONNECTIONS)
            ),
            "activation": check_options(
                "activation", activation, one_of(ACTIVATIONS)
            ),
            "normalisation": check_options(
                "normalisation", normalisation, one_of(NORMALISATIONS)
            ),
            "dropout": check_options("dropout", dropout, check_rate),
        }

    def declare_shared(self, hp: kt.HyperParameters) -> Genes:
        return choose_each(hp, self.shared)

    def declare_unit(self, hp: kt.HyperParameters, unit: str) -> Genes:
        name = f"{unit}/expansion"
        return {"expansion": choose(hp, name, self.expansion)}

    def build_unit(
        self, site: Site, x: Any, genes: Genes, number: int, mask: Any
    ) -> Any:
        check_features("ResidualMLP", x, 2)
        units = genes["units"]
        hidden = units * genes[f"block_{number}"]["expansion"]
        y = normalise(site, x, genes["normalisation"])
        y = site.layer(layers.Dense, hidden)(y)
        y = drop(site, activate(site, y, genes["activation"]), genes["dropout"])
        y = site.layer(layers.Dense, units)(y)
        if genes["connection"] == "residual":
            y = site.layer(layers.Add)([fit(site, x, like=y), y])
        else:
            y = activate(site, y, genes["activation"])
        if genes["connection"] == "dense":
            y = site.layer(layers.Concatenate)([x, y])
        texts = [f"dense {hidden}, {units}"]
        if genes["normalisation"] != "none":
            texts.append(f"{genes['normalisation']} norm")
        texts += [genes["activation"], genes["connection"]]
        if genes["dropout"]:
            texts.append(f"dropout {genes['dropout']:g}")
        return site.done(y, "dense", ", ".join(texts))
