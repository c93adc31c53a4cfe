"""Blocks for sequences: embeddings, attention, recurrence."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import check_flag
from kt_evolution.algorithm.checks import named_arguments
from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.base import OptionsBlock
from kt_evolution.nas.blocks.base import Stage
from kt_evolution.nas.blocks.base import check_features
from kt_evolution.nas.blocks.base import check_rank
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import SKIPS
from kt_evolution.nas.blocks.layers import dropout
from kt_evolution.nas.blocks.layers import match_shape
from kt_evolution.nas.choices import Values
from kt_evolution.nas.choices import as_options
from kt_evolution.nas.choices import check_rate
from kt_evolution.nas.choices import one_of

POSITIONS = ("learned", "none")
CELLS = {"gru": layers.GRU, "lstm": layers.LSTM}


class TokenEncoder(OptionsBlock):
    """Embeds token ids, with or without their positions.

    Example:

    ```python
    mask = keras.ops.not_equal(ids, 0)
    x = nas.TokenEncoder(vocabulary_size=5000)(hp, ids, "tokens", mask)
    ```

    Args:
        vocabulary_size: Int, the number of token ids.
        length: Int, the length of the longest sequence. Defaults to None,
            which is unknown; positions are not learned then.
        output_dim: Int or several, the size of the embedding. With several
            values the first is the default, here and below. Defaults to 64,
            or 32, 128.
        positions: "learned" or "none", or both. Defaults to both.
        dropout: Float in [0, 1) or several, the fraction of the features to
            drop. Defaults to 0.1, or 0, 0.3.
    """

    @named_arguments
    def __init__(
        self,
        vocabulary_size: int,
        length: int | None = None,
        output_dim: int | Sequence[int] = (64, 32, 128),
        positions: str | Sequence[str] = POSITIONS,
        dropout: float | Sequence[float] = (0.1, 0.0, 0.3),
    ) -> None:
        self.vocabulary_size = check_count("vocabulary_size", vocabulary_size)
        self.length = None if length is None else check_count("length", length)
        self.options = {
            "output_dim": as_options("output_dim", output_dim, check_count),
            "positions": as_options("positions", positions, one_of(POSITIONS)),
            "dropout": as_options("dropout", dropout, check_rate),
        }
        if length is None:
            self.options["positions"] = ("none",)

    def build(
        self, scope: BlockScope, x: Any, values: Values, mask: Any = None
    ) -> Any:
        check_rank("TokenEncoder", x, 2)
        if self.length is not None and (x.shape[1] or 0) > self.length:
            raise ValueError(
                "`length` of TokenEncoder must be that of the longest "
                f"sequence. Received: length={self.length}, x of shape "
                f"{tuple(x.shape)}"
            )
        output_dim = values["output_dim"]
        y = scope.layer(layers.Embedding, self.vocabulary_size, output_dim)(x)
        texts = [f"embedding {output_dim} of {self.vocabulary_size} tokens"]
        if values["positions"] == "learned" and self.length is not None:
            is_token = keras.ops.ones_like(x)
            if mask is not None:
                is_token = keras.ops.cast(mask, x.dtype)
            counted = keras.ops.cumsum(is_token, axis=1)
            positions = scope.layer(
                layers.Embedding, self.length + 1, output_dim, name="positions"
            )
            y = scope.layer(layers.Add)([y, positions(counted)])
            texts.append("learned positions")
        y = dropout(scope, y, values["dropout"])
        if values["dropout"]:
            texts.append(f"dropout {values['dropout']:g}")
        return scope.finish(y, "embedding", ", ".join(texts))


class TransformerStage(Stage):
    """A sequence of pre-normalized transformer blocks.

    Example:

    ```python
    x = nas.TransformerStage(num_heads=(4, 8))(hp, x, "body", mask)
    ```

    Reference:
        Vaswani et al. (2017), "Attention is all you need".

    Args:
        depth: Int or several, the number of blocks. With several values the
            first is the default, here and below. Defaults to 2, or 1, 3.
        num_heads: Int or several, the number of attention heads. Defaults to
            4, or 2, 8.
        expansion: Int or several, the factor by which the feed-forward layer
            is wider than the vectors. Defaults to 2, or 1, 4.
        activation: "relu", "gelu" or "silu", or several. Defaults to all,
            "gelu" first.
        dropout: Float in [0, 1) or several, the dropout rate. Defaults to 0.1,
            or 0, 0.3.
    """

    @named_arguments
    def __init__(
        self,
        depth: int | Sequence[int] = (2, 1, 3),
        num_heads: int | Sequence[int] = (4, 2, 8),
        expansion: int | Sequence[int] = (2, 1, 4),
        activation: str | Sequence[str] = ("gelu", "relu", "silu"),
        dropout: float | Sequence[float] = (0.1, 0.0, 0.3),
    ) -> None:
        super().__init__(
            depth,
            shared={
                "activation": as_options(
                    "activation", activation, one_of(ACTIVATIONS)
                ),
                "dropout": as_options("dropout", dropout, check_rate),
            },
            own={
                "num_heads": as_options("num_heads", num_heads, check_count),
                "expansion": as_options("expansion", expansion, check_count),
            },
        )

    def build_block(
        self, scope: BlockScope, x: Any, values: Values, number: int, mask: Any
    ) -> Any:
        check_features("TransformerStage", x, 3)
        own, dropout = values[f"block_{number}"], values["dropout"]
        size = x.shape[-1]
        attention = scope.layer(
            layers.MultiHeadAttention,
            own["num_heads"],
            max(1, size // own["num_heads"]),
            dropout=dropout,
            name="attention",
        )
        y = scope.layer(layers.LayerNormalization)(x)
        seen = None if mask is None else keras.ops.expand_dims(mask, 1)
        x = scope.layer(layers.Add)([x, attention(y, y, attention_mask=seen)])
        y = scope.layer(layers.LayerNormalization)(x)
        hidden = own["expansion"] * size
        wide = scope.layer(
            layers.Dense, hidden, activation=values["activation"]
        )
        y = scope.layer(layers.Dense, size)(wide(y))
        if dropout:
            y = scope.layer(layers.Dropout, dropout)(y)
        x = scope.layer(layers.Add)([x, y])
        text = f"attention {own['num_heads']} heads, dense {hidden}"
        texts = [text, values["activation"]]
        if dropout:
            texts.append(f"dropout {dropout:g}")
        return scope.finish(x, "attention", ", ".join(texts), skip="add")


class RecurrentStage(Stage):
    """A sequence of recurrent layers, in one or both directions.

    Example:

    ```python
    x = nas.RecurrentStage(units=(64, 32), cell="gru")(hp, x, "body", mask)
    ```

    Args:
        units: Int or several, the number of output units. Two directions
            share them, so that an odd number grows by one. With several values
            the first is the default, here and below. Defaults to 64, or 32,
            128.
        depth: Int or several, the number of layers. Defaults to 1, or 2.
        cell: "gru" or "lstm", or both. Defaults to both.
        bidirectional: Boolean or both, whether each layer reads in both
            directions with half the units each. Defaults to True, or False.
        connection: "plain" or "residual", or both. Defaults to both.
        dropout: Float in [0, 1) or several, the dropout rate after each layer.
            Defaults to 0.1, or 0, 0.3.
    """

    @named_arguments
    def __init__(
        self,
        units: int | Sequence[int] = (64, 32, 128),
        depth: int | Sequence[int] = (1, 2),
        cell: str | Sequence[str] = tuple(CELLS),
        bidirectional: bool | Sequence[bool] = (True, False),
        connection: str | Sequence[str] = ("plain", "residual"),
        dropout: float | Sequence[float] = (0.1, 0.0, 0.3),
    ) -> None:
        super().__init__(
            depth,
            shared={
                "units": as_options("units", units, check_count),
                "cell": as_options("cell", cell, one_of(CELLS)),
                "bidirectional": as_options(
                    "bidirectional", bidirectional, check_flag
                ),
                "connection": as_options(
                    "connection", connection, one_of(("plain", "residual"))
                ),
                "dropout": as_options("dropout", dropout, check_rate),
            },
        )

    def build_block(
        self, scope: BlockScope, x: Any, values: Values, number: int, mask: Any
    ) -> Any:
        check_features("RecurrentStage", x, 3)
        both = values["bidirectional"]
        units = -(-values["units"] // 2) if both else values["units"]
        cell = CELLS[values["cell"]]
        if both:
            # The wrapper names the two copies of its layer itself.
            layer = scope.layer(
                layers.Bidirectional, cell(units, return_sequences=True)
            )
        else:
            layer = scope.layer(cell, units, return_sequences=True)
        y = layer(x, mask=mask)
        y = dropout(scope, y, values["dropout"])
        if values["connection"] == "residual":
            y = scope.layer(layers.Add)([match_shape(scope, x, like=y), y])
        texts = [f"{values['cell']} {y.shape[-1]}", values["connection"]]
        if both:
            texts.insert(1, "both directions")
        if values["dropout"]:
            texts.append(f"dropout {values['dropout']:g}")
        skip = SKIPS.get(values["connection"], "")
        return scope.finish(y, "recurrent", ", ".join(texts), skip=skip)
