"""A mistake is reported where it is made, and fixed without a new search."""

import json

import keras_tuner as kt
import pytest

import kt_evolution


class Scored(kt_evolution.EvolutionTuner):
    """Scores values without training."""

    def run_trial(self, trial, score):
        return score(trial.hyperparameters)


def tuner(folder, build=None, **options):
    made = Scored(
        build,
        directory=folder,
        project_name="p",
        seed=0,
        **{"max_trials": 4, **options},
    )
    made.oracle.verbose = 0
    return made


def units(low, high):
    return lambda hp: hp.Int("units", low, high)


def score(hp):
    return hp.Int("units", 1, 9)


def fail(hp):
    hp.Int("units", 1, 9)
    raise OSError("no disk")


def test_trials_that_all_failed_run_again_once_the_cause_is_fixed(tmp_path):
    with pytest.warns(UserWarning, match="All 4 trials failed"):
        tuner(tmp_path).search(fail)
    fixed = tuner(tmp_path)
    fixed.search(score)
    trials = fixed.oracle.trials.values()
    assert [trial.status for trial in trials] == ["COMPLETED"] * 4
    again = tuner(tmp_path)
    assert len(again.oracle.get_best_trials(9)) == 4


def test_the_same_tuner_runs_failed_trials_again(tmp_path, capsys):
    made = tuner(tmp_path)
    made.oracle.verbose = 1
    with pytest.warns(UserWarning, match="All 4 trials failed"):
        made.search(fail)
    capsys.readouterr()
    made.search(score)
    trials = made.oracle.trials.values()
    assert [trial.status for trial in trials] == ["COMPLETED"] * 4
    printed = capsys.readouterr().out
    for number in range(1, 5):
        assert printed.count(f"[{number}/4]") == 1
    assert "There is nothing left to run" not in printed


def test_the_same_tuner_goes_on_after_failures_in_a_row(tmp_path):
    made = tuner(tmp_path, max_consecutive_failed_trials=2)
    with pytest.raises(RuntimeError, match="2 trials in a row failed"):
        made.search(fail)
    made.search(score)
    trials = made.oracle.trials.values()
    assert [trial.status for trial in trials] == ["COMPLETED"] * 4


def test_failures_are_warned_of_without_the_colors_of_a_terminal(tmp_path):
    escape = chr(27)

    def fail_in_bold(hp):
        raise ValueError(f"{escape}[1mIn{escape}[0m a {escape}[38;5;34mlayer")

    made = tuner(tmp_path)
    with pytest.warns(UserWarning, match="ValueError: In a layer") as caught:
        made.search(fail_in_bold)
    assert "x1b" not in str(caught[0].message)
    assert escape not in made.oracle.trials["0"].message


def test_failures_beside_a_result_stay_as_they_are(tmp_path):
    made = tuner(tmp_path)
    made.search(
        lambda hp: score(hp) if len(made.oracle.trials) < 2 else fail(hp)
    )
    again = tuner(tmp_path)
    again.search(score)
    statuses = [trial.status for trial in again.oracle.trials.values()]
    assert statuses == ["COMPLETED"] + ["FAILED"] * 3


def test_an_objective_may_be_fixed_before_the_first_result(tmp_path):
    wrong = tuner(tmp_path, objective=kt.Objective("val_acc", "max"))
    with pytest.raises(kt.errors.FatalValueError, match="val_acc"):
        wrong.search(lambda hp: {"score": score(hp)})
    right = tuner(tmp_path, objective=kt.Objective("score", "max"))
    right.search(lambda hp: {"score": score(hp)})
    with pytest.raises(ValueError, match="`objective` must be that of"):
        tuner(tmp_path, objective=kt.Objective("other", "max"))


def test_a_changed_range_is_told(tmp_path):
    tuner(tmp_path, units(1, 9)).search(score)
    with pytest.warns(
        UserWarning, match=r"max_value: 9.*is now .*max_value: 5"
    ):
        tuner(tmp_path, units(1, 5))


def test_a_bug_in_the_hypermodel_is_raised_at_once(tmp_path):
    with pytest.raises(NameError, match="undefined_thing"):
        tuner(tmp_path, lambda hp: undefined_thing)  # noqa: F821


def test_a_line_that_is_no_event_is_named(tmp_path):
    tuner(tmp_path).search(score)
    with open(tmp_path / "p" / "journal.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps({"foo": 1}) + "\n")
    with pytest.raises(RuntimeError, match="Line 10 of .*journal.jsonl"):
        tuner(tmp_path)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("max_trials", "10"),
        ("max_trials", 0),
        ("seed", -1),
        ("max_retries_per_trial", -1),
        ("executions_per_trial", 0),
        ("max_model_size", "1M"),
        ("objective", []),
        ("hyperparameters", {"a": 1}),
    ],
)
def test_wrong_arguments_are_named(tmp_path, argument, value):
    with pytest.raises((TypeError, ValueError), match=f"`{argument}` must"):
        Scored(directory=tmp_path, **{argument: value})


def test_a_wrong_direction_is_told_before_training(tmp_path):
    objective = kt.Objective("val_accuracy", "maximize")
    with pytest.raises(ValueError, match="direction='maximize'"):
        Scored(directory=tmp_path, objective=objective)
