"""Where the state of a training is kept until its trial has ended."""

import shutil
from pathlib import Path

from kt_evolution import files

# In the folder of a trial, while the trial is not finished.
FOLDER = "unfinished"


def delete_state(trial_folder: Path) -> None:
    """Deletes what is kept of a trial."""
    folder = trial_folder / FOLDER
    if folder.is_dir() and files.is_own(folder, trial_folder.parent):
        shutil.rmtree(folder, ignore_errors=True)
