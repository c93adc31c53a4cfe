"""Who descends from whom: the family tree of a trial, laid out."""

import dataclasses

from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.records import TrialRecord

# More than these can't be told apart in a picture.
MAX_MEMBERS = 60
# How often each generation is sorted by where its relatives are.
NUM_SWEEPS = 8


@dataclasses.dataclass(frozen=True)
class Member:
    """A trial in a family tree.

    Args:
        trial: The `TrialRecord`.
        generation: Int, how many births it is away from those without
            parents, at most.
        place: Float, where it stands in its generation; 0 is the middle.
        changed: Dict of names to the values that none of its parents has.
    """

    trial: TrialRecord
    generation: int
    place: float
    changed: dict[str, object]


@dataclasses.dataclass(frozen=True)
class Family:
    """A trial and its ancestors.

    Args:
        members: Dict of trial ids to `Member`s, the oldest first.
        births: List of pairs of the ids of a parent and its child.
        num_left_out: Int, how many further ancestors there are.
    """

    members: dict[str, Member]
    births: list[tuple[str, str]]
    num_left_out: int


def births_of(search: SearchRecord) -> list[tuple[str, str]]:
    """Returns pairs of the ids of each parent and child of a search."""
    known = {one.trial_id for one in (*search.trials, *search.imports)}
    return [
        (parent, trial.trial_id)
        for trial in search.trials
        for parent in trial.parents
        if parent in known
    ]


def family_of(
    search: SearchRecord, trial_id: str, max_members: int = MAX_MEMBERS
) -> Family:
    """Returns the family tree of a trial.

    Args:
        search: The `SearchRecord`.
        trial_id: String, the trial whose ancestors to find.
        max_members: Int, the nearest ancestors that are kept, the trial
            itself counted. Defaults to 60.

    Raises:
        ValueError: If there is no such trial.
    """
    known = {one.trial_id: one for one in (*search.trials, *search.imports)}
    ids = [search.individual(trial_id).trial_id]
    for member in ids:
        parents = [name for name in known[member].parents if name in known]
        ids += [name for name in parents if name not in ids]
    kept = set(ids[:max_members])
    births = [
        (parent, child)
        for parent, child in births_of(search)
        if parent in kept and child in kept
    ]
    parents_of: dict[str, list[str]] = {name: [] for name in kept}
    for parent, child in births:
        parents_of[child].append(parent)
    # Parents are older than their children, and imports than all.
    order = sorted(kept, key=lambda name: (known[name].number, name))
    generations: dict[str, int] = {}
    for name in order:
        generations[name] = 1 + max(
            (generations[parent] for parent in parents_of[name]), default=-1
        )
    places = _places(order, generations, births)
    members = {
        name: Member(
            known[name],
            generations[name],
            places[name],
            _changed(known[name], [known[one] for one in parents_of[name]]),
        )
        for name in order
    }
    return Family(members, births, len(ids) - len(kept))


def _changed(
    trial: TrialRecord, parents: list[TrialRecord]
) -> dict[str, object]:
    return {
        name: value
        for name, value in trial.values.items()
        if parents
        and all(
            name not in parent.values or parent.values[name] != value
            for parent in parents
        )
    }


def _places(
    order: list[str],
    generations: dict[str, int],
    births: list[tuple[str, str]],
) -> dict[str, float]:
    """Returns where each stands, such that few lines cross.

    Reference:
        Sugiyama et al. (1981), "Methods for Visual Understanding of
        Hierarchical System Structures": the barycentre of the relatives.
    """
    relatives: dict[str, list[str]] = {name: [] for name in order}
    for parent, child in births:
        relatives[parent].append(child)
        relatives[child].append(parent)
    rows: list[list[str]] = [
        [] for _ in range(1 + max(generations.values(), default=-1))
    ]
    for name in order:
        rows[generations[name]].append(name)
    places: dict[str, float] = {}
    for row in rows:
        _line_up(row, places)
    for sweep in range(NUM_SWEEPS):
        for row in rows if sweep % 2 else reversed(rows):
            centres = {
                name: _mean(places, relatives[name], places[name])
                for name in row
            }
            row.sort(key=centres.__getitem__)
            _line_up(row, places)
    return places


def _line_up(row: list[str], places: dict[str, float]) -> None:
    for i, name in enumerate(row):
        places[name] = i - (len(row) - 1) / 2


def _mean(
    places: dict[str, float], names: list[str], otherwise: float
) -> float:
    if not names:
        return otherwise
    return sum(places[name] for name in names) / len(names)
