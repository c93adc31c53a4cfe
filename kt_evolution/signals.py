"""SIGTERM, by which schedulers end a process: there is time for a last line."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Terminated(BaseException):
    """The process is to end, because it received SIGTERM."""


@contextlib.contextmanager
def raising_terminated() -> Iterator[None]:
    """Raises `Terminated` at SIGTERM, and ends the process by it at last.

    What is between can act on it as on Ctrl-C. A handler of the user stays in
    its place, and only the main thread can set one.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or (
        signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return
    owner = os.getpid()

    def terminate(*args: Any) -> None:
        if os.getpid() != owner:
            # A fork, such as a worker that loads data, has the handler too.
            _end_by_sigterm()
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except Terminated:
        _end_by_sigterm()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end_by_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
