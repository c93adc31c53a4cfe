"""Build proxies: what the builds of a search tell of models.

A proxy of a trained model is a metric of its trial. That of any other model is
measured at a dry build, once.
"""

from collections.abc import Callable

import numpy as np

from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.proxies import NUM_CANDIDATES
from kt_evolution.algorithm.proxies import Proxies
from kt_evolution.costs.measurement import is_cost
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.keras_tuner_bridge.trial_metrics import value_of
from kt_evolution.project.builds import fingerprint
from kt_evolution.project.project import Project
from kt_evolution.project.state import SearchState
from kt_evolution.proposals.feasibility import FeasibilityCheck

# The size of a model comes free with its proxies, and goes with its score, too.
SIZE = "params"


class BuildProxies:
    """Measures the zero-cost proxies of models for the algorithm.

    Args:
        project: The `Project` of the search.
        check: The `FeasibilityCheck`, whose dry build measures them.
        report: Function that prints a line, if the user wants it.
    """

    def __init__(
        self,
        project: Project,
        check: FeasibilityCheck,
        report: Callable[[str], None],
    ) -> None:
        self._project = project
        self._check = check
        self._report = report
        self._measured: dict[int, tuple[float, ...]] = {}

    @property
    def _state(self) -> SearchState:
        return self._project.state

    @property
    def _names(self) -> tuple[str, ...]:
        """The inputs of the surrogate, none without a proxy."""
        dry_build = self._check.dry_build
        if dry_build is None or not dry_build.proxies:
            return ()
        return (*dry_build.proxies, SIZE)

    def forget(self) -> None:
        """Starts over like a new process, after the state was read again."""
        self._measured.clear()

    def of_search(self) -> Proxies | None:
        """Returns the `Proxies` for a proposal, None if there are none."""
        informed = tuple(
            not is_cost(one.name)
            for one in objectives_of(self._state.objective)
        )
        if not self._names or not any(informed):
            return None
        return Proxies(self._measure, informed)

    def _measure(self, genomes: np.ndarray) -> np.ndarray:
        rows = [self._of_genome(genome) for genome in genomes]
        return np.array(rows).reshape(len(genomes), len(self._names))

    def _of_genome(self, genome: np.ndarray) -> tuple[float, ...]:
        known = self._of_trial(genome)
        if known is not None:
            return known
        values = self._state.history.space.decode(genome)
        model = fingerprint(values)
        if not self._measured:
            self._report(
                f"The proxies of {NUM_CANDIDATES} candidates are measured "
                "before each trial"
            )
        if model not in self._measured:
            proxies = self._check.proxies_noted(values)
            self._measured[model] = tuple(
                proxies.get(name, np.nan) for name in self._names
            )
        return self._measured[model]

    def _of_trial(self, genome: np.ndarray) -> tuple[float, ...] | None:
        """Returns the proxies of a model whose trial has all of them."""
        history = self._state.history
        position = history.find(genome)
        if position < 0:
            return None
        individual = history.individuals[position]
        trial = self._state.trials.get(individual.trial_id or "")
        # What a running trial has reported is not in the journal yet.
        if trial is None or individual.status is Status.PENDING:
            return None
        if not all(trial.metrics.exists(name) for name in self._names):
            return None
        return tuple(value_of(trial, name) for name in self._names)
