"""The heartbeat of a worker: tells the chief that it is alive and trains.

It beats in a thread of its own, by a call of the host's that changes nothing.
A process that hangs in its training still beats.
"""

import contextlib
import dataclasses
import functools
import threading
import time
import traceback
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_tuner as kt

import kt_evolution
from kt_evolution import files
from kt_evolution.keras_tuner_bridge import chief_address
from kt_evolution.keras_tuner_bridge import rpc
from kt_evolution.project import search_lock
from kt_evolution.project.folders import is_project
from kt_evolution.project.issued_trial import RUN
from kt_evolution.project.journal import JOURNAL
from kt_evolution.project.journal import write_atomically
from kt_evolution.project.messages import shortened
from kt_evolution.project.signals import Terminated
from kt_evolution.project.signals import ended_by
from kt_evolution.user_warnings import warn_user
from kt_evolution.workers import tokens
from kt_evolution.workers.host_calls import MAX_TEXT
from kt_evolution.workers.host_calls import Caller
from kt_evolution.workers.host_calls import Holder
from kt_evolution.workers.host_calls import holder_of
from kt_evolution.workers.host_client import SearchEnded

# The file in the folder of a trial that says in which run it is trained.
OWNER = "run.txt"
# What a chief, also one of Keras Tuner's own, has before its first trial.
FILES_OF_CHIEFS = (search_lock.FILE_NAME, JOURNAL, "oracle.json")
# Seconds between two looks at that file.
INTERVAL = 0.5
# Seconds that a worker takes to say that it ends.
GRACE = 5.0


class TrialLost(BaseException):
    """The trial that this worker trains was given to another worker.

    It is no `Exception`, so that code of the user does not take it for an error
    of the training.
    """


@contextlib.contextmanager
def beating(tuner: Any) -> Iterator[None]:
    """Tells the chief during a search that this worker is alive.

    Args:
        tuner: The `EvolutionTuner` of a worker.

    Raises:
        SearchEnded: If another process of the search has the same tuner id.
    """
    client = tuner.oracle
    heart = Heartbeat(tuner.tuner_id, tuner.get_trial_dir)
    plain, client.stub = client.stub, SignedStub(client.stub, heart)
    leaves: dict[str, Any] = {}
    try:
        heart.join(plain)
        _warn_of_other_folder(tuner)
        with heart.beats(), ended_by(heart.find_end):
            yield
    except KeyboardInterrupt:
        leaves = {"is_interrupted": True}
        raise SearchEnded(
            f"{tuner.tuner_id} was interrupted. If it had a trial, the next "
            "worker that asks gets it. Run the same code again to take part."
        ) from None
    except Terminated:
        leaves = {"is_interrupted": True}
        print(
            f"{tuner.tuner_id} got SIGTERM and ends. If it had a trial, the "
            "next worker that asks gets it.",
            flush=True,
        )
        raise
    except kt.errors.FatalError as error:
        text = "".join(traceback.format_exception_only(error)).strip()
        leaves = {"error": shortened(text, MAX_TEXT)}
        raise
    finally:
        client.stub = plain
        heart.leave(**leaves)


def _warn_of_other_folder(tuner: Any) -> None:
    """Warns if the project of the chief is not where this worker writes."""
    folder = Path(tuner.project_dir)
    if not any((folder / name).exists() for name in FILES_OF_CHIEFS):
        warn_user(
            f"The project of the chief is not in {folder}, where "
            f"{tuner.tuner_id} writes the weights of its trials. `directory` "
            "and `project_name` must lead all processes of a search to the "
            f"same folder. Received: directory={tuner.directory!r}, "
            f"project_name={tuner.project_name!r}"
        )


class SignedStub:
    """The calls of a worker, which say who calls and what it trains.

    Args:
        stub: The stub of Keras Tuner's client.
        heart: The `Heartbeat`.
    """

    def __init__(self, stub: Any, heart: "Heartbeat") -> None:
        self._stub = stub
        self._heart = heart

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return functools.partial(
            self._heart.call, name, getattr(self._stub, name)
        )


