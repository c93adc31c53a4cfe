"""Floating-point operations: figures made by hand, on each backend."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_evolution import nas
from kt_evolution.costs.flops import count_flops
from kt_evolution.costs.flops import sample_of
from tests.costs.models import text_model

SCRIPT = Path(__file__).parents[1] / "backends" / "model_costs.py"
layers = keras.layers


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_costs_are_those_made_by_hand_on_each_backend(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    done = subprocess.run(
        [sys.executable, SCRIPT],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"backend={backend}" in done.stdout


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, inputs, training=False):
        return self.dense(inputs)


class Loops(Subclassed):
    def call(self, inputs, training=False):
        return keras.ops.while_loop(
            lambda i, x: i < 3,
            lambda i, x: (i + 1, self.dense(x)),
            (0, inputs),
        )[1]


def shapes_of(model):
    return keras.tree.map_structure(
        lambda tensor: (tensor.shape, tensor.dtype), sample_of(model)
    )


def test_a_sample_is_as_the_model_takes_it():
    a = keras.Input((3,), name="a")
    b = keras.Input((2,), name="b", dtype="int32")
    outputs = layers.Concatenate()([a, b])
    one, two = ((1, 3), "float32"), ((1, 2), "int32")
    assert shapes_of(keras.Model({"b": b, "a": a}, outputs)) == {
        "a": one,
        "b": two,
    }
    assert shapes_of(keras.Model([b, a], outputs)) == [two, one]
    assert shapes_of(keras.Sequential([a, layers.Dense(1)])) == one


def test_a_sample_of_a_subclassed_model_is_known_once_it_is_built():
    model = Subclassed()
    with pytest.raises(ValueError, match="not known.*keras.Input"):
        sample_of(model)
    model(np.zeros((8, 5)))
    assert shapes_of(model) == ((1, 5), "float32")


@pytest.mark.parametrize("shape", [(None, 3), (4, None, 3)])
def test_a_dimension_that_is_not_known_is_named(shape):
    inputs = keras.Input(shape, name="frames")
    model = keras.Model(inputs, layers.Dense(2)(inputs))
    with pytest.raises(ValueError, match=r"'frames'.*\(None, .*None, 3\)"):
        sample_of(model)


@pytest.mark.skipif(
    keras.config.backend() == "torch", reason="torch counts each turn"
)
def test_a_loop_that_can_not_be_counted_is_an_error():
    model = Loops()
    model(np.zeros((8, 2)))
    with pytest.raises(NotImplementedError, match="While|loop"):
        count_flops(model)


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="strings need TensorFlow"
)
def test_products_whose_shapes_are_not_known_are_an_error():
    model = text_model(
        layers.GlobalAveragePooling1D(), layers.Dense(2), length=None
    )
    with pytest.raises(NotImplementedError, match="MatMul.*on the data"):
        count_flops(model)


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="strings need TensorFlow"
)
def test_texts_of_a_known_length_are_counted():
    model = text_model(layers.Dense(2))
    # Two more units for five tokens of three numbers, and their biases.
    more = count_flops(text_model(layers.Dense(4))) - count_flops(model)
    assert more == 2 * 5 * (2 * 3 + 1)
    assert not any("call" in vars(layer) for layer in model.layers)


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="strings need TensorFlow"
)
@pytest.mark.parametrize("encoder", ["convolution", "recurrent", "transformer"])
def test_networks_for_strings_are_counted(encoder):
    vectorizer = layers.TextVectorization(output_sequence_length=4)
    vectorizer.adapt(["good film", "bad film"])
    space = nas.HyperTextNet(vectorizer=vectorizer, num_classes=2, width=4)
    hp = kt.HyperParameters()
    hp.values["encoder/layer"] = encoder
    assert count_flops(space.build(hp)) > 4 * 4 * 2


def test_counting_prints_nothing(capfd):
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3), layers.BatchNormalization()]
    )
    capfd.readouterr()
    count_flops(model)
    assert capfd.readouterr() == ("", "")
