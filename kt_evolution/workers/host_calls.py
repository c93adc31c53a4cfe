"""What a worker adds to its calls to a chief: who it is, and what it trains.

Keras Tuner's calls have no field for that. gRPC sends it beside them, as
metadata, which a chief of Keras Tuner's own ignores.
"""

import dataclasses
import json
import math
from collections.abc import Iterable
from typing import Any

KEY = "kt-evolution-bin"
# gRPC takes 8 KB of metadata and of details of an error.
MAX_TEXT = 2000


@dataclasses.dataclass(frozen=True)
class Caller:
    """Who calls a chief.

    Args:
        worker: String, its tuner id.
        token: String, its process.
        seconds: Float, for how long it counts as alive after this call.
        trial_id: String, the trial that it trains, or None.
        run: Int, the number of the run of that trial, or None.
        is_leaving: Bool, whether it has ended its search.
        is_interrupted: Bool, whether it was ended from outside.
        error: String, the error with which it ends the search of all, or None.
        replaces: String, the token of a former process of the worker that has
            ended, or None.
    """

    worker: str
    token: str
    seconds: float
    trial_id: str | None = None
    run: int | None = None
    is_leaving: bool = False
    is_interrupted: bool = False
    error: str | None = None
    replaces: str | None = None

    def to_metadata(self) -> tuple[tuple[str, bytes]]:
        """Returns the metadata of a call."""
        fields = {name: value for name, value in vars(self).items() if value}
        return ((KEY, json.dumps(fields).encode()),)


@dataclasses.dataclass(frozen=True)
class Holder:
    """The process that has the tuner id with which another one calls.

    Args:
        token: String, the process.
        seconds: Float, after how many seconds without a call it counts as dead.
    """

    token: str
    seconds: float

    def to_metadata(self) -> tuple[tuple[str, bytes]]:
        """Returns the metadata of the answer."""
        return ((KEY, json.dumps(vars(self)).encode()),)


def holder_of(metadata: Iterable[Any] | None) -> Holder:
    """Returns the process that has a tuner id, from the metadata of an answer.

    Args:
        metadata: The trailing metadata, pairs of a key and a value, or None.
    """
    text = next(value for key, value in metadata or () if key == KEY)
    return Holder(**json.loads(text))


# The types that the fields of a `Caller` may have.
_TYPES: dict[str, type | tuple[type, ...]] = {
    "worker": str,
    "token": str,
    "seconds": (int, float),
    "trial_id": str,
    "run": int,
    "is_leaving": bool,
    "is_interrupted": bool,
    "error": str,
    "replaces": str,
}


def caller_of(metadata: Iterable[Any]) -> Caller | None:
    """Returns who calls, None for a worker that does not say so.

    Args:
        metadata: The metadata of a call, pairs of a key and a value.

    Raises:
        ValueError: If it was not made by `Caller.to_metadata`.
    """
    text = next((value for key, value in metadata if key == KEY), None)
    if text is None:
        return None
    fields = json.loads(text)
    is_ours = isinstance(fields, dict) and all(
        name in _TYPES and isinstance(value, _TYPES[name])
        for name, value in fields.items()
    )
    if not is_ours or not {"worker", "token", "seconds"} <= fields.keys():
        raise ValueError(f"The metadata {KEY!r} has other fields: {text!r}")
    if not 0 < fields["seconds"] < math.inf:
        raise ValueError(f"A lease can't last {fields['seconds']} seconds")
    return Caller(**fields)
