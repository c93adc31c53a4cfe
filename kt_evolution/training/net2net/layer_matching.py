"""Which layers of two builds of a hypermodel have the same role."""

import re
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np

from kt_evolution.keras_tuner_bridge import private_api

# The counter with which Keras makes the names of a class unique.
_COUNTER = re.compile(r"_\d+$")

Pair = tuple[Any, Any]


def matched_layers(child: Any, parent: Any) -> list[Pair]:
    """Returns the layers of two models that have the same role.

    Within models or layers that correspond, layers correspond if they have the
    same class and the same name. Names that Keras makes differ from build to
    build: layers with such names correspond in their order for each class.
    If one model has more of them, those correspond whose shapes overlap most.

    Args:
        child: A Keras model, whose layers are built.
        parent: A Keras model, likewise.

    Returns:
        List of pairs of layers, each of the child with one of the parent, from
        the outside to the inside, the models themselves first.
    """
    pairs: list[Pair] = []
    seen: set[int] = set()
    waiting = [(child, parent)]
    while waiting:
        pair = waiting.pop(0)
        if id(pair[0]) not in seen:
            seen.add(id(pair[0]))
            pairs.append(pair)
            inside = [private_api.layers_inside(layer) for layer in pair]
            waiting += _matched(*inside)
    return pairs


def own_weights(layer: Any) -> list[Any]:
    """Returns the weights of a layer that are not those of layers inside."""
    inside = {
        id(weight)
        for inner in private_api.layers_inside(layer)
        for weight in inner.weights
    }
    return [weight for weight in layer.weights if id(weight) not in inside]


def _matched(children: list[Any], parents: list[Any]) -> Iterator[Pair]:
    """Yields the pairs among the layers of one container."""
    named = {_role(layer): layer for layer in parents if _is_named(layer)}
    rest: dict[str, tuple[list[Any], list[Any]]] = {}
    found = set()
    for layer in children:
        same = named.get(_role(layer)) if _is_named(layer) else None
        if same is not None and id(same) not in found:
            found.add(id(same))
            yield layer, same
        else:
            rest.setdefault(_group(layer), ([], []))[0].append(layer)
    for layer in parents:
        if id(layer) not in found:
            rest.setdefault(_group(layer), ([], []))[1].append(layer)
    for group in rest.values():
        yield from _in_order(*group)


def _class_of(layer: Any) -> str:
    """Returns the name of a class; a function may define it in each build."""
    return f"{type(layer).__module__}.{type(layer).__qualname__}"


def _role(layer: Any) -> tuple[str, str]:
    return _class_of(layer), layer.name


def _group(layer: Any) -> str:
    """Returns what is equal for layers that may correspond by their order."""
    name = "" if not _is_named(layer) else _COUNTER.sub("", layer.name)
    return f"{_class_of(layer)} {name}"


def _is_named(layer: Any) -> bool:
    """Returns whether a name is the user's, not one that Keras made."""
    made = re.sub(r"\W+", "", type(layer).__name__)
    made = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", made)
    made = re.sub("([a-z])([A-Z])", r"\1_\2", made).lower()
    return bool(_COUNTER.sub("", layer.name) != made)


def _in_order(
    children: Sequence[Any], parents: Sequence[Any]
) -> Iterator[Pair]:
    """Yields pairs in order, those whose shapes overlap most."""
    if len(children) == len(parents):
        yield from zip(children, parents, strict=True)
        return
    overlaps = np.array(
        [[_overlap(one, other) for other in parents] for one in children]
    ).reshape(len(children), len(parents))
    # The best sum for the layers from these on: Needleman and Wunsch (1970).
    best = np.zeros((len(children) + 1, len(parents) + 1))
    for i in reversed(range(len(children))):
        for j in reversed(range(len(parents))):
            best[i, j] = max(
                overlaps[i, j] + best[i + 1, j + 1],
                best[i + 1, j],
                best[i, j + 1],
            )
    i = j = 0
    while i < len(children) and j < len(parents):
        if best[i, j] == overlaps[i, j] + best[i + 1, j + 1]:
            yield children[i], parents[j]
            i, j = i + 1, j + 1
        elif best[i, j] == best[i + 1, j]:
            i += 1
        else:
            j += 1


def _overlap(child: Any, parent: Any) -> float:
    """Returns which part of the weights of two layers overlaps.

    It is small, but not 0, for layers without weights.
    """
    shapes = [
        [tuple(weight.shape) for weight in layer.weights]
        for layer in (child, parent)
    ]
    common = union = 1e-3
    for one, other in zip(*shapes, strict=False):
        if len(one) == len(other):
            common += float(np.prod(np.minimum(one, other)))
    union += sum(float(np.prod(shape)) for shape in (*shapes[0], *shapes[1]))
    return common / max(union - common + 1e-3, 1e-3)
