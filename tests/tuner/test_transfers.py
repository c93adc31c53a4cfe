"""`warm_start=Transfer(...)`: what searches on other data teach a search."""

import dataclasses
import json
import pickle
import shutil

import keras_tuner as kt
import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import empty_model
from tuner_helpers import values_of

import kt_evolution
from kt_evolution import Transfer
from kt_evolution.algorithm.surrogate import GaussianProcess
from kt_evolution.reporting import read_search
from tests import stock_projects
from tests.stock_projects import OBJECTIVE
from tests.stock_projects import score_of
from tests.stock_projects import space


def build(hp):
    hp.Int("x", 0, 9)
    hp.Int("y", 0, 9)
    return empty_model()


def loss(hp):
    """On these data all models are worse, by much."""
    return {"score": 100.0 + 20.0 * score_of(hp.values)}


def new_tuner(folder, warm_start, build=build, **options):
    options = {
        "objective": OBJECTIVE,
        "max_trials": 8,
        "seed": 0,
        "directory": folder,
        "project_name": "p",
        **options,
    }
    tuner = ScoringTuner(build, warm_start=warm_start, **options)
    tuner.oracle.verbose = 0
    return tuner


@pytest.fixture
def past(tmp_path):
    return stock_projects.random_search(tmp_path / "past", 12)


def past_values(project):
    return [
        json.loads(path.read_text())["hyperparameters"]["values"]
        for path in sorted(project.glob("trial_*/trial.json"))
    ]


