"""A disk that can't be written ends the search, and no trial has failed."""

import errno
import shutil

import keras
import pytest
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import build_dense
from tuner_helpers import trials_of

import kt_evolution
from kt_evolution.project.journal import JournalError

FULL = OSError(errno.ENOSPC, "No space left on device")
# HDF5 says so when it closes a small file.
FULL_AT_CLOSE = RuntimeError(
    "Can't decrement id ref count (file write failed: errno = 28, "
    "error message = 'No space left on device')"
)


def new_tuner(folder, build=build_dense, **kwargs):
    return kt_evolution.EvolutionTuner(
        build, "val_loss", seed=0, directory=folder, dry_build=False, **kwargs
    )


def build_for(disk):
    """Returns a build function of models whose weights go to a disk.

    Args:
        disk: Dict with "error", what writing raises if it is not None.
    """

    def build(hp):
        model = build_dense(hp)
        real = model.save_weights

        def save_weights(path, *args, **kwargs):
            if disk["error"] is not None:
                # A part of the file is written before.
                with open(path, "wb") as file:
                    file.write(b"part")
                raise disk["error"]
            return real(path, *args, **kwargs)

        # Keras would track an attribute.
        object.__setattr__(model, "save_weights", save_weights)
        return model

    return build


@pytest.mark.parametrize(
    "error",
    [FULL, FULL_AT_CLOSE, PermissionError(errno.EACCES, "Permission denied")],
    ids=["full", "full_at_close", "permission"],
)
def test_weights_that_cannot_be_written_end_the_search(tmp_path, error):
    disk = {"error": None}
    build = build_for(disk)
    new_tuner(tmp_path, build, max_trials=1).search(**FIT)
    disk["error"] = error
    tuner = new_tuner(tmp_path, build, max_trials=2)
    with pytest.raises(JournalError, match="Make room") as raised:
        tuner.search(**FIT)
    assert "trial_1" in str(raised.value) or "trial 1" in str(raised.value)
    assert [t.status for t in trials_of(tuner)] == ["COMPLETED", "RUNNING"]
    # The part is gone, so that it takes no room.
    folder = tmp_path / "untitled_project" / "trial_1"
    assert not list(folder.glob("*.h5"))
    disk["error"] = None
    tuner = new_tuner(tmp_path, build, max_trials=2)
    tuner.search(**FIT)
    assert [t.status for t in trials_of(tuner)] == ["COMPLETED", "COMPLETED"]


@pytest.mark.parametrize(
    ("error", "is_failure"),
    [
        (FULL, False),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), False),
        (OSError(errno.EROFS, "Read-only file system"), False),
        (RuntimeError("write: No space left on device; Flush"), False),
        (FileNotFoundError(errno.ENOENT, "No such file"), True),
        (MemoryError("no space"), True),
    ],
)
def test_an_error_of_the_disk_is_no_failure(tmp_path, error, is_failure):
    errors = [error]

    def score(hp):
        value = hp.Float("x", 0.0, 1.0)
        if errors:
            raise errors.pop()
        return value

    def search():
        tuner = ScoringTuner(max_trials=2, seed=0, directory=tmp_path)
        tuner.search(score)
        return [trial.status for trial in trials_of(tuner)]

    if is_failure:
        assert search() == ["FAILED", "COMPLETED"]
        return
    with pytest.raises(
        JournalError, match="A file of trial 0 can't be written"
    ):
        search()
    assert search() == ["COMPLETED", "COMPLETED"]


def test_starts_that_the_disk_ends_do_not_count(tmp_path):
    def score(hp):
        hp.Float("x", 0.0, 1.0)
        raise FULL

    for _ in range(4):
        tuner = ScoringTuner(
            max_trials=1, max_starts_per_trial=1, directory=tmp_path
        )
        with pytest.raises(JournalError):
            tuner.search(score)
        assert [t.status for t in trials_of(tuner)] == ["RUNNING"]


def build_that_removes(folder):
    """Returns a build function of models whose folder is deleted first.

    Args:
        folder: The path of the folder, or None to delete nothing.
    """

    def build(hp):
        model = build_dense(hp)
        real = model.save_weights

        def save_weights(path, *args, **kwargs):
            if folder is not None:
                shutil.rmtree(folder)
            return real(path, *args, **kwargs)

        object.__setattr__(model, "save_weights", save_weights)
        return model

    return build


def test_a_removed_project_is_not_taken_for_a_full_disk(tmp_path):
    project = tmp_path / "untitled_project"
    tuner = new_tuner(tmp_path, build_that_removes(project), max_trials=2)
    with pytest.raises(JournalError, match="journal.jsonl is gone") as raised:
        tuner.search(**FIT)
    assert "Make room" not in str(raised.value)
    # The weights were the first to miss it.
    assert "checkpoint.weights.h5" in str(raised.value.__context__)


def test_a_removed_folder_of_a_trial_is_told(tmp_path):
    folder = tmp_path / "untitled_project" / "trial_0"
    tuner = new_tuner(tmp_path, build_that_removes(folder), max_trials=1)
    with pytest.raises(JournalError, match="its folder was deleted") as raised:
        tuner.search(**FIT)
    assert str(folder) in str(raised.value)
    assert [trial.status for trial in trials_of(tuner)] == ["RUNNING"]
    build = build_that_removes(None)
    tuner = new_tuner(tmp_path, build, max_trials=1)
    tuner.search(**FIT)
    assert [trial.status for trial in trials_of(tuner)] == ["COMPLETED"]


class BlocksBuildConfig(keras.callbacks.Callback):
    """Puts a folder where the file with the shapes of the layers belongs."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_train_end(self, logs=None):
        self.path.mkdir()


def test_a_training_is_not_lost_for_its_build_config(tmp_path):
    path = tmp_path / "untitled_project" / "trial_0" / "build_config.json"
    tuner = new_tuner(tmp_path, max_trials=1)
    with pytest.warns(UserWarning, match="can't be written") as warned:
        tuner.search(**FIT, callbacks=[BlocksBuildConfig(path)])
    assert any(str(path) in str(warning.message) for warning in warned)
    assert [trial.status for trial in trials_of(tuner)] == ["COMPLETED"]
    # A model with `keras.Input` does not need it.
    assert tuner.get_best_models()
