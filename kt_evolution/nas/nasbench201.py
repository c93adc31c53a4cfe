"""NAS-Bench-201: a published search space whose scores are in tables.

Reference:
    Dong and Yang (2020), "NAS-Bench-201: Extending the Scope of Reproducible
    Neural Architecture Search".
"""

import functools
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt
from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import named_arguments
from kt_evolution.display.architecture.blocks import BlockRecord
from kt_evolution.display.architecture.blocks import Edge
from kt_evolution.nas.architecture import begin_build
from kt_evolution.nas.shapes import check_channels_last
from kt_evolution.nas.shapes import check_shape

# In the order of the tables: the digit of an operation is its index.
OPERATIONS = (
    "none",
    "skip_connect",
    "nor_conv_1x1",
    "nor_conv_3x3",
    "avg_pool_3x3",
)
NUM_NODES = 4
EDGES = tuple(
    (source, node) for node in range(1, NUM_NODES) for source in range(node)
)
RESNET_CELL = "303101"

WIDTH = 16
NUM_STAGES = 3
# The meaning of an input shape, for errors.
IMAGE = "the height, width and channels of an image"
CELLS_PER_STAGE = 5


def build_nasbench201(
    cell: str,
    input_shape: Sequence[int | None] = (32, 32, 3),
    num_classes: int = 10,
    *,
    width: int = WIDTH,
    cells_per_stage: int = CELLS_PER_STAGE,
) -> keras.Model:
    """Builds the published network around one of the 15,625 cells.

    The network has a stem and three stages of cells. Between two stages a
    residual block halves the image and doubles the channels. A cell has four
    nodes and an operation on each of its six edges. Its first node is the
    input and its last node the output. Operations that do not reach the output
    are kept, as in the published network.

    Example:

    ```python
    model = nas.build_nasbench201(
        "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|"
        "+|skip_connect~0|none~1|skip_connect~2|"
    )
    ```

    Args:
        cell: String, as in the publication, `"|op~0|+|op~0|op~1|+|op~0|op~1|"
            "op~2|"`; or six digits for the operations of the edges 0-1, 0-2,
            1-2, 0-3, 1-3, 2-3: 0 none, 1 skip_connect, 2 nor_conv_1x1,
            3 nor_conv_3x3, 4 avg_pool_3x3.
        input_shape: Tuple `(height, width, channels)`. Defaults to
            `(32, 32, 3)`.
        num_classes: Int. Defaults to 10.
        width: Int, the channels of the stem and the first stage. Defaults to
            16, as published.
        cells_per_stage: Int. Defaults to 5, as published.

    Returns:
        A `keras.Model` that is not compiled. Its outputs are probabilities.

    Raises:
        ValueError: If an argument is not as described.

    Reference:
        Dong and Yang (2020), "NAS-Bench-201: Extending the Scope of
        Reproducible Neural Architecture Search".
    """
    operations = parse_cell(cell)
    inputs = keras.Input(check_shape(input_shape, IMAGE, 3, 2))
    check_channels_last(inputs)
    num_classes = check_count("num_classes", num_classes, at_least=2)
    width = check_count("width", width)
    cells_per_stage = check_count("cells_per_stage", cells_per_stage)
    x = layers.Conv2D(width, 3, padding="same", use_bias=False)(inputs)
    x = _batch_norm()(x)
    for stage in range(NUM_STAGES):
        if stage:
            width *= 2
            x = _reduction(x, width)
        for _ in range(cells_per_stage):
            x = _cell(x, operations, width)
    x = layers.ReLU()(_batch_norm()(x))
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(num_classes, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="nasbench201")


