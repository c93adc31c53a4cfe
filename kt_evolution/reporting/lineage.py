"""Who descends from whom: the family tree of a trial, laid out."""

import collections
import dataclasses

from kt_evolution.display.layered_graph import place
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.trial_records import TrialRecord

# A picture of more can't be read.
MAX_MEMBERS = 30


@dataclasses.dataclass(frozen=True)
class Member:
    """A trial in a family tree.

    Args:
        trial: The `TrialRecord`.
        generation: Int, how many births it is away from those without
            parents, at most.
        row: Int, its row in a picture. Each member has a row, which leaves
            room for a text, and is below its parents.
        place: Float, where it stands in its row; 0 is the middle.
        changed: Dict of names to the values that none of its parents has.
    """

    trial: TrialRecord
    generation: int
    row: int
    place: float
    changed: dict[str, object]


@dataclasses.dataclass(frozen=True)
class Family:
    """A trial and its ancestors.

    Args:
        members: Dict of trial ids to `Member`s, the oldest first.
        births: List of pairs of the ids of a parent and its child.
        lines: List of lists of places and rows, the way of the line for each
            birth, which passes by the members between.
        num_left_out: Int, how many further ancestors there are.
    """

    members: dict[str, Member]
    births: list[tuple[str, str]]
    lines: list[list[tuple[float, int]]]
    num_left_out: int


def births_of(search: SearchRecord) -> list[tuple[str, str]]:
    """Returns pairs of the ids of each parent and child of a search."""
    numbers = {
        one.trial_id: one.number for one in (*search.imports, *search.trials)
    }
    return [
        (parent, trial.trial_id)
        for trial in search.trials
        for parent in trial.parents
        # A journal that was edited may name one that is younger.
        if numbers.get(parent, trial.number) < trial.number
    ]


def ancestry_of(search: SearchRecord, trial_id: str) -> dict[str, list[str]]:
    """Returns a trial and all of its ancestors, the nearest first.

    Returns:
        Dict of the ids of individuals to those of their parents.

    Raises:
        ValueError: If there is no such trial.
    """
    parents: dict[str, list[str]] = {}
    for parent, child in births_of(search):
        parents.setdefault(child, []).append(parent)
    ancestry: dict[str, list[str]] = {}
    waiting = collections.deque([search.individual(trial_id).trial_id])
    while waiting:
        name = waiting.popleft()
        if name not in ancestry:
            ancestry[name] = parents.get(name, [])
            waiting += ancestry[name]
    return ancestry


def family_of(
    search: SearchRecord, trial_id: str, max_members: int = MAX_MEMBERS
) -> Family:
    """Returns the family tree of a trial.

    Args:
        search: The `SearchRecord`.
        trial_id: String, the trial whose ancestors to find.
        max_members: Int, the nearest ancestors that are kept, the trial
            itself counted. Defaults to 30.

    Raises:
        ValueError: If there is no such trial.
    """
    known = {one.trial_id: one for one in (*search.trials, *search.imports)}
    ancestry = ancestry_of(search, trial_id)
    kept = dict.fromkeys(list(ancestry)[:max_members])
    parents_of = {
        name: [parent for parent in ancestry[name] if parent in kept]
        for name in kept
    }
    # Parents are older than their children, and imports than all.
    order = sorted(kept, key=lambda name: (known[name].number, name))
    generations: dict[str, int] = {}
    for name in order:
        generations[name] = 1 + max(
            (generations[parent] for parent in parents_of[name]), default=-1
        )
    births = [(parent, name) for name in order for parent in parents_of[name]]
    rows = {name: row for row, name in enumerate(order)}
    places, lines = place(rows, births)
    members = {
        name: Member(
            known[name],
            generations[name],
            rows[name],
            places[name],
            _changed(known[name], [known[one] for one in parents_of[name]]),
        )
        for name in order
    }
    return Family(members, births, lines, len(ancestry) - len(kept))


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
