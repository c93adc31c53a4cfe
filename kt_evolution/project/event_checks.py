"""Checks of the lines of a journal, and of `trial.json`.

Both may come from another person or be damaged, and still be JSON. They are
checked when they are read, so that no later code sees a value of a wrong type,
or an id that is a path.
"""

import functools
import math
import re
import reprlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

from kt_evolution.algorithm.space.declarations import SpaceError
from kt_evolution.keras_tuner_bridge.objectives import is_direction
from kt_evolution.keras_tuner_bridge.stored_space import read_declaration
from kt_evolution.keras_tuner_bridge.trial_status import TrialStatus
from kt_evolution.limits import Limit
from kt_evolution.project.events import VERSION
from kt_evolution.project.journal import JournalError

# The description of a valid field, and its test.
Field: TypeAlias = tuple[str, Callable[[Any], bool]]

# Our ids are numbers; those of earlier versions of Keras Tuner are hashes.
OUR_ID = re.compile(r"[0-9]{1,18}")
ANY_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
STATUSES = frozenset(
    value for name, value in vars(TrialStatus).items() if name.isupper()
)
# Larger integers can't be converted to floats.
MAX_INTEGER = 2**1000
# In seconds since the epoch, at the end of the year 9999.
MAX_TIME = 253_402_300_799


def check_version(line: Any, folder: str) -> None:
    """Raises if a journal has another format than this version of the package.

    Args:
        line: The journal's first line. A damaged line raises nothing here.
        folder: String, the project, for the error.

    Raises:
        JournalError: It names the version of the package that can read it.
    """
    if not isinstance(line, dict) or "version" not in line:
        return
    version = line["version"]
    if version == VERSION:
        return
    is_newer = isinstance(version, (int, float)) and version > VERSION
    raise JournalError(
        f"The project in {folder} was written by "
        f"{'a newer' if is_newer else 'another'} version of kt-evolution: its "
        f"journal has version {reprlib.repr(version)}, and this one reads "
        f"{VERSION}. The journal is intact. "
        + (
            "Run `pip install --upgrade kt-evolution`"
            if is_newer
            else "Open it with the version that wrote it"
        )
        + ", or use another `project_name`."
    )


def check_trial_file(state: Any) -> None:
    """Raises if the content of a `trial.json` is not valid.

    Args:
        state: The content of the file.

    Raises:
        ValueError: It names the field and describes valid values.
    """
    required = ("trial_id", "status", "score", "hyperparameters", "metrics")
    _check(state, _FILE_FIELDS, required)
    _check(state["hyperparameters"], _FIELDS, {"space", "values"})
    _check(state["metrics"], {"metrics": _FILE_METRICS}, {"metrics"})


class EventCheck:
    """Checks the lines of one journal, in their order."""

    def __init__(self) -> None:
        self._trial_ids: set[str] = set()

    def __call__(self, event: Any) -> None:
        """Raises if a line is not valid.

        Args:
            event: The content of the line.

        Raises:
            ValueError: It names the field and describes valid values.
        """
        _check(event, {"event": _TEXT}, {"event"})
        kind = event["event"]
        _check(event, fields_of(kind), _REQUIRED.get(kind, ()))
        if "session" in event:
            _check(event, {}, {"time"})
        if kind == "trial":
            self._check_record(event)
            self._trial_ids.add(event["trial_id"])
        elif kind == "start":
            self._check_known("trial_id", event["trial_id"])
        elif kind == "end":
            self._check_known("trial_id", event["trial_id"])
            if event["status"] == TrialStatus.COMPLETED:
                _check(event, {"score": _FINITE}, ())
        elif kind == "import":
            _check(event["record"], RECORD_FIELDS, ())
        elif kind == "rejected":
            self._check_rejected(event["rejected"])

    def _check_record(self, event: dict[str, Any]) -> None:
        record = event["record"]
        _check(record, RECORD_FIELDS, ())
        self._check_rejected(record.get("rejected", ()))
        for repeated in record.get("repeated", ()):
            _check(repeated, RECORD_FIELDS, {"genome", "operator", "same_as"})
        if "reevaluates" in record:
            self._check_known("reevaluates", record["reevaluates"])

    def _check_rejected(self, records: Iterable[Any]) -> None:
        for record in records:
            _check(record, RECORD_FIELDS, {"problem"})

    def _check_known(self, name: str, trial_id: str) -> None:
        if trial_id not in self._trial_ids:
            raise ValueError(
                f"`{name}` must be that of an earlier trial. "
                f"Received: {trial_id!r}"
            )