def transfer_lines(folder):
    lines = (folder / "p" / "journal.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return [event for event in events if event["event"] == "transfer"]


def test_the_first_trial_is_what_was_best_on_the_other_data(tmp_path, past):
    tuner = new_tuner(tmp_path, Transfer(past))
    tuner.search(loss)
    best = sorted(past_values(past), key=score_of)
    assert values_of(tuner)[0] in best[:3]
    first = tuner.oracle.history.individuals[0]
    assert first.operator == "transfer"
    # Then the defaults, so the search can't end below them.
    assert values_of(tuner)[1] == {"x": 0, "y": 0}


def test_scores_on_other_data_are_no_scores_here(tmp_path, past):
    tuner = new_tuner(tmp_path, Transfer(past))
    tuner.search(loss)
    oracle = tuner.oracle
    assert len(oracle.trials) == len(oracle.history) == 8
    assert oracle.remaining_trials() == 0
    assert len(oracle.get_best_trials(20)) == 8
    assert all(one.score >= 100.0 for one in oracle.get_best_trials(20))
    assert {one.trial_id for one in oracle.recommend(20)} <= set(oracle.trials)
    record = read_search(tmp_path / "p")
    assert len(record.trials) == 8 and not record.imports
    assert min(one.metrics["score"] for one in record.trials) >= 100.0


def test_the_past_teaches_the_surrogate(tmp_path, past):
    for name, start in (("warm", Transfer(past)), ("cold", None)):
        tuner = new_tuner(tmp_path / name, start)
        tuner.search(loss)
    (line,) = transfer_lines(tmp_path / "warm")
    assert line["path"] == str(past)
    assert line["values"] == past_values(past)
    assert line["metrics"] == [
        {"score": score_of(one)} for one in past_values(past)
    ]
    assert not transfer_lines(tmp_path / "cold")


def test_a_resumed_search_is_as_if_it_had_not_stopped(tmp_path, past):
    whole = new_tuner(tmp_path / "whole", Transfer(past), max_trials=10)
    whole.search(loss)
    new_tuner(tmp_path / "parts", Transfer(past), max_trials=6).search(loss)
    shutil.rmtree(past)
    # The folder is not needed, and neither is the argument.
    resumed = new_tuner(tmp_path / "parts", Transfer(past), max_trials=8)
    resumed.oracle.reload()
    resumed.search(loss)
    resumed = new_tuner(tmp_path / "parts", None, max_trials=10)
    resumed.search(loss)
    assert values_of(resumed) == values_of(whole)
    assert len(transfer_lines(tmp_path / "parts")) == 1


def test_oracles_made_anew_for_each_trial_propose_the_same(tmp_path, past):
    def oracle(name):
        made = kt_evolution.EvolutionOracle(
            OBJECTIVE,
            9,
            seed=0,
            warm_start=Transfer(past),
            hyperparameters=space(),
        )
        made._set_project_dir(tmp_path / name, "p")
        made.verbose = 0
        return made

    def one_trial(made):
        trial = made.create_trial("tuner0")
        values = trial.hyperparameters.values
        made.update_trial(trial.trial_id, {"score": score_of(values) + 3.0})
        trial.status = "COMPLETED"
        made.end_trial(trial)
        return values

    whole = oracle("whole")
    expected = [one_trial(whole) for _ in range(9)]
    assert [one_trial(oracle("parts")) for _ in range(9)] == expected
    assert expected[0] in past_values(past)


def test_scores_to_maximize_are_turned(tmp_path):
    objective = kt.Objective("score", "max")
    past = stock_projects.random_search(
        tmp_path / "past", 12, objective=objective
    )
    tuner = new_tuner(tmp_path, Transfer(past), objective=objective)
    tuner.search(loss)
    worst = sorted(past_values(past), key=score_of, reverse=True)
    assert values_of(tuner)[0] in worst[:3]


def test_several_objectives_and_several_pasts(tmp_path, past):
    objective = [OBJECTIVE, kt.Objective("size", "min")]
    more = stock_projects.random_search(tmp_path / "more", 5)
    tuner = new_tuner(
        tmp_path, [Transfer(past), Transfer(str(more))], objective=objective
    )
    tuner.search(lambda hp: {**loss(hp), "size": float(hp.get("x"))})
    assert len(values_of(tuner)) == 8
    assert [len(one) for one in tuner.oracle.history.past] == [12, 5]
    assert values_of(tuner)[0] in past_values(past) + past_values(more)


def test_trials_on_the_same_data_and_on_others(tmp_path, past):
    same = stock_projects.random_search(
        tmp_path / "same",
        3,
        metrics_of=lambda trial: loss(trial.hyperparameters),
    )
    tuner = new_tuner(tmp_path, [same, Transfer(past)])
    tuner.search(loss)
    assert len(tuner.oracle.history.imports) == 3
    assert len(tuner.oracle.history.past) == 1


def test_hyperparameters_that_only_one_search_has(tmp_path, past):
    def changed(hp):
        hp.Int("x", 0, 9)
        hp.Choice("z", ["a", "b"], default="b")
        return empty_model()

    tuner = new_tuner(tmp_path, Transfer(past), changed)
    tuner.search(loss)
    assert values_of(tuner)[0]["z"] == "b"
    history = tuner.oracle.history
    genomes = history.past[0].genomes(history.space)
    assert [history.space.decode(one) for one in genomes] == [
        {"x": one["x"], "z": "b"} for one in past_values(past)
    ]


def test_trials_outside_the_space_are_left_out(tmp_path, past):
    def narrow(hp):
        hp.Int("x", 0, 5)
        hp.Int("y", 0, 9)
        return empty_model()

    outside = sum(one["x"] > 5 for one in past_values(past))
    tuner = new_tuner(tmp_path, Transfer(past), narrow)
    message = f"{outside} are none that this search can have .*'x'"
    with pytest.warns(UserWarning, match=message):
        tuner.search(loss)
    (line,) = transfer_lines(tmp_path)
    assert (len(line["values"]), line["dropped"]) == (12 - outside, outside)


def test_a_past_search_of_ours_with_a_fidelity(tmp_path, past):
    own = new_tuner(tmp_path / "own", Transfer(past))
    own.search(loss)
    tuner = new_tuner(tmp_path, Transfer(tmp_path / "own" / "p"))
    tuner.search(loss)
    # Its own trials count, and not those that it learned from.
    assert len(tuner.oracle.history.past[0]) == 8


def test_the_objective_can_not_change_once_it_was_transferred(tmp_path, past):
    tuner = new_tuner(tmp_path, Transfer(past))
    tuner.oracle.create_trial("tuner0")
    with pytest.raises(ValueError, match="`objective` must be that of the"):
        new_tuner(tmp_path, None, objective=kt.Objective("size", "min"))


def test_a_folder_without_a_project(tmp_path):
    with pytest.raises(ValueError, match="`warm_start` must be the folder.*no"):
        new_tuner(tmp_path, Transfer(tmp_path / "nothing"))


def test_another_space(tmp_path, past):
    def other(hp):
        hp.Int("units", 1, 9)
        return empty_model()

    message = r"hyperparameter of this one.*past.*\['x', 'y'\].*\['units'\]"
    with pytest.raises(ValueError, match=message):
        new_tuner(tmp_path, Transfer(past), other)


def test_no_trial_that_this_search_can_have(tmp_path, past):
    def other(hp):
        hp.Int("x", 10, 19)
        return empty_model()

    with pytest.raises(ValueError, match="that this one can have.*trial 0"):
        new_tuner(tmp_path, Transfer(past), other)


def test_an_objective_of_the_other_direction(tmp_path):
    past = stock_projects.random_search(
        tmp_path / "past", objective=kt.Objective("score", "max")
    )
    with pytest.raises(ValueError, match="the direction.*'score' is 'max'"):
        new_tuner(tmp_path, Transfer(past))


def test_an_objective_that_is_missing(tmp_path, past):
    with pytest.raises(ValueError, match=r"'val_loss'.*\['score', 'size'\]"):
        new_tuner(tmp_path, Transfer(past), objective="val_loss")


def test_a_search_without_a_completed_trial(tmp_path, past):
    for path in past.glob("trial_*/trial.json"):
        state = json.loads(path.read_text())
        path.write_text(json.dumps({**state, "status": "FAILED"}))
    with pytest.raises(ValueError, match="completed trial.*past'.*none"):
        new_tuner(tmp_path, Transfer(past))


@pytest.mark.parametrize("surrogate", [None, object])
def test_a_surrogate_that_has_no_prior_mean(tmp_path, past, surrogate):
    if surrogate is not None:

        class Surrogate:
            def fit(self, space, genomes, expressed, scores, noise_variance):
                raise NotImplementedError

        surrogate = Surrogate()
    with pytest.raises(ValueError, match="`surrogate` must be .*Transfer"):
        new_tuner(tmp_path, Transfer(past), surrogate=surrogate)


def test_a_gaussian_process_of_the_user(tmp_path, past):
    tuner = new_tuner(
        tmp_path, Transfer(past), surrogate=GaussianProcess(max_points=5)
    )
    tuner.search(loss)
    assert len(values_of(tuner)) == 8


def test_values_of_the_wrong_type(tmp_path, past):
    with pytest.raises(TypeError, match="`folder` must be.*folder=3"):
        Transfer(3)
    with pytest.raises(TypeError, match="`warm_start` must be.*Transfer"):
        new_tuner(tmp_path, [Transfer(past), 3])
    with pytest.raises(ValueError, match="not both"):
        new_tuner(tmp_path, [Transfer(past), past])
    with pytest.raises(ValueError, match="folder of another project"):
        new_tuner(tmp_path, Transfer(tmp_path / "p"))


def test_a_transfer_is_an_immutable_value(past):
    assert Transfer(past) == Transfer(past)
    assert pickle.loads(pickle.dumps(Transfer(past))) == Transfer(past)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Transfer(past).folder = "x"


def test_limits_are_learned_here_alone(tmp_path, past):
    limit = kt_evolution.Limit("late", max=0.5)
    tuner = new_tuner(tmp_path, Transfer(past), limits=limit)
    tuner.search(lambda hp: {**loss(hp), "late": float(hp.get("x") > 4)})
    assert len(values_of(tuner)) == 8
    resumed = new_tuner(tmp_path, None, limits=limit, max_trials=9)
    resumed.search(lambda hp: {**loss(hp), "late": float(hp.get("x") > 4)})
    assert values_of(resumed)[:8] == values_of(tuner)
