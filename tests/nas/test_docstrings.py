"""What the docstrings of blocks and ready spaces show."""

import re
import textwrap

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_evolution import nas

# The shape of inputs that are not images.
SHAPES = {
    "RecurrentStage": (8, 4),
    "Repeat": (4,),
    "ResidualMLP": (4,),
    "SeriesStage": (16, 4),
    "BlockScope": (4,),
    "TransformerStage": (8, 4),
    "LayerChoice": (8, 4),
}
# The shape of samples that are not rows of a small table.
SAMPLES = {"HyperSeriesNet": (128, 9)}
# They search, draw or print, on data that an example can't bring.
RUN_ELSEWHERE = {"HyperConvNet", "HyperTextNet", "describe", "draw"}


def example_of(name):
    doc = textwrap.dedent(f"    {getattr(nas, name).__doc__}")
    example = re.search(r"Example:\n\n```python\n(.*?)```", doc, re.DOTALL)
    assert example, f"{name} has no example"
    return example[1]


@pytest.mark.parametrize("name", nas.__all__)
def test_every_public_name_has_an_example(name):
    assert "nas." in example_of(name)


@pytest.mark.parametrize("name", sorted(set(nas.__all__) - RUN_ELSEWHERE))
def test_examples_run(name):
    x = keras.Input(SHAPES.get(name, (8, 8, 3)))
    names = {
        "keras": keras,
        "nas": nas,
        "hp": kt.HyperParameters(),
        "ids": keras.Input((8,), dtype="int32"),
        "mask": keras.Input((8,), dtype="bool"),
        "first": x,
        "second": x,
        "x": x,
        "x_train": np.ones((8, *SAMPLES.get(name, (3,)))),
        "y_train": np.zeros(8),
        "epochs": 2,
        "steps_per_epoch": 4,
        "model": keras.Model(x, keras.layers.Flatten()(x)),
    }
    exec(example_of(name), names)
