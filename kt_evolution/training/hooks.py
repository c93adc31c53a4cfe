"""What of a training users may write themselves, and whether they did."""

from typing import Any

# The methods of a tuner with which a subclass may change the metrics.
HOOKS = (
    "_build_and_fit_model",
    "_run_and_update_trial",
    "on_batch_begin",
    "on_batch_end",
    "on_epoch_begin",
    "on_epoch_end",
    "run_trial",
)


def trains_models(tuner: Any) -> bool:
    """Returns whether a trial is the training of a Keras model by the tuner."""
    return not _is_of_user(type(tuner).run_trial)


def has_own_fit(hypermodel: Any) -> bool:
    """Returns whether `fit` of a hypermodel was written by the user."""
    return _is_of_user(type(hypermodel).fit)


def makes_metrics_by_keras(tuner: Any) -> bool:
    """Returns whether no `fit` or hook of the user may add to the metrics."""
    is_hooked = any(_is_of_user(getattr(type(tuner), name)) for name in HOOKS)
    return not is_hooked and not has_own_fit(tuner.hypermodel)


def source_of_metrics(tuner: Any) -> str:
    """Returns the function that returns the metrics of a trial, for errors."""
    if not trains_models(tuner):
        return "run_trial"
    own_fit = has_own_fit(tuner.hypermodel)
    return "HyperModel.fit" if own_fit else "keras.Model.fit"


def _is_of_user(method: Any) -> bool:
    # Code that runs without a name, as by `exec`, is in no module.
    home = (method.__module__ or "").partition(".")[0]
    return home not in ("keras_tuner", "kt_evolution")
