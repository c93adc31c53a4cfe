"""Blocks in custom build functions, with any tuner."""

import inspect

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_evolution import nas
from kt_evolution.nas.architecture import architecture_of
from tests.nas.nas_helpers import declared
from tests.nas.nas_helpers import random_values
from tests.nas.nas_helpers import with_values


def model_of(x, y):
    return keras.Model(x, keras.layers.Dense(1)(keras.layers.Flatten()(y)))


def dense(hp, x, name):
    return keras.layers.Dense(hp.Int(f"{name}_units", 2, 4))(x)


def build_repeat(hp):
    x = keras.Input((3,))
    return model_of(x, nas.Repeat(dense, depth=(2, 1, 3))(hp, x, "body"))


def build_choice(hp):
    x = keras.Input((6, 4))
    options = {
        "stage": nas.ConvStage(filters=(4, 2)),
        "recurrent": nas.RecurrentStage(units=4),
        "attention": nas.TransformerStage(),
        "mine": lambda hp, x, name: keras.layers.Dense(
            hp.Int(f"{name}_units", 2, 4)
        )(x),
    }
    return model_of(x, nas.LayerChoice(options)(hp, x, "body"))


def build_inputs(hp):
    x = keras.Input((9, 9, 2))
    small = nas.ConvStage(filters=3, depth=1, downsample="max")(hp, x, "a")
    smaller = nas.ConvStage(filters=5, depth=1, downsample="max")(
        hp, small, "b"
    )
    y = nas.InputChoice(3)(hp, [x, small, smaller], "joined")
    y = nas.Regularizer()(hp, y, "regularizer")
    return model_of(x, y)


def build_nested(hp):
    x = keras.Input((8, 8, 2))
    stage = nas.LayerChoice(
        {"conv": nas.ConvStage(filters=(2, 3)), "mobile": nas.MBConvStage(2)}
    )
    return model_of(x, nas.Repeat(stage, depth=(1, 2))(hp, x, "body"))


BUILDS = [build_repeat, build_choice, build_inputs, build_nested]


@pytest.mark.parametrize("build", BUILDS)
def test_random_genomes_are_models_and_record_themselves(build):
    for values in random_values(build, 5):
        hp = with_values(values)
        model = build(hp)
        # All but the last layer are of blocks.
        in_blocks = model.count_params() - model.layers[-1].count_params()
        assert architecture_of(hp).params == in_blocks


def test_a_function_that_calls_blocks_is_not_told_twice():
    def stage(hp, x, name):
        return nas.ConvStage(filters=2, depth=1)(hp, x, f"{name}/stage")

    hp = kt.HyperParameters()
    nas.Repeat(stage, depth=1)(hp, keras.Input((8, 8, 1)), "body")
    paths = [part.path for part in architecture_of(hp).blocks]
    assert paths == ["body/block_1/stage/block_1"]


def test_repeats_are_active_as_the_depth_has_them():
    hp = kt.HyperParameters()
    stage = nas.ConvStage(filters=(2, 4), depth=(1, 2, 3))
    stage(hp, keras.Input((8, 8, 1)), "stage_1")
    third = "stage_1/block_3/kernel_size"
    (gene,) = [each for each in hp.space if each.name == third]
    (condition,) = gene.conditions
    assert (condition.name, condition.values) == ("stage_1/depth", [3])
    assert third not in hp.values
    hp.values["stage_1/depth"] = 3
    assert hp.is_active(third)


def test_dormant_genes_are_declared_by_the_first_build():
    names = {each.name for each in declared(build_nested).space}
    assert {
        "body/depth",
        "body/block_1/layer",
        "body/block_2/layer",
        "body/block_1/mobile/block_3/expansion",
        "body/block_2/conv/block_1/kernel_size",
    } <= names
    # What a function asks for is known only once it is called.
    assert "body/mine_units" not in {
        each.name for each in declared(build_choice).space
    }


