"""Blocks of blocks: how often, which, and from where."""

import abc
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
from keras import layers

from kt_evolution.algorithm.checks import check_count
from kt_evolution.nas.blocks.base import Block
from kt_evolution.nas.blocks.base import Piece
from kt_evolution.nas.blocks.base import Unit
from kt_evolution.nas.blocks.base import check_piece
from kt_evolution.nas.blocks.base import declare_if_known
from kt_evolution.nas.blocks.layers import fit
from kt_evolution.nas.genes import Genes
from kt_evolution.nas.genes import check_options
from kt_evolution.nas.genes import choose
from kt_evolution.nas.genes import deep_enough
from kt_evolution.nas.genes import given
from kt_evolution.nas.genes import one_of
from kt_evolution.nas.structure import Site


class Composition(Block):
    """A block that consists of others, which note themselves."""

    def construct(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any
    ) -> Any:
        return self.walk(hp, x, name, mask)

    def declare(self, hp: kt.HyperParameters, name: str) -> Genes:
        self.walk(hp, None, name)
        return {}

    @abc.abstractmethod
    def walk(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any = None
    ) -> Any:
        """Declares all genes, and builds what is expressed unless `x` is None.

        Returns:
            The tensor that comes out, or None.
        """


class Repeat(Composition):
    """Repeats a block, each time with genes of its own.

    Example:

    ```python
    def dense(hp, x, name):
        return keras.layers.Dense(hp.Int(f"{name}_units", 8, 64))(x)

    x = nas.Repeat(dense, depth=(2, 1, 3))(hp, x, "body")
    ```

    The genes are `"body/depth"` and those of `"body/block_1"` to
    `"body/block_3"`. The genes of a repeat are active if the depth has it.

    Args:
        block: A block, or a function of `hp`, a tensor and a name that
            returns a tensor.
        depth: Int or several, how often. Defaults to 2, or 1, 3 or 4.
    """

    def __init__(
        self, block: Piece, depth: int | Sequence[int] = (2, 1, 3, 4)
    ) -> None:
        self.block = check_piece("block", block)
        self.depth = check_options("depth", depth, check_count)

    def walk(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any = None
    ) -> Any:
        with hp.name_scope(name):
            depth = choose(hp, "depth", self.depth)
            for number in range(1, max(self.depth) + 1):
                with deep_enough(hp, self.depth, number):
                    place = f"block_{number}"
                    if x is not None and number <= depth:
                        x = call(self.block, hp, x, place, mask)
                    else:
                        declare_if_known(self.block, hp, place)
        return x


class LayerChoice(Composition):
    """Takes one of several blocks.

    Example:

    ```python
    body = nas.LayerChoice(
        {"recurrent": nas.RecurrentStage(), "attention": nas.TransformerStage()}
    )
    x = body(hp, x, "body")
    ```

    The genes are `"body/layer"` and those of `"body/recurrent"` and
    `"body/attention"`, which are active if they are chosen.

    Args:
        options: Dict of names to blocks, or to functions of `hp`, a tensor
            and a name that return a tensor. The first is the default.
    """

    def __init__(self, options: Mapping[str, Piece]) -> None:
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
            name: check_piece(f"options[{name!r}]", piece)
            for name, piece in options.items()
        }

    def walk(
        self, hp: kt.HyperParameters, x: Any, name: str, mask: Any = None
    ) -> Any:
        names = tuple(self.options)
        y = x
        with hp.name_scope(name):
            chosen = choose(hp, "layer", names)
            for option, piece in self.options.items():
                with given(hp, "layer", names, [option]):
                    if x is not None and option == chosen:
                        y = call(piece, hp, x, option, mask)
                    else:
                        declare_if_known(piece, hp, option)
        return y


class InputChoice(Unit):
    """Joins the last of several tensors with a choice of the others.

    The others are made to fit the last one's shape.

    Example:

    ```python
    x = nas.InputChoice(3)(hp, [first, second, x], "inputs")
    ```

    The genes are `"inputs/from_1"` and `"inputs/from_2"`, whether the first
    and the second are taken, and `"inputs/join"`.

    Args:
        num_inputs: Int, how many tensors there are, at least two.
        join: "add" or "concatenate", or several. Defaults to either.
    """

    def __init__(
        self,
        num_inputs: int,
        join: str | Sequence[str] = ("add", "concatenate"),
    ) -> None:
        self.num_inputs = check_count("num_inputs", num_inputs, at_least=2)
        self.join = check_options("join", join, one_of(JOINS))

    def declare(self, hp: kt.HyperParameters, name: str) -> Genes:
        with hp.name_scope(name):
            genes = {
                f"from_{i}": hp.Boolean(f"from_{i}")
                for i in range(1, self.num_inputs)
            }
            # Where nothing is joined it does not matter how.
            if any(genes.values()) or None in genes.values():
                genes["join"] = choose(hp, "join", self.join)
        return genes

    def build(self, site: Site, x: Any, genes: Genes, mask: Any = None) -> Any:
        if not isinstance(x, (list, tuple)) or len(x) != self.num_inputs:
            raise ValueError(
                "`x` of InputChoice must be a list of "
                f"num_inputs={self.num_inputs} tensors. Received: x={x}"
            )
        *others, last = x
        taken = [i for i in range(1, len(x)) if genes[f"from_{i}"]]
        inputs = [*(others[i - 1] for i in taken), last]
        text = "input " + ", ".join(str(i) for i in [*taken, len(x)])
        if taken:
            fitted = [fit(site, others[i - 1], like=last) for i in taken]
            last = site.layer(JOINS[genes["join"]])([*fitted, last])
            text += f", {genes['join']}"
        return site.done(last, "inputs", text, inputs)


JOINS = {"add": layers.Add, "concatenate": layers.Concatenate}


def call(
    piece: Piece, hp: kt.HyperParameters, x: Any, name: str, mask: Any
) -> Any:
    """Calls a block, or a function, which may know nothing of masks.

    A function is noted for what it is, unless it calls blocks, which note
    themselves.
    """
    if isinstance(piece, Block):
        return piece(hp, x, name, mask)
    site = Site(hp, name)
    y = piece(hp, x, name)
    if not hasattr(y, "shape"):
        raise ValueError(
            f"{getattr(piece, '__name__', piece)!r}, a function for a block, "
            f"must return a tensor. Received: {y!r}"
        )
    if y is x or site.has_noted_parts():
        return y
    site.adopt(x, y)
    return site.done(y, "function", getattr(piece, "__name__", repr(piece)))
