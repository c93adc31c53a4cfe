"""The result of a run: of a trial as fields of an event, and back."""

from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.algorithm.space.genes import native
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.recording import plain
from kt_evolution.project.events import TrialEnded
from kt_evolution.project.events import TrialPaused
from kt_evolution.project.issued_trial import IssuedTrial


def result_of(trial: Trial) -> dict[str, Any]:
    """Returns the fields of a `TrialEnded` that are known from a trial."""
    return {
        "trial_id": trial.trial_id,
        "status": trial.status,
        # Keras Tuner computes means with NumPy.
        "score": None if trial.score is None else float(trial.score),
        "best_step": native(trial.best_step),
        "message": trial.message,
        "metrics": {
            name: {
                "direction": metric.direction,
                "steps": [
                    [observation.step, *observation.value]
                    for observation in metric.get_history()
                ],
            }
            for name, metric in trial.metrics.metrics.items()
        },
    }


def take_result(
    trial: IssuedTrial,
    event: TrialEnded | TrialPaused,
    space: kt.HyperParameters,
) -> None:
    """Gives a trial the result of its run.

    Args:
        trial: The `IssuedTrial`.
        event: The event that has the result.
        space: The `keras_tuner.HyperParameters` of the search.
    """
    if event.values is not None:
        trial.hyperparameters = private_api.share_space(space, event.values)
    else:
        trial.hyperparameters = plain(trial.hyperparameters)
    if isinstance(event, TrialEnded):
        trial.status, trial.message = event.status, event.message
    else:
        # In Keras Tuner's words it waits.
        trial.status, trial.message = TrialStatus.IDLE, None
    trial.score = event.score
    trial.best_step = event.best_step
    trial.inherited = event.inherited
    trial.trained = event.epochs
    trial.metrics = type(trial.metrics)()
    for name, metric in event.metrics.items():
        trial.metrics.register(name, metric["direction"])
        history = trial.metrics.metrics[name]
        for step, *values in metric["steps"]:
            for value in values:
                # `trial.metrics.update` would compute the best value, too.
                history.update(float(value), step)
