"""Subclasses of the oracle that propose or score by themselves."""

import keras_tuner as kt
import pytest

import kt_evolution


class GridOracle(kt_evolution.EvolutionOracle):
    """Proposes tenths, and scores by the worst metric."""

    def __init__(self, *args, **kwargs):
        self.proposed = []
        super().__init__(*args, **kwargs)

    def populate_space(self, trial_id):
        self.proposed.append(trial_id)
        return {
            "status": "RUNNING",
            "values": {"x": len(self.trials) / 10, "n": 2},
        }

    def score_trial(self, trial):
        trial.score = -trial.metrics.get_best_value("score")
        trial.best_step = 0


def make_oracle(folder, oracle_class=GridOracle):
    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    hp.Int("n", 1, 4)
    oracle = oracle_class(
        kt.Objective("score", "min"), max_trials=8, hyperparameters=hp, seed=1
    )
    oracle._set_project_dir(folder, "p")
    oracle.verbose = 0
    return oracle


def run_trials(oracle, number):
    for _ in range(number):
        trial = oracle.create_trial("tuner0")
        value = trial.hyperparameters.values["x"]
        oracle.update_trial(trial.trial_id, {"score": value})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)


def test_own_proposals_and_scores_count_also_after_a_restart(tmp_path):
    oracle = make_oracle(tmp_path)
    run_trials(oracle, 4)
    assert oracle.proposed == ["0", "1", "2", "3"]
    for one in (oracle, make_oracle(tmp_path)):
        best = one.get_best_trials(2)
        assert [trial.trial_id for trial in best] == ["3", "2"]
        assert best[0].score == pytest.approx(-0.3)
        assert one.history.scores == pytest.approx([0.0, -0.1, -0.2, -0.3])
        assert [x.operator for x in one.history.individuals] == 4 * ["custom"]


def test_evolution_goes_on_from_own_proposals(tmp_path):
    run_trials(make_oracle(tmp_path), 6)
    oracle = make_oracle(tmp_path, kt_evolution.EvolutionOracle)
    run_trials(oracle, 2)
    known = {(i / 10, 2) for i in range(6)}
    new = [oracle.trials[trial_id].hyperparameters for trial_id in ("6", "7")]
    assert not known & {(hp.get("x"), hp.get("n")) for hp in new}
