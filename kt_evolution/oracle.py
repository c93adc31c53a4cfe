"""The oracle: Keras Tuner's trials on one side, the history on the other."""

import math
import warnings
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from os import PathLike
from typing import Any

import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.evolution import REEVALUATION
from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.evolution import Proposal
from kt_evolution.algorithm.history.history import IMPORT
from kt_evolution.algorithm.history.history import Individual
from kt_evolution.algorithm.history.history import Status
from kt_evolution.algorithm.initial_design import BEST_IMPORT
from kt_evolution.algorithm.initial_design import GIVEN
from kt_evolution.algorithm.operators.crossover import Crossover
from kt_evolution.algorithm.operators.mutation import Mutation
from kt_evolution.algorithm.operators.selection import Selection
from kt_evolution.algorithm.operators.survival import Survival
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.surrogate import Surrogate
from kt_evolution.costs.measurement import COUNTED
from kt_evolution.history_oracle import HistoryOracle
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.limits import Limit
from kt_evolution.project import events
from kt_evolution.project.builds import fingerprint
from kt_evolution.project.past_projects import PastTrial
from kt_evolution.proposals.dry_build import DryBuild
from kt_evolution.proposals.dry_build import FatalBuildError
from kt_evolution.proposals.dry_build import Phenotype
from kt_evolution.proposals.edits import EarlierBuilds
from kt_evolution.proposals.initial_population import InitialPopulation
from kt_evolution.proposals.rejections import BranchTally
from kt_evolution.proposals.rejections import Mistake
from kt_evolution.proposals.rejections import UnbuiltBranch
from kt_evolution.proposals.rejections import by_kind
from kt_evolution.proposals.rejections import is_bug
from kt_evolution.proposals.rejections import kind_of
from kt_evolution.proposals.warm_start import WarmStart
from kt_evolution.proposals.warm_start import check_untuned
from kt_evolution.stopping import StoppingRule

# So many rejected proposals in a row mean that the space holds next to
# nothing that can be trained.
MAX_REJECTIONS = 100
# In seconds; no trial takes less.
TIME_RESOLUTION = 1e-3


class NothingTrainableError(RuntimeError):
    """Too many proposals in a row can't be built or are too large."""