class Heartbeat:
    """Calls the chief now and then, and knows what it answered.

    Args:
        worker: String, the tuner id.
        folder_of: Function of the id of a trial, which returns its folder.
    """

    def __init__(self, worker: str, folder_of: Callable[[str], str]) -> None:
        self._seconds = chief_address.lease_seconds()
        self._caller = Caller(worker, tokens.new_token(), self._seconds)
        self._folder_of = folder_of
        self._channel = rpc.new_channel(chief_address.target())
        self._stub = rpc.new_stub(self._channel)
        self._has_ended = threading.Event()
        # What the chief answered, for the thread that trains.
        self._end: SearchEnded | None = None
        self._lost: Caller | None = None
        # The file that says that this worker trains its trial.
        self._owner: Path | None = None
        # What the chief knows of the trial, as a message.
        self._metrics: Any = None
        self._last_look = time.monotonic()

    # The life of a worker.

    def join(self, stub: Any) -> None:
        """Tells the chief that this worker is there.

        Args:
            stub: The stub that waits for a chief that is not there yet.

        Raises:
            SearchEnded: If another process of the search has its id.
        """
        import grpc

        holder: Holder | None = None
        replaced: str | None = None
        while True:
            caller = dataclasses.replace(self._caller, replaces=replaced)
            try:
                self._tell(stub, caller)
                return
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.ALREADY_EXISTS:
                    raise self._end_of(error, caller) from None
                refused, holder = holder, holder_of(error.trailing_metadata())
                if refused is not None:
                    raise self._end_of(error, caller) from None
            if tokens.has_ended(holder.token):
                replaced = holder.token
            else:
                self._wait_for(holder)

    def _wait_for(self, holder: Holder) -> None:
        """Waits until another process counts as dead, unless it calls."""
        print(
            f"{self._caller.worker} is {tokens.described(holder.token)} "
            f"already. If that is not heard of for {holder.seconds:g} seconds, "
            "this process takes its place.",
            flush=True,
        )
        time.sleep(holder.seconds)

    @contextlib.contextmanager
    def beats(self) -> Iterator[None]:
        """Calls the chief in a thread."""
        threading.Thread(target=self._beat, daemon=True).start()
        try:
            yield
        finally:
            self._has_ended.set()

    def _beat(self) -> None:
        import grpc

        interval = self._seconds / 3
        while not self._has_ended.wait(interval):
            caller = self._caller
            try:
                self._tell(self._stub, caller, timeout=interval)
            except grpc.RpcError as error:
                end = self._end_of(error, caller)
                if isinstance(end, SearchEnded):
                    self._end = end
                elif isinstance(end, TrialLost):
                    self._lost = caller
                # Without an answer the chief may be starting again.

    def leave(self, **fields: Any) -> None:
        """Tells the chief that this worker ends its search.

        Args:
            **fields: Further fields of the `Caller`.
        """
        import grpc

        self._has_ended.set()
        self._forget_trial()
        caller = dataclasses.replace(self._caller, is_leaving=True, **fields)
        with contextlib.suppress(grpc.RpcError):
            self._tell(self._stub, caller, timeout=GRACE)
        self._channel.close()

    def _tell(self, stub: Any, caller: Caller, **options: Any) -> None:
        stub.GetBestTrials(
            rpc.ask_for_nothing(), metadata=caller.to_metadata(), **options
        )

    def _end_of(self, error: Any, caller: Caller) -> BaseException:
        """Returns what a failed call means, the error itself if nothing."""
        import grpc

        code = error.code()
        if code == grpc.StatusCode.ABORTED:
            return TrialLost(error.details())
        if code == grpc.StatusCode.ALREADY_EXISTS:
            return SearchEnded(
                f"{error.details()} Each one needs a {chief_address.ID} of its "
                f"own. Received: {chief_address.ID}={caller.worker!r}"
            )
        if code == grpc.StatusCode.FAILED_PRECONDITION:
            return SearchEnded(error.details())
        if code == grpc.StatusCode.INVALID_ARGUMENT:
            return SearchEnded(
                f"{error.details()} This worker has {kt_evolution.__version__}."
            )
        if code == grpc.StatusCode.UNIMPLEMENTED:
            return SearchEnded(
                f"What listens at {chief_address.target()} is no chief of a "
                f"search. Check {chief_address.IP} and {chief_address.PORT}."
            )
        return error

    # The calls of the host.

    def call(
        self, name: str, function: Any, request: Any, **kwargs: Any
    ) -> Any:
        """Calls the chief in the thread that trains.

        Args:
            name: String, the name of the call.
            function: Function of Keras Tuner's stub.
            request: The request.
            **kwargs: Options of gRPC.

        Raises:
            TrialLost: If another worker has the trial.
            SearchEnded: If the search is at its end.
        """
        import grpc

        if name == "CreateTrial":
            self._forget_trial()
        elif name in ("UpdateTrial", "EndTrial") and not self._is_owner():
            raise self._trial_lost()
        if name == "EndTrial" and self._metrics is not None:
            # The chief may be another one that was started in the meantime.
            request.trial.metrics.CopyFrom(self._metrics)
        caller = self._caller
        try:
            answer = function(request, metadata=caller.to_metadata(), **kwargs)
        except grpc.RpcError as error:
            end = self._end_of(error, caller)
            raise end from (None if end is not error else error.__cause__)
        if name == "CreateTrial":
            self._begin_trial(answer.trial)
        elif name == "UpdateTrial":
            self._metrics = answer.trial.metrics
        elif name == "EndTrial":
            self._finish_trial()
        return answer

    def find_end(self, is_raised: bool) -> BaseException | None:
        """Returns with what the search or its trial has to end, if it has to.

        Args:
            is_raised: Bool, whether it is raised now.
        """
        if self._end is not None:
            return self._end
        caller = self._caller
        if caller.trial_id is None:
            return None
        now = time.monotonic()
        # After a pause of the process this is the first to notice it.
        if now - self._last_look > INTERVAL:
            self._last_look = now
            if not self._is_owner():
                self._lost = caller
        if self._lost != caller:
            return None
        lost = self._trial_lost()
        if is_raised:
            self._forget_trial()
        return lost

    # The trial.

    def _begin_trial(self, proto: Any) -> None:
        values = proto.hyperparameters.values.values
        if RUN not in values:
            return
        run = values[RUN].int_value
        owner = Path(self._folder_of(proto.trial_id)) / OWNER
        with contextlib.suppress(OSError):
            files.check_own(owner, owner.parent.parent)
            write_atomically(owner, str(run))
            self._owner = owner
        self._caller = dataclasses.replace(
            self._caller, trial_id=proto.trial_id, run=run
        )

    def _finish_trial(self) -> None:
        owner, is_own = self._owner, self._is_owner()
        self._forget_trial()
        if owner is not None and is_own:
            owner.unlink(missing_ok=True)

    def _forget_trial(self) -> None:
        self._owner = self._metrics = None
        self._caller = dataclasses.replace(
            self._caller, trial_id=None, run=None
        )

    def _trial_lost(self) -> TrialLost:
        owner = self._owner
        # What the training writes makes the folder of the trial again.
        if owner is not None and not is_project(owner.parent.parent):
            return TrialLost(
                "The folder of the project was removed while trial "
                f"{self._caller.trial_id} was trained. Its training ends here."
            )
        return TrialLost(
            f"Trial {self._caller.trial_id} was given to another worker while "
            "this one was not heard of. Its training ends here."
        )

    def _is_owner(self) -> bool:
        """Returns whether no other worker has begun to train the trial."""
        if self._owner is None:
            return True
        try:
            return self._owner.read_text() == str(self._caller.run)
        except FileNotFoundError:
            # Another worker has finished it.
            return False
        except OSError:
            return True
