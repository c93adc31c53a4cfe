"""A search in Weights & Biases: a group of runs, one of them for each trial."""

import hashlib
import math
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial

from kt_evolution.callbacks import SearchCallback
from kt_evolution.optional import import_module
from kt_evolution.project.folders import is_project
from kt_evolution.project.training_log import read_training
from kt_evolution.reporting.reading import folder_of
from kt_evolution.reporting.reading import read_search
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.trial_records import TrialRecord
from kt_evolution.user_warnings import warn_user


class WandbCallback(SearchCallback):
    """Logs each trial to Weights & Biases as it ends, as a run of its own.

    The runs of a search are a group. One more run of the group stands for the
    search: it has the score of each trial and the best one. A search that is
    resumed goes on in the same group, with the trials that end from then on.
    A trial that is paused has a "status" in the summary of its run that says
    where; if it is trained on, so is its run.

    Example:

    ```python
    tuner.search(
        x,
        y,
        validation_data=(x_val, y_val),
        callbacks=[kt_evolution.reporting.WandbCallback(mode="offline")],
    )
    ```

    With `mode="offline"` nothing is sent: runs are written to the folder
    `wandb`, and `wandb sync` sends them later. Where Weights & Biases can't be
    reached the search does not begin. If a trial can't be logged later there
    is a warning, and the next trial logs what is missing.

    Args:
        project: String, the name of the project of Weights & Biases. Defaults
            to "kt_evolution".
        **kwargs: Further arguments of `wandb.init`, such as `entity`, `mode`,
            `dir` and `tags`.

    Raises:
        ImportError: If the package wandb is not installed.
    """

    def __init__(self, project: str = "kt_evolution", **kwargs: Any) -> None:
        self._wandb = import_module("wandb", "wandb")
        self._init_arguments = {"project": project, **kwargs}
        # Where each trial was that is logged, and after how many epochs.
        self._logged: dict[str, tuple[str, int]] = {}
        self._folder = ""
        self._group = ""
        self._search_run: Any = None

    def on_search_begin(self, tuner: kt.Tuner) -> None:
        folder = folder_of(tuner)
        self._folder = str(folder.resolve())
        self._group = folder.name
        self._logged = {}
        if is_project(folder):
            # An earlier session logged them.
            ended = _ended(read_search(tuner))
            self._logged = {one.trial_id: _place_of(one) for one in ended}
        self._search_run = self._begin(folder.name, "search", {})

    def on_trial_end(self, tuner: kt.Tuner, trial: Trial) -> None:
        self._log(tuner)

    def on_trial_pause(self, tuner: kt.Tuner, trial: Trial) -> None:
        self._log(tuner)

    def on_search_end(self, tuner: kt.Tuner) -> None:
        self._log(tuner)
        self._search_run.finish()

    def _begin(self, name: str, kind: str, values: dict[str, Any]) -> Any:
        """Returns a new run, which leaves the user's own run alone."""
        identity = hashlib.sha256(f"{self._folder}\n{name}".encode())
        return self._wandb.init(
            **{
                "group": self._group,
                # What wandb prints for each run would hide the display.
                "settings": self._wandb.Settings(silent=True, console="off"),
                **self._init_arguments,
                "name": name,
                "job_type": kind,
                "id": identity.hexdigest()[:16],
                "config": values,
                "resume": "allow",
                "reinit": "create_new",
            }
        )

    def _log(self, tuner: kt.Tuner) -> None:
        try:
            if is_project(folder_of(tuner)):
                search = read_search(tuner)
                for trial in _ended(search):
                    place = _place_of(trial)
                    before = self._logged.get(trial.trial_id, ("", 0))
                    if before != place:
                        self._log_trial(search, trial, before[1])
                        self._logged[trial.trial_id] = place
        except Exception as error:
            # A failure of Weights & Biases must not end a search.
            warn_user(f"Weights & Biases could not log: {error}")

    def _log_trial(
        self, search: SearchRecord, trial: TrialRecord, first: int
    ) -> None:
        """Logs a trial.

        Args:
            search: The `SearchRecord`.
            trial: The `TrialRecord`.
            first: Int, how many epochs its run has already.
        """
        run = self._begin(f"trial {trial.trial_id}", "trial", trial.values)
        curves = read_training(search.folder / f"trial_{trial.trial_id}").curves
        for epoch, logs in enumerate(_epochs(curves[0] if curves else {})):
            if epoch >= first:
                run.log({"epoch": epoch, **logs})
        notes = {
            "status": trial.state,
            "operator": trial.operator,
            "parents": " ".join(trial.parents),
            "message": trial.message or "",
        }
        # Those of the best epoch, not of the last.
        run.summary.update({**trial.metrics, **notes})
        run.finish(exit_code=int(trial.has_failed))
        best = search.ranked()
        if best:
            self._search_run.summary["best_trial"] = best[0].trial_id
        if trial.is_completed:
            scores = {
                one.name: trial.metrics[one.name] for one in search.objectives
            }
            bests = {
                f"best_{one.name}": best[0].metrics[one.name]
                for one in search.objectives
            }
            self._search_run.log({"trial": trial.number, **scores, **bests})


def _place_of(trial: TrialRecord) -> tuple[str, int]:
    """Returns where a trial is, and after how many epochs."""
    return trial.state, trial.epochs or 0


def _ended(search: SearchRecord) -> list[TrialRecord]:
    return [trial for trial in search.trials if not trial.is_running]


def _epochs(curves: Any) -> list[dict[str, float]]:
    """Returns the metrics of each epoch of curves by metric."""
    length = max(map(len, curves.values()), default=0)
    return [
        {
            name: values[epoch]
            for name, values in curves.items()
            # Validation may not run in each epoch.
            if epoch < len(values) and not math.isnan(values[epoch])
        }
        for epoch in range(length)
    ]
