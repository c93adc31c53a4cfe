"""`reevaluate`: the best models are trained again before the end."""

import random

import keras
import numpy as np
import pytest
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import build_dense
from tuner_helpers import empty_model
from tuner_helpers import trials_of
from tuner_helpers import values_of

import kt_evolution
from kt_evolution import Stagnation
from kt_evolution import Target
from kt_evolution import TimeBudget
from kt_evolution.project import clock


def build(hp):
    hp.Float("x", 0.0, 1.0, default=0.9)
    return empty_model()


class NoisyTuner(ScoringTuner):
    """Scores `x`, with noise of its own in each trial."""

    noise = 0.3

    def run_trial(self, trial):
        rng = np.random.default_rng(int(trial.trial_id))
        return trial.hyperparameters.get("x") + self.noise * rng.normal()


def search(folder, hypermodel=build, tuner_class=NoisyTuner, **kwargs):
    options = {"max_trials": 20, "seed": 0, "reevaluate": 3, **kwargs}
    tuner = tuner_class(hypermodel, directory=folder, **options)
    tuner.search()
    return tuner


def test_the_last_trials_are_reevaluations_and_marked(tmp_path, capsys):
    tuner = search(tmp_path)
    printed = capsys.readouterr().out
    marked = tuner.oracle.reevaluations
    assert len(trials_of(tuner)) == 20
    assert 3 <= len(marked) <= 6
    for again, first in marked.items():
        assert int(again) >= 14 and first not in marked
        assert f", reevaluation of {first}" in printed
        values = [
            tuner.oracle.get_trial(one).hyperparameters.values
            for one in (again, first)
        ]
        assert values[0] == values[1]


def test_by_default_no_model_is_trained_twice(tmp_path):
    tuner = search(tmp_path, reevaluate=0)
    values = [tuple(one.items()) for one in values_of(tuner)]
    assert len(set(values)) == 20
    assert tuner.oracle.reevaluations == {}


def test_a_model_is_ranked_by_all_its_trainings_and_once(tmp_path):
    tuner = search(tmp_path, surrogate=None)
    scores = {}
    for trial in trials_of(tuner):
        x = trial.hyperparameters.get("x")
        scores.setdefault(x, []).append(trial.score)
    means = {x: np.mean(several) for x, several in scores.items()}
    for best in (
        tuner.oracle.get_best_trials(20),
        tuner.oracle.recommend(20),
    ):
        xs = [trial.hyperparameters.get("x") for trial in best]
        assert xs == sorted(means, key=means.get)
        assert [trial.score for trial in best] == [min(scores[x]) for x in xs]


def test_a_clear_order_is_not_trained_for(tmp_path):
    class ClearTuner(NoisyTuner):
        noise = 0.0

    tuner = search(tmp_path, tuner_class=ClearTuner)
    # Nobody knows that there is no noise before each is trained again.
    assert len(tuner.oracle.reevaluations) <= 3


def test_what_is_left_of_the_race_is_searched_on(tmp_path):
    class ClearTuner(NoisyTuner):
        noise = 0.0

    tuner = search(tmp_path, tuner_class=ClearTuner, reevaluate=5)
    again = tuner.oracle.reevaluations
    assert trials_of(tuner)[-1].trial_id not in again


@pytest.mark.parametrize("rule", [Stagnation(4), Target(0.2)])
def test_a_race_comes_before_the_end_by_a_rule(tmp_path, rule):
    tuner = search(tmp_path, max_trials=None, stop=rule)
    again = tuner.oracle.reevaluations
    assert again and trials_of(tuner)[-1].trial_id in again
    assert tuner.oracle.stop_reason


def test_a_target_that_was_luck_is_not_reached(tmp_path):
    class LuckyTuner(NoisyTuner):
        def run_trial(self, trial):
            return -5.0 if trial.trial_id == "03" else 1.0

    tuner = search(
        tmp_path, tuner_class=LuckyTuner, stop=Target(-2.5), max_trials=12
    )
    assert "03" in tuner.oracle.reevaluations.values()
    assert tuner.oracle.stop_reason is None
    assert len(trials_of(tuner)) == 12


def test_the_end_of_a_time_budget_is_for_the_race(tmp_path, monkeypatch):
    time = [1000.0]
    for name in ("now", "monotonic"):
        monkeypatch.setattr(clock, name, lambda: time[0])

    class SlowTuner(NoisyTuner):
        def run_trial(self, trial):
            time[0] += 10.0
            return super().run_trial(trial)

    tuner = search(
        tmp_path,
        tuner_class=SlowTuner,
        max_trials=None,
        stop=TimeBudget(seconds=200),
    )
    again = [int(one) for one in tuner.oracle.reevaluations]
    assert len(trials_of(tuner)) == 20
    assert again and min(again) >= 14


def test_a_small_space_is_raced_at_its_end(tmp_path):
    def build_few(hp):
        hp.Choice("x", [0.1, 0.2, 0.3])
        return empty_model()

    tuner = search(tmp_path, hypermodel=build_few)
    assert 3 < len(trials_of(tuner)) <= 12
    assert [*tuner.oracle.reevaluations] == [
        trial.trial_id for trial in trials_of(tuner)[3:]
    ]


def test_a_crash_in_the_race_leaves_the_first_score(tmp_path):
    class CrashingTuner(NoisyTuner):
        def run_trial(self, trial):
            if trial.trial_id in self.oracle.reevaluations:
                raise RuntimeError("No luck.")
            return super().run_trial(trial)

    tuner = search(tmp_path, tuner_class=CrashingTuner)
    assert len(tuner.oracle.reevaluations) > 0
    best = tuner.oracle.get_best_trials(1)[0]
    firsts = trials_of(tuner, "COMPLETED")
    assert best.score == min(trial.score for trial in firsts)


def test_trainings_of_a_model_have_seeds_of_their_own(tmp_path):
    drawn = []

    class SeededTuner(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, *args, **kwargs):
            results = super().run_trial(trial, *args, **kwargs)
            drawn.append(random.random())
            return results

        def on_trial_begin(self, trial):
            super().on_trial_begin(trial)
            # As in a script that is resumed after each trial.
            keras.utils.set_random_seed(1)

    tuner = SeededTuner(
        build_dense,
        "val_loss",
        max_trials=6,
        seed=0,
        reevaluate=2,
        directory=tmp_path,
    )
    tuner.search(**FIT)
    again = [int(one) for one in tuner.oracle.reevaluations]
    assert len(again) >= 2
    assert len({drawn[i] for i in again}) == len(again)
    firsts = [i for i in range(6) if i not in again]
    assert len({drawn[i] for i in firsts}) == 1
    for again, first in tuner.oracle.reevaluations.items():
        scores = [tuner.oracle.get_trial(i).score for i in (again, first)]
        assert scores[0] != scores[1]


def test_reevaluate_is_checked():
    with pytest.raises(ValueError, match="`reevaluate` must be.*=1.5"):
        kt_evolution.EvolutionTuner(build, "val_loss", reevaluate=1.5)
