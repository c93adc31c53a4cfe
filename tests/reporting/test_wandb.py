"""A search in Weights & Biases, offline."""

import keras_tuner as kt
import pytest

import kt_evolution
from kt_evolution.reporting import WandbCallback
from kt_evolution.reporting import read_search
from tests.tuner.tuner_helpers import FIT
from tests.tuner.tuner_helpers import build_dense

wandb = pytest.importorskip("wandb")


@pytest.fixture
def runs(monkeypatch):
    """The runs that are begun, and what is logged to each."""
    begun = []
    init = wandb.init

    def noted_init(**kwargs):
        run = init(**kwargs)
        begun.append((run, kwargs, []))
        log, finish = run.log, run.finish
        monkeypatch.setattr(run, "log", lambda data: noted_log(data, log))
        monkeypatch.setattr(run, "finish", lambda **end: noted_end(end, finish))

        def noted_log(data, log):
            begun_logs.append(data)
            log(data)

        def noted_end(end, finish):
            kwargs["end"] = end
            kwargs["summary"] = dict(run.summary)
            finish(**end)

        begun_logs = begun[-1][2]
        return run

    monkeypatch.setattr(wandb, "init", noted_init)
    return begun


def new_tuner(folder, max_trials, build=build_dense):
    return kt_evolution.EvolutionTuner(
        build,
        objective=kt.Objective("val_accuracy", "max"),
        max_trials=max_trials,
        seed=0,
        directory=folder,
        project_name="p",
    )


def test_a_search_logs_each_trial_as_it_ends_and_goes_on(tmp_path, runs):
    callback = WandbCallback("here", mode="offline", dir=str(tmp_path))
    fit = {**FIT, "epochs": 2}
    new_tuner(tmp_path, 1).search(**fit, callbacks=[callback])
    tuner = new_tuner(tmp_path, 2)
    tuner.search(**fit, callbacks=[callback])
    names = [kwargs["name"] for _, kwargs, _ in runs]
    assert names == ["p", "trial 0", "p", "trial 1"]
    # The run of a search that is resumed is the same.
    assert runs[0][0].id == runs[2][0].id
    assert len({run.id for run, _, _ in runs}) == 3
    for run, kwargs, _ in runs:
        assert (run.project, run.group) == ("here", "p")
        assert kwargs["end"].get("exit_code", 0) == 0
    best = read_search(tuner).ranked()[0]
    for trial, (_, kwargs, logs) in zip(
        read_search(tuner).trials, runs[1::2], strict=True
    ):
        assert kwargs["config"] == trial.values
        assert kwargs["summary"].items() >= trial.metrics.items()
        assert [entry["epoch"] for entry in logs] == [0, 1]
        assert all("val_accuracy" in entry for entry in logs)
    _, kwargs, logs = runs[2]
    assert kwargs["summary"]["best_trial"] == best.trial_id
    assert logs[0]["best_val_accuracy"] == best.metrics["val_accuracy"]
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 4


def test_a_failed_trial_is_a_failed_run(tmp_path, runs):
    def build(hp):
        model = build_dense(hp)
        model.fit = lambda *args, **kwargs: 1 / 0
        return model

    callback = WandbCallback(mode="offline", dir=str(tmp_path))
    with pytest.warns(UserWarning, match="no result"):
        new_tuner(tmp_path, 1, build).search(**FIT, callbacks=[callback])
    _, kwargs, logs = runs[1]
    assert kwargs["end"] == {"exit_code": 1}
    assert "ZeroDivisionError" in kwargs["summary"]["message"]
    assert logs == []


def test_a_run_that_fails_later_costs_no_search(tmp_path, runs, monkeypatch):
    callback = WandbCallback(mode="offline", dir=str(tmp_path))
    init = wandb.init
    failures = []

    def fails_for_the_first_trial(**kwargs):
        if kwargs["name"] == "trial 0" and not failures:
            failures.append(kwargs["name"])
            raise ConnectionError("no route to host")
        return init(**kwargs)

    monkeypatch.setattr(wandb, "init", fails_for_the_first_trial)
    with pytest.warns(UserWarning, match="Biases could not log: no route"):
        new_tuner(tmp_path, 2).search(**FIT, callbacks=[callback])
    names = [kwargs["name"] for _, kwargs, _ in runs]
    assert names == ["p", "trial 0", "trial 1"]


def test_a_service_that_cannot_be_used_fails_before_any_trial(
    tmp_path, monkeypatch
):
    def fails(**kwargs):
        raise wandb.errors.UsageError("api_key not configured")

    monkeypatch.setattr(wandb, "init", fails)
    tuner = new_tuner(tmp_path, 2)
    with pytest.raises(wandb.errors.UsageError, match="api_key"):
        tuner.search(**FIT, callbacks=[WandbCallback()])
    assert not tuner.oracle.trials


def test_metrics_are_of_the_epochs_that_have_them(tmp_path, runs):
    callback = WandbCallback("here", mode="offline", dir=str(tmp_path))
    fit = {**FIT, "epochs": 3, "validation_freq": 2}
    new_tuner(tmp_path, 1).search(**fit, callbacks=[callback])
    (logs,) = [logs for _, _, logs in runs if "epoch" in logs[0]]
    assert ["val_loss" in entry for entry in logs] == [False, True, False]
    assert all("loss" in entry for entry in logs)
