"""Messages in a pipe: their length in eight bytes, then their bytes."""

import struct
from typing import BinaryIO

_LENGTH = struct.Struct("<Q")


def to_frame(content: bytes) -> bytes:
    """Returns a message as it is written."""
    return _LENGTH.pack(len(content)) + content


def read_frame(pipe: BinaryIO) -> bytes | None:
    """Returns the next message, None if the other side has closed the pipe."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = pipe.read(length)
    return content if len(content) == length else None
