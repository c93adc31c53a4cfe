"""Stages of dense layers, for vectors."""

from collections.abc import Sequence
from typing import Any

from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import named_arguments
from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.base import Stage
from kt_evolution.nas.blocks.base import check_features
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import NORMALIZATIONS
from kt_evolution.nas.blocks.layers import SKIPS
from kt_evolution.nas.blocks.layers import activate
from kt_evolution.nas.blocks.layers import dropout
from kt_evolution.nas.blocks.layers import match_shape
from kt_evolution.nas.blocks.layers import normalize
from kt_evolution.nas.choices import Values
from kt_evolution.nas.choices import as_options
from kt_evolution.nas.choices import check_rate
from kt_evolution.nas.choices import one_of

CONNECTIONS = ("residual", "plain", "dense")


class ResidualMLP(Stage):
    """Blocks of two dense layers: a wide one, then a narrow one.

    Example:

    ```python
    x = nas.ResidualMLP(units=(64, 128), depth=(2, 1, 3))(hp, x, "body")
    ```

    Reference:
        Gorishniy et al. (2021), "Revisiting deep learning models for tabular
        data".

    Args:
        units: Int or several, the number of output units of each block. Of
            several values the first is the default, here and below. Defaults
            to 64, or 32, 128, 256.
        depth: Int or several, the number of blocks. Defaults to 2, or 1, 3, 4.
        expansion: Int or several, the factor by which the first layer of a
            block is wider. Defaults to 2, or 1, 4.
        connection: "residual", "plain" or "dense" (the output of a block is
            concatenated with its input), or several. Defaults to all.
        activation: "relu", "gelu" or "silu", or several. Defaults to all.
        normalization: "batch", "layer", "group" or "none", or several.
            Defaults to "batch", or "layer", "none".
        dropout: Float in [0, 1) or several, the dropout rate between the two
            layers. Defaults to 0.1, or 0, 0.2, 0.3, 0.5.
    """

    @named_arguments
    def __init__(
        self,
        units: int | Sequence[int] = (64, 32, 128, 256),
        depth: int | Sequence[int] = (2, 1, 3, 4),
        expansion: int | Sequence[int] = (2, 1, 4),
        connection: str | Sequence[str] = CONNECTIONS,
        activation: str | Sequence[str] = ACTIVATIONS,
        normalization: str | Sequence[str] = ("batch", "layer", "none"),
        dropout: float | Sequence[float] = (0.1, 0.0, 0.2, 0.3, 0.5),
    ) -> None:
        super().__init__(
            depth,
            shared={
                "units": as_options("units", units, check_count),
                "connection": as_options(
                    "connection", connection, one_of(CONNECTIONS)
                ),
                "activation": as_options(
                    "activation", activation, one_of(ACTIVATIONS)
                ),
                "normalization": as_options(
                    "normalization", normalization, one_of(NORMALIZATIONS)
                ),
                "dropout": as_options("dropout", dropout, check_rate),
            },
            own={"expansion": as_options("expansion", expansion, check_count)},
        )

    def build_block(
        self, scope: BlockScope, x: Any, values: Values, number: int, mask: Any
    ) -> Any:
        check_features("ResidualMLP", x, 2)
        units = values["units"]
        hidden = units * values[f"block_{number}"]["expansion"]
        y = normalize(scope, x, values["normalization"])
        y = scope.layer(layers.Dense, hidden)(y)
        y = dropout(
            scope, activate(scope, y, values["activation"]), values["dropout"]
        )
        y = scope.layer(layers.Dense, units)(y)
        if values["connection"] == "residual":
            y = scope.layer(layers.Add)([match_shape(scope, x, like=y), y])
        else:
            y = activate(scope, y, values["activation"])
        if values["connection"] == "dense":
            y = scope.layer(layers.Concatenate)([x, y])
        texts = [f"dense {hidden}, {units}"]
        if values["normalization"] != "none":
            texts.append(f"{values['normalization']} norm")
        texts += [values["activation"], values["connection"]]
        if values["dropout"]:
            texts.append(f"dropout {values['dropout']:g}")
        skip = SKIPS.get(values["connection"], "")
        return scope.finish(y, "dense", ", ".join(texts), skip=skip)
