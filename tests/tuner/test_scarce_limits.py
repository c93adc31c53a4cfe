"""Limits that next to nothing keeps are searched for, without trials."""

import re

import keras
import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import trials_of

from kt_evolution import Limit


def build(hp):
    model = keras.Sequential([keras.Input((64,))])
    for i in range(hp.Int("layers", 1, 3)):
        model.add(keras.layers.Dense(hp.Int(f"units_{i}", 8, 64, step=8)))
    model.add(keras.layers.Dense(10))
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    return model


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.filterwarnings("error::UserWarning")
def test_models_are_bred_for_the_limit_alone(tmp_path, capsys, seed):
    tuner = ScoringTuner(
        build,
        max_trials=3,
        seed=seed,
        # Two of a hundred models have so many.
        limits=Limit("params", min=10_000),
        directory=tmp_path,
    )
    tuner.search(lambda hp: hp.get("rate"))
    (line,) = [
        line
        for line in capsys.readouterr().out.splitlines()
        if "proposals were turned down before training: " in line
    ]
    assert line.endswith(' params: Limit("params", min=10000).')
    assert "can't" not in line
    trials = trials_of(tuner, "COMPLETED")
    assert len(trials) == 3
    for trial in trials:
        assert trial.metrics.get_best_value("params") >= 10_000


def test_a_limit_that_no_model_keeps_is_explained(tmp_path):
    tuner = ScoringTuner(
        build,
        max_trials=3,
        seed=0,
        limits=Limit("params", max=3),
        directory=tmp_path,
    )
    with pytest.raises(RuntimeError) as caught:
        tuner.search(lambda hp: 1.0)
    first, cause, advice = str(caught.value).splitlines()
    assert first == "100 proposed models in a row are over a limit:"
    assert re.fullmatch(
        r"  100 times, for instance: It has [\d,]+ params: "
        r"Limit\(\"params\", max=3\)\.",
        cause,
    )
    assert advice.startswith("Nothing is lost. Change the hypermodel or its ")
    # The default model has 610 parameters, and there is no smaller one.
    assert advice.endswith(
        "limits, which the nearest model misses by 20,233%, and run again."
    )
