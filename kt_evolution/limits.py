"""Limits: bounds on costs, metrics and hyperparameters of models."""

import math
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kt_evolution.algorithm.checks import is_number
from kt_evolution.algorithm.checks import named_arguments
from kt_evolution.algorithm.checks import native_number
from kt_evolution.keras_tuner_bridge.errors import fatal_type_error
from kt_evolution.keras_tuner_bridge.errors import fatal_value_error
from kt_evolution.keras_tuner_bridge.objectives import did_you_mean_metric
from kt_evolution.keras_tuner_bridge.trial_metrics import NUM_EXECUTIONS
from kt_evolution.keras_tuner_bridge.trial_metrics import is_unknown_spread

if TYPE_CHECKING:
    import keras_tuner as kt


class Limit:
    """A bound on a cost, a metric or the hyperparameters of models.

    Limits on costs of a build (`"params"`, `"trainable_params"`) and on
    hyperparameters (a function) are checked before a trial exists, so that no
    trial is spent. For limits on metrics the search learns which models are
    likely to be within them.

    Example:

    ```python
    tuner = kt_evolution.EvolutionTuner(
        build_model,
        objective="val_accuracy",
        limits=[
            kt_evolution.Limit("params", max=200_000),
            kt_evolution.Limit("val_loss", max=0.5),
            kt_evolution.Limit(lambda hp: hp["layers"] * hp["units"] <= 512),
        ],
    )
    ```

    Args:
        what: String, the name of a cost or of a metric; or a function that
            takes the `keras_tuner.HyperParameters` of a model and returns
            whether it is allowed.
        max: Float, the largest allowed value. Defaults to no bound.
        min: Float, the smallest allowed value. Defaults to no bound.
    """

    @named_arguments
    def __init__(
        self,
        what: "str | Callable[[kt.HyperParameters], bool]",
        max: float | None = None,
        min: float | None = None,
    ) -> None:
        if isinstance(what, str) == (max is None and min is None):
            raise ValueError(
                "A `Limit` needs `max` or `min` for a cost or a metric, and "
                f"neither for a function. Received: what={what!r}, "
                f"max={max}, min={min}"
            )
        if what == "" or not (isinstance(what, str) or callable(what)):
            raise TypeError(
                "`what` must be the name of a cost or a metric, or a function "
                f"of the hyperparameters. Received: what={what!r} "
                f"(of type {type(what).__name__})"
            )
        for name, bound in (("max", max), ("min", min)):
            if bound is not None and not (
                is_number(bound) and math.isfinite(bound)
            ):
                raise ValueError(
                    f"`{name}` must be a finite number. "
                    f"Received: {name}={bound!r}"
                )
        if max is not None and min is not None and max < min:
            raise ValueError(
                "`max` must not be less than `min`. "
                f"Received: max={max}, min={min}"
            )
        # They are stored with the search.
        self.max = None if max is None else native_number(max)
        self.min = None if min is None else native_number(min)
        self.is_function = callable(what)
        self._what = what

    @property
    def name(self) -> str:
        """String, the name of the cost, the metric or the function."""
        if isinstance(self._what, str):
            return self._what
        return getattr(self._what, "__name__", repr(self._what))

    def __repr__(self) -> str:
        bounds = "".join(
            f", {name}={bound}"
            for name, bound in (("max", self.max), ("min", self.min))
            if bound is not None
        )
        name = self.name if self.is_function else f'"{self.name}"'
        return f"Limit({name}{bounds})"

    def get_config(self) -> dict[str, str | float | None]:
        """Returns the arguments of a limit that is not a function."""
        return {"what": self.name, "max": self.max, "min": self.min}

    def violation(self, metrics: Mapping[str, float]) -> float:
        """Returns by which share of the bound a metric exceeds it.

        Args:
            metrics: Dict of names to values.

        Returns:
            Float, at most 0 if the limit holds.

        Raises:
            keras_tuner.errors.FatalError: If there is no such metric.
        """
        if self.name not in metrics:
            hint = did_you_mean_metric(self.name, metrics)
            raise fatal_value_error(
                "A `Limit` must name a metric of the trials or a measured "
                f"cost.{hint} Received: {self}, metrics={sorted(metrics)}"
            )
        value = metrics[self.name]
        beyond = []
        if self.max is not None:
            beyond.append((value - self.max) / _scale(self.max))
        if self.min is not None:
            beyond.append((self.min - value) / _scale(self.min))
        return max(beyond)

    def problem(
        self, hyperparameters: "kt.HyperParameters", costs: Mapping[str, float]
    ) -> str | None:
        """Returns why a built model is not allowed.

        Args:
            hyperparameters: The `keras_tuner.HyperParameters` of the model.
            costs: Dict of the costs that are known before training.

        Returns:
            String, or None if all known costs are within the limit.
        """
        if callable(self._what):
            allowed = self._ask(self._what, hyperparameters)
            return None if allowed else f"It is not allowed by {self}."
        if self.name in costs and self.violation(costs) > 0.0:
            return f"It has {costs[self.name]:,} {self.name}: {self}."
        return None

    def _ask(
        self,
        function: "Callable[[kt.HyperParameters], bool]",
        hyperparameters: "kt.HyperParameters",
    ) -> bool:
        try:
            allowed = function(hyperparameters)
        except KeyError as error:
            raise fatal_value_error(
                f"{self} needs a hyperparameter that this model lacks: "
                f"{error.args[0]} Where a model may not have it, use "
                "`hp.values.get(name)`. "
                f"Received: hp.values={hyperparameters.values}"
            ) from error
        if allowed is None:
            raise fatal_type_error(
                f"The function of {self} must return whether a model is "
                "allowed. Received: None. Did you forget `return`?"
            )
        return bool(allowed)


def violation_of(
    limit: Limit, metrics: Mapping[str, float], objectives: Sequence[str]
) -> float:
    """Returns `limit.violation` of a trial that may have one execution only.

    A time budget may end a trial after its first execution. The spread is not
    known then, so that a limit on it counts as kept.

    Args:
        limit: The `Limit`.
        metrics: Dict of the trial's metrics.
        objectives: List of the names of the objectives.
    """
    if is_unknown_spread(limit.name, metrics, objectives):
        return 0.0
    if limit.name == NUM_EXECUTIONS:
        metrics = {NUM_EXECUTIONS: 1.0, **metrics}
    return limit.violation(metrics)


def _scale(bound: float) -> float:
    return abs(bound) or 1.0
