"""The trials of a search that were begun and have not ended."""

import warnings
from pathlib import Path
from typing import Any

from keras_tuner.engine.trial import Trial

from kt_evolution.project.kept_states import FOLDER
from kt_evolution.project.kept_states import delete_state
from kt_evolution.training.continuation import Continuation
from kt_evolution.training.continuation import Pace
from kt_evolution.training.trial_oracle import TrialOracle


class UnfinishedTrials:
    """Keeps what was trained of a tuner's trials until they end.

    Args:
        tuner: The `EvolutionTuner`.
    """

    def __init__(self, tuner: Any) -> None:
        self._tuner = tuner
        self._pace = Pace()
        self._has_warned = False

    def of(self, trial: Trial) -> Continuation:
        """Returns the `Continuation` of a trial that is started."""
        tuner, problem = self._tuner, None
        if tuner.distribution_strategy is not None:
            problem = "a distribution strategy spreads its variables"
        continuation = Continuation(
            Path(tuner.get_trial_dir(trial.trial_id)),
            trial.hyperparameters.values,
            self._pace,
            problem,
            self._stamp,
            lambda: self._note_progress(trial.trial_id),
            lambda sentence: self._say(trial.trial_id, sentence),
            self._warn,
        )
        found = continuation.found
        if found is not None and found.clock is not None:
            if not tuner._is_worker():
                tuner.oracle._project.clock.catch_up(*found.clock)
        return continuation

    def delete_ended(self) -> None:
        """Deletes what a process left that was killed as a trial ended.

        Paused trials that will not be trained on count as ended.
        """
        project = Path(self._tuner.project_dir)
        oracle = self._tuner.oracle
        unneeded = list(oracle.end_order) + [
            one.trial_id
            for one in oracle.history.individuals
            if not one.can_resume
        ]
        ended = {f"trial_{trial_id}" for trial_id in unneeded}
        for folder in project.glob(f"trial_*/{FOLDER}"):
            if folder.parent.name in ended:
                delete_state(folder.parent)

    def _stamp(self) -> tuple[float | None, float | None] | None:
        # The chief's clock is not visible to a worker.
        if self._tuner._is_worker():
            return None
        clock = self._tuner.oracle._project.clock
        return clock.stamp() if clock.is_running else None

    def _note_progress(self, trial_id: str) -> None:
        oracle = self._tuner.oracle
        if isinstance(oracle, TrialOracle):
            oracle.note_progress(trial_id)
        elif not self._tuner._is_worker():
            # A host's worker can't report it to its chief.
            oracle._lifecycle.note_progress(trial_id)

    def _say(self, trial_id: str, sentence: str) -> None:
        if getattr(self._tuner.oracle, "verbose", 1):
            print(f"Trial {trial_id} was interrupted. {sentence}")

    def _warn(self, text: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(text, stacklevel=2)
