"""A search in MLflow, while it runs and after."""

import keras_tuner as kt
import mlflow
import pytest

import kt_evolution
from kt_evolution.reporting import MLflowCallback
from kt_evolution.reporting import log_to_mlflow
from kt_evolution.reporting import read_search
from tests.reporting import projects
from tests.tuner.tuner_helpers import FIT
from tests.tuner.tuner_helpers import build_dense


@pytest.fixture
def mlflow_store(tmp_path, monkeypatch):
    # MLflow stores runs in files only where this variable allows it.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return f"file:{tmp_path / 'mlruns'}"


def runs_of(parent, store):
    """Returns the client, and the nested runs by their names.

    There are no others but the search's.
    """
    client = mlflow.MlflowClient(store)
    experiment = client.get_experiment_by_name("here")
    runs = client.search_runs([experiment.experiment_id])
    nested = {
        run.info.run_name: run
        for run in runs
        if run.data.tags.get("mlflow.parentRunId") == parent
    }
    assert len(runs) == len(nested) + 1
    return client, nested


def test_trials_are_nested_runs_logged_once(tmp_path, mlflow_store):
    folder = tmp_path / "p"
    projects.simulate(folder, 6)
    log_to_mlflow(folder, "here", mlflow_store)
    projects.simulate(folder, 8)
    parent = log_to_mlflow(folder, "here", mlflow_store)
    client, nested = runs_of(parent, mlflow_store)
    assert sorted(nested) == [f"trial {i}" for i in range(8)]
    search = read_search(folder)
    for trial in search.trials:
        run = nested[f"trial {trial.trial_id}"]
        assert run.data.params == {
            name: str(value) for name, value in trial.values.items()
        }
        assert run.data.metrics == pytest.approx(trial.metrics)
    assert nested["trial 3"].info.status == "FAILED"
    assert "MemoryError" in nested["trial 3"].data.tags["message"]
    best = search.ranked()[0].trial_id
    assert client.get_run(parent).data.tags["best_trial"] == best
    assert client.get_run(parent).info.status == "FINISHED"


def test_hostile_names_are_logged(hostile, mlflow_store):
    parent = log_to_mlflow(hostile, "here", mlflow_store)
    assert mlflow.MlflowClient(mlflow_store).get_run(parent)


class Seen(kt_evolution.SearchCallback):
    """Remembers the runs that there are as each trial ends."""

    def __init__(self, store):
        self.store = store
        self.seen = []

    def on_trial_end(self, tuner, trial):
        client = mlflow.MlflowClient(self.store)
        experiment = client.get_experiment_by_name("here")
        runs = client.search_runs([experiment.experiment_id])
        names = {run.info.run_name: run.info.status for run in runs}
        self.seen.append((len(runs), names["p"]))


def new_tuner(folder, max_trials):
    return kt_evolution.EvolutionTuner(
        build_dense,
        objective=kt.Objective("val_accuracy", "max"),
        max_trials=max_trials,
        seed=0,
        directory=folder,
        project_name="p",
    )


def test_a_search_logs_each_trial_as_it_ends_and_goes_on(
    tmp_path, mlflow_store
):
    seen = Seen(mlflow_store)
    callbacks = [MLflowCallback("here", mlflow_store), seen]
    new_tuner(tmp_path, 2).search(**FIT, callbacks=callbacks)
    assert seen.seen == [(2, "RUNNING"), (3, "RUNNING")]
    tuner = new_tuner(tmp_path, 3)
    tuner.search(**FIT, callbacks=callbacks)
    assert seen.seen[2:] == [(4, "RUNNING")]
    parent = log_to_mlflow(tuner, "here", mlflow_store)
    client, nested = runs_of(parent, mlflow_store)
    assert sorted(nested) == ["trial 0", "trial 1", "trial 2"]
    assert client.get_run(parent).info.status == "FINISHED"
    for trial in read_search(tuner).trials:
        run = nested[f"trial {trial.trial_id}"]
        assert run.data.metrics.keys() >= trial.metrics.keys()
        history = client.get_metric_history(run.info.run_id, "val_accuracy")
        # That of each epoch, and the best.
        assert [metric.step for metric in history] == [0, 1]


def test_a_store_that_fails_later_costs_no_search(
    tmp_path, mlflow_store, monkeypatch
):
    callback = MLflowCallback("here", mlflow_store)
    create_run = mlflow.MlflowClient.create_run

    def fails_for_the_first_trial(self, *args, **kwargs):
        if kwargs.get("run_name") == "trial 0" and not failures:
            failures.append(kwargs["run_name"])
            raise ConnectionError("no route to host")
        return create_run(self, *args, **kwargs)

    failures = []
    monkeypatch.setattr(
        mlflow.MlflowClient, "create_run", fails_for_the_first_trial
    )
    tuner = new_tuner(tmp_path, 2)
    with pytest.warns(UserWarning, match="MLflow could not log: no route"):
        tuner.search(**FIT, callbacks=[callback])
    parent = log_to_mlflow(tuner, "here", mlflow_store)
    assert sorted(runs_of(parent, mlflow_store)[1]) == ["trial 0", "trial 1"]


def test_a_store_that_cannot_be_reached_fails_before_any_trial(tmp_path):
    callback = MLflowCallback("here", "nosuch://store")
    tuner = new_tuner(tmp_path, 2)
    with pytest.raises(mlflow.exceptions.MlflowException, match="nosuch"):
        tuner.search(**FIT, callbacks=[callback])
    assert not tuner.oracle.trials
