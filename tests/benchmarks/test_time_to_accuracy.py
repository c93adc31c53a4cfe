"""The race by time, with tiny models and a clock that ticks when asked."""

import dataclasses
import itertools
import types

import keras
import keras_tuner as kt
import numpy as np
import pytest

from benchmarks import autokeras_searcher
from benchmarks import results
from benchmarks import time_to_accuracy
from benchmarks import time_to_accuracy_report
from benchmarks import timed_searchers
from benchmarks import timed_tasks
from benchmarks import timed_watch
from benchmarks import whole_time
from benchmarks.nas_tasks import Task
from benchmarks.time_to_accuracy import Record
from benchmarks.time_to_accuracy import Search
from benchmarks.time_to_accuracy_report import Curve
from benchmarks.time_to_accuracy_report import Share

pytestmark = pytest.mark.later


def build(hp):
    model = keras.Sequential([keras.Input((2,))])
    model.add(keras.layers.Dense(hp.Int("units", 1, 8), "relu"))
    if hp.Boolean("more"):
        model.add(keras.layers.Dense(hp.Choice("width", [2, 4]), "relu"))
    model.add(keras.layers.Dense(2, "softmax"))
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    model.compile(
        hp.Choice("optimizer", ["sgd", "adam"]),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        run_eagerly=True,
    )
    model.optimizer.learning_rate = rate
    return model


class Built(kt.HyperModel):
    """The space of `build`, whose models know on how many rows they trained."""

    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, x, *args, **kwargs):
        model.num_rows = len(x)
        return super().fit(hp, model, x, *args, **kwargs)


def load_rows(folder):
    x = np.random.default_rng(0).normal(size=(80, 2)).astype("float32")
    return x, (x[:, 0] > x[:, 1]).astype(int)


@pytest.fixture
def ticking_clock(monkeypatch):
    """Each look at the clock takes a second."""
    ticks = itertools.count()
    monkeypatch.setitem(timed_watch.CLOCKS, "cpu", ticks.__next__)


@pytest.fixture
def small(monkeypatch, ticking_clock):
    task = Task("tabular", load_rows, lambda data: build, 1000, 3, 40)
    monkeypatch.setitem(timed_tasks.TASKS, "digits", task)
    return task


@pytest.mark.parametrize("name", [*timed_searchers.RACERS, "default"])
def test_every_searcher_searches_until_the_time_is_over(small, name):
    record = time_to_accuracy.run(Search(name, "digits", 0, 12, "cpu"))
    seconds, validation, test = map(list, zip(*record.steps, strict=True))
    assert seconds == sorted(set(seconds)) and seconds[-1] <= 12
    assert validation == sorted(set(validation))
    assert all(0 <= one <= 1 for one in test)
    # A look after each epoch; of the two more for a test, one doesn't count.
    assert 11 <= record.epochs + len(record.steps) <= 12
    # The default model trains on and on.
    longest = 12 if name == "default" else small.epochs
    assert record.epochs / longest <= record.trainings <= record.epochs


@pytest.mark.parametrize("name", ["none", "fidelity", "inherited"])
def test_few_rows_are_raced_with_folds(small, monkeypatch, name):
    task = dataclasses.replace(small, space=lambda data: Built(), folds=2)
    monkeypatch.setitem(timed_tasks.TASKS, "digits", task)
    sizes = []

    def tested(task, data, model):
        sizes.append(model.num_rows)
        return 0.5

    monkeypatch.setattr(timed_watch, "tested", tested)
    record = time_to_accuracy.run(Search(name, "digits", 0, 40, "cpu"))
    data = small.split(None, 0, small.train_size)
    known = len(data.known[0])
    assert known == len(data.train[0]) + len(data.validation[0])
    # Only models of all rows are tested, unless weights are inherited.
    expected = len(data.train[0]) if name == "inherited" else known
    assert set(sizes) == {expected}
    assert len(record.steps) == len(sizes)
    assert record.steps[-1][0] <= 40


def test_a_search_has_a_process_and_is_recorded_once(tmp_path, capsys):
    arguments = ["--results", str(tmp_path), "--seeds", "0", "--tasks"]
    arguments += ["digits", "--seconds", "0.01", "--searchers", "kt-random"]
    time_to_accuracy.main(arguments)
    assert "1 searches run, 0 were there" in capsys.readouterr().out
    (record,) = time_to_accuracy.load(tmp_path)
    assert record.search == Search("kt-random", "digits", 0, 0.01, "cpu")
    # Its first epoch ended after the time was over.
    assert (record.epochs, record.steps) == (0, [])
    time_to_accuracy.main(arguments)
    assert "0 searches run, 1 were there" in capsys.readouterr().out


def test_a_usual_model_is_fitted_once(ticking_clock):
    for name in ("breast_cancer", "diabetes"):
        record = time_to_accuracy.run(Search("usual", name, 0, 1, "cpu"))
        ((seconds, validation, test),) = record.steps
        assert (seconds, record.trainings, record.epochs) == (1, 1, 0)
        assert validation > 0.3 and test > 0.3
    # It was fitted too late.
    assert not time_to_accuracy.run(Search("usual", name, 0, 0, "cpu")).steps


