"""Architectures in words, and where they are remembered."""

import copy
import gc
import pickle
import weakref

import keras
import keras_tuner as kt
import pytest

import kt_evolution
from kt_evolution import nas
from kt_evolution.nas.architecture import architecture_of
from tests.nas.nas_helpers import SPACES
from tests.nas.nas_helpers import declared
from tests.nas.nas_helpers import new_space
from tests.nas.nas_helpers import with_values


def small_net(**arguments):
    return new_space("HyperConvNet", max_depth=1, **arguments)[0]


def build_own(hp):
    x = keras.Input((8, 8, 1))
    y = nas.ConvStage(filters=(2, 3), depth=1)(hp, x, "stage")
    model = keras.Model(x, keras.layers.GlobalAveragePooling2D()(y))
    model.compile(nas.Optimizer()(hp, "training"), "mse")
    return model


@pytest.mark.parametrize("name", SPACES)
def test_every_block_has_a_line_and_all_parameters_are_told(name, capsys):
    space, _ = new_space(name)
    hp = kt.HyperParameters()
    model = space.build(hp)
    text = nas.describe(hp, space)
    assert capsys.readouterr().out == text + "\n"
    lines = text.splitlines()
    for part in architecture_of(hp).blocks:
        assert sum(line.split()[0] == part.path for line in lines) == 1
    assert lines[-1].split()[-1] == f"{model.count_params():,}"


def test_only_what_is_expressed_is_shown():
    text = nas.describe(
        with_values({"stage/filters": 3, "stage/connection": "plain"}),
        build_own,
    )
    assert "conv 3x3, 3, batch norm, relu, plain" in text
    assert "block_2" not in text and "stochastic" not in text


def test_cells_are_told_by_their_nodes():
    space, _ = new_space("HyperCellNet")
    text = nas.describe(kt.HyperParameters(), space)
    assert "node_1 = separable_3(input_2) + identity(input_1)" in text
    assert "output = node_1, node_2, node_3, node_4" in text
    assert "as in stage_1/cell_1" in text


def test_the_last_build_counts():
    hp = kt.HyperParameters()
    build_own(hp)
    hp.values["stage/filters"] = 3
    build_own(hp)
    parts = architecture_of(hp).blocks
    assert [part.path for part in parts] == ["stage/block_1", "training"]
    assert parts[0].shape == (8, 8, 3)


def test_another_build_may_begin_with_another_block():
    def build(hp):
        x = keras.Input((4,))
        name = hp.Choice("first", ["a", "b"])
        y = nas.ResidualMLP(units=3, depth=1)(hp, x, name)
        y = nas.ResidualMLP(units=2, depth=1)(hp, y, "top")
        return keras.Model(x, y)

    hp = kt.HyperParameters()
    build(hp)
    hp.values["first"] = "b"
    build(hp)
    paths = [part.path for part in architecture_of(hp).blocks]
    assert paths == ["b/block_1", "top/block_1"]


def test_a_space_with_fewer_genes_is_another_space():
    hp = declared(small_net()).copy()
    fewer = small_net(searched_groups="training")
    assert "softmax over 3 classes" in nas.describe(hp, fewer)


def test_the_best_hyperparameters_of_a_resumed_search_are_known(tmp_path):
    class Tuner(kt_evolution.EvolutionTuner):
        def run_trial(self, trial):
            return {
                "score": self.hypermodel.build(
                    trial.hyperparameters
                ).count_params()
            }

    def new_tuner():
        tuner = Tuner(
            small_net(),
            objective=kt.Objective("score", "max"),
            max_trials=3,
            seed=0,
            directory=tmp_path,
        )
        tuner.search()
        return tuner

    tuner = new_tuner()
    best = tuner.get_best_hyperparameters()[0]
    text = nas.describe(best, tuner.hypermodel)
    tuner = new_tuner()
    best = tuner.get_best_hyperparameters()[0]
    assert nas.describe(best, tuner.hypermodel) == text
    assert tuner.describe() == text
    first = tuner.oracle.get_trial("0").hyperparameters
    assert tuner.describe("0") == nas.describe(first, tuner.hypermodel)


def test_there_is_nothing_to_describe_before_the_first_result(tmp_path):
    tuner = kt_evolution.EvolutionTuner(
        small_net(), "val_accuracy", directory=tmp_path
    )
    with pytest.raises(ValueError, match="no completed trial"):
        tuner.describe()


def test_a_space_may_have_values_that_another_cannot_build():
    deep, _ = new_space("HyperConvNet", max_depth=3)
    shallow, _ = new_space("HyperConvNet", max_depth=2)
    hp = declared(deep).copy()
    hp.values = {**hp.values, "stage_1/depth": 3}
    with pytest.raises(KeyError):
        shallow.build(with_values(hp.values))
    assert "stage_1/block_3" in nas.describe(hp, deep)


def test_a_function_may_name_its_blocks_as_it_likes():
    def mine(hp, x, name):
        return nas.ResidualMLP(units=3, depth=1)(hp, x, f"{name}_dense")

    hp = kt.HyperParameters()
    x = keras.Input((4,))
    model = keras.Model(x, nas.Repeat(mine, depth=2)(hp, x, "body"))
    paths = [part.path for part in architecture_of(hp).blocks]
    assert paths == ["body/block_1_dense/block_1", "body/block_2_dense/block_1"]
    assert architecture_of(hp).params == model.count_params()


def test_what_is_not_known_must_be_told():
    hp = declared(build_own)
    one, other = small_net(), small_net(num_classes=4)
    assert "softmax over 3 classes" in nas.describe(hp, one)
    assert "softmax over 4 classes" in nas.describe(hp, other)
    with pytest.raises(TypeError, match="`hypermodel` must be an instance"):
        nas.describe(hp, nas.HyperConvNet)
    with pytest.raises(TypeError, match="`hypermodel` must be.*=5"):
        nas.describe(hp, 5)
    with pytest.raises(ValueError, match="`hypermodel` must build blocks"):
        nas.describe(hp, lambda hp: None)


def test_a_record_goes_with_its_hyperparameters():
    hp = declared(build_own)
    record = weakref.ref(architecture_of(hp))
    gc.collect()
    assert record() is not None
    del hp
    gc.collect()
    assert record() is None


def test_hyperparameters_with_a_record_are_copied_and_pickled():
    hp = declared(build_own)
    for again in (copy.deepcopy(hp), pickle.loads(pickle.dumps(hp))):
        assert architecture_of(again).blocks == architecture_of(hp).blocks
        assert nas.describe(again, build_own) == nas.describe(hp, build_own)
