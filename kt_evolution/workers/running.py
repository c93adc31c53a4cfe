"""Runs a search: here, by worker processes, or as the chief of workers."""

from collections.abc import Callable
from typing import Any

from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.workers.dispatch import search_by_workers
from kt_evolution.workers.heartbeat import TrialLost
from kt_evolution.workers.host_chief import serve


def run_search(
    tuner: Any,
    search_here: Callable[..., None],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    """Runs the search of a tuner to its end.

    Args:
        tuner: The `EvolutionTuner`.
        search_here: Function, Keras Tuner's `search`, which trains here.
        args: Tuple, the positional arguments of `search`.
        kwargs: Dict, the others.
    """
    if tuner._workers is not None:
        search_by_workers(tuner, args, kwargs)
    elif private_api.is_chief():
        serve(tuner)
    else:
        while True:
            try:
                return search_here(*args, **kwargs)
            except TrialLost as lost:
                # The chief has other trials for this worker.
                print(lost, flush=True)
