"""The weights of trials on disk: deletes some, and loads them again."""

import os
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from keras_tuner.engine.tuner import maybe_distribute

from kt_evolution import files
from kt_evolution.training.checkpoints import CheckpointError
from kt_evolution.training.checkpoints import load_checkpoint

# Advice if a model can't be restored.
REMEDY = (
    "Its hyperparameters are safe: `get_best_hyperparameters` returns those "
    "of the best trials. Build the model from them and train it again."
)


class SavedModels:
    """The weights of a tuner's trials.

    Args:
        num_kept: Int, the number of best trials whose weights stay on disk,
            or None for all.
    """

    def __init__(self, num_kept: int | None) -> None:
        self.num_kept = num_kept
        # The trials that may have weights, once they were counted.
        self._trial_ids: set[str] | None = None

    def prune(
        self,
        trial_id: str,
        earlier: Iterable[str],
        best: Iterable[str],
        path_of: Callable[[str], str],
    ) -> None:
        """Deletes the weights of all but the best trials.

        Args:
            trial_id: String, the trial that ended.
            earlier: The ids of the trials that had ended before this process
                began; they are read once.
            best: The ids of the trials whose weights are kept.
            path_of: Function of an id, returns where its weights are.
        """
        if self._trial_ids is None:
            self._trial_ids = set(earlier)
        self._trial_ids.add(trial_id)
        kept = set(best)
        for one in self._trial_ids - kept:
            if os.path.exists(path_of(one)):
                os.remove(path_of(one))
        self._trial_ids &= kept

    def load(
        self,
        model: Any,
        trial_id: str,
        weights: Path,
        build_config: Path,
        strategy: Any,
    ) -> Any:
        """Returns a new model with the weights of a trial.

        Args:
            model: The model, built with the values of the trial.
            trial_id: String.
            weights: Path, the file of the weights.
            build_config: Path, the file of the shapes that it was built with.
            strategy: The distribution strategy of the tuner, or None.

        Raises:
            CheckpointError: If the weights are not those of the model.
        """
        try:
            with maybe_distribute(strategy):
                load_checkpoint(model, weights, build_config)
        except CheckpointError as error:
            raise CheckpointError(
                f"The model of trial {trial_id} can't be restored from "
                f"{weights}: {error}.\n{REMEDY}"
            ) from error
        return model

    def check(self, trial_id: str, weights: Path, project_dir: Path) -> None:
        """Raises if the weights of a trial are not on disk.

        Args:
            trial_id: String.
            weights: Path, the file of the weights.
            project_dir: Path, the folder of the project.

        Raises:
            CheckpointError: If so. It names the trial and the cause.
            OSError: If a link leads from there to another folder.
        """
        files.check_entries(weights.parent, project_dir)
        if weights.is_file():
            return
        reason = "the file was moved or never written"
        if self.num_kept is not None:
            reason = (
                f"they were deleted, because keep_checkpoints={self.num_kept} "
                "keeps those of the best trials only"
            )
        raise CheckpointError(
            f"There are no weights of trial {trial_id} at {weights}: "
            f"{reason}. {REMEDY}"
        )
