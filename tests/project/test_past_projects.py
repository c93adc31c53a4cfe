"""Reading the projects of other searches."""

import json

import keras_tuner as kt
import pytest

import kt_evolution
from kt_evolution.project.journal import JournalError
from kt_evolution.project.past_projects import read_project
from tests import stock_projects
from tests.stock_projects import OBJECTIVE
from tests.stock_projects import score_of


def trial_file(project, number=0):
    return sorted(project.glob("trial_*/trial.json"))[number]


def change(project, number, **changes):
    path = trial_file(project, number)
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, **changes}))


def own_search(folder, num_trials=6):
    oracle = kt_evolution.EvolutionOracle(
        OBJECTIVE, num_trials, seed=0, hyperparameters=stock_projects.space()
    )
    return stock_projects.drive(oracle, folder)


def own_trials(tmp_path):
    """Our project, whose trial files are gone: the journal has it all."""
    project = own_search(tmp_path / "own")
    for path in project.glob("trial_*/trial.json"):
        path.unlink()
    return project


PROJECTS = {
    "random": lambda tmp_path: stock_projects.random_search(tmp_path / "past"),
    "bayesian": lambda tmp_path: stock_projects.bayesian(tmp_path / "past"),
    "own": own_trials,
}


@pytest.mark.parametrize("kind", PROJECTS)
def test_completed_trials_are_read_in_their_order(tmp_path, kind):
    past = read_project(str(PROJECTS[kind](tmp_path)), OBJECTIVE)
    assert len(past.trials) >= 5
    assert (past.num_unscored, past.num_damaged) == (0, 0)
    numbers = [int(trial.trial_id) for trial in past.trials]
    assert numbers == list(range(len(numbers)))
    for trial in past.trials:
        assert trial.values.keys() == {"x", "y"}
        assert trial.metrics["score"] == score_of(trial.values)


def test_of_a_hyperband_project_the_longest_training_counts(tmp_path):
    project = stock_projects.hyperband(tmp_path / "past")
    longest = {}
    for path in project.glob("trial_*/trial.json"):
        values = json.loads(path.read_text())["hyperparameters"]["values"]
        key = values["x"], values["y"]
        longest[key] = max(longest.get(key, 0), values["tuner/epochs"])
    past = read_project(str(project), OBJECTIVE)
    assert set(longest.values()) > {9}
    assert len(past.trials) == len(longest)
    for trial in past.trials:
        assert trial.values.keys() == {"x", "y"}
        epochs = longest[trial.values["x"], trial.values["y"]]
        assert trial.metrics["score"] == score_of(trial.values) + 9.0 - epochs


def test_of_a_model_that_was_trained_again_the_mean_counts(tmp_path):
    hp = kt.HyperParameters()
    hp.Choice("x", [1, 2])
    oracle = kt_evolution.EvolutionOracle(
        OBJECTIVE, 6, seed=0, hyperparameters=hp, reevaluate=2
    )
    oracle._set_project_dir(tmp_path, "p")
    oracle.verbose = 0
    scores = {}
    for number in range(6):
        trial = oracle.create_trial("tuner0")
        x = trial.hyperparameters.values["x"]
        scores.setdefault(x, []).append(x + float(number))
        oracle.update_trial(trial.trial_id, {"score": scores[x][-1]})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    assert len(oracle.reevaluations) == 4
    past = read_project(str(tmp_path / "p"), OBJECTIVE)
    assert {
        trial.values["x"]: trial.metrics["score"] for trial in past.trials
    } == {x: sum(several) / len(several) for x, several in scores.items()}


def test_another_metric_may_be_the_objective(tmp_path):
    project = stock_projects.random_search(tmp_path / "past")
    # Not knowing it, the host noted that less is better.
    objective = kt.Objective("size", "max")
    past = read_project(str(project), objective)
    assert [one.metrics["size"] for one in past.trials] == [
        float(one.values["x"]) for one in past.trials
    ]


