"""A search in this process: one at a time, with a recorded end."""

import contextlib
from collections.abc import Iterator

from kt_evolution.oracle import EvolutionOracle
from kt_evolution.project.journal import JournalError
from kt_evolution.project.signals import raising_terminated


@contextlib.contextmanager
def claimed_project(oracle: EvolutionOracle) -> Iterator[None]:
    """Keeps other processes from searching in the project.

    Args:
        oracle: The `EvolutionOracle` of the project.

    Raises:
        ProjectInUseError: If another process searches there.
    """
    with raising_terminated():
        oracle._project.claim()
        try:
            yield
        finally:
            oracle._project.release()


@contextlib.contextmanager
def noted_interruption(oracle: EvolutionOracle) -> Iterator[None]:
    """Records in the journal that a search was ended from outside a trial.

    Args:
        oracle: The `EvolutionOracle` of the search.
    """
    try:
        yield
    except SystemExit:
        # Training called `sys.exit`: that is the trial's fault.
        raise
    except BaseException:
        # The cause may be that the journal can't be written.
        with contextlib.suppress(JournalError):
            oracle._lifecycle.note_interruption()
        raise


def print_resumed(oracle: EvolutionOracle, folder: str) -> None:
    """Prints how many trials a resumed project has.

    Args:
        oracle: The `EvolutionOracle` of the project.
        folder: String, the folder of the project.
    """
    num_trials = len(oracle.trials)
    num_completed = oracle._project.state.num_completed
    print(
        f"Resuming the search in {folder}: {num_trials} trials, "
        f"{num_completed} of them completed"
    )