@pytest.mark.parametrize("name", ["default", "usual"])
def test_one_model_of_images_is_trained_for_the_whole_time(
    monkeypatch, ticking_clock, name
):
    task = dataclasses.replace(timed_tasks.TASKS["digits/conv"], train_size=40)
    monkeypatch.setitem(timed_tasks.TASKS, "digits/conv", task)
    record = time_to_accuracy.run(Search(name, "digits/conv", 0, 9, "cpu"))
    assert record.trainings == 1
    assert record.epochs == 4
    assert 0 < record.steps[-1][1] <= 1


def test_the_learning_rate_follows_the_time():
    watch = types.SimpleNamespace(seconds=0.0, budget=200.0)
    schedule = whole_time.CosineOfTime(watch)
    optimizer = types.SimpleNamespace(learning_rate=0.4)
    schedule.set_model(types.SimpleNamespace(optimizer=optimizer))
    schedule.on_train_begin()
    rates = []
    for seconds in (0, 5, 10, 105, 200, 201):
        watch.seconds = seconds
        schedule.on_train_batch_begin(0)
        rates.append(optimizer.learning_rate)
    assert rates == pytest.approx([0, 0.2, 0.4, 0.2, 0, 0])


def test_the_residual_network_has_the_published_size():
    data = timed_tasks.TASKS["digits/conv"].split(None, 0, 40)
    color = dataclasses.replace(
        data, train=(np.zeros((2, 32, 32, 3), "float32"), data.train[1])
    )
    model = whole_time.resnet20(color)
    convolutions = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
        and layer.kernel_size != (1, 1)
    ]
    assert len(convolutions) == 19
    assert 0.27e6 < model.count_params() < 0.28e6
    assert any(isinstance(x, keras.layers.RandomFlip) for x in model.layers)


def test_a_loss_that_falls_is_a_better_score(small, monkeypatch):
    monkeypatch.setattr(timed_watch, "tested", lambda *_: 0.5)
    task = dataclasses.replace(small, is_regression=True)
    watch = timed_watch.Watch(task, None, 20.0, "cpu")
    for loss in (0.4, 0.6, 0.3):
        watch.on_epoch_end("model", {"val_loss": loss})
    assert [step[1] for step in watch.steps] == [-0.4, -0.3]


@pytest.mark.parametrize(
    ("outputs", "is_regression", "columns"),
    [
        ([[0.25]], False, [[0.75, 0.25]]),
        ([[0.25]], True, [[0.25]]),
        ([[0.2, 0.8]], False, [[0.2, 0.8]]),
    ],
)
def test_outputs_of_autokeras_have_a_column_for_each_class(
    outputs, is_regression, columns
):
    model = types.SimpleNamespace(
        predict=lambda inputs, verbose: inputs * np.array(outputs)
    )
    pipeline = types.SimpleNamespace(transform_x=lambda inputs: inputs / 2)
    raw = autokeras_searcher.Raw(model, pipeline, is_regression)
    # They are tested with the rows as they were before its preprocessing.
    found = raw.predict(np.array([[2.0]]), verbose=0)
    np.testing.assert_allclose(found, columns)


def test_ready_spaces_are_for_the_searchers_of_their_kind(monkeypatch):
    run = []
    monkeypatch.setattr(
        time_to_accuracy,
        "run_all",
        lambda wanted, folder: run.extend(wanted) or len(wanted),
    )
    arguments = ["--tasks", "ready", "--searchers", "autokeras", "--seeds", "0"]
    time_to_accuracy.main(arguments)
    names = [one.task for one in run]
    assert names == [
        name
        for name, task in timed_tasks.READY.items()
        if task.kind != "series"
    ]


def test_the_time_of_tests_does_not_count(small, monkeypatch):
    clock = iter([0, 5, 10, 17, 20, 60])
    monkeypatch.setitem(timed_watch.CLOCKS, "cpu", clock.__next__)
    monkeypatch.setattr(timed_watch, "tested", lambda *_: 0.5)
    watch = timed_watch.Watch(small, None, 20.0, "cpu")
    watch.on_epoch_end("model", {"val_accuracy": 0.7})
    # The test took from 10 to 17.
    watch.on_epoch_end("model", {"val_accuracy": 0.7})
    assert watch.steps == [(5, 0.7, 0.5)]
    assert watch.seconds == 60 - 7
    assert (watch.trainings, watch.epochs) == (1, 2)


def test_optuna_suggests_the_values_of_active_hyperparameters():
    asked = {}

    def suggest(name, *range_, **options):
        asked[name] = (*range_, options)
        return range_[0][-1] if isinstance(range_[0], list) else range_[1]

    trial = types.SimpleNamespace(
        suggest_int=suggest, suggest_float=suggest, suggest_categorical=suggest
    )
    hp = timed_searchers.SuggestedValues(trial)
    assert hp.Int("int", 2, 8, step=2) == 8
    assert hp.Float("rate", 0.1, 10.0, sampling="log") == 10.0
    assert hp.Choice("size", [4, 16]) == 16
    assert hp.Choice("name", ["a", "b"]) == "b"
    with hp.conditional_scope("name", ["a"]):
        assert hp.Boolean("dormant") is None
    assert hp.Fixed("fixed", 3) == 3
    assert asked == {
        "int": (2, 8, {"log": False, "step": 2}),
        "rate": (0.1, 10.0, {"log": True}),
        "size": (0, 1, {}),
        "name": (["a", "b"], {}),
    }
    assert hp.values["int"] == hp.get("int") == 8