def test_one_value_is_no_gene():
    hp = kt.HyperParameters()
    nas.ResidualMLP(
        units=4,
        depth=2,
        expansion=1,
        connection="dense",
        activation="relu",
        normalization="none",
        dropout=0.0,
    )(hp, keras.Input((3,)), "body")
    assert hp.space == []


def test_the_first_value_is_the_default():
    hp = kt.HyperParameters()
    nas.ConvStage(filters=(8, 4, 16))(hp, keras.Input((8, 8, 1)), "stage")
    assert hp["stage/filters"] == 8


def test_layers_are_named_by_their_place():
    hp = kt.HyperParameters()
    x = keras.Input((8, 8, 1))
    with hp.name_scope("left"):
        y = nas.ConvStage(filters=2, depth=1)(hp, x, "stage_1")
    names = [layer.name for layer in keras.Model(x, y).layers]
    assert "left_stage_1_block_1_conv2d" in names
    assert architecture_of(hp).blocks[0].path == "left/stage_1/block_1"


@pytest.mark.parametrize("build", [build_repeat, build_choice])
def test_random_search_knows_all_genes(build, tmp_path):
    def compiled(hp):
        model = build(hp)
        model.compile(nas.Optimizer(total_steps=10)(hp), "mse")
        return model

    tuner = kt.RandomSearch(
        compiled,
        objective=kt.Objective("score", "max"),
        max_trials=3,
        directory=tmp_path,
    )
    tuner.run_trial = lambda trial: compiled(
        trial.hyperparameters
    ).count_params()
    tuner.search()
    assert len(tuner.oracle.get_best_trials(3)) == 3
    known = {each.name for each in tuner.oracle.get_space().space}
    asked = "body/block_3_units" if build is build_repeat else "body/mine_units"
    assert {asked, "training/sgd_learning_rate", "training/warm_up"} <= known


@pytest.mark.parametrize("padding", [(0, 4), (4, 0)], ids=["right", "left"])
@pytest.mark.parametrize("encoder", ["convolution", "recurrent", "transformer"])
def test_padding_changes_nothing_and_empty_texts_are_read(encoder, padding):
    space = nas.HyperTextNet(
        input_shape=(None,), vocabulary_size=20, num_classes=2, width=4
    )
    tokens = np.random.default_rng(0).integers(1, 20, size=(4, 5))
    tokens[0] = 0
    padded = np.pad(tokens, ((0, 0), padding))
    for values in random_values(space, 3):
        model = space.build(with_values({**values, "encoder/layer": encoder}))
        short, long = (
            keras.ops.convert_to_numpy(model(x, training=False))
            for x in (tokens, padded)
        )
        assert np.isfinite(short).all()
        np.testing.assert_allclose(short, long, atol=1e-5)


def test_learned_positions_are_those_of_the_tokens():
    space = nas.HyperTextNet(
        input_shape=(6,), vocabulary_size=20, num_classes=2, width=4
    )
    values = {"encoder/layer": "transformer", "tokens/positions": "learned"}
    model = space.build(with_values(values))
    tokens = np.array([[5, 7, 9, 0, 0, 0]])
    right, left = (
        keras.ops.convert_to_numpy(model(x, training=False))
        for x in (tokens, np.roll(tokens, 3, axis=1))
    )
    np.testing.assert_allclose(right, left, atol=1e-5)


MASKED = {
    "plain": nas.SeriesStage(4, connection="plain", squeeze_excite=True),
    "parallel": nas.SeriesStage(4, connection="parallel"),
    "dense": nas.SeriesStage(4, connection="dense", normalization="layer"),
    "inception": nas.SeriesStage(4, operation="inception"),
    "separable": nas.SeriesStage(4, operation="separable", kernel_size=9),
    "bottleneck": nas.MBConvStage(4, squeeze_excite=True),
    "recurrent": nas.RecurrentStage(4, depth=2),
    "attention": nas.TransformerStage(num_heads=2),
    "regularizer": nas.Regularizer(normalization="batch"),
}


