"""The sign test: whether one searcher is better more often than by chance."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest


@dataclasses.dataclass(frozen=True)
class SignTest:
    """How often one regret of a pair was the smaller one.

    Args:
        wins: Integer.
        losses: Integer.
        ties: Integer.
        p_value: Float, of so many wins or more by chance; ties are left out.
    """

    wins: int
    losses: int
    ties: int
    p_value: float

    @classmethod
    def of(cls, ours: Sequence[float], theirs: Sequence[float]) -> SignTest:
        """Compares paired regrets, smaller is better."""
        first, second = np.asarray(ours), np.asarray(theirs)
        wins = int(np.sum(first < second))
        losses = int(np.sum(first > second))
        p_value = 1.0
        if wins + losses:
            test = binomtest(wins, wins + losses, alternative="greater")
            p_value = float(test.pvalue)
        return cls(wins, losses, len(first) - wins - losses, p_value)

    def __str__(self) -> str:
        return (
            f"better {self.wins}, worse {self.losses}, equal {self.ties}, "
            f"p = {self.p_value:.2g}"
        )
