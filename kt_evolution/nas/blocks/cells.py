"""Cells: small graphs of operations whose nodes choose their inputs."""

from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import check_flag
from kt_evolution.algorithm.checks import named_arguments
from kt_evolution.display.architecture.blocks import Edge
from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.base import SingleBlock
from kt_evolution.nas.blocks.base import check_features
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import NORMALIZATIONS
from kt_evolution.nas.blocks.layers import activate
from kt_evolution.nas.blocks.layers import dropout
from kt_evolution.nas.blocks.layers import match_shape
from kt_evolution.nas.blocks.layers import normalize
from kt_evolution.nas.blocks.layers import pointwise
from kt_evolution.nas.blocks.operations import CONVOLUTIONS
from kt_evolution.nas.blocks.operations import EDGES
from kt_evolution.nas.blocks.operations import Window
from kt_evolution.nas.choices import Values
from kt_evolution.nas.choices import as_options
from kt_evolution.nas.choices import check_rate
from kt_evolution.nas.choices import declare_choice
from kt_evolution.nas.choices import declare_choices
from kt_evolution.nas.choices import default_first
from kt_evolution.nas.choices import one_of

OPERATIONS = (
    "separable_3",
    "separable_5",
    "conv_3",
    "dilated_3",
    "max_pool_3",
    "average_pool_3",
    "identity",
)
# The number of operations that a node adds.
ARITY = 2