@pytest.mark.parametrize("name", MASKED)
def test_a_mask_keeps_padding_out(name):
    x = inputs = keras.Input((None, 4))
    mask = keras.ops.any(keras.ops.not_equal(inputs, 0), axis=-1)
    y = MASKED[name](kt.HyperParameters(), x, "body", mask)
    model = keras.Model(inputs, y)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    # Below zero, so that a padding of zeros would be the largest.
    series = rng.normal(-2, 1, size=(3, 5, 4)).astype("float32")
    padded = np.pad(series, ((0, 0), (0, 11), (0, 0)))
    short, long = (
        keras.ops.convert_to_numpy(model(x, training=False))
        for x in (series, padded)
    )
    np.testing.assert_allclose(short, long[:, :5], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (nas.ConvStage(2, downsample="max"), "`downsample` must not.*'max'"),
        (nas.ConvStage(2), "`normalization` must not be 'group'"),
        (nas.Regularizer(), "`normalization` must not be 'group'"),
        (nas.Cell(2, num_inputs=1), "`mask` must not be given to Cell"),
    ],
)
def test_what_would_read_padding_takes_no_mask(block, message):
    x, mask = keras.Input((10, 2)), keras.Input((10,), dtype="bool")
    with pytest.raises(ValueError, match=message):
        block(kt.HyperParameters(), x, "stage", mask)


def test_a_name_is_used_once():
    def build(hp):
        x = inputs = keras.Input((6, 8))
        x = nas.RecurrentStage(units=8)(hp, x, "body")
        x = nas.TransformerStage(num_heads=2)(hp, x, "body")
        return keras.Model(inputs, x)

    with pytest.raises(ValueError, match="`name`.*once.*'body/block_1'"):
        build(kt.HyperParameters())
    # The same model again has the same names.
    hp, x = kt.HyperParameters(), keras.Input((6, 8))
    for _ in range(2):
        nas.RecurrentStage(units=8)(hp, x, "body")
    assert len(architecture_of(hp).blocks) == 1


def test_values_may_be_in_arrays_and_ranges():
    stage = nas.ConvStage(
        filters=np.array([8, 4]),
        kernel_size=range(3, 8, 2),
        squeeze_excite=np.True_,
    )
    hp = kt.HyperParameters()
    stage(hp, keras.Input(np.array([8, 8, 1])), "stage")
    values = {each.name: each.values for each in hp.space}
    assert values["stage/filters"] == [8, 4]
    assert values["stage/block_1/kernel_size"] == [3, 5, 7]


def test_a_cell_can_have_its_genes_in_several_places():
    hp = kt.HyperParameters()
    before = x = inputs = keras.Input((8, 8, 2))
    cell = nas.Cell(filters=2, num_nodes=2)
    genes = cell.declare(hp, "cell")
    for i in range(1, 4):
        scope = nas.BlockScope(hp, f"cell_{i}")
        before, x = x, cell.build(scope, [before, x], genes)
    assert keras.Model(inputs, x).built
    paths = [part.path for part in architecture_of(hp).blocks]
    assert paths == ["cell_1", "cell_2", "cell_3"]
    assert all(gene.name.startswith("cell/") for gene in hp.space)


def test_an_optimizer_has_what_its_genes_say():
    hp = kt.HyperParameters()
    hp.values = {
        "training/optimizer": "sgd",
        "training/sgd_learning_rate": 0.05,
        "training/sgd_weight_decay": 0.005,
        "training/schedule": "cosine",
        "training/warm_up": 0.2,
    }
    optimizer = nas.Optimizer(total_steps=100)(hp, "training")
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert optimizer.weight_decay == 0.005
    schedule = optimizer.get_config()["learning_rate"]["config"]
    assert schedule["warmup_steps"] == 20
    assert schedule["decay_steps"] == 80
    assert schedule["warmup_target"] == 0.05
    constant = nas.Optimizer("adamw", learning_rate=0.01)(hp, "other")
    assert float(constant.learning_rate) == pytest.approx(0.01)


