"""A search in this process: one at a time, with a recorded end."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_tuner as kt

from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.chief_address import check_can_listen
from kt_evolution.oracle import EvolutionOracle
from kt_evolution.project.closing import closing_text
from kt_evolution.project.journal import JournalError
from kt_evolution.project.signals import keeping_interrupts
from kt_evolution.project.signals import raising_terminated
from kt_evolution.proposals.dry_build import DryBuild
from kt_evolution.proposals.exploration import explore
from kt_evolution.proposals.exploration import warn_of_changed_declarations
from kt_evolution.training.disk import FolderGoneError
from kt_evolution.workers.failed_chief import noting_failure
from kt_evolution.workers.heartbeat import beating


def open_project(tuner: Any) -> None:
    """Resumes the project in the folder, or explores the search space.

    Args:
        tuner: The `EvolutionTuner`.
    """
    oracle = tuner.oracle
    dry_build: DryBuild | None = tuner._new_dry_build()
    with noting_failure(Path(tuner.project_dir)):
        if oracle._project.open() and dry_build is not None:
            _print_resumed(oracle)
        open_oracle(oracle, dry_build, tuner._given_space, tuner._builds_dry)


def open_oracle(
    oracle: EvolutionOracle,
    dry_build: DryBuild | None,
    given_space: kt.HyperParameters | None = None,
    builds_dry: bool = True,
) -> None:
    """Resumes the project of an oracle, or explores the search space.

    Args:
        oracle: The `EvolutionOracle`.
        dry_build: The `DryBuild` of the hypermodel, or None if there is none.
        given_space: The `keras_tuner.HyperParameters` that the user declared
            in advance. Defaults to none.
        builds_dry: Boolean, whether proposed models are built. Defaults to
            True.
    """
    is_resumed = oracle._project.open()
    if dry_build is None:
        return
    if builds_dry:
        oracle._proposer.check.dry_build = dry_build
    if is_resumed:
        given = given_space or kt.HyperParameters()
        warn_of_changed_declarations(dry_build, oracle.get_space(), given)
    else:
        requested = explore(dry_build, oracle)
        if builds_dry:
            oracle._project.note_explored(requested)
    with oracle._project.lock:
        oracle._proposer.prepare()


@contextlib.contextmanager
def searching(
    tuner: Any, fit_args: tuple[Any, ...], fit_kwargs: dict[str, Any]
) -> Iterator[None]:
    """Searches in this process, which keeps others out of the project.

    Without workers Ctrl-C ends the search at any time, with what was found.

    Args:
        tuner: The `EvolutionTuner`.
        fit_args: Tuple, the positional arguments of the search.
        fit_kwargs: Dict, the others.

    Raises:
        ProjectInUseError: If another process searches in the project.
        KeyboardInterrupt: If nothing was found, or if there are workers.
    """
    if tuner._is_worker():
        tuner._trainer.display.verbose = fit_kwargs.get("verbose", 1)
        with raising_terminated(), keeping_interrupts(), beating(tuner):
            yield
        return
    oracle = tuner.oracle
    if oracle._end.counts_epochs or oracle._evolution.fidelity is not None:
        arguments = private_api.fit_arguments(fit_args, fit_kwargs)
        oracle._promotions.set_max_epochs(arguments.get("epochs"))
    with _claimed_project(oracle):
        is_chief = private_api.is_chief()
        if is_chief:
            with noting_failure(oracle._project.folder):
                check_can_listen()
        oracle.verbose = fit_kwargs.get("verbose", oracle.verbose)
        try:
            with contextlib.nullcontext() if is_chief else _training(oracle):
                yield
        except KeyboardInterrupt:
            if not is_chief:
                tuner.on_search_end()
            print(oracle._display.interruption())
            print(closing_text(oracle))
            if not oracle.get_best_trials():
                raise


@contextlib.contextmanager
def _training(oracle: EvolutionOracle) -> Iterator[None]:
    """Shows a search that trains here, and records its interruption."""
    with (
        oracle._display.live(),
        noted_interruption(oracle),
        keeping_interrupts(),
    ):
        yield


@contextlib.contextmanager
def _claimed_project(oracle: EvolutionOracle) -> Iterator[None]:
    with raising_terminated():
        oracle._project.claim(oracle.max_trials)
        try:
            yield
        finally:
            oracle._project.release()


@contextlib.contextmanager
def noted_interruption(oracle: EvolutionOracle) -> Iterator[None]:
    """Records in the journal that a search was ended from outside a trial.

    Raises:
        JournalError: If the journal is gone, whichever file of a trial was the
            first that missed its folder.
    """
    try:
        yield
    except SystemExit:
        # Training called `sys.exit`: that is the trial's fault.
        raise
    except BaseException as error:
        # The cause may be that the journal can't be written.
        with contextlib.suppress(JournalError):
            oracle._lifecycle.note_interruption()
        if isinstance(error, FolderGoneError):
            oracle._project.check_not_deleted()
        raise


def _print_resumed(oracle: EvolutionOracle) -> None:
    """Prints how many trials a resumed project has."""
    state = oracle._project.state
    paused = f" and {len(state.paused)} paused" if state.paused else ""
    print(
        f"Resuming the search in {oracle._project.folder}: "
        f"{len(oracle.trials)} trials, "
        f"{state.num_completed} of them completed{paused}"
    )