def test_several_objectives_are_computed_from_their_parts(tmp_path):
    objectives = [kt.Objective("score", "min"), kt.Objective("size", "max")]
    project = stock_projects.random_search(
        tmp_path / "past",
        objective=[OBJECTIVE, kt.Objective("other", "min")],
        metrics_of=lambda trial: {
            "score": score_of(trial.hyperparameters.values),
            "other": 5.0,
            "multi_objective": 99.0,
            "size": float(trial.hyperparameters.values["x"]),
        },
    )
    objective = kt_evolution.EvolutionOracle(objectives).objective
    for trial in read_project(str(project), objective).trials:
        assert (
            trial.metrics["score"] - trial.metrics["size"]
            == score_of(trial.values) - trial.values["x"]
        )


def test_the_best_epoch_counts(tmp_path):
    project = stock_projects.random_search(tmp_path / "past", 1)
    observations = [
        {"value": [9.0], "step": 0},
        {"value": [2.0, 4.0], "step": 1},
        {"value": [float("nan")], "step": 2},
    ]
    metric = {"direction": "min", "observations": observations}
    change(project, 0, metrics={"metrics": {"score": metric}}, score=3.0)
    (trial,) = read_project(str(project), OBJECTIVE).trials
    assert trial.metrics["score"] == 3.0


def test_a_trial_that_ended_with_a_nan_loss_is_not_scored(tmp_path):
    project = stock_projects.random_search(
        tmp_path / "past",
        5,
        metrics_of=lambda trial: {
            "score": score_of(trial.hyperparameters.values),
            "loss": float("nan") if trial.trial_id in "12" else 0.5,
        },
    )
    past = read_project(str(project), OBJECTIVE)
    assert [trial.trial_id for trial in past.trials] == ["0", "3", "4"]
    assert past.num_unscored == 2


def test_an_objective_that_is_not_there_is_an_error_that_names_both(tmp_path):
    project = stock_projects.random_search(tmp_path / "past")
    message = r"objective=\{'val_loss': 'min'\}.*have \['score', 'size'\]"
    with pytest.raises(ValueError, match=message):
        read_project(str(project), kt.Objective("val_loss", "min"))


@pytest.mark.parametrize("make", [stock_projects.random_search, own_search])
def test_the_other_direction_is_an_error_that_names_both(tmp_path, make):
    project = make(tmp_path / "past")
    message = r"objective=\{'score': 'max'\}.*'score' is 'min'"
    with pytest.raises(ValueError, match=message):
        read_project(str(project), kt.Objective("score", "max"))


def test_trials_without_a_result_are_left_out(tmp_path):
    project = stock_projects.random_search(tmp_path / "past", 6)
    change(project, 0, status="FAILED", score=None)
    change(project, 1, status="RUNNING", score=None)
    change(project, 2, metrics={"metrics": {}})
    trial_file(project, 3).write_text('{"trial_id": "3", "sta')
    change(project, 4, hyperparameters=None)
    past = read_project(str(project), OBJECTIVE)
    assert [trial.trial_id for trial in past.trials] == ["5"]
    assert (past.num_unscored, past.num_damaged) == (1, 2)


def test_a_torn_last_line_of_a_journal_is_left_out(tmp_path):
    project = own_search(tmp_path / "past")
    with open(project / "journal.jsonl", "a") as file:
        file.write('{"event":"end","trial')
    before = (project / "journal.jsonl").read_bytes()
    assert len(read_project(str(project), OBJECTIVE).trials) == 6
    assert (project / "journal.jsonl").read_bytes() == before


def test_a_damaged_journal_is_told(tmp_path):
    project = own_search(tmp_path / "past")
    lines = (project / "journal.jsonl").read_text().splitlines()
    lines[3] = "{"
    (project / "journal.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(JournalError, match="Line 4 of"):
        read_project(str(project), OBJECTIVE)


def test_what_is_no_project_is_named(tmp_path):
    missing = tmp_path / "missing"
    with pytest.raises(ValueError, match="`warm_start` must be.*missing"):
        read_project(str(missing), OBJECTIVE)
    stock_projects.random_search(tmp_path / "mnist", 1)
    with pytest.raises(ValueError, match=r"holds the projects \[.*mnist'\]"):
        read_project(str(tmp_path), OBJECTIVE)


def test_a_project_without_a_completed_trial_is_empty(tmp_path):
    project = stock_projects.random_search(tmp_path / "past", 1)
    change(project, 0, status="FAILED")
    assert read_project(str(project), OBJECTIVE).trials == []
