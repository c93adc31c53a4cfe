"""The files of a search that Ray Tune saves and restores."""

import shutil
from pathlib import Path
from typing import Any

import cloudpickle

from kt_evolution.oracle import EvolutionOracle
from kt_evolution.project.journal import JOURNAL
from kt_evolution.project.search_lock import check_free


def write_state(path: str, state: dict[str, Any]) -> None:
    """Writes the state of a search to a file.

    Args:
        path: String, the file.
        state: Dict, that of `EvolutionSearch`.
    """
    Path(path).write_bytes(cloudpickle.dumps(state))


def read_state(path: str) -> dict[str, Any]:
    """Returns what `write_state` has written.

    Raises:
        ValueError: If it is another file.
    """
    content = Path(path).read_bytes()
    error: Exception | None = None
    try:
        state = cloudpickle.loads(content)
        if isinstance(state, dict) and "_journal" in state:
            return state
    except Exception as caught:
        # A damaged pickle may raise anything.
        error = caught
    raise ValueError(
        "`checkpoint_path` must be a file that `EvolutionSearch.save` has "
        f"written. Received: checkpoint_path={str(path)!r}"
    ) from error


def read_journal(folder: Path) -> bytes:
    """Returns the content of a project's journal, empty if there is none.

    Args:
        folder: Path, the project.
    """
    path = folder / JOURNAL
    return path.read_bytes() if path.exists() else b""


def write_journal(folder: Path, journal: bytes) -> None:
    """Makes a folder the project of a journal.

    Args:
        folder: Path. The trials that it has are deleted.
        journal: Bytes, by `read_journal`.

    Raises:
        ProjectInUseError: If another process searches in the folder.
    """
    check_free(folder)
    for path in folder.glob("trial_*"):
        shutil.rmtree(path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / JOURNAL).write_bytes(journal)


def resume(oracle: EvolutionOracle) -> None:
    """Leaves trials that have not ended to Ray, which runs them again.

    Args:
        oracle: The `EvolutionOracle`, whose project has a restored journal.
    """
    project = oracle._project
    state = project.state
    runs = {name: state.runs.newest(name) for name in state.retry_queue}
    state.keep_running(
        {
            run.worker: state.trials[trial_id]
            for trial_id, run in runs.items()
            if run is not None and run.worker is not None
        }
    )
    # Keras Tuner's own tools read them.
    for trial in state.trials.values():
        project.host_files.write_trial(trial)