class Cell(SingleBlock):
    """A directed graph in which each node adds two operations.

    A node chooses its two inputs among the inputs of the cell and the nodes
    before it, and an operation for each. The output concatenates all inputs
    and nodes that no node uses. By default each node uses the last two inputs
    of the cell, as in the normal cell of NASNet-A.

    A cell is called with `num_inputs` tensors. By default these are the
    outputs of the last two cells, the latest one second. To use the same
    values in several places, declare them once and build the cell in each
    place.

    Example:

    ```python
    x = nas.Cell(filters=32, num_inputs=1)(hp, x, "cell")

    cell = nas.Cell(filters=32)
    values = cell.declare(hp, "cells")
    before = x
    for i in range(1, 4):
        scope = nas.BlockScope(hp, f"cell_{i}")
        before, x = x, cell.build(scope, [before, x], values)
    ```

    Reference:
        Zoph et al. (2018), "Learning transferable architectures for scalable
        image recognition".

    Args:
        filters: Int, the number of channels of each node. Defaults to 32.
        num_inputs: Int, the number of input tensors. Defaults to 2.
        num_nodes: Int, the number of nodes. Defaults to 4.
        operation: String or several, the operations for an input of a node:
            "conv", "separable", "dilated", "depthwise", "max_pool" or
            "average_pool", each followed by a kernel size as in "conv_3", or
            "identity". With several values the first is the default, here and
            below. Defaults to seven of them.
        second_operation: String or several, the operations for the second
            input of a node. Defaults to those of `operation`, with "identity"
            first if it is among them.
        search_inputs: Boolean, whether nodes choose their inputs. If False,
            all nodes use the last two inputs of the cell. Defaults to True.
        activation: "relu", "gelu" or "silu", or several. Defaults to "relu".
        normalization: "batch", "layer", "group" or "none", or several.
            Defaults to "batch".
        dropout: Float in [0, 1) or several, the fraction of the output
            channels to drop. Defaults to 0, or 0.1, 0.2.
        strides: Int, 2 for a cell that halves the size. Defaults to 1.
    """

    @named_arguments
    def __init__(
        self,
        filters: int = 32,
        num_inputs: int = 2,
        num_nodes: int = 4,
        operation: str | Sequence[str] = OPERATIONS,
        second_operation: str | Sequence[str] | None = None,
        search_inputs: bool = True,
        activation: str | Sequence[str] = "relu",
        normalization: str | Sequence[str] = "batch",
        dropout: float | Sequence[float] = (0.0, 0.1, 0.2),
        strides: int = 1,
    ) -> None:
        self.filters = check_count("filters", filters)
        self.num_inputs = check_count("num_inputs", num_inputs)
        self.num_nodes = check_count("num_nodes", num_nodes)
        operations = as_options("operation", operation, check_operation)
        around = operations
        if second_operation is not None:
            around = as_options(
                "second_operation", second_operation, check_operation
            )
        elif "identity" in operations:
            around = default_first("identity", operations)
        self.operations = operations, around
        self.search_inputs = check_flag("search_inputs", search_inputs)
        self.shared = {
            "activation": as_options(
                "activation", activation, one_of(ACTIVATIONS)
            ),
            "normalization": as_options(
                "normalization", normalization, one_of(NORMALIZATIONS)
            ),
            "dropout": as_options("dropout", dropout, check_rate),
        }
        self.strides = check_count("strides", strides)

    def declare(self, hp: kt.HyperParameters, name: str) -> Values:
        inputs = [f"input_{i}" for i in range(1, self.num_inputs + 1)]
        states = inputs.copy()
        with hp.name_scope(name):
            values = declare_choices(hp, self.shared)
            for number in range(1, self.num_nodes + 1):
                node = f"node_{number}"
                for i, operations in enumerate(self.operations, start=1):
                    sources = default_first(
                        inputs[-min(i, len(inputs))], states
                    )
                    if not self.search_inputs:
                        sources = sources[:1]
                    for gene, options in (
                        (f"{node}/from_{i}", sources),
                        (f"{node}/operation_{i}", operations),
                    ):
                        values[gene] = declare_choice(hp, gene, options)
                states.append(node)
        return values

    def build(
        self, scope: BlockScope, x: Any, values: Values, mask: Any = None
    ) -> Any:
        inputs = self._check_inputs(x, mask)
        states = {
            f"input_{i}": self._prepare(scope, each, inputs[-1], values)
            for i, each in enumerate(inputs, start=1)
        }
        # Convolutions share one activation of each of their inputs.
        activated: dict[str, Any] = {}
        edges: list[Edge] = []
        for number in range(1, self.num_nodes + 1):
            node = f"node_{number}"
            incoming = _edges_to(node, values)
            edges += incoming
            for edge in incoming:
                if edge.source not in activated and _convolves(edge):
                    activated[edge.source] = activate(
                        scope, states[edge.source], values["activation"]
                    )
            terms = [
                self._operate(scope, states, activated, edge, values)
                for edge in incoming
            ]
            states[node] = scope.layer(layers.Add)(terms)
        taken = {edge.source for edge in edges}
        unused = [state for state in states if state not in taken]
        edges += [Edge(state, "output") for state in unused]
        ends = [
            self._end(scope, end, states[end], like=states[node])
            for end in unused
        ]
        y = scope.layer(layers.Concatenate)(ends) if len(ends) > 1 else ends[0]
        y = dropout(scope, y, values["dropout"])
        return scope.finish(y, "cell", self._text(values), inputs, edges)

    def _check_inputs(self, x: Any, mask: Any) -> list[Any]:
        """Returns the input tensors if the cell can take them."""
        inputs = list(x) if isinstance(x, (list, tuple)) else [x]
        if len(inputs) != self.num_inputs:
            raise ValueError(
                f"`x` of Cell must be num_inputs={self.num_inputs} tensors. "
                f"Received: {len(inputs)} tensors"
            )
        for each in inputs:
            check_features("Cell", each, 3, 4)
        if mask is not None:
            raise ValueError(
                "`mask` must not be given to Cell, whose operations would "
                f"ignore it. Received: mask={mask}"
            )
        return inputs

    def _prepare(
        self, scope: BlockScope, x: Any, like: Any, values: Values
    ) -> Any:
        """Resizes an input to the last one and projects it to `filters`."""
        x = match_shape(scope, x, like=like, channels=x.shape[-1])
        x = pointwise(scope, x, self.filters, use_bias=False, name="input")
        return normalize(scope, x, values["normalization"])

    def _end(self, scope: BlockScope, name: str, x: Any, like: Any) -> Any:
        """Resizes an unused input or node to the size of the nodes."""
        # Unknown sizes can't be compared.
        if name.startswith("input_") and None in x.shape[1:-1]:
            total_steps = Window(self.strides, self.strides)
            x = EDGES["average_pool"](scope, x, self.filters, total_steps)
        return match_shape(scope, x, like=like)

    def _operate(
        self,
        scope: BlockScope,
        states: dict[str, Any],
        activated: dict[str, Any],
        edge: Edge,
        values: Values,
    ) -> Any:
        # In a reduction cell only the operations on its inputs halve.
        strides = self.strides if edge.source.startswith("input_") else 1
        kind, kernel_size = split_operation(edge.operation)
        window = Window(kernel_size, strides)
        if not _convolves(edge):
            x = states[edge.source]
            return EDGES[kind](scope, x, self.filters, window)
        x = activated[edge.source]
        y = EDGES[kind](scope, x, self.filters, window)
        return normalize(scope, y, values["normalization"])

    def _text(self, values: Values) -> str:
        texts = ["reduction cell" if self.strides > 1 else "cell"]
        texts.append(str(self.filters))
        if values["normalization"] != "none":
            texts.append(f"{values['normalization']} norm")
        texts.append(values["activation"])
        if values["dropout"]:
            texts.append(f"dropout {values['dropout']:g}")
        return ", ".join(texts)


def _edges_to(node: str, values: Values) -> list[Edge]:
    return [
        Edge(values[f"{node}/from_{i}"], node, values[f"{node}/operation_{i}"])
        for i in range(1, ARITY + 1)
    ]


def _convolves(edge: Edge) -> bool:
    return split_operation(edge.operation)[0] in CONVOLUTIONS


def split_operation(operation: str) -> tuple[str, int]:
    """Returns the kind of an operation and its kernel size."""
    kind, _, kernel_size = operation.rpartition("_")
    return (
        (kind, int(kernel_size)) if kernel_size.isdecimal() else (operation, 1)
    )


def check_operation(name: str, operation: str) -> str:
    """Returns `operation` if an edge of a cell can have it."""
    if isinstance(operation, str):
        kind, kernel_size = split_operation(operation)
        if kind in EDGES and kernel_size > 0:
            if (kind == operation) == (kind == "identity"):
                return operation
    known = ", ".join(f'"{kind}_3"' for kind in EDGES if kind != "identity")
    raise ValueError(
        f'`{name}` must be of {known} (or another kernel size), "identity". '
        f"Received: {name}={operation!r}"
    )
