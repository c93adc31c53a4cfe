"""Build proxies: what the builds of a search tell of models.

A proxy of a trained model is a metric of its trial, here or in the project that
it was imported from. That of any other model is measured at a dry build, once.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping

import numpy as np

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.proxies import NUM_CANDIDATES
from kt_evolution.algorithm.proxies import Proxies
from kt_evolution.costs.measurement import is_cost
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.keras_tuner_bridge.trial_metrics import value_of
from kt_evolution.project.project import Project
from kt_evolution.project.state import SearchState
from kt_evolution.proposals.feasibility import FeasibilityCheck

# The size of a model comes free with its proxies, and may go with its score.
SIZE = "params"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """What a dry build tells of a model.

    Args:
        inputs: Tuple of floats, the inputs of the surrogate, NaN where one is
            not known.
        can_train: Bool, whether it can be built and keeps the limits that are
            checked before training.
    """

    inputs: tuple[float, ...]
    can_train: bool = True


class BuildProxies:
    """Measures the zero-cost proxies of models for the algorithm.

    Args:
        project: The `Project` of the search.
        evolution: Its `Evolution`, whose surrogate may not take them.
        check: The `FeasibilityCheck`, whose dry build measures them.
        report: Function that prints a line, if the user wants it.
    """

    def __init__(
        self,
        project: Project,
        evolution: Evolution,
        check: FeasibilityCheck,
        report: Callable[[str], None],
    ) -> None:
        self._project = project
        self._evolution = evolution
        self._check = check
        self._report = report
        self.forget()

    def forget(self) -> None:
        """Starts over like a new process, after the state was read again."""
        # By the genes that a build requests, and by their codes: models with
        # equal ones are equal. A space that has grown has other models.
        self._built: dict[tuple[int, ...], dict[bytes, Candidate]] = {}
        self._num_genes = 0
        self._are_there: bool | None = None

    @property
    def _state(self) -> SearchState:
        return self._project.state

    @property
    def _proxies(self) -> tuple[str, ...]:
        dry_build = self._check.dry_build
        return () if dry_build is None else dry_build.proxies

    def of_search(self) -> Proxies | None:
        """Returns the `Proxies` for a proposal, None if there are none."""
        if not self._proxies or not self._evolution.has_prior_mean:
            return None
        informed = tuple(
            not is_cost(one.name)
            for one in objectives_of(self._state.objective)
        )
        if not any(informed):
            return None
        if self._are_there is None:
            self._are_there = self._find_out()
        if not self._are_there:
            return None
        # Each trial is looked up once.
        known: dict[bytes, Candidate] = {}

        def look_up(genomes: np.ndarray) -> list[Candidate]:
            for genome in genomes:
                key = genome.tobytes()
                if key not in known:
                    known[key] = self._of_trial(genome) or self._build(genome)
            return [known[genome.tobytes()] for genome in genomes]

        def measure(genomes: np.ndarray) -> np.ndarray:
            shape = (len(genomes), len(self._proxies) + 1)
            inputs = [one.inputs for one in look_up(genomes)]
            return np.array(inputs).reshape(shape)

        def can_train(genomes: np.ndarray) -> np.ndarray:
            return np.array([one.can_train for one in look_up(genomes)], bool)

        return Proxies(measure, can_train, informed)

    def _find_out(self) -> bool:
        """Returns whether the models of the search have proxies.

        The model with the default values tells it, unless it can't be trained.
        """
        named = f"measure={list(self._proxies)!r}"
        default = self._build(self._state.history.space.default_genome())
        if default.can_train and np.isnan(default.inputs[:-1]).all():
            self._report(
                f"{named}: the model with the default values has no such "
                "proxy, so the search goes on without"
            )
            return False
        self._report(
            f"{named}: up to {NUM_CANDIDATES} candidates are built and "
            "measured before each trial"
        )
        return True

    def _build(self, genome: np.ndarray) -> Candidate:
        """Returns what a dry build tells of a model, which is built once."""
        if len(genome) != self._num_genes:
            self._built.clear()
            self._num_genes = len(genome)
        for requested, models in self._built.items():
            found = models.get(genome[list(requested)].tobytes())
            if found is not None:
                return found
        values = self._state.history.space.decode(genome)
        report = self._check.build_candidate(values)
        if report is None:
            return self._remember(genome, range(len(genome)), {}, False)
        return self._remember(
            genome,
            self._check.expression_of(report),
            {**report.costs, **report.proxies},
            self._check.problem_of(report) is None,
        )

    def _remember(
        self,
        genome: np.ndarray,
        requested: Iterable[int],
        known: Mapping[str, float],
        can_train: bool,
    ) -> Candidate:
        """Keeps a candidate for all genomes of the same model."""
        genes = tuple(sorted(requested))
        candidate = Candidate(self._inputs_of(known), can_train)
        models = self._built.setdefault(genes, {})
        models[genome[list(genes)].tobytes()] = candidate
        return candidate

    def _of_trial(self, genome: np.ndarray) -> Candidate | None:
        """Returns what is known of a trained model, None if not all is."""
        position = self._state.history.find(genome)
        if position < 0:
            return None
        inputs = self._inputs_of(self._metrics_of(position))
        return None if np.isnan(inputs).any() else Candidate(inputs)

    def _inputs_of(self, known: Mapping[str, float]) -> tuple[float, ...]:
        return tuple(known.get(name, np.nan) for name in self._proxies) + (
            # A model without weights is not built yet.
            known.get(SIZE) or np.nan,
        )

    def _metrics_of(self, position: int) -> Mapping[str, float]:
        """Returns the metrics of an individual, as far as the journal goes."""
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
            for name in (*self._proxies, SIZE)
            if trial.metrics.exists(name)
        }
