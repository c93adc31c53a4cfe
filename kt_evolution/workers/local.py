"""Workers that are processes of this machine."""

import collections
import contextlib
import io
import os
import pickle
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import BinaryIO
from typing import cast

import cloudpickle

from kt_evolution.display.terminal import printable_lines
from kt_evolution.workers import resources
from kt_evolution.workers import shipping
from kt_evolution.workers.frames import read_frame
from kt_evolution.workers.frames import to_frame
from kt_evolution.workers.interface import Event
from kt_evolution.workers.interface import Task
from kt_evolution.workers.interface import TrainingBegan
from kt_evolution.workers.interface import WorkerDied
from kt_evolution.workers.interface import Workers
from kt_evolution.workers.member import END
from kt_evolution.workers.member import LOAD

# What user code prints must not be taken for a message, and what it reads is
# not for it. Only then the first import follows that may run code of others.
BOOT = """\
import os, pickle, sys
source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
nothing = os.open(os.devnull, os.O_RDONLY)
os.dup2(nothing, 0)
os.dup2(2, 1)
sys.path[:], name, folder = pickle.load(source)
from kt_evolution.workers.member import main
main(source, target, name, folder)
"""
# Seconds that workers have to end by themselves, after their last trial.
GRACE = 5.0
# How many of the last lines of a worker that died are in its trial's message.
NUM_LINES = 40


class LocalWorkers(Workers):
    """Processes of this machine, which live for the whole search.

    Args:
        num_workers: Int, how many.
    """

    def __init__(self, num_workers: int) -> None:
        self.names = tuple(f"worker{number}" for number in range(num_workers))
        self._folder: Path | None = None
        self._gpus: list[str] = []
        self._members: dict[str, _Member] = {}
        self._events: queue.SimpleQueue[_MemberEvent] = queue.SimpleQueue()

    def start(
        self, tuner: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        self._events = queue.SimpleQueue()
        self._gpus = resources.visible_gpus(os.environ)
        self._folder = Path(tempfile.mkdtemp(prefix="kt_evolution_"))
        # They import Keras while the first trials are proposed.
        remaining = tuner.remaining_trials
        num_needed = len(self.names) if remaining is None else max(remaining, 0)
        for worker in self.names[:num_needed]:
            self._add_member(worker)
        shipping.write(self._folder, tuner, args, kwargs)
        for member in self._members.values():
            member.send(LOAD)

    def submit(self, worker: str, task: Task) -> None:
        member = self._members.get(worker)
        if member is None or member.has_ended:
            member = self._add_member(worker)
            member.send(LOAD)
        member.has_trained = True
        member.send(cloudpickle.dumps(task))

    def _add_member(self, worker: str) -> "_Member":
        number = self.names.index(worker)
        variables = resources.environment(number, len(self.names), self._gpus)
        member = _Member(worker, variables, str(self._folder), self._events)
        self._members[worker] = member
        return member

    def events(self, timeout: float) -> Sequence[Event]:
        try:
            member, event = self._events.get(timeout=timeout)
        except queue.Empty:
            return []
        # One that died without a trial may have been replaced already.
        is_current = self._members.get(event.worker) is member
        return [event] if is_current else []

    def terminate(self, worker: str) -> None:
        self._members[worker].kill()

    def close(self, at_once: bool) -> None:
        members, self._members = list(self._members.values()), {}
        try:
            if not at_once:
                # The others may still import Keras.
                trained = [one for one in members if one.has_trained]
                for member in trained:
                    member.send(END)
                last = time.monotonic() + GRACE
                for member in trained:
                    member.join(max(last - time.monotonic(), 0.0))
        finally:
            for member in members:
                member.kill()
            for member in members:
                member.join(GRACE)
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None


class _Member:
    """One worker process, and what reads from it.

    Args:
        name: String, the name of the worker.
        variables: Dict, its environment.
        folder: String, the folder that `shipping.write` has filled.
        events: The queue of the events of all members.

    Attributes:
        has_trained: Bool, whether it was given a trial.
    """

    def __init__(
        self,
        name: str,
        variables: Mapping[str, str],
        folder: str,
        events: "queue.SimpleQueue[_MemberEvent]",
    ) -> None:
        self._name = name
        self._events = events
        self.has_trained = False
        # Ctrl-C in a terminal is for the search, and a process in its own
        # group ends together with those that it started.
        self._process = subprocess.Popen(
            [sys.executable, "-c", BOOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=variables,
            start_new_session=True,
        )
        self._lines: collections.deque[str] = collections.deque(
            maxlen=NUM_LINES
        )
        self._is_loaded = False
        self._input = cast(BinaryIO, self._process.stdin)
        self._output = cast(BinaryIO, self._process.stdout)
        self._printed = cast(BinaryIO, self._process.stderr)
        self._readers = [
            threading.Thread(target=self._read_messages, daemon=True),
            threading.Thread(target=self._read_lines, daemon=True),
        ]
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        for thread in (*self._readers, self._waiter):
            thread.start()
        self._write(pickle.dumps((list(sys.path), name, folder)))

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, content: bytes) -> None:
        """Sends a message."""
        self._write(to_frame(content))

    def _write(self, content: bytes) -> None:
        # That it has died is reported by `_wait`.
        with contextlib.suppress(OSError, ValueError):
            self._input.write(content)
            self._input.flush()

    def kill(self) -> None:
        """Ends the process and those that it started."""
        if not self.has_ended:
            self._kill_group()

    def _kill_group(self) -> None:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()

    def join(self, timeout: float) -> None:
        """Waits for the end of the process, and of what it had to say."""
        self._waiter.join(timeout)

    # What its threads do.

    def _read_messages(self) -> None:
        while (content := read_frame(self._output)) is not None:
            event = pickle.loads(content)
            if isinstance(event, TrainingBegan):
                self._is_loaded = True
                self._lines.clear()
            self._events.put((self, event))

    def _read_lines(self) -> None:
        """Prints what the process prints, except while it loads Keras.

        Then it is what this process has printed already.
        """
        with io.TextIOWrapper(self._printed, errors="replace") as lines:
            for line in lines:
                if line.startswith("Extension modules: "):
                    # The last line of a fault lists hundreds of them.
                    continue
                self._lines.append(line.rstrip("\n"))
                if self._is_loaded:
                    print(printable_lines(line), end="")

    def _wait(self) -> None:
        """Reports the end of the process."""
        code = self._process.wait()
        # What it has started would keep the pipes open.
        self._kill_group()
        for reader in self._readers:
            reader.join(GRACE)
        for pipe in (self._input, self._output, self._printed):
            with contextlib.suppress(OSError):
                pipe.close()
        reason = death_reason(code, self._lines)
        self._events.put((self, WorkerDied(self._name, reason)))


_MemberEvent = tuple[_Member, Event]


def death_reason(code: int, lines: Iterable[str]) -> str:
    """Returns how a worker process ended, as its trial's message.

    Args:
        code: Int, its exit code, or minus the signal that ended it.
        lines: The last lines that it printed.
    """
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        how = f"was ended by {name}"
        if name == "SIGKILL":
            how += ", for instance because memory ran out"
    else:
        how = f"ended with exit code {code}, for instance by `sys.exit`"
    printed = "\n".join(lines)
    text = f"WorkerError: its process {how}"
    # The last line is the reason that is shown of a failed trial.
    return f"It printed at last:\n{printed}\n{text}" if printed else text
