"""What is sent to workers, once, and what can't be."""

import linecache
import pickle
import traceback

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import model_selection

import kt_evolution
from kt_evolution.display.formatting import failure_reason
from kt_evolution.workers import resources
from kt_evolution.workers import shipping
from kt_evolution.workers.local import death_reason
from tests.workers.searches import FIT
from tests.workers.searches import InlineWorkers
from tests.workers.searches import X
from tests.workers.searches import Y
from tests.workers.searches import build
from tests.workers.searches import new_tuner
from tests.workers.searches import results_of


def test_large_arrays_are_files_that_are_mapped(tmp_path):
    large = np.arange(2**18, dtype="float32").reshape(2, -1).T
    data = {"x": large, "again": [large], "small": X, "names": ["a"]}
    tuner = new_tuner(tmp_path / "project")
    folder = tmp_path / "sent"
    folder.mkdir()
    shipping.write(folder, tuner, (data,), {"epochs": 2})
    assert sorted(path.name for path in folder.iterdir()) == [
        "array_0.npy",
        "search.pickle",
    ]
    assert (folder / "search.pickle").stat().st_size < large.nbytes / 2
    copy, (found,), kwargs = shipping.read(folder, lambda settings: {})
    assert kwargs == {"epochs": 2}
    assert found["x"] is found["again"][0]
    assert type(found["x"]) is np.ndarray
    np.testing.assert_array_equal(found["x"], large)
    assert isinstance(found["x"].base, np.memmap)
    # What a worker changes is not changed for others.
    found["x"][:] = 0.0
    assert np.load(folder / "array_0.npy", mmap_mode="r")[1, 0] == 1.0
    # The search itself stays where it is.
    assert copy.oracle is None and copy._workers is None
    assert copy._search_callbacks is None


def dataset():
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)


def load_data():
    """Returns data that can't be pickled."""
    return {"x": dataset(), "validation_data": dataset()}


def test_a_function_returns_data_that_cannot_be_sent(tmp_path):
    for name, workers in {"here": 1, "there": InlineWorkers(1)}.items():
        tuner = new_tuner(tmp_path / name, max_trials=2, workers=workers)
        tuner.search(load_data, epochs=2, verbose=0)
    here, there = (new_tuner(tmp_path / name) for name in ("here", "there"))
    assert results_of(here) == results_of(there)
    assert all(score for _, score in results_of(there).values())


