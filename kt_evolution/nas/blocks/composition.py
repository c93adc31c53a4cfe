"""Blocks of blocks: repeat one, choose one, choose inputs."""

import abc
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import named_arguments
from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.base import Block
from kt_evolution.nas.blocks.base import BlockLike
from kt_evolution.nas.blocks.base import SingleBlock
from kt_evolution.nas.blocks.base import check_block_like
from kt_evolution.nas.blocks.base import declare_if_known
from kt_evolution.nas.blocks.layers import match_shape
from kt_evolution.nas.choices import Values
from kt_evolution.nas.choices import active_if
from kt_evolution.nas.choices import as_options
from kt_evolution.nas.choices import declare_choice
from kt_evolution.nas.choices import one_of
from kt_evolution.nas.choices import up_to_depth


class Composition(Block):
    """A block of other blocks, each of which records itself."""

    def construct(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any
    ) -> Any:
        return self.walk(hp, x, name, mask)

    def declare(self, hp: kt.HyperParameters, name: str) -> Values:
        self.walk(hp, None, name)
        return {}

    @abc.abstractmethod
    def walk(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any = None
    ) -> Any:
        """Declares all hyperparameters, and builds the chosen blocks on `x`.

        Returns:
            The output tensor, or None.
        """


class Repeat(Composition):
    """Repeats a block, each time with its own hyperparameters.

    Example:

    ```python
    def dense(hp, x, name):
        return keras.layers.Dense(hp.Int(f"{name}_units", 8, 64))(x)

    x = nas.Repeat(dense, depth=(2, 1, 3))(hp, x, "body")
    ```

    The hyperparameters are `"body/depth"` and those of `"body/block_1"` to
    `"body/block_3"`. Those of a block are active if the depth reaches it.

    Args:
        block: A block, or a function of `hp`, a tensor and a name that
            returns a tensor.
        depth: Int or several, the number of blocks. Defaults to 2, 1, 3 or 4;
            the first of several values is the default.
    """

    @named_arguments
    def __init__(
        self, block: BlockLike, depth: int | Sequence[int] = (2, 1, 3, 4)
    ) -> None:
        self.block = check_block_like("block", block)
        self.depth = as_options("depth", depth, check_count)

    def walk(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any = None
    ) -> Any:
        with hp.name_scope(name):
            depth = declare_choice(hp, "depth", self.depth)
            for number in range(1, max(self.depth) + 1):
                with up_to_depth(hp, self.depth, number):
                    place = f"block_{number}"
                    if x is not None and number <= depth:
                        x = call(self.block, hp, x, place, mask)
                    else:
                        declare_if_known(self.block, hp, place)
        return x


class LayerChoice(Composition):
    """Builds one of several blocks.

    Example:

    ```python
    body = nas.LayerChoice(
        {"recurrent": nas.RecurrentStage(), "attention": nas.TransformerStage()}
    )
    x = body(hp, x, "body")
    ```

    The hyperparameters are `"body/layer"` and those of `"body/recurrent"` and
    `"body/attention"`. Those of a block are active if it is chosen.

    Args:
        options: Dict that maps names to blocks, or to functions of `hp`, a
            tensor and a name that return a tensor. The first is the default.
    """

    @named_arguments
    def __init__(self, options: Mapping[str, BlockLike]) -> None:
        if (
            not isinstance(options, Mapping)
            or not options
            or not all(isinstance(name, str) for name in options)
        ):
            raise ValueError(
                "`options` must be a dict of names to blocks, at least one. "
                f"Received: options={options!r}"
            )
        self.options = {
            name: check_block_like(f"options[{name!r}]", block)
            for name, block in options.items()
        }

    def walk(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any = None
    ) -> Any:
        names = tuple(self.options)
        y = x
        with hp.name_scope(name):
            chosen = declare_choice(hp, "layer", names)
            for option, block in self.options.items():
                with active_if(hp, "layer", names, [option]):
                    if x is not None and option == chosen:
                        y = call(block, hp, x, option, mask)
                    else:
                        declare_if_known(block, hp, option)
        return y


class InputChoice(SingleBlock):
    """Joins the last of several tensors with a choice of the others.

    The other tensors are resized to the shape of the last one.

    Example:

    ```python
    x = nas.InputChoice(3)(hp, [first, second, x], "inputs")
    ```

    The hyperparameters are `"inputs/from_1"` and `"inputs/from_2"`, which
    include the first and the second tensor, and `"inputs/join"`.

    Args:
        num_inputs: Int, the number of tensors, at least two.
        join: "add" or "concatenate", or both. Defaults to both.
    """

    @named_arguments
    def __init__(
        self,
        num_inputs: int,
        join: str | Sequence[str] = ("add", "concatenate"),
    ) -> None:
        self.num_inputs = check_count("num_inputs", num_inputs, at_least=2)
        self.join = as_options("join", join, one_of(JOINS))

    def declare(self, hp: kt.HyperParameters, name: str) -> Values:
        with hp.name_scope(name):
            values = {
                f"from_{i}": hp.Boolean(f"from_{i}")
                for i in range(1, self.num_inputs)
            }
            # If nothing is joined, the kind of join does not matter.
            if any(values.values()) or None in values.values():
                values["join"] = declare_choice(hp, "join", self.join)
        return values

    def build(
        self, scope: BlockScope, x: Any, values: Values, mask: Any = None
    ) -> Any:
        if not isinstance(x, (list, tuple)) or len(x) != self.num_inputs:
            raise ValueError(
                "`x` of InputChoice must be a list of "
                f"num_inputs={self.num_inputs} tensors. Received: x={x}"
            )
        *others, last = x
        taken = [i for i in range(1, len(x)) if values[f"from_{i}"]]
        inputs = [*(others[i - 1] for i in taken), last]
        text = "input " + ", ".join(str(i) for i in [*taken, len(x)])
        if taken:
            fitted = [
                match_shape(scope, others[i - 1], like=last) for i in taken
            ]
            last = scope.layer(JOINS[values["join"]])([*fitted, last])
            text += f", {values['join']}"
        return scope.finish(last, "inputs", text, inputs)


JOINS = {"add": layers.Add, "concatenate": layers.Concatenate}


def call(
    block: BlockLike, hp: kt.HyperParameters, x: Any, name: str, mask: Any
) -> Any:
    """Calls a block, or a function, which gets no mask.

    A function is recorded as one block, unless it calls blocks, which record
    themselves.
    """
    if isinstance(block, Block):
        return block(hp, x, name, mask)
    scope = BlockScope(hp, name)
    y = block(hp, x, name)
    if not hasattr(y, "shape"):
        raise ValueError(
            f"{getattr(block, '__name__', block)!r}, a function for a block, "
            f"must return a tensor. Received: {y!r}"
        )
    if y is x or scope.contains_blocks():
        return y
    scope.adopt(x, y)
    return scope.finish(y, "function", getattr(block, "__name__", repr(block)))
