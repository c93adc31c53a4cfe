"""The record of an expressed architecture.

Each block that is built notes a `Part`: where it is, what it is, how large it
is. The record of the last build with a `hp` is kept as long as the `hp` is,
as plain data: it holds no layer and no weight.
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

from kt_evolution.keras_tuner_bridge import private_api

# The kind of the part that tells how a model is trained.
TRAINING = "training"


@dataclasses.dataclass(frozen=True)
class Edge:
    """An operation in a cell, from one node to another.

    Args:
        source: String, for instance "input_1" or "node_2".
        target: String, for instance "node_3" or "output".
        operation: String, "" where nothing is done on the way.
    """

    source: str
    target: str
    operation: str = ""


@dataclasses.dataclass(frozen=True)
class Part:
    """A block of an expressed architecture.

    Args:
        path: String, where it is, for instance "stage_2/block_1".
        kind: String, what it is in one word, for instance "conv".
        text: String, what it is in a line.
        shape: Tuple, the shape of its output without the batch.
        params: Int, how many parameters its layers have.
        inputs: Tuple of the paths of the parts that it takes its input from;
            empty for the part that was noted before it.
        edges: Tuple of `Edge`s, if it is a cell.
    """

    path: str
    kind: str
    text: str
    shape: tuple[int | None, ...] = ()
    params: int = 0
    inputs: tuple[str, ...] = ()
    edges: tuple[Edge, ...] = ()


@dataclasses.dataclass
class Structure:
    """An expressed architecture: its parts, in the order of the build.

    Args:
        parts: List of `Part`s.
        tensors: The outputs of the parts by their paths, while they live.
        values: Dict of the hyperparameters as they were when the last part
            was begun. Defaults to none.
    """

    parts: list[Part] = dataclasses.field(default_factory=list)
    tensors: weakref.WeakValueDictionary[str, Any] = dataclasses.field(
        default_factory=weakref.WeakValueDictionary, compare=False, repr=False
    )
    values: dict[str, Any] = dataclasses.field(
        default_factory=dict, compare=False, repr=False
    )

    def sources_of(self, tensors: Iterable[Any]) -> list[str]:
        """Returns the paths of the parts that some tensors came out of.

        What layers between blocks made of them is not known.
        """
        paths = {id(x): path for path, x in self.tensors.items()}
        known = [paths[id(x)] for x in tensors if id(x) in paths]
        return list(dict.fromkeys(known))

    @property
    def params(self) -> int:
        """How many parameters all parts have."""
        return sum(part.params for part in self.parts)


_STRUCTURES: weakref.WeakKeyDictionary[kt.HyperParameters, Structure] = (
    weakref.WeakKeyDictionary()
)
# Hypermodels that can tell what architecture a `hp` of their space is.
_SPACES: weakref.WeakSet[Any] = weakref.WeakSet()


class Site:
    """Where a block builds: names its layers and counts their parameters.

    Example:

    ```python
    site = nas.Site(hp, "head")
    x = site.layer(keras.layers.Dense, 10)(x)
    x = site.done(x, "dense", "dense 10")
    ```

    Args:
        hp: The `keras_tuner.HyperParameters` of the build.
        name: String, the block's name within the open name scopes.
    """

    def __init__(self, hp: kt.HyperParameters, name: str) -> None:
        self.path = private_api.full_name(hp, name)
        structure = _STRUCTURES.get(hp)
        self._namesake = structure and structure.tensors.get(self.path)
        if structure is None or self._is_another_build(hp, structure):
            structure = begin(hp)
        structure.values = dict(hp.values)
        self._structure = structure
        self._parts_before = len(structure.parts)
        self._layers: dict[str, keras.layers.Layer] = {}

    def _is_another_build(
        self, hp: kt.HyperParameters, structure: Structure
    ) -> bool:
        # A name is of one place, and no value changes during a build.
        return any(part.path == self.path for part in structure.parts) or any(
            hp.values.get(name) != value
            for name, value in structure.values.items()
        )

    def layer(self, kind: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Makes a layer of this block.

        Args:
            kind: The class of the layer.
            *args: Arguments of the class.
            **kwargs: Further ones. A `name` takes the place of the class in
                the layer's name.

        Returns:
            The layer, to be called.
        """
        what = kwargs.pop("name", getattr(kind, "__name__", "layer").lower())
        # The name of a layer can't have a slash.
        base = re.sub(r"\W+", "_", f"{self.path}_{what}")
        name = base
        number = 1
        while name in self._layers:
            number += 1
            name = f"{base}_{number}"
        self._layers[name] = kind(*args, name=name, **kwargs)
        return self._layers[name]

    def has_noted_parts(self) -> bool:
        """Tells whether other blocks were noted since this one was begun."""
        return len(self._structure.parts) > self._parts_before

    def adopt(self, x: Any, y: Any) -> None:
        """Takes the layers between two tensors for those of this block."""
        layers = keras.Model(x, y).layers
        self._layers |= {layer.name: layer for layer in layers}

    def done(
        self,
        x: Any,
        kind: str,
        text: str,
        inputs: Iterable[Any] = (),
        edges: Iterable[Edge] = (),
    ) -> Any:
        """Notes the block and returns its output.

        Args:
            x: The output.
            kind: String, what it is in one word.
            text: String, what it is in a line.
            inputs: The tensors that went in, of a block with several. Defaults
                to what the block before gave.
            edges: `Edge`s, if it is a cell.

        Raises:
            ValueError: If a block before this one has the same name.
        """
        if self._namesake is not None and private_api.is_made_of(
            x, self._namesake
        ):
            raise ValueError(
                "The `name` of a block must be used once in a model. "
                f"Received: {self.path!r} a second time"
            )
        weights = [w for each in self._layers.values() for w in each.weights]
        params = sum(math.prod(weight.shape) for weight in weights)
        part = Part(
            self.path,
            kind,
            text,
            tuple(x.shape[1:]),
            params,
            tuple(self._structure.sources_of(inputs)),
            tuple(edges),
        )
        self._structure.parts.append(part)
        self._structure.tensors[self.path] = x
        return x


