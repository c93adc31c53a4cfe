"""Stopping rules: when a search has found, tried or taken enough."""

import abc
import dataclasses
import math
import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import check_several
from kt_evolution.algorithm.checks import is_number
from kt_evolution.algorithm.checks import named_arguments
from kt_evolution.keras_tuner_bridge.objectives import VERBS
from kt_evolution.keras_tuner_bridge.objectives import sign_of

# Names of Keras metrics that are in [0, 1], besides all "..._accuracy".
RATIOS = frozenset(
    {"accuracy", "acc", "auc", "precision", "recall", "f1_score", "mean_io_u"}
)
SECONDS = {"hours": 3600.0, "minutes": 60.0, "seconds": 1.0}


@dataclasses.dataclass(frozen=True)
class SearchProgress:
    """The state of a search that stopping rules see.

    Args:
        num_completed: Int, the number of completed trials.
        num_since_best: Int, the number of trials that were completed after
            the last one that was better than all before it; with several
            objectives, after the last one that is on the Pareto front.
        best: Float, the best score within all limits; None if there is none,
            or if there are several objectives.
        direction: String, "min" or "max".
        seconds: Float, for how long the search has run, pauses left out.
        epochs: Int, for how many epochs all trials together were, or are
            being, trained, see `EpochBudget`. It is 0 if `search` did not say
            how many epochs a training has. Defaults to 0.
    """

    num_completed: int
    num_since_best: int
    best: float | None
    direction: str
    seconds: float
    epochs: int = 0


