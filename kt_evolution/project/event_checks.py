"""Checks of the lines of a journal, and of `trial.json`.

Both may come from another person or be damaged, and still be JSON. They are
checked when they are read, so that no later code sees a value of a wrong type,
or an id that is a path.
"""

import functools
import reprlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

from kt_evolution.keras_tuner_bridge.objectives import is_direction
from kt_evolution.keras_tuner_bridge.trial_status import TrialStatus
from kt_evolution.project.events import VERSION
from kt_evolution.project.field_checks import is_any_id
from kt_evolution.project.field_checks import is_code
from kt_evolution.project.field_checks import is_count
from kt_evolution.project.field_checks import is_dict_of
from kt_evolution.project.field_checks import is_finite
from kt_evolution.project.field_checks import is_id
from kt_evolution.project.field_checks import is_inherited
from kt_evolution.project.field_checks import is_limit
from kt_evolution.project.field_checks import is_list_of
from kt_evolution.project.field_checks import is_metric
from kt_evolution.project.field_checks import is_none_or
from kt_evolution.project.field_checks import is_number
from kt_evolution.project.field_checks import is_observation
from kt_evolution.project.field_checks import is_pair
from kt_evolution.project.field_checks import is_positive
from kt_evolution.project.field_checks import is_rung
from kt_evolution.project.field_checks import is_space
from kt_evolution.project.field_checks import is_step
from kt_evolution.project.field_checks import is_text
from kt_evolution.project.field_checks import is_time
from kt_evolution.project.field_checks import is_value
from kt_evolution.project.field_checks import is_whole
from kt_evolution.project.journal import JournalError

# The description of a valid field, and its test.
Field: TypeAlias = tuple[str, Callable[[Any], bool]]

STATUSES = frozenset(
    value for name, value in vars(TrialStatus).items() if name.isupper()
)


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
            self._check_record(event["record"])
            self._trial_ids.add(event["trial_id"])
        elif kind == "start":
            self._check_known("trial_id", event["trial_id"])
        elif kind == "promote":
            self._check_known("trial_id", event["trial_id"])
            self._check_record(event.get("record", {}))
        elif kind == "pause":
            self._check_known("trial_id", event["trial_id"])
            if [one["epochs"] for one in event["rungs"]][-1:] != [
                event["epochs"]
            ]:
                raise ValueError("the last of `rungs` must have its `epochs`")
        elif kind == "discard":
            for trial_id in event["trial_ids"]:
                self._check_known("trial_ids", trial_id)
        elif kind == "end":
            self._check_known("trial_id", event["trial_id"])
            if event["status"] == TrialStatus.COMPLETED:
                _check(event, {"score": _FINITE}, ())
        if "inherited" in event and kind in ("pause", "end"):
            self._check_known("inherited", event["inherited"]["from"])
        if kind == "import":
            _check(event["record"], RECORD_FIELDS, ())
        elif kind == "transfer":
            if len(event["values"]) != len(event["metrics"]):
                raise ValueError("`metrics` must be as many as `values`")
        elif kind == "rejected":
            self._check_rejected(event["rejected"])

    def _check_record(self, record: dict[str, Any]) -> None:
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


_TEXT: Field = ("a string", is_text)
_TIME: Field = ("a time in seconds since 1970", is_time)
_COUNT: Field = ("an integer of at least 0", is_count)
_FINITE: Field = ("a finite number", is_finite)
_VALUES: Field = (
    "an object of numbers, strings and booleans",
    is_dict_of(is_value),
)
_LIST: Field = ("a list", lambda value: isinstance(value, list))
_TEXTS: Field = ("a list of strings", is_list_of(is_text))
_EPOCHS: Field = ("an integer of at least 1", is_positive)
_METRICS: Field = (
    "an object of directions and steps",
    is_dict_of(is_metric("steps", is_step)),
)
_RUNGS: Field = ("a list of epochs and metrics", is_list_of(is_rung))
_INHERITED: Field = (
    'an object of "from", a trial, and "share" in (0, 1]',
    is_inherited,
)

