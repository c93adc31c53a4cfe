"""What ready spaces are trained on: samples, labels, texts, data sets."""

import keras
import keras_tuner as kt
import numpy as np
import pandas
import pytest
import tensorflow as tf

import kt_evolution
from kt_evolution import nas
from tests.nas.nas_helpers import LABELS
from tests.nas.nas_helpers import SPACES
from tests.nas.nas_helpers import assert_models_are_freed
from tests.nas.nas_helpers import declared
from tests.nas.nas_helpers import new_space
from tests.nas.nas_helpers import predictions
from tests.nas.nas_helpers import with_values


def build_eager(space, hp):
    """Returns a model that is not traced, which takes longer than a step."""
    model = space.build(hp)
    model.run_eagerly = True
    return model


def new_tuner(space, directory):
    return kt_evolution.EvolutionTuner(
        space, objective="val_accuracy", max_trials=2, directory=directory
    )


def test_labels_are_smoothed_in_training_only():
    space, x = new_space(
        "HyperTabularNet", searched_groups="regularization", total_steps=None
    )
    values = {"training/label_smoothing": 0.1, "head/dropout": 0.0}
    values["body/dropout"] = 0.0
    values["body/normalization"] = "none"
    losses = {}
    for smoothing in (0.0, 0.1):
        keras.utils.set_random_seed(0)
        hp = with_values({**values, "training/label_smoothing": smoothing})
        model = space.build(hp)
        model.optimizer.learning_rate = 0.0
        # The statistics of the batch are not those of validation.
        losses[smoothing] = space.fit(
            hp,
            model,
            x,
            LABELS,
            validation_data=(x, LABELS),
            batch_size=8,
            verbose=0,
        ).history
        assert model.loss == "sparse_categorical_crossentropy"
    assert losses[0.0]["loss"] != pytest.approx(losses[0.1]["loss"], abs=1e-3)
    assert "val_accuracy" in losses[0.1]
    assert losses[0.0]["val_loss"] == pytest.approx(
        losses[0.1]["val_loss"], abs=1e-2
    )


def test_regressions_come_out_at_the_scale_of_their_targets():
    targets = np.linspace(900, 1100, 8).reshape(-1, 1)
    space, x = new_space("HyperTabularNet", num_classes=None, task="regression")
    space.adapt(x, targets)
    hp = kt.HyperParameters()
    model = build_eager(space, hp)
    history = space.fit(hp, model, x, targets, verbose=0).history
    assert "mae" in history
    assert np.all(np.abs(predictions(model, x) - 1000) < 500)


TEXTS = ["good film", "bad film", "good", "bad", ""]


def text_space():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("TextVectorization in a model is TensorFlow's")
    vectorizer = keras.layers.TextVectorization(output_sequence_length=4)
    vectorizer.adapt(TEXTS)
    return nas.HyperTextNet(vectorizer=vectorizer, num_classes=2, width=4)


@pytest.mark.parametrize(
    "make",
    [
        list,
        np.array,
        lambda texts: np.array(texts)[:, None],
        lambda texts: np.array(texts, dtype=object),
        pandas.Series,
        keras.ops.convert_to_tensor,
    ],
    ids=["list", "array", "column", "objects", "series", "tensor"],
)
def test_strings_may_come_in_any_form(make):
    space, hp = text_space(), kt.HyperParameters()
    model = build_eager(space, hp)
    x, y = make(TEXTS), np.array([1, 0, 1, 0, 0])
    history = space.fit(hp, model, x, y, validation_data=(x, y), verbose=0)
    again = space.fit(hp, model, x=x, y=y, verbose=0)
    assert np.isfinite(history.history["val_loss"][0])
    assert np.isfinite(again.history["loss"][0])


def test_raw_strings_go_through_the_vectorizer(tmp_path):
    space, texts = text_space(), np.array(TEXTS)
    hp = kt.HyperParameters()
    model = build_eager(space, hp)
    x = keras.ops.convert_to_tensor(texts)
    space.fit(hp, model, x, np.array([1, 0, 1, 0, 0]), verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5
    )


