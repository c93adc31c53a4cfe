"""The oracle of a process that trains single trials for a search elsewhere."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial

from kt_evolution.keras_tuner_bridge.scalars import as_numbers
from kt_evolution.project.issued_trial import IssuedTrial
from kt_evolution.project.trial_reports import take_metrics


class TrialOracle:
    """Knows the trial that a worker process trains, and keeps its metrics.

    A tuner of Keras Tuner asks its oracle for no more while it runs a trial.

    Args:
        objective: The `keras_tuner.Objective`.
        max_trials: Int, the number of trials of the search, or None.
        seed: Int, that of the search.
        verbose: Int, that of the search.
        note_progress: Function of a trial's id, called when a training that
            was cut goes on and is further by now.

    Attributes:
        parents: List of the trials whose weights the trial may begin with.
        updates: List of the metrics that were reported of the trial, and the
            epoch that they belong to.
    """

    def __init__(
        self,
        objective: kt.Objective,
        max_trials: int | None,
        seed: int,
        verbose: int,
        note_progress: Callable[[str], None],
    ) -> None:
        self.objective = objective
        self.max_trials = max_trials
        self.seed = seed
        self.verbose = verbose
        self.note_progress = note_progress
        self.parents: Sequence[Trial] = ()
        self.updates: list[tuple[dict[str, float], int]] = []
        self._trial: IssuedTrial | None = None

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"The oracle of a worker process has no `{name}`: it knows only "
            "the trial that is trained there. The oracle of the search is in "
            "the process that called `search`."
        )

    def begin(self, trial: IssuedTrial, parents: Sequence[Trial]) -> None:
        """Takes the next trial."""
        self._trial, self.parents, self.updates = trial, parents, []

    def get_trial(self, trial_id: str) -> IssuedTrial:
        """Returns the trial that is trained."""
        if self._trial is None or trial_id != self._trial.trial_id:
            raise ValueError(
                "`trial_id` must be that of the trial that this worker "
                f"trains. Received: trial_id={trial_id!r}"
            )
        return self._trial

    def get_space(self) -> kt.HyperParameters:
        """Returns the search space as far as the trial knows it."""
        if self._trial is None:
            return kt.HyperParameters()
        return self._trial.hyperparameters.copy()

    def update_space(self, hyperparameters: kt.HyperParameters) -> None:
        """Does nothing: new hyperparameters are reported with the trial."""

    def update_trial(
        self, trial_id: str, metrics: Mapping[str, Any], step: int = 0
    ) -> Trial:
        """Keeps the metrics of the trial, see `EvolutionOracle`."""
        trial = self.get_trial(trial_id)
        numbers = as_numbers(metrics)
        # The host's check needs the objective only.
        kt.Oracle._check_objective_found(self, numbers)
        take_metrics(self.objective, trial, numbers, step)
        self.updates.append((numbers, step))
        return trial
