"""The end of a search: whether it goes on, and for how many trials."""

import math
from collections.abc import Sequence

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.costs.measurement import COSTS
from kt_evolution.keras_tuner_bridge.errors import fatal_type_error
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.project.project import Project
from kt_evolution.project.standings import Standings
from kt_evolution.proposals.promotions import Promotion
from kt_evolution.proposals.promotions import Promotions
from kt_evolution.stopping import StoppingRule
from kt_evolution.stopping import budget_of
from kt_evolution.stopping import check_rules
from kt_evolution.stopping import epoch_budget_of

# In seconds; a trial counts as at least this long.
TIME_RESOLUTION = 1e-3


class EndOfSearch:
    """Checks the stopping rules.

    Args:
        project: The `Project` of the search.
        evolution: Its `Evolution`, which re-evaluates models at the end.
        promotions: Its `Promotions`.
        stop: The user's `StoppingRule`s.

    Attributes:
        time_budget: Float, the number of seconds that the search may run.
        epoch_budget: Float, the number of epochs of all trials together.
    """

    def __init__(
        self,
        project: Project,
        evolution: Evolution,
        promotions: Promotions,
        stop: Sequence[StoppingRule] | StoppingRule | None,
    ) -> None:
        self._project = project
        self._evolution = evolution
        self._promotions = promotions
        self._standings = Standings(project)
        objectives = objectives_of(project.state.objective)
        self._rules = check_rules(stop, objectives, positive=COSTS)
        self.time_budget = budget_of(self._rules)
        self.epoch_budget = epoch_budget_of(self._rules)

    @property
    def counts_epochs(self) -> bool:
        return math.isfinite(self.epoch_budget)

    def reason(self) -> str | None:
        """Returns why the search is to end, None if it goes on."""
        reason = self._fired()
        if reason is None or self._epochs_left() <= 0:
            return reason
        # The best model is trained to the end before the search stops, and the
        # best models are re-evaluated.
        if self._promotions.last() is not None:
            return None
        again = self._evolution.propose_again(self._project.state.history)
        return None if again is not None else reason

    def _fired(self) -> str | None:
        """Returns the reason of the first rule that fires."""
        if not self._rules:
            return None
        progress = self._standings.progress()
        for rule in self._rules:
            reason = rule.reason(progress)
            if reason and not isinstance(reason, str):
                raise fatal_type_error(
                    "`reason` of a `StoppingRule` must return a string, or "
                    f"None to go on. Received: {reason!r} (of type "
                    f"{type(reason).__name__}) from {rule!r}"
                )
            if reason:
                return reason
        return None

    def promotion(self, max_trials: int | None) -> Promotion | None:
        """Returns the promotion that comes before all else at the end.

        Args:
            max_trials: Int, or None for no limit. Once there are so many
                trials, or models are to be re-evaluated, paused ones are
                trained on as long as one is due: the best may be among them.
        """
        if not self._promotions.rungs:
            return None
        last = self._last_promotion()
        if last is not None:
            return last
        state, num_left = self._project.state, self.num_left(max_trials)
        is_full = max_trials is not None and len(state.trials) >= max_trials
        # Once a rule has fired none is left, and only the best is trained on.
        if is_full or (
            num_left > 0
            and self._evolution.propose_again(state.history, num_left)
        ):
            return self._promotions.due()
        return None

    def _last_promotion(self) -> Promotion | None:
        """Returns the last promotion once it is due, otherwise None.

        Then one more training in full would leave too little of a budget.
        """
        is_over, left = self._fired() is not None, self._epochs_left()
        if not is_over and math.isinf(left):
            return None
        last = self._promotions.last()
        if last is None or is_over:
            return last
        needed = self._promotions.epochs_left(last) + last["epochs"]
        return last if left < needed else None

    def _epochs_left(self) -> float:
        """Returns for how many epochs the budgets last, about."""
        left = math.inf
        if self.counts_epochs:
            left = self.epoch_budget - self._standings.num_epochs()
        if math.isfinite(self.time_budget):
            seconds = self.time_budget - self._project.clock.seconds
            pace = max(self._standings.seconds_per_epoch(), TIME_RESOLUTION)
            left = min(left, seconds / pace)
        return left

    def num_left(self, max_trials: int | None) -> float:
        """Returns how many trials are still to come, as far as is known.

        Args:
            max_trials: Int, or None for no limit.
        """
        if not self._evolution.reevaluate:
            return math.inf
        if self._fired() is not None:
            return 0
        left = math.inf
        state = self._project.state
        if max_trials is not None:
            left = max_trials - len(state.trials)
        if state.end_order and math.isfinite(self.time_budget):
            seconds = self._project.clock.seconds
            pace = len(state.end_order) / max(seconds, TIME_RESOLUTION)
            left = min(left, pace * (self.time_budget - seconds))
        return left
