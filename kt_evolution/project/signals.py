"""What ends a search from outside, as exceptions that are not lost.

With an exception at SIGTERM, with which schedulers end a process, there is time
for a last line. Python drops an exception that is raised during garbage
collection or in a callback of C code, and the user's code may catch all
exceptions. Therefore `raise_if_interrupted` raises it again, between two
trials, builds or batches. It also raises what another thread has learned, such
as that the chief of a distributed search was stopped.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

# Whether SIGTERM was received in the present search.
_is_terminated = False
# Whether a Ctrl-C was received that did not end the search yet, and whether
# Python said that it dropped its exception.
_is_interrupted = False
_is_interrupt_dropped = False
# Returns the exception with which another thread ends the search or its trial.
_find_end: Callable[[bool], BaseException | None] | None = None


class Terminated(BaseException):
    """The process must end, because it received SIGTERM."""


def is_interrupted() -> bool:
    """Returns whether the search should have ended already."""
    is_ended = _find_end is not None and _find_end(False) is not None
    return _is_terminated or _is_interrupted or is_ended


def raise_if_interrupted() -> None:
    """Raises the exception that should have ended the search already.

    Raises:
        Terminated: If the process received SIGTERM.
        KeyboardInterrupt: If a Ctrl-C was lost. It is raised once.
        BaseException: With which another thread ends the search or its trial.
    """
    if _is_terminated:
        raise Terminated
    if _is_interrupted:
        _forget_interrupt()
        raise KeyboardInterrupt
    raise_if_ended()


def raise_if_ended() -> None:
    """Raises the exception with which another thread ends the search, if any.

    See `ended_by`.
    """
    end = None if _find_end is None else _find_end(True)
    if end is not None:
        raise end


@contextlib.contextmanager
def ended_by(
    find_end: Callable[[bool], BaseException | None],
) -> Iterator[None]:
    """Raises in the search what another thread has learned.

    Args:
        find_end: Function that returns the exception, or None, of whether it
            is raised now. It is called after each batch.
    """
    global _find_end
    before, _find_end = _find_end, find_end
    try:
        yield
    finally:
        _find_end = before


def forget_caught_interrupt() -> None:
    """Forgets a Ctrl-C whose exception the user's code may have caught.

    Some end a training by hand so. What Python dropped is not forgotten.
    """
    if not _is_interrupt_dropped:
        _forget_interrupt()


@contextlib.contextmanager
def keeping_interrupts() -> Iterator[None]:
    """Notes each Ctrl-C, which raises `KeyboardInterrupt` as ever.

    Only the main thread receives it, and a handler of the user stays
    installed. Python would print an exception that it drops, and go on.
    """
    if not _is_main_thread():
        yield
        return
    hook = sys.unraisablehook
    handler = signal.getsignal(signal.SIGINT)

    def interrupt(*args: Any) -> None:
        global _is_interrupted
        _is_interrupted = True
        raise KeyboardInterrupt

    def note(unraisable: Any) -> None:
        global _is_interrupted, _is_interrupt_dropped
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            _is_interrupted = _is_interrupt_dropped = True
        elif not issubclass(unraisable.exc_type, Terminated):
            hook(unraisable)

    sys.unraisablehook = note
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        if handler is signal.default_int_handler:
            signal.signal(signal.SIGINT, handler)
        sys.unraisablehook = hook
        _forget_interrupt()


def _forget_interrupt() -> None:
    global _is_interrupted, _is_interrupt_dropped
    _is_interrupted = _is_interrupt_dropped = False


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def raising_terminated() -> Iterator[None]:
    """Raises `Terminated` at SIGTERM, and at last ends the process by SIGTERM.

    Code within the context can handle it like Ctrl-C. A handler of the user
    stays installed, and only the main thread can install one.
    """
    if not _is_main_thread() or (
        signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return
    owner = os.getpid()

    def terminate(*args: Any) -> None:
        if os.getpid() != owner:
            # A fork, such as a worker that loads data, has the handler too.
            _end_by_sigterm()
        global _is_terminated
        _is_terminated = True
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
        raise_if_interrupted()
    except Terminated:
        _end_by_sigterm()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _forget()


def _forget() -> None:
    global _is_terminated
    _is_terminated = False


def _end_by_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
