"""The record of a build: which blocks an architecture has.

Each block that is built appends a `BlockRecord` to the `Architecture` of the
build. A `keras_tuner.HyperParameters` carries the architecture of the last
build that used it. The record is plain data: it holds no layer and no weight.
"""

import dataclasses
import math
import re
import weakref
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import keras
import keras_tuner as kt

from kt_evolution.display.architecture.blocks import ATTRIBUTE
from kt_evolution.display.architecture.blocks import TRAINING
from kt_evolution.display.architecture.blocks import BlockRecord
from kt_evolution.display.architecture.blocks import Edge
from kt_evolution.keras_tuner_bridge import private_api


@dataclasses.dataclass
class Architecture:
    """An expressed architecture: its blocks in the order of the build.

    Args:
        blocks: List of `BlockRecord`s.
        tensors: The outputs of the blocks by path, held weakly.
        values: Dict of the hyperparameters when the last block began.
            Defaults to none.
    """

    blocks: list[BlockRecord] = dataclasses.field(default_factory=list)
    tensors: weakref.WeakValueDictionary[str, Any] = dataclasses.field(
        default_factory=weakref.WeakValueDictionary, compare=False, repr=False
    )
    values: dict[str, Any] = dataclasses.field(
        default_factory=dict, compare=False, repr=False
    )

    def __reduce__(self) -> tuple[Any, ...]:
        # Weak references can't be pickled, and a copy has other tensors.
        return Architecture, (list(self.blocks),)

    def sources_of(self, tensors: Iterable[Any]) -> list[str]:
        """Returns the paths of the blocks that returned some tensors.

        A tensor that a layer between two blocks returned has no path.
        """
        paths = {id(x): path for path, x in self.tensors.items()}
        known = [paths[id(x)] for x in tensors if id(x) in paths]
        return list(dict.fromkeys(known))

    @property
    def params(self) -> int:
        """The number of parameters of all blocks."""
        return sum(block.params for block in self.blocks)


