"""What all blocks have in common."""

import abc
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt

from kt_evolution.algorithm.checks import check_count
from kt_evolution.nas.genes import Genes
from kt_evolution.nas.genes import check_options
from kt_evolution.nas.genes import choose
from kt_evolution.nas.genes import deep_enough
from kt_evolution.nas.structure import Site
from kt_evolution.nas.structure import check_hyperparameters


class Block(abc.ABC):
    """A piece of an architecture, with genes of its own.

    A block is called with `hp`, a tensor and a name, and returns a tensor. Its
    genes have names that start with its own, such as "stage_1/depth", and are
    declared whether the block is built or dormant.
    """

    def __call__(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any = None
    ) -> Any:
        """Builds the block.

        Args:
            hp: The `keras_tuner.HyperParameters`.
            x: The tensor that goes in.
            name: String, its name in the build. A name is used once.
            mask: For sequences, a boolean tensor of shape `(batch, length)`,
                false where `x` is padding. Defaults to no padding.

        Returns:
            The tensor that comes out.

        Raises:
            ValueError: If `x` is no tensor that the block takes, or if
                `name` is no string or that of a block before this one.
            TypeError: If `hp` is no hyperparameters.
        """
        check_hyperparameters(hp)
        if not isinstance(name, str) or not name:
            raise ValueError(
                f"`name` must be a string, not empty. Received: name={name!r}"
            )
        return self.construct(hp, x, name, mask)

    @abc.abstractmethod
    def construct(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any
    ) -> Any:
        """Builds the block; the arguments are those of a call."""

    @abc.abstractmethod
    def declare(self, hp: kt.HyperParameters, name: str) -> Genes:
        """Declares the genes and returns their values."""


class Unit(Block):
    """A block that is one part of the architecture."""

    def construct(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any
    ) -> Any:
        return self.build(Site(hp, name), x, self.declare(hp, name), mask)

    @abc.abstractmethod
    def build(self, site: Site, x: Any, genes: Genes, mask: Any = None) -> Any:
        """Makes the layers.

        Args:
            site: The `Site`, which names the layers and notes the block.
            x: The tensor that goes in.
            genes: Dict, as `declare` returns it.
            mask: As when the block is called.
        """


class Stage(Block):
    """A number of units in a row, with genes that they share.

    Args:
        depth: Int or several, how many units.
    """

    def __init__(self, depth: int | Sequence[int]) -> None:
        self.depth = check_options("depth", depth, check_count)

    def construct(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any
    ) -> Any:
        genes = self.declare(hp, name)
        for number in range(1, genes["depth"] + 1):
            site = Site(hp, f"{name}/block_{number}")
            x = self.build_unit(site, x, genes, number, mask)
        return x

    def declare(self, hp: kt.HyperParameters, name: str) -> Genes:
        with hp.name_scope(name):
            genes = self.declare_shared(hp)
            genes["depth"] = choose(hp, "depth", self.depth)
            for number in range(1, max(self.depth) + 1):
                with deep_enough(hp, self.depth, number):
                    unit = f"block_{number}"
                    genes[unit] = self.declare_unit(hp, unit)
        return genes

    @abc.abstractmethod
    def declare_shared(self, hp: kt.HyperParameters) -> Genes:
        """Declares the genes that all units have in common."""

    def declare_unit(self, hp: kt.HyperParameters, unit: str) -> Genes:
        """Declares the genes of one unit."""
        return {}

    @abc.abstractmethod
    def build_unit(
        self, site: Site, x: Any, genes: Genes, number: int, mask: Any
    ) -> Any:
        """Makes the layers of one unit.

        Args:
            site: The `Site`, which names the layers and notes the unit.
            x: The tensor that goes in.
            genes: Dict of the shared genes, and of each unit's by its name.
            number: Int, which unit, from 1.
            mask: As when the block is called.
        """


# A block, or a function of the user with the arguments of one.
Piece = Block | Callable[..., Any]


def declare_if_known(piece: Piece, hp: kt.HyperParameters, name: str) -> None:
    """Declares the genes of a dormant block.

    What a function would ask for is known only once it is called.
    """
    if isinstance(piece, Block):
        piece.declare(hp, name)


def check_piece(name: str, piece: Piece) -> Piece:
    """Returns `piece` if it is a block or a function."""
    # A layer is called with a tensor alone.
    if not callable(piece) or isinstance(piece, (type, keras.layers.Layer)):
        raise ValueError(
            f"`{name}` must be a block, or a function of `hp`, a tensor and a "
            f"name that returns a tensor. Received: {name}={piece!r}"
        )
    return piece


def check_rank(block: str, x: Any, *ranks: int) -> None:
    """Raises if a tensor has not the rank that a block needs."""
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
    """Raises if a tensor has another rank, or features without a number."""
    check_rank(block, x, *ranks)
    if x.shape[-1] is None:
        raise ValueError(
            f"`x` of {block} must have a known number of features, its last "
            f"axis. Received: x of shape {tuple(x.shape)}"
        )


def check_masked(options: Mapping[str, tuple[Any, ...]]) -> None:
    """Raises if genes allow what can't be done to a sequence with padding.

    Args:
        options: Dict of the names of genes to what they may be.
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
        "the mask would not fit what comes out",
    ),
    "normalisation": (
        ("group",),
        "groups are normalised over all positions, padding too",
    ),
}
