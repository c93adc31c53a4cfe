"""The tuner: trains one trial at a time, and keeps what is worth keeping."""

import json
import os
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import Trial

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.operators.crossover import Crossover
from kt_evolution.algorithm.operators.mutation import Mutation
from kt_evolution.algorithm.operators.selection import Selection
from kt_evolution.algorithm.operators.survival import Survival
from kt_evolution.algorithm.surrogate import Surrogate
from kt_evolution.callbacks import SearchCallback
from kt_evolution.callbacks import as_list
from kt_evolution.costs import measurement
from kt_evolution.display.terminal import printable
from kt_evolution.display.terminal import printable_lines
from kt_evolution.display.terminal import printing_safely
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.redeclarations import Redeclarations
from kt_evolution.limits import Limit
from kt_evolution.oracle import EvolutionOracle
from kt_evolution.project.clock import SearchClock
from kt_evolution.project.issued_trial import put_message
from kt_evolution.project.issued_trial import run_mark
from kt_evolution.project.journal import write_atomically
from kt_evolution.project.locations import check_project_name
from kt_evolution.project.locations import locate_directory
from kt_evolution.project.rejections import lines_of
from kt_evolution.project.search_lock import check_free
from kt_evolution.project.signals import raise_if_terminated
from kt_evolution.proposals.dry_build import DryBuild
from kt_evolution.proposals.exploration import explore
from kt_evolution.proposals.exploration import warn_of_changed_declarations
from kt_evolution.reporting.optuna_study import to_optuna
from kt_evolution.reporting.reading import read_search
from kt_evolution.reporting.report import write_report
from kt_evolution.reporting.tables import dataframe_of
from kt_evolution.stopping import StoppingRule
from kt_evolution.training.checkpoints import save_build_config
from kt_evolution.training.cross_validation import CrossValidation
from kt_evolution.training.cross_validation import Fold
from kt_evolution.training.execution import TrainingPlan
from kt_evolution.training.execution import TrialExecution
from kt_evolution.training.execution import check_fit_arguments
from kt_evolution.training.overfitting import Gap
from kt_evolution.training.overfitting import gap_table
from kt_evolution.training.overfitting import gaps_of
from kt_evolution.training.saved_models import SavedModels
from kt_evolution.workers.session import claimed_project
from kt_evolution.workers.session import noted_interruption
from kt_evolution.workers.session import print_resumed

# What a subclass may override to change the metrics of a training.
HOOKS = (
    "_build_and_fit_model",
    "_run_and_update_trial",
    "on_batch_begin",
    "on_batch_end",
    "on_epoch_begin",
    "on_epoch_end",
)
# The position of `verbose` in the signature of `keras.Model.fit`.
VERBOSE_POSITION = 4
# The host's name of a project that has none.
UNNAMED = "untitled_project"


class MissingTensorBoardError(kt.errors.FatalError, ImportError):
    """A search has a TensorBoard callback, but tensorboard is missing."""