@functools.cache
def fields_of(kind: str) -> dict[str, Field]:
    """Returns the checks of the fields of a kind of line."""
    return {**_FIELDS, **_FIELDS_OF.get(kind, {})}


def _check(value: Any, fields: Mapping[str, Field], required: Any) -> None:
    """Raises if a dict lacks a field, or if a field is not valid."""
    if not isinstance(value, dict):
        raise ValueError(
            f"it must be a JSON object. Received: {reprlib.repr(value)}"
        )
    for name in required:
        if name not in value:
            raise ValueError(f"`{name}` is missing")
    for name, found in value.items():
        if name in fields:
            words, test = fields[name]
            if not test(found):
                raise ValueError(
                    f"`{name}` must be {words}. Received: {reprlib.repr(found)}"
                )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and OUR_ID.fullmatch(value) is not None


def _is_any_id(value: Any) -> bool:
    return isinstance(value, str) and ANY_ID.fullmatch(value) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (
        isinstance(value, int) and abs(value) < MAX_INTEGER
    )


def _is_finite(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) < MAX_INTEGER


def _is_count(value: Any) -> bool:
    return _is_whole(value) and value >= 0


def _is_time(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= MAX_TIME


def _is_value(value: Any) -> bool:
    return isinstance(value, str) or _is_number(value)


def _is_none_or(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or test(value)


def _is_list_of(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(test, value))


def _is_dict_of(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    # JSON has no other names than strings.
    return lambda value: (
        isinstance(value, dict) and all(map(test, value.values()))
    )


def _is_pair(value: Any) -> bool:
    return _is_list_of(_is_finite)(value) and len(value) == 2


def _is_code(value: Any) -> bool:
    return _is_number(value) and 0.0 <= value < 1.0


def _is_step(value: Any) -> bool:
    """Returns whether it is a list of an epoch and the values of a metric."""
    return (
        isinstance(value, list)
        and len(value) > 1
        and all(map(_is_number, value))
        and math.isfinite(value[0])
    )


def _is_observation(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("value"), list)
        and _is_step([value.get("step"), *value["value"]])
    )


def _is_metric(key: str, test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, dict)
        and is_direction(value.get("direction"))
        and _is_list_of(test)(value.get(key))
    )


def _is_space(value: Any) -> bool:
    """Returns whether Keras Tuner can make these hyperparameters."""
    return _is_list_of(is_hyperparameter)(value)


def is_hyperparameter(config: Any) -> bool:
    """Returns whether Keras Tuner can make a hyperparameter of a config."""
    try:
        declaration = read_declaration(config)
        values = [declaration.default]
        for condition in declaration.conditions:
            values += condition.values
        if not all(map(_is_value, values)):
            return False
        declaration.gene()
    except SpaceError:
        # It can be shown, although it can't be searched.
        return True
    except Exception:
        # Extreme numbers may raise anything.
        return False
    return True


def _is_limit(config: Any) -> bool:
    try:
        return not Limit(**config).is_function
    except (TypeError, ValueError, OverflowError):
        return False


_TEXT: Field = ("a string", _is_text)
_TIME: Field = ("a time in seconds since 1970", _is_time)
_COUNT: Field = ("an integer of at least 0", _is_count)
_FINITE: Field = ("a finite number", _is_finite)
_VALUES: Field = (
    "an object of numbers, strings and booleans",
    _is_dict_of(_is_value),
)
_LIST: Field = ("a list", lambda value: isinstance(value, list))
_TEXTS: Field = ("a list of strings", _is_list_of(_is_text))

# Fields with the same meaning in all lines.
_FIELDS: dict[str, Field] = {
    "event": _TEXT,
    "trial_id": ("a number in digits", _is_id),
    "time": _TIME,
    "trial_ids": ("a list of numbers in digits", _is_list_of(_is_id)),
    "began": _TIME,
    "session": _TIME,
    "seconds": ("a number of seconds", _is_time),
    "worker": _TEXT,
    "reason": _TEXT,
    "message": ("a string or null", _is_none_or(_is_text)),
    "values": _VALUES,
    "record": ("an object", lambda value: isinstance(value, dict)),
    "space": ("a list of hyperparameters", _is_space),
    "limits": ("a list of limits", _is_list_of(_is_limit)),
    "score": ("a number or null", _is_none_or(_is_number)),
    "best_step": ("a number or null", _is_none_or(_is_finite)),
    "status": (
        "the status of a trial",
        lambda value: _is_text(value) and value in STATUSES,
    ),
}
_FIELDS_OF: dict[str, dict[str, Field]] = {
    "search": {
        "version": ("an integer", _is_whole),
        "seed": _COUNT,
        "objective": (
            'an object of names and "min" or "max"',
            lambda x: _is_dict_of(is_direction)(x) and bool(x),
        ),
    },
    "end": {
        "metrics": (
            "an object of directions and steps",
            _is_dict_of(_is_metric("steps", _is_step)),
        ),
        "crashed": ("true or false", lambda value: isinstance(value, bool)),
        "requested": _TEXTS,
    },
    "import": {
        "trial_id": _TEXT,
        "source": ("the id of a trial", _is_any_id),
        "metrics": ("an object of numbers", _is_dict_of(_is_number)),
        "costs": ("an object of numbers", _is_dict_of(_is_number)),
    },
    "start": {"rebuilt": _TEXTS},
    "warm_start": {"path": _TEXT, "imported": _COUNT, "dropped": _COUNT},
    "rejected": {"rejected": _LIST},
    "build": {"model": ("an integer", _is_whole)},
}
_REQUIRED: dict[str, tuple[str, ...]] = {
    "search": ("version", "seed", "objective"),
    "trial": ("trial_id", "values", "record", "time"),
    "start": ("trial_id", "time"),
    "interrupted": ("trial_ids",),
    "build": ("model", "time"),
    "end": ("trial_id", "status", "score", "best_step", "metrics", "time"),
    "import": ("trial_id", "source", "values", "metrics", "record"),
    "warm_start": ("path",),
    "stopped": ("reason",),
    "rejected": ("rejected",),
}
# The record of an individual, also of a rejected one.
RECORD_FIELDS: dict[str, Field] = {
    "genome": ("an object of codes in [0, 1)", _is_dict_of(_is_code)),
    "operator": _TEXT,
    "expressed": _TEXTS,
    "asked": _TEXTS,
    "parents": _TEXTS,
    "prediction": ("a mean and a standard deviation", _is_pair),
    "given": ("an integer", _is_whole),
    "excess": ("a number", _is_number),
    "problem": _TEXT,
    "reevaluates": _FIELDS["trial_id"],
    "rejected": _LIST,
    "rebuilt": _TEXTS,
    "repeated": _LIST,
    "same_as": _COUNT,
}
_FILE_METRICS: Field = (
    "an object of directions and observations",
    _is_dict_of(_is_metric("observations", _is_observation)),
)
_FILE_FIELDS: dict[str, Field] = {
    **{
        name: _FIELDS[name]
        for name in ("status", "score", "best_step", "message")
    },
    "trial_id": ("letters and digits", _is_any_id),
}
