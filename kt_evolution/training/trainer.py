"""The trainer: runs one trial of a tuner, and reports its metrics."""

import contextlib
import math
import sys
import traceback
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.callbacks import as_list
from kt_evolution.display.architecture.blocks import recorded_blocks
from kt_evolution.display.formatting import pause_words
from kt_evolution.display.search_display import SearchDisplay
from kt_evolution.display.worker_display import WorkerDisplay
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.project.clock import SearchClock
from kt_evolution.project.issued_trial import is_paused
from kt_evolution.project.issued_trial import message_of
from kt_evolution.project.issued_trial import recorded_training
from kt_evolution.project.issued_trial import report_inherited
from kt_evolution.project.issued_trial import report_rungs
from kt_evolution.project.issued_trial import report_trained
from kt_evolution.project.issued_trial import run_mark
from kt_evolution.project.issued_trial import rungs_of
from kt_evolution.project.issued_trial import schedule_of
from kt_evolution.project.journal import JournalError
from kt_evolution.project.kept_states import delete_state
from kt_evolution.project.signals import forget_caught_interrupt
from kt_evolution.project.signals import raise_if_interrupted
from kt_evolution.project.tracebacks import short_traceback
from kt_evolution.training.checkpoints import save_build_config
from kt_evolution.training.continuation import Continuation
from kt_evolution.training.cross_validation import Fold
from kt_evolution.training.curve import num_epochs_of
from kt_evolution.training.disk import raise_if_disk_failed
from kt_evolution.training.execution import TrialExecution
from kt_evolution.training.fit_arguments import check_fit_arguments
from kt_evolution.training.fit_arguments import warn_of_one_epoch
from kt_evolution.training.hooks import has_own_fit
from kt_evolution.training.hooks import makes_metrics_by_keras
from kt_evolution.training.hooks import source_of_metrics
from kt_evolution.training.inheritance import Inheritance
from kt_evolution.training.pausing import FitAgainError
from kt_evolution.training.plan import TrainingPlan
from kt_evolution.training.seeds import seed_of
from kt_evolution.training.settings import Settings
from kt_evolution.training.unfinished import UnfinishedTrials
from kt_evolution.training.verbosity import default_verbose
from kt_evolution.training.verbosity import set_verbose
from kt_evolution.user_warnings import warn_user


