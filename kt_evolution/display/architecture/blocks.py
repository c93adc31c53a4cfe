"""The blocks of an architecture, as plain data: no layer and no weight."""

import dataclasses
import graphlib
import operator
from typing import Any

# The kind of the record that says how the model is trained.
TRAINING = "training"
# The attribute of hyperparameters that holds the architecture of their last
# build.
ATTRIBUTE = "_kt_evolution_architecture"
# How a block may join its input with the output of its layers.
SKIPS = ("", "add", "concatenate")
# Begins the names of the nodes of a graph that are operations.
OPERATION = "operation "
# A picture of more can't be read.
MAX_BLOCKS = 500
MAX_EDGES = 500


@dataclasses.dataclass(frozen=True)
class Edge:
    """An operation in a cell, from one node to another.

    Args:
        source: String, for instance "input_1" or "node_2".
        target: String, for instance "node_3" or "output".
        operation: String, or "" if the edge passes its tensor on unchanged.
    """

    source: str
    target: str
    operation: str = ""


@dataclasses.dataclass(frozen=True)
class BlockRecord:
    """A block of an expressed architecture.

    Args:
        path: String, the block's full name, for instance "stage_2/block_1".
        kind: String, one word for the block, for instance "conv".
        text: String, one line that describes the block.
        shape: Tuple, the shape of its output without the batch axis.
        params: Int, the number of parameters of its layers.
        inputs: Tuple of the paths of the blocks that feed this one. An empty
            tuple means the block that was recorded before it.
        edges: Tuple of `Edge`s if the block is a cell.
        skip: String, how its input is joined with the output of its layers:
            "add", "concatenate", or "" if it is not.
    """

    path: str
    kind: str
    text: str
    shape: tuple[int | None, ...] = ()
    params: int = 0
    inputs: tuple[str, ...] = ()
    edges: tuple[Edge, ...] = ()
    skip: str = ""


def recorded_blocks(hp: Any) -> list[BlockRecord]:
    """Returns the blocks of the last build with `hp`.

    Args:
        hp: The `keras_tuner.HyperParameters`.

    Returns:
        List of `BlockRecord`s, empty if the model was not made of blocks.
    """
    architecture = getattr(hp, ATTRIBUTE, None)
    return [] if architecture is None else list(architecture.blocks)


def read_blocks(configs: Any) -> list[BlockRecord]:
    """Returns the blocks that a file has.

    Args:
        configs: List of dicts, each as `dataclasses.asdict` returns it.

    Raises:
        ValueError: If they are no blocks that can be drawn.
        KeyError: If a field is missing.
        TypeError: If a field has another type.
    """
    if not isinstance(configs, list) or len(configs) > MAX_BLOCKS:
        raise ValueError(f"Not a list of at most {MAX_BLOCKS} blocks")
    return [_read_block(config) for config in configs]


def _read_block(config: dict[str, Any]) -> BlockRecord:
    if config["skip"] not in SKIPS:
        raise ValueError(f"No skip: {config['skip']!r}")
    edges = tuple(
        Edge(
            _text(edge["source"]),
            _text(edge["target"]),
            _text(edge["operation"]),
        )
        for edge in config["edges"][:MAX_EDGES]
    )
    graph: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
    for edge in edges:
        graph.add(edge.target, edge.source)
        if edge.source.startswith(OPERATION):
            raise ValueError(f"No node: {edge.source!r}")
    # It raises a `ValueError` for a cycle.
    graph.prepare()
    return BlockRecord(
        _text(config["path"]),
        _text(config["kind"]),
        _text(config["text"]),
        shape=tuple(
            None if size is None else operator.index(size)
            for size in config["shape"]
        ),
        params=operator.index(config["params"]),
        inputs=tuple(map(_text, config["inputs"])),
        edges=edges,
        skip=config["skip"],
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"must be a string: {value!r}")
    return value
