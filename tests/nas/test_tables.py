"""How `HyperTabularNet` encodes numeric columns."""

import keras
import keras_tuner as kt
import numpy as np
import pandas
import pytest
from scipy.special import ndtri

import kt_evolution
from kt_evolution import nas
from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.spaces.numbers import ENCODINGS
from kt_evolution.nas.spaces.numbers import NumberStatistics
from kt_evolution.nas.spaces.numbers import encode
from tests.nas.nas_helpers import LABELS
from tests.nas.nas_helpers import check_genome
from tests.nas.nas_helpers import declared
from tests.nas.nas_helpers import new_space
from tests.nas.nas_helpers import predictions
from tests.nas.nas_helpers import with_values


def encoder(table, encoding, **options):
    """Returns the encoding as a model, with the statistics of a table."""
    table = np.asarray(table, "float64")
    statistics = NumberStatistics.of(table)
    inputs = keras.Input(table.shape[1:])
    scope = BlockScope(kt.HyperParameters(), "columns")
    outputs = encode(scope, inputs, encoding, statistics, **options)
    return keras.Model(inputs, outputs)


def adapted_space(**arguments):
    space, x = new_space("HyperTabularNet", **arguments)
    space.adapt(x)
    return space, x


def test_quantiles_are_normal_scores_of_the_training_ranks():
    # 16 bins of 17 rows: each row is an edge.
    table = np.linspace(0, 4, 17)[:, None] ** 3
    model = encoder(table, "quantiles")
    margin = 0.5 / 16
    ranks = np.clip(np.arange(17) / 16, margin, 1 - margin)
    encoded = predictions(model, table.astype("float32"))
    np.testing.assert_allclose(encoded[:, 0], ndtri(ranks), atol=1e-3)
    # Between two edges it is linear, beyond the last it stays.
    between = predictions(model, np.array([[7.5**3 / 64], [1e4]], "float32"))
    middle = (7.5**3 - 7**3) / (8**3 - 7**3)
    expected = (1 - middle) * ndtri(7 / 16) + middle * ndtri(8 / 16)
    np.testing.assert_allclose(between[0, 0], expected, atol=1e-3)
    np.testing.assert_allclose(between[1, 0], ndtri(1 - margin), atol=1e-3)


def test_a_number_of_many_rows_has_the_middle_of_their_ranks():
    # Of 17 quantiles the first 9 are 0 and the other 8 are 1.
    table = np.array([0.0] * 9 + [1.0] * 8)[:, None]
    model = encoder(table, "quantiles")
    encoded = predictions(model, np.array([[0.0], [1.0]], "float32"))
    expected = ndtri([4 / 16, 12.5 / 16])
    np.testing.assert_allclose(encoded[:, 0], expected, atol=1e-4)


def test_bins_of_a_piecewise_encoding_are_passed_one_after_another():
    # Of 9 rows each is an edge: 0, 1, 4, ..., 64. The second column has two.
    table = np.stack([np.arange(9.0) ** 2, np.arange(9) > 4], axis=1)
    model = encoder(table, "piecewise")
    rows = np.array([[0, 0], [6.5, 1], [100, 0.5]], "float32")
    encoded = predictions(model, rows)
    assert encoded.shape == (3, 2 + 8 + 1)
    standardized = (rows - table.mean(axis=0)) / table.std(axis=0)
    np.testing.assert_allclose(encoded[:, :2], standardized, atol=1e-5)
    np.testing.assert_allclose(
        encoded[:, 2:],
        [
            [0, 0, 0, 0, 0, 0, 0, 0, 0],
            # It is in the middle of 4 and 9.
            [1, 1, 0.5, 0, 0, 0, 0, 0, 1],
            [1, 1, 1, 1, 1, 1, 1, 1, 0.5],
        ],
        atol=1e-4,
    )


