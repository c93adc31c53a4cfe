"""The calls of workers, as the chief of a distributed search answers them."""

from typing import TYPE_CHECKING
from typing import Any

import grpc

import kt_evolution
from kt_evolution.keras_tuner_bridge import rpc
from kt_evolution.workers.host_calls import Caller
from kt_evolution.workers.host_calls import Holder
from kt_evolution.workers.host_calls import caller_of
from kt_evolution.workers.leases import WorkerInUseError

if TYPE_CHECKING:
    from kt_evolution.workers.host_chief import HostChief


class Servicer(rpc.servicer_class()):  # type: ignore[misc]
    """Answers calls one by one, each once it is known who calls.

    Heartbeats are answered at once, also while a proposal is made.

    Args:
        chief: The `HostChief`.
    """

    def __init__(self, chief: "HostChief") -> None:
        super().__init__(chief.oracle)
        self._chief = chief
        self._lock = chief.oracle._project.lock

    def _admit(self, context: Any) -> Caller | None:
        """Returns who calls, None if it does not say so.

        A call that must not be answered ends here with an error.
        """
        caller = _caller_of(context)
        if self._chief.refusal is not None:
            self._refuse(context, caller)
        if caller is None:
            return None
        try:
            is_current = self._chief.admit(caller)
        except WorkerInUseError as error:
            holder = Holder(error.token, error.seconds)
            context.set_trailing_metadata(holder.to_metadata())
            context.abort(
                grpc.StatusCode.ALREADY_EXISTS,
                f"Another process of the search is {caller.worker}.",
            )
        if not is_current:
            context.abort(
                grpc.StatusCode.ABORTED,
                f"Trial {caller.trial_id} was given to another worker.",
            )
        return caller

    def _refuse(self, context: Any, caller: Caller | None) -> None:
        """Ends a call with the reason why the search has ended."""
        if caller is not None:
            self._chief.dismiss(caller)
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, self._chief.refusal)

    def _answer(self, call: Any, request: Any, context: Any) -> Any:
        self._admit(context)
        with self._lock:
            return call(request, context)

    def GetSpace(self, request: Any, context: Any) -> Any:
        return self._answer(super().GetSpace, request, context)

    def UpdateSpace(self, request: Any, context: Any) -> Any:
        return self._answer(super().UpdateSpace, request, context)

    def UpdateTrial(self, request: Any, context: Any) -> Any:
        return self._answer(super().UpdateTrial, request, context)

    def GetTrial(self, request: Any, context: Any) -> Any:
        return self._answer(super().GetTrial, request, context)

    def GetBestTrials(self, request: Any, context: Any) -> Any:
        if request.num_trials:
            return self._answer(super().GetBestTrials, request, context)
        caller = _caller_of(context)
        if caller is not None and caller.is_leaving:
            self._chief.take_leave(caller)
        else:
            self._admit(context)
        return rpc.answer_without_trials()

    def CreateTrial(self, request: Any, context: Any) -> Any:
        caller = self._admit(context)
        if caller is None:
            self._chief.admit_silent(request.tuner_id)
        trial = self._chief.next_trial(
            request.tuner_id, caller, context.is_active
        )
        if trial is None:
            self._refuse(context, caller)
        return rpc.answer_with_trial(trial)

    def EndTrial(self, request: Any, context: Any) -> Any:
        caller = self._admit(context)
        try:
            with self._lock:
                answer = super().EndTrial(request, context)
        except Exception as error:
            if not self.oracle._lifecycle.session.has_failed:
                raise
            # Too many trials failed, which ends a search in one process, too.
            self._chief.fail(error)
            self._refuse(context, caller)
        self._chief.note_change()
        return answer


def _caller_of(context: Any) -> Caller | None:
    """Returns who calls, None if it does not say so."""
    try:
        return caller_of(context.invocation_metadata())
    except ValueError as error:
        context.abort(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"The chief can't read the call of this worker: {error}. All "
            "processes of a search need one version of kt_evolution. The chief "
            f"has {kt_evolution.__version__}.",
        )
        raise
