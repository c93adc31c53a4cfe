"""Gives a model the weights of another one that is a little different.

Equal shapes are copied. Where a layer is wider, units are repeated, and what
takes them divides its weights among the repetitions, so that the model
computes what the other one did (Net2WiderNet). An additional layer passes on
what it gets (Net2DeeperNet). Where the graph of a model is not known, the parts
that overlap are copied.

Reference:
    Chen, Goodfellow & Shlens (2016), "Net2Net: Accelerating Learning via
    Knowledge Transfer".
"""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.training.net2net.feature_spaces import Features
from kt_evolution.training.net2net.feature_spaces import FeatureSpaces
from kt_evolution.training.net2net.feature_spaces import Space
from kt_evolution.training.net2net.layer_matching import matched_layers
from kt_evolution.training.net2net.layer_matching import own_weights
from kt_evolution.training.net2net.weight_axes import axes_of
from kt_evolution.training.net2net.weight_axes import name_of
from kt_evolution.training.net2net.weight_slices import Slice
from kt_evolution.training.net2net.weight_slices import take

# Repeated units get other gradients only if they differ: the noise of their
# weights, as a part of the standard deviation of the weights.
NOISE = 0.1


def transfer_weights(
    child: Any, parent: Any, rng: np.random.Generator
) -> float:
    """Gives a model what it can take of the weights of another one.

    Args:
        child: A Keras model, whose layers are built.
        parent: A Keras model, likewise.
        rng: The random generator of repeated units and of their noise.

    Returns:
        Float in [0, 1], the part of the child's weights that was taken.
    """
    num_taken = _Transfer(child, parent, rng).run()
    num_weights = sum(int(np.prod(each.shape)) for each in child.weights)
    return num_taken / num_weights if num_weights else 0.0


