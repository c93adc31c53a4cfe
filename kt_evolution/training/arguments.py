"""Arguments of a tuner, checked before it is made."""

import contextlib
import os
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import check_flag
from kt_evolution.algorithm.checks import check_optional_count
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.project.locations import check_project_name
from kt_evolution.project.locations import locate_directory
from kt_evolution.project.search_lock import check_free
from kt_evolution.training.cross_validation import CrossValidation

# The host's name of a project that has none.
UNNAMED = "untitled_project"
_TRAINING_LENGTH = (
    "It trains each model for the `epochs` that `search` gets: leave it out, "
    "set `max_trials` or `stop`, and give `epochs` to `search`. With "
    '`fidelity="auto"` bad trials are paused after a few of them'
)
_ESTIMATED = "It is estimated from the scores of the search: leave it out"
# What to do about the arguments of the host's other tuners.
ARGUMENTS_OF_OTHER_TUNERS = {
    "max_epochs": _TRAINING_LENGTH,
    "factor": _TRAINING_LENGTH,
    "hyperband_iterations": (
        "It searches for a number of trials or for a time: leave it out, and "
        "set `max_trials` or `stop=kt_evolution.TimeBudget(hours=2)`"
    ),
    "alpha": _ESTIMATED,
    "beta": _ESTIMATED,
}


def host_arguments(
    tuner_class: type, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the arguments of the host's tuner, checked.

    Args:
        tuner_class: The class of the tuner.
        given: Dict of the arguments that it does not name itself.
    """
    if "oracle" in given:
        raise TypeError(
            f"`{tuner_class.__name__}` creates its oracle from its own "
            "arguments: leave `oracle` out. To use an `EvolutionOracle` of "
            "your own, pass it to `keras_tuner.Tuner(oracle=...)`. "
            f"Received: oracle={given['oracle']!r}"
        )
    known = private_api.tuner_arguments(tuner_class)
    _check_other_tuners(tuner_class, known, given)
    private_api.check_names(tuner_class, known, given)
    kwargs = dict(given)
    kwargs["overwrite"] = check_flag(
        "overwrite", kwargs.get("overwrite", False)
    )
    kwargs["executions_per_trial"] = check_count(
        "executions_per_trial", kwargs.get("executions_per_trial", 1)
    )
    kwargs["max_model_size"] = check_optional_count(
        "max_model_size", kwargs.get("max_model_size")
    )
    directory = kwargs.get("directory")
    located = locate_directory(directory)
    # As in the host a path stays a path: user code may append to it with "/".
    is_path = isinstance(directory, os.PathLike)
    kwargs["directory"] = Path(located) if is_path else located
    kwargs["project_name"] = check_project_name(kwargs.get("project_name"))
    return kwargs


def _check_other_tuners(
    tuner_class: type, known: set[str], given: Mapping[str, Any]
) -> None:
    """Raises for an argument that only another tuner of the host has.

    Args:
        tuner_class: The class of the tuner.
        known: Set of the names of its arguments.
        given: Dict of the arguments that it does not name itself.
    """
    for name, value in given.items():
        advice = ARGUMENTS_OF_OTHER_TUNERS.get(name)
        if advice and name not in known:
            raise TypeError(
                f"`{tuner_class.__name__}` has no argument `{name}`. {advice}. "
                f"Received: {name}={value!r}"
            )


def check_hypermodel(hypermodel: Any, is_trained: bool) -> None:
    """Raises if no model can be built by a hypermodel.

    Args:
        hypermodel: The user's argument.
        is_trained: Bool, whether the tuner trains the models that it builds.
    """
    if hypermodel is None and is_trained:
        raise ValueError(
            "`hypermodel` must be given where `run_trial` is not "
            "overridden. Received: hypermodel=None"
        )
    if isinstance(hypermodel, (keras.Model, type)):
        raise TypeError(
            "`hypermodel` must be a `keras_tuner.HyperModel` instance or "
            "a function that takes hyperparameters and returns a model. "
            f"Received: hypermodel={hypermodel!r}"
        )


def check_fidelity(fidelity: Any, is_trained: bool) -> None:
    """Raises if trials of a tuner can't be paused.

    Args:
        fidelity: The user's argument.
        is_trained: Bool, whether the tuner trains the models that it builds.
    """
    if fidelity is not None and not is_trained:
        raise ValueError(
            "`fidelity` is for models that the tuner trains: it can't pause a "
            "`run_trial` of your own after some epochs, and train it on later. "
            f"Received: fidelity={fidelity!r}"
        )


def as_folds(
    cross_validation: Any, is_trained: bool, kwargs: dict[str, Any]
) -> CrossValidation | None:
    """Returns the `CrossValidation` of a search, None if it has none.

    Args:
        cross_validation: The user's argument.
        is_trained: Bool, whether the tuner trains the models that it builds.
        kwargs: Dict of `host_arguments`, which is changed: each fold is an
            execution.
    """
    if cross_validation is None:
        return None
    if not is_trained:
        raise ValueError(
            "`cross_validation` is for models that the tuner trains, not "
            "for a `run_trial` of your own. "
            f"Received: cross_validation={cross_validation!r}"
        )
    folds = CrossValidation(cross_validation)
    kwargs["executions_per_trial"] *= folds.num_folds
    return folds


def check_inherit_weights(
    inherit_weights: Any, is_trained: bool, cross_validation: Any
) -> bool:
    """Returns whether children begin with their parents' weights.

    Args:
        inherit_weights: The user's argument.
        is_trained: Bool, whether the tuner trains the models that it builds.
        cross_validation: The user's argument.
    """
    check_flag("inherit_weights", inherit_weights)
    if inherit_weights and not is_trained:
        raise ValueError(
            "`inherit_weights` is for models that the tuner trains, not for a "
            "`run_trial` of your own. Received: inherit_weights=True"
        )
    if inherit_weights and cross_validation is not None:
        raise ValueError(
            "`inherit_weights` must be False with `cross_validation`: the "
            "weights of a parent were trained on rows that a fold of its child "
            "validates on. Received: inherit_weights=True, "
            f"cross_validation={cross_validation!r}"
        )
    return bool(inherit_weights)


@contextlib.contextmanager
def settled_folder(kwargs: dict[str, Any], is_worker: bool) -> Iterator[None]:
    """Makes the folder of the project, and keeps a running search in it.

    If the tuner can't be made in it, the folders that are empty go again.

    Args:
        kwargs: Dict of `host_arguments`, which is changed.
        is_worker: Bool, whether a chief owns the project. It may already be
            running.

    Raises:
        ProjectInUseError: If `overwrite=True` would delete what another
            process searches.
        ValueError: If the folder can't be made, or is a link that `overwrite`
            would have to delete.
    """
    folder = Path(kwargs["directory"], kwargs["project_name"] or UNNAMED)
    if is_worker:
        kwargs["overwrite"] = False
    if kwargs.get("overwrite"):
        check_free(folder)
        _check_no_link(folder)
    new = [
        path for path in (folder, *folder.parents) if not os.path.exists(path)
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            "`directory` must be a folder in which the project can be made: "
            f"{error}. Received: directory={str(kwargs['directory'])!r}"
        ) from error
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for path in new:
                path.rmdir()
        raise


def _check_no_link(folder: Path) -> None:
    """Raises if the folder of a project, which is to be deleted, is a link."""
    if folder.is_symlink():
        raise ValueError(
            "`overwrite` must be False where the folder of the project is a "
            f"link: {folder} leads to {folder.resolve()}, which is not "
            "deleted. Delete what is there yourself, or give another "
            "`project_name`. Received: overwrite=True"
        )
