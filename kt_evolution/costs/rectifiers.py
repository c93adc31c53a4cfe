"""Rectifiers of a model, and what takes the place of parts of its layers.

Rectifiers are ReLU and activations of its sign, such as GELU and SiLU.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

# A layer, one of its attributes, and what takes the attribute's place.
Replacement = tuple[Any, str, Any]


def known(module: Any, *names: str) -> tuple[Any, ...]:
    """Returns what this version of Keras has of some names."""
    return tuple(getattr(module, name) for name in names if name in dir(module))


# Their outputs are positive where their inputs are.
RECTIFIERS = known(
    keras.activations,
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "celu",
    "gelu",
    "silu",
    "hard_silu",
    "mish",
)
RECTIFIER_LAYERS = (
    keras.layers.ELU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
)


def is_rectified(layer: Any) -> bool:
    """Returns whether the activation of a layer is a rectifier."""
    return vars(layer).get("activation") in RECTIFIERS


@contextlib.contextmanager
def replaced(replacements: Iterator[Replacement]) -> Iterator[None]:
    """Gives attributes of layers other values meanwhile.

    They are set past the layers, which would track them as their own.
    """
    with contextlib.ExitStack() as stack:
        for layer, name, value in list(replacements):
            attributes = layer.__dict__
            if name in attributes:
                stack.callback(attributes.__setitem__, name, attributes[name])
            else:
                stack.callback(attributes.__delitem__, name)
            attributes[name] = value
        yield
