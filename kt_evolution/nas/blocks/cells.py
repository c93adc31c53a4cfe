"""Cells: small graphs of operations, each node of which picks its inputs."""

from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.nas.blocks.base import Unit
from kt_evolution.nas.blocks.base import check_features
from kt_evolution.nas.blocks.layers import ACTIVATIONS
from kt_evolution.nas.blocks.layers import NORMALISATIONS
from kt_evolution.nas.blocks.layers import activate
from kt_evolution.nas.blocks.layers import drop
from kt_evolution.nas.blocks.layers import fit
from kt_evolution.nas.blocks.layers import normalise
from kt_evolution.nas.blocks.layers import pointwise
from kt_evolution.nas.blocks.operations import CONVOLUTIONS
from kt_evolution.nas.blocks.operations import EDGES
from kt_evolution.nas.blocks.operations import Window
from kt_evolution.nas.genes import Genes
from kt_evolution.nas.genes import check_flag
from kt_evolution.nas.genes import check_options
from kt_evolution.nas.genes import check_rate
from kt_evolution.nas.genes import choose
from kt_evolution.nas.genes import choose_each
from kt_evolution.nas.genes import first_of
from kt_evolution.nas.genes import one_of
from kt_evolution.nas.structure import Edge
from kt_evolution.nas.structure import Site

OPERATIONS = (
    "separable_3",
    "separable_5",
    "conv_3",
    "dilated_3",
    "max_pool_3",
    "average_pool_3",
    "identity",
)
# How many operations meet in a node.
ARITY = 2


