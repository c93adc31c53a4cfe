"""Where the chief of a distributed search is, as its user has set it."""

import contextlib
import math
import os
import socket

from kt_evolution.user_warnings import warn_user

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
# What the id of the chief contains, and that of a worker does not.
CHIEF = "chief"
# What a server of gRPC answers to: the beginning of HTTP/2, and no settings.
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, *[0] * 5])
# The first frame of HTTP/2: its length, and where it has its kind.
FRAME_SIZE, KIND_AT, SETTINGS = 9, 3, 4
# Seconds that a server has to answer.
ANSWER_SECONDS = 1.0


def check_variables() -> None:
    """Raises if the environment variables of a distributed search are wrong.

    Without this check a worker would wait for an hour for such a chief. A
    process that is no part of a distributed search gets a warning if it has
    some of the variables.

    Raises:
        ValueError: If one of them is missing or has no meaning. The message
            has its name and value.
    """
    if IP not in os.environ:
        _warn_of_missing_address()
        return
    ip, port = os.environ[IP], os.environ.get(PORT)
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
            f"'{CHIEF}' for the chief only. {_received(ID)}"
        )
    if CHIEF in tuner_id.lower() and CHIEF not in tuner_id:
        warn_user(
            f"{ID}={tuner_id!r} makes this process a worker: the id of the "
            f"chief contains '{CHIEF}' in small letters."
        )
    lease_seconds()
    patience_seconds()


def _warn_of_missing_address() -> None:
    """Warns of variables that are of no use without the address."""
    found = [
        f"{name}={os.environ[name]!r}"
        for name in (PORT, ID)
        if os.environ.get(name)
    ]
    if found:
        warn_user(
            f"{IP} is not set, so this process is no part of a distributed "
            f"search, and searches alone. It has {' and '.join(found)}. Set "
            f"{IP}, {PORT} and {ID} for the chief and all workers, or none of "
            "them."
        )


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


def _host_and_port() -> tuple[str, int]:
    """Returns the address of the chief, as sockets take it."""
    return os.environ[IP].strip("[]"), int(os.environ[PORT])


class OtherServerError(Exception):
    """What listens where the chief should is another program."""


def is_silent() -> bool:
    """Returns whether something listens at the address and does not answer.

    That may be a chief that is suspended, or the local end of a tunnel whose
    other end finds no chief yet.

    Raises:
        OtherServerError: If it answers otherwise than a server of gRPC.
    """
    try:
        with socket.create_connection(
            _host_and_port(), timeout=ANSWER_SECONDS
        ) as connection:
            answer = _answer_to_greeting(connection)
    except OSError:
        return False
    if len(answer) > KIND_AT and answer[KIND_AT] != SETTINGS:
        raise OtherServerError(repr(answer))
    return len(answer) <= KIND_AT


def _answer_to_greeting(connection: socket.socket) -> bytes:
    """Returns the first bytes that a server answers, none if it is silent."""
    answer = b""
    with contextlib.suppress(OSError):
        connection.sendall(GREETING)
        while len(answer) < FRAME_SIZE:
            received = connection.recv(FRAME_SIZE - len(answer))
            if not received:
                break
            answer += received
    return answer


def check_can_listen() -> None:
    """Raises if this process can't listen where its workers expect the chief.

    gRPC shares a port with another server of gRPC, such as the chief of
    another search, and then each of them gets a part of the calls.

    Raises:
        ValueError: If it can't. The message names the variable and its value.
    """
    ip, (host, port) = os.environ[IP], _host_and_port()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ValueError(
            f"The environment variable {IP} must be an address of this "
            f"machine, which the chief runs on: {error}. Received: {IP}={ip!r}"
        ) from None
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as listener:
        if os.name == "posix":
            # The port of a chief that has just ended is free again.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen()
        except OSError as error:
            raise _cannot_listen(error) from None


def _cannot_listen(error: OSError) -> ValueError:
    ip, port = os.environ[IP], os.environ[PORT]
    return ValueError(
        f"The environment variables {IP} and {PORT} must be an address of "
        "this machine, which the chief runs on, and a port that no other "
        f"process uses: {error.strerror}. Received: {IP}={ip!r}, "
        f"{PORT}={port!r}"
    )