def test_models_that_share_a_vectorizer_do_not_stay_in_memory():
    space = text_space()
    assert_models_are_freed(space)


def test_missing_numbers_and_unknown_categories_are_read():
    x = SPACES["HyperTabularNet"][1]
    space, _ = new_space("HyperTabularNet")
    space.adapt(x)
    model = space.build(kt.HyperParameters())
    means = np.nanmean(x, axis=0)
    strange, known = (
        np.array([[number, 0, 99, 0], [0, 0, -1, 0]], "float32")
        for number in (np.nan, means[0])
    )
    known[:, 2] = [4, 0]
    np.testing.assert_allclose(
        predictions(model, strange), predictions(model, known), atol=1e-5
    )


def test_a_missing_number_is_not_taken_for_the_mean_where_many_are_missing():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(64, 2)).astype("float32")
    is_missing = rng.random(64) < 0.5
    table[is_missing, 1] = np.nan
    space = nas.HyperTabularNet((2,), num_classes=2, width=8)
    space.adapt(table)
    keras.utils.set_random_seed(0)
    model = space.build(with_values({}))
    mean = np.nanmean(table[:, 1])
    rows = np.array([[0.5, np.nan], [0.5, mean]], "float32")
    missing, known = predictions(model, rows)
    assert np.abs(missing - known).max() > 1e-3
    assert "1 missing or not" in nas.describe(kt.HyperParameters(), space)


def test_a_number_that_was_always_the_same_is_not_blown_up():
    table = np.column_stack([np.arange(8), np.zeros(8)]).astype("float32")
    space, _ = new_space("HyperTabularNet", input_shape=(2,), categorical=None)
    space.adapt(table)
    model = space.build(with_values({}))
    standardized = keras.Model(
        model.input, model.get_layer("columns_standardization").output
    )
    new = predictions(standardized, np.array([[3.5, 1.0]], "float32"))
    np.testing.assert_allclose(new, [[0.0, 1.0]], atol=1e-6)


def test_no_category_has_more_numbers_than_it_needs():
    space, _ = new_space("HyperTabularNet", categorical={np.int64(2): 3})
    sizes = next(
        each
        for each in declared(space).space
        if each.name.endswith("embedding")
    )
    assert sizes.values == [3, 2]
    assert "1 embedded in 3" in nas.describe(kt.HyperParameters(), space)


@pytest.mark.parametrize("make", [np.array, list, pandas.DataFrame])
def test_more_categories_than_were_announced_end_the_search(make, tmp_path):
    space, x = new_space("HyperTabularNet", searched_groups="training")
    wrong = x.copy()
    wrong[3, 2] = 5
    tuner = new_tuner(space, tmp_path)
    with pytest.raises(
        kt.errors.FatalValueError, match="`x` must have.*below 5 in column 2.*5"
    ):
        tuner.search(make(wrong), LABELS, validation_data=(x, LABELS))
    with pytest.raises(
        kt.errors.FatalValueError, match=r"`validation_data\[0\]` must have"
    ):
        tuner.search(x, LABELS, validation_data=(make(wrong), LABELS))
    missing = x.copy()
    missing[3, 2] = -1
    hp = with_values({})
    assert space.fit(
        hp, build_eager(space, hp), make(missing), LABELS, verbose=0
    )


def test_lists_of_weights_are_taken():
    space, x = new_space("HyperTabularNet")
    hp, weights = with_values({}), [1.0] * len(LABELS)
    history = space.fit(
        hp,
        build_eager(space, hp),
        x,
        LABELS,
        sample_weight=weights,
        validation_data=(x, LABELS, weights),
        verbose=0,
    ).history
    assert np.isfinite(history["val_loss"]).all()


@pytest.mark.parametrize(
    "labels",
    [
        np.array([0, 1, 3] + [0] * 5),
        np.array([-1] + [0] * 7),
        np.array([0.5] + [0] * 7),
        np.eye(3)[LABELS],
        np.array(["a"] * 8),
    ],
)
def test_labels_that_do_not_fit_end_the_search(labels, tmp_path):
    space, x = new_space("HyperTabularNet", searched_groups="training")
    tuner = new_tuner(space, tmp_path)
    with pytest.raises(kt.errors.FatalValueError, match="`y` must be"):
        tuner.search(x, labels, validation_data=(x, LABELS), verbose=0)
    with pytest.raises(
        kt.errors.FatalValueError, match=r"`validation_data\[1\]` must be"
    ):
        tuner.search(x, LABELS, validation_data=(x, labels), verbose=0)
    assert not tuner.oracle.get_best_trials()


