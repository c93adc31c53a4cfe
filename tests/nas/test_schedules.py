"""Cosine schedules over the steps that `fit` counts, and the augmentation."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_evolution
from kt_evolution import nas
from kt_evolution.nas.blocks.schedules import cosine
from tests.nas.nas_helpers import LABELS
from tests.nas.nas_helpers import new_space
from tests.nas.nas_helpers import with_values

# The default learning rate of images, between 0.001 and 0.01.
RATE = 10**-2.5
STEPS = 4
FOUR_STEPS = {"batch_size": 2, "verbose": 0}


class Rates(keras.callbacks.Callback):
    """Notes the learning rate after each epoch."""

    noted: list[tuple[int, float]] = []

    def on_epoch_end(self, epoch, logs=None):
        self.noted.append((epoch, learning_rate(self.model)))


def learning_rate(model):
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def eager_model(space, values=None):
    hp = with_values(values or {})
    model = space.build(hp)
    model.run_eagerly = True
    return hp, model


def small_conv_net(**arguments):
    return new_space("HyperConvNet", **{"total_steps": None, **arguments})


def rates_of(space, x, values=None, **arguments):
    """Returns the learning rates after each epoch of a training."""
    hp, model = eager_model(space, values)
    rates = Rates()
    rates.noted = []
    callbacks = [*arguments.pop("callbacks", []), rates]
    space.fit(hp, model, x, LABELS, callbacks=callbacks, **arguments)
    return [rate for _, rate in rates.noted]


def test_a_cosine_schedule_rises_and_falls_to_zero():
    schedule = cosine(0.1, total_steps=100, warm_up=0.2)
    rates = [float(schedule(step)) for step in (0, 10, 20, 60, 100)]
    assert rates == pytest.approx([0.0, 0.05, 0.1, 0.05, 0.0], abs=1e-6)
    schedule = cosine(0.1, total_steps=10, warm_up=0.0)
    assert float(schedule(0)) == pytest.approx(0.1)
    assert float(schedule(5)) == pytest.approx(0.05)


def test_images_have_a_schedule_over_the_steps_of_fit():
    space, x = small_conv_net()
    rates = rates_of(space, x, epochs=3, **FOUR_STEPS)
    # 5% of 12 steps is one step.
    expected = [float(cosine(RATE, 12, 0.05)(step)) for step in (4, 8, 12)]
    assert rates == pytest.approx(expected, abs=1e-8)
    assert rates[0] < RATE and rates[-1] == pytest.approx(0, abs=1e-8)


def test_a_split_for_validation_takes_steps_away():
    space, x = small_conv_net()
    rates = rates_of(space, x, validation_split=0.5, epochs=2, **FOUR_STEPS)
    expected = [float(cosine(RATE, 4, 0.05)(step)) for step in (2, 4)]
    assert rates == pytest.approx(expected, abs=1e-8)


def test_total_steps_are_those_of_the_schedule():
    space, x = small_conv_net(total_steps=24)
    (rate,) = rates_of(space, x, epochs=1, **FOUR_STEPS)
    assert rate == pytest.approx(float(cosine(RATE, 24, 0.05)(4)))


def test_a_later_fit_has_a_schedule_of_its_own():
    space, x = small_conv_net()
    hp, model = eager_model(space)
    for later in (False, True):
        space.fit(
            hp, model, x, LABELS, epochs=2 + later, initial_epoch=later,
            **FOUR_STEPS,
        )  # fmt: skip
        assert learning_rate(model) == pytest.approx(0, abs=1e-8)
    assert int(model.optimizer.iterations) == 16
    config = model.optimizer.get_config()["learning_rate"]["config"]
    assert config["warmup_steps"] + config["decay_steps"] == 16


@pytest.mark.parametrize("warm_up", [0.05, 0.0])
def test_a_second_training_falls_from_the_same_learning_rate(warm_up):
    space, x = small_conv_net()
    hp, model = eager_model(space, {"training/warm_up": warm_up})
    rates = []
    noted = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs=None: rates.append(
            learning_rate(model)
        )
    )
    for epochs in (2, 1, 1):
        space.fit(
            hp, model, x, LABELS, epochs=epochs, callbacks=[noted],
            **FOUR_STEPS,
        )  # fmt: skip
    falling = [float(cosine(RATE, 4, 0.0)(step)) for step in range(4)]
    np.testing.assert_allclose(rates[8:], 2 * falling, rtol=1e-4)
    assert learning_rate(model) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_a_traced_training_has_the_schedule_of_a_later_one(dtype):
    keras.config.set_dtype_policy(dtype)
    try:
        inputs = keras.Input((1,))
        outputs = keras.layers.Dense(1, dtype="float32")(inputs)
        model = keras.Model(inputs, outputs)
        optimizer = nas.Optimizer(
            "sgd", weight_decay=0.0, schedule="cosine", total_steps="fit"
        )
        hp = kt.HyperParameters()
        model.compile(optimizer(hp), "mse")
    finally:
        keras.config.set_dtype_policy("float32")
    x = np.ones((8, 1), "float32")
    kernels = [model.layers[-1].get_weights()[0]]
    for _ in range(2):
        callbacks = optimizer.callbacks(hp)
        model.fit(x, 9 * x, epochs=2, callbacks=callbacks, **FOUR_STEPS)
        kernels.append(model.layers[-1].get_weights()[0])
    assert abs(kernels[2] - kernels[1]) > 1e-3


@pytest.mark.parametrize(
    "callback",
    [
        keras.callbacks.ReduceLROnPlateau("loss", patience=9),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate),
    ],
    ids=["plateau", "scheduler"],
)
def test_a_callback_that_sets_the_learning_rate_is_the_only_one(callback):
    space, x = small_conv_net()
    rates = rates_of(space, x, callbacks=[callback], epochs=2, **FOUR_STEPS)
    assert rates == pytest.approx([RATE] * 2)


def test_the_learning_rate_is_constant_where_its_gene_says_so():
    space, x = small_conv_net()
    constant = {"training/schedule": "constant"}
    rates = rates_of(space, x, constant, epochs=2, **FOUR_STEPS)
    assert rates == pytest.approx([RATE] * 2)


def test_the_schedule_may_be_fixed():
    space, x = small_conv_net()
    hp = kt.HyperParameters()
    hp.Fixed("training/schedule", "constant")
    model = space.build(hp)
    model.run_eagerly = True
    space.fit(hp, model, x, LABELS, **FOUR_STEPS)
    assert learning_rate(model) == pytest.approx(RATE)


def test_the_learning_rate_is_constant_where_the_steps_are_unknown():
    space, x = small_conv_net()

    def batches():
        yield x, LABELS

    hp, model = eager_model(space)
    space.fit(hp, model, batches(), verbose=0)
    assert learning_rate(model) == pytest.approx(RATE)


def test_tables_have_no_schedule_without_total_steps():
    space, x = new_space("HyperTabularNet", total_steps=None)
    rates = rates_of(space, x, epochs=2, **FOUR_STEPS)
    assert rates == pytest.approx([1e-3] * 2)
    assert "constant" in nas.describe(kt.HyperParameters(), space)


def test_a_model_with_the_schedule_is_loaded_by_keras(tmp_path):
    space, x = small_conv_net()
    hp, model = eager_model(space)
    space.fit(hp, model, x, LABELS, **FOUR_STEPS)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert int(again.optimizer.iterations) == STEPS
    assert learning_rate(again) == pytest.approx(0, abs=1e-8)


def test_a_paused_training_follows_the_schedule_of_all_epochs(tmp_path):
    space, x = small_conv_net(max_depth=1, searched_groups="layers")
    tuner = kt_evolution.EvolutionTuner(
        space,
        objective="val_accuracy",
        max_trials=2,
        fidelity=kt_evolution.SuccessiveHalving(factor=3),
        directory=tmp_path,
    )
    Rates.noted = []
    tuner.search(
        x,
        LABELS,
        validation_data=(x, LABELS),
        epochs=3,
        callbacks=[Rates()],
        **FOUR_STEPS,
    )
    # Both are trained for one epoch, and only then one of them is promoted.
    epochs = [epoch for epoch, _ in Rates.noted]
    assert epochs == [0, 0, 1, 2]
    schedule = cosine(RATE, 12, 0.05)
    for epoch, rate in Rates.noted:
        assert rate == pytest.approx(float(schedule(4 * epoch + 4)), abs=1e-8)
    assert tuner.get_best_models()[0].built


def test_a_user_s_own_model_has_the_schedule_too():
    class Net(kt.HyperModel):
        optimizer = nas.Optimizer("adamw", total_steps="fit")

        def build(self, hp):
            model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
            model.compile(self.optimizer(hp), "mse")
            return model

        def fit(self, hp, model, *args, **kwargs):
            callbacks = self.optimizer.callbacks(hp)
            return model.fit(*args, callbacks=callbacks, **kwargs)

    hp, net = kt.HyperParameters(), Net()
    model = net.build(hp)
    net.fit(hp, model, np.ones((8, 2)), np.ones(8), **FOUR_STEPS)
    assert learning_rate(model) == pytest.approx(0, abs=1e-8)
    assert nas.Optimizer(total_steps=4).callbacks(hp) == []
    for wrong in ("epochs", 0, 1.5):
        with pytest.raises(ValueError, match=f"`total_steps` .*{wrong}"):
            nas.Optimizer(total_steps=wrong)


@pytest.mark.parametrize("groups", ["training", ()])
def test_images_have_larger_learning_rates(groups):
    space, _ = small_conv_net(searched_groups=groups)
    hp, model = eager_model(space)
    assert learning_rate(model) == pytest.approx(RATE)
    if groups:
        hp, model = eager_model(space, {"training/optimizer": "sgd"})
        assert learning_rate(model) == pytest.approx(10**-1.5 * 3)
        assert hp.space[1].min_value == 1e-3


def test_each_optimizer_may_have_a_range_of_its_own():
    optimizer = nas.Optimizer(learning_rate={"adamw": (1e-4, 1e-2), "sgd": 1.0})
    rates = [
        float(
            optimizer(with_values({"training/optimizer": name})).learning_rate
        )
        for name in ("adamw", "sgd")
    ]
    assert rates == pytest.approx([1e-3, 1.0])
    only = nas.Optimizer(learning_rate={"adamw": 0.5}).learning_rate
    assert only["sgd"] == nas.Optimizer().learning_rate["sgd"]
    with pytest.raises(ValueError, match="`learning_rate` must.*'adam'"):
        nas.Optimizer(learning_rate={"adam": 0.1})


# Augmentation.


def augmentation_line(shape, **arguments):
    space = nas.HyperConvNet(shape, num_classes=3, width=4, **arguments)
    lines = nas.describe(kt.HyperParameters(), space).splitlines()
    return [line for line in lines if line.startswith("augmentation")]


def test_only_color_images_are_flipped_by_default():
    (gray,), (color,) = map(augmentation_line, [(8, 8, 1), (8, 8, 3)])
    assert "shift 0.1" in gray and "flip" not in gray
    assert "flip, shift 0.1" in color


def test_augmentation_may_be_left_out_or_given():
    assert augmentation_line((8, 8, 3), augmentation=None) == []
    given = nas.Augmentation(False, 0.0, rotation=0.05, erase=0.25)
    (line,) = augmentation_line((8, 8, 3), augmentation=given)
    assert "rotation 0.05, erase 0.25" in line and "flip" not in line
    with pytest.raises(ValueError, match="`augmentation` must.*'none'"):
        augmentation_line((8, 8, 3), augmentation="none")


def test_augmentation_changes_images_in_training_only():
    space, x = small_conv_net()
    model = space.build(with_values({"head/dropout": 0.0}))
    shifted = keras.Model(
        model.input, model.get_layer("augmentation_randomtranslation").output
    )
    given = keras.Model(
        model.input, model.get_layer("input_standardization").output
    )
    np.testing.assert_allclose(
        shifted(x, training=False), given(x, training=False)
    )
    assert not np.allclose(shifted(x, training=True), given(x, training=False))


def test_a_rectangle_of_half_of_the_images_is_erased():
    hp = kt.HyperParameters()
    image = keras.Input((16, 16, 3))
    augmentation = nas.Augmentation(
        flip=False, shift=0.0, rotation=0.0, contrast=0.0, erase=0.25
    )
    model = keras.Model(image, augmentation(hp, image, "augmentation"))
    keras.utils.set_random_seed(0)
    x = np.full((200, 16, 16, 3), 300, "float32")
    np.testing.assert_array_equal(model(x, training=False), x)
    erased = keras.ops.convert_to_numpy(model(x, training=True)) != x
    assert (erased == erased[..., :1]).all()
    sizes = erased[..., 0].mean(axis=(1, 2))
    assert 70 < np.count_nonzero(sizes) < 130
    assert 0.2 < sizes.max() <= 0.25
    sides = [erased[..., 0].any(axis=axis).sum(axis=-1) for axis in (1, 2)]
    np.testing.assert_array_equal(sizes * 256, sides[0] * sides[1])
