"""The epochs of one training, over all of its runs, and how good it was."""

import dataclasses
import math
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt

from kt_evolution.costs.measurement import TRAIN_SECONDS
from kt_evolution.keras_tuner_bridge.objectives import names_of
from kt_evolution.training.history_epochs import fill_history
from kt_evolution.training.metrics import metrics_of


@dataclasses.dataclass
class Curve:
    """The epochs that one training has had so far.

    Args:
        epochs: List of ints, the numbers of the epochs.
        logs: List of dicts, the logs of each epoch.
        seconds: List of floats, for how long training had taken after each.
    """

    epochs: list[int] = dataclasses.field(default_factory=list)
    logs: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    seconds: list[float] = dataclasses.field(default_factory=list)

    def add(
        self, epoch: int, logs: Mapping[str, Any] | None, seconds: float
    ) -> None:
        """Adds an epoch."""
        self.epochs.append(epoch)
        self.logs.append(dict(logs or {}))
        self.seconds.append(seconds)

    @property
    def num_epochs(self) -> int:
        """Int, after how many epochs of the search it ends."""
        return self.epochs[-1] + 1 if self.epochs else 0

    @property
    def total_seconds(self) -> float:
        """Float, for how long it took."""
        return self.seconds[-1] if self.seconds else 0.0

    @property
    def names(self) -> set[str]:
        """Set of the names of the metrics that an epoch has."""
        return set().union(*self.logs)

    def as_history(self) -> keras.callbacks.History:
        """Returns the result of `keras.Model.fit`."""
        history = keras.callbacks.History()
        fill_history(history, self.epochs, self.logs)
        return history

    def has(self, names: Iterable[str]) -> bool:
        """Returns whether it has an epoch, and metrics with these names."""
        return bool(self.epochs) and self.names >= set(names)

    def until(self, num_epochs: int) -> "Curve":
        """Returns the curve that ends after some epochs of the search."""
        count = sum(epoch < num_epochs for epoch in self.epochs)
        return Curve(
            self.epochs[:count], self.logs[:count], self.seconds[:count]
        )


def num_epochs_of(result: Any) -> int | None:
    """Returns after how many epochs a training ended, None if not known.

    Args:
        result: The result of `fit`, a `History` or what a user's returns.
    """
    if isinstance(result, keras.callbacks.History) and result.epoch:
        return int(result.epoch[-1]) + 1
    return None


def rungs_reached(
    curve: Curve,
    result: Any,
    is_paused: bool,
    rungs: Sequence[int],
    objective: kt.Objective,
    source: str,
    costs: Mapping[str, float],
    limited: Collection[str],
) -> list[dict[str, Any]]:
    """Returns what a training would have come to if it had ended at a rung.

    Args:
        curve: The `Curve` of the training.
        result: The result of `fit`. How good the training was at rungs that it
            passed is only known if this is a `History`.
        is_paused: Bool, whether the training was paused at its last epoch,
            which is then a rung, too.
        rungs: The epochs of the rungs. Those that it did not reach, and those
            at which it had no finite score, are left out.
        objective: The `keras_tuner.Objective`.
        source: String, the name of the function that returned the result.
        costs: Dict of the costs after the training.
        limited: Strings, the names of metrics that are limited.

    Returns:
        List of dicts, see `rungs_of`.
    """
    if not rungs:
        return []
    reached = []
    needed = {*names_of(objective), *curve.names.intersection(limited)}
    if isinstance(result, keras.callbacks.History):
        last = curve.num_epochs + (not is_paused)
        for num_epochs in rungs[:-1]:
            part = curve.until(num_epochs)
            if num_epochs < last and part.has(needed - costs.keys()):
                seconds = {TRAIN_SECONDS: part.total_seconds}
                found = metrics_of(
                    part.as_history(),
                    objective,
                    source,
                    {**costs, **seconds},
                    limited,
                )
                reached.append((num_epochs, *found))
    if is_paused:
        found = metrics_of(result, objective, source, costs, limited)
        reached.append((curve.num_epochs, *found))
    return [
        {"epochs": num_epochs, "best_step": best_step, "metrics": metrics}
        for num_epochs, metrics, best_step in reached
        if math.isfinite(metrics[objective.name])
    ]
