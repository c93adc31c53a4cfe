"""The base classes of blocks, and checks that blocks share."""

import abc
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt

from kt_evolution.algorithm.checks import check_count
from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.architecture import check_hyperparameters
from kt_evolution.nas.choices import Values
from kt_evolution.nas.choices import as_options
from kt_evolution.nas.choices import declare_choice
from kt_evolution.nas.choices import declare_choices
from kt_evolution.nas.choices import up_to_depth
from kt_evolution.nas.shapes import check_channels_last


class Block(abc.ABC):
    """A part of an architecture with hyperparameters of its own.

    A block is called with `hp`, a tensor and a name, and returns a tensor. The
    names of its hyperparameters start with its own name, such as
    "stage_1/depth". They are declared even if the block is dormant.
    """

    def __call__(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any = None
    ) -> Any:
        """Builds the block.

        Args:
            hp: The `keras_tuner.HyperParameters`.
            x: The input tensor.
            name: String, the block's name. Each name is used once in a build.
            mask: For sequences, a boolean tensor of shape `(batch, length)`,
                false where `x` is padding. Defaults to no padding.

        Returns:
            The output tensor.

        Raises:
            ValueError: If `x` is not a tensor that the block takes, or if
                `name` is not a string or is already used.
            TypeError: If `hp` is not a `keras_tuner.HyperParameters`.
        """
        check_hyperparameters(hp)
        if not isinstance(name, str) or not name:
            raise ValueError(
                f"`name` must be a string, not empty. Received: name={name!r}"
            )
        check_channels_last(x)
        return self.construct(hp, x, name, mask)

    @abc.abstractmethod
    def construct(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any
    ) -> Any:
        """Builds the block. The arguments are those of a call."""

    @abc.abstractmethod
    def declare(self, hp: kt.HyperParameters, name: str) -> Values:
        """Declares the hyperparameters and returns their values."""


class SingleBlock(Block):
    """A block that is one record of the architecture."""

    def construct(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any
    ) -> Any:
        return self.build(BlockScope(hp, name), x, self.declare(hp, name), mask)

    @abc.abstractmethod
    def build(
        self, scope: BlockScope, x: Any, values: Values, mask: Any = None
    ) -> Any:
        """Creates the layers.

        Args:
            scope: The `BlockScope`, which names the layers and records the
                block.
            x: The input tensor.
            values: Dict, as `declare` returns it.
            mask: As in a call of the block.
        """


class OptionsBlock(SingleBlock):
    """A single block whose hyperparameters are its options.

    Attributes:
        options: Mapping of the names of hyperparameters to their options.
    """

    options: Mapping[str, tuple[Any, ...]]

    def declare(self, hp: kt.HyperParameters, name: str) -> Values:
        with hp.name_scope(name):
            return declare_choices(hp, self.options)


class Stage(Block):
    """A sequence of blocks that share some of their hyperparameters.

    Args:
        depth: Int or several, the number of blocks.
        shared: Dict of the names of hyperparameters that all blocks share to
            their options.
        own: Dict of the names of hyperparameters that each block has for
            itself to their options. Defaults to none.
    """

    def __init__(
        self,
        depth: int | Sequence[int],
        shared: Mapping[str, tuple[Any, ...]],
        own: Mapping[str, tuple[Any, ...]] | None = None,
    ) -> None:
        self.depths = as_options("depth", depth, check_count)
        self.shared = shared
        self.own = own or {}

    def construct(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any
    ) -> Any:
        values = self.declare(hp, name)
        for number in range(1, values["depth"] + 1):
            scope = BlockScope(hp, f"{name}/block_{number}")
            x = self.build_block(scope, x, values, number, mask)
        return x

    def declare(self, hp: kt.HyperParameters, name: str) -> Values:
        with hp.name_scope(name):
            values = self.declare_shared(hp)
            values["depth"] = declare_choice(hp, "depth", self.depths)
            for number in range(1, max(self.depths) + 1):
                with up_to_depth(hp, self.depths, number):
                    block = f"block_{number}"
                    values[block] = {
                        name: declare_choice(hp, f"{block}/{name}", options)
                        for name, options in self.own.items()
                    }
        return values

    def declare_shared(self, hp: kt.HyperParameters) -> Values:
        """Declares the hyperparameters that all blocks share."""
        return declare_choices(hp, self.shared)

    @abc.abstractmethod
    def build_block(
        self, scope: BlockScope, x: Any, values: Values, number: int, mask: Any
    ) -> Any:
        """Creates the layers of one block.

        Args:
            scope: The `BlockScope`, which names the layers and records the
                block.
            x: The input tensor.
            values: Dict of the shared values, and of a dict for each block.
            number: Int, the number of the block, from 1.
            mask: As in a call of the stage.
        """


# A block, or a user's function of `hp`, a tensor and a name.
BlockLike = Block | Callable[..., Any]


def declare_if_known(
    block: BlockLike, hp: kt.HyperParameters, name: str
) -> None:
    """Declares the hyperparameters of a dormant block.

    Those of a function are unknown until it is called.
    """
    if isinstance(block, Block):
        block.declare(hp, name)


def check_block_like(name: str, block: BlockLike) -> BlockLike:
    """Returns `block` if it is a `Block` or a function."""
    # A layer takes a tensor only, no `hp` and no name.
    if not callable(block) or isinstance(block, (type, keras.layers.Layer)):
        raise ValueError(
            f"`{name}` must be a block, or a function of `hp`, a tensor and a "
            f"name that returns a tensor. Received: {name}={block!r}"
        )
    return block


def check_rank(block: str, x: Any, *ranks: int) -> None:
    """Raises if the rank of a tensor is not among `ranks`."""
    wanted = " or ".join(str(rank) for rank in ranks)
    if not hasattr(x, "shape"):
        raise ValueError(
            f"`x` of {block} must be a tensor of rank {wanted}. Received: x={x}"
        )
    if len(x.shape) not in ranks:
        raise ValueError(
            f"`x` of {block} must have rank {wanted}, the batch included. "
            f"Received: x of shape {tuple(x.shape)}"
        )


def check_features(block: str, x: Any, *ranks: int) -> None:
    """Raises if the rank is wrong or the number of features is unknown."""
    check_rank(block, x, *ranks)
    if x.shape[-1] is None:
        raise ValueError(
            f"`x` of {block} must have a known number of features, its last "
            f"axis. Received: x of shape {tuple(x.shape)}"
        )


def check_masked(options: Mapping[str, tuple[Any, ...]]) -> None:
    """Raises if an option can't be used on a sequence with padding.

    Args:
        options: Dict of the names of hyperparameters to their options.
    """
    for name, (refused, why) in NOT_MASKED.items():
        if set(refused) & set(options.get(name, ())):
            raise ValueError(
                f"`{name}` must not be {' or '.join(map(repr, refused))} where "
                f"a `mask` is given: {why}. "
                f"Received: {name}={', '.join(map(repr, options[name]))}"
            )


NOT_MASKED = {
    "downsample": (
        ("max", "average"),
        "the mask would not fit the shorter output",
    ),
    "normalization": (
        ("group",),
        "groups are normalized over all positions, padding included",
    ),
}
