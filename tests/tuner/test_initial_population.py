"""`initial_population`: models to try first, and the errors of mistakes."""

import json

import keras_tuner as kt
import numpy as np
import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import empty_model
from tuner_helpers import values_of

import kt_evolution


def layered(hp):
    """`units_1` and on are met only by builds with so many layers."""
    for i in range(hp.Int("layers", 1, 4)):
        hp.Int(f"units_{i}", 8, 64, step=8)
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    return empty_model()


def branched(hp):
    kind = hp.Choice("kind", ["mlp", "cnn"])
    with hp.conditional_scope("kind", ["mlp"]):
        if kind == "mlp":
            hp.Int("units", 1, 9)
    with hp.conditional_scope("kind", ["cnn"]):
        if kind == "cnn":
            hp.Int("filters", 1, 9)
    return empty_model()


def loss(hp):
    return hp.get("layers") + hp.get("rate")


def new_tuner(folder, build=layered, **options):
    return ScoringTuner(
        build,
        max_trials=options.pop("max_trials", 4),
        seed=0,
        directory=folder,
        project_name="p",
        **options,
    )


def test_they_are_tried_in_their_order_before_the_defaults(tmp_path):
    starts = [
        {"layers": 3, "units_0": 16, "units_1": 24, "units_2": 32},
        {"layers": 1, "units_0": 64, "rate": 0.01},
    ]
    tuner = new_tuner(tmp_path, initial_population=starts)
    tuner.search(loss)
    first, second, third, _ = values_of(tuner)
    assert starts[0].items() <= first.items()
    assert first["rate"] != 1e-4
    assert second["units_0"] == 64 and second["rate"] == pytest.approx(0.01)
    assert third["layers"] == 1 and third["rate"] == 1e-4
    operators = [one.operator for one in tuner.oracle.history.individuals]
    assert operators[:4] == ["given", "given", "default", "initial"]


def test_hyperparameters_may_be_given_as_the_host_has_them(tmp_path):
    hp = kt.HyperParameters()
    hp.Int("layers", 1, 4)
    hp.values = {"layers": 2, "units_1": 40, "tuner/epochs": 3}
    tuner = new_tuner(tmp_path, initial_population=[hp])
    tuner.search(loss)
    assert values_of(tuner)[0].items() >= {"layers": 2, "units_1": 40}.items()


def test_numbers_of_numpy_become_native(tmp_path):
    start = {"layers": np.int64(2), "rate": np.float32(0.0625)}
    tuner = new_tuner(tmp_path, initial_population=[start])
    tuner.search(loss)
    values = values_of(tuner)[0]
    assert type(values["layers"]) is int and type(values["rate"]) is float
    assert values["rate"] == pytest.approx(0.0625)


def test_the_same_model_is_trained_once(tmp_path):
    one = {"layers": 1, "units_0": 16, "rate": 0.01}
    # Of one layer only the first units are asked for.
    twin = {**one, "units_3": 64, "layers": 1}
    deep = {"layers": 4, "units_3": 8}
    tuner = new_tuner(tmp_path, initial_population=[deep, one, twin])
    tuner.search(loss)
    operators = [one.operator for one in tuner.oracle.history.individuals]
    assert operators[:4] == ["given", "given", "default", "initial"]


def test_a_conditional_value_opens_its_branch(tmp_path):
    tuner = new_tuner(
        tmp_path, branched, initial_population=[{"filters": 7}, {"units": 3}]
    )
    tuner.search(lambda hp: 1.0)
    assert values_of(tuner)[:2] == [
        {"kind": "cnn", "filters": 7},
        {"kind": "mlp", "units": 3},
    ]


def test_one_that_can_not_be_built_is_told_and_costs_no_trial(tmp_path):
    def build(hp):
        if hp.Int("x", 1, 9) == 7:
            raise ValueError("Seven layers don't fit.")
        return empty_model()

    tuner = new_tuner(tmp_path, build, initial_population=[{"x": 7}, {"x": 8}])
    message = r"`initial_population\[0\]`: .*Seven layers"
    with pytest.warns(UserWarning, match=message):
        tuner.search(lambda hp: 1.0)
    assert [values["x"] for values in values_of(tuner)[:2]] == [8, 1]


