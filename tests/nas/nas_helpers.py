"""The ready spaces at their smallest, and random genomes of them."""

import gc
import tempfile
import weakref
from pathlib import Path

import keras
import keras_tuner as kt
import numpy as np

from kt_evolution import nas
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.keras_tuner_bridge.encoding import genes_of
from kt_evolution.nas.architecture import architecture_of

NUM_SAMPLES = 8
LABELS = np.arange(NUM_SAMPLES) % 3


def _numbers(*shape):
    rng = np.random.default_rng(0)
    return rng.normal(size=(NUM_SAMPLES, *shape)).astype("float32")


def _table():
    table = _numbers(4)
    table[:, 2] = np.arange(NUM_SAMPLES) % 5
    table[0, 1] = np.nan
    return table


def _tokens():
    tokens = np.random.default_rng(0).integers(1, 20, size=(NUM_SAMPLES, 6))
    for i, row in enumerate(tokens):
        row[i % 7 :] = 0
    return tokens.astype("int32")


# Names of spaces to what makes them, and samples of their data.
SPACES = {
    "HyperConvNet": ({"input_shape": (8, 8, 1)}, _numbers(8, 8, 1)),
    "HyperCellNet": (
        {"input_shape": (4, 4, 1), "max_depth": 2},
        _numbers(4, 4, 1),
    ),
    "HyperMobileNet": ({"input_shape": (8, 8, 3)}, _numbers(8, 8, 3)),
    "HyperTextNet": (
        {"input_shape": (6,), "vocabulary_size": 20},
        _tokens(),
    ),
    "HyperTabularNet": (
        {"input_shape": (4,), "categorical": {2: 5}},
        _table(),
    ),
    "HyperSeriesNet": ({"input_shape": (9, 2)}, _numbers(9, 2)),
}


def new_space(name, **arguments):
    """Returns a small space and samples that its models take."""
    given, x = SPACES[name]
    small = {"num_classes": 3, "width": 4, "total_steps": 20, **given}
    return getattr(nas, name)(**{**small, **arguments}), x


def declared(hypermodel):
    """Returns the hyperparameters of the default model."""
    hp = kt.HyperParameters()
    getattr(hypermodel, "build", hypermodel)(hp)
    return hp


def search_space(hp):
    return SearchSpace(genes_of(hp.space))


def with_values(values):
    hp = kt.HyperParameters()
    hp.values = dict(values)
    return hp


def random_values(hypermodel, count, seed=0):
    """Yields the values of random genomes."""
    space = search_space(declared(hypermodel))
    rng = np.random.default_rng(seed)
    genomes = space.canonicalize(rng.random((count, space.num_genes)))
    return [space.decode(genome) for genome in genomes]


def predictions(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def check_genome(space, x, values):
    """Builds, trains, saves and reloads the model of some values."""
    keras.backend.clear_session()
    hp = with_values(values)
    model = space.build(hp)
    assert architecture_of(hp).params == model.count_params()
    # To compile takes longer than a step.
    model.run_eagerly = True
    history = space.fit(hp, model, x, LABELS, batch_size=8, verbose=0)
    assert np.isfinite(history.history["loss"][0])
    predicted = predictions(model, x)
    assert predicted.shape == (NUM_SAMPLES, 3)
    np.testing.assert_allclose(predicted.sum(axis=1), 1.0, atol=1e-4)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.keras"
        model.save(path)
        again = keras.models.load_model(path)
    np.testing.assert_allclose(
        predictions(again, x), predicted, rtol=1e-4, atol=1e-5
    )


def assert_models_are_freed(space):
    """Asserts that nothing of a space keeps its models in memory."""
    model = space.build(kt.HyperParameters())
    seen = weakref.ref(model.layers[-1])
    del model
    keras.backend.clear_session()
    gc.collect()
    assert seen() is None
