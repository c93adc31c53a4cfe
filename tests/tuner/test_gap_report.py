"""`gap_report`: training against validation of the best trials."""

import keras_tuner as kt
import pytest
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import build_dense

import kt_evolution


def search(folder, metrics, objective, **kwargs):
    tuner = ScoringTuner(
        objective=objective, max_trials=3, seed=0, directory=folder, **kwargs
    )
    tuner.search(lambda hp: metrics(hp.Int("a", 1, 9)))
    return tuner


def accuracies(a):
    return {
        "accuracy": 0.9,
        "val_accuracy": a / 10,
        "loss": 0.1,
        "val_loss": 0.5,
        "params": 7,
    }


def test_gaps_are_of_the_objective_best_trial_first(tmp_path, capsys):
    tuner = search(tmp_path, accuracies, "val_accuracy")
    gaps = tuner.gap_report()
    assert [gap.trial_id for gap in gaps] == [
        trial.trial_id for trial in tuner.oracle.get_best_trials(3)
    ]
    for gap in gaps:
        assert (gap.metric, gap.training) == ("accuracy", 0.9)
        assert gap.gap == pytest.approx(0.9 - gap.validation)
    printed = capsys.readouterr().out.splitlines()[-4:]
    assert printed[0].split() == [
        "trial",
        "metric",
        "training",
        "validation",
        "gap",
    ]
    best = gaps[0]
    assert printed[1].split() == [
        best.trial_id,
        "accuracy",
        "0.9000",
        f"{best.validation:.4f}",
        f"{best.gap:+.4f}",
    ]
    assert len(tuner.gap_report(2)) == 2


def test_a_loss_that_is_larger_in_validation_is_a_gap_above_zero(tmp_path):
    tuner = search(tmp_path, accuracies, "val_loss")
    assert {gap.gap for gap in tuner.gap_report()} == {0.4}


def test_without_a_validated_objective_all_that_are_validated(tmp_path):
    tuner = search(tmp_path, accuracies, kt.Objective("params", "min"))
    gaps = tuner.gap_report(1)
    assert {gap.metric: round(gap.gap, 9) > 0 for gap in gaps} == {
        "accuracy": gaps[0].validation < 0.9,
        "loss": True,
    }


def test_several_objectives(tmp_path):
    objectives = ["val_accuracy", "val_loss"]
    tuner = search(tmp_path, accuracies, objectives)
    assert [gap.metric for gap in tuner.gap_report(1)] == ["accuracy", "loss"]


def test_nothing_to_compare(tmp_path, capsys):
    tuner = search(tmp_path, lambda a: {"val_loss": a}, "val_loss")
    assert tuner.gap_report() == []
    assert "There is no gap to report" in capsys.readouterr().out
    with pytest.raises(ValueError, match="`num_trials` must be"):
        tuner.gap_report(0)


def test_real_training(tmp_path):
    tuner = kt_evolution.EvolutionTuner(
        build_dense, "val_loss", max_trials=2, seed=0, directory=tmp_path
    )
    tuner.search(**FIT)
    assert [gap.metric for gap in tuner.gap_report()] == ["loss", "loss"]
