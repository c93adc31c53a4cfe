"""The best trials as text, as Keras Tuner prints them."""

from collections.abc import Sequence
from typing import Any

from keras_tuner.engine.trial import Trial

from kt_evolution.display.formatting import score_rows
from kt_evolution.display.terminal import printable
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.keras_tuner_bridge.trial_metrics import value_of


def results_text(
    folder: str, num_trials: int, objective: Any, trials: Sequence[Trial]
) -> str:
    """Returns the text of `results_summary`.

    The host prints scores with all digits of the 32-bit floats that they are,
    and the sum of several objectives in place of each.

    Args:
        folder: String, the folder of the project.
        num_trials: Int, how many trials were asked for.
        objective: The objective of the oracle.
        trials: Sequence of completed `Trial`s, the best first.
    """
    objectives = objectives_of(objective)
    if len(objectives) == 1:
        names = ["Score"]
        measured = [{"Score": trial.score} for trial in trials]
    else:
        names = [one.name for one in objectives]
        measured = [
            {name: value_of(trial, name) for name in names} for trial in trials
        ]
    lines = [
        "Results summary",
        f"Results in {folder}",
        f"Showing {num_trials} best trials",
        *map(str, objectives),
    ]
    shown = score_rows(measured, names)
    for trial, scores in zip(trials, shown, strict=True):
        lines += ["", f"Trial {trial.trial_id} summary", "Hyperparameters:"]
        values = trial.hyperparameters.values
        lines += [f"{name}: {value}" for name, value in values.items()]
        if not values:
            lines.append("default configuration")
        pairs = zip(names, scores, strict=True)
        lines += [f"{name}: {score}" for name, score in pairs]
    return "\n".join(map(printable, lines))
