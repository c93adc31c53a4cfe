"""Objectives: the names of their metrics, their directions and signs."""

from collections import Counter
from typing import Any

import keras_tuner as kt

from kt_evolution.keras_tuner_bridge.directions import close_metric
from kt_evolution.keras_tuner_bridge.directions import infer_direction


def as_objectives(objective: Any) -> Any:
    """Returns an objective in which strings have become `Objective`s.

    Args:
        objective: None, a string, `keras_tuner.Objective`, or a list or
            tuple of them.

    Raises:
        TypeError: If it is something else.
        ValueError: If the direction of a string is not known, if there is
            none in a list, or one twice.
    """
    if objective is None:
        return None
    if not isinstance(objective, (list, tuple)):
        return _as_objective(objective)
    several = [_as_objective(one) for one in objective]
    counts = Counter(one.name for one in several)
    twice = [name for name, count in counts.items() if count > 1]
    if twice or not several:
        received = [one.name for one in several]
        raise ValueError(
            "`objective` must name one metric or more, each of them once. "
            f"Received: objective={received!r}"
        )
    return several


def _as_objective(objective: Any) -> kt.Objective:
    if isinstance(objective, kt.Objective):
        return objective
    if not isinstance(objective, str):
        raise TypeError(
            "`objective` must be the name of a metric, a "
            "`keras_tuner.Objective`, or a list of them. "
            f"Received: objective={objective!r} "
            f"(of type {type(objective).__name__})"
        )
    direction = infer_direction(objective)
    if direction is None:
        close = close_metric(objective)
        hint = f' Did you mean "{close}"?' if close else ""
        raise ValueError(
            "`objective` must be a `keras_tuner.Objective` where the "
            "direction of its metric is not known: "
            f'`keras_tuner.Objective("{objective}", "max")` where higher is '
            'better, "min" where lower is. Received: '
            f"objective={objective!r}.{hint}"
        )
    return kt.Objective(objective, direction)


def inferred_directions(objective: Any) -> dict[str, str]:
    """Returns the directions of the objectives that are strings of Keras.

    Args:
        objective: A string, `keras_tuner.Objective`, or a list or tuple of
            them.
    """
    is_several = isinstance(objective, (list, tuple))
    several = objective if is_several else [objective]
    directions = {
        one: infer_direction(one) for one in several if isinstance(one, str)
    }
    return {
        name: direction
        for name, direction in directions.items()
        if direction is not None
    }


def directions_of(objective: kt.Objective) -> dict[str, str]:
    """Returns the direction of each metric that an objective names."""
    several = getattr(objective, "name_to_direction", {})
    return {**several, objective.name: objective.direction}


def objectives_of(objective: kt.Objective) -> list[kt.Objective]:
    """Returns the objectives that one consists of, or itself."""
    return list(getattr(objective, "objectives", [objective]))


def names_of(objective: kt.Objective) -> list[str]:
    """Returns the names of the metrics that an objective needs, sorted."""
    return sorted(one.name for one in objectives_of(objective))


def sign_of(objective: kt.Objective) -> float:
    """Returns the factor that makes lower values better."""
    return -1.0 if objective.direction == "max" else 1.0


def check_directions(objective: kt.Objective) -> None:
    """Raises if a direction of an objective is not one."""
    for name, direction in directions_of(objective).items():
        if direction not in ("min", "max"):
            raise ValueError(
                f"The direction of the objective '{name}' must be \"min\" or "
                f'"max". Received: direction={direction!r}'
            )
