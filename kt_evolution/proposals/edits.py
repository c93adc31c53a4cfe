"""Edits of a hypermodel between two runs of a search.

Models are known by the hyperparameters that their builds requested. An edited
hypermodel may request others. So models of earlier runs are built again before
their builds are trusted: a few of them at the start, and all of them before a
search ends because every model is known.
"""

from collections.abc import Callable
from typing import Any

from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.proposals.dry_build import BuildReport

# How many models are built again when a search is resumed.
NUM_REBUILT = 8
# The message about an edit.
EDITED = (
    "The hypermodel was edited since the last trials: it asks for other "
    "hyperparameters. Earlier trials stay in the history, and count as the "
    "models that it builds with their values. If you edited nothing, it may be "
    "a space that needs its `adapt` before each search."
)


class EarlierBuilds:
    """The models that an earlier process built.

    Args:
        history: The `History`.
        build: Function that builds the model of a dict of values, or returns
            None if that can't be done, also if only for this model.
        problem_of: Function of a `BuildReport`, returns why the model is
            rejected, or None.
    """

    def __init__(
        self,
        history: History,
        build: Callable[[dict[str, Any]], BuildReport | None],
        problem_of: Callable[[BuildReport], str | None],
    ) -> None:
        self._history = history
        self._build = build
        self._problem_of = problem_of
        self._left = [
            position
            for position in range(history.num_outdated, len(history))
            if history.individuals[position].expression
            and history.individuals[position].trained_in is None
        ]
        self._is_sampled = False

    @property
    def are_trusted(self) -> bool:
        """Whether no earlier build is left to check."""
        return not self._left

    def trust(self) -> None:
        """Trusts all earlier builds that were not checked."""
        self._left = []

    def check_one(self, position: int) -> list[str] | None:
        """Builds one model again, if an earlier process built it."""
        return self._check([position]) if position in self._left else None

    def check_some(self) -> list[str] | None:
        """Builds a few different models again, once, see `check_all`."""
        if self._is_sampled:
            return None
        self._is_sampled = True
        return self._check(self._varied())

    def check_all(self) -> list[str] | None:
        """Builds all remaining models again.

        Returns:
            List of the gene keys that the builds requested, if one of them
            showed that the hypermodel was edited. Otherwise None.
        """
        return self._check(self._left)

    def _check(self, positions: list[int]) -> list[str] | None:
        requested: dict[str, None] = {}
        is_edited = False
        for position in positions:
            individual = self._history.individuals[position]
            # The last build may have extended the space.
            values = self._history.space.decode(individual.genome)
            report = self._build(values)
            if report is None:
                continue
            requested |= dict.fromkeys(report.requested)
            known = self._history.space.position
            is_edited |= not self._history.requests_same_genes(
                position,
                [known[key] for key in report.requested if key in known],
            ) or (
                individual.status is Status.REJECTED
                and self._problem_of(report) is None
            )
        if is_edited:
            self.trust()
            return list(requested)
        self._left = [one for one in self._left if one not in set(positions)]
        return None

    def _varied(self) -> list[int]:
        """Returns a few models with many different values, the newest first."""
        chosen: list[int] = []
        met: set[tuple[int, float]] = set()
        tells_values = (
            self._history.space.is_categorical | ~self._history.space.is_tunable
        )
        for position in reversed(self._left):
            individual = self._history.individuals[position]
            codes = {
                (i, float(individual.genome[i]) if tells_values[i] else 0.0)
                for i in individual.expression
            }
            if not codes <= met:
                met |= codes
                chosen.append(position)
            if len(chosen) == NUM_REBUILT:
                break
        return chosen
