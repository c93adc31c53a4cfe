"""The plan of the trainings of a search: what all of its trials share."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt

from kt_evolution.costs import measurement
from kt_evolution.keras_tuner_bridge.objectives import directions_of
from kt_evolution.keras_tuner_bridge.objectives import inferred_directions
from kt_evolution.keras_tuner_bridge.objectives import names_of
from kt_evolution.keras_tuner_bridge.trial_metrics import execution_metrics
from kt_evolution.limits import Limit


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """The settings that the trainings of all trials of a tuner share.

    Args:
        objective: The `keras_tuner.Objective`.
        measured: Frozenset of the costs and proxies that are measured.
        proxies: Tuple of the proxies that are inputs of the search.
        limited: Frozenset of the names of costs and metrics that are limited.
        expected: Dict of arguments to the metrics that training must have.
        inferred: Dict of objectives to the directions that their names imply.
        time_budget: Float, in seconds.
        is_time_over: Function without arguments.
    """

    objective: kt.Objective
    measured: frozenset[str]
    proxies: tuple[str, ...]
    limited: frozenset[str]
    expected: Mapping[str, set[str]]
    inferred: Mapping[str, str]
    time_budget: float
    is_time_over: Callable[[], bool]

    @classmethod
    def of_search(
        cls,
        objective: kt.Objective,
        given_objective: Any,
        limits: Sequence[Limit],
        requested: Sequence[str],
        time_budget: float,
        is_time_over: Callable[[], bool],
    ) -> "TrainingPlan":
        """Returns the plan of a search.

        Args:
            objective: The `keras_tuner.Objective`.
            given_objective: The user's argument `objective`.
            limits: The `Limit`s of the search.
            requested: The costs that the user wants measured.
            time_budget: Float, in seconds.
            is_time_over: Function without arguments.
        """
        limited = frozenset(limit.name for limit in limits)
        named = {*directions_of(objective), *limited}
        others = {*measurement.NAMES, *execution_metrics(objective)}
        on_metrics = {limit.name for limit in limits if not limit.is_function}
        return cls(
            objective=objective,
            measured=frozenset(
                {*requested, *named.intersection(measurement.NAMES)}
            ),
            proxies=tuple(filter(measurement.is_proxy, requested)),
            limited=limited,
            expected={
                "objective": set(names_of(objective)) - others,
                "limits": on_metrics - others,
            },
            inferred=inferred_directions(given_objective),
            time_budget=time_budget,
            is_time_over=is_time_over,
        )
