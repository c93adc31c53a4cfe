"""A search as MLflow runs: one for the search, one nested for each trial."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial

from kt_evolution.callbacks import SearchCallback
from kt_evolution.optional import import_module
from kt_evolution.project.folders import is_project
from kt_evolution.project.training_log import read_training
from kt_evolution.reporting.reading import folder_of
from kt_evolution.reporting.reading import read_search
from kt_evolution.reporting.reading import search_of
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.trial_records import TrialRecord
from kt_evolution.user_warnings import warn_user

SEARCH_TAG = "kt_evolution.project.project"
TRIAL_TAG = "kt_evolution.trial"
# The epoch at which a trial is paused, from which its run may go on.
PAUSE_TAG = "kt_evolution.paused_at"
PARENT_TAG = "mlflow.parentRunId"
NAME_TAG = "mlflow.runName"
# The longest value of a parameter or a tag that MLflow takes.
MAX_LENGTH = 500


def log_to_mlflow(
    source: Any,
    experiment: str = "kt_evolution",
    tracking_uri: str | None = None,
) -> str:
    """Logs the trials that ended or are paused to MLflow, each once.

    It may be called again: it adds what is new. To log trials while a search
    goes on, pass an `MLflowCallback` to it.

    Example:

    ```python
    kt_evolution.reporting.log_to_mlflow(
        "results/mnist", tracking_uri="file:mlruns"
    )
    ```

    No server is needed. For a folder of files, as here, MLflow wants the
    environment variable `MLFLOW_ALLOW_FILE_STORE=true`.

    Values are parameters, operator and parents tags. Metrics are those of
    the best epoch, and have the epochs for steps where training was recorded.
    The run of a trial that is paused is KILLED and has the metrics of its last
    epoch, whose number is the tag `kt_evolution.paused_at`. If the trial is
    trained on, so is the run.

    Args:
        source: A `SearchRecord`, or what `read_search` takes.
        experiment: String, the name of the experiment, which is made if
            there is none. Defaults to "kt_evolution".
        tracking_uri: String, where MLflow stores runs. Defaults to its own
            setting.

    Returns:
        String, the id of the search's run.

    Raises:
        ImportError: If MLflow is not installed.
    """
    search = search_of(source)
    runs = _SearchRuns(search.folder, experiment, tracking_uri)
    runs.add(search)
    runs.set_running(any(trial.is_running for trial in search.trials))
    return runs.parent


class MLflowCallback(SearchCallback):
    """Logs each trial to MLflow as it ends, as a run nested in the search's.

    A trial that is paused is logged, too, and goes on in the same run.

    What it logs is what `log_to_mlflow` does. A search that is resumed goes on
    in the same run.

    Example:

    ```python
    tuner.search(
        x,
        y,
        validation_data=(x_val, y_val),
        callbacks=[
            kt_evolution.reporting.MLflowCallback(tracking_uri="file:mlruns")
        ],
    )
    ```

    Where MLflow can't be reached the search does not begin. If that happens
    later there is a warning, and the next trial logs what is missing. MLflow
    tries a server again for minutes, unless the environment variable
    `MLFLOW_HTTP_REQUEST_MAX_RETRIES` sets another number.

    Args:
        experiment: String, the name of the experiment, which is made if
            there is none. Defaults to "kt_evolution".
        tracking_uri: String, where MLflow stores runs. Defaults to its own
            setting.

    Raises:
        ImportError: If MLflow is not installed.
    """

    def __init__(
        self,
        experiment: str = "kt_evolution",
        tracking_uri: str | None = None,
    ) -> None:
        import_module("mlflow", "mlflow")
        self._experiment = experiment
        self._tracking_uri = tracking_uri
        self._runs: _SearchRuns | None = None

    def on_search_begin(self, tuner: kt.Tuner) -> None:
        folder = folder_of(tuner)
        self._runs = _SearchRuns(folder, self._experiment, self._tracking_uri)
        self._runs.set_running(True)

    def on_trial_end(self, tuner: kt.Tuner, trial: Trial) -> None:
        self._log(tuner, is_running=True)

    def on_trial_pause(self, tuner: kt.Tuner, trial: Trial) -> None:
        self._log(tuner, is_running=True)

    def on_search_end(self, tuner: kt.Tuner) -> None:
        self._log(tuner, is_running=False)

    def _log(self, tuner: kt.Tuner, is_running: bool) -> None:
        if self._runs is None:
            return
        try:
            if is_project(folder_of(tuner)):
                self._runs.add(read_search(tuner))
            if not is_running:
                self._runs.set_running(False)
        except Exception as error:
            # A failure of MLflow must not end a search.
            warn_user(f"MLflow could not log: {error}")


class _SearchRuns:
    """The runs of one search, found or made.

    Args:
        folder: The path of the project.
        experiment: String, the name of the experiment.
        tracking_uri: String, where MLflow stores runs, or None.
    """

    def __init__(
        self, folder: Path, experiment: str, tracking_uri: str | None
    ) -> None:
        self._mlflow = import_module("mlflow", "mlflow")
        self._client = self._mlflow.MlflowClient(tracking_uri)
        found = self._client.get_experiment_by_name(experiment)
        self._experiment_id = (
            found.experiment_id
            if found
            else self._client.create_experiment(experiment)
        )
        self._project = str(folder.resolve())
        runs = list(self._known_runs())
        # The run of each trial, and at which epoch it was paused, if it was.
        self._logged: dict[str, tuple[str | None, str]] = {
            run.data.tags[TRIAL_TAG]: (
                run.info.run_id,
                run.data.tags.get(PAUSE_TAG, ""),
            )
            for run in runs
            if TRIAL_TAG in run.data.tags
        }
        own = [run for run in runs if PARENT_TAG not in run.data.tags]
        self.parent: str = own[0].info.run_id if own else self._new_parent()

    def _known_runs(self) -> Iterator[Any]:
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment_id], page_token=token
            )
            for run in page:
                if run.data.tags.get(SEARCH_TAG) == self._project:
                    yield run
            token = page.token
            if not token:
                return

    def _new_parent(self) -> str:
        tags = {SEARCH_TAG: self._project, NAME_TAG: Path(self._project).name}
        run = self._client.create_run(self._experiment_id, tags=tags)
        return str(run.info.run_id)

    def add(self, search: SearchRecord) -> None:
        """Logs the trials that ended and are not logged, and the best."""
        for trial in search.trials:
            if trial.is_running:
                continue
            run_id, before = self._logged.get(trial.trial_id, (None, ""))
            now = str(trial.paused_at or "")
            # Only the run of a paused trial changes.
            if run_id is None or (before and before != now):
                run_id = self._log_trial(
                    search, trial, run_id, int(before or 0)
                )
                self._logged[trial.trial_id] = run_id, now
        ranked = search.ranked()
        if ranked:
            self._client.set_tag(self.parent, "best_trial", ranked[0].trial_id)
            for one in search.objectives:
                value = ranked[0].metrics[one.name]
                self._client.log_metric(self.parent, _key(one.name), value)

    def set_running(self, is_running: bool) -> None:
        """Says whether the search goes on."""
        if is_running:
            self._client.update_run(self.parent, status="RUNNING")
        else:
            self._client.set_terminated(self.parent)

    def _log_trial(
        self,
        search: SearchRecord,
        trial: TrialRecord,
        run_id: str | None,
        first: int,
    ) -> str:
        """Logs a trial, and returns its run.

        Args:
            search: The `SearchRecord`.
            trial: The `TrialRecord`.
            run_id: String, the run that goes on, or None for a new one.
            first: Int, how many epochs that has.
        """
        entities = self._mlflow.entities
        if run_id is None:
            run = self._client.create_run(
                self._experiment_id,
                start_time=_milliseconds(trial.began),
                run_name=f"trial {trial.trial_id}",
                tags={SEARCH_TAG: self._project, PARENT_TAG: self.parent},
            )
        else:
            run = self._client.get_run(run_id)
        run_id = str(run.info.run_id)
        ended = _milliseconds(trial.ended) or run.info.start_time
        notes = {
            "operator": trial.operator,
            "parents": " ".join(trial.parents),
            "worker": trial.worker or "",
            "message": trial.message or "",
            PAUSE_TAG: str(trial.paused_at or ""),
            # It comes last, so that a run that was cut off is logged again.
            TRIAL_TAG: trial.trial_id,
        }
        metrics = [
            entities.Metric(_key(name), value, ended, step)
            for name, step, value in _measured(search, trial, first)
        ]
        self._client.log_batch(
            run_id,
            params=[
                entities.Param(_key(name), str(value)[:MAX_LENGTH])
                for name, value in trial.values.items()
            ],
        )
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(
                run_id, metrics=metrics[start : start + 1000]
            )
        for name, note in notes.items():
            if note:
                self._client.set_tag(run_id, name, note[-MAX_LENGTH:])
            elif name in run.data.tags:
                self._client.delete_tag(run_id, name)
        status = "FINISHED" if trial.is_completed else "FAILED"
        if trial.is_paused:
            status = "KILLED"
        self._client.set_terminated(run_id, status, ended)
        return run_id


def _measured(
    search: SearchRecord, trial: TrialRecord, first: int
) -> Iterator[tuple[str, int, float]]:
    """Yields names, epochs and values, those of the best epoch last.

    MLflow shows the last one as that of the run. The best epoch of a trial
    that is paused would take the place of the epoch that may follow.

    Args:
        search: The `SearchRecord`.
        trial: The `TrialRecord`.
        first: Int, the first epoch.
    """
    folder = search.folder / f"trial_{trial.trial_id}"
    curves = read_training(folder).curves
    curve = curves[0] if curves else {}
    for name, values in curve.items():
        for epoch, value in enumerate(values):
            if value == value and epoch >= first:
                yield name, epoch, value
    last = max((len(v) for curve in curves for v in curve.values()), default=0)
    for name, value in trial.metrics.items():
        if not (trial.is_paused and name in curve):
            yield name, last, value


def _key(name: str) -> str:
    """Returns a name with what MLflow does not take replaced."""
    allowed = "".join(
        c if (c.isascii() and c.isalnum()) or c in "_-. /" else "_"
        for c in name
    )
    return allowed[:250] or "_"


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(1000.0 * seconds)
