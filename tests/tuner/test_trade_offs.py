"""Several objectives and limits, through the tuner."""

import keras_tuner as kt
import pytest

from kt_evolution import EvolutionTuner
from kt_evolution import Limit
from tests.tuner.tuner_helpers import FIT
from tests.tuner.tuner_helpers import ScoringTuner
from tests.tuner.tuner_helpers import build_dense
from tests.tuner.tuner_helpers import empty_model
from tests.tuner.tuner_helpers import trials_of

OBJECTIVES = [kt.Objective("gain", "max"), kt.Objective("cost", "min")]


def build(hp):
    hp.Float("x", 0.0, 1.0, default=0.9)
    hp.Float("y", 0.0, 1.0, default=0.9)
    return empty_model()


def trade_off(hp):
    """The front is where y is 0: gain x against cost x squared."""
    x, y = hp.get("x"), hp.get("y")
    return {"gain": x - y, "cost": x**2 + y}


def search(folder, objective=OBJECTIVES, num_trials=24, **kwargs):
    options = {"seed": 0, "directory": folder, "project_name": "p", **kwargs}
    tuner = ScoringTuner(
        build, objective=objective, max_trials=num_trials, **options
    )
    tuner.search(trade_off)
    return tuner


def point(trial):
    return tuple(trial.metrics.get_best_value(n) for n in ("gain", "cost"))


def dominates(one, other):
    return (
        one[0] >= other[0] and one[1] <= other[1] and tuple(one) != tuple(other)
    )


@pytest.mark.parametrize("surrogate", ["gaussian_process", None])
def test_the_front_is_that_of_the_trials(tmp_path, surrogate):
    tuner = search(tmp_path, surrogate=surrogate)
    front = tuner.get_pareto_trials()
    points = {trial.trial_id: point(trial) for trial in trials_of(tuner)}
    expected = {
        trial_id
        for trial_id, one in points.items()
        if not any(dominates(other, one) for other in points.values())
    }
    assert {trial.trial_id for trial in front} == expected
    best = tuner.oracle.get_best_trials(len(points))
    assert best[: len(front)] == front
    assert len(best) == len(points)
    assert tuner.get_pareto_hyperparameters()[0].values == (
        front[0].hyperparameters.values
    )
    assert tuner.oracle.recommend(3)[0].trial_id in points


def test_evolution_approaches_the_front(tmp_path):
    tuner = search(tmp_path, num_trials=40)
    front = tuner.get_pareto_trials()
    # All of it, not one end.
    gains = sorted(point(trial)[0] for trial in front)
    assert gains[0] < 0.2 and gains[-1] > 0.8
    assert len(front) >= 8


def test_the_knee_comes_first(tmp_path):
    tuner = search(tmp_path, num_trials=40)
    gain, cost = point(tuner.oracle.get_best_trials()[0])
    # Nearest to gain 1 and cost 0.
    assert 0.4 < gain < 0.8 and cost < 0.6


def test_three_objectives(tmp_path):
    objectives = [*OBJECTIVES, kt.Objective("y", "min")]

    def score(hp):
        return {**trade_off(hp), "y": hp.get("y")}

    tuner = ScoringTuner(
        build,
        objective=objectives,
        max_trials=15,
        seed=0,
        directory=tmp_path,
        project_name="p",
    )
    tuner.search(score)
    assert len(trials_of(tuner, "COMPLETED")) == 15
    assert tuner.get_pareto_trials()


def test_accuracy_against_parameters_of_real_models(tmp_path):
    tuner = EvolutionTuner(
        build_dense,
        objective=["val_accuracy", "params"],
        max_trials=6,
        seed=0,
        directory=tmp_path,
        project_name="p",
    )
    tuner.search(**FIT)
    front = tuner.get_pareto_trials()
    models = tuner.get_pareto_models()
    assert [model.count_params() for model in models] == [
        trial.metrics.get_best_value("params") for trial in front
    ]
    assert len(tuner.get_pareto_models(1)) == 1
    with pytest.raises(ValueError, match="num_models=0"):
        tuner.get_pareto_models(0)


def test_one_objective_has_a_front_too(tmp_path):
    tuner = search(tmp_path, OBJECTIVES[0], num_trials=6)
    assert tuner.get_pareto_trials() == tuner.oracle.get_best_trials(1)