def test_samples_of_another_shape_end_the_search(tmp_path):
    space, x = new_space("HyperConvNet", searched_groups="training")
    tuner = new_tuner(space, tmp_path)
    wrong = x[:, :, :7]
    with pytest.raises(
        kt.errors.FatalValueError, match=r"`x` must be.*\(8, 8, 1\).*7, 1"
    ):
        tuner.search(wrong, LABELS, validation_data=(x, LABELS), verbose=0)
    with pytest.raises(
        kt.errors.FatalValueError, match=r"`validation_data\[0\]` must be"
    ):
        tuner.search(x, LABELS, validation_data=(wrong, LABELS), verbose=0)


SERIES = np.zeros((9, 2))
NAN = np.full((8, 8, 8, 1), np.nan, "float32")
TABLE = np.zeros((8, 4), "float32")


def space_named(name):
    return (text_space(), None) if name == "texts" else new_space(name)


@pytest.mark.parametrize(
    ("name", "x", "y", "message"),
    [
        ("HyperTabularNet", TABLE.astype(str), LABELS, "`x` must be.*'0.0'"),
        ("HyperTabularNet", [[None] * 4] * 8, LABELS, "`x` must be num.*None"),
        (
            "HyperTabularNet",
            pandas.DataFrame(TABLE)
            .assign(**{"3": "red"})
            .iloc[:, [0, 1, 2, 4]],
            LABELS,
            "`x` must be numbers.*'red'",
        ),
        ("HyperTabularNet", TABLE[:, 0], LABELS, r"`x`.*of shape \(4,\)"),
        ("HyperTabularNet", TABLE, LABELS[:5], "`y`.*8 samples, 5 labels"),
        ("HyperTabularNet", TABLE, None, "`y` must be given.*y=None"),
        ("HyperConvNet", NAN, LABELS, "`x` must be finite.*nan"),
        ("HyperConvNet", np.zeros((8, 64)), LABELS, r"samples of shape \(64,"),
        ("HyperTextNet", np.full((8, 6), 0.5), LABELS, "`x` must be token ids"),
        ("HyperTextNet", np.full((8, 6), "a"), LABELS, "`x` must be num.*'a'"),
        ("texts", [*TEXTS[:3], None, "a"], [0] * 5, "`x`.*None in row 3"),
        ("texts", [["a", "b"], ["c"]], [0, 1], r"`x`.*\['a', 'b'\] in row 0"),
        (
            "HyperSeriesNet",
            pandas.Series([SERIES, SERIES[:5]]),
            [0, 1],
            "rows of the same shape.*float32",
        ),
        (
            "texts",
            np.ones((2, 4), int),
            [0, 1],
            "`x` must be one string.*row 0",
        ),
    ],
)
def test_samples_that_are_not_as_they_must_be_are_named(name, x, y, message):
    space, _ = space_named(name)
    hp = with_values({})
    model = space.build(hp)
    with pytest.raises(kt.errors.FatalValueError, match=message):
        space.fit(hp, model, x, y, verbose=0)


def test_a_column_of_arrays_is_a_batch_of_them():
    space, series = new_space("HyperSeriesNet")
    column = pandas.Series(list(series))
    np.testing.assert_array_equal(space.samples(column, "x"), series)
    space.adapt(column)


def test_targets_of_a_regression_must_be_finite():
    space = nas.HyperTabularNet((4,), task="regression")
    hp, y = with_values({}), np.full(8, np.nan)
    with pytest.raises(kt.errors.FatalValueError, match="`y` must be finite"):
        space.fit(hp, space.build(hp), TABLE, y, verbose=0)


