"""What is kept of an unfinished trial, so that it goes on when it is killed.

`keras.callbacks.BackupAndRestore` keeps weights, the optimizer and the number
of the epoch of one `fit`, in files that a kill can tear, and deletes them when
`fit` ends. Here callbacks, earlier metrics, seed generators, the best epoch and
finished executions are kept as well, until the result of the trial is in the
journal.
"""

import contextlib
import dataclasses
import math
import os
import secrets
import shutil
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kt_evolution import files
from kt_evolution.project.kept_states import FOLDER
from kt_evolution.project.kept_states import delete_state
from kt_evolution.project.training_log import FILE_NAME
from kt_evolution.training.disk import writing
from kt_evolution.training.kept_training import Best
from kt_evolution.training.kept_training import Kept
from kt_evolution.training.settings import Settings
from kt_evolution.training.settings import difference
from kt_evolution.training.snapshots import SnapshotError
from kt_evolution.training.snapshots import read_snapshot
from kt_evolution.training.snapshots import write_snapshot
from kt_evolution.training.training_state import signature_of

STATE = "state.npz"
# The part of the time of training that may be spent on keeping its state.
MAX_SHARE = 0.02
OTHER_MODEL = "the hypermodel builds another model than before"


class Pace:
    """Decides how often a state is written, by how long the last one took."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._began = 0.0

    def begin(self) -> None:
        """Starts to count the time of training."""
        self._began = time.perf_counter()

    @property
    def is_due(self) -> bool:
        """Whether training took long enough for another write."""
        trained = time.perf_counter() - self._began
        return self._seconds <= MAX_SHARE * trained

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Measures how long a write takes."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._began = time.perf_counter()
            self._seconds = self._began - began


class Continuation:
    """The unfinished state of one trial, on disk and in memory.

    Args:
        folder: Path, the folder of the trial.
        values: Mapping of the values of its hyperparameters.
        pace: The `Pace` of the search.
        problem: String, why no training of the search can be kept, or None.
        stamp: Function that returns the session of the clock and its seconds,
            or None.
        note_progress: Function that is called when a run that goes on has
            kept more than earlier runs.
        say: Function that takes a sentence for the user.
        warn: Function that takes a warning, which is shown once.
    """

    def __init__(
        self,
        folder: Path,
        values: Mapping[str, Any],
        pace: Pace,
        problem: str | None,
        stamp: Callable[[], Any],
        note_progress: Callable[[], None],
        say: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        self._trial_folder = folder
        self._folder = folder / FOLDER
        self.pace = pace
        self.problem = problem
        self._stamp = stamp
        self._note_progress = note_progress
        self.say = say
        self.warn = warn
        self._is_kept = True
        own = {
            name: value
            for name, value in values.items()
            # A worker gets the number of its run among the values.
            if not name.startswith("tuner/")
        }
        self.found = self._read(own)
        # The state of the running execution, as an earlier run has left it.
        self.current: Kept | None = None
        # Whether this run goes on, and has kept no epoch of its own yet.
        self.awaits_progress = False
        self._now = Kept(own)
        self._settings = Settings((), {}, ())
        self._best_mark: Any = None

    def _read(self, values: Mapping[str, Any]) -> Kept | None:
        """Returns what an earlier run of the trial has left, if it fits."""
        path = self._folder / STATE
        try:
            files.check_own(path, self._trial_folder.parent)
            if not path.is_file():
                return None
            kept = Kept.from_record(read_snapshot(path))
            same = values.keys() & kept.values.keys()
            for best in (kept.first, kept.best):
                if best.file is not None:
                    self._check_best(best.file)
            is_other = any(values[name] != kept.values[name] for name in same)
        except (
            OSError,
            SnapshotError,
            TypeError,
            AttributeError,
            KeyError,
        ) as e:
            self.say_dropped(f"{path} can't be used: {e}")
            return None
        if is_other:
            self.say_dropped(
                "its hyperparameters have other values than before"
            )
            return None
        return kept

    def _check_best(self, name: str) -> None:
        """Raises unless the weights of an epoch are beside the state."""
        path = self._folder / name
        files.check_own(path, self._trial_folder.parent)
        if Path(name).name != name or not path.is_file():
            raise SnapshotError(f"{path} is missing")

    def say_dropped(self, reason: str) -> None:
        """Prints why a training does not go on."""
        self.say(f"It starts from its beginning, because {reason}.")

    # Executions.

    def _check(self, model: Any, settings: Settings) -> None:
        """Drops what was found if the next execution is another training."""
        self._now.signature = signature_of(model)
        if not self._now.finished:
            # Later ones are of the same search.
            self._settings = settings
        if self.found is None:
            return
        reason = self._difference(self.found)
        if self.found.signature != self._now.signature:
            reason = OTHER_MODEL
        if reason is not None:
            self.found = None
            self.say_dropped(reason)

    def _difference(self, found: Kept) -> str | None:
        """Returns why the executions of an earlier run are others, if so.

        The score of a trial is the mean over its executions, so one that was
        trained otherwise must not be among them.
        """
        for number, finished in enumerate(found.finished):
            # Earlier versions did not note the settings of a result. They may
            # be any, and what is not known to be the same is trained again.
            if "settings" not in finished:
                return "it is not known with what its executions were trained"
            now = self._settings.of(number)
            reason = difference(finished["settings"], now)
            if reason is not None:
                return reason
        now = self._settings.of(len(found.finished))
        # The length and the callbacks of the running execution are compared
        # when it begins, also where an earlier version kept it. Only the rows
        # of its fold are not known then.
        then = (
            {**now, "rows": None} if found.settings is None else found.settings
        )
        return difference(then, now)

    def take_finished(
        self, model: Any, settings: Settings
    ) -> dict[str, Any] | None:
        """Returns what was kept of the next execution, if it was finished.

        Args:
            model: The model, as the hypermodel built it.
            settings: The `Settings` of the trial.
        """
        self._check(model, settings)
        number = len(self._now.finished)
        if self.found is None or number >= len(self.found.finished):
            return None
        self._now.finished.append(self.found.finished[number])
        self.awaits_progress = True
        return self._now.finished[-1]

    def add_finished(self, finished: dict[str, Any]) -> None:
        """Keeps the result of an execution, once the next one begins."""
        settings = self._settings.of(len(self._now.finished))
        self._now.finished.append({**finished, "settings": settings})

    def begin_execution(self, checkpoint: Any) -> None:
        """Prepares an execution that is trained.

        Args:
            checkpoint: The host's callback that saves the best epoch, or None.
        """
        self.current, self.found = self.found, None
        self._now.settings = self._settings.of(len(self._now.finished))
        if self.current is not None:
            self._now.first = self.current.first
            self._restore(self.current.best, checkpoint)
            if self.current.reason is not None:
                self.drop_epochs(checkpoint)
                self.say_dropped(self.current.reason)
            if self.current.reason or self.current.epoch:
                return
        if self._now.finished:
            self.write(checkpoint)
        value = getattr(checkpoint, "best_value", None)
        self._now.first = dataclasses.replace(self._now.best, value=value)

    def drop_epochs(self, checkpoint: Any) -> None:
        """Forgets the epochs of the running execution, which is begun again.

        Args:
            checkpoint: The host's callback that saves the best epoch, or None.
        """
        self._restore(self._now.first, checkpoint)
        self._now.inherited = None

    def inherit(self, take: Callable[[], dict[str, Any] | None]) -> None:
        """Lets the running execution begin with other weights than fresh ones.

        Args:
            take: Function that gives them to the model and returns whose they
                are. It is not called if the execution goes on.
        """
        if self.current is not None and self.current.epoch is not None:
            self._now.inherited = self.current.inherited
        else:
            self._now.inherited = take()

    @property
    def inherited(self) -> dict[str, Any] | None:
        """Dict, whose weights the running execution began with, or None."""
        return self._now.inherited

    # Writing.

    def write(self, checkpoint: Any, **changes: Any) -> bool:
        """Writes the state, and never fails the training for it.

        Args:
            checkpoint: The host's callback that saves the best epoch, or None.
            **changes: Fields of `Kept` that are other ones now.

        Returns:
            Bool, whether it was written.
        """
        if not self._is_kept:
            return False
        kept = dataclasses.replace(self._now, **changes)
        try:
            self._folder.mkdir(exist_ok=True)
            files.check_own(self._folder / STATE, self._trial_folder.parent)
            kept.best = self._link_best(checkpoint)
            kept.clock = self._stamp()
            write_snapshot(self._folder / STATE, kept.to_record())
            self._drop_others({kept.best.file, kept.first.file})
        except SnapshotError as error:
            self._is_kept = False
            self.delete()
            self.warn(
                "A trial that is interrupted will start from its beginning, "
                f"because its state can't be kept: {error}"
            )
        except OSError as error:
            self.warn(
                "The state of a training can't be written, so it starts from "
                "an earlier epoch or from its beginning if it is interrupted: "
                f"{error}"
            )
        else:
            # The arrays are not held in memory.
            self._now = dataclasses.replace(kept, epoch=None, reason=None)
            if kept.epoch is not None and self.awaits_progress:
                self.awaits_progress = False
                self._note_progress()
            return True
        return False

    # The best epoch, whose weights the host overwrites, and the log.

    def _link_best(self, checkpoint: Any) -> Best:
        """Keeps the weights of the best epoch beside the state."""
        log_size = 0
        with contextlib.suppress(OSError):
            log_size = os.path.getsize(self._trial_folder / FILE_NAME)
        if checkpoint is None or not math.isfinite(checkpoint.best_value):
            return Best(log_size=log_size)
        file = self._now.best.file
        weights = Path(checkpoint.filepath)
        if weights.is_file():
            status = weights.stat()
            mark = (status.st_ino, status.st_mtime_ns, status.st_size)
            if mark != self._best_mark:
                file = f"best_{secrets.token_hex(8)}.weights.h5"
                _link_or_copy(weights, self._folder / file)
                self._best_mark = mark
        return Best(float(checkpoint.best_value), file, log_size)

    def _drop_others(self, best_files: set[str | None]) -> None:
        for path in self._folder.iterdir():
            if path.name != STATE and path.name not in best_files:
                path.unlink(missing_ok=True)

    def _restore(self, best: Best, checkpoint: Any) -> None:
        """Puts the log and the best epoch back to an earlier state."""
        self._now.best = best
        self._best_mark = None
        log = self._trial_folder / FILE_NAME
        with contextlib.suppress(OSError):
            files.check_own(log, self._trial_folder.parent)
            if log.stat().st_size > best.log_size:
                os.truncate(log, best.log_size)
        if checkpoint is None or best.value is None:
            return
        checkpoint.best_value = best.value
        if best.file is None:
            return
        link, weights = self._folder / best.file, Path(checkpoint.filepath)
        files.check_own(link, self._trial_folder.parent)
        with writing(weights):
            if not (weights.is_file() and weights.samefile(link)):
                new = weights.with_name(f".{weights.name}.kept")
                new.unlink(missing_ok=True)
                _link_or_copy(link, new)
                os.replace(new, weights)

    def delete(self) -> None:
        """Deletes the state."""
        delete_state(self._trial_folder)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Not every file system has links.
        shutil.copyfile(source, target)