def test_periodic_embeddings_have_the_frequencies_that_were_asked_for():
    table = np.random.default_rng(0).normal(size=(50, 40))
    keras.utils.set_random_seed(0)
    for frequency in (0.1, 1.0):
        model = encoder(table, "periodic", frequency=frequency)
        waves = model.get_layer("columns_frequencies").get_weights()[0]
        # 640 of them: the standard error is 3 percent.
        assert waves.std() == pytest.approx(2 * np.pi * frequency, rel=0.15)
        assert predictions(model, table.astype("float32")).shape == (50, 320)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_columns_without_a_spread_or_a_number_do_no_harm(encoding, recwarn):
    table = np.array([[3.0, np.nan, 0], [3.0, np.nan, 1]])
    for columns in (slice(0, 2), slice(0, 3)):
        part = table[:, columns]
        encoded = predictions(encoder(part, encoding), part.astype("float32"))
        assert np.isfinite(encoded).all()
    assert not [one for one in recwarn if one.category is RuntimeWarning]


def test_a_missing_number_is_encoded_as_the_mean():
    table = np.array([[1.0], [2.0], [np.nan], [6.0]])
    for encoding in ENCODINGS:
        keras.utils.set_random_seed(0)
        model = encoder(table, encoding)
        missing, mean = predictions(model, np.array([[np.nan], [3.0]], "f4"))
        np.testing.assert_allclose(missing, mean, atol=1e-5)


def test_quantiles_are_searched_once_the_table_is_known():
    def options(space):
        return {
            each.name: each.values
            for each in declared(space).space
            if each.name.startswith("columns/")
        }

    space, _ = new_space("HyperTabularNet")
    assert options(space)["columns/numbers"] == ["standardized", "periodic"]
    space, _ = adapted_space()
    assert options(space)["columns/numbers"] == list(ENCODINGS)
    fixed, _ = adapted_space(searched_groups="training")
    assert not options(fixed)
    codes, _ = new_space(
        "HyperTabularNet", categorical=dict.fromkeys(range(4), 5)
    )
    assert set(options(codes)) == {"columns/embedding"}


@pytest.mark.parametrize("argument", ["categorical", "ordered"])
def test_a_column_of_fractions_has_no_categories(argument):
    space = nas.HyperTabularNet((2,), num_classes=2, **{argument: {0: 3}})
    table = np.array([[np.nan, 0.5], [-1, 1.5], [2, 2.5]])
    space.adapt(table)
    message = f"integers from 0 in column 0, which `{argument}` .*: 0.5$"
    with pytest.raises(kt.errors.FatalValueError, match=message):
        space.adapt(table[:, ::-1])


def test_ordered_categories_are_reached_one_after_another():
    space = nas.HyperTabularNet(
        (3,), num_classes=3, width=4, categorical={1: 2}, ordered={0: 4, 2: 2}
    )
    rows = [[0, 0, 0], [2, 1, 1], [3, 0, 1], [9, 0, -1], [np.nan, 0, np.nan]]
    table = np.array(rows, "float32")
    model = space.build(kt.HyperParameters())
    reached = keras.Model(model.input, model.get_layer("columns_relu").output)
    np.testing.assert_allclose(
        predictions(reached, table),
        # Above 0, 1 and 2 of the first column, above 0 of the last. An
        # unknown category is the nearest one, a missing one is 0.
        [
            [0, 0, 0, 0],
            [1, 1, 0, 1],
            [1, 1, 1, 1],
            [1, 1, 1, 0],
            [0, 0, 0, 0],
        ],
    )
    text = nas.describe(kt.HyperParameters(), space)
    assert "2 in order, 1 embedded in 2" in text


def test_all_kinds_of_columns_are_trained_and_saved_together():
    _, x = new_space("HyperTabularNet")
    x = np.column_stack([x, np.arange(len(x)) % 3]).astype("float32")
    space, _ = new_space("HyperTabularNet", input_shape=(5,), ordered={4: 3})
    space.adapt(x)
    check_genome(space, x, {"columns/numbers": "piecewise"})
    x[1, 4] = 3
    with pytest.raises(
        kt.errors.FatalValueError, match="below 3 in column 4, as `ordered`"
    ):
        space.adapt(x)


@pytest.mark.parametrize(
    ("ordered", "message"),
    [
        ({4: 3}, "`ordered` must have columns from 0 to 3.*4"),
        ({0: 1}, r"`ordered\[0\]` must be an integer of at least 2"),
        ({0: 3, 2: 5}, r"`ordered` must have other columns.*\[2\] in both"),
    ],
)
def test_ordered_columns_that_are_none_are_named(ordered, message):
    with pytest.raises(ValueError, match=message):
        new_space("HyperTabularNet", ordered=ordered)
    with pytest.raises(TypeError, match="`ordered` must be a dict"):
        new_space("HyperTabularNet", ordered=[2])


