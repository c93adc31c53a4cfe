"""The oracle: Keras Tuner's trials on one side, the history on the other."""

import re
import warnings
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution import host
from kt_evolution.core.checks import check_count
from kt_evolution.core.evolution import Evolution
from kt_evolution.core.evolution import Proposal
from kt_evolution.core.history import History
from kt_evolution.core.history import Individual
from kt_evolution.core.history import Status
from kt_evolution.core.ranking import best_first
from kt_evolution.core.ranking import front
from kt_evolution.core.space import SearchSpace
from kt_evolution.costs import with_directions
from kt_evolution.durable import DurableOracle
from kt_evolution.encoding import genes_of
from kt_evolution.encoding import key_of
from kt_evolution.limits import Limit
from kt_evolution.limits import check_limits
from kt_evolution.operators.crossover import Crossover
from kt_evolution.operators.mutation import Mutation
from kt_evolution.operators.selection import Selection
from kt_evolution.operators.survival import Survival
from kt_evolution.phenotype import DryBuild
from kt_evolution.surrogate import Surrogate

# So many rejected proposals in a row mean that the space holds next to
# nothing that can be trained.
MAX_REJECTIONS = 100


class NothingTrainableError(RuntimeError):
    """Too many proposals in a row can't be built or are too large."""


