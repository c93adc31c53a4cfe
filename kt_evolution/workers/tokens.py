"""Tokens: which process calls a chief, so that two of one id are told apart."""

import os
import socket
import uuid


def new_token() -> str:
    """Returns a token of this process."""
    return f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4()}"


def described(token: str) -> str:
    """Returns a process for a person."""
    host, pid, _ = token.split("/")
    return f"process {pid} of {host}"


def has_ended(token: str) -> bool:
    """Returns whether it is known that a process of this machine has ended."""
    host, pid, _ = token.split("/")
    # On Windows the question would end it.
    if host != socket.gethostname() or os.name == "nt":
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
