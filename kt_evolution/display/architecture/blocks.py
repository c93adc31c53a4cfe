"""The blocks of an architecture, as plain data: no layer and no weight."""

import dataclasses

# The kind of the record that says how the model is trained.
TRAINING = "training"


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