class Cell(Unit):
    """A directed graph in which each node adds two operations.

    A node picks where its two inputs come from, the inputs of the cell or the
    nodes before it, and what is done to each. Whatever no node takes is
    concatenated and comes out. By default each takes the last two inputs, as
    the nodes of NASNet-A's normal cell do.

    It is called with as many tensors as it has inputs, by default two: what
    the last two cells gave, the last one second. To use the same genes in
    several places, declare them once and build the cell where it is wanted.

    Example:

    ```python
    x = nas.Cell(filters=32, num_inputs=1)(hp, x, "cell")

    cell = nas.Cell(filters=32)
    genes = cell.declare(hp, "cells")
    before = x
    for i in range(1, 4):
        before, x = x, cell.build(nas.Site(hp, f"cell_{i}"), [before, x], genes)
    ```

    Reference:
        Zoph et al. (2018), "Learning transferable architectures for scalable
        image recognition".

    Args:
        filters: Int, how many channels each node has. Defaults to 32.
        num_inputs: Int, how many tensors it is called with. Defaults to 2.
        num_nodes: Int. Defaults to 4.
        operation: Strings, what may be done to an input of a node: "conv",
            "separable", "dilated", "depthwise", "max_pool" or "average_pool",
            each with the size of its kernel behind, as in "conv_3", or
            "identity". Of several the first is the default, here and below.
            Defaults to seven of them. Operations of one's own can't be given.
        way_around: Strings, the same for the second input of a node. Defaults
            to `operation`, "identity" first if it is there.
        searches_inputs: Boolean, whether nodes pick their inputs. If not, they
            take the last two inputs of the cell. Defaults to True.
        activation: "relu", "gelu" or "silu", or several. Defaults to "relu".
        normalisation: "batch", "layer", "group" or "none", or several.
            Defaults to "batch".
        dropout: Float in [0, 1) or several, the part of the channels that is
            dropped from what comes out. Defaults to 0, or 0.1, 0.2.
        stride: Int, 2 for a cell that halves the size. Defaults to 1.
    """

    def __init__(
        self,
        filters: int = 32,
        num_inputs: int = 2,
        num_nodes: int = 4,
        operation: str | Sequence[str] = OPERATIONS,
        way_around: str | Sequence[str] | None = None,
        searches_inputs: bool = True,
        activation: str | Sequence[str] = "relu",
        normalisation: str | Sequence[str] = "batch",
        dropout: float | Sequence[float] = (0.0, 0.1, 0.2),
        stride: int = 1,
    ) -> None:
        self.filters = check_count("filters", filters)
        self.num_inputs = check_count("num_inputs", num_inputs)
        self.num_nodes = check_count("num_nodes", num_nodes)
        operations = check_options("operation", operation, check_operation)
        around = operations
        if way_around is not None:
            around = check_options("way_around", way_around, check_operation)
        elif "identity" in operations:
            around = first_of("identity", operations)
        self.operations = operations, around
        self.searches_inputs = check_flag("searches_inputs", searches_inputs)
        self.shared = {
            "activation": check_options(
                "activation", activation, one_of(ACTIVATIONS)
            ),
            "normalisation": check_options(
                "normalisation", normalisation, one_of(NORMALISATIONS)
            ),
            "dropout": check_options("dropout", dropout, check_rate),
        }
        self.stride = check_count("stride", stride)

    def declare(self, hp: kt.HyperParameters, name: str) -> Genes:
        inputs = [f"input_{i}" for i in range(1, self.num_inputs + 1)]
        states = inputs.copy()
        with hp.name_scope(name):
            genes = choose_each(hp, self.shared)
            for number in range(1, self.num_nodes + 1):
                node = f"node_{number}"
                for i, operations in enumerate(self.operations, start=1):
                    sources = first_of(inputs[-min(i, len(inputs))], states)
                    if not self.searches_inputs:
                        sources = sources[:1]
                    for gene, options in (
                        (f"{node}/from_{i}", sources),
                        (f"{node}/operation_{i}", operations),
                    ):
                        genes[gene] = choose(hp, gene, options)
                states.append(node)
        return genes

    def build(self, site: Site, x: Any, genes: Genes, mask: Any = None) -> Any:
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
                "`mask` must not be given to Cell, whose operations would not "
                f"keep to it. Received: mask={mask}"
            )
        states = {
            f"input_{i}": self._prepare(site, each, inputs[-1], genes)
            for i, each in enumerate(inputs, start=1)
        }
        # What convolutions take is activated, once for all that take it.
        activated: dict[str, Any] = {}
        edges: list[Edge] = []
        for number in range(1, self.num_nodes + 1):
            node = f"node_{number}"
            incoming = _edges_to(node, genes)
            edges += incoming
            for edge in incoming:
                if edge.source not in activated and _convolves(edge):
                    activated[edge.source] = activate(
                        site, states[edge.source], genes["activation"]
                    )
            terms = [
                self._operate(site, states, activated, edge, genes)
                for edge in incoming
            ]
            states[node] = site.layer(layers.Add)(terms)
        taken = {edge.source for edge in edges}
        loose = [state for state in states if state not in taken]
        edges += [Edge(state, "output") for state in loose]
        ends = [
            self._end(site, end, states[end], like=states[node])
            for end in loose
        ]
        y = site.layer(layers.Concatenate)(ends) if len(ends) > 1 else ends[0]
        y = drop(site, y, genes["dropout"])
        return site.done(y, "cell", self._text(genes), inputs, edges)

    def _prepare(self, site: Site, x: Any, like: Any, genes: Genes) -> Any:
        """Gives an input the size of the last one and the cell's channels."""
        x = fit(site, x, like=like, channels=x.shape[-1])
        x = pointwise(site, x, self.filters, use_bias=False, name="input")
        return normalise(site, x, genes["normalisation"])

    def _end(self, site: Site, name: str, x: Any, like: Any) -> Any:
        """Gives what no node takes the size of the nodes."""
        # Sizes that aren't known can't be compared.
        if name.startswith("input_") and None in x.shape[1:-1]:
            steps = Window(self.stride, self.stride)
            x = EDGES["average_pool"](site, x, self.filters, steps)
        return fit(site, x, like=like)

    def _operate(
        self,
        site: Site,
        states: dict[str, Any],
        activated: dict[str, Any],
        edge: Edge,
        genes: Genes,
    ) -> Any:
        # The nodes of a cell that halves have its output's size.
        stride = self.stride if edge.source.startswith("input_") else 1
        kind, kernel = split_operation(edge.operation)
        window = Window(kernel, stride)
        if not _convolves(edge):
            x = states[edge.source]
            return EDGES[kind](site, x, self.filters, window)
        x = activated[edge.source]
        y = EDGES[kind](site, x, self.filters, window)
        return normalise(site, y, genes["normalisation"])

    def _text(self, genes: Genes) -> str:
        texts = ["reduction cell" if self.stride > 1 else "cell"]
        texts.append(str(self.filters))
        if genes["normalisation"] != "none":
            texts.append(f"{genes['normalisation']} norm")
        texts.append(genes["activation"])
        if genes["dropout"]:
            texts.append(f"dropout {genes['dropout']:g}")
        return ", ".join(texts)


def _edges_to(node: str, genes: Genes) -> list[Edge]:
    return [
        Edge(genes[f"{node}/from_{i}"], node, genes[f"{node}/operation_{i}"])
        for i in range(1, ARITY + 1)
    ]


def _convolves(edge: Edge) -> bool:
    return split_operation(edge.operation)[0] in CONVOLUTIONS


def split_operation(operation: str) -> tuple[str, int]:
    """Returns the kind of an operation and the size of its kernel."""
    kind, _, kernel = operation.rpartition("_")
    return (kind, int(kernel)) if kernel.isdecimal() else (operation, 1)


def check_operation(name: str, operation: str) -> str:
    """Returns `operation` if an edge of a cell can have it."""
    if isinstance(operation, str):
        kind, kernel = split_operation(operation)
        if kind in EDGES and kernel > 0:
            if (kind == operation) == (kind == "identity"):
                return operation
    known = ", ".join(f'"{kind}_3"' for kind in EDGES if kind != "identity")
    raise ValueError(
        f'`{name}` must be of {known} (or with another kernel), "identity". '
        f"Received: {name}={operation!r}"
    )
