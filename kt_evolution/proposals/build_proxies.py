"""Build proxies: what the builds of a search tell of models.

A proxy of a trained model is a metric of its trial, here or in the project that
it was imported from. That of any other model is measured at a dry build, once.
"""

import functools
from collections.abc import Callable
from collections.abc import Mapping

import numpy as np

from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.proxies import NUM_CANDIDATES
from kt_evolution.algorithm.proxies import Proxies
from kt_evolution.costs.measurement import is_cost
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.keras_tuner_bridge.trial_metrics import value_of
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
        # By genome. A genome of a space that has grown is another one.
        self._measured: dict[bytes, tuple[float, ...]] = {}

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
        # Each trial is looked up once.
        known: dict[bytes, tuple[float, ...]] = {}
        return Proxies(functools.partial(self._measure, known), informed)

    def _measure(
        self, known: dict[bytes, tuple[float, ...]], genomes: np.ndarray
    ) -> np.ndarray:
        """Returns the inputs of models, see `Proxies`.

        Args:
            known: Dict of genomes, as bytes, to what was looked up already.
            genomes: Float array of shape `(n, num_genes)`.
        """
        for genome in genomes:
            key = genome.tobytes()
            if key not in known:
                known[key] = self._of_genome(genome)
        rows = [known[genome.tobytes()] for genome in genomes]
        return np.array(rows).reshape(len(genomes), len(self._names))

    def _of_genome(self, genome: np.ndarray) -> tuple[float, ...]:
        metrics = self._metrics_of(self._state.history.find(genome))
        if all(name in metrics for name in self._names):
            return tuple(metrics[name] for name in self._names)
        key = genome.tobytes()
        if not self._measured:
            self._report(
                f"The proxies of {NUM_CANDIDATES} candidates are measured "
                "before each trial"
            )
        if key not in self._measured:
            values = self._state.history.space.decode(genome)
            proxies = self._check.proxies_noted(values)
            self._measured[key] = tuple(
                proxies.get(name, np.nan) for name in self._names
            )
        return self._measured[key]

    def _metrics_of(self, position: int) -> Mapping[str, float]:
        """Returns the metrics that are known of an individual.

        Args:
            position: Int, -1 for a model that is none.
        """
        if position < 0:
            return {}
        individual = self._state.history.individuals[position]
        trial_id = individual.trial_id or ""
        if trial_id in self._state.models.imports:
            return self._state.models.imports[trial_id].metrics
        # What a running trial has reported is not in the journal yet.
        if individual.status not in (Status.COMPLETED, Status.PAUSED):
            return {}
        trial = self._state.trials[trial_id]
        return {
            name: value_of(trial, name)
            for name in self._names
            if trial.metrics.exists(name)
        }
