"""The gap between training and validation: overfitting made visible."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial

from kt_evolution.algorithm.checks import check_count
from kt_evolution.display.formatting import text_table
from kt_evolution.display.terminal import printable_lines
from kt_evolution.keras_tuner_bridge.objectives import VALIDATION
from kt_evolution.keras_tuner_bridge.objectives import directions_of
from kt_evolution.keras_tuner_bridge.objectives import sign_of
from kt_evolution.keras_tuner_bridge.trial_metrics import value_of


@dataclasses.dataclass(frozen=True)
class Gap:
    """How much worse a metric is on validation data than on training data.

    Args:
        trial_id: String, the trial.
        metric: String, the name of the metric in training.
        training: Float, its value on the training data, at the best epoch.
        validation: Float, its value on the validation data.
        direction: String, "min" or "max".
    """

    trial_id: str
    metric: str
    training: float
    validation: float
    direction: str

    @property
    def gap(self) -> float:
        """Float, positive where validation is worse: overfitting."""
        return sign_of(self.direction) * (self.validation - self.training)


def gap_report(tuner: Any, num_trials: int = 10) -> list[Gap]:
    """Prints how training and validation of the best trials differ.

    Example:

    ```python
    tuner.search(x, y, validation_data=(x_val, y_val))
    tuner.gap_report()
    ```

    Args:
        tuner: The `EvolutionTuner`, whose method this is.
        num_trials: Int, of how many trials at most. Defaults to 10.

    Returns:
        List of `Gap`s, best trial first. A gap is positive where validation is
        worse than training. It is empty if no metric is known of both.
    """
    num_trials = check_count("num_trials", num_trials)
    trials = tuner.oracle.get_best_trials(num_trials)
    gaps = _gaps_of(trials, tuner.oracle.objective)
    print(printable_lines(_gap_table(gaps)))
    return gaps


def _gaps_of(trials: Iterable[Trial], objective: kt.Objective) -> list[Gap]:
    """Returns the gaps of completed trials.

    Args:
        trials: Iterable of `Trial`s.
        objective: The `keras_tuner.Objective`. The gaps are those of its
            metrics, or of all validated metrics if none of its own is.
    """
    return [
        gap
        for trial in trials
        for gap in _gaps_in(trial, directions_of(objective))
    ]


def _gaps_in(trial: Trial, objectives: dict[str, str]) -> list[Gap]:
    metrics = trial.metrics.metrics
    pairs = [name for name in metrics if VALIDATION + name in metrics]
    wanted = [name for name in pairs if VALIDATION + name in objectives]
    return [
        Gap(
            trial.trial_id,
            name,
            value_of(trial, name),
            value_of(trial, VALIDATION + name),
            objectives.get(
                VALIDATION + name, metrics[VALIDATION + name].direction
            ),
        )
        for name in wanted or pairs
    ]


def _gap_table(gaps: list[Gap]) -> str:
    """Returns gaps as a text."""
    if not gaps:
        return (
            "There is no gap to report: no completed trial has a metric of "
            'both training and validation, such as "accuracy" and '
            '"val_accuracy".'
        )
    rows = [
        ("trial", "metric", "training", "validation", "gap"),
        *(
            (
                gap.trial_id,
                gap.metric,
                f"{gap.training:.4f}",
                f"{gap.validation:.4f}",
                f"{gap.gap:+.4f}",
            )
            for gap in gaps
        ),
    ]
    title = "Training and validation of the best trials (a gap above 0 is "
    return "\n".join([f"{title}overfitting)", text_table(rows, "right")])