class EvolutionTuner(kt.Tuner):
    """Searches hyperparameters and architectures by evolution.

    A drop-in for `keras_tuner.RandomSearch`: the arguments have the same
    names, order and meaning.

    Example:

    ```python
    def build_model(hp):
        model = keras.Sequential([keras.Input((784,))])
        for i in range(hp.Int("layers", 1, 3)):
            model.add(keras.layers.Dense(hp.Int(f"units_{i}", 32, 256, 32)))
        model.add(keras.layers.Dense(10, activation="softmax"))
        model.compile(
            "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        return model

    tuner = kt_evolution.EvolutionTuner(
        build_model, objective="val_accuracy", max_trials=30
    )
    tuner.search(x_train, y_train, validation_data=(x_val, y_val), epochs=5)
    model = tuner.get_best_models()[0]
    ```

    Args:
        hypermodel: A `keras_tuner.HyperModel`, or a function that takes a
            `keras_tuner.HyperParameters` and returns a compiled model.
            Optional when `run_trial` is overridden.
        objective: A string, `keras_tuner.Objective`, or a list of them. If a
            string, it is a metric of Keras or a cost, whose direction is
            known. Optional when the training returns a single float to
            minimize.
        max_trials: Int, the number of trials at most. Defaults to 10.
        seed: Int, the random seed. Defaults to a random one, which is kept
            when the search is resumed.
        hyperparameters: Optional `keras_tuner.HyperParameters`, to override
            or to declare hyperparameters in advance.
        tune_new_entries: Boolean, whether hyperparameters not listed in
            `hyperparameters` are searched; if not, they have their default
            values. Defaults to True.
        allow_new_entries: Boolean, whether the hypermodel may ask for
            hyperparameters not listed in `hyperparameters`. Defaults to True.
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
        mutation: String or `Mutation`: "mixed" or "uniform". Defaults to
            "mixed".
        survival: String or `Survival`: "elitist", "aging" or "generational".
            Defaults to "elitist".
        surrogate: String or `Surrogate`, the model of the history that
            chooses among offspring, or None for the pure genetic algorithm.
            Defaults to "gaussian_process".
        limits: List of `Limit`s that models must keep. Those on
            `"params"`, `"trainable_params"`, `"flops"` and on hyperparameters
            are checked before training. Defaults to none.
        stop: A `StoppingRule` or a list of them, of which the first that says
            so ends the search: `Target`, `Stagnation`, `TimeBudget` or your
            own. Defaults to none.
        measure: List of the names of costs that are measured too, "flops" and
            "latency". What comes free is a metric of every trial: "params",
            "trainable_params" and "train_seconds", means over executions. A
            cost that is an objective is measured without being named here.
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
        cross_validation: Int of at least 2, the number of folds (stratified
            if the labels are classes), or a scikit-learn splitter. `search`
            then takes arrays, or dicts of them, and no validation data; a
            trial's score is the mean over its folds. Its weights are those of
            the best fold. Defaults to None.
        dry_build: Boolean, whether each model is built before it becomes a
            trial, so that duplicates, models that can't be built and those
            larger than `max_model_size` cost no trial. Defaults to True.
        keep_checkpoints: Int, the number of best trials whose weights stay
            on disk. Defaults to None, which keeps all.
        **kwargs: Further arguments of `keras_tuner.Tuner`, for instance
            `directory`, `project_name`, `overwrite`, `executions_per_trial`
            and `max_model_size`.
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int | None = 10,
        seed: int | None = None,
        hyperparameters: kt.HyperParameters | None = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
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
        measure: list[str] | tuple[str, ...] = (),
        initial_population: Iterable[Mapping[str, Any] | kt.HyperParameters]
        | None = None,
        warm_start: str
        | os.PathLike[str]
        | Sequence[str | os.PathLike[str]]
        | None = None,
        reevaluate: int = 0,
        cross_validation: Any = None,
        dry_build: bool = True,
        keep_checkpoints: int | None = None,
        **kwargs: Any,
    ) -> None:
        private_api.check_tuner_arguments(type(self), kwargs)
        kwargs["executions_per_trial"] = check_count(
            "executions_per_trial", kwargs.get("executions_per_trial", 1)
        )
        if kwargs.get("max_model_size") is not None:
            kwargs["max_model_size"] = check_count(
                "max_model_size", kwargs["max_model_size"]
            )
        kwargs["directory"] = locate_directory(kwargs.get("directory"))
        kwargs["project_name"] = check_project_name(kwargs.get("project_name"))
        self._check_hypermodel(hypermodel)
        self._cross_validation = self._check_folds(cross_validation, kwargs)
        self._folds: list[Fold] = []
        requested = measurement.check_costs("measure", measure)
        self.seed = None if seed is None else check_count("seed", seed, 0)
        self._builds_dry = dry_build
        self._max_model_size = kwargs.get("max_model_size")
        self._given_space = hyperparameters or kt.HyperParameters()
        self._given_tuner_id = kwargs.get("tuner_id")
        self._search_callbacks: list[SearchCallback] = []
        oracle = EvolutionOracle(
            objective=objective,
            max_trials=max_trials,
            seed=seed,
            hyperparameters=hyperparameters,
            allow_new_entries=allow_new_entries,
            tune_new_entries=tune_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
            max_starts_per_trial=max_starts_per_trial,
            population_size=population_size,
            num_initial_points=num_initial_points,
            selection=selection,
            crossover=crossover,
            mutation=mutation,
            survival=survival,
            surrogate=surrogate,
            limits=limits,
            stop=stop,
            initial_population=initial_population,
            warm_start=warm_start,
            reevaluate=reevaluate,
        )
        # The oracle has checked that it is a space.
        self._redeclarations = Redeclarations(self._given_space.space)
        # Workers keep their own clock: the chief's is not visible to them.
        self._clock = SearchClock()
        self._execution: TrialExecution | None = None
        self._plan = TrainingPlan.of_search(
            oracle.objective,
            objective,
            oracle.limits,
            requested,
            oracle._end.time_budget,
            self._is_time_over,
        )
        if self._is_worker():
            # The chief owns the project and may already be running.
            kwargs["overwrite"] = False
        if kwargs.get("overwrite"):
            name = kwargs["project_name"] or UNNAMED
            check_free(Path(kwargs["directory"], name))
        if keep_checkpoints is not None:
            keep_checkpoints = check_count("keep_checkpoints", keep_checkpoints)
        self.keep_checkpoints = keep_checkpoints
        self._saved = SavedModels(keep_checkpoints)
        super().__init__(oracle, hypermodel, **kwargs)

    @property
    def _trains_models(self) -> bool:
        """Whether a trial is the training of a Keras model by the tuner."""
        return type(self).run_trial is EvolutionTuner.run_trial

    @property
    def _source_of_metrics(self) -> str:
        """The function that returns the metrics of a trial, for errors."""
        if not self._trains_models:
            return "run_trial"
        return "HyperModel.fit" if self._has_own_fit else "keras.Model.fit"

    def _check_hypermodel(self, hypermodel: Any) -> None:
        if hypermodel is None and self._trains_models:
            raise ValueError(
                "`hypermodel` must be given where `run_trial` is not "
                "overridden. Received: hypermodel=None"
            )
        if isinstance(hypermodel, (keras.Model, type)):
            raise TypeError(
                "`hypermodel` must be a `keras_tuner.HyperModel` instance or "
                "a function that takes hyperparameters and returns a model. "
                f"Received: hypermodel={hypermodel!r}"
            )

    def _check_folds(
        self, cross_validation: Any, kwargs: dict[str, Any]
    ) -> CrossValidation | None:
        """Makes each fold an execution of its own."""
        if cross_validation is None:
            return None
        if not self._trains_models:
            raise ValueError(
                "`cross_validation` is for models that the tuner trains, not "
                "for a `run_trial` of your own. "
                f"Received: cross_validation={cross_validation!r}"
            )
        folds = CrossValidation(cross_validation)
        executions = kwargs.get("executions_per_trial", 1)
        kwargs["executions_per_trial"] = executions * folds.num_folds
        return folds

    @property
    def tuner_id(self) -> str:
        """String, this tuner's id, which names its file in the project."""
        # The host sets the id from the environment first, looks for the file
        # to resume from, and only then takes the id that the user gave.
        return self._given_tuner_id or self._tuner_id

    @tuner_id.setter
    def tuner_id(self, tuner_id: str) -> None:
        self._tuner_id = tuner_id

    def _populate_initial_space(self) -> None:
        """Resumes the project in the folder, or explores the search space."""
        if self._is_worker():
            # The chief's oracle knows the space.
            return
        is_resumed = self.oracle._project.open()
        self._attach_dry_build()
        if self.hypermodel is None:
            return
        if is_resumed:
            print_resumed(self.oracle, self.project_dir)
            warn_of_changed_declarations(
                self._new_dry_build(),
                self.oracle.get_space(),
                self._given_space,
            )
        else:
            asked = explore(self._new_dry_build(), self.oracle)
            if self._builds_dry:
                self.oracle._project.note_explored(asked)
        with self.oracle._project.lock:
            self.oracle._proposer.prepare()

    def reload(self) -> None:
        """Resumes the project in the folder."""
        if not self._is_worker():
            self.oracle.reload()
        state = private_api.read_state(Path(self._get_tuner_fname()))
        if state is not None:
            self.set_state(state)
        # The tuner's file may be there before the first trial.
        self._populate_initial_space()

    def _attach_dry_build(self) -> None:
        if self._builds_dry and self.hypermodel is not None:
            self.oracle._proposer.check.dry_build = self._new_dry_build()

    def _new_dry_build(self) -> DryBuild:
        return DryBuild(
            self.hypermodel,
            self._max_model_size,
            requires_model=self._trains_models,
            counts_flops="flops" in self._plan.limited,
            redeclarations=self._redeclarations,
        )

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Searches for the best models, see `keras_tuner.Tuner.search`.

        Args:
            *fit_args: Positional arguments of `keras.Model.fit`.
            **fit_kwargs: Further arguments of `keras.Model.fit`; with
                `cross_validation` also `groups`, the labels of rows that the
                splitter keeps together. `callbacks` may have
                `SearchCallback`s too. `verbose` is 0 for silence, 1 for the
                display of the search, 2 for Keras's bars as well. Defaults
                to 1.
        """
        self._take_search_callbacks(fit_kwargs)
        if fit_kwargs.get("verbose", 0) is None:
            del fit_kwargs["verbose"]
        if self._cross_validation is not None:
            self._folds = self._cross_validation.folds(fit_args, fit_kwargs)
        if self._is_worker():
            super().search(*fit_args, **fit_kwargs)
            return
        with claimed_project(self.oracle):
            if private_api.is_chief():
                with noted_interruption(self.oracle):
                    super().search(*fit_args, **fit_kwargs)
            else:
                self._search_alone(*fit_args, **fit_kwargs)

    def _search_alone(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Searches in this process only, which Ctrl-C ends at any time."""
        self.oracle.verbose = fit_kwargs.get("verbose", self.oracle.verbose)
        display = self.oracle._display
        try:
            with display.live(), noted_interruption(self.oracle):
                super().search(*fit_args, **fit_kwargs)
        except KeyboardInterrupt:
            self.on_search_end()
            print(display.interruption())
            if not self.oracle.get_best_trials():
                raise

    def _take_search_callbacks(self, fit_kwargs: dict[str, Any]) -> None:
        """Takes the callbacks out that are not those of a training."""
        self._search_callbacks, others = [], []
        for callback in as_list(fit_kwargs.pop("callbacks", None)):
            if isinstance(callback, SearchCallback):
                self._search_callbacks.append(callback)
            else:
                others.append(callback)
        # A `run_trial` of one's own need not know the argument.
        if others:
            fit_kwargs["callbacks"] = others

    # One trial.

    def _run_and_update_trial(
        self, trial: Trial, *fit_args: Any, **fit_kwargs: Any
    ) -> None:
        raise_if_terminated()
        self._execution = None
        execution = self._execution_of(trial)
        results = self.run_trial(trial, *fit_args, **fit_kwargs)
        # What was trained may not have come to its end.
        raise_if_terminated()
        objective = self.oracle.objective
        reported = self.oracle.get_trial(trial.trial_id).metrics
        if results is None and reported.exists(objective.name):
            # `run_trial` called `oracle.update_trial` itself.
            return
        metrics, step = execution.metrics(
            results, self._source_of_metrics, lambda: self._count_costs(trial)
        )
        self.oracle.update_trial(
            trial.trial_id, {**metrics, **run_mark(trial)}, step=step
        )

    def _execution_of(self, trial: Trial) -> TrialExecution:
        """Returns the execution of a trial; one called by hand begins here."""
        trial_id = trial.trial_id
        if self._execution is None or self._execution.trial_id != trial_id:
            folder = Path(self.get_trial_dir(trial_id))
            self._execution = TrialExecution(
                self._plan, trial_id, folder, self._folds
            )
        return self._execution

    def _count_costs(self, trial: Trial) -> Mapping[str, float]:
        """Returns what a build tells of a model that the tuner didn't train."""
        if self.hypermodel is None:
            return {}
        hp = trial.hyperparameters
        return self._new_dry_build()(hp, hp.values).costs

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        """Trains the model of a trial, see `keras_tuner.Tuner.run_trial`.

        Once a time budget is over, training ends with the epoch, and nothing
        is executed again.
        """
        if not self._is_worker():
            self._seed_reevaluation(trial)
        # The host takes a list only, and a subclass may call this.
        kwargs["callbacks"] = as_list(kwargs.get("callbacks"))
        results = super().run_trial(trial, *args, **kwargs)
        # None stands for an execution that was left out.
        return [result for result in results if result is not None]

    def _seed_reevaluation(self, trial: Trial) -> None:
        """Makes sure that a model that is trained again has another seed."""
        if trial.trial_id in self.oracle.reevaluations:
            words = [self.oracle.seed, int(trial.trial_id)]
            sequence = np.random.SeedSequence(words)
            keras.utils.set_random_seed(int(sequence.generate_state(1)[0]))

    def _is_time_over(self) -> bool:
        if self._is_worker():
            return self._clock.seconds >= self._plan.time_budget
        return self.oracle._project.clock.seconds >= self._plan.time_budget

    def _configure_tensorboard_dir(
        self, callbacks: list[Any], trial: Trial, execution: int = 0
    ) -> None:
        # The host imports tensorboard for every trial, whether it is used or
        # installed or not.
        names = {type(callback).__name__ for callback in callbacks}
        if "TensorBoard" not in names:
            return
        try:
            super()._configure_tensorboard_dir(callbacks, trial, execution)
        except ImportError as error:
            raise MissingTensorBoardError(
                "The TensorBoard callback needs `pip install tensorboard`."
            ) from error

    def _build_and_fit_model(
        self, trial: Trial, *args: Any, **kwargs: Any
    ) -> Any:
        execution = self._execution_of(trial)
        if execution.is_out_of_time:
            return None
        args, kwargs = execution.arguments(
            args, kwargs, checks_metrics=self._makes_metrics_by_keras
        )
        self._show_epochs(trial, args, kwargs)
        hp = trial.hyperparameters
        model = self._try_build(hp)
        if not self._has_own_fit:
            check_fit_arguments(model, args, kwargs)
        result = execution.run(
            model,
            lambda: self.hypermodel.fit(hp, model, *args, **kwargs),
            self._source_of_metrics,
        )
        save_build_config(
            model, Path(self._get_build_config_fname(trial.trial_id))
        )
        return result

    @property
    def _makes_metrics_by_keras(self) -> bool:
        """Whether no `fit` or hook of the user may add to the metrics."""
        is_hooked = any(
            getattr(type(self), name) is not getattr(EvolutionTuner, name)
            for name in HOOKS
        )
        return self._trains_models and not is_hooked and not self._has_own_fit

    @property
    def _has_own_fit(self) -> bool:
        """Whether `fit` of the hypermodel was written by the user."""
        home = type(self.hypermodel).fit.__module__.partition(".")[0]
        return home not in ("keras_tuner", "kt_evolution")

    def _show_epochs(
        self, trial: Trial, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Makes the display tell of epochs, and Keras be as quiet."""
        if self._is_worker():
            return
        display = self.oracle._display
        callback = display.new_callback(
            trial.trial_id,
            len(self._execution_of(trial).results),
            self.executions_per_trial,
        )
        if callback is not None:
            kwargs["callbacks"].append(callback)
        # A custom `fit` may interpret `verbose` differently.
        is_positional = len(args) > VERBOSE_POSITION
        if "verbose" in kwargs or not (self._has_own_fit or is_positional):
            kwargs["verbose"] = display.fit_verbose

    def on_trial_end(self, trial: Trial) -> None:
        if self._is_worker():
            put_message(trial)
        super().on_trial_end(trial)
        self._prune_weights(trial)
        for callback in self._search_callbacks:
            callback.on_trial_end(self, trial)

    def on_search_begin(self) -> None:
        super().on_search_begin()
        self._clock.end()
        if not self._is_worker():
            self.oracle._lifecycle.begin_session()
        for callback in self._search_callbacks:
            callback.on_search_begin(self)

    def on_trial_begin(self, trial: Trial) -> None:
        super().on_trial_begin(trial)
        # Before the chief's clock it would end a trial too early, and the
        # chief would send one more.
        if self._is_worker() and not self._clock.is_running:
            self._clock.begin()

    def on_search_end(self) -> None:
        super().on_search_end()
        self.save()
        for callback in self._search_callbacks:
            callback.on_search_end(self)

    # Files.

    def save(self) -> None:
        if not self._is_worker():
            self.oracle.save()
        text = json.dumps(self.get_state())
        path = Path(self._get_tuner_fname())
        if not path.is_file() or path.read_bytes() != text.encode():
            write_atomically(path, text)

    def _prune_weights(self, trial: Trial) -> None:
        if self._saved.num_kept is None:
            return
        best = self.oracle.get_best_trials(self._saved.num_kept)
        self._saved.prune(
            trial.trial_id,
            # A worker knows only the trials that it ran itself.
            getattr(self.oracle, "end_order", ()),
            [one.trial_id for one in best],
            self._get_checkpoint_fname,
        )

    def load_model(self, trial: Trial) -> Any:
        """Returns the trained model of a trial.

        Raises:
            CheckpointError: A `ValueError`, if the trial's weights are not on
                disk, are damaged, or are those of another model than the
                hypermodel builds now.
            OSError: If a link leads from there to another folder.
        """
        trial_id = trial.trial_id
        weights = Path(self._get_checkpoint_fname(trial_id))
        self._saved.check(trial_id, weights, Path(self.project_dir))
        return self._saved.load(
            self._try_build(trial.hyperparameters),
            trial_id,
            weights,
            Path(self._get_build_config_fname(trial_id)),
            self.distribution_strategy,
        )

    # What was found.

    def results_summary(self, num_trials: int = 10) -> None:
        """Prints the best trials, and what of the space was not searched.

        Args:
            num_trials: Int, how many trials. Defaults to 10.
        """
        num_trials = check_count("num_trials", num_trials, at_least=0)
        # Names and values may be those of another person's project.
        with printing_safely():
            super().results_summary(num_trials)
        if not self._is_worker():
            branches = self.oracle._project.state.models.branches
            found = branches.mistakes(), branches.unbuilt()
            for line in lines_of(*found):
                print(f"\n{printable(line)}")

    def search_space_summary(self, extended: bool = False) -> None:
        """Prints the hyperparameters, see `keras_tuner.Tuner`.

        Args:
            extended: Bool, whether conditional ones are told in full.
                Defaults to False.
        """
        with printing_safely():
            super().search_space_summary(extended)

    # The best.

    def get_best_models(self, num_models: int = 1) -> list[Any]:
        """Returns the trained models of the best trials, best first.

        Each has the weights of the best epoch of its trial.

        Args:
            num_models: Int, how many at most. Defaults to 1.

        Raises:
            ValueError: If the weights of a trial can't be loaded. It names
                the trial and what helps.
        """
        num_models = check_count("num_models", num_models, at_least=0)
        return super().get_best_models(num_models)

    def get_best_hyperparameters(
        self, num_trials: int = 1
    ) -> list[kt.HyperParameters]:
        """Returns the hyperparameters of the best trials, best first.

        Args:
            num_trials: Int, how many at most. Defaults to 1.
        """
        num_trials = check_count("num_trials", num_trials, at_least=0)
        return super().get_best_hyperparameters(num_trials)

    def describe(self, trial_id: str | None = None) -> str:
        """Prints the architecture of a trial, see `kt_evolution.nas.describe`.

        Args:
            trial_id: String, the trial. Defaults to the best one.

        Returns:
            String, the printed table.

        Raises:
            ValueError: If no trial is completed, or if the hypermodel builds
                no block of `kt_evolution.nas`.
        """
        from kt_evolution.nas.describing import describe

        if trial_id is not None:
            trials = [self.oracle.get_trial(trial_id)]
        else:
            trials = self.oracle.get_best_trials(1)
        if not trials:
            raise ValueError("There is no completed trial to describe.")
        return describe(trials[0].hyperparameters, self.hypermodel)

    # Several objectives.

    def get_pareto_trials(self) -> list[Trial]:
        """Returns the completed trials that no other is better than.

        Of each, every other trial is worse in one objective at least. They
        keep all limits, and the knee comes first: the trial nearest to the
        best of each objective.

        Example:

        ```python
        tuner = kt_evolution.EvolutionTuner(
            build_model, objective=["val_accuracy", "params"]
        )
        tuner.search(x, y, validation_data=(x_val, y_val))
        for trial in tuner.get_pareto_trials():
            print(trial.metrics.get_best_value("val_accuracy"))
        ```

        Returns:
            List of `keras_tuner` `Trial`s.
        """
        return self.oracle.get_pareto_trials()

    def get_pareto_hyperparameters(self) -> list[kt.HyperParameters]:
        """Returns the hyperparameters of the Pareto trials, knee first."""
        return [trial.hyperparameters for trial in self.get_pareto_trials()]

    def get_pareto_models(self, num_models: int | None = None) -> list[Any]:
        """Returns the trained models of the Pareto trials, knee first.

        Args:
            num_models: Int, how many at most. Defaults to None, all of them.
        """
        if num_models is not None:
            num_models = check_count("num_models", num_models)
        trials = self.get_pareto_trials()[:num_models]
        return [self.load_model(trial) for trial in trials]

    # Overfitting.

    def gap_report(self, num_trials: int = 10) -> list[Gap]:
        """Prints how training and validation of the best trials differ.

        Example:

        ```python
        tuner.search(x, y, validation_data=(x_val, y_val))
        tuner.gap_report()
        ```

        Args:
            num_trials: Int, of how many trials at most. Defaults to 10.

        Returns:
            List of `Gap`s, best trial first. A gap is positive where
            validation is worse than training. It is empty if no metric is
            known of both.
        """
        num_trials = check_count("num_trials", num_trials)
        gaps = gaps_of(
            self.oracle.get_best_trials(num_trials), self.oracle.objective
        )
        print(printable_lines(gap_table(gaps)))
        return gaps

    # After it ran, and while it runs.

    def results_dataframe(self) -> Any:
        """Returns a pandas `DataFrame` with a row for each trial.

        Its columns are "trial_id" and "status", one "metrics.name" for each
        metric, at the best epoch, and one "values.name" for each
        hyperparameter, empty where a model does not use it; then how and
        when the trial was made: "operator", "parents", "predicted",
        "worker", "began", "ended", "seconds" and others.

        Raises:
            ImportError: If pandas is not installed.
        """
        return dataframe_of(read_search(self))

    def report(
        self,
        path: str | os.PathLike[str] = "report.html",
        trial_id: str | None = None,
    ) -> Path:
        """Writes a report of the search, one HTML file that works offline.

        Args:
            path: String or path, the file. Defaults to "report.html".
            trial_id: String, the trial that is shown in full. Defaults to
                the best.

        Returns:
            The path of the file.

        Raises:
            ImportError: If plotly, jinja2 or scikit-learn is not installed.
        """
        return write_report(self, path, trial_id)

    def to_optuna(self, storage: Any = None) -> Any:
        """Returns the search as an Optuna study, for its plots and dashboard.

        Args:
            storage: String or Optuna storage. Defaults to memory.

        Raises:
            ImportError: If Optuna is not installed.
        """
        return to_optuna(self, storage)
