"""Successive halving: most individuals are trained for a few epochs only."""

import dataclasses
import math

import numpy as np

from kt_evolution.algorithm.acquisition import KnownScores
from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import check_optional_count
from kt_evolution.algorithm.fidelity.completion import Prospects
from kt_evolution.algorithm.fidelity.extrapolation import known_scores
from kt_evolution.algorithm.fidelity.first_rung import choose_first_rung
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import IMPORT
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.rungs import RungScores
from kt_evolution.algorithm.history.rungs import epochs_spent
from kt_evolution.algorithm.ranking import best_first
from kt_evolution.algorithm.ranking import fitness

# The lowest rung is at this share of all epochs, unless it is given.
LOWEST_SHARE = 1 / 27
# For the epochs of so many full trainings individuals are compared at rungs
# only. Promotions by rank are faster at first; later what is learned from short
# trainings misleads near the optimum.
COMPARED_TRAININGS = 5.0
# The share of later epochs that goes to trainings without a pause, until it
# can be predicted which are hopeless.
STRAIGHT_SHARE = 0.5
# The share of random ones among the individuals that may be paused.
RANDOM_SHARE = 0.15
# From fewer individuals the surrogate learns at whatever rungs they are.
MIN_KNOWN = 12
# The states of so many of the best at each rung are kept.
MAX_STATES = 50


@dataclasses.dataclass(frozen=True)
class Step:
    """What is trained next, and what the search for it learns from.

    Args:
        known: The `KnownScores` from which a new individual is made.
        epochs: Int, the epoch to which it is trained; None for the last one,
            without a fidelity.
        promotes: Int, the position of the paused individual that is trained
            on, or None for a new individual. Defaults to None.
        is_random: Bool, whether a new individual is random. Defaults to False.
    """

    known: KnownScores
    epochs: int | None = None
    promotes: int | None = None
    is_random: bool = False


