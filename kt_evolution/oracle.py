"""The oracle: Keras Tuner's calls, and who answers them."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial

from kt_evolution.algorithm import checks
from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.fidelity import SuccessiveHalving
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.operators.crossover import Crossover
from kt_evolution.algorithm.operators.mutation import Mutation
from kt_evolution.algorithm.operators.selection import Selection
from kt_evolution.algorithm.operators.survival import Survival
from kt_evolution.algorithm.surrogate import Surrogate
from kt_evolution.costs.measurement import COSTS
from kt_evolution.display.search_display import SearchDisplay
from kt_evolution.display.status import SearchStatus
from kt_evolution.keras_tuner_bridge.encoding import check_given_space
from kt_evolution.keras_tuner_bridge.objectives import as_objectives
from kt_evolution.keras_tuner_bridge.objectives import check_directions
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.keras_tuner_bridge.views import StateView
from kt_evolution.limits import Limit
from kt_evolution.project.lifecycle import TrialLifecycle
from kt_evolution.project.project import Project
from kt_evolution.project.standings import Standings
from kt_evolution.proposals.assembly import new_proposer
from kt_evolution.proposals.end_of_search import EndOfSearch
from kt_evolution.proposals.initial_population import GivenModels
from kt_evolution.proposals.promotions import Promotions
from kt_evolution.proposals.warm_start import GivenProjects
from kt_evolution.stopping import SearchProgress
from kt_evolution.stopping import StoppingRule


class EvolutionOracle(kt.Oracle):
    """Searches hyperparameters by evolution.

    It works with every Keras Tuner tuner, and no model is trained twice.
    `EvolutionTuner` adds the dry build: models that can't be built or are too
    large cost no trial.

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
        objective: String, `keras_tuner.Objective`, or a list of them. A string
            names a metric of Keras or a cost, whose direction is known.
            Optional when the training returns a single float to minimize.
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
        max_consecutive_failed_trials: Int, after how many crashed trials in a
            row the search stops; None for no limit. Defaults to 10.
        max_starts_per_trial: Int, how often a trial is started that never
            ends because its process dies, for instance out of memory. Then it
            is FAILED, or rejected if the process died in its dry build.
            Interruptions such as Ctrl-C and starts that went on with a
            training don't count. Defaults to 3.
        population_size: Int, how many individuals breed. Defaults to 20.
        num_initial_points: Int, how many individuals are sampled before the
            first is bred; the first has the default values. Defaults to 10,
            with a surrogate to 5, to 8 for more than 11 hyperparameters.
        selection: String or `Selection`. Defaults to "tournament".
        crossover: String or `Crossover`. Defaults to "uniform".
        mutation: String or `Mutation`. Defaults to "mixed".
        survival: String or `Survival`. Defaults to "elitist".
        surrogate: String or `Surrogate`, the model of the history that
            chooses among offspring, or None for the pure genetic algorithm.
            Defaults to "gaussian_process".
        limits: List of `Limit`s that models must keep. Defaults to none.
        stop: `StoppingRule` or a list of them. The search stops as soon as
            one fires. Defaults to none.
        initial_population: List of dicts of names to values, or of
            `keras_tuner.HyperParameters`, to try before anything else. What
            they don't name is sampled. Defaults to none.
        warm_start: Path of a Keras Tuner project's folder; its trials enter
            the history without being trained, and the best gets the first
            trial. Or a `Transfer` from other data; or a list. Defaults to none.
        reevaluate: Int, how many of the best models are trained again before
            the end, while it is uncertain which is better. Each training is a
            trial, so about two per model are kept of `max_trials` and of a
            time budget. Defaults to 0.
        fidelity: `SuccessiveHalving`, or "auto" for one with its defaults, so
            that most trials are paused after a few epochs; None to train each
            to the end. Only `EvolutionTuner` pauses trials. Defaults to None.
    """

    @checks.named_arguments
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
        mutation: str | Mutation = "mixed",
        survival: str | Survival = "elitist",
        surrogate: str | Surrogate | None = "gaussian_process",
        limits: Sequence[Limit] | Limit = (),
        stop: Sequence[StoppingRule] | StoppingRule | None = None,
        initial_population: GivenModels | None = None,
        warm_start: GivenProjects | None = None,
        reevaluate: int = 0,
        fidelity: str | SuccessiveHalving | None = None,
    ) -> None:
        checks.check_flag("allow_new_entries", allow_new_entries)
        checks.check_flag("tune_new_entries", tune_new_entries)
        check_given_space(hyperparameters)
        seed = checks.check_optional_count("seed", seed, at_least=0)
        self.max_starts_per_trial = checks.check_count(
            "max_starts_per_trial", max_starts_per_trial
        )
        self.limits = checks.check_several("limits", limits, Limit)
        super().__init__(
            objective=as_objectives(objective, minimized=COSTS),
            max_trials=checks.check_optional_count("max_trials", max_trials),
            hyperparameters=hyperparameters,
            allow_new_entries=allow_new_entries,
            tune_new_entries=tune_new_entries,
            # Without one the host draws from the user's random stream.
            seed=1,
            max_retries_per_trial=checks.check_count(
                "max_retries_per_trial", max_retries_per_trial, at_least=0
            ),
            max_consecutive_failed_trials=checks.check_optional_count(
                "max_consecutive_failed_trials", max_consecutive_failed_trials
            ),
        )
        check_directions(self.objective)
        self._evolution = Evolution(
            population_size=population_size,
            num_initial_points=num_initial_points,
            selection=selection,
            crossover=crossover,
            mutation=mutation,
            survival=survival,
            surrogate=surrogate,
            reevaluate=reevaluate,
            fidelity=fidelity,
        )
        self._project = Project(
            self.objective,
            [limit for limit in self.limits if not limit.is_function],
            hyperparameters or kt.HyperParameters(),
            seed,
            self._on_restored,
        )
        self.seed = self._project.seed
        self._standings = Standings(self._project)
        self._promotions = Promotions(
            self._project, self._evolution, self.limits, self.objective
        )
        self._end = EndOfSearch(
            self._project, self._evolution, self._promotions, stop
        )
        self._lifecycle = TrialLifecycle(self, self._project)
        self._proposer = new_proposer(
            self._project,
            self._evolution,
            self._promotions,
            self.limits,
            self.max_starts_per_trial,
            initial_population,
            warm_start,
            self._lifecycle.grow_space,
            self._print,
        )
        self._display = SearchDisplay(
            self._search_status,
            self._standings.trial_summary,
            [one.name for one in objectives_of(self.objective)],
        )

    # What the host shows of an oracle.

    hyperparameters = StateView()
    trials = StateView()
    ongoing_trials = StateView()
    start_order = StateView()
    end_order = StateView()
    _run_times = StateView("run_times")
    _retry_queue = StateView("retry_queue")
    # Why the search ended by itself, None while it goes on.
    stop_reason = StateView()

    def _set_project_dir(self, directory: Any, project_name: str) -> None:
        super()._set_project_dir(directory, project_name)
        self._project.set_folder(directory, project_name)
        self._proposer.warm_start.check_another(self._project.folder)
        # The host makes paths of them.
        self._directory = str(self._project.folder.parent)

    def _on_restored(self) -> None:
        """Begins as a new process would: the state was read again."""
        self.seed = self._project.seed
        self._lifecycle.forget()
        self._proposer.forget()

    def _print(self, text: str) -> None:
        if self.verbose:
            print(text)

    # What the host calls.

    def create_trial(self, tuner_id: str) -> Trial:
        """Returns the next trial to run.

        Args:
            tuner_id: String, the worker that asks. One that has a trial
                already lost its process in it: it starts that again.

        Returns:
            A `Trial` whose status is RUNNING, or STOPPED when the search is
            at its end. It is IDLE only for a worker of a chief that may get
            the trial of another one at the end.
        """
        return self._lifecycle.create(str(tuner_id))

    def update_trial(
        self, trial_id: str, metrics: Mapping[str, Any], step: int = 0
    ) -> Trial:
        """Takes the metrics that a worker reports.

        Args:
            trial_id: String, the trial.
            metrics: Dict of names to numbers; the objectives must be there.
            step: Int, the epoch that the metrics belong to.

        Returns:
            The `Trial`.
        """
        return self._lifecycle.reports.update(trial_id, metrics, step)

    def end_trial(
        self,
        trial: Trial | str | None = None,
        status: str | None = None,
        trial_id: str | None = None,
    ) -> None:
        """Takes a trial's end. Ending it twice changes nothing.

        Args:
            trial: The `Trial`, with the status COMPLETED, INVALID (it crashed
                and may be tried again) or FAILED (it must not be).
            status: String. The host's former signature was a trial id and a
                status, "COMPLETED" by default; it still works.
            trial_id: String, see `status`.

        Raises:
            RuntimeError: If too many trials in a row failed. The trial is
                saved before.
        """
        self._lifecycle.reports.end(trial, status, trial_id)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Proposes the values of a trial.

        Args:
            trial_id: String, the trial that they are for.

        Returns:
            A dict with "status", RUNNING or STOPPED, "values", "record" and
            with a fidelity "epochs" and "promotes", the id of a paused trial.
        """
        return self._lifecycle.propose(trial_id)

    def get_trial(self, trial_id: str) -> Trial:
        """Returns a trial by its id."""
        return self._lifecycle.reports.known(trial_id)

    def get_space(self) -> kt.HyperParameters:
        """Returns a copy of the search space, with default values."""
        with self._project.reading() as state:
            return state.hyperparameters.copy()

    def update_space(self, hyperparameters: kt.HyperParameters) -> None:
        """Adds hyperparameters that are new to the search space.

        Raises:
            RuntimeError: If there are any and `allow_new_entries` is False.
        """
        with self._project.reading():
            self._lifecycle.grow_space(hyperparameters)
            self._project.note_explored()

    def save(self) -> None:
        """Writes `oracle.json` when there are enough new trials."""
        self._lifecycle.save()

    def reload(self) -> None:
        """Restores the state from the project's journal."""
        self._project.reload()

    def get_state(self) -> dict[str, Any]:
        """Returns what `oracle.json` holds, for the host's own tools."""
        state = super().get_state()
        state["ongoing_trials"] = {
            tuner_id: trial.trial_id
            for tuner_id, trial in self.ongoing_trials.items()
            if trial.trial_id not in self._retry_queue
        }
        return state

    # The best.

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """Returns the best completed trials, best first.

        Those that keep all limits come first, then those that break them
        least. With several objectives the Pareto front comes first, and of
        that the knee: the trial nearest to the best of each objective. A
        model that was trained again counts by the mean of all its trainings,
        and once: by its best trial. Unlike the host's, the list never fills
        up with unfinished trials.

        Args:
            num_trials: Int, how many at most. Defaults to 1.
        """
        num_trials = checks.check_count("num_trials", num_trials, at_least=0)
        return self._standings.best(num_trials)

    def get_pareto_trials(self) -> list[Trial]:
        """Returns the completed trials that no other is better than.

        Of each, every other trial is worse in one objective at least. They
        keep all limits, and the knee comes first.

        Returns:
            List of `Trial`s, those of the best score with one objective.
        """
        return self._standings.front()

    def recommend(self, num_trials: int = 1) -> list[Trial]:
        """Returns the completed trials that are likely to be truly best.

        A score is noisy, so the best of many is partly the luckiest. Here the
        surrogate's mean decides, which also knows how similar trials did and
        how often each was trained. `get_best_trials` goes by the score.

        Args:
            num_trials: Int, how many at most. Defaults to 1.

        Returns:
            List of `Trial`s, best first; by score if there is no surrogate.
        """
        num_trials = checks.check_count("num_trials", num_trials)
        return self._standings.recommended(num_trials, self._evolution)

    # How the search is going.

    @property
    def history(self) -> History:
        """The `History` of the search."""
        self._project.open()
        return self._project.state.history

    @property
    def reevaluations(self) -> dict[str, str]:
        """Dict of the trials that train a model again to its first trial."""
        return dict(self.history.reevaluations)

    def _search_status(self) -> SearchStatus:
        return self._standings.search_status(
            self.max_trials, self._end.time_budget
        )

    def progress(self) -> SearchProgress:
        """Returns the `SearchProgress` of the search."""
        return self._standings.progress()
