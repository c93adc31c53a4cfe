"""The chief of a distributed search: answers workers until the search is over.

The host's chief takes its calls one by one, and waits for every worker that
ever asked. Here a worker has a lease, which its calls and its heartbeat renew.
"""

import os
import threading
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

from keras_tuner.engine.trial import TrialStatus

from kt_evolution.keras_tuner_bridge import chief_address
from kt_evolution.keras_tuner_bridge import rpc
from kt_evolution.project.attendance import Attendance
from kt_evolution.project.messages import shortened
from kt_evolution.project.signals import Terminated
from kt_evolution.workers.dispatch import WorkerError
from kt_evolution.workers.host_calls import MAX_TEXT
from kt_evolution.workers.host_calls import Caller
from kt_evolution.workers.leases import Lease
from kt_evolution.workers.leases import Leases
from kt_evolution.workers.session import noted_interruption

# Seconds between two looks at what ends leases or the search.
INTERVAL = 0.5
# For so long a worker without a trial waits for an answer, in seconds.
HOLD = 1.0
# So long the chief stays after the last call, for instance for the best model.
LINGER = 5.0
# A worker of Keras Tuner's own calls only between two trials.
SILENT_LEASE = 24 * 60 * 60.0
# Each worker without a trial holds a thread of the server for a while.
MAX_THREADS = 1000


def serve(tuner: Any) -> None:
    """Searches as the chief of workers, until the search is over.

    Args:
        tuner: The `EvolutionTuner`.

    Raises:
        WorkerError: If a worker had an error that ends the search of all.
    """
    tuner.save()
    chief = HostChief(tuner.oracle)
    try:
        with noted_interruption(tuner.oracle):
            chief.run()
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, Terminated)):
            chief.say(f"{chief.refusal} Its workers end, too.")
        chief.tell_all()
        raise
    finally:
        chief.close()


def _reason_of(error: BaseException) -> str:
    """Returns what workers are told when the chief ends by an error."""
    if isinstance(error, (KeyboardInterrupt, Terminated)):
        signal = "SIGTERM" if isinstance(error, Terminated) else "Ctrl-C"
        return f"The search was stopped: its chief got {signal}."
    return shortened(f"The search ended with an error: {error}", MAX_TEXT)