class SuccessiveHalving:
    """Compares individuals after a few epochs, and trains on the best of them.

    New individuals are trained to a rung and paused. Of all that reached a
    rung, the best share of 1 / `factor` is promoted to the next one, as soon
    as they are known to be among it: nothing waits for a rung to fill. The
    rung at which new ones are looked at first is chosen by how well the rungs
    predicted the final order, see `first_rung.py`.

    The best individuals are told apart by complete trainings, and what starts
    slowly is found by them only. So after the epochs of about 5 full
    trainings, half of the epochs go to trainings without a pause, as in
    Hyperband's last bracket. Once about 8 trainings are complete, it is
    predicted which others are hopeless, see `completion.py`. From then on the
    search is that without a fidelity, except that hopeless trainings end at
    the rung before the last one.

    Reference:
        Li et al. (2020), "A System for Massively Parallel Hyperparameter
        Tuning", for the promotions; Li et al. (2018), "Hyperband: A Novel
        Bandit-Based Approach to Hyperparameter Optimization", for a share of
        the epochs that goes to complete trainings.

    Example:

    >>> SuccessiveHalving(factor=3).rungs(27)
    (1, 3, 9, 27)

    Args:
        factor: Int, at least 2: each rung has this many times the epochs of
            the rung before it. Defaults to 3.
        min_epochs: Int, the lowest rung. Defaults to None: it is about 1/27 of
            all epochs. How long a training takes to start, or to go on, is not
            considered: where models are built and compiled for as long as some
            epochs take, a lowest rung of at least as many epochs saves more.
        max_epochs: Int, the last epoch of trainings, if it is not known from
            the call of `search`: the chief of a distributed search and an
            oracle that is used without `EvolutionTuner` need it. Defaults to
            None: it is the `epochs` of `search`.
    """

    def __init__(
        self,
        factor: int = 3,
        min_epochs: int | None = None,
        max_epochs: int | None = None,
    ) -> None:
        self.factor = check_count("factor", factor, at_least=2)
        self.min_epochs = check_optional_count("min_epochs", min_epochs)
        self.max_epochs = check_optional_count("max_epochs", max_epochs)

    def __repr__(self) -> str:
        given = (
            f"{name}={value}"
            for name, value in vars(self).items()
            if value is not None
        )
        return f"SuccessiveHalving({', '.join(given)})"

    def rungs(self, max_epochs: int) -> tuple[int, ...]:
        """Returns the epochs of the rungs, ascending.

        Args:
            max_epochs: Int, the last epoch, which is the last rung.
        """
        lowest = self.min_epochs or max(round(LOWEST_SHARE * max_epochs), 1)
        num_steps = math.log(max(max_epochs / lowest, 1.0), self.factor)
        # The factor is adjusted, so that the lowest rung is met.
        count = round(num_steps)
        factor = (max_epochs / lowest) ** (1.0 / max(count, 1))
        epochs = [round(max_epochs / factor**step) for step in range(count + 1)]
        return tuple(sorted({max(one, 1) for one in epochs}))

    def next_step(
        self,
        history: History,
        rng: np.random.Generator,
        max_epochs: int,
        allows_new: bool = True,
    ) -> Step | None:
        """Returns what is trained next.

        Args:
            history: The `History`.
            rng: The source of randomness.
            max_epochs: Int, the last epoch.
            allows_new: Bool, whether there may be a new individual. Defaults
                to True.

        Returns:
            A `Step`, or None if there may be no new individual and no paused
            one is to be promoted.
        """
        rungs = self.rungs(max_epochs)
        complete = KnownScores.of_completed(history)
        if len(rungs) == 1:
            return Step(complete, max_epochs) if allows_new else None
        if not allows_new:
            return self.next_promotion(history, max_epochs)
        scores = RungScores.of(history, rungs)
        total, straight = epochs_spent(history, max_epochs)
        later = total - COMPARED_TRAININGS * max_epochs
        if later >= 0:
            prospects = Prospects.of(history, scores, complete)
            if prospects is not None:
                return _step_to_the_end(history, scores, complete, prospects)
            if straight < STRAIGHT_SHARE * later:
                return Step(complete, max_epochs)
        first = choose_first_rung(history, scores, rng)
        promotion = self._promotion(history, scores, first)
        if promotion is not None:
            return promotion
        is_random = rng.random() < RANDOM_SHARE
        known = known_scores(history, scores)
        if len(known.positions) > MIN_KNOWN:
            # Rungs below the first one aren't trusted: they promote nothing,
            # and the surrogate doesn't learn from them.
            known = known_scores(history, scores, first)
        return Step(known, rungs[first], is_random=is_random)

    def next_promotion(self, history: History, max_epochs: int) -> Step | None:
        """Returns the promotion that is due if there are no new individuals.

        Args:
            history: The `History`.
            max_epochs: Int, the last epoch.

        Returns:
            A `Step`, or None if no paused individual is to be promoted.
        """
        scores = RungScores.of(history, self.rungs(max_epochs))
        return self._promotion(history, scores, 0) or self.last_step(
            history, max_epochs
        )

    def last_step(self, history: History, max_epochs: int) -> Step | None:
        """Returns the promotion that is due before a search ends.

        Args:
            history: The `History`.
            max_epochs: Int, the last epoch.

        Returns:
            A `Step` that trains the paused individual to the end that is
            probably the best of this search. None if that is a completed one.
        """
        scores = RungScores.of(history, self.rungs(max_epochs))
        known = known_scores(history, scores)
        candidates = np.array(
            [
                position
                for position in known.positions
                if _is_result(history.individuals[position])
                or _can_go_on(history.individuals[position])
            ],
            dtype=int,
        )
        if not len(candidates):
            return None
        # Predictions from first epochs are often too good, so an uncertain one
        # counts as worse by its standard deviation.
        variance = known.extrapolation_variance
        uncertain = known.objectives + np.sqrt(
            0.0 if variance is None else variance
        )
        order = best_first(uncertain[candidates], known.violations[candidates])
        best = int(candidates[order[0]])
        if history.individuals[best].status is Status.COMPLETED:
            return None
        return Step(known, max_epochs, best)

    def unneeded_states(self, history: History, max_epochs: int) -> list[int]:
        """Returns the paused individuals that will not be promoted.

        How many new individuals there will be is not known: a search may go on
        with more trials. So the states of the best at each rung are kept.

        Args:
            history: The `History`.
            max_epochs: Int, the last epoch.

        Returns:
            List of positions. The saved states of their trainings can be
            deleted; see `discard_state` of `history.rungs`.
        """
        scores = RungScores.of(history, self.rungs(max_epochs))
        unneeded = []
        for rung in range(len(scores.epochs) - 1):
            unneeded += [
                int(position)
                for position in _best_at(scores, rung)[MAX_STATES:]
                if scores.level[position] == rung
                and _can_go_on(history.individuals[position])
            ]
        return unneeded

    def _promotion(
        self, history: History, scores: RungScores, lowest: int
    ) -> Step | None:
        """Returns the promotion that is due, of the highest rung first."""
        for rung in range(len(scores.epochs) - 2, lowest - 1, -1):
            order = _best_at(scores, rung)
            for position in order[: len(order) // self.factor]:
                if scores.level[position] == rung and _can_go_on(
                    history.individuals[position]
                ):
                    return Step(
                        KnownScores.of_completed(history),
                        scores.epochs[rung + 1],
                        int(position),
                    )
        return None


FIDELITIES = {"auto": SuccessiveHalving}


def _best_at(scores: RungScores, rung: int) -> np.ndarray:
    """Returns the positions of those that reached a rung, the best first."""
    members = scores.members(rung)
    ranks = fitness(
        scores.objectives[rung, members], scores.violations[rung, members]
    )
    return members[np.argsort(ranks, kind="stable")]


def _is_result(individual: Individual) -> bool:
    """Returns whether this search has trained an individual to the end."""
    return (
        individual.status is Status.COMPLETED and individual.operator != IMPORT
    )


def _can_go_on(individual: Individual) -> bool:
    return individual.status is Status.PAUSED and individual.can_resume


def _step_to_the_end(
    history: History,
    scores: RungScores,
    complete: KnownScores,
    prospects: Prospects,
) -> Step:
    """Returns what is trained next when all but hopeless ones are completed."""
    for position in prospects.promising:
        if _can_go_on(history.individuals[position]):
            return Step(complete, scores.epochs[-1], int(position))
    return Step(prospects.known, scores.epochs[-2])