class EvolutionOracle(DurableOracle):
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
            string, the direction (min or max) is inferred. Optional when the
            training returns a single float to minimise.
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
            in a row after which the search stops. Defaults to 10.
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
        max_consecutive_failed_trials: int = 10,
        *,
        population_size: int = 20,
        num_initial_points: int | None = None,
        selection: str | Selection = "tournament",
        crossover: str | Crossover = "uniform",
        mutation: str | Mutation = "default",
        survival: str | Survival = "elitist",
        surrogate: str | Surrogate | None = "gaussian_process",
        constraints: Sequence[Limit] | Limit = (),
    ) -> None:
        self._limits = check_limits(constraints)
        self._learnt_limits = [
            limit for limit in self._limits if not limit.is_function
        ]
        self._evolution = Evolution(
            population_size=population_size,
            num_initial_points=num_initial_points,
            selection=selection,
            crossover=crossover,
            mutation=mutation,
            survival=survival,
            surrogate=surrogate,
        )
        self._dry_build: DryBuild | None = None
        self._warned: set[str] = set()
        # What exploring asked for. The first trial's line has it.
        self._asked: list[str] = []
        super().__init__(
            objective=with_directions(objective),
            max_trials=max_trials,
            seed=seed,
            hyperparameters=hyperparameters,
            allow_new_entries=allow_new_entries,
            tune_new_entries=tune_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
        )

    @property
    def _sign(self) -> float:
        """What makes scores such that lower is better, and back."""
        return _sign_of(self.objective)

    @property
    def _has_one_order(self) -> bool:
        """Whether a trial's score alone says which one is better."""
        return self._history.num_objectives == 1 and not self._learnt_limits

    @property
    def history(self) -> History:
        """The `History` of the search."""
        self.open()
        return self._history

    def use_dry_build(self, dry_build: DryBuild) -> None:
        """Builds each proposal before it becomes a trial.

        Args:
            dry_build: The `DryBuild` of the hypermodel that is searched.
        """
        self._dry_build = dry_build

    def note_asked(self, keys: list[str]) -> None:
        """Notes genes that builds ask for, so that they need no training.

        Until a build asks for it, a gene may be one that only training asks
        for, and then tells models apart whenever it is active.

        Args:
            keys: List of gene keys.
        """
        self._asked += keys
        self._note_built(self._asked)

    def _note_built(self, keys: list[str]) -> None:
        position = self._history.space.position
        self._history.note_built(
            position[key] for key in keys if key in position
        )

    def recommend(self, num_trials: int = 1) -> list[Trial]:
        """Returns the completed trials that are likely to be truly best.

        A score is one noisy observation: of many, the best observed is partly
        the luckiest. Here the surrogate's mean decides, which also knows how
        similar trials did. `get_best_trials` goes by the observed score.

        Args:
            num_trials: Int, how many to return at most. Defaults to 1.

        Returns:
            List of `Trial`s, best first; by observed score if there is no
            surrogate.
        """
        check_count("num_trials", num_trials)
        with self._lock:
            self.open()
            positions = self._evolution.rank(self._history)[:num_trials]
            individuals = [self._history.individuals[p] for p in positions]
            return [self.trials[one.trial_id or ""] for one in individuals]

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """Returns the best completed trials, best first.

        Those that keep all limits come first, then those that break them
        least. With several objectives the Pareto front comes first, and of
        that the knee: the trial nearest to the best of each objective.
        """
        with self._lock:
            self.open()
            if self._has_one_order:
                return super().get_best_trials(num_trials)
            order = best_first(*self._observed())[:num_trials]
            trials = [self._completed_trials()[position] for position in order]
            if trials and not self.ongoing_trials:
                self._warn_if_broken(trials[0])
            return trials

    def get_pareto_trials(self) -> list[Trial]:
        """Returns the completed trials that no other is better than.

        Of each, every other trial is worse in one objective at least. They
        keep all limits, and the knee comes first.

        Returns:
            List of `Trial`s; with one objective those that have the best
            score.
        """
        with self._lock:
            self.open()
            trials = self._completed_trials()
            return [trials[position] for position in front(*self._observed())]

    def _completed_trials(self) -> list[Trial]:
        positions = self._history.positions(Status.COMPLETED)
        individuals = [self._history.individuals[p] for p in positions]
        return [self.trials[one.trial_id or ""] for one in individuals]

    def _observed(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the objectives and limits of the completed trials."""
        completed = self._history.positions(Status.COMPLETED)
        return (
            self._history.objectives[completed],
            self._history.limits[completed],
        )

    def _warn_if_broken(self, trial: Trial) -> None:
        broken = [
            f"{limit}: {value_of(trial, limit.name):g}"
            for limit, excess in zip(
                self._learnt_limits, self._excesses(trial), strict=True
            )
            if excess > 0.0
        ]
        if broken:
            warnings.warn(
                "No trial keeps all limits. Trial "
                f"{trial.trial_id} breaks them least: {', '.join(broken)}",
                stacklevel=3,
            )

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Proposes the values of a trial.

        Args:
            trial_id: String, the trial that they are for.

        Returns:
            A dict with "status", RUNNING or STOPPED, "values" and "record".
        """
        self._evolution.seed = self.seed
        rng = np.random.default_rng([self.seed, len(self.trials)])
        rejected: list[dict[str, Any]] = []
        while True:
            proposal = self._evolution.propose(self._history, rng)
            if proposal is None:
                self._check_any_trainable(rejected)
                return {"status": TrialStatus.STOPPED, "values": None}
            individual, problem = self._develop(proposal)
            if problem is None:
                break
            self._history.add(individual)
            rejected.append({**self._describe(individual), "problem": problem})
            if len(rejected) == MAX_REJECTIONS:
                raise NothingTrainableError(_explain(rejected))
        record = self._describe(individual)
        if rejected:
            record["rejected"] = rejected
        if self._asked and not self.trials:
            record["asked"] = self._asked
        individual.trial_id = trial_id
        self._history.add(individual)
        values = self._history.space.decode(individual.genome)
        return {
            "status": TrialStatus.RUNNING,
            "values": values,
            "record": record,
        }

    def _develop(self, proposal: Proposal) -> tuple[Individual, str | None]:
        """Returns the individual of a proposal, and its problem if any."""
        individual = Individual(
            # A copy, not a row that keeps all of its siblings in memory.
            proposal.genome.copy(),
            parents=tuple(
                self._history.individuals[parent].trial_id or ""
                for parent in proposal.parents
            ),
            operator=proposal.operator,
            prediction=proposal.prediction,
        )
        values = self._history.space.decode(proposal.genome)
        if self._dry_build is None:
            hp = host.share_space(self.hyperparameters, values)
            problem = self._broken_limit(hp, {})
            if problem is not None:
                individual.status = Status.REJECTED
            return individual, problem
        phenotype = self._dry_build(self.hyperparameters, values)
        self.update_space(phenotype.hyperparameters)
        space = self._history.space
        added = space.default_genome()[len(individual.genome) :]
        individual.genome = np.concatenate([individual.genome, added])
        individual.expression = tuple(
            space.position[key]
            for key in phenotype.asked
            if key in space.position
        )
        problem = phenotype.problem or self._broken_limit(
            phenotype.hyperparameters, phenotype.costs
        )
        if problem is not None:
            self._report(problem)
        elif self._history.knows(individual):
            # Only where a build asks differently for equal answers.
            problem = "It is the same model as an earlier one."
        if problem is not None:
            individual.status = Status.REJECTED
        return individual, problem

    def _broken_limit(
        self, hyperparameters: kt.HyperParameters, costs: Mapping[str, float]
    ) -> str | None:
        """Returns which limit a model breaks, as far as is known."""
        for limit in self._limits:
            problem = limit.problem(hyperparameters, costs)
            if problem is not None:
                return problem
        return None

    def _check_any_trainable(self, rejected: list[dict[str, Any]]) -> None:
        """Raises if a search ends without a single model to train."""
        if rejected and not self.trials:
            raise NothingTrainableError(_explain(rejected))

    def _report(self, problem: str) -> None:
        """Warns of a problem, once for each kind."""
        kind = _kind_of(problem)
        if kind not in self._warned:
            self._warned.add(kind)
            warnings.warn(
                "A proposed model can't be trained and was rejected before "
                f"it cost a trial. {problem}",
                stacklevel=2,
            )

    def _describe(self, individual: Individual) -> dict[str, Any]:
        """Returns an individual as it is stored, by gene identity."""
        genes = self._history.space.genes
        description: dict[str, Any] = {
            "genome": {
                gene.key: code
                for gene, code in zip(
                    genes, individual.genome.tolist(), strict=True
                )
            },
            "operator": individual.operator,
        }
        if individual.expression:
            description["expressed"] = [
                genes[i].key for i in individual.expression
            ]
        if individual.parents:
            description["parents"] = list(individual.parents)
        if individual.prediction is not None:
            mean, std = individual.prediction
            description["prediction"] = [self._sign * mean, std]
        return description

    # What the trials' side tells.

    def _new_history(self) -> History:
        return History(
            SearchSpace(),
            num_objectives=len(host.objectives_of(self.objective)),
            num_limits=len(self._learnt_limits),
        )

    def _forget(self) -> None:
        super()._forget()
        self._history = self._new_history()
        self.on_space_grown()

    def on_space_grown(self) -> None:
        known = self._history.space.position
        new = [
            hp for hp in self.hyperparameters.space if key_of(hp) not in known
        ]
        if new:
            self._history.grow(self._history.space.extended(genes_of(new)))
            self._note_built(self._asked)

    def check_entries(self, hyperparameters: list[Any]) -> None:
        genes_of(hyperparameters)

    def restore_trial(self, trial: Trial, record: dict[str, Any]) -> None:
        self._note_built(record.get("asked", []))
        for rejected in record.get("rejected", []):
            individual = self._restored(rejected)
            individual.status = Status.REJECTED
            self._history.add(individual)
            self._warned.add(_kind_of(rejected["problem"]))
        individual = self._restored(record)
        individual.trial_id = trial.trial_id
        self._history.add(individual)

    def _restored(self, description: dict[str, Any]) -> Individual:
        space = self._history.space
        genome = space.default_genome()
        for key, code in description["genome"].items():
            genome[space.position[key]] = code
        prediction = description.get("prediction")
        return Individual(
            genome,
            expression=tuple(
                space.position[key] for key in description.get("expressed", [])
            ),
            parents=tuple(description.get("parents", [])),
            operator=description["operator"],
            prediction=(
                (self._sign * prediction[0], prediction[1])
                if prediction
                else None
            ),
        )

    def on_trial_revived(self, trial: Trial) -> None:
        self._history.finish(trial.trial_id, Status.PENDING)

    def on_trial_settled(self, trial: Trial) -> None:
        self._history.set_values(
            trial.trial_id, dict(trial.hyperparameters.values)
        )
        if trial.status == TrialStatus.COMPLETED:
            self._history.finish(
                trial.trial_id,
                Status.COMPLETED,
                self._objectives_of(trial),
                self._excesses(trial),
            )
        else:
            self._history.finish(trial.trial_id, Status.FAILED)

    def _check_objective_found(self, metrics: Mapping[str, float]) -> None:
        super()._check_objective_found(metrics)
        for limit in self._learnt_limits:
            limit.excess(metrics)

    def _objectives_of(self, trial: Trial) -> list[float]:
        """Returns what is minimised."""
        if self._history.num_objectives == 1:
            return [self._sign * trial.score]
        return [
            _sign_of(objective) * value_of(trial, objective.name)
            for objective in host.objectives_of(self.objective)
        ]

    def _excesses(self, trial: Trial) -> list[float]:
        """Returns by how much a trial breaks each limit that is learnt."""
        metrics = {
            name: value_of(trial, name) for name in trial.metrics.metrics
        }
        return [limit.excess(metrics) for limit in self._learnt_limits]


def value_of(trial: Trial, metric: str) -> float:
    """Returns a metric of a completed trial, at its best epoch."""
    history = trial.metrics.get_history(metric)
    steps = {observation.step: observation for observation in history}
    return float(steps.get(trial.best_step, history[-1]).mean())


def _sign_of(objective: kt.Objective) -> float:
    return -1.0 if objective.direction == "max" else 1.0


def _kind_of(problem: str) -> str:
    """Returns a problem without its numbers, which differ by the values."""
    return re.sub(r"\d+(\.\d+)?", "#", problem)


def _explain(rejected: list[dict[str, Any]]) -> str:
    examples: dict[str, list[str]] = {}
    for rejection in rejected:
        problem = rejection["problem"]
        examples.setdefault(_kind_of(problem), []).append(problem)
    causes = "\n".join(
        f"  {len(problems)} x {problems[0]}"
        for problems in sorted(examples.values(), key=len, reverse=True)
    )
    return (
        f"{len(rejected)} proposed models in a row can't be trained:\n"
        f"{causes}\nNothing is lost. Change the hypermodel or its limits and "
        "run again."
    )