class Trainer:
    """Trains the models of a tuner's trials, one at a time.

    Args:
        tuner: The `EvolutionTuner`.
        oracle: The `EvolutionOracle` of the search. The tuner of a worker has
            only a stub of it later.
        given_objective: The user's argument `objective`.
        requested: The costs that the user wants measured.
        inherits_weights: Bool, whether children start from their parents'
            weights.

    Attributes:
        plan: The `TrainingPlan`.
        folds: The `Fold`s of the data, none without cross-validation.
        clock: The clock of a worker, which does not see that of its chief.
        inheritance: The `Inheritance` of weights.
        display: The `SearchDisplay` of the oracle, or a `WorkerDisplay`.
        as_data: Function of a model and of the arguments of its `fit`, which
            returns them as Keras gets them.
    """

    def __init__(
        self,
        tuner: Any,
        oracle: Any,
        given_objective: Any,
        requested: Sequence[str],
        inherits_weights: bool,
    ) -> None:
        self._tuner = tuner
        self.clock = SearchClock()
        self._execution: TrialExecution | None = None
        self._has_checked_epochs = False
        self._has_warned_of_pause = False
        # Whether trainings may be paused.
        self._may_pause = True
        self._unfinished = UnfinishedTrials(tuner)
        self.inheritance = Inheritance(tuner, inherits_weights)
        self.folds: Sequence[Fold] = ()
        self.as_data: Callable[[Any, Any], Any] = lambda model, data: data
        self.display: SearchDisplay | WorkerDisplay = oracle._display
        if tuner._is_worker():
            objectives = objectives_of(oracle.objective)
            self.display = WorkerDisplay([one.name for one in objectives])
        self.plan = TrainingPlan.of_search(
            oracle.objective,
            given_objective,
            oracle.limits,
            requested,
            oracle._end.time_budget,
            self._is_time_over,
        )

    # The clock.

    def on_search_begin(self) -> None:
        """Begins a session."""
        self.clock.end()
        self._has_checked_epochs = False
        self._has_warned_of_pause, self._may_pause = False, True
        if not self._tuner._is_worker():
            self._tuner.oracle._lifecycle.begin_session()
            self._unfinished.delete_ended()

    def on_trial_begin(self) -> None:
        """Notes that a trial of a worker begins.

        The first one starts the clock of the worker. Before the chief's clock
        it would end a trial too early, and the chief would send one more.
        """
        if isinstance(self.display, WorkerDisplay):
            self.display.on_trial_begin()
        if self._tuner._is_worker() and not self.clock.is_running:
            self.clock.begin()

    def on_trial_end(self, trial: Trial) -> None:
        """Prints the trial of a worker."""
        if isinstance(self.display, WorkerDisplay) and is_paused(trial):
            rung, (_, rungs) = rungs_of(trial)[-1], schedule_of(trial)
            where = pause_words(rung["epochs"], max(rungs, default=None))
            self.display.on_trial_pause(trial.trial_id, rung["metrics"], where)
        elif isinstance(self.display, WorkerDisplay):
            known = self._tuner.oracle.get_trial(trial.trial_id)
            self.display.on_trial_end(known, message_of(trial))

    def _is_time_over(self) -> bool:
        clock = self.clock
        if not self._tuner._is_worker():
            clock = self._tuner.oracle._project.clock
        return clock.seconds >= self.plan.time_budget

    # A trial.

    def try_run(
        self, trial: Trial, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Runs a trial, and notes on it how that ended.

        The host prints the whole traceback of an error, which is mostly the
        code of Keras. Here that is the trial's message only.

        Args:
            trial: The `Trial`.
            args: Tuple, the positional arguments of `search`.
            kwargs: Dict, the others.

        Raises:
            keras_tuner.errors.FatalError: If it must end the search.
            JournalError: If a file of the search can't be written.
        """
        try:
            self._tuner._run_and_update_trial(trial, *args, **kwargs)
            trial.status = TrialStatus.COMPLETED
        except (kt.errors.FatalError, JournalError):
            raise
        except Exception as error:
            # An interrupt in C code may arrive as another error.
            raise_if_interrupted()
            raise_if_disk_failed(error, trial.trial_id)
            is_final = isinstance(error, kt.errors.FailedTrialError)
            trial.status = (
                TrialStatus.FAILED if is_final else TrialStatus.INVALID
            )
            trial.message = traceback.format_exc()
            folder = Path(self._tuner.get_trial_dir(trial.trial_id))
            print(
                f"Trial {trial.trial_id} failed:\n{short_traceback(error)}\n"
                "The whole traceback is the trial's `message`, in "
                f"{folder / 'trial.json'}",
                file=sys.stderr,
            )

    def run(
        self, trial: Trial, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Runs a trial, and reports its metrics to the oracle.

        Args:
            trial: The `Trial`.
            args: Tuple, the positional arguments of `search`.
            kwargs: Dict, the others.
        """
        raise_if_interrupted()
        execution, results = self._train(trial, args, kwargs)
        forget_caught_interrupt()
        # SIGTERM or Ctrl-C may have ended the training early.
        raise_if_interrupted()
        oracle = self._tuner.oracle
        reported = oracle.get_trial(trial.trial_id).metrics
        if results is None and reported.exists(oracle.objective.name):
            # `run_trial` called `oracle.update_trial` itself.
            return
        metrics, step = execution.metrics(
            results,
            source_of_metrics(self._tuner),
            lambda: self._count_costs(trial),
        )
        oracle.update_trial(
            trial.trial_id, {**metrics, **run_mark(trial)}, step=step
        )
        report_inherited(trial, execution.inherited)
        first = next(iter(execution.results), None)
        report_trained(trial, num_epochs_of(first))
        if execution.reached:
            # Without a score it has failed.
            is_paused = execution.is_paused and math.isfinite(
                metrics[oracle.objective.name]
            )
            report_rungs(trial, is_paused, execution.reached)

    def _train(
        self, trial: Trial, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[TrialExecution, Any]:
        """Returns the execution of a trial, and what `run_trial` returned."""
        while True:
            execution = self._execution = self._new_execution(
                trial, self._unfinished.of(trial)
            )
            try:
                with recorded_training(trial, self._tuner._is_worker()):
                    results = self._tuner.run_trial(trial, *args, **kwargs)
            except FitAgainError as error:
                delete_state(Path(self._tuner.get_trial_dir(trial.trial_id)))
                self._may_pause = False
                self._warn_of_pause(trial, str(error))
            else:
                self._warn_of_pause(trial, execution.pause_problem)
                return execution, results

    def _warn_of_pause(self, trial: Trial, problem: str | None) -> None:
        """Warns once a search that trials are not paused.

        Args:
            trial: The `Trial`.
            problem: String, why it could not be paused, or None.
        """
        if problem is not None and not self._has_warned_of_pause:
            self._has_warned_of_pause = True
            warn_user(
                f"Trial {trial.trial_id} is trained in full and not paused, "
                f"because {problem}. So are others for such a reason, without "
                "this warning."
            )

    def _execution_of(self, trial: Trial) -> TrialExecution:
        """Returns the execution of a trial; one called by hand begins here."""
        trial_id = trial.trial_id
        if self._execution is None or self._execution.trial_id != trial_id:
            self._execution = self._new_execution(trial, None)
        return self._execution

    def _new_execution(
        self, trial: Trial, continuation: Continuation | None
    ) -> TrialExecution:
        pause_at, rungs = schedule_of(trial)
        return TrialExecution(
            self.plan,
            trial.trial_id,
            Path(self._tuner.get_trial_dir(trial.trial_id)),
            self.folds,
            continuation,
            pause_at if self._may_pause else None,
            rungs,
        )

    def _count_costs(self, trial: Trial) -> Mapping[str, float]:
        """Returns the costs of a model that the tuner didn't train."""
        dry_build = self._tuner._new_dry_build()
        if dry_build is None:
            return {}
        hp = trial.hyperparameters
        costs: Mapping[str, float] = dry_build(hp, hp.values).costs
        return costs

    # Executions.

    def prepare(self, trial: Trial, kwargs: dict[str, Any]) -> None:
        """Prepares the executions of a trial by the host.

        Args:
            trial: The `Trial`.
            kwargs: Dict of arguments of `fit`, which is changed.
        """
        if not self._tuner._is_worker():
            seed = seed_of(self._tuner.oracle, trial.trial_id)
            if seed is not None:
                keras.utils.set_random_seed(seed)
        # The host takes a list only, and a subclass may call this.
        kwargs["callbacks"] = as_list(kwargs.get("callbacks"))

    def build_and_fit(
        self, trial: Trial, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Builds and trains the model of a trial once.

        Args:
            trial: The `Trial`.
            args: Tuple, the positional arguments of `fit`.
            kwargs: Dict, the others.

        Returns:
            The result of `fit`, None if the trial was paused or the time
            budget was over before.
        """
        tuner = self._tuner
        execution = self._execution_of(trial)
        if execution.is_over:
            return None
        hp = trial.hyperparameters
        self.display.on_build(*self._place_of(execution))
        model = tuner._try_build(hp)
        finished = execution.begin(model, Settings(args, kwargs, self.folds))
        if finished is not None:
            return finished
        args, kwargs = execution.arguments(
            args,
            kwargs,
            checks_metrics=makes_metrics_by_keras(tuner),
            get_blocks=lambda: recorded_blocks(hp),
        )
        self._show_epochs(execution, args, kwargs)
        quietly: contextlib.AbstractContextManager[None]
        if has_own_fit(tuner.hypermodel):
            quietly = default_verbose(model, self.display.fit_verbose)
        else:
            quietly = contextlib.nullcontext()
            check_fit_arguments(model, args, kwargs, int(trial.trial_id) == 0)
            self._check_epochs(trial, model, args, kwargs)
            args, kwargs = self.as_data(model, (args, kwargs))
        self.inheritance.begin(trial, model, execution, args, kwargs)
        with quietly:
            result = execution.run(
                model,
                lambda: tuner.hypermodel.fit(hp, model, *args, **kwargs),
                source_of_metrics(tuner),
            )
        build_config = Path(tuner._get_build_config_fname(trial.trial_id))
        save_build_config(model, build_config)
        return result

    def _check_epochs(
        self,
        trial: Trial,
        model: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Warns once a search if nobody said how long models train."""
        # Of several workers, the one with the first trial warns.
        is_said_elsewhere = self._tuner._is_worker() and int(trial.trial_id) > 0
        if not self._has_checked_epochs and not is_said_elsewhere:
            warn_of_one_epoch(model, args, kwargs)
        self._has_checked_epochs = True

    def _place_of(self, execution: TrialExecution) -> tuple[str, int, int]:
        """Returns the trial, its executions before this one, and of how many.

        Args:
            execution: The `TrialExecution`.
        """
        return (
            execution.trial_id,
            len(execution.results),
            self._tuner.executions_per_trial,
        )

    def _show_epochs(
        self,
        execution: TrialExecution,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Shows epochs in the display, and sets Keras's verbosity to match."""
        callback = self.display.new_callback(*self._place_of(execution))
        if callback is not None:
            kwargs["callbacks"].append(callback)
        is_own_fit = has_own_fit(self._tuner.hypermodel)
        set_verbose(args, kwargs, is_own_fit, self.display.fit_verbose)