@pytest.mark.parametrize("encoding", ENCODINGS[1:])
def test_models_of_each_encoding_are_trained_and_saved(encoding):
    space, x = adapted_space()
    values = {"columns/numbers": encoding, "columns/frequency": 0.3}
    check_genome(space, x, values)
    hp = with_values(values)
    assert f"3 {encoding}" in nas.describe(hp, space)


def test_large_numbers_are_encoded_in_full_precision():
    table = np.random.default_rng(0).normal(3e5, 1e5, (64, 3))
    expected = [
        predictions(encoder(table, encoding), table.astype("float32"))
        for encoding in ("quantiles", "piecewise")
    ]
    keras.config.set_dtype_policy("mixed_float16")
    try:
        for encoding, wanted in zip(
            ("quantiles", "piecewise"), expected, strict=True
        ):
            found = predictions(
                encoder(table, encoding), table.astype("float32")
            )
            np.testing.assert_allclose(found, wanted, atol=1e-3)
        space = nas.HyperTabularNet((3,), num_classes=2, width=4)
        space.adapt(table)
        for encoding in ENCODINGS:
            hp = with_values({"columns/numbers": encoding})
            probabilities = predictions(space.build(hp), table.astype("f4"))
            assert np.isfinite(probabilities).all()
    finally:
        keras.config.set_dtype_policy("float32")


def test_the_best_models_of_a_search_are_as_they_were_trained(tmp_path):
    space, x = adapted_space()
    tuner = kt_evolution.EvolutionTuner(
        space,
        objective="val_accuracy",
        max_trials=3,
        initial_population=[
            {"columns/numbers": encoding} for encoding in ENCODINGS[1:]
        ],
        directory=tmp_path,
    )
    tuner.search(x, LABELS, validation_data=(x, LABELS), epochs=1, verbose=0)
    trials = tuner.oracle.get_best_trials(3)
    used = {each.hyperparameters.get("columns/numbers") for each in trials}
    assert used == set(ENCODINGS[1:])
    for trial, model in zip(trials, tuner.get_best_models(3), strict=True):
        loss, accuracy = model.evaluate(x, LABELS, verbose=0)
        assert accuracy == pytest.approx(trial.score)


def test_models_of_a_space_that_is_not_adapted_say_so(tmp_path):
    def new_tuner(space):
        return kt_evolution.EvolutionTuner(
            space, "loss", max_trials=1, directory=tmp_path
        )

    def new_table():
        return nas.HyperTabularNet((1,), num_classes=2, width=4, max_depth=1)

    table = np.array([[0.0], [np.nan], [2.0]])
    space = new_table()
    space.adapt(table)
    new_tuner(space).search(table, np.array([0, 1, 1]), epochs=1, verbose=0)
    with pytest.raises(Exception, match="the same `adapt`: call it first"):
        new_tuner(new_table()).get_best_models()


@pytest.mark.parametrize("number", [np.inf, -np.inf, 1e39])
def test_infinite_numbers_are_named(number):
    space, x = new_space("HyperTabularNet")
    table = x.astype("float64")
    table[2, 3] = number
    message = "must be finite, or NaN.*infinite numbers in column 3"
    with pytest.raises(ValueError, match=f"`x` {message}"):
        space.adapt(table)
    hp = with_values({})
    model = space.build(hp)
    with pytest.raises(kt.errors.FatalValueError, match=f"`x` {message}"):
        space.fit(hp, model, table, LABELS)
    with pytest.raises(kt.errors.FatalValueError, match=message):
        space.fit(hp, model, x, LABELS, validation_data=(table, LABELS))


def test_a_table_of_pandas_may_have_missing_integers():
    frame = pandas.DataFrame(
        {"a": pandas.array([1, None, 3], "Int64"), "b": [0.5, 1.5, 2.5]}
    )
    space = nas.HyperTabularNet((2,), num_classes=2)
    space.adapt(frame)
    assert "1 missing or not" in nas.describe(kt.HyperParameters(), space)
