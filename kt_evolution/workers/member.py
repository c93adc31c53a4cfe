"""What runs in a worker process of this machine.

The main thread trains. Another one reads the messages of the search, and ends
the process if the search is gone, also in the middle of a training.
"""

import atexit
import faulthandler
import functools
import os
import pickle
import queue
import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from typing import BinaryIO

from kt_evolution.workers.frames import read_frame
from kt_evolution.workers.frames import to_frame

if TYPE_CHECKING:
    from kt_evolution.workers.interface import Event

# The messages after which a worker loads the search, and ends.
LOAD = b"load"
END = b""


def main(source: BinaryIO, target: BinaryIO, name: str, folder: str) -> None:
    """Trains trials until the search ends.

    Args:
        source: The pipe of the messages of the search.
        target: The pipe of the messages to the search.
        name: String, the name of the worker.
        folder: String, the folder that `shipping.write` has filled.
    """
    has_ended = threading.Event()
    # What is registered first is called last.
    atexit.register(_skip_teardown, has_ended)
    # A process that dies of a fault in C code says where it was.
    faulthandler.enable(all_threads=False)
    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(
        target=_receive, args=(source, messages, folder), daemon=True
    ).start()
    # To import Keras takes seconds, in which the search may die.
    import cloudpickle

    from kt_evolution.workers import shipping
    from kt_evolution.workers.member_tuner import MemberTuner

    def send(event: "Event") -> None:
        target.write(to_frame(cloudpickle.dumps(event)))
        target.flush()

    tuner = MemberTuner(name, send)
    is_usable = messages.get() == LOAD and tuner.load(
        functools.partial(shipping.read, Path(folder))
    )
    while is_usable and (content := messages.get()) != END:
        is_usable = tuner.train(pickle.loads(content))
    has_ended.set()


def _skip_teardown(has_ended: threading.Event) -> None:
    """Ends the process without what the search would wait for in vain.

    To take apart the modules of a backend takes a second.

    Args:
        has_ended: Event, whether the process ends because the search does.
    """
    if has_ended.is_set():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _receive(
    source: BinaryIO, messages: "queue.SimpleQueue[bytes]", folder: str
) -> None:
    """Reads messages, and ends the process if the search has died."""
    while (content := read_frame(source)) is not None:
        messages.put(content)
        if content == END:
            return
    # The search can't delete it any more.
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
