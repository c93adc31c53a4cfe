"""Keras trains on arrays in files as on others, and copies none of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kt_evolution.workers import mapped_arrays
from kt_evolution.workers.mapped_arrays import MappedArray
from kt_evolution.workers.mapped_arrays import for_keras


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Makes small arrays worth a file."""
    monkeypatch.setattr(mapped_arrays, "MIN_SIZE", 64)
    monkeypatch.setattr(mapped_arrays, "CHUNK", 256)


def mapped(folder, array):
    """Returns an array whose memory is a file."""
    path = folder / f"given_{len(list(folder.iterdir()))}.npy"
    np.save(path, array)
    return mapped_arrays.load(path)


def new_model(outputs=1):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(outputs)])
    model.compile("sgd", "mse" if outputs == 1 else "hinge")
    return model


def named_model():
    keras.utils.set_random_seed(0)
    inputs = {name: keras.Input((3,), name=name) for name in "ab"}
    hidden = keras.layers.Concatenate()(list(inputs.values()))
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model.compile("sgd", "mse")
    return model


generator = np.random.default_rng(0)
X = generator.normal(size=(101, 3)).astype("float32")
Y = (X.sum(axis=1, keepdims=True) > 0).astype("float32")
W = generator.uniform(size=101).astype("float32")
DOUBLE = X.astype("float64")


@pytest.mark.graph
@pytest.mark.parametrize(
    ("build", "data", "options"),
    [
        (new_model, {"x": X, "y": Y}, {}),
        (new_model, {"x": X, "y": Y, "validation_data": (X, Y, W)}, {}),
        (new_model, {"x": X, "y": Y}, {"validation_split": 0.3}),
        (new_model, {"x": DOUBLE, "y": Y}, {"validation_split": 0.3}),
        (new_model, {"x": np.asfortranarray(DOUBLE), "y": Y}, {}),
        (new_model, {"x": X[::2], "y": Y[::2]}, {"shuffle": False}),
        (new_model, {"x": X, "y": Y, "sample_weight": W}, {}),
        (
            new_model,
            {"x": X, "y": Y.astype("int64")},
            {"class_weight": {0: 0.2, 1: 3.0}},
        ),
        (named_model, {"x": {"a": X, "b": DOUBLE}, "y": Y}, {}),
        (new_model, {"x": X.astype("float16"), "y": Y > 0}, {"shuffle": False}),
    ],
)
def test_a_training_has_the_same_results(tmp_path, build, data, options):
    expected = build().fit(
        **data, **options, epochs=2, batch_size=16, verbose=0
    )
    data = keras.tree.map_structure(lambda one: mapped(tmp_path, one), data)
    model = build()
    shared = for_keras(model, data, tmp_path)
    arrays = keras.tree.flatten(shared)
    assert {type(one) for one in arrays} == {MappedArray}
    found = model.fit(**shared, **options, epochs=2, batch_size=16, verbose=0)
    assert found.history == expected.history


def address_of(tensor):
    """Returns where the memory of a tensor is."""
    return np.from_dlpack(tensor).ctypes.data


def test_a_tensor_has_the_memory_of_its_array(tmp_path):
    (array,) = for_keras(new_model(), [mapped(tmp_path, X)], tmp_path)
    assert address_of(tf.convert_to_tensor(array)) == array.ctypes.data
    assert len(list(tmp_path.iterdir())) == 1
    # The rows from 33 on begin where no tensor can.
    part = tf.convert_to_tensor(array[33:])
    np.testing.assert_array_equal(part, X[33:])
    double = tf.convert_to_tensor(array.astype("float64"))
    np.testing.assert_array_equal(double, X.astype("float64"))
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    # The next training, and any other worker, map the same files.
    np.testing.assert_array_equal(tf.convert_to_tensor(array[33:]), X[33:])
    array.astype("float64")
    assert sorted(tmp_path.iterdir()) == files
    # What is computed is in no file.
    np.testing.assert_array_equal(tf.convert_to_tensor(array * 2), X * 2)
    np.testing.assert_array_equal((array * 2).astype("float64"), X * 2.0)
    assert sorted(tmp_path.iterdir()) == files


def test_without_room_for_a_file_the_array_is_copied(tmp_path, monkeypatch):
    (array,) = for_keras(new_model(), [mapped(tmp_path, X)], tmp_path)

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mapped_arrays, "_save_once", fail)
    np.testing.assert_array_equal(tf.convert_to_tensor(array[33:]), X[33:])
    np.testing.assert_array_equal(array.astype("float64"), DOUBLE)


class OwnFit(keras.Sequential):
    def fit(self, *args, **kwargs):
        raise NotImplementedError


def test_others_get_arrays_of_numpy(tmp_path):
    array, callback = mapped(tmp_path, X), keras.callbacks.Callback()
    data = {"x": array, "callbacks": [callback], "y": Y, "names": ["a"]}
    assert for_keras(OwnFit(), data, tmp_path) is data
    found = for_keras(new_model(), data, tmp_path)
    assert type(found["x"]) is MappedArray
    # Nothing else is another object.
    assert found["y"] is Y and found["callbacks"] == [callback]
    assert found["names"] == ["a"]
    assert type(array) is np.ndarray
