"""What a tuner has found: its models, and what tells of the search."""

import os
from pathlib import Path
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.tuner import maybe_distribute

from kt_evolution import files
from kt_evolution.algorithm.checks import check_count
from kt_evolution.display.terminal import printable
from kt_evolution.display.terminal import printable_lines
from kt_evolution.display.terminal import printing_safely
from kt_evolution.project.rejections import lines_of
from kt_evolution.reporting.optuna_study import to_optuna
from kt_evolution.reporting.reading import read_search
from kt_evolution.reporting.report import write_report
from kt_evolution.reporting.tables import dataframe_of
from kt_evolution.training.checkpoints import CheckpointError
from kt_evolution.training.checkpoints import load_checkpoint
from kt_evolution.training.overfitting import Gap
from kt_evolution.training.overfitting import gap_table
from kt_evolution.training.overfitting import gaps_of

# What helps where a model can't be restored.
REMEDY = (
    "Its hyperparameters are safe: `get_best_hyperparameters` returns those "
    "of the best trials. Build the model from them and train it again."
)


class TunerResults(kt.Tuner):
    """The part of `EvolutionTuner` that gives back what was found.

    Args:
        oracle: An `EvolutionOracle`.
        hypermodel: As for `EvolutionTuner`.
        keep_checkpoints: Int, the number of best trials whose weights stay
            on disk, or None for all.
        **kwargs: Further arguments of `keras_tuner.Tuner`.
    """

    def __init__(
        self,
        oracle: Any,
        hypermodel: Any,
        keep_checkpoints: int | None,
        **kwargs: Any,
    ) -> None:
        if keep_checkpoints is not None:
            keep_checkpoints = check_count("keep_checkpoints", keep_checkpoints)
        self.keep_checkpoints = keep_checkpoints
        self._checkpointed: set[str] | None = None
        super().__init__(oracle, hypermodel, **kwargs)

    def on_trial_end(self, trial: Trial) -> None:
        super().on_trial_end(trial)
        self._prune_checkpoints(trial)

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
            branches = self.oracle._project.state.branches
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

    # Weights.

    def _prune_checkpoints(self, trial: Trial) -> None:
        """Deletes the weights of all but the best trials."""
        if self.keep_checkpoints is None:
            return
        if self._checkpointed is None:
            # A worker knows only the trials that it ran itself.
            known = getattr(self.oracle, "end_order", ())
            self._checkpointed = set(known)
        self._checkpointed.add(trial.trial_id)
        best = self.oracle.get_best_trials(self.keep_checkpoints)
        kept = {best_trial.trial_id for best_trial in best}
        for trial_id in self._checkpointed - kept:
            path = self._get_checkpoint_fname(trial_id)
            if os.path.exists(path):
                os.remove(path)
        self._checkpointed &= kept

    def load_model(self, trial: Trial) -> Any:
        """Returns the trained model of a trial.

        Raises:
            CheckpointError: A `ValueError`, if the trial's weights are not on
                disk, are damaged, or are those of another model than the
                hypermodel builds now.
            OSError: If a link leads from there to another folder.
        """
        path = Path(self._get_checkpoint_fname(trial.trial_id))
        files.check_entries(path.parent, Path(self.project_dir))
        if not path.is_file():
            reason = (
                f"they were deleted, because keep_checkpoints="
                f"{self.keep_checkpoints} keeps those of the best trials only"
                if self.keep_checkpoints is not None
                else "the file was moved or never written"
            )
            raise CheckpointError(
                f"There are no weights of trial {trial.trial_id} at {path}: "
                f"{reason}. {REMEDY}"
            )
        model = self._try_build(trial.hyperparameters)
        try:
            with maybe_distribute(self.distribution_strategy):
                load_checkpoint(
                    model,
                    path,
                    Path(self._get_build_config_fname(trial.trial_id)),
                )
        except CheckpointError as error:
            raise CheckpointError(
                f"The model of trial {trial.trial_id} can't be restored from "
                f"{path}: {error}.\n{REMEDY}"
            ) from error
        return model
