"""Checks early that training has the metrics that a search needs.

A mistyped objective would be noticed after the first training. Where nothing
but Keras itself makes the metrics, their names are known at the first batch.
"""

from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner as kt

from kt_evolution.costs.measurement import NAMES
from kt_evolution.costs.measurement import is_cost
from kt_evolution.costs.measurement import is_proxy
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.objectives import VALIDATION
from kt_evolution.keras_tuner_bridge.objectives import did_you_mean_metric
from kt_evolution.keras_tuner_bridge.objectives import infer_direction
from kt_evolution.keras_tuner_bridge.objectives import opposite_of
from kt_evolution.keras_tuner_bridge.scalars import as_number
from kt_evolution.keras_tuner_bridge.scalars import shape_of

# The host's name of the objective where none is given.
DEFAULT_OBJECTIVE = "default_objective"
# A model that overrides none of these has the same metrics in training and
# validation, and nothing adds to them.
STEPS = (
    "compute_metrics",
    "evaluate",
    "fit",
    "get_metrics_result",
    "make_test_function",
    "make_train_function",
    "test_step",
    "train_step",
)
# Keras's callbacks for the learning rate log it.
LEARNING_RATE = "learning_rate"


def check_metrics(
    argument: str, names: Collection[str], logs: Mapping[str, Any], source: str
) -> None:
    """Raises if metrics are missing, or are not single numbers.

    Args:
        argument: String, the argument that names them, for the error.
        names: Strings, the names of the metrics.
        logs: Dict of names to values of any kind.
        source: String, the name of the function that returns the metrics.

    Raises:
        keras_tuner.errors.FatalError: If a metric is missing; then no trial
            would have it.
    """
    for name in names:
        if name not in logs:
            raise kt.errors.FatalValueError(
                f"`{argument}` must be among the metrics that {source} "
                f"returns.{_hint(name, logs)} Received: "
                f"{argument}={sorted(names)}, metrics={sorted(logs)}"
            )
        if as_number(logs[name]) is None:
            raise kt.errors.FatalTypeError(
                f"`{argument}` must name a metric that is a single number."
                f"{_hint_for_value(logs[name])} Received: "
                f"{argument}={name!r}, metrics={sorted(logs)}"
            )


def _hint(name: str, logs: Mapping[str, Any]) -> str:
    """Returns a hint for a missing metric."""
    if name == DEFAULT_OBJECTIVE:
        return ' Give an `objective`, such as "val_loss".'
    if is_cost(name):
        return (
            " Costs are measured only for Keras models that the tuner builds "
            "and fits itself."
        )
    if is_proxy(name):
        return (
            " Proxies are measured only for Keras models that the tuner builds "
            "and fits itself. If one can't be measured, a warning says why."
        )
    is_validated = any(known.startswith(VALIDATION) for known in logs)
    if name.startswith(VALIDATION) and not is_validated:
        return (
            " Metrics that begin with val_ need `validation_data` or "
            "`validation_split`."
        )
    hint = did_you_mean_metric(name, logs) or did_you_mean_metric(name, NAMES)
    if hint:
        return hint
    return " Is it among the `metrics` of `compile`?" if "loss" in logs else ""


def _hint_for_value(value: Any) -> str:
    shape = shape_of(value)
    if not shape:
        return f" This one is {value!r}."
    return (
        f" This one has the shape {shape}: let the metric average over "
        'classes, as `keras.metrics.F1Score(average="macro")` does.'
    )


def can_add_metrics(callback: Any) -> bool:
    """Returns whether a callback may add metrics to the logs of an epoch."""
    home = type(callback).__module__.partition(".")[0]
    is_known = home in ("keras", "keras_tuner", "kt_evolution")
    return not is_known or isinstance(callback, keras.callbacks.LambdaCallback)


class MetricCheck(keras.callbacks.Callback):
    """Ends a search at the first batch if a metric will be missing.

    It is for a training in which only the model makes metrics.

    Args:
        wanted: Dict of the arguments that name metrics to these names.
        arguments: Dict of the arguments of `keras.Model.fit` by name.
    """

    def __init__(
        self,
        wanted: Mapping[str, Collection[str]],
        arguments: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self._wanted = {
            argument: sorted(set(names) - {LEARNING_RATE})
            for argument, names in wanted.items()
        }
        self._is_validated = arguments.get("validation_data") is not None or (
            bool(arguments.get("validation_split"))
        )
        self._validation_freq = arguments.get("validation_freq", 1)
        self._is_first_batch = self._is_first_epoch = True

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if not self._is_first_batch:
            return
        self._is_first_batch = False
        known = dict(logs or {})
        is_standard = not _overrides(self.model, STEPS)
        if self._is_validated and is_standard:
            known |= {VALIDATION + name: x for name, x in known.items()}
        self._check(known, knows_validation=is_standard)

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if self._is_first_epoch:
            self._is_first_epoch = False
            self._check(logs or {}, self._validation_freq == 1)

    def _check(self, logs: Mapping[str, Any], knows_validation: bool) -> None:
        """Checks the metrics that must be in the logs by now."""
        if _overrides(self.model, ["fit"]):
            return
        waits = self._is_validated and not knows_validation
        for argument, names in self._wanted.items():
            due = [
                name
                for name in names
                if not (waits and name.startswith(VALIDATION))
            ]
            check_metrics(argument, due, logs, "training")


class DirectionCheck(keras.callbacks.Callback):
    """Ends a search at the first batch if an objective has another direction.

    A model may be compiled with the loss `CosineSimilarity` as a metric, which
    is logged under the name of the metric.

    Args:
        directions: Dict of the metrics of objectives that were given as
            strings to the directions of their names.
    """

    def __init__(self, directions: Mapping[str, str]) -> None:
        super().__init__()
        self._directions = directions
        self._is_first_batch = True

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if not self._is_first_batch:
            return
        self._is_first_batch = False
        for name, direction in self._directions.items():
            found = {
                _direction_of(metric)
                for metric in _compiled_metrics(self.model)
                if metric.name == name.removeprefix(VALIDATION)
            }
            opposite = opposite_of(direction)
            if found == {opposite}:
                raise kt.errors.FatalValueError(
                    "`objective` must be a `keras_tuner.Objective` where a "
                    "metric is not the one that its name says: "
                    f'`keras_tuner.Objective("{name}", "{opposite}")`. '
                    f"Received: objective={name!r}"
                )


def _compiled_metrics(model: Any) -> list[Any]:
    return [
        metric
        for each in model.metrics
        for metric in getattr(each, "metrics", [each])
    ]


def _direction_of(metric: Any) -> str | None:
    """Returns the direction of a metric by its class or function."""
    function = private_api.wrapped_function(metric)
    if isinstance(function, keras.losses.Loss) or (
        function in vars(keras.losses).values()
    ):
        return "min"
    return infer_direction(type(metric).__name__)


def _overrides(model: Any, names: Collection[str]) -> bool:
    """Returns whether a model or its class has methods of its own."""
    return any(
        name in vars(model)
        or getattr(type(model), name) is not getattr(keras.Model, name)
        for name in names
    )