class EvolutionOracle(HistoryOracle):
    """Searches hyperparameters by evolution.

    It works with every Keras Tuner tuner. `EvolutionTuner` adds the dry
    build: models that can't be built, are too large, or were trained before
    cost no trial.

    Example:

    ```python
    tuner = keras_tuner.SklearnTuner(
        oracle=kt_evolution.EvolutionOracle(
            objective=keras_tuner.Objective("score", "max"), max_trials=50
        ),
        hypermodel=build_model,
    )
    ```

    Args:
        objective: A string, `keras_tuner.Objective`, or a list of them. If a
            string, it is a metric of Keras or a cost, whose direction is
            known. Optional when the training returns a single float to
            minimize.
        max_trials: Int, the number of trials at most. The search may end
            earlier when every model of the space was trained. Defaults to 10.
        seed: Int, the random seed. Defaults to a random one, which is kept
            when the search is resumed.
        hyperparameters: Optional `keras_tuner.HyperParameters`, to override
            or to declare hyperparameters in advance.
        allow_new_entries: Boolean, whether the hypermodel may ask for
            hyperparameters not listed in `hyperparameters`. Defaults to True.
        tune_new_entries: Boolean, whether those are searched; if not, they
            have their default values. Defaults to True.
        max_retries_per_trial: Int, how often a trial that crashed is run
            again. Defaults to 0.
        max_consecutive_failed_trials: Int, the number of trials that crash
            in a row after which the search stops; None for no limit. Defaults
            to 10.
        max_starts_per_trial: Int, how often a trial is started that never
            ends because its process dies with it: out of memory, by a
            segmentation fault or by `sys.exit`. Then it is FAILED; where the
            process dies in the dry build, the model is rejected. What
            Ctrl-C, SIGTERM or an error outside of the training ended does
            not count. Defaults to 3.
        population_size: Int, how many individuals breed. Defaults to 20.
        num_initial_points: Int, how many individuals are sampled before the
            first is bred; the first of them has the default values. Defaults
            to 5 with a surrogate and to 10 without.
        selection: String or `Selection`: "tournament", "rank" or "roulette".
            Defaults to "tournament".
        crossover: String or `Crossover`: "uniform", "one_point",
            "two_point", "simulated_binary" or "blend". Defaults to "uniform".
        mutation: String or `Mutation`: "default" or "uniform". Defaults to
            "default".
        survival: String or `Survival`: "elitist", "aging" or "generational".
            Defaults to "elitist".
        surrogate: String or `Surrogate`, the model of the history that
            chooses among offspring, or None for the pure genetic algorithm.
            Defaults to "gaussian_process".
        constraints: List of `Limit`s that models must keep. Defaults to none.
        stop: A `StoppingRule` or a list of them, of which the first that says
            so ends the search: `Target`, `Stagnation`, `TimeBudget` or your
            own. Defaults to none.
        initial_population: List of dicts of names to values, or of
            `keras_tuner.HyperParameters`, to try before anything else. What
            they don't name is sampled.
        warm_start: String or path, the folder of a Keras Tuner project, or a
            list of them. Its completed trials count as evaluated individuals,
            which are not trained; the best gets the first trial.
        reevaluate: Int, how many of the best models are trained again before
            the end, as long as it is uncertain which is better. Each training
            is a trial; about two for each model are kept of `max_trials` and
            of a time budget. Defaults to 0.
    """

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | None = 10,
        seed: int | None = None,
        hyperparameters: kt.HyperParameters | None = None,
        allow_new_entries: bool = True,
        tune_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 10,
        *,
        max_starts_per_trial: int = 3,
        population_size: int = 20,
        num_initial_points: int | None = None,
        selection: str | Selection = "tournament",
        crossover: str | Crossover = "uniform",
        mutation: str | Mutation = "default",
        survival: str | Survival = "elitist",
        surrogate: str | Surrogate | None = "gaussian_process",
        constraints: Sequence[Limit] | Limit = (),
        stop: Sequence[StoppingRule] | StoppingRule | None = None,
        initial_population: Iterable[Mapping[str, Any] | kt.HyperParameters]
        | None = None,
        warm_start: str
        | PathLike[str]
        | Sequence[str | PathLike[str]]
        | None = None,
        reevaluate: int = 0,
    ) -> None:
        self._evolution = Evolution(
            population_size=population_size,
            num_initial_points=num_initial_points,
            selection=selection,
            crossover=crossover,
            mutation=mutation,
            survival=survival,
            surrogate=surrogate,
            reevaluate=reevaluate,
        )
        self._dry_build: DryBuild | None = None
        self._warned: set[str] = set()
        self._initial_population = InitialPopulation(initial_population)
        self._warm_start = WarmStart(warm_start)
        self._is_start_prepared = False
        # What the journal's last line of models has that were rejected after
        # the last trial.
        self._last_rejected: list[dict[str, Any]] = []
        self._earlier_builds: EarlierBuilds | None = None
        super().__init__(
            objective=objective,
            constraints=constraints,
            stop=stop,
            max_trials=max_trials,
            seed=seed,
            hyperparameters=hyperparameters,
            allow_new_entries=allow_new_entries,
            tune_new_entries=tune_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
            max_starts_per_trial=max_starts_per_trial,
        )
        self._initial_population.check_values(self._history.space)

    def _set_project_dir(self, directory: Any, project_name: str) -> None:
        super()._set_project_dir(directory, project_name)
        self._warm_start.check_another(self._folder)

    def use_dry_build(self, dry_build: DryBuild) -> None:
        """Builds each proposal before it becomes a trial.

        Args:
            dry_build: The `DryBuild` of the hypermodel that is searched.
        """
        self._dry_build = dry_build

    def recommend(self, num_trials: int = 1) -> list[Trial]:
        """Returns the completed trials that are likely to be truly best.

        A score is one noisy observation: of many, the best observed is partly
        the luckiest. Here the surrogate's mean decides, which also knows how
        similar trials did, and how often each was trained. `get_best_trials`
        goes by the observed score.

        Args:
            num_trials: Int, how many to return at most. Defaults to 1.

        Returns:
            List of `Trial`s, best first; by observed score if there is no
            surrogate.
        """
        num_trials = check_count("num_trials", num_trials)
        with self._lock:
            self.open()
            ranked = self._own(self._evolution.rank(self._history))
            return self._trials_at(ranked[:num_trials])

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Proposes the values of a trial.

        Args:
            trial_id: String, the trial that they are for.

        Returns:
            A dict with "status", RUNNING or STOPPED, "values" and "record".
        """
        self.prepare_start()
        if self._earlier_builds is None:
            self._earlier_builds = EarlierBuilds(
                self._history, self._build_noted, self._problem_of
            )
        self._import_past()
        self._evolution.seed = self.seed
        record: dict[str, Any] = {}
        num_known = len(self._history)
        self._check_earlier_builds(record, num_known)
        proposed = self._propose_trainable(record, num_known)
        if proposed is None:
            self._check_any_trainable(record.get("rejected", []))
            self._record_rejected(record.get("rejected", []))
            self._stop(self._why_nothing_is_left())
            return {"status": TrialStatus.STOPPED, "values": None}
        if isinstance(proposed, Individual):
            proposed.trial_id = trial_id
            record.update(self._describe(proposed))
            self._add_new(proposed, record, num_known)
            self._tally(proposed)
            values = self._values_of(proposed)
        else:
            values, again = self._train_again(trial_id, proposed)
            record.update(again)
        if self._asked and not self.trials:
            record["asked"] = self._asked
        return {
            "status": TrialStatus.RUNNING,
            "values": values,
            "record": record,
        }

    def _propose_trainable(
        self, record: dict[str, Any], num_known: int
    ) -> Individual | int | None:
        """Returns what to train: a new individual, or one that is known.

        Args:
            record: Dict, the trial's record, to which is added what can't be
                trained and what turns out to be known.
            num_known: Int, how many individuals there are.

        Returns:
            An `Individual`, or the position of one; None at the end.
        """
        rng = np.random.default_rng([self.seed, len(self.trials)])
        num_left = self._num_left()
        while True:
            if self._is_start_prepared:
                self._evolution.initial_population = (
                    self._initial_population.genomes(self._history.space)
                )
            proposal = self._evolution.propose(self._history, rng, num_left)
            if proposal is None:
                if self._check_earlier_builds(record, num_known, True):
                    continue
                return None
            if proposal.reevaluates is not None:
                return proposal.reevaluates
            individual, problem, same = self._develop(proposal)
            if same >= 0:
                self._history.note_repeated(individual, same)
                repeated = record.setdefault("repeated", [])
                repeated.append({**self._describe(individual), "same_as": same})
                # Only where a build asks differently for equal answers.
                if len(repeated) > max(len(self._history), MAX_REJECTIONS):
                    return None
                continue
            if problem is None:
                return individual
            self._history.add(individual)
            self._tally(individual, problem)
            self._warn_of_unbuilt_branches()
            rejected = record.setdefault("rejected", [])
            rejected.append({**self._describe(individual), "problem": problem})
            if len(rejected) == MAX_REJECTIONS:
                raise NothingTrainableError(_explain(rejected))

    def _why_nothing_is_left(self) -> str:
        num_rejected = len(self._history.positions(Status.REJECTED))
        if not self._history.space.is_tunable.any():
            return (
                "there is no hyperparameter with several values to search, so "
                "there is one model only"
            )
        reason = "every model of the search space is known"
        if num_rejected:
            reason += f", {num_rejected} of which can't be trained"
        return reason

    # Edits of the hypermodel between two runs.

    def _check_earlier_builds(
        self, record: dict[str, Any], num_known: int, checks_all: bool = False
    ) -> bool:
        """Builds models of earlier runs again, and tells of an edit.

        Args:
            record: Dict, the trial's record.
            num_known: Int, how many individuals there were before the trial.
            checks_all: Bool, whether all are built that are left. Defaults to
                False: a few, once.
        """
        if self._earlier_builds is None:
            return False
        asked = (
            self._earlier_builds.check_all()
            if checks_all
            else self._earlier_builds.check_some()
        )
        if asked is not None:
            self._take_edit(asked, record, num_known)
        return asked is not None

    def _add_new(
        self, individual: Individual, record: dict[str, Any], num_known: int
    ) -> None:
        """Adds an individual whose build may be the first to show an edit."""
        self._history.add(individual)
        earlier = self._earlier_builds
        if earlier is None or earlier.are_believed:
            return
        if self._history.find(individual.genome) < 0:
            earlier.believe()
            self._take_edit(record.get("expressed", []), record, num_known)

    def _take_edit(
        self, asked: list[str], record: dict[str, Any], num_known: int
    ) -> None:
        """Notes that the hypermodel was edited.

        Args:
            asked: List of the gene keys that its builds ask for now.
            record: Dict, the trial's record.
            num_known: Int, how many individuals there were before the trial.
        """
        record["rebuilt"] = asked
        record.pop("repeated", None)
        self._restore_edit(asked, num_known)
        if self.verbose:
            print(
                "The hypermodel was edited since the last trials: it asks for "
                "other hyperparameters. Earlier trials stay in the history, "
                "and count as the models that it builds with their values."
            )

    def _restore_edit(self, asked: list[str], num_outdated: int) -> None:
        self._note_built(asked)
        self._history.forget_builds(num_outdated)

    def _train_again(
        self, trial_id: str, position: int
    ) -> tuple[dict[str, Value], dict[str, Any]]:
        """Returns the values and the record of a re-evaluation."""
        first = self._history.individuals[position].trial_id or ""
        self._history.reevaluate(position, trial_id)
        values = dict(self.trials[first].hyperparameters.values)
        return values, {"operator": REEVALUATION, "reevaluates": first}

    def _num_left(self) -> float:
        """Returns how many trials are still to come, as far as is known."""
        if not self._evolution.reevaluate:
            return math.inf
        if super().reason_to_stop() is not None:
            return 0
        left = math.inf
        if self.max_trials is not None:
            left = self.max_trials - len(self.trials)
        if self.end_order and math.isfinite(self.time_budget):
            seconds = self.search_seconds()
            pace = len(self.end_order) / max(seconds, TIME_RESOLUTION)
            left = min(left, pace * (self.time_budget - seconds))
        return left

    def reason_to_stop(self) -> str | None:
        reason = super().reason_to_stop()
        if reason is None or self.search_seconds() >= self.time_budget:
            return reason
        # First it is settled who is best, as far as there are trials left.
        return None if self._evolution.propose_again(self._history) else reason

    def _develop(
        self, proposal: Proposal
    ) -> tuple[Individual, str | None, int]:
        """Returns the individual of a proposal, and what speaks against it.

        Returns:
            Tuple of the `Individual`, its problem or None, and the position
            of an earlier one that is the same model, -1 if there is none.
        """
        individual = Individual(
            # A copy, not a row that keeps all of its siblings in memory.
            proposal.genome.copy(),
            parents=tuple(
                self._history.individuals[parent].trial_id or ""
                for parent in proposal.parents
            ),
            operator=proposal.operator,
            prediction=proposal.prediction,
            given=proposal.given,
        )
        values = self._values_of(individual)
        problem = self._fatal_problem(values)
        if problem is not None:
            individual.expression = self._predicted_expression(individual)
            return individual, self._reject(individual, problem), -1
        phenotype = self._build_noted(values)
        if phenotype is None:
            return *self._check_unbuilt(individual, values), -1
        space = self._history.space
        added = space.default_genome()[len(individual.genome) :]
        individual.genome = np.concatenate([individual.genome, added])
        individual.expression = self._expression_of(phenotype)
        problem = self._problem_of(phenotype)
        individual.excess = phenotype.excess or self._excess_of_costs(
            phenotype.costs
        )
        if problem is None:
            is_known_start = proposal.operator in (GIVEN, BEST_IMPORT)
            same = self._history.same_as(individual, not is_known_start)
            return individual, None, same
        return individual, self._reject(individual, problem), -1

    def _reject(self, individual: Individual, problem: str) -> str:
        """Rejects an individual, and returns why, as it is told and stored."""
        if individual.given is not None:
            problem = f"`initial_population[{individual.given}]`: {problem}"
        self._report(problem)
        individual.status = Status.REJECTED
        return problem

    def _problem_of(self, phenotype: Phenotype) -> str | None:
        """Returns why a model that was built is not trained, if so."""
        return phenotype.problem or self._broken_limit(
            phenotype.hyperparameters, phenotype.costs
        )

    def _values_of(self, individual: Individual) -> dict[str, Value]:
        """Returns the values of a new individual, as the user gave them."""
        space = self._history.space
        values = space.decode(individual.genome)
        if individual.given is None:
            return values
        return self._initial_population.exact(individual.given, values, space)

    def _check_unbuilt(
        self, individual: Individual, values: dict[str, Any]
    ) -> tuple[Individual, str | None]:
        """Checks limits on hyperparameters where no model is built."""
        if not self.limits:
            return individual, None
        problem = self._broken_limit(
            private_api.share_space(self.hyperparameters, values), {}
        )
        if problem is not None:
            individual.status = Status.REJECTED
            active = self._history.space.active(individual.genome[None])[0]
            individual.expression = tuple(np.flatnonzero(active).tolist())
        return individual, problem

    def _broken_limit(
        self, hyperparameters: kt.HyperParameters, costs: Mapping[str, float]
    ) -> str | None:
        """Returns which limit a model breaks, as far as is known."""
        for limit in self.limits:
            problem = limit.problem(hyperparameters, costs)
            if problem is not None:
                return problem
        return None

    def _excess_of_costs(self, costs: Mapping[str, float]) -> float | None:
        """Returns by how much costs break limits, None if they don't."""
        known = [
            limit.excess(costs)
            for limit in self._learnt_limits
            if limit.name in costs
        ]
        return sum(excess for excess in known if excess > 0.0) or None

    def _build(self, values: dict[str, Any]) -> Phenotype | None:
        """Builds a model and takes what it meets into the search space."""
        if self._dry_build is None:
            return None
        phenotype = self._dry_build(self.hyperparameters, values)
        self._grow_space(phenotype.hyperparameters)
        return phenotype

    def _build_noted(self, values: dict[str, Any]) -> Phenotype | None:
        """Builds a model, with a line before it in case the process ends.

        Returns:
            The `Phenotype`, or None if there is no dry build, or if that of
            the model has ended the process too often.
        """
        if self._dry_build is None or self._fatal_problem(values) is not None:
            return None
        model = fingerprint(values)
        # To look again at a search that has ended writes nothing.
        if self.stop_reason is None or not self._builds.was_built(model):
            # Without what rejected models brought into the space: they do so
            # again after a restart.
            self._append(events.build_event(model))
        return self._build(values)

    def _fatal_problem(self, values: dict[str, Any]) -> str | None:
        """Returns why a model is not even built, None if it is."""
        number = self._builds.num_deaths(
            fingerprint(values), self._clock.session
        )
        if number < self.max_starts_per_trial:
            return None
        return (
            f"{FatalBuildError.__name__}: The build was started {number} times "
            "and never came to an end: its process died each time, for "
            "instance for want of memory or of a segmentation fault "
            f"(max_starts_per_trial={self.max_starts_per_trial})."
        )

    def _predicted_expression(self, individual: Individual) -> tuple[int, ...]:
        """Returns what the build of a model that can't be built may ask for."""
        position = self._history.space.position
        path = self._history.predict_path(individual.genome)
        asked = [position[key] for key in self._asked if key in position]
        return tuple(path or asked)

    def _check_any_trainable(self, rejected: list[dict[str, Any]]) -> None:
        """Raises if a search ends without a single model to train."""
        if rejected and not self.trials:
            raise NothingTrainableError(_explain(rejected))

    def _record_rejected(self, rejected: list[dict[str, Any]]) -> None:
        """Records what was rejected after the last trial, for who reads it.

        A restart builds these models anew, so that a corrected build function
        gets another chance.
        """
        if rejected and rejected != self._last_rejected:
            self._record(events.rejected_event(rejected))
            self._last_rejected = rejected

    def _report(self, problem: str) -> None:
        """Warns of a problem, once for each kind."""
        if is_bug(problem):
            self._warn_of_mistake(Mistake(1, problem))
            return
        self._warn_once(
            kind_of(problem),
            "A proposed model can't be trained and was rejected before it cost "
            f"a trial. {problem}",
        )

    def _warn_once(self, key: str, message: str) -> None:
        if key not in self._warned:
            self._warned.add(key)
            warnings.warn(message, stacklevel=2)

    # Mistakes, and branches of which no model can be built.

    def _tally(
        self, individual: Individual, problem: str | None = None
    ) -> None:
        """Counts a model among the built or the rejected ones of its values."""
        space = self._history.space
        values = space.decode(individual.genome)
        names = [space.genes[i].name for i in individual.expression]
        asked = {name: values[name] for name in names if name in values}
        self._branches.add(space, asked, problem)

    def unbuilt_branches(self) -> list[UnbuiltBranch]:
        """Returns the values with which no model of the search could be built.

        Most likely a mistake of the hypermodel keeps them from being searched.
        """
        with self._lock:
            self.open()
            return self._branches.unbuilt()

    def mistakes(self) -> list[Mistake]:
        """Returns the bugs of the hypermodel that no unbuilt branch shows."""
        with self._lock:
            self.open()
            return self._branches.mistakes()

    def _warn_of_mistake(self, mistake: Mistake) -> None:
        # Each process says it, even if an earlier one did.
        self._warn_once(f"mistake: {kind_of(mistake.problem)}", str(mistake))

    def _warn_of_unbuilt_branches(self) -> None:
        for branch in self._branches.unbuilt():
            # What the user's code turns down is no news to the user.
            if not branch.is_deliberate:
                self._warn_once(f"{branch.name}={branch.value!r}", str(branch))

    def _dismiss(self, tuner_id: str) -> None:
        super()._dismiss(tuner_id)
        if not self.tuner_ids:
            # Those that earlier processes found, and that later models show.
            self._warn_of_unbuilt_branches()
            for mistake in self._branches.mistakes():
                self._warn_of_mistake(mistake)

    # What was known before the search.

    def prepare_start(self) -> None:
        """Checks `initial_population`, and reads `warm_start`.

        A tuner that has explored the search space calls it, so that a mistake
        is told before any training. Otherwise the first proposal does.

        Raises:
            ValueError: If names or values are not those of the search space,
                or if a project has not the objective of this search.
        """
        with self._lock:
            self.open()
            # Without a hypermodel the first trial finds the space.
            is_known = self._history.space.num_genes or self._dry_build
            if is_known and not self._is_start_prepared:
                self._initial_population.check(self._history, self._build)
                self._warm_start.read(
                    self.objective, COUNTED if self._dry_build else ()
                )
                self._is_start_prepared = True

    def _import_past(self) -> None:
        """Takes trials of other projects into the history, each once."""
        if self._is_start_prepared:
            for event in self._warm_start.events(self._describe_past):
                self._record(event)
                self.restore_event(event)
                if event["event"] == "warm_start" and self.verbose:
                    print(
                        f"Warm start: {event['imported']} evaluated models of "
                        f"{event['path']} are in the history"
                    )

    def _describe_past(
        self, trial: PastTrial
    ) -> tuple[dict[str, Any], dict[str, float]]:
        """Returns the individual that a trial of another project was.

        What building its model costs may not have been measured there.

        Raises:
            ValueError: If it is none that this search can have.
        """
        values = trial.values
        individual = Individual(
            self._history.space.encode(values), operator=IMPORT
        )
        decoded = self._history.space.decode(individual.genome)
        phenotype = self._build_noted({**values, **decoded})
        if phenotype is not None:
            if phenotype.problem is not None:
                raise ValueError(phenotype.problem)
            check_untuned(self.hyperparameters, phenotype, values)
            # The build may have met further hyperparameters.
            individual.genome = self._history.space.encode(values)
            individual.expression = self._expression_of(phenotype)
        costs: dict[str, float] = dict(phenotype.costs) if phenotype else {}
        metrics = {**costs, **trial.metrics}
        self._excesses(metrics)
        for objective in objectives_of(self.objective):
            if objective.name not in metrics:
                raise ValueError(f"Its {objective.name} is not known.")
        return self._describe(individual), costs

    def restore_event(self, event: dict[str, Any]) -> None:
        is_import = event["event"] == "import"
        if is_import and event["trial_id"] in self._warm_start.values:
            # The journal has the line twice.
            return
        self._warm_start.note(event)
        if event["event"] == "rejected":
            self._last_rejected = event["rejected"]
        if is_import:
            individual = self._restored(event["record"])
            individual.trial_id = event["trial_id"]
            self._history.add(individual)
            costs = event.get("costs", {})
            self._finish(event["trial_id"], {**costs, **event["metrics"]})

    def has_scores(self) -> bool:
        return super().has_scores() or bool(self._history.imports)

    def values_elsewhere(self) -> dict[str, dict[str, Value]]:
        return self._warm_start.values

    def _forget(self) -> None:
        self._warm_start.forget()
        self._is_start_prepared = False
        self._branches = BranchTally()
        self._last_rejected = []
        self._earlier_builds = None
        super()._forget()

    def restore_trial(self, trial: Trial, record: dict[str, Any]) -> None:
        self._note_built(record.get("asked", []))
        self._restore_in_vain(record)
        if "reevaluates" in record:
            first = self._history.position_of(record["reevaluates"])
            self._history.reevaluate(first, trial.trial_id)
            return
        individual = self._restored(record)
        individual.trial_id = trial.trial_id
        self._history.add(individual)
        self._tally(individual)

    def _restore_in_vain(self, record: dict[str, Any]) -> None:
        """Restores what was learned on the way to a proposal."""
        if "rebuilt" in record:
            self._restore_edit(record["rebuilt"], len(self._history))
        for rejected in record.get("rejected", []):
            individual = self._restored(rejected)
            individual.status = Status.REJECTED
            self._history.add(individual)
            self._tally(individual, rejected["problem"])
            self._warned.add(kind_of(rejected["problem"]))
        for repeated in record.get("repeated", []):
            individual = self._restored(repeated)
            self._history.note_repeated(individual, repeated["same_as"])


def _one_of(problems: list[str]) -> str:
    if len(set(problems)) == 1:
        return problems[0]
    return f"for instance: {problems[-1]}"


def _explain(rejected: list[dict[str, Any]]) -> str:
    causes = "\n".join(
        f"  {len(problems)} x {_one_of(problems)}"
        for problems in by_kind(one["problem"] for one in rejected)
    )
    return (
        f"{len(rejected)} proposed models in a row can't be trained:\n"
        f"{causes}\nNothing is lost. Change the hypermodel or its limits and "
        "run again."
    )