@pytest.mark.parametrize("name", timed_tasks.SMALL)
def test_every_task_has_rows_for_its_models(name):
    task = timed_tasks.TASKS[name]
    data = task.split(None, 0, task.train_size)
    space = task.space(data)
    model = getattr(space, "build", space)(kt.HyperParameters())
    scores = model.predict(data.test[0][:2], verbose=0)
    assert scores.shape == (2, data.num_classes)
    assert task.objective == kt.Objective("val_accuracy", "max")
    assert len(data.train[0]) > 1000


# The report.


def record(searcher, seed, *steps, task="mnist", seconds=60.0):
    """Steps are pairs of seconds and test accuracy."""
    return Record(
        searcher,
        task,
        seed,
        seconds,
        "cpu",
        steps=[(time, test, test) for time, test in steps],
        trainings=2,
        epochs=9,
        wall=60.0,
        versions={},
    )


def test_a_curve_is_the_mean_over_seeds():
    curve = Curve.of(
        [
            record("none", 0, (1, 0.5), (3, 0.9)),
            record("none", 1, (2, 0.7), (3, 0.6)),
        ]
    )
    assert curve.seconds.tolist() == [0, 1, 2, 3]
    assert curve.accuracies == pytest.approx([0, 0.25, 0.6, 0.75])
    assert curve.first_time(0.6) == 2
    assert curve.first_time(0.76) is None


def test_times_to_the_final_accuracy_of_a_peer():
    records = [
        record("none", 0, (2, 0.6), (8, 0.8)),
        # It had its final accuracy at 16 first.
        record("hyperband", 0, (4, 0.5), (16, 0.8), (20, 0.7), (40, 0.8)),
        record("kt-bayesian", 0, (30, 0.9)),
        # A seed that others lack is left out.
        record("kt-bayesian", 1, (3, 0.1)),
    ]
    curves = time_to_accuracy_report.curves_of(records)
    shares = time_to_accuracy_report.shares(curves, "none", "hyperband")
    assert shares == {"mnist": Share(8.0, 16.0, 60.0)}
    missed, reached = time_to_accuracy_report.targets(curves)
    assert (missed.measured, missed.verdict) == (2.0, "missed")
    assert (reached.measured, reached.verdict) == (0.5, "reached")
    text = time_to_accuracy_report.share_table(curves)
    first, second = text.splitlines()[2:4]
    row = "| mnist, kt.BayesianOptimization | 0.900 | 30 s | never (> 2.00) |"
    assert first.startswith(row[:-2])
    row = "| mnist, kt.Hyperband | 0.800 | 16 s | 8 s (0.500) |"
    assert second.startswith(row[:-2])


def test_ready_spaces_are_compared_seed_by_seed(tmp_path, capsys):
    for searcher, scores in {
        "none": (0.8, 0.9),
        "autokeras": (0.7, 0.8),
        "usual": (0.9, 0.9),
        "default": (0.81, 0.91),
    }.items():
        file = results.path(tmp_path, searcher, time_to_accuracy.TRACK)
        for seed, score in enumerate(scores):
            one = record(searcher, seed, (9, score), task="sms_spam")
            results.append(file, one)
    time_to_accuracy_report.main(["--results", str(tmp_path)])
    text = capsys.readouterr().out
    assert "### Ready spaces, seconds by the clock `cpu`" in text
    assert "| AutoKeras | – | – | sms_spam |" in text
    assert "| the usual model | – | sms_spam | – |" in text
    assert "| the default model | sms_spam | – | – |" in text
    assert "| sms_spam, 60 s | 0.850 (0.800–0.900, n=2)" in text
    assert "must" not in text


def test_the_report_and_its_figure(tmp_path, capsys):
    for one in (
        record("none", 0, (2, 0.6), (8, 0.8)),
        record("kt-random", 0, (4, 0.7)),
        record("none", 0, (2, 0.6), task="digits"),
        # The longer searches count.
        record("none", 0, (2, 0.9), seconds=30.0),
    ):
        file = results.path(tmp_path, one.searcher, time_to_accuracy.TRACK)
        results.append(file, one)
    time_to_accuracy_report.main(
        ["--results", str(tmp_path), "--figures", str(tmp_path / "figures")]
    )
    text = capsys.readouterr().out
    assert "### Seconds by the clock `cpu`" in text
    assert "| digits, 60 s | 0.600 (" in text and "0.900" not in text
    assert "| 0.800 (0.800–0.800, n=1), 2 of 9 epochs |" in text
    (figure,) = tmp_path.glob("figures/*")
    assert figure.name == "time_to_accuracy_cpu.png"
