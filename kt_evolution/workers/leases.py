"""Leases: which workers of a chief are alive, and for how long that is known.

A lease is a time, not a state of the search. It is in the memory of the chief
only: what the search needs, who trains which trial, is in the journal.
"""

import dataclasses
import threading
import time
from collections.abc import Callable


@dataclasses.dataclass
class Lease:
    """A worker that is believed to be alive.

    Args:
        worker: String, its tuner id.
        token: String, its process. None for a worker that sends none, such as
            one of Keras Tuner's own tuners, and for one that a former chief
            knew.
        seconds: Float, for how long it counts as alive without a call.
        end: Float, the time until which it counts as alive.
    """

    worker: str
    token: str | None
    seconds: float
    end: float


class WorkerInUseError(Exception):
    """Another process that is alive has this tuner id.

    Args:
        token: String, that process.
        seconds: Float, after how many seconds without a call it counts as dead.
    """

    def __init__(self, token: str, seconds: float) -> None:
        super().__init__(token)
        self.token = token
        self.seconds = seconds


class Leases:
    """The leases of the workers of a chief.

    It has a lock of its own, so that a lease is renewed while a proposal is
    made.

    Args:
        clock: Function that returns seconds. Defaults to a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._leases: dict[str, Lease] = {}

    def renew(
        self,
        worker: str,
        token: str | None,
        seconds: float,
        replaces: str | None = None,
    ) -> bool:
        """Renews the lease of a worker, or gives it one.

        A call without a token is taken for one of the process that has the
        lease.

        Args:
            worker: String.
            token: String, its process, or None if that is not known.
            seconds: Float, for how long.
            replaces: String, the token of a process that is known to have
                ended. Defaults to None.

        Returns:
            Bool, whether it is a new process of the worker.

        Raises:
            WorkerInUseError: If another process has the lease.
        """
        with self._lock:
            now = self._clock()
            lease = self._leases.get(worker)
            if lease is not None and lease.end <= now:
                lease = None
            if lease is None or token not in (None, lease.token):
                if lease is not None and lease.token not in (None, replaces):
                    raise WorkerInUseError(
                        str(lease.token), round(lease.end - now, 1)
                    )
                self._leases[worker] = Lease(
                    worker, token, seconds, now + seconds
                )
                return True
            if lease.token is None or token is not None:
                lease.seconds = seconds
            lease.end = now + lease.seconds
            return False

    def end(self, worker: str, token: str | None = None) -> bool:
        """Ends the lease of a worker.

        Args:
            worker: String.
            token: String, the process that leaves. Defaults to None, which is
                whichever has the lease.

        Returns:
            Bool, whether it had one.
        """
        with self._lock:
            lease = self._leases.get(worker)
            if lease is None or token not in (None, lease.token):
                return False
            del self._leases[worker]
            return True

    def take_ended(self) -> list[Lease]:
        """Returns the leases that ran out since the last call, and drops them.

        Returns:
            List of `Lease`s.
        """
        with self._lock:
            now = self._clock()
            ended = [one for one in self._leases.values() if one.end <= now]
            for one in ended:
                del self._leases[one.worker]
            return ended

    def is_alive(self, worker: str) -> bool:
        """Returns whether a worker has a lease, also one that just ran out."""
        with self._lock:
            return worker in self._leases

    def alive(self) -> list[Lease]:
        """Returns the leases in the order in which workers came."""
        with self._lock:
            return [dataclasses.replace(one) for one in self._leases.values()]