class HostChief:
    """Knows which workers of a search are alive, and when it is over.

    Args:
        oracle: The `EvolutionOracle`.

    Attributes:
        oracle: The same.
        refusal: String, why the search has ended and all calls are refused, or
            None.
    """

    def __init__(self, oracle: Any) -> None:
        self.oracle = oracle
        self._attendance = Attendance(oracle, oracle._project)
        self._seconds = chief_address.lease_seconds()
        self._leases = Leases()
        self._server: Any = None
        # Set once an error ends the search.
        self._has_failed = threading.Event()
        self._error: BaseException | None = None
        self.refusal: str | None = None
        # Workers that wait for a trial look again when this number changes.
        self._num_changes = 0
        self._changed = threading.Condition()
        # The number at which there was no trial for a worker.
        self._idle_since = -1
        self._last_call = time.monotonic()
        self._has_met_workers = False
        # Those that come again come back.
        self._known: set[str] = set()
        self._has_said_that_it_waits = False

    # Its life.

    def run(self) -> None:
        """Answers calls until the search is over and no worker is left."""
        try:
            self._listen()
            while not self._is_over():
                self._has_failed.wait(INTERVAL)
                if self._error is not None:
                    raise self._error
                for lease in self._leases.take_ended():
                    self._lose(lease)
        except BaseException as error:
            self.refuse(_reason_of(error))
            raise
        self.oracle._lifecycle.close()

    def _listen(self) -> None:
        """Begins to answer calls, with a message where and for whom."""
        import grpc

        # It imports the host's protocol buffers.
        from kt_evolution.workers.host_servicer import Servicer

        self.oracle._lifecycle.is_served = True
        expected = self._attendance.expect()
        self._known.update(expected)
        for worker in expected:
            self._leases.renew(worker, None, self._seconds)
        self._server = grpc.server(
            futures.ThreadPoolExecutor(max_workers=MAX_THREADS),
            # Otherwise it shares the port with a chief of another search.
            options=[("grpc.so_reuseport", 0)],
        )
        rpc.add_servicer(Servicer(self), self._server)
        address = chief_address.target()
        self._server.add_insecure_port(address)
        self._server.start()
        self.say(
            f"The chief of the search listens on {address}. {_how_to_join()}"
        )
        if expected:
            self.say(
                f"Trials of {', '.join(expected)} may still run. They are kept "
                f"for their workers for {self._seconds:g} seconds."
            )

    def _is_over(self) -> bool:
        if self._leases.alive():
            self._has_said_that_it_waits = False
            return False
        if not self._attendance.is_over():
            if self._has_met_workers and not self._has_said_that_it_waits:
                self._has_said_that_it_waits = True
                self.say(
                    "The search goes on once there is a worker again. "
                    f"{_how_to_join()}"
                )
            return False
        # Workers that start with the chief of a finished search come later.
        patience = LINGER if self._has_met_workers else self._seconds
        return time.monotonic() - self._last_call > patience

    def refuse(self, reason: str) -> None:
        """Answers all calls with the reason why the search has ended."""
        self.refusal = self.refusal or reason
        self.note_change()

    def fail(self, error: BaseException) -> None:
        """Ends the search with an error."""
        if self._error is None:
            self._error = error
        self.refuse(_reason_of(error))
        self._has_failed.set()

    def tell_all(self) -> None:
        """Waits until all workers know that the search has ended."""
        told = [one for one in self._leases.alive() if one.token is not None]
        longest = max((one.seconds for one in told), default=0.0)
        end = time.monotonic() + longest / 3 + 2
        while time.monotonic() < end:
            if not any(one.token is not None for one in self._leases.alive()):
                break
            time.sleep(INTERVAL / 5)

    def close(self) -> None:
        """Ends the server."""
        self.oracle._lifecycle.is_served = False
        if self._server is not None:
            self._server.stop(grace=1).wait()

    def say(self, text: str) -> None:
        """Prints a text, unless the search is to be silent."""
        if self.oracle.verbose:
            print(text, flush=True)

    # Workers that come and go.

    def admit(self, caller: Caller) -> bool:
        """Renews the lease of a worker that calls.

        Args:
            caller: The `Caller`.

        Returns:
            Bool, whether the worker still has the trial that it trains.

        Raises:
            WorkerInUseError: If another process has its id.
        """
        self._last_call = time.monotonic()
        if not self._leases.renew(
            caller.worker, caller.token, caller.seconds, caller.replaces
        ):
            return True
        self._welcome(caller.worker)
        if caller.trial_id is None or caller.run is None:
            return True
        return self._attendance.come_back(
            caller.worker, caller.trial_id, caller.run
        )

    def admit_silent(self, worker: str) -> None:
        """Gives a worker a lease that says nothing of itself."""
        self._last_call = time.monotonic()
        if self._leases.renew(worker, None, SILENT_LEASE):
            self._welcome(worker)

    def _welcome(self, worker: str) -> None:
        self._has_met_workers = True
        number = len(self._leases.alive())
        what = "come back to" if worker in self._known else "joined"
        self._known.add(worker)
        self.say(
            f"{worker} has {what} the search, which has {number} "
            f"{'workers' if number > 1 else 'worker'} now."
        )

    def take_leave(self, caller: Caller) -> None:
        """Lets a worker go that ends its search.

        Args:
            caller: The `Caller`.
        """
        self._last_call = time.monotonic()
        if not self._leases.end(caller.worker, caller.token):
            return
        if caller.error is not None:
            self.fail(WorkerError(f"{caller.worker}: {caller.error}"))
            return
        trial_id = self._attendance.leave(caller.worker, caller.is_interrupted)
        self.say(f"{caller.worker} has left the search.{_passed_on(trial_id)}")
        self.note_change()

    def dismiss(self, caller: Caller) -> None:
        """Forgets a worker that knows that the search has ended."""
        self._leases.end(caller.worker, caller.token)

    def _lose(self, lease: Lease) -> None:
        """Takes its trial from a worker whose lease ran out."""
        with self.oracle._project.lock:
            if self._leases.is_alive(lease.worker):
                # It has called in the meantime.
                return
            trial_id = self._attendance.leave(lease.worker)
        self.say(
            f"{lease.worker} has not been heard of for {lease.seconds:g} "
            f"seconds, and counts as dead.{_passed_on(trial_id)}"
        )
        self.note_change()

    # Trials.

    def note_change(self) -> None:
        """Lets workers that wait for a trial look again."""
        with self._changed:
            self._num_changes += 1
            self._changed.notify_all()

    def next_trial(
        self, worker: str, caller: Caller | None, is_there: Callable[[], bool]
    ) -> Any:
        """Returns a trial for a worker, see `EvolutionOracle.create_trial`.

        Args:
            worker: String.
            caller: The `Caller`, or None if the worker does not say who it is.
            is_there: Function, whether the worker still waits for the answer.

        Returns:
            The `Trial`; it is IDLE if there is none for a while. None if the
            worker does not wait any more, or must end.
        """
        if self._wait_while_idle():
            return self._idle_trial()
        number = self._num_changes
        with self.oracle._project.lock:
            if self.refusal is not None or not is_there():
                return None
            try:
                trial = self.oracle.create_trial(worker)
            except Exception as error:
                self.fail(error)
                return None
        if trial.status == TrialStatus.IDLE:
            self._idle_since = number
        elif trial.status == TrialStatus.STOPPED and caller is None:
            # It ends without a further call.
            self._leases.end(worker)
        return trial

    def _wait_while_idle(self) -> bool:
        """Waits while there is no trial, and returns whether that is still so.

        A proposal that found nothing is not made again until a trial ends or
        becomes free.
        """
        number = self._num_changes
        if self._idle_since != number:
            return False
        with self._changed:
            self._changed.wait_for(lambda: self._num_changes != number, HOLD)
        if self._num_changes != number:
            return False
        with self.oracle._project.lock:
            return not self.oracle._lifecycle.check_rules()

    def _idle_trial(self) -> Any:
        trial = self.oracle._project.state.new_trial("", {})
        trial.status = TrialStatus.IDLE
        return trial


def _passed_on(trial_id: str | None) -> str:
    """Returns what becomes of the trial of a worker that is gone."""
    if trial_id is None:
        return ""
    return f" The next worker that asks gets its trial {trial_id}."


def _how_to_join() -> str:
    """Returns how a worker is started."""
    ip = os.environ[chief_address.IP]
    port = os.environ[chief_address.PORT]
    return (
        f"A worker is the same script with {chief_address.IP}={ip}, "
        f"{chief_address.PORT}={port} and a {chief_address.ID} of its own, "
        "such as worker_1."
    )