# Limits.


def test_no_trial_is_spent_on_what_building_tells(tmp_path, capsys):
    def is_not_sixteen(hp):
        return hp["units"] != 16

    tuner = EvolutionTuner(
        build_dense,
        objective="val_loss",
        max_trials=8,
        seed=0,
        limits=[Limit("params", max=50), Limit(is_not_sixteen)],
        directory=tmp_path,
        project_name="p",
    )
    tuner.search(**{**FIT, "verbose": 1})
    printed = capsys.readouterr().out
    assert " turned down before training: " in printed
    assert 'Limit("params", max=50)' in printed
    trials = trials_of(tuner, "COMPLETED")
    assert len(trials) == 8
    assert all(t.metrics.get_best_value("params") <= 50 for t in trials)


def test_flops_are_counted_before_training(tmp_path, capsys):
    tuner = EvolutionTuner(
        build_dense,
        objective="val_loss",
        max_trials=4,
        seed=0,
        limits=Limit("flops", max=60),
        directory=tmp_path,
        project_name="p",
    )
    tuner.search(**{**FIT, "verbose": 1})
    assert ' flops: Limit("flops", max=60)' in capsys.readouterr().out
    trials = trials_of(tuner, "COMPLETED")
    assert len(trials) == 4
    assert all(t.metrics.get_best_value("flops") <= 60 for t in trials)


def test_a_function_without_a_dry_build(tmp_path):
    def is_left(hp):
        return hp["x"] <= 0.5

    tuner = search(
        tmp_path,
        OBJECTIVES[0],
        num_trials=8,
        dry_build=False,
        limits=Limit(is_left),
    )
    xs = [t.hyperparameters.get("x") for t in trials_of(tuner)]
    assert len(xs) == 8
    assert max(xs) <= 0.5


@pytest.mark.parametrize("surrogate", ["gaussian_process", None])
def test_a_limit_that_only_training_shows_is_learned(tmp_path, surrogate):
    tuner = search(
        tmp_path,
        OBJECTIVES[0],
        num_trials=30,
        surrogate=surrogate,
        limits=Limit("cost", max=0.25),
    )
    best = tuner.oracle.get_best_trials()[0]
    gain, cost = point(best)
    # The best is at x = 0.5; without the limit it is at x = 1.
    assert cost <= 0.25
    assert gain > (0.45 if surrogate else 0.1)
    ordered = [point(t)[1] for t in tuner.oracle.get_best_trials(30)]
    num_feasible = sum(cost <= 0.25 for cost in ordered)
    assert max(ordered[:num_feasible]) <= 0.25
    assert ordered[num_feasible:] == sorted(ordered[num_feasible:])


def test_of_none_that_keeps_a_limit_the_nearest(tmp_path):
    tuner = search(
        tmp_path, OBJECTIVES, num_trials=10, limits=Limit("cost", max=-1.0)
    )
    expected = "No trial is within all limits"
    with pytest.warns(UserWarning, match=expected) as caught:
        assert tuner.get_pareto_trials() == []
        best = tuner.oracle.get_best_trials()[0]
        assert tuner.oracle.get_best_trials()[0] is best
    assert point(best)[1] == min(point(t)[1] for t in trials_of(tuner))
    # Once for the search, not for each line of code that asks for the best.
    assert [expected in str(one.message) for one in caught].count(True) == 1


def test_a_limit_on_an_unknown_metric_is_named(tmp_path):
    with pytest.raises(kt.errors.FatalValueError, match=r"Limit\(\"costs\""):
        search(tmp_path, OBJECTIVES[0], limits=Limit("costs", max=1.0))


def test_a_limit_may_change_when_the_search_goes_on(tmp_path):
    search(
        tmp_path,
        OBJECTIVES[0],
        num_trials=8,
        limits=Limit("cost", max=0.25),
    )
    tuner = search(
        tmp_path,
        OBJECTIVES[0],
        num_trials=20,
        limits=Limit("cost", max=0.64),
    )
    gain, cost = point(tuner.oracle.get_best_trials()[0])
    assert cost <= 0.64
    assert gain > 0.5