def test_a_cell_of_one_input_and_cells_in_a_row():
    hp, inputs = kt.HyperParameters(), keras.Input((8, 8, 3))
    x = nas.Cell(filters=4, num_inputs=1)(hp, inputs, "cell")
    cell = nas.Cell(filters=4)
    genes = cell.declare(hp, "cells")
    before = x
    for i in range(1, 4):
        before, x = (
            x,
            cell.build(nas.BlockScope(hp, f"cell_{i}"), [before, x], genes),
        )
    assert keras.Model(inputs, x).output_shape[1:3] == (8, 8)


def test_a_cell_halves_series_of_any_length():
    inputs = keras.Input((None, 3))
    values = {
        f"cell/node_{node}/from_{i}": "input_1"
        for node in (1, 2)
        for i in (1, 2)
    }
    cell = nas.Cell(filters=4, num_nodes=2, strides=2)
    y = cell(with_values(values), [inputs, inputs], "cell")
    model = keras.Model(inputs, y)
    for length in (5, 6):
        assert model(np.zeros((2, length, 3))).shape[1] == 3


IMAGE = keras.Input((8, 8, 1))
VECTOR = keras.Input((3,))


def call(block, x, name="body"):
    return lambda: block(kt.HyperParameters(), x, name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nas.Repeat(dense, depth=0), "`depth`.*depth=0"),
        (lambda: nas.Repeat(3), "`block`.*block=3"),
        (lambda: nas.LayerChoice({}), "`options`"),
        (lambda: nas.LayerChoice({1: dense}), "`options`.*1:"),
        (lambda: nas.ConvStage(operation="convv"), "`operation`.*'convv'"),
        (lambda: nas.ConvStage(depth=(1, 0)), "`depth`.*depth=0"),
        (lambda: nas.ConvStage(kernel_size=()), "`kernel_size`"),
        (lambda: nas.ConvStage(dropout=1.0), "`dropout`.*1.0"),
        (lambda: nas.ConvStage(dropout="a"), "`dropout`.*'a'"),
        (lambda: nas.ConvStage(operation=[["conv"]]), r"`operation`.*\['conv'"),
        (lambda: nas.Optimizer(learning_rate="1"), "`learning_rate`.*'1'"),
        (lambda: nas.ResidualMLP(connection="parallel"), "`connection`"),
        (lambda: nas.Cell(operation="conv"), "`operation`.*'conv'"),
        (lambda: nas.Cell(operation=["conv_3", "sew_3"]), "'sew_3'"),
        (lambda: nas.Cell(num_nodes=0), "`num_nodes`.*num_nodes=0"),
        (lambda: nas.Cell(strides=0), "`strides`.*strides=0"),
        (lambda: nas.InputChoice(1), "`num_inputs`.*num_inputs=1"),
        (lambda: nas.Optimizer("adam"), "`optimizer`.*'adam'"),
        (lambda: nas.Optimizer(learning_rate=(0.1, 0.01)), "`learning_rate`"),
        (lambda: nas.Optimizer(total_steps=0), "`total_steps`.*total_steps=0"),
        (
            lambda: nas.Optimizer(total_steps=np.array([1, 2])),
            "`total_steps`.*array",
        ),
        (
            lambda: nas.Optimizer(weight_decay=np.array([0.0, 2.0])),
            "`weight_decay`.*=2.0",
        ),
        (call(nas.ConvStage(), VECTOR), "`x` of ConvStage.*rank 3 or 4"),
        (call(nas.SeriesStage(), IMAGE), "`x` of SeriesStage.*rank 3"),
        (call(nas.ResidualMLP(), IMAGE), "`x` of ResidualMLP.*rank 2"),
        (call(nas.Cell(), IMAGE), "num_inputs=2.*1 tensors"),
        (call(nas.InputChoice(2), [IMAGE]), "num_inputs=2"),
        (call(nas.Augmentation(), VECTOR), "`x` of Augmentation"),
        (call(nas.ResidualMLP(), None), "`x` of ResidualMLP.*x=None"),
        (call(nas.ConvStage(), [IMAGE] * 2), "`x` of ConvStage must be a ten"),
        (call(nas.ResidualMLP(), VECTOR, 3), "`name` must be a string.*=3"),
        (call(nas.ResidualMLP(), VECTOR, ""), "`name` must be a string.*=''"),
        (
            call(nas.ConvStage(), keras.Input((8, 8, None))),
            "`x` of ConvStage must have a known number.*8, None",
        ),
        (
            call(nas.Regularizer(), keras.Input((1, 1, 1, 1, 1))),
            "`x` of Regularizer",
        ),
        (
            call(nas.TokenEncoder(9, length=2), keras.Input((3,))),
            "`length` of TokenEncoder.*length=2",
        ),
        (call(nas.Repeat(lambda hp, x, n: None), VECTOR), "must return a tens"),
        (lambda: nas.Repeat(keras.layers.Dense(8)), "`block` must be a block"),
        (lambda: nas.LayerChoice({"a": None}), r"`options\['a'\]` must be"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "made",
    [
        one
        for one in map(nas.__getattr__, nas.__all__)
        if inspect.isclass(one) and one is not nas.BlockScope
    ],
)
def test_an_unknown_argument_is_named(made):
    message = f"`{made.__name__}` has no argument `widht`.*: widht=3"
    with pytest.raises(TypeError, match=message):
        made(widht=3)


