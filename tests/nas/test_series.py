"""The two families of networks for series: random kernels and networks."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_evolution import nas
from kt_evolution.nas.spaces import kernels
from kt_evolution.nas.spaces import ridge
from kt_evolution.nas.spaces.kernels import learn_kernels
from tests.nas.nas_helpers import declared
from tests.nas.nas_helpers import predictions
from tests.nas.nas_helpers import with_values


def noisy_waves(number, rng, length=40):
    """Returns series of two channels, of which one swings fast or slowly."""
    labels = rng.integers(0, 2, number)
    steps = np.arange(length) + rng.uniform(0, 20, (number, 1))
    waves = np.sin(steps * np.where(labels, 0.5, 0.8)[:, np.newaxis])
    series = np.stack([waves, np.zeros_like(waves)], axis=-1)
    series = 100.0 + 5.0 * series + rng.normal(size=series.shape)
    return series.astype("float32"), labels


def adapted(number=30, **arguments):
    series, labels = noisy_waves(number, np.random.default_rng(0))
    space = nas.HyperSeriesNet(
        input_shape=(40, 2), **{"num_classes": 2, **arguments}
    )
    space.adapt(series, labels)
    return space, series, labels


def test_the_default_model_learns_from_few_series():
    space, *train = adapted()
    held_out = noisy_waves(100, np.random.default_rng(1))
    keras.utils.set_random_seed(0)
    hp = kt.HyperParameters()
    model = space.build(hp)
    assert hp.values["family"] == "kernels"
    history = space.fit(
        hp, model, *train, validation_data=held_out, epochs=1, verbose=0
    ).history
    # The network family is below .7 then.
    assert history["val_accuracy"][0] > 0.9
    # Only the last layer is trained.
    assert [each.shape[-1] for each in model.trainable_weights] == [2, 2]


def test_a_training_that_goes_on_does_not_start_at_the_ridge_solution():
    space, *train = adapted()
    hp = kt.HyperParameters()
    model = space.build(hp)
    logits = model.get_layer("head_logits")
    zeros = [np.zeros_like(each) for each in logits.get_weights()]
    logits.set_weights(zeros)
    # No epoch is left, so the weights stay as they are.
    space.fit(hp, model, *train, epochs=3, initial_epoch=3, verbose=0)
    assert not np.any(logits.get_weights()[0])


@pytest.mark.parametrize(("has_others", "num_rows"), [(False, 18), (True, 30)])
def test_the_ridge_solution_is_that_of_the_training_rows(has_others, num_rows):
    space, x, y = adapted()
    hp = kt.HyperParameters()
    expected, model = space.build(hp), space.build(hp)
    space.begin_training(expected, x[:num_rows], y[:num_rows])
    # Only the start changes the weights.
    model.optimizer.learning_rate = 0.0
    others = (x, y) if has_others else None
    space.fit(
        hp, model, x, y, validation_split=0.4, validation_data=others, verbose=0
    )
    for found, wanted in zip(
        model.get_layer("head_logits").get_weights(),
        expected.get_layer("head_logits").get_weights(),
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_arguments_of_fit_may_be_given_by_position():
    space, x, y = adapted(searched_groups="training")
    hp, others = kt.HyperParameters(), (list(x[:4]), list(y[:4]))
    model = space.build(hp)
    history = space.fit(hp, model, x, y, 8, 1, 0, None, 0.0, others).history
    assert np.isfinite(history["val_loss"]).all()


@pytest.mark.parametrize("knows_scale", [False, True])
def test_a_regression_starts_at_the_ridge_solution(knows_scale):
    series, speeds = noisy_waves(40, np.random.default_rng(0))
    targets = 50.0 + 10.0 * speeds
    space = nas.HyperSeriesNet((40, 2), task="regression")
    space.adapt(series, targets if knows_scale else None)
    model = space.build(kt.HyperParameters())
    space.begin_training(model, series, targets)
    errors = predictions(model, series)[:, 0] - targets
    assert np.sqrt(np.square(errors).mean()) < 2.5


def test_shrinkage_has_the_least_leave_one_out_error():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 30))
    y = x[:, :2] + rng.normal(size=(12, 2))

    def solve(x, y, shrinkage):
        center, mean = x.mean(axis=0), y.mean(axis=0)
        x = x - center
        products = x @ x.T + shrinkage * np.eye(len(x))
        weights = x.T @ np.linalg.solve(products, y - mean)
        return weights, mean - center @ weights

    def error(shrinkage):
        errors = []
        for one in range(12):
            others = np.arange(12) != one
            weights, biases = solve(x[others], y[others], shrinkage)
            errors.append(y[one] - x[one] @ weights - biases)
        return np.square(errors).mean()

    length = np.square(x - x.mean(axis=0)).sum(axis=1).mean()
    best = min(ridge.SHRINKAGES * length, key=error)
    assert best != ridge.SHRINKAGES[0] * length
    for found, wanted in zip(
        ridge.ridge_regression(x, y), solve(x, y, best), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("number", "family"), [(999, "kernels"), (1000, "network")]
)
def test_few_series_are_read_by_random_kernels(number, family, monkeypatch):
    monkeypatch.setattr(kernels, "MAX_SERIES", 8)
    monkeypatch.setattr(kernels, "MAX_KERNELS", 8)
    space = nas.HyperSeriesNet((12, 1), num_classes=2)
    assert "family" not in declared(space).values
    space.adapt(np.zeros((number, 12)))
    assert declared(space).values["family"] == family


def test_features_are_the_share_of_positive_outputs_and_the_largest():
    space, series, _ = adapted(searched_groups="training")
    hp = kt.HyperParameters()
    model = space.build(hp)
    features = keras.Model(
        model.inputs, model.get_layer("kernels_features").output
    )
    found = np.asarray(features.predict(series, verbose=0))
    learned = learn_kernels(series, has_fixed_length=True)
    group = learned.groups[0]
    assert (group.dilation, group.padding) == (1, "same")
    number = len(found[0]) // (2 * len(learned.groups))
    scaled = learned.scale.standardized(series)
    padded = np.pad(scaled, ((0, 0), (4, 4), (0, 0)))
    outputs = sum(
        padded[:, step : step + 40] @ group.kernels[step, :, :number]
        for step in range(9)
    )
    outputs -= group.biases[:number]
    expected = np.concatenate(
        [np.mean(outputs > 0, axis=1), outputs.max(axis=1)], axis=1
    )
    center, spread = (each[:, :number].reshape(-1) for each in group.moments)
    np.testing.assert_allclose(
        found[:, : 2 * number],
        (expected - center) / np.sqrt(spread),
        # An output at the bias is on either side of it.
        atol=0.4,
    )
    # They are standardized.
    assert np.abs(found.mean(axis=0)).max() < 0.1
    assert np.median(found.std(axis=0)) == pytest.approx(1.0, abs=0.05)


def test_kernels_have_mean_zero_and_read_some_channels():
    series = np.random.default_rng(0).normal(size=(4, 30, 5))
    groups = learn_kernels(series, has_fixed_length=True).groups
    assert [group.dilation for group in groups] == [1, 1, 2, 2]
    for group in groups:
        np.testing.assert_allclose(group.kernels.sum(axis=0), 0.0, atol=1e-5)
    read = np.any(groups[0].kernels, axis=0).sum(axis=0)
    assert set(read) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("length", [1, 2, 8, 9, 17])
def test_kernels_fit_into_short_series(length):
    x = np.random.default_rng(0).normal(size=(3, length, 2))
    space = nas.HyperSeriesNet((length, 2), num_classes=2)
    space.adapt(x)
    model = space.build(kt.HyperParameters())
    assert np.isfinite(predictions(model, x)).all()


def test_series_of_any_length_are_padded():
    space = nas.HyperSeriesNet((None, 2), num_classes=2)
    space.adapt(np.random.default_rng(0).normal(size=(3, 100, 2)))
    model = space.build(kt.HyperParameters())
    assert np.isfinite(predictions(model, np.ones((2, 3, 2)))).all()


def test_the_family_is_drawn_again_alike():
    first, series, _ = adapted()
    second, *_ = adapted()
    keras.utils.set_random_seed(0)
    one = first.build(kt.HyperParameters())
    keras.utils.set_random_seed(0)
    other = second.build(kt.HyperParameters())
    np.testing.assert_array_equal(
        predictions(one, series), predictions(other, series)
    )


def test_a_model_is_saved_without_the_space(tmp_path):
    space, series, _ = adapted()
    model = space.build(kt.HyperParameters())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        predictions(loaded, series), predictions(model, series), rtol=1e-5
    )


def test_both_families_declare_the_same_hyperparameters():
    space, *_ = adapted()
    default = declared(space)
    other = with_values({"family": "network"})
    space.build(other)
    names = {one.name for one in default.space}
    assert names == {one.name for one in other.space}
    assert other.values["head/pooling"] == "average"
    assert "head/pooling" not in default.values


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((3, 39, 2)),
        np.zeros((3, 40, 3)),
        np.zeros((0, 40, 2)),
        np.zeros((40, 2)),
        np.zeros(3),
    ],
    ids=lambda x: str(x.shape),
)
def test_series_of_another_shape_are_an_error(x):
    space = nas.HyperSeriesNet((40, 2), num_classes=2)
    with pytest.raises(ValueError, match=r"`x`.*\(40, 2\).*Received"):
        space.adapt(x)