class BlockScope:
    """Names the layers of a block and counts their parameters.

    Example:

    ```python
    scope = nas.BlockScope(hp, "head")
    x = scope.layer(keras.layers.Dense, 10)(x)
    x = scope.finish(x, "dense", "dense 10")
    ```

    Args:
        hp: The `keras_tuner.HyperParameters` of the build.
        name: String, the block's name within the open name scopes.
    """

    def __init__(self, hp: kt.HyperParameters, name: str) -> None:
        self.path = private_api.full_name(hp, name)
        architecture = architecture_of(hp)
        self._same_name = architecture.tensors.get(self.path)
        if self._is_another_build(hp, architecture):
            architecture = begin_build(hp)
        architecture.values = private_api.unrecorded(hp.values)
        self._architecture = architecture
        self._blocks_before = len(architecture.blocks)
        self._layers: dict[str, keras.layers.Layer] = {}

    def _is_another_build(
        self, hp: kt.HyperParameters, architecture: Architecture
    ) -> bool:
        # Within a build each name is used once, and no value changes.
        values = private_api.unrecorded(hp.values)
        return any(
            block.path == self.path for block in architecture.blocks
        ) or any(
            values.get(name) != value
            for name, value in architecture.values.items()
        )

    def layer(self, kind: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Creates a layer of this block.

        Args:
            kind: The layer's class.
            *args: Positional arguments of the class.
            **kwargs: Keyword arguments of the class. `name` replaces the name
                of the class in the layer's name.

        Returns:
            The layer.
        """
        what = kwargs.pop("name", getattr(kind, "__name__", "layer").lower())
        # Keras allows no slash in the name of a layer.
        base = re.sub(r"\W+", "_", f"{self.path}_{what}")
        name = base
        number = 1
        while name in self._layers:
            number += 1
            name = f"{base}_{number}"
        self._layers[name] = kind(*args, name=name, **kwargs)
        return self._layers[name]

    def contains_blocks(self) -> bool:
        """Returns whether other blocks were recorded inside this scope."""
        return len(self._architecture.blocks) > self._blocks_before

    def adopt(self, x: Any, y: Any) -> None:
        """Counts the layers between two tensors as layers of this block."""
        layers = keras.Model(x, y).layers
        self._layers |= {layer.name: layer for layer in layers}

    def finish(
        self,
        x: Any,
        kind: str,
        text: str,
        inputs: Iterable[Any] = (),
        edges: Iterable[Edge] = (),
        skip: str = "",
    ) -> Any:
        """Records the block and returns its output.

        Args:
            x: The output.
            kind: String, one word for the block.
            text: String, one line that describes the block.
            inputs: The input tensors of a block that has several. Defaults to
                the output of the block that was recorded before.
            edges: `Edge`s if the block is a cell.
            skip: "add" or "concatenate" if the block joins its input with the
                output of its layers.

        Raises:
            ValueError: If an earlier block of the build has the same name.
        """
        if self._same_name is not None and private_api.is_made_of(
            x, self._same_name
        ):
            raise ValueError(
                "The `name` of a block must be used once in a model. "
                f"Received: {self.path!r} a second time"
            )
        weights = [w for each in self._layers.values() for w in each.weights]
        record = BlockRecord(
            self.path,
            kind,
            text,
            tuple(x.shape[1:]),
            sum(math.prod(weight.shape) for weight in weights),
            tuple(self._architecture.sources_of(inputs)),
            tuple(edges),
            skip,
        )
        self._architecture.blocks.append(record)
        self._architecture.tensors[self.path] = x
        return x


def begin_build(hp: kt.HyperParameters) -> Architecture:
    """Starts an empty record for a build with `hp`."""
    architecture = Architecture()
    setattr(hp, ATTRIBUTE, architecture)
    return architecture


def architecture_of(hp: kt.HyperParameters) -> Architecture:
    """Returns what the last build with `hp` recorded."""
    recorded: Architecture | None = getattr(hp, ATTRIBUTE, None)
    return begin_build(hp) if recorded is None else recorded


def record_training(hp: kt.HyperParameters, name: str, text: str) -> None:
    """Records how the model is trained."""
    architecture = architecture_of(hp)
    path = private_api.full_name(hp, name)
    architecture.blocks = [
        block for block in architecture.blocks if block.path != path
    ]
    architecture.blocks.append(BlockRecord(path, TRAINING, text))


def check_hyperparameters(hp: Any) -> None:
    """Raises if `hp` is not a `keras_tuner.HyperParameters`."""
    if not isinstance(hp, kt.HyperParameters):
        raise TypeError(
            "`hp` must be a `keras_tuner.HyperParameters`. "
            f"Received: hp={hp!r} (of type {type(hp).__name__})"
        )


def build_architecture(hp: kt.HyperParameters, hypermodel: Any) -> Architecture:
    """Builds the model of some values and returns its architecture.

    Args:
        hp: The `keras_tuner.HyperParameters`. It is not changed.
        hypermodel: A `keras_tuner.HyperModel` or a build function.

    Raises:
        ValueError: If the hypermodel built no block.
        TypeError: If an argument has the wrong type.
    """
    check_hyperparameters(hp)
    can_build = hasattr(hypermodel, "build") or callable(hypermodel)
    if isinstance(hypermodel, type) or not can_build:
        raise TypeError(
            "`hypermodel` must be an instance of a `keras_tuner.HyperModel` "
            f"or a build function. Received: hypermodel={hypermodel!r}"
        )
    fresh = kt.HyperParameters()
    fresh.values = private_api.unrecorded(hp.values)
    with private_api.on_cpu():
        getattr(hypermodel, "build", hypermodel)(fresh)
    architecture = architecture_of(fresh)
    if not architecture.blocks:
        raise ValueError(
            "`hypermodel` must build blocks of `kt_evolution.nas` with the "
            f"`hp` that it is given. Received: hypermodel={hypermodel!r}"
        )
    return architecture
