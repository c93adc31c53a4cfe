"""`EvolutionOracle` with the host's own tuners."""

import keras_tuner as kt
import numpy as np
import pytest
from tuner_helpers import FIT
from tuner_helpers import X
from tuner_helpers import Y
from tuner_helpers import build_dense
from tuner_helpers import trials_of
from tuner_helpers import values_of

from kt_evolution import EvolutionOracle


class StockTuner(kt.Tuner):
    """The host's tuner; its own training needs tensorboard installed."""

    def run_trial(self, trial, *args, **kwargs):
        model = self.hypermodel.build(trial.hyperparameters)
        return self.hypermodel.fit(
            trial.hyperparameters, model, *args, **kwargs
        )


class ScoringBaseTuner(kt.engine.base_tuner.BaseTuner):
    """A tuner of anything, of which the host knows nothing."""

    def run_trial(self, trial, score):
        return score(trial.hyperparameters)


def test_the_hosts_tuner_searches_and_resumes(tmp_path):
    def new_tuner(max_trials):
        oracle = EvolutionOracle("val_loss", max_trials, seed=0)
        return StockTuner(
            oracle=oracle, hypermodel=build_dense, directory=tmp_path
        )

    new_tuner(2).search(**FIT)
    tuner = new_tuner(5)
    assert len(trials_of(tuner, "COMPLETED")) == 2
    tuner.search(**FIT)
    assert len(trials_of(tuner, "COMPLETED")) == 5
    assert values_of(tuner)[0] == {"units": 1, "lr": 1e-3}
    best = tuner.get_best_hyperparameters()[0].values
    assert best == tuner.oracle.get_best_trials()[0].hyperparameters.values


def test_scikit_learn_models_are_searched(tmp_path):
    linear_model = pytest.importorskip("sklearn.linear_model")
    tree = pytest.importorskip("sklearn.tree")

    def build(hp):
        if hp.Choice("model", ["ridge", "tree"]) == "ridge":
            alpha = hp.Float("alpha", 1e-3, 10.0, sampling="log")
            return linear_model.RidgeClassifier(alpha)
        return tree.DecisionTreeClassifier(max_depth=hp.Int("depth", 1, 5))

    oracle = EvolutionOracle(kt.Objective("score", "max"), 15, seed=0)
    tuner = kt.SklearnTuner(oracle, build, directory=tmp_path)
    tuner.search(X, Y)
    trials = trials_of(tuner, "COMPLETED")
    assert len(trials) == 15
    best = max(trial.score for trial in trials)
    assert tuner.oracle.get_best_trials()[0].score == best
    assert tuner.get_best_models()[0].score(X, Y) > 0.5


def test_tables_with_an_index_are_searched_as_the_faq_says(tmp_path):
    linear_model = pytest.importorskip("sklearn.linear_model")
    pandas = pytest.importorskip("pandas")
    x = pandas.DataFrame(X, index=range(100, 100 + len(X)))
    y = pandas.Series(Y, index=x.index)
    weights = pandas.Series(1.0, index=x.index)

    def search(*args, **kwargs):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        tuner = kt.SklearnTuner(
            EvolutionOracle(kt.Objective("score", "max"), 1, seed=0),
            lambda hp: linear_model.RidgeClassifier(hp.Float("alpha", 0.1, 1)),
            directory=folder,
        )
        tuner.search(*args, **kwargs)
        return trials_of(tuner)[0]

    arrays = {"y": y.to_numpy(), "sample_weight": weights.to_numpy()}
    assert search(x, **arrays).status == "COMPLETED"
    # The host's faults.
    with pytest.warns(UserWarning, match="The only trial failed"):
        assert "TypeError" in search(x, y).message
    with pytest.warns(UserWarning, match="The only trial failed"):
        failed = search(x, arrays["y"], sample_weight=weights)
    assert "KeyError" in failed.message


def bowl(hp):
    x, y = hp.Float("x", -1.0, 1.0), hp.Int("y", -10, 10)
    return (x - 0.3) ** 2 + (y / 10 - 0.5) ** 2


