"""The random seeds of single trainings."""

from typing import Any

import numpy as np


def seed_of(oracle: Any, trial_id: str) -> int | None:
    """Returns the seed of a training, None if it goes on with the present one.

    A model that is trained again has another seed than before.

    Args:
        oracle: The `EvolutionOracle`.
        trial_id: String.
    """
    if trial_id not in oracle.reevaluations:
        return None
    return combined_seed(oracle.seed, int(trial_id))


def combined_seed(*words: int) -> int:
    """Returns the seed that several integers of at least 0 stand for."""
    return int(np.random.SeedSequence(words).generate_state(1)[0])
