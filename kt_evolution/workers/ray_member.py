"""What runs in a Ray actor: a copy of the tuner, in a folder of its own.

Its methods are short, and run in threads of Ray. The training is in one thread
that lives as long as the actor, because Keras has settings for each thread.
"""

import contextlib
import dataclasses
import io
import os
import pickle
import queue
import shutil
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from filelock import FileLock
from filelock import Timeout

import kt_evolution
from kt_evolution.workers.trial_files import Content
from kt_evolution.workers.trial_files import read_files
from kt_evolution.workers.trial_files import write_files

if TYPE_CHECKING:
    from kt_evolution.workers.interface import Event
    from kt_evolution.workers.interface import Task

PREFIX = "kt_evolution_ray_"
# The name of the project in an actor's folder.
PROJECT = "search"

# A pickled `Event`, and the files of the trial if it was reported.
Message = tuple[bytes, Content]


@dataclasses.dataclass(frozen=True)
class SharedSearch:
    """What all actors of a search share, in Ray's object store.

    Args:
        content: Bytes, what `shipping.dump` has written.
        arrays: List of the large arrays. They are read-only, and all actors of
            a node share them.
        project: String, the path of the project where the search is.
        prints: Bool, whether the search prints what trainings print.
    """

    content: bytes
    arrays: Sequence[np.ndarray]
    project: str
    prints: bool


class RayMember:
    """Trains trials on a node of a cluster.

    Args:
        version: String, that of this package where the search is.
        variables: Dict, the environment for Keras and its backend.
        search: The `SharedSearch`.
    """

    def __init__(
        self,
        version: str,
        variables: Mapping[str, str],
        search: SharedSearch,
    ) -> None:
        if version != kt_evolution.__version__:
            raise ImportError(
                "kt_evolution must have the same version on all nodes: it is "
                f"{version} where the search is, and {kt_evolution.__version__}"
                f" on {os.uname().nodename}"
            )
        os.environ.update(variables)
        self._search = search
        self._folder = ScratchFolder()
        # The folder of the trial that is trained.
        self._trial_folder: Path | None = None
        self._tasks: queue.SimpleQueue[tuple[bytes, Mapping[str, Content]]]
        self._tasks = queue.SimpleQueue()
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    # What the search calls.

    def poll(self, timeout: float) -> list[Message]:
        """Returns what has happened since the last call.

        Args:
            timeout: Float, for how many seconds to wait for it.
        """
        messages = []
        with contextlib.suppress(queue.Empty):
            messages.append(self._messages.get(timeout=timeout))
            while True:
                messages.append(self._messages.get_nowait())
        return messages

    def submit(self, task: bytes, content: Mapping[str, Content]) -> None:
        """Takes the next trial.

        Args:
            task: The pickled `Task`.
            content: Dict of ids of trials, of it and of its parents, to files.
        """
        self._tasks.put((task, content))

    def stop(self) -> Content:
        """Returns the files of a trial that is trained, and deletes all."""
        folder = self._trial_folder
        content = read_files(folder) if folder is not None else {}
        self._folder.delete()
        return content

    # The thread that trains.

    def _run(self) -> None:
        # Keras is imported now that the environment is set.
        from kt_evolution.workers.interface import WorkerDied
        from kt_evolution.workers.local import death_reason

        try:
            self._train_all()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
            code = 0 if error.code is None else code
            self._send(WorkerDied("", death_reason(code, [])))
        except BaseException:
            # For instance because the disk is full.
            self._send(WorkerDied("", traceback.format_exc()))

    def _train_all(self) -> None:
        from kt_evolution.workers.member_tuner import MemberTuner

        member = MemberTuner("", self._send)
        is_usable = member.load(self._read)
        if self._search.prints:
            sys.stdout = PrintedLines(sys.stdout, self._send_printed)
            sys.stderr = PrintedLines(sys.stderr, self._send_printed)
        while is_usable:
            task, content = self._tasks.get()
            is_usable = self._train(member, pickle.loads(task), content)

    def _read(self, own_parts: Callable[..., Any]) -> tuple[Any, ...]:
        """Returns the tuner and the arguments of `search`, see `shipping`."""
        from kt_evolution.workers import shipping

        loaded = shipping.load(
            io.BytesIO(self._search.content),
            self._search.arrays.__getitem__,
            own_parts,
        )
        tuner = loaded[0]
        tuner.directory, tuner.project_name = str(self._folder.path), PROJECT
        self._project = Path(tuner.project_dir)
        return loaded

    def _train(
        self, member: Any, task: "Task", content: Mapping[str, Content]
    ) -> bool:
        """Trains a trial, and returns whether the next one can be."""
        for trial_id, its_content in content.items():
            write_files(self._project / f"trial_{trial_id}", its_content)
        self._trial_folder = self._project / f"trial_{task.trial.trial_id}"
        is_usable: bool = member.train(task)
        self._trial_folder = None
        for folder in self._project.glob("trial_*"):
            shutil.rmtree(folder, ignore_errors=True)
        return is_usable

    def _send(self, event: "Event") -> None:
        import cloudpickle

        from kt_evolution.workers.interface import SearchFailed
        from kt_evolution.workers.interface import TrialReported
        from kt_evolution.workers.interface import WorkerDied

        content: Content = {}
        match event:
            case TrialReported():
                if self._trial_folder is not None:
                    content = read_files(self._trial_folder)
                if event.trial.message is not None:
                    event.trial.message = self._as_there(event.trial.message)
            case WorkerDied():
                reason = self._as_there(event.reason)
                event = dataclasses.replace(event, reason=reason)
            case SearchFailed():
                text = self._as_there(event.text)
                event = dataclasses.replace(event, text=text)
        self._messages.put((cloudpickle.dumps(event), content))

    def _send_printed(self, text: str) -> None:
        from kt_evolution.workers.interface import WorkerPrinted

        self._send(WorkerPrinted("", self._as_there(text)))

    def _as_there(self, text: str) -> str:
        """Returns a text with the paths that its files have in the project."""
        return text.replace(
            str(self._folder.path / PROJECT), self._search.project
        )


class PrintedLines(io.TextIOBase):
    """A stream that also sends the lines that are written to it.

    Args:
        stream: The stream of Ray, which writes its log.
        send: Function of a string, one or several lines.
    """

    def __init__(self, stream: Any, send: Callable[[str], None]) -> None:
        self._stream = stream
        self._send = send
        self._started = ""

    def write(self, text: str) -> int:
        self._stream.write(text)
        lines, end, rest = (self._started + text).rpartition("\n")
        self._started = rest
        if end:
            self._send(lines + end)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def fileno(self) -> int:
        return int(self._stream.fileno())

    def isatty(self) -> bool:
        return False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return str(self._stream.encoding)


class ScratchFolder:
    """A temporary folder, which a later one deletes if its process died.

    Ray ends actors without a warning. Which folders have an owner is known by
    a lock, because process ids mean nothing across containers.

    Attributes:
        path: The path of the folder.
    """

    def __init__(self) -> None:
        root = Path(tempfile.gettempdir())
        for path in root.glob(f"{PREFIX}*.lock"):
            self._delete_left(path)
        self.path = root / f"{PREFIX}{os.urandom(8).hex()}"
        self._lock = FileLock(f"{self.path}.lock")
        self._lock.acquire()
        self.path.mkdir(mode=0o700)

    def _delete_left(self, path: Path) -> None:
        with contextlib.suppress(Timeout, OSError):
            with FileLock(path, timeout=0):
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink(missing_ok=True)

    def delete(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        Path(self._lock.lock_file).unlink(missing_ok=True)
        self._lock.release()