@pytest.mark.parametrize(("direction", "sign"), [("min", 1.0), ("max", -1.0)])
def test_both_directions_are_searched(tmp_path, direction, sign):
    oracle = EvolutionOracle(kt.Objective("score", direction), 80, seed=0)
    tuner = ScoringBaseTuner(oracle, directory=tmp_path)
    tuner.search(lambda hp: {"score": sign * bowl(hp)})
    best = oracle.get_best_trials(80)
    scores = [sign * trial.score for trial in best]
    assert scores == sorted(scores)
    assert len(scores) == 80
    assert scores[0] < 0.01


def test_the_same_search_is_made_in_both_directions(tmp_path):
    values = []
    for direction, sign in (("min", 1.0), ("max", -1.0)):
        oracle = EvolutionOracle(kt.Objective("score", direction), 30, seed=3)
        tuner = ScoringBaseTuner(oracle, directory=tmp_path / direction)
        tuner.search(lambda hp, sign=sign: {"score": sign * bowl(hp)})
        values.append(values_of(tuner))
    assert values[0] == values[1]


def test_a_finite_space_is_finished_exactly(tmp_path):
    def score(hp):
        return hp.Int("a", 1, 4) + len(hp.Choice("b", ["x", "yy", "zzz"]))

    oracle = EvolutionOracle(max_trials=100, seed=0, num_initial_points=3)
    tuner = ScoringBaseTuner(oracle, directory=tmp_path)
    tuner.search(score)
    seen = {tuple(values.values()) for values in values_of(tuner)}
    assert len(seen) == len(trials_of(tuner, "COMPLETED")) == 12
    assert oracle.create_trial("tuner0").status == "STOPPED"


def test_numbers_of_numpy_may_be_reported(tmp_path):
    oracle = EvolutionOracle("val_loss", max_trials=2, seed=0)
    tuner = ScoringBaseTuner(oracle, directory=tmp_path)
    tuner.search(
        lambda hp: {
            "val_loss": np.float32(hp.Float("a", 0.0, 1.0)),
            "steps": np.int64(7),
        }
    )
    assert len(trials_of(tuner, "COMPLETED")) == 2
    resumed = EvolutionOracle("val_loss", max_trials=2, seed=0)
    ScoringBaseTuner(resumed, directory=tmp_path)
    assert len(resumed.get_best_trials(2)) == 2


def test_given_hyperparameters_are_searched_without_a_hypermodel(tmp_path):
    hp = kt.HyperParameters()
    hp.Int("a", 1, 3)
    oracle = EvolutionOracle(
        max_trials=10,
        hyperparameters=hp,
        allow_new_entries=False,
        tune_new_entries=False,
    )
    tuner = ScoringBaseTuner(oracle, directory=tmp_path)
    tuner.search(lambda hp: hp.get("a"))
    assert sorted(v["a"] for v in values_of(tuner)) == [1, 2, 3]


def test_several_workers_may_ask_at_once(tmp_path):
    hp = kt.HyperParameters()
    hp.Int("a", 1, 12)
    oracle = EvolutionOracle(max_trials=50, hyperparameters=hp, seed=0)
    ScoringBaseTuner(oracle, directory=tmp_path)
    trials = [oracle.create_trial(f"worker{i}") for i in range(12)]
    assert {trial.status for trial in trials} == {"RUNNING"}
    # Those that run count as known: nothing is left for one more.
    assert len({trial.hyperparameters.get("a") for trial in trials}) == 12
    assert oracle.create_trial("worker12").status == "STOPPED"
    # One that asks while it has a trial lost its process, and starts it again.
    again = oracle.create_trial("worker3")
    assert again.trial_id == trials[3].trial_id
    assert again.hyperparameters.values == trials[3].hyperparameters.values


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("selection", "best", "tournament"),
        ("crossover", "two", "two_point"),
        ("mutation", "none", "mixed"),
        ("survival", "fittest", "elitist"),
        ("population_size", 0, "0"),
        ("num_initial_points", -3, "-3"),
    ],
)
def test_wrong_arguments_are_named(argument, value, message):
    with pytest.raises(ValueError, match=f"(?s){argument}.*{message}"):
        EvolutionOracle("val_loss", **{argument: value})
