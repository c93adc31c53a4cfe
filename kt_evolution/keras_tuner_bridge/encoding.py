"""From Keras Tuner's hyperparameters to declarations and genes."""

import weakref
from collections.abc import Iterable
from typing import Any

import keras_tuner as kt
from keras_tuner.engine import hyperparameters as hp_module

from kt_evolution.algorithm.space.declarations import Declaration
from kt_evolution.algorithm.space.declarations import SpaceError
from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.algorithm.space.genes import gene_key
from kt_evolution.algorithm.space.genes import native

_KINDS = {
    hp_module.Boolean: "Boolean",
    hp_module.Choice: "Choice",
    hp_module.Fixed: "Fixed",
    hp_module.Int: "Int",
    hp_module.Float: "Float",
}
# Keys by the identity of hyperparameters, which never change.
_KEYS: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


def genes_of(hyperparameters: Iterable[Any]) -> list[Gene]:
    """Returns one gene for each hyperparameter.

    Args:
        hyperparameters: Iterable of Keras Tuner's `HyperParameter`s.

    Raises:
        SpaceError: If one of them has no searchable domain.
    """
    return [gene_of(hp) for hp in hyperparameters]


def gene_of(hp: Any) -> Gene:
    """Returns the gene of one Keras Tuner `HyperParameter`."""
    return declaration_of(hp).gene()


def declaration_of(hp: Any) -> Declaration:
    """Returns the `Declaration` of one Keras Tuner `HyperParameter`."""
    kind = next((_KINDS[one] for one in _KINDS if isinstance(hp, one)), None)
    if kind is None:
        raise SpaceError(
            f"Hyperparameter '{getattr(hp, 'name', hp)}' must be a Boolean, "
            f"Choice, Fixed, Float or Int. Received: {hp!r} "
            f"(of type {type(hp).__name__})"
        )
    domain: dict[str, Any] = {}
    if kind == "Choice":
        domain["values"] = tuple(native(value) for value in hp.values)
        domain["ordered"] = bool(hp.ordered)
    elif kind in ("Float", "Int"):
        for name in ("min_value", "max_value", "step", "sampling"):
            domain[name] = getattr(hp, name)
    return Declaration(
        kind, hp.name, native(hp.default), _conditions(hp), **domain
    )


def key_of(hp: Any) -> str:
    """Returns the key of a hyperparameter's gene.

    The key is cached, because each build needs the keys of the whole space.
    """
    if hp not in _KEYS:
        _KEYS[hp] = gene_key(hp.name, _conditions(hp))
    return _KEYS[hp]


def _conditions(hp: Any) -> tuple[Condition, ...]:
    conditions = []
    for condition in hp.conditions:
        if not hasattr(condition, "values"):
            raise SpaceError(
                f"The conditions of hyperparameter '{hp.name}' must compare "
                f"a parent with values. Received: {condition!r}"
            )
        values = tuple(native(value) for value in condition.values)
        conditions.append(Condition(condition.name, values))
    return tuple(conditions)


def check_given_space(hyperparameters: Any) -> None:
    """Raises if the argument `hyperparameters` is of another type.

    Args:
        hyperparameters: None or a `keras_tuner.HyperParameters`.

    Raises:
        TypeError: If it is neither.
    """
    if hyperparameters is not None and not isinstance(
        hyperparameters, kt.HyperParameters
    ):
        raise TypeError(
            "`hyperparameters` must be a `keras_tuner.HyperParameters`. "
            f"Received: hyperparameters={hyperparameters!r} "
            f"(of type {type(hyperparameters).__name__})"
        )
