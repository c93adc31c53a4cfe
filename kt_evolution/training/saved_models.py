"""The weights of trials on disk: deletes some, and loads them again."""

from pathlib import Path
from typing import Any

from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.engine.tuner import maybe_distribute

from kt_evolution import files
from kt_evolution.project.kept_states import delete_state
from kt_evolution.training.checkpoints import CheckpointError
from kt_evolution.training.checkpoints import load_checkpoint

# Advice if a model can't be restored.
REMEDY = (
    "Its hyperparameters are safe: `get_best_hyperparameters` returns those "
    "of the best trials. Build the model from them and train it again."
)
UNADAPTED = (
    "A space builds the same models only after the same `adapt`: call it first."
)


class SavedModels:
    """The weights of a tuner's trials.

    Args:
        tuner: The `EvolutionTuner`.
        num_kept: Int, the number of best trials whose weights stay on disk,
            or None for all.
    """

    def __init__(self, tuner: Any, num_kept: int | None) -> None:
        self._tuner = tuner
        self._num_kept = num_kept
        # The trials that may have weights, once they were counted.
        self._trial_ids: set[str] | None = None

    def _weights_of(self, trial_id: str) -> Path:
        return Path(self._tuner._get_checkpoint_fname(trial_id))

    def keeps_weights(self, trial: Trial) -> bool:
        """Returns whether the weights of a trial are on disk, and stay there.

        A process that was killed as a trial ended may have left others.

        Args:
            trial: The `Trial`, which was completed or is paused.
        """
        is_kept = (
            self._num_kept is None
            or trial.status != TrialStatus.COMPLETED
            or trial.trial_id in self._best(self._num_kept)
        )
        return is_kept and self._weights_of(trial.trial_id).is_file()

    def _best(self, number: int) -> set[str]:
        """Returns the ids of the best trials."""
        best = self._tuner.oracle.get_best_trials(number)
        return {trial.trial_id for trial in best}

    def prune(self, ended: Trial) -> None:
        """Deletes what is not needed once a run of a trial has ended.

        This is the state of its training, and the weights of all but the best
        trials. A trial that crashed and is run again starts from its beginning.

        Args:
            ended: The `Trial`.
        """
        delete_state(Path(self._tuner.get_trial_dir(ended.trial_id)))
        if self._num_kept is None:
            return
        if self._trial_ids is None:
            # A worker knows only the trials that it ran itself.
            ended_before = getattr(self._tuner.oracle, "end_order", ())
            self._trial_ids = set(ended_before)
        known = self._tuner.oracle.get_trial(ended.trial_id)
        if known.status in (TrialStatus.COMPLETED, TrialStatus.FAILED):
            # Otherwise another worker may be training it by now.
            self._trial_ids.add(ended.trial_id)
        kept = self._best(self._num_kept)
        for trial_id in self._trial_ids - kept:
            self._weights_of(trial_id).unlink(missing_ok=True)
        self._trial_ids &= kept

    def load(self, trial: Trial) -> Any:
        """Returns a new model with the weights of a trial.

        Args:
            trial: The `Trial`.

        Raises:
            TypeError: If `trial` is no `Trial`, such as the id of one.
            CheckpointError: If the weights are not on disk, or are not those
                of the model that the hypermodel builds.
            OSError: If a link leads from there to another folder.
        """
        if not isinstance(trial, Trial):
            raise TypeError(
                "`trial` must be a `Trial`, such as those of "
                "`tuner.oracle.get_best_trials()`, or "
                "`tuner.oracle.get_trial(trial_id)`. "
                f"Received: trial={trial!r}"
            )
        tuner, trial_id = self._tuner, trial.trial_id
        weights = self._weights_of(trial_id)
        self._check(trial_id, weights)
        model = tuner._try_build(trial.hyperparameters)
        build_config = Path(tuner._get_build_config_fname(trial_id))
        try:
            with maybe_distribute(tuner.distribution_strategy):
                load_checkpoint(model, weights, build_config)
        except CheckpointError as error:
            adapts = hasattr(tuner.hypermodel, "adapt")
            remedy = f"{UNADAPTED} {REMEDY}" if adapts else REMEDY
            raise CheckpointError(
                f"The model of trial {trial_id} can't be restored from "
                f"{weights}: {error}.\n{remedy}"
            ) from error
        return model

    def _check(self, trial_id: str, weights: Path) -> None:
        """Raises if the weights of a trial are not on disk."""
        files.check_entries(weights.parent, Path(self._tuner.project_dir))
        if weights.is_file():
            return
        reason = "the file was moved or never written"
        if self._num_kept is not None:
            reason = (
                f"they were deleted, because keep_checkpoints={self._num_kept} "
                "keeps those of the best trials only"
            )
        raise CheckpointError(
            f"There are no weights of trial {trial_id} at {weights}: "
            f"{reason}. {REMEDY}"
        )
