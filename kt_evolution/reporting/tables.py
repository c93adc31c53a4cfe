"""The trials of a search as rows: for pandas, CSV and JSON."""

import csv
import dataclasses
import datetime
import json
import math
from collections.abc import Sequence
from typing import IO
from typing import Any

from kt_evolution.display.terminal import printable_lines
from kt_evolution.optional import import_module
from kt_evolution.reporting.reading import search_of
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.trial_records import TrialRecord

VALUES = "values."
METRICS = "metrics."
# A spreadsheet takes text that begins with one for a formula, which may run
# commands. The wide ones count where East Asian input is usual.
FORMULA_MARKS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def rows_of(search: SearchRecord) -> list[dict[str, Any]]:
    """Returns a flat dict for each trial, all with the same keys.

    Values of dormant hyperparameters and what is not known are None. Times
    are `datetime`s in UTC.
    """
    return [
        {
            "trial_id": trial.trial_id,
            "status": trial.status,
            **{
                METRICS + name: trial.metrics.get(name)
                for name in search.metrics
            },
            **{
                VALUES + name: trial.values.get(name)
                for name in search.parameters
            },
            **_origin(trial),
        }
        for trial in search.trials
    ]


def _origin(trial: TrialRecord) -> dict[str, Any]:
    mean, deviation = trial.prediction or (None, None)
    inherited = trial.inherited
    return {
        "operator": trial.operator or None,
        "parents": " ".join(trial.parents),
        "inherited_from": inherited.source if inherited else None,
        "inherited_share": inherited.share if inherited else None,
        "predicted": mean,
        "predicted_std": deviation,
        "num_rejected": trial.num_rejected,
        "broken_limits": "; ".join(trial.broken),
        "best_epoch": trial.best_epoch,
        "epochs": trial.epochs,
        "num_promotions": len(trial.promoted_at),
        "worker": trial.worker,
        "began": moment_of(trial.began),
        "ended": moment_of(trial.ended),
        "seconds": trial.seconds,
        "message": trial.message,
    }


def moment_of(seconds: float | None) -> datetime.datetime | None:
    """Returns a time of the journal as a `datetime` in UTC."""
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


def results_dataframe(source: Any) -> Any:
    """Returns a pandas `DataFrame` with a row for each trial.

    Its columns are "trial_id" and "status", one "metrics.name" for each
    metric, at the best epoch, and one "values.name" for each hyperparameter,
    empty where a model does not use it; then how and when the trial was made:
    "operator", "parents", "inherited_from", "predicted", "epochs", "worker",
    "began", "ended", "seconds" and others. The status of a trial that is paused
    is "PAUSED", and its metrics are those of the best of its "epochs". Columns
    of integers and booleans stay such where values are missing.

    Example:

    ```python
    frame = tuner.results_dataframe()
    ```

    Args:
        source: A `SearchRecord`, or what `read_search` takes.

    Raises:
        ImportError: If pandas is not installed.
    """
    pandas = import_module("pandas")
    rows = rows_of(search_of(source))
    columns = rows[0] if rows else ()
    return pandas.DataFrame(
        {
            name: pandas.Series(column, dtype=_type_of(column))
            for name in columns
            for column in [[row[name] for row in rows]]
        }
    )


def _type_of(column: Sequence[Any]) -> str | None:
    kinds = {type(value) for value in column if value is not None}
    if kinds == {int}:
        return "Int64"
    if kinds == {bool}:
        return "boolean"
    if kinds <= {int, float} and kinds:
        return "float64"
    return None if kinds == {datetime.datetime} else "object"


def write_csv(search: SearchRecord, file: IO[str]) -> None:
    """Writes a line for each trial, with `rows_of` its columns.

    A text that a spreadsheet would take for a formula gets an apostrophe
    before it, and what can't be printed is escaped. Numbers stay as they are.
    """
    rows = rows_of(search)
    writer = csv.writer(file)
    writer.writerow(map(_cell, rows[0] if rows else ["trial_id"]))
    writer.writerows(map(_cell, row.values()) for row in rows)


def write_json(search: SearchRecord, file: IO[str]) -> None:
    """Writes what there is to know of a search, as strict JSON."""
    trials = [
        {
            "trial_id": trial.trial_id,
            "status": trial.status,
            "values": trial.values,
            "metrics": trial.metrics,
            **_origin(trial),
            "parents": list(trial.parents),
            "promoted_at": list(trial.promoted_at),
            "rungs": [
                {"epochs": epochs, "metrics": metrics}
                for epochs, metrics in sorted(trial.scores.items())
            ],
            "broken_limits": list(trial.broken),
        }
        for trial in search.trials
    ]
    whole = {
        "project": search.name,
        "objectives": {one.name: one.direction for one in search.objectives},
        "limits": [limit.get_config() for limit in search.limits],
        "stop_reason": search.stop_reason,
        "problems": list(search.problems),
        "rejections": [
            dataclasses.asdict(rejection) for rejection in search.rejections
        ],
        "trials": trials,
    }
    json.dump(_strict(whole), file, indent=2)
    file.write("\n")


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime.datetime) else value


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return _written(value)
    text = printable_lines(value)
    if text.lstrip().startswith(FORMULA_MARKS) and not _is_number(text):
        return f"'{text}"
    return text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _strict(value: Any) -> Any:
    """Returns what JSON can hold: it has neither NaN nor infinity."""
    if isinstance(value, dict):
        return {name: _strict(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return _written(value)
