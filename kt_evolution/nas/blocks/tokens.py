"""Blocks for sequences: embeddings, attention, recurrence."""

from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt
from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.nas.blocks.base import Stage
from kt_evolution.nas.blocks.base import Unit
from kt_evolution.nas.blocks.base import check_features
from kt_evolution.nas.blocks.base import check_rank
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import drop
from kt_evolution.nas.blocks.layers import fit
from kt_evolution.nas.genes import Genes
from kt_evolution.nas.genes import check_flag
from kt_evolution.nas.genes import check_options
from kt_evolution.nas.genes import check_rate
from kt_evolution.nas.genes import choose
from kt_evolution.nas.genes import choose_each
from kt_evolution.nas.genes import one_of
from kt_evolution.nas.structure import Site

POSITIONS = ("learned", "none")
CELLS = {"gru": layers.GRU, "lstm": layers.LSTM}


class TokenEncoder(Unit):
    """Turns token ids into vectors, with their position or without.

    Example:

    ```python
    mask = keras.ops.not_equal(ids, 0)
    x = nas.TokenEncoder(vocabulary_size=5000)(hp, ids, "tokens", mask)
    ```

    Args:
        vocabulary_size: Int, how many ids there are.
        length: Int, the longest sequence, or None if that is not known, which
            leaves no positions to learn. Defaults to None.
        dimension: Int or several, the size of the vectors. Of several values
            the first is the default, here and below. Defaults to 64, or 32,
            128.
        positions: "learned" or "none", or both. Defaults to both.
        dropout: Float in [0, 1) or several, the part of the features that is
            dropped. Defaults to 0.1, or 0, 0.3.
    """

    def __init__(
        self,
        vocabulary_size: int,
        length: int | None = None,
        dimension: int | Sequence[int] = (64, 32, 128),
        positions: str | Sequence[str] = POSITIONS,
        dropout: float | Sequence[float] = (0.1, 0.0, 0.3),
    ) -> None:
        self.vocabulary_size = check_count("vocabulary_size", vocabulary_size)
        self.length = None if length is None else check_count("length", length)
        self.options = {
            "dimension": check_options("dimension", dimension, check_count),
            "positions": check_options(
                "positions", positions, one_of(POSITIONS)
            ),
            "dropout": check_options("dropout", dropout, check_rate),
        }
        if length is None:
            self.options["positions"] = ("none",)

    def declare(self, hp: kt.HyperParameters, name: str) -> Genes:
        with hp.name_scope(name):
            return choose_each(hp, self.options)

    def build(self, site: Site, x: Any, genes: Genes, mask: Any = None) -> Any:
        check_rank("TokenEncoder", x, 2)
        if self.length is not None and (x.shape[1] or 0) > self.length:
            raise ValueError(
                "`length` of TokenEncoder must be that of the longest "
                f"sequence. Received: length={self.length}, x of shape "
                f"{tuple(x.shape)}"
            )
        dimension = genes["dimension"]
        y = site.layer(layers.Embedding, self.vocabulary_size, dimension)(x)
        texts = [f"embedding {dimension} of {self.vocabulary_size} tokens"]
        if genes["positions"] == "learned" and self.length is not None:
            is_token = keras.ops.ones_like(x)
            if mask is not None:
                is_token = keras.ops.cast(mask, x.dtype)
            counted = keras.ops.cumsum(is_token, axis=1)
            positions = site.layer(
                layers.Embedding, self.length + 1, dimension, name="positions"
            )
            y = site.layer(layers.Add)([y, positions(counted)])
            texts.append("learned positions")
        y = drop(site, y, genes["dropout"])
        if genes["dropout"]:
            texts.append(f"dropout {genes['dropout']:g}")
        return site.done(y, "embedding", ", ".join(texts))


