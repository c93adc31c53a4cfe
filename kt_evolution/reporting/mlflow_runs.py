"""A search as MLflow runs: one for the search, one nested for each trial."""

from collections.abc import Iterator
from typing import Any

from kt_evolution.extras import load
from kt_evolution.reporting.reading import search_of
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.records import TrialRecord
from kt_evolution.training_log import read_training

SEARCH_TAG = "kt_evolution.project"
TRIAL_TAG = "kt_evolution.trial"
PARENT_TAG = "mlflow.parentRunId"
NAME_TAG = "mlflow.runName"
# Of what MLflow takes for the value of a parameter or a tag.
MAX_LENGTH = 500


def log_to_mlflow(
    source: Any,
    experiment: str = "kt_evolution",
    tracking_uri: str | None = None,
) -> str:
    """Logs the trials that ended to MLflow, each once.

    It may be called again while a search goes on: it adds what is new.

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
    mlflow = load("mlflow", "mlflow")
    search = search_of(source)
    client = mlflow.MlflowClient(tracking_uri)
    found = client.get_experiment_by_name(experiment)
    experiment_id = (
        found.experiment_id if found else client.create_experiment(experiment)
    )
    project = str(search.folder.resolve())
    runs = list(_runs(client, experiment_id, SEARCH_TAG, project))
    of_search = [run for run in runs if PARENT_TAG not in run.data.tags]
    if of_search:
        parent = of_search[0].info.run_id
    else:
        tags = {SEARCH_TAG: project, NAME_TAG: search.name}
        parent = client.create_run(experiment_id, tags=tags).info.run_id
    logged = {run.data.tags.get(TRIAL_TAG) for run in runs}
    for trial in search.trials:
        if trial.status != "RUNNING" and trial.trial_id not in logged:
            tags = {SEARCH_TAG: project, PARENT_TAG: parent}
            _log_trial(mlflow, client, experiment_id, search, trial, tags)
    _log_best(client, search, parent)
    return parent


def _runs(
    client: Any, experiment_id: str, tag: str, value: str
) -> Iterator[Any]:
    """Yields all runs of an experiment that have a tag."""
    token = None
    while True:
        page = client.search_runs([experiment_id], page_token=token)
        yield from (run for run in page if run.data.tags.get(tag) == value)
        token = page.token
        if not token:
            return


def _log_trial(
    mlflow: Any,
    client: Any,
    experiment_id: str,
    search: SearchRecord,
    trial: TrialRecord,
    tags: dict[str, str],
) -> None:
    entities = mlflow.entities
    run = client.create_run(
        experiment_id,
        start_time=_milliseconds(trial.began),
        run_name=f"trial {trial.trial_id}",
        tags=tags,
    )
    run_id = run.info.run_id
    ended = _milliseconds(trial.ended) or run.info.start_time
    notes = {
        "operator": trial.operator,
        "parents": " ".join(trial.parents),
        "worker": trial.worker or "",
        "message": trial.message or "",
        # The last, so that what was cut off half-way is logged anew.
        TRIAL_TAG: trial.trial_id,
    }
    metrics = [
        entities.Metric(_key(name), value, ended, step)
        for name, step, value in _measured(search, trial)
    ]
    client.log_batch(
        run_id,
        params=[
            entities.Param(_key(name), str(value)[:MAX_LENGTH])
            for name, value in trial.values.items()
        ],
    )
    for start in range(0, len(metrics), 1000):
        client.log_batch(run_id, metrics=metrics[start : start + 1000])
    for name, note in notes.items():
        if note:
            client.set_tag(run_id, name, note[-MAX_LENGTH:])
    status = "FINISHED" if trial.is_completed else "FAILED"
    client.set_terminated(run_id, status, ended)


def _measured(
    search: SearchRecord, trial: TrialRecord
) -> Iterator[tuple[str, int, float]]:
    """Yields names, epochs and values, those of the best epoch last.

    MLflow shows the last one as that of the run.
    """
    folder = search.folder / f"trial_{trial.trial_id}"
    curves = read_training(folder).curves
    for name, values in (curves[0] if curves else {}).items():
        for epoch, value in enumerate(values):
            if value == value:
                yield name, epoch, value
    last = max((len(v) for curve in curves for v in curve.values()), default=0)
    for name, value in trial.metrics.items():
        yield name, last, value


def _log_best(client: Any, search: SearchRecord, run_id: str) -> None:
    ranked = search.ranked()
    if ranked:
        client.set_tag(run_id, "best_trial", ranked[0].trial_id)
        for one in search.objectives:
            value = ranked[0].metrics[one.name]
            client.log_metric(run_id, _key(one.name), value)


def _key(name: str) -> str:
    """Returns a name with what MLflow does not take replaced."""
    allowed = "".join(
        c if (c.isascii() and c.isalnum()) or c in "_-. /" else "_"
        for c in name
    )
    return allowed[:250] or "_"


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(1000.0 * seconds)
