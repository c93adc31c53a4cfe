"""Ray Tune's spaces become hyperparameters, and values become configs."""

import keras_tuner as kt
import numpy as np
import pytest
from ray import tune

from kt_evolution.ray_tune.config_space import ConfigSpace


def square(x):
    return x * x


def space_of(**domains):
    return ConfigSpace(domains, "param_space")


def declared(domain):
    (hp,) = space_of(x=domain).hyperparameters.space
    return hp


@pytest.mark.parametrize(
    ("domain", "low", "high", "step", "sampling", "default"),
    [
        (tune.uniform(-1, 3), -1.0, 3.0, None, "linear", 1.0),
        (tune.quniform(0.5, 2, 0.5), 0.5, 2.0, 0.5, "linear", 1.0),
        (tune.loguniform(1e-4, 1e-2), 1e-4, 1e-2, None, "log", 1e-3),
        # Ray leaves the upper bound out, except with a step.
        (tune.randint(1, 6), 1, 5, 1, "linear", 3),
        (tune.lograndint(1, 101), 1, 100, None, "log", 10),
        (tune.qrandint(3, 17, 4), 4, 16, 4, "linear", 8),
        (tune.qrandint(3, 17, 1), 3, 16, 1, "linear", 9),
    ],
)
def test_ranges(domain, low, high, step, sampling, default):
    hp = declared(domain)
    kind = "Int" if isinstance(low, int) else "Float"
    assert type(hp).__name__ == kind
    assert (hp.min_value, hp.max_value, hp.step) == (low, high, step)
    assert hp.sampling == sampling
    assert hp.default == pytest.approx(default)


@pytest.mark.parametrize("domain", [tune.randint(3, 4), tune.uniform(3, 3)])
def test_a_range_of_one_value_is_fixed(domain):
    assert type(declared(domain)).__name__ == "Fixed"
    assert declared(domain).value == 3


def test_choices_that_keras_tuner_knows_are_as_they_are():
    assert declared(tune.choice(["relu", "tanh"])).values == ["relu", "tanh"]
    assert declared(tune.choice([32, 8, 8])).values == [32, 8]
    assert declared(tune.choice([np.int64(3), np.int64(5)])).values == [3, 5]
    # Numbers have an order.
    assert declared(tune.choice([0.5, 0.1])).ordered


@pytest.mark.parametrize(
    "categories",
    [
        [True, False],
        [1, 1.0, True],
        [None, "relu"],
        [[64], [64, 32]],
        [{"units": 3}, {"units": 4}],
        [square, np.tanh],
    ],
)
def test_other_choices_have_labels(categories):
    space = space_of(x=tune.choice(categories))
    labels = space.hyperparameters.space[0].values
    assert len(labels) == len(categories)
    for label, category in zip(labels, categories, strict=True):
        config = space.config_of({"x": label})
        assert config == {"x": category}
        assert type(config["x"]) is type(category)
        assert space.values_of({"x": category}) == {"x": label}
        assert "0x" not in label


def test_nested_configs_have_their_constants():
    space = ConfigSpace(
        {
            "epochs": 3,
            "model": {"units": tune.randint(1, 9), "act": "relu", "none": {}},
            "a/b": tune.choice([1, 2]),
        },
        "space",
    )
    names = [hp.name for hp in space.hyperparameters.space]
    assert names == ["model/units", "a/b"]
    config = {
        "epochs": 3,
        "model": {"units": 4, "act": "relu", "none": {}},
        "a/b": 2,
    }
    values = {"model/units": 4, "a/b": 2}
    assert space.config_of(values) == config
    assert space.values_of(config) == values
    assert space.values_of({"model": {"units": 1}}) == {"model/units": 1}
    # The search says which names there are.
    assert space.values_of({"model": {"unit": 1}}) == {"model/unit": 1}


@pytest.mark.parametrize(
    ("value", "reason", "received"),
    [
        (tune.randn(0, 1), "it must have bounds", "<Float Normal>"),
        (tune.qrandn(0, 1, 0.1), "bounds", "<Float Quantized Normal>"),
        (tune.qloguniform(0.1, 1, 0.1), "can't be quantized", "<Float Quant"),
        (tune.qlograndint(2, 8, 2), "can't be quantized", "<Integer Quant"),
        (tune.qrandint(5, 7, 4), "it has no value", "<Integer Quantized"),
        (tune.sample_from(lambda _: 1), "function of `hp`", "<Function"),
        (tune.grid_search([1, 2]), "use `tune.choice`", "<Categorical Grid>"),
        (tune.choice([]), "use `tune.choice`", "<Categorical"),
        ([tune.uniform(0, 1)], "inside a list", "[<"),
        (tune.choice([{"y": tune.uniform(0, 1)}]), "inside", "<Categorical"),
    ],
)
def test_what_cannot_be_searched_is_named(value, reason, received):
    with pytest.raises(ValueError) as error:
        space_of(model={"x": value})
    assert "`param_space['model']['x']` can't be searched" in str(error.value)
    assert reason in str(error.value)
    assert f"Received: param_space['model']['x']={received}" in str(error.value)


def test_names_of_keras_tuner_are_not_nested():
    hp = kt.HyperParameters()
    with hp.name_scope("block"):
        hp.Int("units", 1, 4)
    space = ConfigSpace(hp, "space")
    assert space.config_of({"block/units": 2}) == {"block/units": 2}
    assert space.values_of({"block/units": 2}) == {"block/units": 2}


def test_something_else_is_no_space():
    with pytest.raises(TypeError, match="`space` must be a .*space=3"):
        ConfigSpace(3, "space")
