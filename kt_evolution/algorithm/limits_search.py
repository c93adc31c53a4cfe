"""The search for a model within limits that are checked before training."""

import numpy as np

from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.proposal import NUM_TRIED
from kt_evolution.algorithm.proposal import Proposal
from kt_evolution.algorithm.proposal import first_new
from kt_evolution.algorithm.reproduction import Offspring
from kt_evolution.algorithm.reproduction import Reproduction

# After this many rejected models in a row the limits count as hard to satisfy.
MANY_REJECTED = 10


def next_nearer_to_limits(
    history: History,
    reproduction: Reproduction,
    population_size: int,
    rng: np.random.Generator,
) -> Proposal | None:
    """Returns offspring of the models with the smallest violations.

    While nearly all models break limits that are checked before training,
    parents are selected by their violations alone. That costs no trial.

    Args:
        history: The `History`.
        reproduction: The `Reproduction`.
        population_size: Int, how many individuals may become parents.
        rng: The source of randomness.

    Returns:
        A `Proposal`, or None if the limits are not hard to satisfy.
    """
    newest = history.individuals[-MANY_REJECTED:]
    # Every fourth proposal ignores this.
    if len(newest) < MANY_REJECTED or len(history) % 4 == 0:
        return None
    if any(one.status is not Status.REJECTED for one in newest):
        return None
    broken = [
        (one.violation, position)
        for position, one in enumerate(history.individuals)
        if one.violation is not None
    ]
    if len(broken) < 2:
        return None
    broken.sort()
    violations, least = zip(*broken[:population_size], strict=True)
    offspring = reproduction(
        history,
        Offspring.of_history(history, np.array(least)),
        np.array(violations),
        NUM_TRIED,
        rng,
    )
    return first_new(history, offspring)
