"""Where the chief of a distributed search is, as its user has set it."""

import math
import os
import socket

IP = "KERASTUNER_ORACLE_IP"
PORT = "KERASTUNER_ORACLE_PORT"
ID = "KERASTUNER_TUNER_ID"
LEASE = "KT_EVOLUTION_LEASE_SECONDS"
# A heartbeat that is missed three times in a row.
DEFAULT_LEASE = 30.0
MIN_LEASE = 1.0
PATIENCE = "KT_EVOLUTION_CHIEF_SECONDS"
# As long as Keras Tuner's own worker waits.
DEFAULT_PATIENCE = 60 * 60.0


def check_variables() -> None:
    """Raises if the environment variables of a distributed search are wrong.

    Without this check a worker would wait for an hour for such a chief.

    Raises:
        ValueError: If one of them is missing or has no meaning. The message
            has its name and value.
    """
    ip, port = os.environ.get(IP), os.environ.get(PORT)
    if not ip or ip != ip.strip() or "/" in ip:
        raise ValueError(
            f"The environment variable {IP} must be the address or the host "
            "name of the chief, such as 192.168.0.10, without a port. "
            f"{_received(IP)}"
        )
    is_number = port is not None and port.isascii() and port.isdecimal()
    if not (is_number and 0 < int(port or 0) < 2**16):
        raise ValueError(
            f"The environment variable {PORT} must be an integer from 1 to "
            f"65535, because {IP} is set. {_received(PORT)}"
        )
    tuner_id = os.environ.get(ID)
    if not tuner_id:
        raise ValueError(
            f"The environment variable {ID} must be a name that no other "
            f"process of the search has, because {IP} is set. It contains "
            f"'chief' for the chief only. {_received(ID)}"
        )
    lease_seconds()
    patience_seconds()


def _received(name: str) -> str:
    """Returns the value of a variable, for the end of an error."""
    value = os.environ.get(name)
    if value is None:
        return f"{name} is not set"
    return f"Received: {name}={value!r}"


def lease_seconds() -> float:
    """Returns for how long a worker counts as alive after it was heard of.

    Raises:
        ValueError: If the environment variable is no number of seconds.
    """
    return _seconds_in(LEASE, DEFAULT_LEASE, at_least=MIN_LEASE)


def patience_seconds() -> float:
    """Returns for how long a worker waits for a chief that does not answer.

    Raises:
        ValueError: If the environment variable is no number of seconds.
    """
    return _seconds_in(PATIENCE, DEFAULT_PATIENCE, at_least=0.0)


def _seconds_in(name: str, default: float, at_least: float) -> float:
    text = os.environ.get(name)
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not at_least <= seconds < math.inf:
        raise ValueError(
            f"The environment variable {name} must be a number of seconds of "
            f"at least {at_least:g}. Received: {name}={text!r}"
        )
    return seconds


def target() -> str:
    """Returns the address of the chief, as gRPC takes it."""
    return f"{os.environ[IP]}:{os.environ[PORT]}"


def check_can_listen() -> None:
    """Raises if this process can't listen where its workers expect the chief.

    gRPC shares a port with another server of gRPC, such as the chief of
    another search, and then each of them gets a part of the calls.

    Raises:
        ValueError: If it can't. The message names the variable and its value.
    """
    ip, port = os.environ[IP], os.environ[PORT]
    try:
        found = socket.getaddrinfo(
            ip.strip("[]"), int(port), type=socket.SOCK_STREAM
        )
    except OSError as error:
        raise ValueError(
            f"The environment variable {IP} must be an address of this "
            f"machine, which the chief runs on: {error}. Received: {IP}={ip!r}"
        ) from error
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as listener:
        if os.name == "posix":
            # The port of a chief that has just ended is free again.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen()
        except OSError as error:
            raise _cannot_listen(error) from error


def _cannot_listen(error: OSError) -> ValueError:
    ip, port = os.environ[IP], os.environ[PORT]
    return ValueError(
        f"The environment variables {IP} and {PORT} must be an address of "
        "this machine, which the chief runs on, and a port that no other "
        f"process uses: {error.strerror}. Received: {IP}={ip!r}, "
        f"{PORT}={port!r}"
    )
