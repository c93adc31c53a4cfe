"""Paused trials in Optuna, MLflow and Weights & Biases."""

import collections
import sys
import types

import mlflow
import optuna

from kt_evolution.project.issued_trial import is_paused
from kt_evolution.reporting import MLflowCallback
from kt_evolution.reporting import WandbCallback
from kt_evolution.reporting import log_to_mlflow
from kt_evolution.reporting import read_search
from kt_evolution.reporting import to_optuna
from tests.project.oracles import halving_oracle
from tests.project.oracles import train
from tests.reporting import fidelities

PRUNED = optuna.trial.TrialState.PRUNED
COMPLETE = optuna.trial.TrialState.COMPLETE


def simulate(folder, callback, max_trials):
    """Searches with a callback, and returns the search."""

    def on_trial(oracle, trial):
        if is_paused(trial):
            callback.on_trial_pause(oracle, trial)
        else:
            callback.on_trial_end(oracle, trial)

    callback.on_search_begin(halving_oracle(folder))
    oracle = fidelities.simulate(folder, on_trial, max_trials=max_trials)
    callback.on_search_end(oracle)
    return read_search(oracle)


def test_a_paused_trial_is_pruned_in_optuna(tmp_path):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    oracle = halving_oracle(tmp_path, max_trials=6)
    for _ in range(3):
        train(oracle, oracle.create_trial("tuner0"))
    early = to_optuna(oracle, storage)
    assert {one.state for one in early.trials} == {PRUNED}
    for one in early.trials:
        # Without a training log the scores at the rungs are known.
        assert one.last_step == one.user_attrs["epochs"] - 1
    fidelities.simulate(tmp_path, max_trials=6)
    study, search = to_optuna(oracle, storage), read_search(oracle)
    # Trials that went on since are there once more.
    newest = {one.user_attrs["trial_id"]: one for one in study.trials}
    assert len(newest) == 6 < len(study.trials)
    for trial in search.trials:
        state = PRUNED if trial.is_paused else COMPLETE
        assert newest[trial.trial_id].state == state
    best = search.ranked()[0]
    assert study.best_trial.user_attrs["trial_id"] == best.trial_id
    num_added = len(study.trials)
    assert len(to_optuna(oracle, storage).trials) == num_added


def test_the_run_of_a_paused_trial_goes_on_in_mlflow(tmp_path, monkeypatch):
    # MLflow stores runs in files only where this variable allows it.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    store = f"file:{tmp_path / 'mlruns'}"
    for max_trials in (4, 6):
        search = simulate(tmp_path, MLflowCallback("here", store), max_trials)
    assert search.paused and search.completed
    client = mlflow.MlflowClient(store)
    parent = log_to_mlflow(search, "here", store)
    experiment = client.get_experiment_by_name("here")
    runs = {
        run.info.run_name: run
        for run in client.search_runs([experiment.experiment_id])
        if run.info.run_id != parent
    }
    assert len(runs) == len(search.trials) == 6
    for trial in search.trials:
        run = runs[f"trial {trial.trial_id}"]
        status = "KILLED" if trial.is_paused else "FINISHED"
        assert run.info.status == status
        paused_at = run.data.tags.get("kt_evolution.paused_at")
        assert paused_at == (str(trial.epochs) if trial.is_paused else None)
        history = client.get_metric_history(run.info.run_id, "score")
        steps = collections.Counter(one.step for one in history)
        # No epoch is logged twice. The best epoch of all is the last step.
        assert set(steps.values()) == {1}
        assert len(steps) == trial.epochs + trial.is_completed
    tags = client.get_run(parent).data.tags
    assert tags["best_trial"] == search.ranked()[0].trial_id


def test_the_run_of_a_paused_trial_goes_on_in_wandb(tmp_path, monkeypatch):
    begun = []

    class Run:
        """What is logged to a run, without the service of wandb."""

        def __init__(self, **kwargs):
            self.name, self.id = kwargs["name"], kwargs["id"]
            self.logs, self.summary, self.exit_code = [], {}, None
            begun.append(self)

        def log(self, values):
            self.logs.append(values)

        def finish(self, exit_code=0):
            self.exit_code = exit_code

    fake = types.SimpleNamespace(init=Run, Settings=dict)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    for max_trials in (4, 6):
        search = simulate(tmp_path, WandbCallback("here"), max_trials)
    for trial in search.trials:
        name = f"trial {trial.trial_id}"
        runs = [one for one in begun if one.name == name]
        assert len(runs) == 1 + len(trial.promoted_at)
        # They are one run for wandb.
        assert len({one.id for one in runs}) == 1
        logged = [entry["epoch"] for one in runs for entry in one.logs]
        assert logged == list(range(trial.epochs))
        assert runs[-1].summary["status"] == trial.state
        assert {one.exit_code for one in runs} == {0}
