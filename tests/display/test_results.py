"""The best trials as text."""

import keras_tuner as kt
from keras_tuner.engine.trial import Trial

from kt_evolution.display.results import results_text
from kt_evolution.project.closing import values_line


def trial(trial_id, metrics, values=None):
    hyperparameters = kt.HyperParameters()
    hyperparameters.values = {"units": 8} if values is None else values
    made = Trial(hyperparameters, trial_id)
    for name, value in metrics.items():
        made.metrics.register(name, "min")
        made.metrics.update(name, value, step=3)
    made.score, made.best_step = next(iter(metrics.values())), 3
    return made


def test_scores_are_told_apart_without_the_digits_of_rounding():
    trials = [
        trial("2", {"val_accuracy": 0.9999799728393555}),
        trial("0", {"val_accuracy": 0.999970018863678}),
        trial("1", {"val_accuracy": 0.824999988079071}, {}),
    ]
    objective = kt.Objective("val_accuracy", "max")
    values = [trial.hyperparameters.values for trial in trials]
    text = results_text("p", 10, objective, trials, values)
    assert text.splitlines() == [
        "Results summary",
        "Results in p",
        "Showing 10 best trials",
        str(objective),
        "",
        "Trial 2 summary",
        "Hyperparameters:",
        "units: 8",
        "Score: 0.99998",
        "",
        "Trial 0 summary",
        "Hyperparameters:",
        "units: 8",
        "Score: 0.99997",
        "",
        "Trial 1 summary",
        "Hyperparameters:",
        "default configuration",
        "Score: 0.825",
    ]


def test_each_of_several_objectives_is_shown():
    objectives = [kt.Objective("loss", "min"), kt.Objective("params", "min")]
    objective = kt.oracles.RandomSearchOracle(objectives).objective
    found = trial("0", {"loss": 0.25, "params": 9362.0}, {"a\nb": "\x1b[31m"})
    values = [found.hyperparameters.values]
    lines = results_text("p", 1, objective, [found], values).splitlines()
    assert lines[3:5] == list(map(str, objectives))
    assert lines[-3:] == ["a\\nb: \\x1b[31m", "loss: 0.25", "params: 9,362"]


def test_a_long_line_of_values_ends_with_how_many_more_there_are():
    values = {f"units_{i}": 16 * i for i in range(34)}
    line = values_line(values)
    assert line.startswith("units_0=0, ")
    assert line.endswith("units_9=144 and 24 more (`tuner.best_values`)")
    assert values_line({"x": 1, "y": 0.5}) == "x=1, y=0.5"
