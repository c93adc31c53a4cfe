"""What runs in a Ray actor: a copy of the tuner, in a folder of its own.

Its methods are short, and run in threads of Ray. The training is in one thread
that lives as long as the actor, because Keras has settings for each thread.
"""

import contextlib
import io
import os
import pickle
import queue
import shutil
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

# A pickled `Event`, and the files of the trial if it was reported.
Message = tuple[bytes, Content]


class RayMember:
    """Trains trials on a node of a cluster.

    Args:
        version: String, that of this package where the search is.
        variables: Dict, the environment for Keras and its backend.
        search: Tuple of what `shipping.dump` has written, and of the list of
            the large arrays. The arrays are read-only, and all actors of a
            node share them.
    """

    def __init__(
        self,
        version: str,
        variables: Mapping[str, str],
        search: tuple[bytes, Sequence[np.ndarray]],
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
        while is_usable:
            task, content = self._tasks.get()
            is_usable = self._train(member, pickle.loads(task), content)

    def _read(self, own_parts: Callable[..., Any]) -> tuple[Any, ...]:
        """Returns the tuner and the arguments of `search`, see `shipping`."""
        from kt_evolution.workers import shipping

        content, arrays = self._search
        loaded = shipping.load(
            io.BytesIO(content), arrays.__getitem__, own_parts
        )
        tuner = loaded[0]
        tuner.directory, tuner.project_name = str(self._folder.path), "search"
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

        from kt_evolution.workers.interface import TrialReported

        content: Content = {}
        if isinstance(event, TrialReported) and self._trial_folder is not None:
            content = read_files(self._trial_folder)
        self._messages.put((cloudpickle.dumps(event), content))


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