class HyperNASBench201(kt.HyperModel):
    """The search space of NAS-Bench-201: an operation for each edge.

    The six hyperparameters are `"edge_0_1"` to `"edge_2_3"`. Their defaults
    are the cell of a residual network. Models are compiled for integer labels
    with the published optimizer, but without its schedule. Keras decays
    weights separately from the momentum, which is a weaker decay.

    Example:

    ```python
    space = nas.HyperNASBench201(input_shape=(32, 32, 3), num_classes=10)
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`. Defaults to
            `(32, 32, 3)`.
        num_classes: Int. Defaults to 10.
        name: String, the name of the hypermodel.
        tunable: Boolean, as in `keras_tuner.HyperModel`. Defaults to True.

    Raises:
        ValueError: If an argument is not as described.
    """

    @named_arguments
    def __init__(
        self,
        input_shape: Sequence[int | None] = (32, 32, 3),
        num_classes: int = 10,
        name: str | None = None,
        tunable: bool = True,
    ) -> None:
        super().__init__(name=name, tunable=tunable)
        self.input_shape = check_shape(input_shape, IMAGE, 3, 2)
        self.num_classes = check_count("num_classes", num_classes, at_least=2)

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        cell = ""
        for edge, default in zip(EDGES, parse_cell(RESNET_CELL), strict=True):
            operation = hp.Choice(
                edge_name(edge), list(OPERATIONS), default=default
            )
            cell += str(OPERATIONS.index(operation))
        model = build_nasbench201(cell, self.input_shape, self.num_classes)
        begin_build(hp).blocks.append(_record(model, cell))
        model.compile(
            keras.optimizers.SGD(
                0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
            ),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model


def _record(model: keras.Model, cell: str) -> BlockRecord:
    """Returns the record of a network with the edges of its cell."""
    names = ["input", *(f"node_{i}" for i in range(1, NUM_NODES - 1)), "output"]
    return BlockRecord(
        "network",
        "cell",
        f"{NUM_STAGES} stages of {CELLS_PER_STAGE} cells, with "
        f"{', '.join(str(WIDTH << i) for i in range(NUM_STAGES))} channels",
        model.output_shape[1:],
        model.count_params(),
        edges=tuple(
            Edge(names[source], names[node], operation)
            for (source, node), operation in zip(
                EDGES, parse_cell(cell), strict=True
            )
            if operation != "none"
        ),
    )


def edge_name(edge: tuple[int, int]) -> str:
    """Returns the name of an edge's hyperparameter."""
    return f"edge_{edge[0]}_{edge[1]}"


def parse_cell(cell: str) -> tuple[str, ...]:
    """Returns the operations of a cell, in the order of `EDGES`.

    Args:
        cell: String, as `build_nasbench201` takes it.

    Raises:
        ValueError: If the cell is not one of the space.
    """
    if not isinstance(cell, str):
        raise ValueError(
            "`cell` must be a string, such as "
            f'"{RESNET_CELL}". Received: cell={cell!r}'
        )
    if "|" not in cell:
        return _parse_digits(cell)
    edges = cell.strip("|").replace("|+|", "|").split("|")
    operations = tuple(edge.partition("~")[0] for edge in edges)
    for operation in operations:
        if operation not in OPERATIONS:
            raise ValueError(
                f"The operations of `cell` must be of {OPERATIONS}. "
                f"Received: {operation!r} in cell={cell!r}"
            )
    if len(operations) != len(EDGES) or cell != _published(operations):
        raise ValueError(
            "`cell` must have one edge to node 1, two to node 2 and three to "
            'node 3: "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|". '
            f"Received: cell={cell!r}"
        )
    return operations


def _published(operations: Sequence[str]) -> str:
    """Returns the operations of `EDGES` as the publication writes them."""
    nodes: dict[int, str] = {}
    for (source, target), operation in zip(EDGES, operations, strict=True):
        nodes[target] = nodes.get(target, "|") + f"{operation}~{source}|"
    return "+".join(nodes.values())


def _parse_digits(cell: str) -> tuple[str, ...]:
    known = "".join(map(str, range(len(OPERATIONS))))
    if len(cell) != len(EDGES) or not set(cell) <= set(known):
        raise ValueError(
            f"`cell` must have {len(EDGES)} digits from {known[0]} to "
            f"{known[-1]}, one an edge. Received: cell={cell!r}"
        )
    return tuple(OPERATIONS[int(digit)] for digit in cell)


def _cell(x: Any, operations: Sequence[str], width: int) -> Any:
    nodes = [x]
    for node in range(1, NUM_NODES):
        nodes.append(
            layers.Add()(
                [
                    _operation(operation, nodes[source], width)
                    for (source, target), operation in zip(
                        EDGES, operations, strict=True
                    )
                    if target == node
                ]
            )
            if node > 1
            else _operation(operations[0], x, width)
        )
    return nodes[-1]


def _operation(name: str, x: Any, width: int) -> Any:
    if name == "none":
        # A product with 0, as published, keeps earlier layers in the network.
        return layers.Rescaling(0.0)(x)
    if name == "skip_connect":
        return x
    if name == "avg_pool_3x3":
        return layers.AveragePooling2D(3, strides=1, padding="same")(x)
    return _conv(x, width, kernel_size=1 if name == "nor_conv_1x1" else 3)


def _conv(x: Any, width: int, kernel_size: int, strides: int = 1) -> Any:
    """Applies an activation, a convolution and a normalization."""
    x = layers.ReLU()(x)
    padding = "same"
    if strides > 1:
        # Padding "same" would pad the right and the bottom only.
        x, padding = layers.ZeroPadding2D(kernel_size // 2)(x), "valid"
    x = layers.Conv2D(width, kernel_size, strides, padding, use_bias=False)(x)
    return _batch_norm()(x)


def _reduction(x: Any, width: int) -> Any:
    """Halves the image. The shortcut is not normalized."""
    convolved = _conv(x, width, kernel_size=3, strides=2)
    convolved = _conv(convolved, width, kernel_size=3)
    # The padding matters for odd sizes only.
    shortcut = layers.AveragePooling2D(2, padding="same")(x)
    shortcut = layers.Conv2D(width, 1, use_bias=False)(shortcut)
    return layers.Add()([shortcut, convolved])


# The published momentum and epsilon, which are torch's defaults.
_batch_norm = functools.partial(
    layers.BatchNormalization, momentum=0.9, epsilon=1e-5
)
