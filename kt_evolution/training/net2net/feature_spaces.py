"""Which axes of the weights of a model belong together.

The units of a layer are the columns of its kernel, the channels of the batch
normalization after it, and rows of the kernels of the layers that take its
output. All these axes have one *space* of features: what is done to one of
them has to be done to all.
"""

import dataclasses
import math
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from keras import layers

from kt_evolution.keras_tuner_bridge import private_api

# Layers whose output features are columns of a kernel.
DENSE = (layers.Dense, layers.EinsumDense)
CONVOLUTIONS = (
    *(layers.Conv1D, layers.Conv2D, layers.Conv3D),
    *(layers.SeparableConv1D, layers.SeparableConv2D),
    *(layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose),
)
RECURRENT = (layers.LSTM, layers.GRU, layers.SimpleRNN)
MAKERS = (
    *DENSE,
    *CONVOLUTIONS,
    *RECURRENT,
    layers.Embedding,
    layers.MultiHeadAttention,
)
# Layers with a weight for each feature, which keep the features as they are.
PER_FEATURE = (
    layers.BatchNormalization,
    layers.GroupNormalization,
    layers.LayerNormalization,
    layers.Normalization,
    layers.PReLU,
    layers.RMSNormalization,
    *(layers.DepthwiseConv1D, layers.DepthwiseConv2D),
)
# Operations that mix axes although the last one may keep its size.
_MIXING = ("Permute", "Transpose", "Swapaxes", "Moveaxis", "Roll", "Flip")


class Space:
    """Features that a layer makes, or several layers whose sum is taken.

    Args:
        size: Int, the number of features.
        can_repeat: Bool, whether a feature may be there several times, since
            all layers that make and take them are known.
    """

    def __init__(self, size: int | None, can_repeat: bool) -> None:
        self.size = size
        self.can_repeat = can_repeat
        self._joined: Space | None = None

    @property
    def root(self) -> "Space":
        """The `Space` that stands for all that are joined with it."""
        space = self
        while space._joined is not None:
            space = space._joined
        return space

    def join(self, other: "Space") -> None:
        """Makes two spaces one: their features are added, for instance."""
        one, two = self.root, other.root
        if one is not two:
            two._joined = one
            one.can_repeat &= two.can_repeat


@dataclasses.dataclass(frozen=True)
class Features:
    """The last axis of a tensor.

    Args:
        parts: Tuple of the `Space`s of which it consists.
        grid: Tuple of ints, the shape of the positions whose features were
            put one after another, as `Flatten` does. Defaults to none.
    """

    parts: tuple[Space, ...]
    grid: tuple[int, ...] = ()

    def join(self, others: Iterable["Features"]) -> bool:
        """Joins equal parts, and returns whether all have the same parts."""
        sizes = [part.size for part in self.parts]
        for other in others:
            if [part.size for part in other.parts] != sizes:
                return False
            for one, two in zip(self.parts, other.parts, strict=True):
                one.join(two)
        return True

    def forbid_repeats(self) -> None:
        """Lets each feature be there once."""
        for part in self.parts:
            part.root.can_repeat = False


