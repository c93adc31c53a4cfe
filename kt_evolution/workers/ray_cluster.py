"""The connection of a search to a Ray cluster."""

import socket
import time
from typing import Any

# Seconds between two looks at a cluster.
INTERVAL = 2.0
# Seconds in which the head of a cluster may come back.
PATIENCE = 20.0
# Seconds in which it accepts a connection.
TIMEOUT = 5.0


# The connections that searches of this process have made.
_connections: set[tuple[str, str]] = set()


class ClusterLostError(RuntimeError):
    """The Ray cluster that a search uses is gone."""


def connect(ray: Any, address: str | None) -> bool:
    """Connects this process to a cluster, unless it is.

    Ray prints nothing that actors print then, since the search does.

    Args:
        ray: The module of Ray.
        address: String, see `RayWorkers`.

    Returns:
        Bool, whether the connection is that of a search, and not the user's.

    Raises:
        ValueError: If there is no such cluster.
    """
    if ray.is_initialized():
        return _connection_of(ray) in _connections
    address_of_ray = "local" if address is None else address
    try:
        ray.init(address=address_of_ray, log_to_driver=False)
    except (ConnectionError, ValueError) as error:
        raise ValueError(
            "`address` must be that of a Ray cluster that runs, or None, "
            "which starts Ray on this machine. "
            f"Received: address={address!r}, and Ray says: {error}"
        ) from error
    _connections.add(_connection_of(ray))
    return True


def _connection_of(ray: Any) -> tuple[str, str]:
    context = ray.get_runtime_context()
    return context.gcs_address, context.get_job_id()


class ClusterWatch:
    """Looks from time to time whether a cluster is still there.

    Ray ends this process without an exception some seconds after the node that
    it is connected to has died, and a minute after the head of the cluster has.
    To ask Ray would wait for that, so the two are asked for connections.

    Args:
        ray: The module of Ray, which is connected.

    Attributes:
        is_silent: Bool, whether the head did not answer at the last look.
        is_lost: Bool, whether the cluster is gone.
    """

    def __init__(self, ray: Any) -> None:
        context = ray.get_runtime_context()
        host, _, port = context.gcs_address.rpartition(":")
        self._head = (host.strip("[]"), int(port))
        self._node = next(
            (one["NodeManagerAddress"], one["NodeManagerPort"])
            for one in ray.nodes()
            if one["NodeID"] == context.get_node_id()
        )
        self._last_answer = time.monotonic()
        self._next_look = self._last_answer + INTERVAL
        self.is_silent = False
        self.is_lost = False

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._next_look

    def look(self) -> None:
        """Looks whether the cluster is there.

        Raises:
            ClusterLostError: If it is gone.
        """
        now = time.monotonic()
        self._next_look = now + INTERVAL
        if isinstance(_problem_of(self._node), ConnectionRefusedError):
            # Its process never comes back.
            self._lose("the node that the search is connected to has died")
        self.is_silent = _problem_of(self._head) is not None
        if not self.is_silent:
            self._last_answer = now
        elif now - self._last_answer > PATIENCE:
            self._lose(f"its head has not answered for {PATIENCE:g} seconds")

    def _lose(self, problem: str) -> None:
        self.is_lost = True
        raise ClusterLostError(
            f"The Ray cluster of the search is gone: {problem}. The results so "
            "far are safe. Run the same code again when there is a cluster: "
            "the search goes on, and trials that ran start again."
        )


def _problem_of(address: tuple[str, int]) -> OSError | None:
    """Returns why an address can't be connected to, None if it can."""
    try:
        socket.create_connection(address, TIMEOUT).close()
    except OSError as error:
        return error
    return None
