"""Keras Tuner's calls between a chief and its workers, over gRPC.

Its modules import gRPC, and its protocol buffers may not be importable. So
they are imported when a search is distributed, and not before.
"""

from typing import Any

# So long Keras Tuner's own worker waits for its chief, in seconds.
TIMEOUT = 60 * 60


def servicer_class() -> Any:
    """Returns the class that answers the calls of workers."""
    from keras_tuner.src.distribute import oracle_chief

    return oracle_chief.OracleServicer


def add_servicer(servicer: Any, server: Any) -> None:
    """Lets a server of gRPC answer calls by a servicer."""
    from keras_tuner.src import protos

    add = protos.get_service_grpc().add_OracleServicer_to_server
    add(servicer, server)


def new_channel(address: str) -> Any:
    """Returns a channel of gRPC to the chief.

    Args:
        address: String, an address with a port.
    """
    import grpc

    return grpc.insecure_channel(
        address,
        options=[
            # A chief that was started again is found at once: gRPC would wait
            # up to two minutes between two tries.
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 1000),
            # More often gRPC takes for an attack, in milliseconds.
            ("grpc.keepalive_time_ms", 5 * 60 * 1000),
        ],
    )


def new_stub(channel: Any) -> Any:
    """Returns the calls of a worker over a channel of gRPC."""
    from keras_tuner.src import protos

    return protos.get_service_grpc().OracleStub(channel)


def ask_for_nothing() -> Any:
    """Returns the request for the best zero trials, which changes nothing."""
    from keras_tuner.src import protos

    return protos.get_service().GetBestTrialsRequest(num_trials=0)


def answer_with_trial(trial: Any) -> Any:
    """Returns the answer to a worker that asks for a trial."""
    from keras_tuner.src import protos

    return protos.get_service().CreateTrialResponse(trial=trial.to_proto())


def answer_without_trials() -> Any:
    """Returns the answer to a worker that asks for nothing."""
    from keras_tuner.src import protos

    return protos.get_service().GetBestTrialsResponse()