class _Transfer:
    """The transfer of one model's weights to another.

    Args:
        child: The model that takes weights.
        parent: The model that has them.
        rng: The random generator.
    """

    def __init__(
        self, child: Any, parent: Any, rng: np.random.Generator
    ) -> None:
        self._rng = rng
        self._pairs = matched_layers(child, parent)
        self._mine = FeatureSpaces(child)
        self._theirs = FeatureSpaces(parent)
        # The parent's space of each of the child's, None if there are several.
        self._partners: dict[Space, Space | None] = {}
        self._slices: dict[Space, Slice] = {}
        for layer, other in self._pairs:
            self._link(
                self._mine.outputs.get(id(layer)),
                self._theirs.outputs.get(id(other)),
            )
        self._passing = list(self._link_new_layers(child))

    def run(self) -> int:
        """Returns how many weights were taken."""
        num_taken = 0
        for layer, other in self._pairs:
            for mine, theirs in _same_weights(layer, other):
                num_taken += self._take(layer, other, mine, theirs)
        for layer in self._passing:
            self._pass_on(layer)
        return num_taken

    # Spaces.

    def _link(self, mine: Features | None, theirs: Features | None) -> None:
        """Makes the spaces of two layers of the same role partners."""
        if mine is None or theirs is None:
            return
        for one, other in zip(mine.parts, theirs.parts, strict=False):
            partner = self._partners.setdefault(one.root, other.root)
            if partner is not other.root:
                self._partners[one.root] = None

    def _link_new_layers(self, child: Any) -> Iterator[Any]:
        """Yields the layers without a partner that can pass on their input."""
        known = {id(layer) for layer, _ in self._pairs}
        for layer in _layers_of(child):
            if id(layer) in known or not _can_pass_on(layer):
                continue
            given = self._mine.inputs.get(id(layer))
            made = self._mine.outputs.get(id(layer))
            if given is None or made is None or len(given.parts) != 1:
                continue
            partner = self._partners.get(given.parts[0].root)
            space = made.parts[0].root
            if partner is not None and space not in self._partners:
                self._partners[space] = partner
                yield layer

    def _slice_of(self, space: Space) -> Slice | None:
        """Returns where the features of a space come from, if from one."""
        partner = self._partners.get(space)
        if partner is None or not space.size or not partner.size:
            return None
        if space not in self._slices:
            can_repeat = space.can_repeat and partner.can_repeat
            self._slices[space] = self._new_slice(
                space.size, partner.size, can_repeat
            )
        return self._slices[space]

    def _new_slice(self, size: int, other: int, can_repeat: bool) -> Slice:
        if size <= other or not can_repeat:
            return Slice.overlapping(size, other)
        # Each is repeated as often as any other, or once more.
        rounds = [
            self._rng.permutation(other) for _ in range((size - 1) // other)
        ]
        source = np.concatenate([np.arange(other), *rounds])
        return Slice.of(source[:size])

    def _sliced(
        self, mine: Features | None, theirs: Features | None
    ) -> Slice | None:
        """Returns where the features of an axis come from, if it is known."""
        if mine is None or theirs is None:
            return None
        sizes = [part.size or 0 for part in theirs.parts]
        starts = [0, *np.cumsum(sizes).tolist()]
        places = self._places(mine, theirs)
        if not any(place >= 0 for place in places):
            return None
        slices, offsets = [], []
        for part, place in zip(mine.parts, places, strict=True):
            found = self._slice_of(part.root) if place >= 0 else None
            if found is None:
                found = Slice.overlapping(part.size or 0, 0)
            slices.append(found)
            offsets.append(starts[max(place, 0)])
        return Slice.joined(slices, offsets)

    def _places(self, mine: Features, theirs: Features) -> list[int]:
        """Returns the place of each part's partner, -1 if it has none."""
        if mine.grid and len(mine.grid) == len(theirs.grid):
            return self._places_on_grid(mine, theirs)
        unused = list(range(len(theirs.parts)))
        places = []
        for number, part in enumerate(mine.parts):
            partner = self._partners.get(part.root)
            same = [i for i in unused if theirs.parts[i].root is partner]
            place = number if number in same else next(iter(same), -1)
            if place >= 0:
                unused.remove(place)
            places.append(place)
        return places

    def _places_on_grid(self, mine: Features, theirs: Features) -> list[int]:
        """Returns the places of features of positions around the center."""
        grids = [
            Slice.centered(size, other).source
            for size, other in zip(mine.grid, theirs.grid, strict=True)
        ]
        width = len(mine.parts) // int(np.prod(mine.grid))
        their_width = len(theirs.parts) // int(np.prod(theirs.grid))
        places = []
        for number, part in enumerate(mine.parts):
            position, channel = divmod(number, width)
            index = np.unravel_index(position, mine.grid)
            other = [grid[i] for grid, i in zip(grids, index, strict=True)]
            place = -1
            if min(other) >= 0 and channel < their_width:
                there = int(np.ravel_multi_index(other, theirs.grid))
                place = there * their_width + channel
                partner = self._partners.get(part.root)
                if theirs.parts[place].root is not partner:
                    place = -1
            places.append(place)
        return places

    # Weights.

    def _take(self, layer: Any, other: Any, mine: Any, theirs: Any) -> int:
        """Gives a weight what it can take, and returns how much that is."""
        value = keras.ops.convert_to_numpy(theirs)
        fresh = keras.ops.convert_to_numpy(mine)
        kinds = axes_of(layer, mine)
        slices = [
            self._axis(kind, size, its_size, layer, other)
            for kind, size, its_size in zip(
                kinds, fresh.shape, value.shape, strict=True
            )
        ]
        # A larger kernel of a convolution computes the same with zeros around.
        center = [i for i, kind in enumerate(kinds) if kind == "center"]
        whole, num_taken = take(fresh, value, slices, center)
        if value.ndim > 1:
            whole = self._with_noise(whole, value, kinds, slices)
        mine.assign(whole)
        return num_taken

    def _axis(
        self, kind: str, size: int, its_size: int, layer: Any, other: Any
    ) -> Slice:
        """Returns where the entries of an axis come from."""
        inputs = (self._mine.inputs, self._theirs.inputs)
        outputs = (self._mine.outputs, self._theirs.outputs)
        if kind == "center":
            return Slice.centered(size, its_size)
        if kind.startswith("head"):
            heads = Slice.of(np.arange(size) % its_size)
            return heads.shared if kind == "heads in" else heads
        found = None
        if kind in ("in", "channel"):
            known = [inputs[0].get(id(layer)), inputs[1].get(id(other))]
            found = self._sliced(*known)
        elif kind in ("out", "units", "gates"):
            known = [outputs[0].get(id(layer)), outputs[1].get(id(other))]
            found = self._sliced(*known)
        if found is not None and kind == "gates":
            number = size // len(found.source)
            starts = [gate * (its_size // number) for gate in range(number)]
            found = Slice.joined([found] * number, starts)
        if found is None or len(found.source) != size:
            return Slice.overlapping(size, its_size)
        return found.shared if kind in ("in", "units") else found

    def _with_noise(
        self,
        whole: np.ndarray,
        value: np.ndarray,
        kinds: Sequence[str],
        slices: Sequence[Slice],
    ) -> np.ndarray:
        """Returns a kernel whose repeated units are not quite equal."""
        for axis, (kind, one) in enumerate(zip(kinds, slices, strict=True)):
            if kind in ("out", "gates", "heads") and one.copies.any():
                shape = [1] * whole.ndim
                shape[axis] = -1
                noise = self._rng.normal(0.0, NOISE * value.std(), whole.shape)
                noise = noise * one.copies.reshape(shape)
                whole = (whole + noise).astype(whole.dtype)
        return whole

    def _pass_on(self, layer: Any) -> None:
        """Makes a layer return what it gets."""
        given = self._sliced_by_partner(self._mine.inputs[id(layer)])
        made = self._sliced_by_partner(self._mine.outputs[id(layer)])
        kernel = np.zeros(layer.kernel.shape)
        if kernel.shape[-2:] != (len(given.source), len(made.source)):
            return
        is_same = given.source[:, None] == made.source[None, :]
        is_same &= given.source[:, None] >= 0
        center = tuple((size - 1) // 2 for size in kernel.shape[:-2])
        kernel[center] = is_same * given.shared.scale[:, None]
        layer.kernel.assign(kernel)

    def _sliced_by_partner(self, features: Features) -> Slice:
        (part,) = features.parts
        found = self._slice_of(part.root)
        return Slice.overlapping(part.size or 0, 0) if found is None else found


def _layers_of(layer: Any) -> Iterator[Any]:
    for inner in private_api.layers_inside(layer):
        yield inner
        yield from _layers_of(inner)


def _can_pass_on(layer: Any) -> bool:
    """Returns whether a layer may return its input, if it is not negative."""
    if getattr(layer, "activation", None) not in (
        keras.activations.linear,
        keras.activations.relu,
    ):
        return False
    if type(layer) is layers.Dense:
        return True
    return (
        type(layer) in (layers.Conv1D, layers.Conv2D, layers.Conv3D)
        and set(layer.strides) == {1}
        and layer.padding == "same"
        and layer.groups == 1
    )


def _same_weights(layer: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """Yields the weights of two layers that have the same meaning."""
    mine, theirs = own_weights(layer), own_weights(other)
    if len(mine) != len(theirs):
        named = {name_of(weight): weight for weight in reversed(theirs)}
        pairs = [(one, named.get(name_of(one))) for one in mine]
    else:
        pairs = list(zip(mine, theirs, strict=True))
    for one, same in pairs:
        if same is not None and len(one.shape) == len(same.shape):
            yield one, same
