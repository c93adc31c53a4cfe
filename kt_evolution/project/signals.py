"""SIGTERM, with which schedulers end a process, as an exception.

So there is time for a last line. Python drops an exception that is raised
during garbage collection, and the user's code may catch all exceptions.
Therefore `raise_if_terminated` raises it again, between two trials, builds or
batches.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

# Whether SIGTERM was received in the present search.
_is_received = False


class Terminated(BaseException):
    """The process must end, because it received SIGTERM."""


def is_terminated() -> bool:
    """Returns whether the process must end."""
    return _is_received


def raise_if_terminated() -> None:
    """Raises `Terminated` if the process should have ended already."""
    if _is_received:
        raise Terminated


@contextlib.contextmanager
def raising_terminated() -> Iterator[None]:
    """Raises `Terminated` at SIGTERM, and at last ends the process by SIGTERM.

    Code within the context can handle it like Ctrl-C. A handler of the user
    stays installed, and only the main thread can install one.
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
        global _is_received
        _is_received = True
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
        raise_if_terminated()
    except Terminated:
        _end_by_sigterm()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _forget()


def _forget() -> None:
    global _is_received
    _is_received = False


def _end_by_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
