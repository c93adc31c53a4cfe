"""The table of trials in the report."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from kt_evolution.display.formatting import duration
from kt_evolution.display.formatting import number
from kt_evolution.display.formatting import score_rows
from kt_evolution.display.formatting import setting
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.trial_records import InheritedWeights
from kt_evolution.reporting.trial_records import Rung
from kt_evolution.reporting.trial_records import TrialRecord


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell: what is shown, what it is sorted by, and what it means.

    Args:
        shown: String.
        key: String or number to sort by, or None, which comes last.
        title: String, shown when the mouse is over it.
    """

    shown: str
    key: Any = None
    title: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """Columns and rows of cells.

    Args:
        columns: List of strings.
        kinds: List of strings, one for each column: "number" or "text".
        rows: List of lists of `Cell`s.
    """

    columns: list[str]
    kinds: list[str]
    rows: list[list[Cell]]


def table_of(search: SearchRecord) -> Table:
    """Returns all trials, the best first and those without a score last."""
    ranked = search.ranked()
    places = {trial.trial_id: i for i, trial in enumerate(ranked, start=1)}
    front = {trial.trial_id for trial in search.front()}
    others = [t for t in search.trials if t.trial_id not in places]
    objectives = [one.name for one in search.objectives]
    metrics = [name for name in search.metrics if name not in objectives]
    rungs = ["bracket", "round", "epochs", "goes on from"]
    rungs = rungs if any(trial.rung for trial in search.trials) else []
    weights = ["weights of"] if any(t.inherited for t in search.trials) else []
    columns = [
        *["rank", "trial", "status"],
        *objectives,
        *["made by", "parents", *weights, "time"],
        *rungs,
        *search.parameters,
        *metrics,
        "problem",
    ]
    shown = [*ranked, *others]
    results = score_rows([trial.metrics for trial in shown], objectives)
    rows = [
        [
            _rank(places.get(trial.trial_id), trial.trial_id in front),
            Cell(trial.trial_id, trial.number),
            Cell(trial.state, _progress(trial)),
            *(
                _value(trial.metrics.get(name), text)
                for name, text in zip(objectives, results[i], strict=True)
            ),
            Cell(trial.operator.replace("+", " + "), trial.operator or None),
            _parents(trial.parents),
            *([_inherited(trial.inherited)] if weights else []),
            _seconds(trial.seconds),
            *(_rung(trial.rung) if rungs else []),
            *(_setting(trial.values.get(name)) for name in search.parameters),
            *(_value(trial.metrics.get(name)) for name in metrics),
            _problem(trial),
        ]
        for i, trial in enumerate(shown)
    ]
    return _without_empty_columns(columns, rows)


def _without_empty_columns(
    columns: Sequence[str], rows: Sequence[Sequence[Cell]]
) -> Table:
    """Returns a table of the columns in which some trial has something.

    A project of another tuner says neither how trials were made nor when.
    """
    filled = [
        place
        for place, column in enumerate(columns)
        if column in ("rank", "trial") or any(row[place].shown for row in rows)
    ]
    shown = [[row[place] for place in filled] for row in rows]
    return Table(
        [columns[place] for place in filled],
        [_kind(column) for column in zip(*shown, strict=True)],
        shown,
    )


def _progress(trial: TrialRecord) -> str:
    """Returns what sorts trials by how far they are, with those that failed."""
    return f"{trial.status} {trial.epochs or 0:09}"


def _rank(place: int | None, on_front: bool) -> Cell:
    if place is None:
        return Cell("")
    title = "on the Pareto front" if on_front else ""
    return Cell(f"{place} ★" if on_front else str(place), place, title)


def _parents(parents: Sequence[str]) -> Cell:
    # With a comma between them two ids would look like one number.
    shown = " and ".join(parents)
    return Cell(shown, shown or None)


def _inherited(inherited: InheritedWeights | None) -> Cell:
    if inherited is None:
        return Cell("")
    shown = f"{inherited.source} ({inherited.share:.0%})"
    return Cell(shown, inherited.share, f"It began with {inherited}.")


def _setting(value: Any) -> Cell:
    return Cell("") if value is None else _value(value, setting(value))


def _value(value: Any, text: str = "") -> Cell:
    if value is None:
        return Cell("")
    key = value if isinstance(value, (int, float)) else str(value)
    return Cell(text or number(value), key, str(value))


def _rung(rung: Rung | None) -> list[Cell]:
    if rung is None:
        return [Cell("")] * 4
    numbers = (rung.bracket, rung.round, rung.epochs, rung.source)
    return [_value(number) for number in numbers]


def _seconds(seconds: float | None) -> Cell:
    return Cell("") if seconds is None else Cell(duration(seconds), seconds)


def _problem(trial: TrialRecord) -> Cell:
    shown = trial.reason or "; ".join(trial.broken)
    whole = (trial.message or "").strip() if trial.reason else shown
    return Cell(shown[:80], whole or None, whole)


def _kind(column: tuple[Cell, ...]) -> str:
    keys = [cell.key for cell in column if cell.key is not None]
    is_number = all(isinstance(key, (int, float)) for key in keys)
    return "number" if keys and is_number else "text"
