"""`recommend`: which completed trials are likely to be truly best."""

import keras_tuner as kt
import numpy as np
import pytest

from kt_evolution import EvolutionOracle


class PrefersLarge:
    """A surrogate of one gene that expects the less the larger it is."""

    best = 0.0

    def fit(self, space, genomes, expressed, scores, noise_variance=None):
        return self

    def predict(self, genomes, expressed):
        return -genomes[:, 0], np.ones(len(genomes))

    def condition_on(self, genomes, expressed):
        return self


def searched(folder, surrogate, num_trials, direction="min", fails=()):
    """Returns an oracle whose trials `x` scored as far as `x` is from 5."""
    hp = kt.HyperParameters()
    hp.Int("x", 0, 20, default=9)
    oracle = EvolutionOracle(
        kt.Objective("score", direction),
        max_trials=50,
        seed=0,
        hyperparameters=hp,
        surrogate=surrogate,
    )
    oracle.verbose = 0
    oracle._set_project_dir(folder, "p")
    sign = 1.0 if direction == "min" else -1.0
    for number in range(num_trials):
        trial = oracle.create_trial("tuner0")
        if number in fails:
            trial.status = "INVALID"
        else:
            score = sign * abs(trial.hyperparameters.values["x"] - 5)
            oracle.update_trial(trial.trial_id, {"score": score})
            trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return oracle


def values(trials):
    return [trial.hyperparameters.values["x"] for trial in trials]


def test_the_surrogates_mean_decides(tmp_path):
    oracle = searched(tmp_path, PrefersLarge(), 6)
    tried = values(oracle.trials.values())
    assert values(oracle.recommend(6)) == sorted(tried, reverse=True)
    assert values(oracle.recommend(2)) == sorted(tried, reverse=True)[:2]
    assert values(oracle.recommend()) == [max(tried)]
    best = values(oracle.get_best_trials(6))
    assert best == sorted(best, key=lambda x: abs(x - 5))


@pytest.mark.parametrize("direction", ["min", "max"])
def test_without_a_surrogate_the_score_decides(tmp_path, direction):
    oracle = searched(tmp_path, None, 8, direction)
    recommended = oracle.recommend(8)
    assert len(recommended) == 8
    distances = [abs(x - 5) for x in values(recommended)]
    assert distances == sorted(distances)


@pytest.mark.parametrize("direction", ["min", "max"])
def test_the_default_recommends_a_good_trial(tmp_path, direction):
    oracle = searched(tmp_path, "gaussian_process", 10, direction)
    assert abs(values(oracle.recommend())[0] - 5) <= 1


@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
def test_only_completed_trials_are_recommended(tmp_path, surrogate):
    oracle = searched(tmp_path, surrogate, 6, fails=(0, 4))
    oracle.create_trial("tuner0")
    recommended = oracle.recommend(20)
    assert {trial.status for trial in recommended} == {"COMPLETED"}
    assert len({trial.trial_id for trial in recommended}) == 4


@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
def test_of_no_completed_trial_none_is_recommended(tmp_path, surrogate):
    assert searched(tmp_path / "a", surrogate, 0).recommend(3) == []
    assert searched(tmp_path / "b", surrogate, 1, fails=(0,)).recommend() == []


def test_a_resumed_search_recommends_the_same(tmp_path):
    before = searched(tmp_path, "gaussian_process", 8)
    after = searched(tmp_path, "gaussian_process", 0)
    assert values(after.recommend(8)) == values(before.recommend(8))
