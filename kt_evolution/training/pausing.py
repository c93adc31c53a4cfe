"""When the training of a trial is paused, and why it is trained in full.

A training that is paused is kept as one that is killed, see `continuation`.
What can't be kept is not paused.
"""

import math
from collections.abc import Callable
from collections.abc import Collection
from typing import Any

from kt_evolution.keras_tuner_bridge import running_fit
from kt_evolution.keras_tuner_bridge.divergence import diverged_losses
from kt_evolution.keras_tuner_bridge.scalars import as_numbers
from kt_evolution.training.curve import Curve

NO_CALLBACKS = "its `HyperModel.fit` passes no callbacks on to `Model.fit`"
NO_FIT = "its `HyperModel.fit` has a loop instead of `Model.fit`"


class FitAgainError(Exception):
    """`HyperModel.fit` calls `Model.fit` again after its first was paused."""


class Pause:
    """Decides when a training is paused.

    Args:
        target: Int, after how many epochs; None if it is never paused.
        last: Int, for how many epochs it would be trained at most.
        objectives: Strings, the names of the objectives.
        awaited: Strings, the metrics without which there is no score.
        is_time_over: Function that returns whether a time budget has ended the
            training.

    Attributes:
        problem: String, why the training is not paused but trained in full, or
            None.
        is_paused: Bool, whether it was paused.
    """

    def __init__(
        self,
        target: int | None,
        last: int,
        objectives: Collection[str],
        awaited: Collection[str],
        is_time_over: Callable[[], bool],
    ) -> None:
        self._target = target
        self._last = last
        self._objectives = set(objectives)
        self._awaited = set(awaited)
        self._is_time_over = is_time_over
        self.problem: str | None = None if target is None else NO_CALLBACKS
        self.is_paused = False

    def begin(self, num_epochs: Any) -> None:
        """Decides whether a training can be paused that begins now.

        Args:
            num_epochs: The `epochs` of its `fit`.
        """
        self.problem = None
        if not running_fit.is_in_fit():
            self.refuse(NO_FIT)
        elif num_epochs != self._last:
            self.refuse(
                f"its `Model.fit` gets epochs={num_epochs}, and `search` got "
                f"epochs={self._last}"
            )

    def refuse(self, problem: str) -> None:
        """Lets the training go on to its end, unless it has a problem already.

        Args:
            problem: String, why it can't be paused.
        """
        if self._target is not None and self.problem in (None, NO_CALLBACKS):
            self.problem = problem

    def is_kept_at(self, state: dict[str, Any]) -> bool:
        """Returns whether a training was paused at its target already.

        Args:
            state: Dict, what was kept of it.
        """
        if self._target is not None and self.problem is None:
            is_there = state["next"] >= self._target
            self.is_paused = state["is_paused"] and is_there
        return self.is_paused

    def is_due(self, curve: Curve, is_stopped: bool) -> bool:
        """Returns whether a training is paused after an epoch.

        One that has diverged has failed, and ends there.

        Args:
            curve: The `Curve` of the training.
            is_stopped: Bool, whether a callback ended it.
        """
        if self._target is None or self.problem is not None:
            return False
        if curve.num_epochs >= self._last:
            return False
        if is_stopped:
            return self._is_time_over()
        is_known = has_diverged(curve) or self._is_scored(curve)
        return curve.num_epochs >= self._target and is_known

    def _is_scored(self, curve: Curve) -> bool:
        """Returns whether a training has a finite score by now.

        `HyperModel.fit` may compute the objective after its training. Then it
        is not among the logs.
        """
        finite = {
            name
            for logs in curve.logs
            for name, value in as_numbers(logs).items()
            if math.isfinite(value)
        }
        return finite >= self._awaited | (self._objectives & curve.names)


def has_diverged(curve: Curve) -> bool:
    """Returns whether a loss of the last epoch is not finite."""
    return bool(diverged_losses(as_numbers(curve.logs[-1])))
