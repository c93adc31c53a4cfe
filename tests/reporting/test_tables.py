"""Searches as tables, and in other people's tools."""

import csv
import dataclasses
import io
import json
import subprocess
import sys

import pandas
import pytest

import kt_evolution
from kt_evolution import optional
from kt_evolution.algorithm.space.declarations import Declaration
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.reporting import read_search
from kt_evolution.reporting import to_optuna
from kt_evolution.reporting.tables import results_dataframe
from kt_evolution.reporting.tables import write_csv
from kt_evolution.reporting.tables import write_json
from tests import stock_projects
from tests.reporting import projects
from tests.tuner.tuner_helpers import FIT
from tests.tuner.tuner_helpers import build_dense


def test_a_row_per_trial(single):
    frame = results_dataframe(single)
    assert list(frame["trial_id"]) == [t.trial_id for t in single.trials]
    assert (
        frame["metrics.val_accuracy"].max()
        == (single.ranked()[0].metrics["val_accuracy"])
    )
    assert list(frame.index[frame["status"] == "FAILED"]) == [3]
    assert "MemoryError" in frame["message"][3]
    assert frame["metrics.val_accuracy"].isna().sum() == 1
    dormant = frame["values.layers"] < 3
    # There is no dry build here, so only branches show what is dormant.
    assert dormant.any()
    has_momentum = frame["values.momentum"].notna()
    assert (has_momentum == (frame["values.optimizer"] == "sgd")).all()
    assert frame["values.layers"].dtype == "Int64"
    assert frame["values.batch_norm"].dtype == "boolean"
    assert str(frame["began"].dtype).endswith("UTC]")
    assert (frame["ended"] >= frame["began"]).all()
    assert set(frame["worker"]) == {"worker0", "worker1"}
    children = frame[frame["parents"] != ""]
    assert len(children) and children["operator"].notna().all()


def test_the_dataframe_of_a_tuner(tmp_path):
    tuner = kt_evolution.EvolutionTuner(
        build_dense,
        objective="val_loss",
        max_trials=2,
        directory=tmp_path,
        project_name="p",
    )
    assert_raises_without_project(tuner)
    tuner.search(**FIT)
    frame = tuner.results_dataframe()
    assert list(frame["metrics.val_loss"]) == [
        tuner.oracle.get_trial(i).score for i in ("0", "1")
    ]
    assert (frame["metrics.params"] > 0).all()
    study = tuner.to_optuna()
    assert study.best_value == frame["metrics.val_loss"].min()


def assert_raises_without_project(tuner):
    with pytest.raises(ValueError, match="no trial so far"):
        tuner.results_dataframe()


def test_what_is_missing_says_how_to_install_it():
    with pytest.raises(ImportError, match=r'pip install "kt-evolution\[x\]"'):
        optional.import_module("no_such_package.module", "x")


def test_records_need_no_package_that_draws():
    code = (
        "import sys; import kt_evolution.tuner, kt_evolution.reporting.tables;"
        "print([m for m in ('plotly', 'jinja2', 'optuna', 'mlflow') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_csv_can_be_read_back(single):
    file = io.StringIO()
    write_csv(single, file)
    file.seek(0)
    frame = pandas.read_csv(file, dtype={"trial_id": str})
    assert len(frame) == len(single.trials)
    assert list(frame["trial_id"]) == [t.trial_id for t in single.trials]
    assert frame["metrics.params"].dropna().tolist() == [
        trial.metrics["params"] for trial in single.completed
    ]


def test_json_is_strict(hostile):
    file = io.StringIO()
    write_json(hostile, file)

    def refuse(name):
        raise AssertionError(name)

    whole = json.loads(file.getvalue(), parse_constant=refuse)
    assert whole["objectives"] == {"val_accuracy": "max"}
    assert projects.HOSTILE in whole["trials"][0]["values"]
    assert len(whole["trials"]) == len(hostile.trials)


# Optuna.


def test_an_optuna_study_has_the_same_best(single):
    study = to_optuna(single)
    best = single.ranked()[0]
    assert study.best_value == best.metrics["val_accuracy"]
    assert study.best_params == best.values
    assert study.direction.name == "MAXIMIZE"
    assert len(study.trials) == len(single.trials)
    assert [t.number for t in study.trials if t.state.name == "FAIL"] == [3]
    for frozen, trial in zip(study.trials, single.trials, strict=True):
        # A branch that is not taken has no parameter.
        assert frozen.params == trial.values
        assert frozen.datetime_start.timestamp() == trial.began
    rate = study.best_trial.distributions["learning_rate"]
    assert (rate.low, rate.high, rate.log) == (1e-5, 1e-1, True)


@pytest.mark.parametrize("high", [10**6, 10**15])
@pytest.mark.parametrize("sampling", ["log", "reverse_log"])
def test_an_optuna_study_has_a_logarithmic_range_as_declared(
    single, high, sampling
):
    declared = Declaration(
        "Int", "n", 1, min_value=1, max_value=high, sampling=sampling
    )
    trial = dataclasses.replace(single.ranked()[0], values={"n": 5})
    search = dataclasses.replace(
        single, space=SearchSpace([declared.gene()]), trials=(trial,)
    )
    found = to_optuna(search).trials[0].distributions["n"]
    assert (found.low, found.high) == (1, high)
    assert found.log == (sampling == "log")


def test_a_stored_study_gets_the_trials_that_it_lacks(tmp_path):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    folder = projects.simulate(tmp_path / "p", 6)
    to_optuna(folder, storage)
    projects.simulate(folder, 8)
    study = to_optuna(folder, storage)
    ids = [trial.user_attrs["trial_id"] for trial in study.trials]
    assert ids == [trial.trial_id for trial in read_search(folder).trials]


def test_an_optuna_study_of_several_objectives(several):
    study = to_optuna(several)
    assert [d.name for d in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    # Its front is that of trials within the limits, too.
    assert {t.user_attrs["trial_id"] for t in study.best_trials} == {
        trial.trial_id for trial in several.front()
    }


def test_an_optuna_study_of_hostile_and_stock_projects(hostile, tmp_path):
    assert projects.HOSTILE in to_optuna(hostile).trials[0].params
    study = to_optuna(stock_projects.hyperband(tmp_path / "past"))
    assert study.best_params.keys() == {"x", "y"}


def test_counts_are_whole_numbers(several):
    (first, *_) = several.completed
    assert type(first.metrics["params"]) is int
    assert type(first.metrics["latency"]) is float
    file = io.StringIO()
    write_csv(several, file)
    file.seek(0)
    rows = list(csv.DictReader(file))
    counts = [x["metrics.params"] for x in rows if x["status"] == "COMPLETED"]
    assert all(count.isdigit() for count in counts)
    frame = results_dataframe(several)
    assert str(frame["metrics.params"].dtype) == "Int64"