def test_a_misspelled_argument_gets_the_right_spelling():
    with pytest.raises(TypeError, match=r"Did you mean `num_classes`\?"):
        nas.HyperConvNet((8, 8, 1), num_class=3)


@pytest.mark.parametrize(
    ("block", "x"),
    [
        (nas.ConvStage(), IMAGE),
        (nas.MBConvStage(), IMAGE),
        (nas.Cell(num_inputs=1), [IMAGE]),
        (nas.Augmentation(), IMAGE),
        (nas.TransformerStage(), keras.Input((8, 4))),
        (nas.Repeat(nas.RecurrentStage()), keras.Input((8, 4))),
    ],
)
def test_channels_must_come_last(block, x):
    hp = kt.HyperParameters()
    keras.config.set_image_data_format("channels_first")
    try:
        nas.ResidualMLP()(hp, VECTOR, "body")
        with pytest.raises(kt.errors.FatalValueError, match="'channels_first'"):
            block(hp, x, "stage")
    finally:
        keras.config.set_image_data_format("channels_last")


def test_hyperparameters_must_be_given_to_a_block():
    with pytest.raises(TypeError, match="`hp` must be.*hp=None"):
        nas.ResidualMLP()(None, VECTOR, "body")


def test_rates_of_an_optimizer_may_be_in_arrays():
    optimizer = nas.Optimizer(
        learning_rate=np.array([0.01, 0.04]), weight_decay=np.array([0.0, 0.1])
    )
    assert optimizer.learning_rate["sgd"] == pytest.approx((0.02, 0.01, 0.04))
    assert optimizer.weight_decay["sgd"] == (0.0, 0.1)


def test_weight_decays_of_some_optimizers_may_be_given():
    optimizer = nas.Optimizer(weight_decay={"adamw": (0.1, 0.0)})
    assert optimizer.weight_decay["adamw"] == (0.1, 0.0)
    assert optimizer.weight_decay["sgd"] == (5e-4, 0.0, 5e-5, 5e-3)
    with pytest.raises(ValueError, match="keys of `weight_decay` .*'adam'"):
        nas.Optimizer(weight_decay={"adam": 0.1})


def test_an_infinite_learning_rate_is_an_error():
    with pytest.raises(ValueError, match="`learning_rate` must be finite"):
        nas.Optimizer(learning_rate=float("inf"))


def test_text_is_no_boolean():
    with pytest.raises(TypeError, match="`squeeze_excite` must be.*'no'"):
        nas.ConvStage(squeeze_excite="no")