@pytest.mark.parametrize(
    ("starts", "message"),
    [
        (
            [{"layers": 2}, {"layer": 2}],
            r"initial_population\[1\]\['layer'\]=2.*mean 'layers'",
        ),
        (
            [{"layers": 9}],
            r"initial_population\[0\]\['layers'\]=9.*one of \[1, 2, 3, 4\]",
        ),
        ([{"rate": "fast"}], r"\['rate'\]='fast'.*between 0.0001 and 0.1"),
        ([{"layers": [2]}], r"\['layers'\]=\[2\]"),
        ([{"rate": None}], r"\['rate'\]=None"),
        ([{"layers": 2, "units_1": 9}], r"\['units_1'\]=9.*one of \[8, 16"),
        # Two layers don't have a third one's units.
        ([{"layers": 2, "units_2": 8}], r"\['units_2'\]=8.*depends on others"),
    ],
)
def test_a_mistake_is_told_by_the_constructor(tmp_path, starts, message):
    with pytest.raises(ValueError, match=message):
        new_tuner(tmp_path, initial_population=starts)
    assert not list(tmp_path.rglob("*.json*"))


@pytest.mark.parametrize(
    "starts", [{"layers": 2}, "best", 3, [("layers", 2)], [{1: 2}], [None]]
)
def test_what_is_no_list_of_dicts_is_a_type_error(tmp_path, starts):
    with pytest.raises(TypeError, match="`initial_population` must"):
        new_tuner(tmp_path, initial_population=starts)


def test_what_only_training_asks_for_has_to_be_declared(tmp_path):
    start = {"layers": 2, "batch": 32}
    with pytest.raises(ValueError, match="declared in `hyperparameters`"):
        new_tuner(tmp_path, initial_population=[start])
    hp = kt.HyperParameters()
    hp.Choice("batch", [8, 16, 32])
    tuner = new_tuner(tmp_path, initial_population=[start], hyperparameters=hp)
    tuner.search(loss)
    assert values_of(tuner)[0].items() >= start.items()


def test_declared_values_are_checked_by_the_oracles_constructor():
    hp = kt.HyperParameters()
    hp.Int("x", 1, 9)
    with pytest.raises(ValueError, match=r"initial_population\[0\]\['x'\]=10"):
        kt_evolution.EvolutionOracle(
            "loss", hyperparameters=hp, initial_population=[{"x": 10}]
        )


def test_without_a_hypermodel_the_first_trial_finds_the_space(tmp_path):
    tuner = new_tuner(tmp_path, None, initial_population=[{"x": 7}])
    tuner.search(lambda hp: hp.Int("x", 1, 9))
    assert [values["x"] for values in values_of(tuner)[:2]] == [1, 7]


def test_the_oracle_alone_tells_a_mistake_before_the_first_trial(tmp_path):
    oracle = kt_evolution.EvolutionOracle(
        "val_loss", initial_population=[{"unit": 3}]
    )
    tuner = kt.Tuner(oracle=oracle, hypermodel=branched, directory=tmp_path)
    with pytest.raises(ValueError, match=r"\['unit'\]=3.*mean 'units'"):
        tuner.search()
    assert not oracle.trials


def test_several_workers_get_one_each(tmp_path):
    tuner = new_tuner(
        tmp_path, initial_population=[{"layers": 4}, {"layers": 3}]
    )
    tuner.oracle.verbose = 0
    trials = [tuner.oracle.create_trial(f"tuner{i}") for i in range(3)]
    layers = [trial.hyperparameters.values["layers"] for trial in trials]
    assert layers == [4, 3, 1]


def test_a_resumed_search_tries_what_is_left_of_a_longer_list(tmp_path):
    starts = [{"layers": 4}, {"layers": 3}]
    new_tuner(tmp_path, initial_population=starts).search(loss)
    longer = new_tuner(
        tmp_path,
        max_trials=6,
        initial_population=[*starts, {"layers": 2, "units_1": 64}],
    )
    longer.search(loss)
    values = values_of(longer)
    assert values[4].items() >= {"layers": 2, "units_1": 64}.items()
    given = [
        json.loads(line)["record"].get("given")
        for line in (tmp_path / "p" / "journal.jsonl").read_text().splitlines()
        if '"event":"trial"' in line
    ]
    assert given == [0, 1, None, None, 2, None]


def test_a_worker_ignores_it(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker0")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "1")
    new_tuner(
        tmp_path,
        initial_population=[{"unknown": 3}],
        warm_start=tmp_path / "missing",
    )
