"""The arguments with which a search gets its workers and their data."""

import math
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from kt_evolution.algorithm.checks import is_count
from kt_evolution.algorithm.checks import is_number
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.chief_address import check_variables
from kt_evolution.training.hooks import trains_models
from kt_evolution.workers import resources
from kt_evolution.workers.interface import Workers
from kt_evolution.workers.local import LocalWorkers


def as_workers(
    workers: Any, timeout: Any
) -> tuple[Workers | None, float | None]:
    """Returns the workers of a search, and for how long a trial may train.

    Args:
        workers: The user's argument.
        timeout: The user's argument `trial_timeout`.

    Returns:
        Tuple of the `Workers`, None if the search trains in this process, and
        of the seconds, None for any number.

    Raises:
        ValueError: If `workers` is no `Workers` and no integer of at least 1,
            or if Keras Tuner's environment variables make this process a chief
            or its worker, or are wrong, or if there can be no such timeout.
    """
    check_variables()
    if not isinstance(workers, Workers):
        if not is_count(workers):
            raise ValueError(
                "`workers` must be an integer of at least 1, or an instance of "
                "`kt_evolution.Workers` such as `RayWorkers(4)`. "
                f"Received: workers={workers!r}"
            )
        if workers == 1:
            return None, _check_timeout(timeout, is_here=True)
        resources.leave_gpus_to_workers()
        workers = LocalWorkers(int(workers))
    if private_api.is_distributed():
        raise ValueError(
            "`workers` must be 1 where KERASTUNER_ORACLE_IP is set, which "
            "makes this process the chief or a worker of a distributed "
            f"search. Received: {len(workers.names)} workers"
        )
    return workers, _check_timeout(timeout, is_here=False)


def _check_timeout(timeout: Any, is_here: bool) -> float | None:
    """Returns the user's argument `trial_timeout`, checked.

    Args:
        timeout: The argument.
        is_here: Bool, whether the search trains in this process.
    """
    if timeout is None:
        return None
    if not is_number(timeout) or not 0 < timeout < math.inf:
        raise ValueError(
            "`trial_timeout` must be a number of seconds above 0, or None. "
            f"Received: trial_timeout={timeout!r}"
        )
    if is_here:
        raise ValueError(
            "`trial_timeout` must be None with workers=1: the training is in "
            "this process, which can't end it from outside. Received: "
            f"trial_timeout={timeout!r}"
        )
    return float(timeout)


def with_data(
    tuner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Returns the arguments of `search` with data in place of a function.

    Args:
        tuner: The `EvolutionTuner`.
        args: Tuple, the positional arguments.
        kwargs: Dict, the others.
    """
    if not is_data_function(tuner, args):
        return args, kwargs
    return (), call_data_function(args[0], kwargs)


def set_folds(
    tuner: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """Splits the data of a search with cross-validation.

    The data of a function are only known to the processes that train.

    Args:
        tuner: The `EvolutionTuner`, whose trainer gets the folds.
        args: Tuple, the positional arguments of `search`.
        kwargs: Mapping, the others.
    """
    tuner._trainer.folds = ()
    if tuner._folds is not None and not is_data_function(tuner, args):
        tuner._trainer.folds = tuner._folds.folds(args, kwargs)


def is_data_function(tuner: Any, args: tuple[Any, ...]) -> bool:
    """Returns whether `search` got a function in place of the data.

    Args:
        tuner: The `EvolutionTuner`. A `run_trial` of the user may take any
            arguments.
        args: Tuple, the positional arguments of `search`.
    """
    return (
        trains_models(tuner)
        and len(args) == 1
        and callable(args[0])
        and not isinstance(args[0], type)
        # Data may be callable too.
        and not hasattr(args[0], "__getitem__")
        and not hasattr(args[0], "__iter__")
    )


def call_data_function(
    function: Callable[[], Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the arguments of `fit` with the data that a function returns.

    Args:
        function: Function without arguments, the user's.
        kwargs: Dict of the other arguments of `search`.

    Raises:
        TypeError: If it does not return a dict.
        ValueError: If it returns an argument that `search` has, or that is no
            data.
    """
    data = function()
    if not isinstance(data, Mapping):
        raise TypeError(
            "The function given to `search` must return a dict of the "
            'arguments of `fit` that are data, such as {"x": x, "y": y, '
            f'"validation_data": (x_val, y_val)}}. Received: {data!r} '
            f"(of type {type(data).__name__})"
        )
    elsewhere = {*kwargs, "epochs", "callbacks", "verbose"}
    wrong = sorted(elsewhere.intersection(data))
    if wrong:
        raise ValueError(
            "The function given to `search` must return data only: `epochs`, "
            "`callbacks` and `verbose` are arguments of `search`, and no "
            f"argument may be given twice. Received: {wrong}"
        )
    return {**kwargs, **data}