def load_rows():
    """Returns rows, and labels that keep some of them together."""
    return {"x": X, "y": Y, "groups": np.arange(len(X)) // 8}


def test_a_function_returns_the_rows_of_folds(tmp_path):
    for name, workers in {"here": 1, "there": InlineWorkers(2)}.items():
        tuner = new_tuner(
            tmp_path / name,
            max_trials=2,
            workers=workers,
            cross_validation=model_selection.GroupKFold(2),
        )
        tuner.search(load_rows, epochs=1, verbose=0)
    here, there = (new_tuner(tmp_path / name) for name in ("here", "there"))
    assert results_of(here) == results_of(there)
    assert all(score for _, score in results_of(there).values())
    for trial in there.oracle.trials.values():
        assert trial.metrics.get_best_value("num_executions") == 2


def test_folds_of_the_data_of_a_function_are_checked(tmp_path):
    workers = InlineWorkers(1)
    tuner = new_tuner(tmp_path, workers=workers, cross_validation=2)
    with pytest.raises(ValueError, match="`validation_data` can't be given"):
        tuner.search(lambda: {"x": X, "y": Y, "validation_data": (X, Y)})


@pytest.mark.parametrize(
    ("returned", "error", "text"),
    [
        ((X, Y), TypeError, "must return a dict"),
        ({"x": X, "epochs": 3}, ValueError, r"Received: \['epochs'\]"),
        ({"x": X, "batch_size": 3}, ValueError, r"Received: \['batch_size'\]"),
    ],
)
@pytest.mark.parametrize("is_here", [True, False])
def test_the_function_returns_data(tmp_path, returned, error, text, is_here):
    workers = 1 if is_here else InlineWorkers(1)
    tuner = new_tuner(tmp_path, workers=workers)
    with pytest.raises(error, match=text):
        tuner.search(lambda: returned, batch_size=8, verbose=0)


class Counting(keras.callbacks.Callback):
    """Has what can't be pickled."""

    def __init__(self):
        super().__init__()
        self.numbers = (number for number in range(3))


class OpenTuner(kt_evolution.EvolutionTuner):
    """Has what can't be pickled."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.numbers = (number for number in range(3))


def build_with(source):
    def build_from(hp):
        list(source)
        return build(hp)

    return build_from


@pytest.mark.parametrize(
    ("options", "changes", "words"),
    [
        ({}, {"x": dataset()}, ("`x` of", "tuner.search(load_data")),
        ({}, {"validation_data": dataset()}, ("`validation_data` of",)),
        ({}, {"y": (n for n in X)}, ("`y` of", "'generator'")),
        (
            {},
            {"callbacks": [keras.callbacks.EarlyStopping(), Counting()]},
            ("`callbacks[1]` of", "Counting", "'generator'"),
        ),
        (
            {"hypermodel": build_with(number for number in range(3))},
            {},
            ("`hypermodel` must", "'generator'"),
        ),
        (
            {"tuner_class": OpenTuner},
            {},
            ("The attribute `numbers` of the tuner", "generator"),
        ),
    ],
)
def test_what_cannot_be_sent_is_named(tmp_path, options, changes, words):
    workers = InlineWorkers()
    tuner = new_tuner(tmp_path, workers=workers, **options)
    fit = {**FIT, **changes}
    if "x" in changes:
        del fit["y"]
    with pytest.raises(TypeError) as caught:
        tuner.search(**fit)
    for word in (*words, "can be pickled"):
        assert word in str(caught.value)
    # One traceback, and not those of the attempts.
    assert caught.value.__suppress_context__
    # No trial was begun.
    assert workers.log == ["start", ("close", True)]
    assert not tuner.oracle.trials


def test_a_traceback_has_the_lines_of_a_cell(tmp_path):
    cell = "def build(hp):\n    raise ValueError('no model')  # in a cell\n"
    filename = "<ipython-input-1>"
    lines = cell.splitlines(keepends=True)
    linecache.cache[filename] = (len(cell), None, lines, filename)
    names = {"__name__": "__main__"}
    exec(compile(cell, filename, "exec"), names)
    tuner = new_tuner(tmp_path)
    tuner.hypermodel.build = names["build"]
    shipping.write(tmp_path, tuner, (), {})
    # Another process has no cells.
    del linecache.cache[filename]
    copy, _, _ = shipping.read(tmp_path, lambda settings: {})
    with pytest.raises(ValueError, match="no model") as caught:
        copy.hypermodel.build(None)
    text = "".join(traceback.format_exception(caught.value))
    assert f'File "{filename}", line 2, in build' in text
    assert "raise ValueError('no model')  # in a cell" in text


def test_a_trial_comes_back_as_it_is(tmp_path):
    tuner = new_tuner(tmp_path, dry_build=False)
    trial = tuner.oracle.create_trial("worker0")
    copy = pickle.loads(pickle.dumps(trial))
    assert copy.hyperparameters.values == trial.hyperparameters.values
    assert (copy.run, copy.epochs) == (trial.run, trial.epochs)


def test_cores_and_gpus_are_shared_out(monkeypatch):
    monkeypatch.setattr(resources, "num_cores", lambda: 8)
    for name in (*resources.THREADS, "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    first = resources.environment(0, 3, [])
    assert {first[name] for name in resources.THREADS} == {"2"}
    assert "CUDA_VISIBLE_DEVICES" not in first
    assert first["KERAS_BACKEND"] == keras.backend.backend()
    assert resources.environment(0, 20, [])["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    gpus = resources.visible_gpus({"CUDA_VISIBLE_DEVICES": "2, 3,"})
    given = [resources.environment(n, 3, gpus) for n in range(3)]
    assert [one["CUDA_VISIBLE_DEVICES"] for one in given] == ["2", "3", "2"]
    # What the user sets wins.
    assert given[0]["OMP_NUM_THREADS"] == "5"
    assert given[0]["TF_NUM_INTRAOP_THREADS"] == "2"
    assert given[0]["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert resources.visible_gpus({"CUDA_VISIBLE_DEVICES": "-1"}) == []


def test_gpus_are_those_of_nvidia(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert resources.visible_gpus({}) == []
    command = tmp_path / "nvidia-smi"
    command.write_text(
        "#!/bin/sh\necho 'GPU 0: A (UUID: a)'\necho 'GPU 1: B (UUID: b)'\n"
    )
    command.chmod(0o755)
    assert resources.visible_gpus({}) == ["0", "1"]


def test_how_a_process_ended_is_said():
    assert death_reason(-9, []) == (
        "WorkerError: its process was ended by SIGKILL, for instance because "
        "memory ran out"
    )
    text = death_reason(3, ["ValueError: a", "b"])
    reason = (
        "WorkerError: its process ended with exit code 3, for instance by "
        "`sys.exit`"
    )
    assert text == f"It printed at last:\nValueError: a\nb\n{reason}"
    # What the worker printed is not why the trial failed.
    assert failure_reason(text) == reason
    assert death_reason(-250, []).endswith("by signal 250")
