"""What each axis of a weight stands for, by the layer that has it."""

import re
from typing import Any

from keras import layers

from kt_evolution.training.net2net.feature_spaces import CONVOLUTIONS
from kt_evolution.training.net2net.feature_spaces import PER_FEATURE

_PROJECTIONS = ("query", "key", "value")


def name_of(weight: Any) -> str:
    """Returns the name of a weight without the counter of Keras."""
    return re.sub(r"_\d+$", "", weight.name)


def axes_of(layer: Any, weight: Any) -> list[str]:
    """Returns what each axis of a weight of a layer stands for.

    Returns:
        List of strings: "in" and "out" are features that the layer takes and
        makes, "channel" features that it keeps, "units" and "gates" those of a
        recurrent cell, "heads" and "heads in" those of an attention, "center"
        positions of a kernel, and "plain" anything else.
    """
    rank, name = len(weight.shape), name_of(weight)
    if isinstance(layer, layers.Dense):
        return [*["plain"] * (rank - 2), "in", "out"][-rank:]
    if isinstance(layer, layers.EinsumDense):
        return _axes_of_einsum(layer, rank)
    if isinstance(layer, PER_FEATURE):
        if "kernel" in name:
            return [*["center"] * (rank - 2), "channel", "plain"]
        return [*["plain"] * (rank - 1), "channel"][:rank]
    if isinstance(layer, CONVOLUTIONS):
        return _axes_of_convolution(layer, rank, name)
    if isinstance(layer, layers.Embedding):
        return ["plain", "out"][:rank]
    if isinstance(
        layer, (layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell)
    ):
        rows = {"kernel": "in", "recurrent_kernel": "units"}
        return [rows.get(name, "plain"), "gates"][-rank:]
    return ["plain"] * rank


def _axes_of_convolution(layer: Any, rank: int, name: str) -> list[str]:
    if rank == 1:
        return ["out"]
    positions = ["center"] * (rank - 2)
    if name == "depthwise_kernel":
        return [*positions, "channel", "plain"]
    if "Transpose" in type(layer).__name__:
        return [*positions, "out", "in"]
    if getattr(layer, "groups", 1) > 1:
        return [*positions, "plain", "plain"]
    return [*positions, "in", "out"]


def _axes_of_einsum(layer: Any, rank: int) -> list[str]:
    if layer.name in _PROJECTIONS:
        return ["in", "heads", "plain"][-rank:]
    if layer.name == "attention_output" and rank == 3:
        return ["heads in", "plain", "out"]
    return ["in", *["plain"] * (rank - 2), "out"] if rank > 1 else ["out"]