class StoppingRule(abc.ABC):
    """Decides when a search ends. Subclass it to write a rule.

    Example:

    ```python
    class EnoughTrials(kt_evolution.StoppingRule):
        def reason(self, progress):
            if progress.num_completed >= 100:
                return "100 trials are enough"
            return None
    ```
    """

    @abc.abstractmethod
    def reason(self, progress: SearchProgress) -> str | None:
        """Returns why the search is to end, None if it goes on.

        Args:
            progress: The `SearchProgress` of the search.
        """

    def __repr__(self) -> str:
        values = (f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({', '.join(values)})"


class Target(StoppingRule):
    """Ends the search when the best score is good enough.

    Args:
        score: Float, the value of the objective to reach, from below if it is
            maximized and from above if it is minimized. The target of an
            accuracy or another ratio must be in [0, 1], that of a cost at
            least 0.
    """

    def __init__(self, score: float) -> None:
        if not is_number(score) or not math.isfinite(score):
            raise ValueError(
                f"`score` must be a finite number. Received: score={score!r}"
            )
        self.score = float(score)

    def reason(self, progress: SearchProgress) -> str | None:
        best = progress.best
        if best is None:
            return None
        sign = sign_of(progress.direction)
        if sign * best > sign * self.score:
            return None
        reason = f"the best score {best:g} reached the target {self.score:g}"
        if progress.num_completed > 1:
            return reason
        # The user may have given a score on the wrong side.
        verb = VERBS[progress.direction]
        return f"{reason} with the first trial (the objective is {verb}d)"


class Stagnation(StoppingRule):
    """Ends the search when the last trials have improved nothing.

    Args:
        trials: Int, how many completed trials in a row.
    """

    def __init__(self, trials: int) -> None:
        self.trials = check_count("trials", trials)

    def reason(self, progress: SearchProgress) -> str | None:
        if progress.num_since_best < self.trials:
            return None
        return f"{progress.num_since_best} trials in a row improved nothing"


class TimeBudget(StoppingRule):
    """Ends the search when its time is over.

    Time counts while the search runs, over all of its sessions. The running
    trial ends with its epoch, and is scored with what it has.

    Args:
        hours: Float. Defaults to 0.
        minutes: Float. Defaults to 0.
        seconds: Float. Defaults to 0.
    """

    @named_arguments
    def __init__(
        self, *, hours: float = 0.0, minutes: float = 0.0, seconds: float = 0.0
    ) -> None:
        parts = {"hours": hours, "minutes": minutes, "seconds": seconds}
        for name, value in parts.items():
            if not is_number(value) or not 0.0 <= value < math.inf:
                raise ValueError(
                    f"`{name}` must be a finite number of at least 0. "
                    f"Received: {name}={value!r}"
                )
        self.seconds = sum(
            float(value) * SECONDS[name] for name, value in parts.items()
        )
        if self.seconds == 0.0:
            raise ValueError(
                "A `TimeBudget` must be longer than 0. Received: "
                f"hours={hours}, minutes={minutes}, seconds={seconds}"
            )

    def reason(self, progress: SearchProgress) -> str | None:
        if progress.seconds < self.seconds:
            return None
        return f"the time budget of {self.seconds:g} s is over"


class EpochBudget(StoppingRule):
    """Ends the search when its trials were trained for so many epochs.

    A trial counts with the epochs that it was trained for, also if a callback
    ended its training early. Where they are not known, because
    `HyperModel.fit` returns another value than a `History`, it counts with the
    `epochs` of `search`. Of several executions of a trial the first counts.
    No training begins once the budget is spent, and the one that runs is not
    cut, so the last of them may exceed it. Before that, the paused trial that
    is probably the best is trained to its end.

    Args:
        epochs: Int, of all trials together.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = check_count("epochs", epochs)

    def reason(self, progress: SearchProgress) -> str | None:
        if progress.epochs < self.epochs:
            return None
        return f"the budget of {self.epochs} epochs is spent"


class StopAtEpochEnd(keras.callbacks.Callback):
    """Ends training with the epoch in which a time budget is over.

    Training goes on until it can be scored: with `validation_freq` validation
    does not run in each epoch.

    Args:
        is_over: Function without arguments, returns whether it is over.
        metrics: Strings, the metrics without which there is no score.

    Attributes:
        has_stopped: Bool, whether it ended the training, and no callback before
            it did.
    """

    def __init__(
        self, is_over: Callable[[], bool], metrics: Iterable[str]
    ) -> None:
        super().__init__()
        self.is_over = is_over
        self._missing = set(metrics)
        self.has_stopped = False

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._missing.difference_update(logs or {})
        if not self._missing and self.is_over():
            self.has_stopped = not self.model.stop_training
            self.model.stop_training = True


def check_rules(
    stop: Any,
    objectives: Sequence[kt.Objective],
    positive: Collection[str] = (),
) -> list[StoppingRule]:
    """Returns the rules that were given, one or several.

    Args:
        stop: A `StoppingRule`, a list of them, or None.
        objectives: List of the `keras_tuner.Objective`s.
        positive: Strings, the metrics that are never below 0.
    """
    rules = check_several("stop", () if stop is None else stop, StoppingRule)
    targets = [rule for rule in rules if isinstance(rule, Target)]
    if targets and len(objectives) > 1:
        raise ValueError(
            "`stop` can have a `Target` for a single objective only. "
            f"Received: stop={stop!r} and {len(objectives)} objectives"
        )
    for target in targets:
        (objective,) = objectives
        _check_reachable(target.score, objective, objective.name in positive)
    return rules


def _check_reachable(
    score: float, objective: kt.Objective, is_positive: bool
) -> None:
    """Raises for a target that no model or every model reaches."""
    lowest, highest = 0.0 if is_positive else -math.inf, math.inf
    if _is_ratio(objective.name):
        lowest, highest = 0.0, 1.0
    if objective.direction == "max":
        is_useful = lowest < score <= highest
    else:
        is_useful = lowest <= score < highest
    if not is_useful:
        raise ValueError(
            f"`score` of a `Target` must be on the side of the objective that "
            f"some models reach and others don't: '{objective.name}', to "
            f"{VERBS[objective.direction]}, is between {lowest:g} and "
            f"{highest:g}. Received: score={score:g}"
        )


def _is_ratio(metric: str) -> bool:
    """Returns whether Keras has a metric of this name that is in [0, 1]."""
    name = re.sub(r"_\d+$", "", metric.removeprefix("val_"))
    return name in RATIOS or name.endswith("_accuracy")


def budget_of(rules: Iterable[StoppingRule]) -> float:
    """Returns the seconds of the shortest time budget, or infinity."""
    budgets = [rule.seconds for rule in rules if isinstance(rule, TimeBudget)]
    return min(budgets, default=math.inf)


def epoch_budget_of(rules: Iterable[StoppingRule]) -> float:
    """Returns the epochs of the smallest epoch budget, or infinity."""
    budgets = [rule.epochs for rule in rules if isinstance(rule, EpochBudget)]
    return min(budgets, default=math.inf)
