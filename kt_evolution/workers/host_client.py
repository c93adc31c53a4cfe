"""The calls of a worker to its chief, which may come later or start again.

Keras Tuner's client waits for its chief for an hour without a word, and fails
if the chief dies in the middle of a call. Each call may be repeated: a chief
gives a worker the trial that it has, and takes a result once.
"""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kt_evolution.display.formatting import duration
from kt_evolution.keras_tuner_bridge import chief_address
from kt_evolution.keras_tuner_bridge import rpc
from kt_evolution.project.finished import Finished
from kt_evolution.project.signals import raise_if_interrupted
from kt_evolution.workers.failed_chief import failure_of_chief

# Seconds between two tries, and between two messages.
INTERVAL = 0.2
NOTICE_INTERVAL = 30.0
# A chief that answers so soon is worth no message, in seconds.
SOON = 2.0


class SearchEnded(SystemExit):
    """The search has ended, or the chief does not take this worker.

    Its message is all that a script prints, and its exit code is 1.
    """


def connect(tuner: Any) -> None:
    """Lets a worker of a chief wait for it, with messages.

    Args:
        tuner: The `EvolutionTuner`, also one that is no worker.
    """
    if tuner._is_worker():
        tuner.oracle.stub = PatientStub(
            tuner.tuner_id, Path(tuner.project_dir), tuner.oracle.max_trials
        )


class PatientStub:
    """The calls of a worker, repeated until the chief has answered.

    Args:
        worker: String, the tuner id.
        folder: Path, the project.
        max_trials: Int, that of the search, or None.
    """

    def __init__(
        self, worker: str, folder: Path, max_trials: int | None
    ) -> None:
        self._worker = worker
        self._folder = folder
        self._finished = Finished(folder)
        self._max_trials = max_trials
        self._address = chief_address.target()
        self._patience = chief_address.patience_seconds()
        self._channel = rpc.new_channel(self._address)
        self._stub = rpc.new_stub(self._channel)
        self._has_met_chief = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return functools.partial(self._call, getattr(self._stub, name))

    def _call(self, function: Any, request: Any, **options: Any) -> Any:
        """Calls the chief.

        Args:
            function: Function of Keras Tuner's stub.
            request: The request.
            **options: Those of gRPC. How long to wait is decided here.

        Raises:
            SearchEnded: If no chief answers.
        """
        import grpc

        options |= {"wait_for_ready": False, "timeout": rpc.TIMEOUT}
        wait = _Wait(self._patience)
        while True:
            try:
                self._wait_until_ready(wait)
            except KeyboardInterrupt:
                raise self._given_up(
                    "Ctrl-C came while it waited for its chief"
                ) from None
            try:
                answer = function(request, **options)
            except KeyboardInterrupt:
                # What gRPC was doing is of no interest.
                raise KeyboardInterrupt from None
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise
                time.sleep(INTERVAL)
            else:
                self._has_met_chief = True
                if wait.has_notice:
                    self._say("goes on: its chief answers")
                return answer

    def _wait_until_ready(self, wait: "_Wait") -> None:
        """Waits until there is a connection, with a message now and then."""
        import grpc

        while True:
            ready = grpc.channel_ready_future(self._channel)
            try:
                return ready.result(timeout=INTERVAL)
            except grpc.FutureTimeoutError:
                pass
            finally:
                ready.cancel()
            raise_if_interrupted()
            self._check_search()
            if wait.is_over:
                limit = duration(self._patience)
                raise self._given_up(f"No chief has answered for {limit}")
            if wait.is_due():
                said = self._notice(wait), self._what_is_there()
                self._say(". ".join(filter(None, said)))

    def _notice(self, wait: "_Wait") -> str:
        if wait.has_notice:
            passed = duration(wait.seconds)
            return f"has waited for its chief at {self._address} for {passed}"
        wait.has_notice = True
        what = (
            f"has lost its chief at {self._address} and waits for it"
            if self._has_met_chief
            else f"waits for its chief at {self._address} "
            f"({chief_address.IP}, {chief_address.PORT})"
        )
        limit = duration(self._patience)
        return f"{what}, for at most {limit} ({chief_address.PATIENCE})"

    def _what_is_there(self) -> str | None:
        """Returns why no chief may have answered, if anything is known.

        Raises:
            SearchEnded: If another program listens at the address.
        """
        try:
            is_silent = chief_address.is_silent()
        except chief_address.OtherServerError as error:
            raise SearchEnded(
                f"What listens at {self._address} is no chief of a search, so "
                f"{self._worker} ends: it answers {error}. Check "
                f"{chief_address.IP} and {chief_address.PORT}."
            ) from None
        if is_silent:
            return (
                "Something listens there that does not answer as a chief does"
            )
        failure = failure_of_chief(self._folder)
        if failure is not None:
            return f"The last chief had an error: {failure.error}"
        if self._has_met_chief:
            return None
        return (
            f"The chief is the process whose {chief_address.ID} contains "
            f"'{chief_address.CHIEF}'"
        )

    def _check_search(self) -> None:
        """Ends this worker if its search is over, or never began."""
        how = self._finished.how(self._max_trials)
        if how is not None:
            self._say(f"ends, because the search is over: {how}")
            raise SearchEnded(0)
        failure = failure_of_chief(self._folder)
        if failure is not None and failure.is_new:
            raise SearchEnded(
                f"{self._worker} ends, because its chief ended before it could "
                f"answer: {failure.error}."
            )

    def _given_up(self, why: str) -> SearchEnded:
        return SearchEnded(
            f"{why}, so {self._worker} ends. To go on with the search, start "
            f"its chief and workers again, with the address {self._address} "
            "if that is right."
        )

    def _say(self, text: str) -> None:
        print(f"{self._worker} {text}.", flush=True)


class _Wait:
    """How long a call has waited for the chief.

    Args:
        limit: Float, for how many seconds it may wait.

    Attributes:
        has_notice: Bool, whether a message has told that it waits.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._began = time.monotonic()
        self._due = SOON
        self.has_notice = False

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def is_over(self) -> bool:
        return self.seconds > self._limit

    def is_due(self) -> bool:
        """Returns whether it is time for the next message."""
        if self.seconds < self._due:
            return False
        self._due += NOTICE_INTERVAL
        return True