class FeatureSpaces:
    """The spaces of all layers of a model whose graph is known.

    Args:
        model: The Keras model, whose layers are built.

    Attributes:
        inputs: Dict of the ids of layers to the `Features` of their inputs.
        outputs: Dict of the ids of layers to the `Features` that they make.
    """

    def __init__(self, model: Any) -> None:
        self.inputs: dict[int, Features] = {}
        self.outputs: dict[int, Features] = {}
        self._traced: set[int] = set()
        self._trace_inside(model)

    def _trace_inside(self, layer: Any) -> None:
        """Traces the outermost graphs in a layer."""
        if id(layer) in self._traced:
            return
        self._traced.add(id(layer))
        if private_api.graph_of(layer):
            # What becomes of its output is not known.
            for features in self._trace(layer, []):
                features.forbid_repeats()
        for inner in private_api.layers_inside(layer):
            self._trace_inside(inner)

    def _trace(self, model: Any, given: Sequence[Features]) -> list[Features]:
        """Traces a graph, and returns the features of its outputs.

        Args:
            model: The model.
            given: List of the `Features` of its inputs; empty if they are not
                known.
        """
        self._traced.add(id(model))
        found: dict[int, Features] = {}
        if len(given) == len(model.inputs):
            pairs = zip(model.inputs, given, strict=True)
            found = {id(tensor): features for tensor, features in pairs}
        for operation, inputs, outputs in private_api.graph_of(model):
            made = self._follow(
                operation, inputs, outputs, [found[id(x)] for x in inputs]
            )
            for tensor, features in zip(outputs, made, strict=True):
                found.setdefault(id(tensor), features)
        return [found[id(tensor)] for tensor in model.outputs]

    def _follow(
        self,
        operation: Any,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        given: Sequence[Features],
    ) -> list[Features]:
        """Returns the features of the outputs of an operation."""
        if private_api.graph_of(operation):
            made = self._trace(operation, given)
            if len(made) == len(outputs):
                return made
        if len(outputs) == 1 and given:
            kept = self._kept(operation, inputs, outputs[0], given)
            if kept is not None:
                return [kept]
            if isinstance(operation, layers.Bidirectional):
                return [self._bidirectional(operation, outputs[0], given[0])]
        if not isinstance(operation, MAKERS):
            # It may do anything with its inputs.
            for features in given:
                features.forbid_repeats()
        return [
            self._made(operation, tensor, given) if not place else _new(tensor)
            for place, tensor in enumerate(outputs)
        ]

    def _kept(
        self,
        operation: Any,
        inputs: Sequence[Any],
        output: Any,
        given: Sequence[Features],
    ) -> Features | None:
        """Returns the features of an output that has those of its inputs."""
        size = _size_of(output)
        is_known = isinstance(operation, PER_FEATURE)
        if is_known:
            self._note(self.inputs, operation, given[0])
        elif getattr(operation, "weights", []):
            return None
        kind = type(operation).__name__
        if size is None or kind in _MIXING or _is_channels_first(operation):
            return None
        if kind == "Concatenate":
            is_last = operation.axis in (-1, len(output.shape) - 1)
            parts = [part for each in given for part in each.parts]
            return Features(tuple(parts)) if is_last else None
        sizes = [_size_of(tensor) for tensor in inputs]
        if sizes == [size] * len(inputs):
            return given[0] if given[0].join(given[1:]) else None
        if len(inputs) > 1:
            # A single number for each position, such as that of attention.
            wide = [
                features
                for each, features in zip(sizes, given, strict=True)
                if each != 1
            ]
            is_same = set(sizes) == {1, size}
            return wide[0] if is_same and wide[0].join(wide[1:]) else None
        return _flattened(inputs[0], output, given[0])

    def _made(
        self, layer: Any, output: Any, given: Sequence[Features]
    ) -> Features:
        """Returns the features that a layer makes, the same in each call."""
        if isinstance(layer, layers.TimeDistributed):
            layer = layer.layer
        target = layer.cell if isinstance(layer, RECURRENT) else layer
        is_maker = isinstance(layer, MAKERS) and not _is_channels_first(layer)
        features = Features((Space(_size_of(output), is_maker),))
        features = self.outputs.setdefault(id(target), features)
        if given and is_maker:
            self._note(self.inputs, target, given[0])
        if isinstance(layer, layers.MultiHeadAttention):
            self._attention(layer, features, given)
        return features

    def _attention(
        self, layer: Any, made: Features, given: Sequence[Features]
    ) -> None:
        """Notes the features of the projections of an attention."""
        # Keys are the values where none are given.
        query, value, key = (*given, given[-1], given[-1])[:3]
        inner = {each.name: each for each in private_api.layers_inside(layer)}
        for name, features in zip(
            ("query", "value", "key"), (query, value, key), strict=True
        ):
            if name in inner:
                self._note(self.inputs, inner[name], features)
        if "attention_output" in inner:
            self.outputs[id(inner["attention_output"])] = made

    def _bidirectional(
        self, layer: Any, output: Any, given: Features
    ) -> Features:
        """Returns the features of both directions, one after the other."""
        cells = [
            getattr(one, "cell", one)
            for one in (layer.forward_layer, layer.backward_layer)
        ]
        is_known = isinstance(layer.forward_layer, RECURRENT)
        if layer.merge_mode != "concat" or not is_known:
            given.forbid_repeats()
            return _new(output)
        parts: list[Space] = []
        for cell in cells:
            self._note(self.inputs, cell, given)
            made = Features((Space(output.shape[-1] // 2, True),))
            parts += self.outputs.setdefault(id(cell), made).parts
        return Features(tuple(parts))

    def _note(
        self, known: dict[int, Features], layer: Any, given: Features
    ) -> None:
        """Notes the input of a layer; one that is called twice has one."""
        if not known.setdefault(id(layer), given).join([given]):
            given.forbid_repeats()


def _new(tensor: Any) -> Features:
    return Features((Space(_size_of(tensor), can_repeat=False),))


def _size_of(tensor: Any) -> int | None:
    return tensor.shape[-1] if len(tensor.shape) > 1 else None


def _is_channels_first(operation: Any) -> bool:
    return getattr(operation, "data_format", None) == "channels_first"


def _flattened(tensor: Any, output: Any, given: Features) -> Features | None:
    """Returns the features of all positions, if they were put in one axis."""
    positions = tuple(tensor.shape[1:-1])
    if len(output.shape) != 2 or None in positions or not positions:
        return None
    number = math.prod(positions)
    if output.shape[-1] != number * (tensor.shape[-1] or 0):
        return None
    # `Flatten` is a consumer of all positions alike.
    return Features(given.parts * number, grid=positions)
