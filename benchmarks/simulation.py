"""Simulated time: workers that ask one chief for jobs, and do them at once."""

from __future__ import annotations

import dataclasses
import heapq
import math
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Generic
from typing import Protocol
from typing import TypeVar

Job = TypeVar("Job")


class Chief(Protocol[Job]):
    """Has jobs for workers."""

    def ask(self, worker: int) -> Job | None:
        """Returns the next job of a worker, None if there is none now."""

    def tell(self, job: Job) -> None:
        """Reports that a job is done."""


@dataclasses.dataclass(frozen=True)
class Shift(Generic[Job]):
    """A job as a worker does it.

    Args:
        job: The job.
        first: Float, when the worker begins it.
        last: Float, when it is done.
        seconds: Float, what it took the chief to propose it and to take the
            report that the worker came with.
    """

    job: Job
    first: float
    last: float
    seconds: float


def simulate(
    chief: Chief[Job],
    length: Callable[[Job], float],
    workers: int,
    *,
    until: float = math.inf,
    clock: Callable[[], float] = time.perf_counter,
    chief_takes_time: bool = False,
) -> Iterator[Shift[Job]]:
    """Lets workers ask for jobs whenever they are idle.

    If the chief takes time, it serves one worker after another, so a worker
    waits for those before it. It knows all jobs that were done when the worker
    came, not those that were done while it waited.

    Args:
        chief: The `Chief`.
        length: Function that returns how long a job takes.
        workers: Integer.
        until: Float, no job begins later. Defaults to infinity.
        clock: Function that returns seconds, of the chief's real work.
        chief_takes_time: Boolean, whether these seconds pass in the
            simulation as well. Defaults to False.

    Yields:
        A `Shift` for each job, when it begins.
    """
    number = 0
    now = free = reported = 0.0
    running: list[tuple[float, int, int, Job]] = []
    idle = list(range(workers))
    while now < until:
        waiting = []
        for worker in idle:
            start = clock()
            job = chief.ask(worker)
            seconds, reported = clock() - start + reported, 0.0
            if job is None:
                waiting.append(worker)
                continue
            first = now
            if chief_takes_time:
                first = free = max(now, free) + seconds
            number += 1
            last = first + length(job)
            heapq.heappush(running, (last, number, worker, job))
            yield Shift(job, first, last, seconds)
        if not running:
            return
        now, _, worker, job = heapq.heappop(running)
        start = clock()
        chief.tell(job)
        reported = clock() - start
        idle = [*waiting, worker]