@pytest.mark.parametrize("shape", [(8, 1, 2), (8, 2, 2), (8,), (8, 2, 1, 1)])
def test_targets_that_would_be_broadcast_are_named(shape):
    space = nas.HyperTabularNet((4,), task="regression", num_outputs=2)
    hp, y = with_values({}), np.zeros(shape)
    model = space.build(hp)
    sizes = ", ".join(map(str, shape))
    message = rf"must be numbers, a row of num_outputs=2.*\({sizes},?\)"
    with pytest.raises(kt.errors.FatalValueError, match="`y` " + message):
        space.fit(hp, model, TABLE, y, verbose=0)
    with pytest.raises(ValueError, match="`y` " + message):
        space.adapt(TABLE, y)
    right = np.zeros((8, 2))
    with pytest.raises(kt.errors.FatalValueError, match=message):
        space.fit(hp, model, TABLE, right, validation_data=(TABLE, y))
    message = "`y` must be numbers, a row of num_outputs=2"
    with pytest.raises(kt.errors.FatalValueError, match=message):
        data = tf.data.Dataset.from_tensor_slices((TABLE, y)).batch(4)
        space.fit(hp, model, data)


@pytest.mark.parametrize("shape", [(8, 2), (8, 2, 1)])
def test_rows_of_targets_are_compared_with_rows_of_outputs(shape):
    space = nas.HyperTabularNet((4,), task="regression", num_outputs=2)
    hp, y = with_values({}), np.arange(16.0).reshape(shape)
    space.adapt(TABLE, y)
    model = build_eager(space, hp)
    held_out = (TABLE, y)
    history = space.fit(
        hp, model, TABLE, y, validation_data=held_out, verbose=0
    ).history
    errors = predictions(model, TABLE) - y.reshape(8, 2)
    assert history["val_mae"][0] == pytest.approx(np.abs(errors).mean())


def test_numbers_beyond_single_precision_are_named():
    space, series = new_space("HyperSeriesNet")
    large = series.astype("float64")
    large[3] = 1e39
    hp = with_values({})
    with pytest.raises(kt.errors.FatalValueError, match="`x`.*1e.39 in row 3"):
        space.fit(hp, space.build(hp), large, LABELS)


def test_tables_of_pandas_may_have_any_numbers():
    space, x = new_space("HyperTabularNet")
    frame = pandas.DataFrame(x).assign(**{"3": np.arange(8) > 3})
    frame = frame.iloc[:, [0, 1, 2, 4]].convert_dtypes()
    labels = pandas.Series(LABELS).astype("category")
    hp = with_values({})
    model = build_eager(space, hp)
    history = space.fit(
        hp, model, frame, labels, validation_data=(frame, labels), verbose=0
    ).history
    assert np.isfinite(history["val_loss"]).all()


def test_numbers_that_are_all_missing_are_passed_over(recwarn):
    table = np.array([[1.0, np.nan], [2.0, np.nan]], "float32")
    space = nas.HyperTabularNet((2,), task="regression")
    space.adapt(table)
    assert not [one for one in recwarn if one.category is RuntimeWarning]
    model = space.build(with_values({}))
    assert np.isfinite(predictions(model, table)).all()


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        (8, LABELS, None),
        (8, LABELS.reshape(-1, 1), None),
        (7, LABELS, r"must be samples of shape \(8, 8, 1\).*\(7, 8, 1\)"),
        (8, np.eye(3)[LABELS], "must be integer labels, one for each"),
        (8, np.array(["a"] * 8), "must be integer labels, .*names np.unique"),
    ],
)
@pytest.mark.parametrize("part", ["x", "validation_data"])
def test_a_data_set_that_does_not_fit_is_told_from_its_shapes(
    rows, labels, message, part, monkeypatch
):
    space, x = new_space("HyperConvNet")
    hp = with_values({})
    model = build_eager(space, hp)
    good = tf.data.Dataset.from_tensor_slices((x, LABELS)).batch(4)
    tested = tf.data.Dataset.from_tensor_slices((x[:, :rows], labels)).batch(4)
    given = {"x": good, "validation_data": good, "verbose": 0, part: tested}
    if message is None:
        assert space.fit(hp, model, **given).history["val_loss"]
        return
    monkeypatch.setattr(model, "fit", lambda **kwargs: pytest.fail("trained"))
    with pytest.raises(kt.errors.FatalValueError, match=message) as raised:
        space.fit(hp, model, **given)
    assert part in str(raised.value) or "`y`" in str(raised.value)