def begin(hp: kt.HyperParameters) -> Structure:
    """Starts the record of a build."""
    _STRUCTURES[hp] = Structure()
    return _STRUCTURES[hp]


def note_training(hp: kt.HyperParameters, name: str, text: str) -> None:
    """Notes how the model is trained."""
    structure = _STRUCTURES.get(hp) or begin(hp)
    path = private_api.full_name(hp, name)
    structure.parts = [part for part in structure.parts if part.path != path]
    structure.parts.append(Part(path, TRAINING, text))


def check_hyperparameters(hp: Any) -> None:
    """Raises if what a build is given is no hyperparameters."""
    if not isinstance(hp, kt.HyperParameters):
        raise TypeError(
            "`hp` must be a `keras_tuner.HyperParameters`. "
            f"Received: hp={hp!r} (of type {type(hp).__name__})"
        )


def remember_space(hypermodel: Any) -> None:
    """Makes a hypermodel known to `structure_of` while it lives."""
    _SPACES.add(hypermodel)


def structure_of(hp: kt.HyperParameters, hypermodel: Any = None) -> Structure:
    """Returns the architecture that hyperparameters express.

    Args:
        hp: The `keras_tuner.HyperParameters`.
        hypermodel: A `keras_tuner.HyperModel` or a build function. Defaults
            to what was last built with `hp`, and if nothing was, to the ready
            space that declares the hyperparameters of `hp`.

    Raises:
        ValueError: If the architecture is not known without a hypermodel, or
            if the hypermodel built no block.
        TypeError: If an argument is no hyperparameters or a class.
    """
    check_hyperparameters(hp)
    can_build = hasattr(hypermodel, "build") or callable(hypermodel)
    if isinstance(hypermodel, type) or not (hypermodel is None or can_build):
        raise TypeError(
            "`hypermodel` must be an instance of a `keras_tuner.HyperModel` "
            f"or a build function. Received: hypermodel={hypermodel!r}"
        )
    if hypermodel is not None:
        structure, _ = _rebuilt(hp, hypermodel)
        return structure
    if hp in _STRUCTURES:
        return _STRUCTURES[hp]
    known = {repr(each) for each in hp.space}
    found: list[Structure] = []
    for space in list(_SPACES) if known else []:
        try:
            structure, fresh = _rebuilt(hp, space)
        except Exception:
            # A space need not know what to do with the values of another.
            continue
        if {repr(each) for each in fresh.space} == known:
            found.append(structure)
    if not found or any(other != found[0] for other in found):
        names = [each.name for each in hp.space]
        raise ValueError(
            f"{'Several ready spaces have' if found else 'No ready space has'} "
            "the hyperparameters of `hp`. Pass `hypermodel=`, the hypermodel "
            "or the build function that they belong to. "
            f"Received: hp with {', '.join(names) or 'no hyperparameters'}"
        )
    return found[0]


def _rebuilt(
    hp: kt.HyperParameters, hypermodel: Any
) -> tuple[Structure, kt.HyperParameters]:
    fresh = kt.HyperParameters()
    fresh.values = dict(hp.values)
    with private_api.on_cpu():
        getattr(hypermodel, "build", hypermodel)(fresh)
    if fresh not in _STRUCTURES:
        raise ValueError(
            "`hypermodel` must build blocks of `kt_evolution.nas` with the "
            f"`hp` that it is given. Received: hypermodel={hypermodel!r}"
        )
    return _STRUCTURES[fresh], fresh