class TransformerStage(Stage):
    """Transformer blocks in a row, each normalised where it begins.

    Example:

    ```python
    x = nas.TransformerStage(heads=(4, 8))(hp, x, "body", mask)
    ```

    Reference:
        Vaswani et al. (2017), "Attention is all you need".

    Args:
        depth: Int or several, how many blocks. Of several values the first is
            the default, here and below. Defaults to 2, or 1, 3.
        heads: Int or several, how many heads each attention has. Defaults to
            4, or 2, 8.
        expansion: Int or several, by how much each feed-forward layer is wider
            than the vectors. Defaults to 2, or 1, 4.
        activation: "relu", "gelu" or "silu", or several. Defaults to all,
            "gelu" first.
        dropout: Float in [0, 1) or several. Defaults to 0.1, or 0, 0.3.
    """

    def __init__(
        self,
        depth: int | Sequence[int] = (2, 1, 3),
        heads: int | Sequence[int] = (4, 2, 8),
        expansion: int | Sequence[int] = (2, 1, 4),
        activation: str | Sequence[str] = ("gelu", "relu", "silu"),
        dropout: float | Sequence[float] = (0.1, 0.0, 0.3),
    ) -> None:
        super().__init__(depth)
        self.shared = {
            "activation": check_options(
                "activation", activation, one_of(ACTIVATIONS)
            ),
            "dropout": check_options("dropout", dropout, check_rate),
        }
        self.own = {
            "heads": check_options("heads", heads, check_count),
            "expansion": check_options("expansion", expansion, check_count),
        }

    def declare_shared(self, hp: kt.HyperParameters) -> Genes:
        return choose_each(hp, self.shared)

    def declare_unit(self, hp: kt.HyperParameters, unit: str) -> Genes:
        return {
            name: choose(hp, f"{unit}/{name}", options)
            for name, options in self.own.items()
        }

    def build_unit(
        self, site: Site, x: Any, genes: Genes, number: int, mask: Any
    ) -> Any:
        check_features("TransformerStage", x, 3)
        own, dropout = genes[f"block_{number}"], genes["dropout"]
        size = x.shape[-1]
        attention = site.layer(
            layers.MultiHeadAttention,
            own["heads"],
            max(1, size // own["heads"]),
            dropout=dropout,
            name="attention",
        )
        y = site.layer(layers.LayerNormalization)(x)
        seen = None if mask is None else keras.ops.expand_dims(mask, 1)
        x = site.layer(layers.Add)([x, attention(y, y, attention_mask=seen)])
        y = site.layer(layers.LayerNormalization)(x)
        hidden = own["expansion"] * size
        wide = site.layer(layers.Dense, hidden, activation=genes["activation"])
        y = site.layer(layers.Dense, size)(wide(y))
        if dropout:
            y = site.layer(layers.Dropout, dropout)(y)
        x = site.layer(layers.Add)([x, y])
        text = f"attention {own['heads']} heads, dense {hidden}"
        texts = [text, genes["activation"]]
        if dropout:
            texts.append(f"dropout {dropout:g}")
        return site.done(x, "attention", ", ".join(texts))


class RecurrentStage(Stage):
    """Recurrent layers in a row, in one direction or both.

    Example:

    ```python
    x = nas.RecurrentStage(units=(64, 32), cell="gru")(hp, x, "body", mask)
    ```

    Args:
        units: Int or several, the size of the vectors that come out, one more
            if it is odd and both directions share it. Of several values the
            first is the default, here and below. Defaults to 64, or 32, 128.
        depth: Int or several, how many layers. Defaults to 1, or 2.
        cell: "gru" or "lstm", or both. Defaults to both.
        bidirectional: Boolean or both, whether each layer goes in both
            directions, half the units each. Defaults to True, or False.
        connection: "plain" or "residual", or both. Defaults to both.
        dropout: Float in [0, 1) or several, after each layer. Defaults to 0.1,
            or 0, 0.3.
    """

    def __init__(
        self,
        units: int | Sequence[int] = (64, 32, 128),
        depth: int | Sequence[int] = (1, 2),
        cell: str | Sequence[str] = tuple(CELLS),
        bidirectional: bool | Sequence[bool] = (True, False),
        connection: str | Sequence[str] = ("plain", "residual"),
        dropout: float | Sequence[float] = (0.1, 0.0, 0.3),
    ) -> None:
        super().__init__(depth)
        self.shared = {
            "units": check_options("units", units, check_count),
            "cell": check_options("cell", cell, one_of(CELLS)),
            "bidirectional": check_options(
                "bidirectional", bidirectional, check_flag
            ),
            "connection": check_options(
                "connection", connection, one_of(("plain", "residual"))
            ),
            "dropout": check_options("dropout", dropout, check_rate),
        }

    def declare_shared(self, hp: kt.HyperParameters) -> Genes:
        return choose_each(hp, self.shared)

    def build_unit(
        self, site: Site, x: Any, genes: Genes, number: int, mask: Any
    ) -> Any:
        check_features("RecurrentStage", x, 3)
        both = genes["bidirectional"]
        units = -(-genes["units"] // 2) if both else genes["units"]
        cell = CELLS[genes["cell"]]
        if both:
            # Made by itself, as the wrapper names its copies.
            layer = site.layer(
                layers.Bidirectional, cell(units, return_sequences=True)
            )
        else:
            layer = site.layer(cell, units, return_sequences=True)
        y = layer(x, mask=mask)
        y = drop(site, y, genes["dropout"])
        if genes["connection"] == "residual":
            y = site.layer(layers.Add)([fit(site, x, like=y), y])
        texts = [f"{genes['cell']} {y.shape[-1]}", genes["connection"]]
        if both:
            texts.insert(1, "both directions")
        if genes["dropout"]:
            texts.append(f"dropout {genes['dropout']:g}")
        return site.done(y, "recurrent", ", ".join(texts))