def test_a_data_set_of_series_of_any_length_is_trained_on():
    space, _ = new_space("HyperSeriesNet", input_shape=(None, 2))

    def batches():
        yield np.zeros((8, 5, 2), "float32"), LABELS

    data = tf.data.Dataset.from_generator(
        batches,
        output_signature=(
            tf.TensorSpec((None, None, 2), tf.float32),
            tf.TensorSpec((None,), tf.int32),
        ),
    )
    hp = with_values({})
    history = space.fit(hp, build_eager(space, hp), data, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize("is_data_set", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_step_of_training_is_traced_once(smoothing, is_data_set):
    space, x = new_space("HyperTabularNet")
    hp = with_values({"training/label_smoothing": smoothing})
    model = space.build(hp)
    traced = []
    train_step = model.train_step

    def counting(*args, **kwargs):
        traced.append(args)
        return train_step(*args, **kwargs)

    model.train_step = counting
    data = (
        (tf.data.Dataset.from_tensor_slices((x, LABELS)).batch(8),)
        if is_data_set
        else (x, LABELS)
    )
    space.fit(hp, model, *data, epochs=3, verbose=0)
    assert len(traced) == 1


# What users bring.


def test_a_distribution_strategy_trains_a_ready_space(tmp_path):
    space, x = new_space("HyperTabularNet")
    tuner = kt_evolution.EvolutionTuner(
        space,
        objective="val_accuracy",
        max_trials=2,
        directory=tmp_path,
        distribution_strategy=tf.distribute.OneDeviceStrategy("cpu:0"),
    )
    tuner.search(x, LABELS, validation_data=(x, LABELS), verbose=0)
    assert len(tuner.oracle.get_best_trials(2)) == 2


def smoothed_model(**values):
    space, x = new_space("HyperTabularNet", total_steps=None)
    hp = with_values({"training/label_smoothing": 0.1, **values})
    return space, hp, space.build(hp), x


def test_smoothing_keeps_the_metrics_and_the_loss_of_the_user():
    space, hp, model, x = smoothed_model()
    calls = []

    def own_loss(y_true, y_pred):
        calls.append(1)
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

    top = keras.metrics.SparseTopKCategoricalAccuracy(2, name="top")
    model.compile("sgd", own_loss, metrics=[top])
    given = {"validation_data": (x, LABELS), "verbose": 0}
    assert "val_top" in space.fit(hp, model, x, LABELS, **given).history
    assert calls
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[top])
    history = space.fit(hp, model, x, LABELS, **given).history
    assert "val_top" in history
    assert "compute_loss" not in vars(model)
    plain = model.evaluate(x, LABELS, return_dict=True, verbose=0)["loss"]
    assert history["val_loss"][-1] == pytest.approx(plain, rel=1e-5)


def test_what_is_saved_while_labels_are_smoothed_is_loaded_by_keras(tmp_path):
    space, hp, model, x = smoothed_model()
    path = tmp_path / "model.keras"
    saving = keras.callbacks.ModelCheckpoint(path)
    space.fit(hp, model, x, LABELS, callbacks=[saving], verbose=0)
    reloaded = keras.models.load_model(path)
    assert reloaded.loss == "sparse_categorical_crossentropy"
    np.testing.assert_allclose(predictions(reloaded, x), predictions(model, x))


@pytest.mark.parametrize("has_data", [False, True])
def test_large_numbers_fit_into_mixed_precision(has_data):
    x = np.random.default_rng(0).normal(3e5, 1e5, (16, 2)).astype("float32")
    targets = x.sum(axis=1)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        space = nas.HyperTabularNet((2,), task="regression")
        space.adapt(x if has_data else None, targets)
        hp = with_values({})
        model = space.build(hp)
        losses = space.fit(hp, model, x, targets, verbose=0).history["loss"]
        predicted = model.predict(x, verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite(losses).all() and np.isfinite(predicted).all()
    # Each column counts.
    for column in (0, 1):
        other = x.copy()
        other[:, column] *= 2
        assert not np.allclose(model.predict(other, verbose=0), predicted)


@pytest.mark.parametrize(
    "name, as_given",
    [
        ("HyperTabularNet", lambda x: x.tolist()),
        ("HyperConvNet", lambda x: list(x)),
        ("HyperConvNet", lambda x: [x]),
        ("HyperTextNet", lambda x: x.tolist()),
    ],
    ids=["rows", "images", "inputs", "token ids"],
)
def test_lists_of_samples_and_labels_are_taken(name, as_given):
    space, x = new_space(name)
    hp = with_values({})
    history = space.fit(
        hp,
        build_eager(space, hp),
        as_given(x),
        LABELS.tolist(),
        validation_data=(as_given(x), LABELS.tolist()),
        verbose=0,
    ).history
    assert "val_accuracy" in history


def test_rows_of_other_lengths_end_the_search(tmp_path):
    space = nas.HyperTextNet(
        (None,), vocabulary_size=5, num_classes=3, searched_groups="training"
    )
    tuner = new_tuner(space, tmp_path)
    with pytest.raises(kt.errors.FatalValueError, match="`x` must.*pad_seq"):
        tuner.search([[1, 2], [3]], [0, 1])


def test_unknown_token_ids_end_the_search(tmp_path):
    space = nas.HyperTextNet(
        (3,), vocabulary_size=5, num_classes=3, searched_groups="training"
    )
    tuner = new_tuner(space, tmp_path)
    good = np.ones((8, 3), "int32")
    for wrong in (good * 5, good * -1):
        with pytest.raises(
            kt.errors.FatalValueError, match="`x` must be token ids.*=5"
        ):
            tuner.search(wrong, LABELS, validation_data=(good, LABELS))
        with pytest.raises(
            kt.errors.FatalValueError, match=r"`validation_data\[0\]` must be"
        ):
            tuner.search(good, LABELS, validation_data=(wrong, LABELS))


def test_a_data_set_of_samples_must_be_batched():
    space = nas.HyperTabularNet((2,), task="regression", num_outputs=3)
    data = tf.data.Dataset.from_tensor_slices(
        (np.zeros((8, 2), "float32"), np.zeros((8, 3), "float32"))
    )
    hp = with_values({})
    model = space.build(hp)
    with pytest.raises(kt.errors.FatalValueError, match="`x`.*batch"):
        space.fit(hp, model, data, verbose=0)
    with pytest.raises(
        kt.errors.FatalValueError, match=r"`validation_data\[0\]`.*batch"
    ):
        space.fit(hp, model, data.batch(4), validation_data=data, verbose=0)


@pytest.mark.parametrize("targets", [[], 5.0, ["a"], [np.nan]])
def test_targets_must_be_numbers(targets):
    space = nas.HyperTabularNet((2,), task="regression")
    with pytest.raises(ValueError, match="`y` must be"):
        space.adapt(np.zeros((1, 2)), targets)


@pytest.mark.parametrize(
    ("name", "of_adamw"), [("HyperTabularNet", 1e-2), ("HyperConvNet", 1e-1)]
)
def test_decay_that_is_not_searched_is_that_of_the_optimizer(name, of_adamw):
    space, _ = new_space(name, searched_groups="training")
    for optimizer, decay in (("adamw", of_adamw), ("sgd", 5e-4)):
        model = space.build(with_values({"training/optimizer": optimizer}))
        assert model.optimizer.weight_decay == pytest.approx(decay)


def test_a_stem_sees_the_whole_image():
    space = nas.HyperConvNet((160, 160, 1), num_classes=2, width=4)
    model = space.build(with_values({}))
    image = tf.Variable(np.random.default_rng(0).normal(size=(1, 160, 160, 1)))
    with tf.GradientTape() as tape:
        output = model(tf.cast(image, "float32"))[0, 0]
    seen = tape.gradient(output, image).numpy() != 0
    assert seen.mean() > 0.95
