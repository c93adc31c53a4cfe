"""The tuner: trains trials, and keeps what is worth keeping."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial

from kt_evolution.algorithm.checks import check_flag
from kt_evolution.algorithm.checks import check_optional_count
from kt_evolution.algorithm.fidelity import SuccessiveHalving
from kt_evolution.algorithm.operators.crossover import Crossover
from kt_evolution.algorithm.operators.mutation import Mutation
from kt_evolution.algorithm.operators.selection import Selection
from kt_evolution.algorithm.operators.survival import Survival
from kt_evolution.algorithm.surrogate import Surrogate
from kt_evolution.callbacks import SearchCallbacks
from kt_evolution.costs.measurement import check_names
from kt_evolution.display import results
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.redeclarations import Redeclarations
from kt_evolution.keras_tuner_bridge.views import TunerId
from kt_evolution.limits import Limit
from kt_evolution.nas.describing import describe_trial
from kt_evolution.oracle import EvolutionOracle
from kt_evolution.project.issued_trial import is_paused
from kt_evolution.project.issued_trial import put_report
from kt_evolution.project.journal import write_atomically
from kt_evolution.project.signals import raise_if_interrupted
from kt_evolution.proposals.dry_build import DryBuild
from kt_evolution.proposals.initial_population import GivenModels
from kt_evolution.proposals.warm_start import GivenProjects
from kt_evolution.reporting.optuna_study import to_optuna
from kt_evolution.reporting.report import write_report
from kt_evolution.reporting.tables import results_dataframe
from kt_evolution.stopping import StoppingRule
from kt_evolution.training import arguments
from kt_evolution.training import fit_arguments
from kt_evolution.training import tensorboard
from kt_evolution.training.hooks import trains_models
from kt_evolution.training.overfitting import gap_report
from kt_evolution.training.saved_models import SavedModels
from kt_evolution.training.trainer import Trainer
from kt_evolution.training.trial_oracle import TrialOracle
from kt_evolution.workers.arguments import as_workers
from kt_evolution.workers.arguments import set_folds
from kt_evolution.workers.arguments import with_data
from kt_evolution.workers.host_client import connect
from kt_evolution.workers.interface import Workers
from kt_evolution.workers.running import run_search
from kt_evolution.workers.session import open_project
from kt_evolution.workers.session import searching


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
        model.add(keras.layers.Dense(1))
        model.compile("adam", "mse")
        return model

    tuner = kt_evolution.EvolutionTuner(build_model, "val_loss", max_trials=30)
    tuner.search(x_train, y_train, validation_data=(x_val, y_val), epochs=5)
    model = tuner.get_best_models()[0]
    ```

    Args:
        hypermodel: A `keras_tuner.HyperModel`, or a function that takes a
            `keras_tuner.HyperParameters` and returns a compiled model.
            Optional when `run_trial` is overridden.
        objective: String, `keras_tuner.Objective`, or a list of them. A string
            names a metric of Keras or a cost, whose direction is known.
            Optional when the training returns a single float to minimize.
        max_trials: Int, the number of trials at most. Defaults to 10.
        seed: Int, the random seed. Defaults to a random one, which is kept
            when the search is resumed.
        hyperparameters: Optional `keras_tuner.HyperParameters`, to override
            or to declare hyperparameters in advance.
        tune_new_entries: Boolean, whether hyperparameters that are not in
            `hyperparameters` are searched. Defaults to True.
        allow_new_entries: Boolean, whether the hypermodel may ask for any that
            are not in `hyperparameters`. Defaults to True.
        max_retries_per_trial: Int, how often a trial that crashed is run
            again. Defaults to 0.
        max_consecutive_failed_trials: Int, after how many crashed trials in a
            row the search stops; None for no limit. Defaults to 10.
        max_starts_per_trial: Int, how often a trial is started that never
            ends because its process dies, for instance out of memory. Then it
            is FAILED, or rejected if the process died in its dry build.
            Interruptions such as Ctrl-C don't count, nor do starts that came
            further. Defaults to 3.
        population_size: Int, how many individuals breed. Defaults to 20.
        num_initial_points: Int, how many individuals are sampled before the
            first is bred; the first has the default values. Defaults to 10,
            with a surrogate to 5, to 8 for more than 11 hyperparameters.
        selection: String or `Selection`. Defaults to "tournament".
        crossover: String or `Crossover`. Defaults to "uniform".
        mutation: String or `Mutation`. Defaults to "mixed".
        survival: String or `Survival`. Defaults to "elitist".
        surrogate: String or `Surrogate`, which chooses among offspring, or
            None for the genetic algorithm. Defaults to "gaussian_process".
        limits: `Limit` or a list of them, which models must keep. Those on
            counted costs and on hyperparameters are checked before training.
            Defaults to none.
        stop: `StoppingRule` or a list of them. The search stops as soon as
            one fires. Defaults to none.
        measure: String or list, metrics of each trial: "flops", "latency", and
            zero-cost proxies, "naswot" and "synflow", inputs of the search,
            too. Objectives, limits, "params", "trainable_params" and
            "train_seconds" always are metrics. Defaults to none.
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
        fidelity: `SuccessiveHalving` or "auto", its defaults: most trials are
            paused after a few of the `epochs` of `search`, and only the best
            are trained on. `max_trials` counts all. Defaults to None.
        cross_validation: Int of at least 2, the number of folds, or a
            scikit-learn splitter. `search` then takes arrays, or dicts of them,
            and no validation data. A trial has the mean score of its folds,
            and the weights of the best. Defaults to None.
        dry_build: Boolean, whether each model is built before it becomes a
            trial, so that duplicates, models that can't be built and those
            larger than `max_model_size` cost no trial. Defaults to True.
        keep_checkpoints: Int, the number of best trials whose weights stay
            on disk. Defaults to None, which keeps all.
        inherit_weights: Boolean, whether a child begins with the weights of
            its best parent. Its score is that of a model, not of a
            configuration; `reevaluate` trains from scratch. Defaults to False.
        workers: Int, on how many processes of this machine trials are trained
            at the same time, or `Workers`. Defaults to 1: in this process.
        trial_timeout: Float, after how many seconds of training a worker is
            killed, which counts as a crash of its trial. Defaults to None.
        **kwargs: Further arguments of `keras_tuner.Tuner`, such as `directory`,
            `project_name`, `overwrite` and `executions_per_trial`.
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
        measure: str | Sequence[str] = (),
        initial_population: GivenModels | None = None,
        warm_start: GivenProjects | None = None,
        reevaluate: int = 0,
        fidelity: str | SuccessiveHalving | None = None,
        cross_validation: Any = None,
        dry_build: bool = True,
        keep_checkpoints: int | None = None,
        inherit_weights: bool = False,
        workers: int | Workers = 1,
        trial_timeout: float | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs = arguments.host_arguments(type(self), kwargs)
        is_trained = trains_models(self)
        arguments.check_hypermodel(hypermodel, is_trained)
        arguments.check_fidelity(fidelity, is_trained)
        self._folds = arguments.as_folds(cross_validation, is_trained, kwargs)
        inherits_weights = arguments.check_inherit_weights(
            inherit_weights, is_trained, cross_validation
        )
        requested = check_names("measure", measure)
        self._workers, self._timeout = as_workers(workers, trial_timeout)
        self.seed = check_optional_count("seed", seed, at_least=0)
        self.keep_checkpoints = check_optional_count(
            "keep_checkpoints", keep_checkpoints
        )
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
            fidelity=fidelity,
        )
        self._builds_dry = check_flag("dry_build", dry_build)
        self._max_model_size = kwargs["max_model_size"]
        self._given_space = hyperparameters or kt.HyperParameters()
        self._redeclarations = Redeclarations(self._given_space.space)
        self._given_tuner_id = kwargs.get("tuner_id")
        self._search_callbacks = SearchCallbacks({})
        # Whether it was said that the best model has inherited weights.
        self._has_noted_heirs = False
        self._trainer = Trainer(
            self, oracle, objective, requested, inherits_weights
        )
        self._saved = SavedModels(self, self.keep_checkpoints)
        with arguments.settled_folder(kwargs, self._is_worker()):
            super().__init__(oracle, hypermodel, **kwargs)
        connect(self)

    tuner_id = TunerId()

    def _is_worker(self) -> bool:
        is_process = isinstance(getattr(self, "oracle", None), TrialOracle)
        return is_process or super()._is_worker()

    def _populate_initial_space(self) -> None:
        # The chief's oracle knows the space of its workers.
        if not self._is_worker():
            open_project(self)

    def _new_dry_build(self) -> DryBuild | None:
        if self.hypermodel is None:
            return None
        return DryBuild(
            self.hypermodel,
            self._max_model_size,
            requires_model=trains_models(self),
            counts_flops="flops" in self._trainer.plan.limited,
            proxies=self._trainer.plan.proxies,
            redeclarations=self._redeclarations,
        )

    def reload(self) -> None:
        """Resumes the project in the folder."""
        if not self._is_worker():
            self.oracle.reload()
        state = private_api.read_state(Path(self._get_tuner_fname()))
        if state is not None:
            self.set_state(state)
        # The tuner's file may be there before the first trial.
        self._populate_initial_space()

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Searches for the best models, see `keras_tuner.Tuner.search`.

        Args:
            *fit_args: Positional arguments of `keras.Model.fit`. Or a function
                that returns a dict of those that are data, called once in
                each process that trains.
            **fit_kwargs: Further arguments of `keras.Model.fit`; with
                `cross_validation` also `groups`, the labels of rows that the
                splitter keeps together. `callbacks` may have
                `SearchCallback`s too. `verbose` is 0 for silence, 1 (the
                default) for the display, 2 for Keras's bars as well.
        """
        args, kwargs = fit_arguments.of_search(self, fit_args, fit_kwargs)
        self._search_callbacks = SearchCallbacks(kwargs)
        if self._workers is None:
            args, kwargs = with_data(self, args, kwargs)
        set_folds(self, args, kwargs)
        with searching(self, args, kwargs):
            run_search(self, super().search, args, kwargs)

    # One trial.

    def pre_create_trial(self) -> None:
        raise_if_interrupted()
        super().pre_create_trial()

    def _try_run_and_update_trial(
        self, trial: Trial, *fit_args: Any, **fit_kwargs: Any
    ) -> None:
        self._trainer.try_run(trial, fit_args, fit_kwargs)

    def _run_and_update_trial(
        self, trial: Trial, *fit_args: Any, **fit_kwargs: Any
    ) -> None:
        self._trainer.run(trial, fit_args, fit_kwargs)

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        """Trains the model of a trial, see `keras_tuner.Tuner.run_trial`.

        Once a time budget is over, training ends with the epoch, and nothing
        is executed again.
        """
        self._trainer.prepare(trial, kwargs)
        results = super().run_trial(trial, *args, **kwargs)
        # None stands for an execution that was left out.
        return [result for result in results if result is not None]

    def _configure_tensorboard_dir(
        self, callbacks: list[Any], trial: Trial, execution: int = 0
    ) -> None:
        if tensorboard.is_used(callbacks):
            with tensorboard.required():
                super()._configure_tensorboard_dir(callbacks, trial, execution)

    def _build_and_fit_model(
        self, trial: Trial, *args: Any, **kwargs: Any
    ) -> Any:
        return self._trainer.build_and_fit(trial, args, kwargs)

    def on_trial_end(self, trial: Trial) -> None:
        if self._is_worker():
            put_report(trial)
        super().on_trial_end(trial)
        self._trainer.on_trial_end(trial)
        if is_paused(trial):
            self._search_callbacks.on_trial_pause(self, trial)
        else:
            self._saved.prune(trial)
            self._search_callbacks.on_trial_end(self, trial)

    def on_search_begin(self) -> None:
        super().on_search_begin()
        self._trainer.on_search_begin()
        self._search_callbacks.on_search_begin(self)

    def on_trial_begin(self, trial: Trial) -> None:
        super().on_trial_begin(trial)
        self._trainer.on_trial_begin()

    def on_search_end(self) -> None:
        super().on_search_end()
        self.save()
        self._search_callbacks.on_search_end(self)

    def save(self) -> None:
        if not self._is_worker():
            self.oracle.save()
        elif not self.get_state():
            return  # The host would say that it reloads an empty file.
        text = json.dumps(self.get_state())
        path = Path(self._get_tuner_fname())
        if not path.is_file() or path.read_bytes() != text.encode():
            write_atomically(path, text)

    def load_model(self, trial: Trial) -> Any:
        """Returns the trained model of a trial.

        Raises:
            TypeError: If `trial` is no `Trial`.
            CheckpointError: A `ValueError`, if the trial's weights are not on
                disk, are damaged, or are those of another model than the
                hypermodel builds now.
            OSError: If a link leads from there to another folder.
        """
        return self._saved.load(trial)

    # Functions of a tuner, each from its own room.

    best_values = property(results.best_values)
    default_trial = property(results.default_trial)
    describe = describe_trial
    gap_report = gap_report
    get_best_hyperparameters = results.get_best_hyperparameters
    get_best_models = results.get_best_models
    get_pareto_hyperparameters = results.get_pareto_hyperparameters
    get_pareto_models = results.get_pareto_models
    get_pareto_trials = results.get_pareto_trials
    report = write_report
    results_dataframe = results_dataframe
    results_summary = results.results_summary
    search_space_summary = results.search_space_summary
    to_optuna = to_optuna