# Fields with the same meaning in all lines.
_FIELDS: dict[str, Field] = {
    "event": _TEXT,
    "trial_id": ("a number in digits", is_id),
    "time": _TIME,
    "trial_ids": ("a list of numbers in digits", is_list_of(is_id)),
    "began": _TIME,
    "session": _TIME,
    "seconds": ("a number of seconds", is_time),
    "worker": _TEXT,
    "reason": _TEXT,
    "message": ("a string or null", is_none_or(is_text)),
    "values": _VALUES,
    "record": ("an object", lambda value: isinstance(value, dict)),
    "space": ("a list of hyperparameters", is_space),
    "limits": ("a list of limits", is_list_of(is_limit)),
    "score": ("a number or null", is_none_or(is_number)),
    "best_step": ("a number or null", is_none_or(is_finite)),
    "status": (
        "the status of a trial",
        lambda value: is_text(value) and value in STATUSES,
    ),
}
_FIELDS_OF: dict[str, dict[str, Field]] = {
    "search": {
        "version": ("an integer", is_whole),
        "seed": _COUNT,
        "objective": (
            'an object of names and "min" or "max"',
            lambda x: is_dict_of(is_direction)(x) and bool(x),
        ),
    },
    "trial": {"epochs": _EPOCHS},
    "pause": {
        "epochs": _EPOCHS,
        "max_epochs": _EPOCHS,
        "score": _FINITE,
        "metrics": _METRICS,
        "rungs": _RUNGS,
        "requested": _TEXTS,
        "inherited": _INHERITED,
    },
    "promote": {"epochs": _EPOCHS, "rebuilt": _TEXTS},
    "end": {
        "epochs": _EPOCHS,
        "metrics": _METRICS,
        "crashed": ("true or false", lambda value: isinstance(value, bool)),
        "requested": _TEXTS,
        "rungs": _RUNGS,
        "inherited": _INHERITED,
    },
    "import": {
        "trial_id": _TEXT,
        "source": ("the id of a trial", is_any_id),
        "metrics": ("an object of numbers", is_dict_of(is_number)),
        "costs": ("an object of numbers", is_dict_of(is_number)),
        "epochs": _EPOCHS,
    },
    "start": {"rebuilt": _TEXTS},
    "warm_start": {"path": _TEXT, "imported": _COUNT, "dropped": _COUNT},
    "transfer": {
        "path": _TEXT,
        "values": ("a list of objects of values", is_list_of(_VALUES[1])),
        "metrics": (
            "a list of objects of finite numbers",
            is_list_of(is_dict_of(is_finite)),
        ),
        "dropped": _COUNT,
    },
    "rejected": {"rejected": _LIST},
    "build": {"model": ("an integer", is_whole)},
}
_REQUIRED: dict[str, tuple[str, ...]] = {
    "search": ("version", "seed", "objective"),
    "trial": ("trial_id", "values", "record", "time"),
    "start": ("trial_id", "time"),
    "pause": (
        *("trial_id", "epochs", "score", "best_step"),
        *("metrics", "rungs", "time"),
    ),
    "promote": ("trial_id", "epochs", "time"),
    "discard": ("trial_ids",),
    "interrupted": ("trial_ids",),
    "progressed": ("trial_id",),
    "build": ("model", "time"),
    "end": ("trial_id", "status", "score", "best_step", "metrics", "time"),
    "import": ("trial_id", "source", "values", "metrics", "record"),
    "warm_start": ("path",),
    "transfer": ("path", "values", "metrics"),
    "stopped": ("reason",),
    "rejected": ("rejected",),
}
# The record of an individual, also of a rejected one.
RECORD_FIELDS: dict[str, Field] = {
    "genome": ("an object of codes in [0, 1)", is_dict_of(is_code)),
    "operator": _TEXT,
    "expressed": _TEXTS,
    "asked": _TEXTS,
    "parents": _TEXTS,
    "prediction": ("a mean and a standard deviation", is_pair),
    "given": ("an integer", is_whole),
    "excess": ("a number", is_number),
    "problem": _TEXT,
    "reevaluates": _FIELDS["trial_id"],
    "rejected": _LIST,
    "rebuilt": _TEXTS,
    "repeated": _LIST,
    "same_as": _COUNT,
}
_FILE_METRICS: Field = (
    "an object of directions and observations",
    is_dict_of(is_metric("observations", is_observation)),
)
_FILE_FIELDS: dict[str, Field] = {
    **{
        name: _FIELDS[name]
        for name in ("status", "score", "best_step", "message")
    },
    "trial_id": ("letters and digits", is_any_id),
}
