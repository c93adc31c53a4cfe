"""Places the members of a family tree such that it can be read.

Reference:
    Sugiyama et al. (1981), "Methods for Visual Understanding of Hierarchical
    System Structures". A line over several generations has a joint in each,
    so that lines pass between members; generations are ordered by the mean
    place of their relatives.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from scipy.optimize import isotonic_regression

# A member, or the joint of a birth's line in a generation.
Node: TypeAlias = str | tuple[int, int]

# Down and up in turns; more changes nothing that can be seen.
NUM_SWEEPS = 16
# The room of a joint, where that of a member is 1.
JOINT_ROOM = 0.5


def place(
    generations: Mapping[str, int], births: Sequence[tuple[str, str]]
) -> tuple[dict[str, float], list[list[tuple[float, int]]]]:
    """Returns where members stand in their generations.

    Args:
        generations: Dict of members to their generations; a child's is later
            than those of its parents.
        births: Sequence of pairs of a parent and its child.

    Returns:
        Tuple of the dict of members to places, and for each birth the list
        of places and generations that its line goes through.
    """
    rows: list[list[Node]] = [
        [] for _ in range(1 + max(generations.values(), default=-1))
    ]
    for name, generation in generations.items():
        rows[generation].append(name)
    chains: list[list[Node]] = []
    for number, (parent, child) in enumerate(births):
        between = range(generations[parent] + 1, generations[child])
        joints: list[Node] = [(number, generation) for generation in between]
        for generation, joint in zip(between, joints, strict=True):
            rows[generation].append(joint)
        chains.append([parent, *joints, child])
    places = _settled(rows, _neighbors(chains))
    lines = [
        [
            (places[node], generation)
            for generation, node in enumerate(chain, generations[parent])
        ]
        for (parent, _), chain in zip(births, chains, strict=True)
    ]
    return {name: places[name] for name in generations}, lines


def _neighbors(chains: Sequence[Sequence[Node]]) -> dict[Node, list[Node]]:
    neighbors: dict[Node, list[Node]] = {}
    for chain in chains:
        for one, other in zip(chain, chain[1:], strict=False):
            neighbors.setdefault(one, []).append(other)
            neighbors.setdefault(other, []).append(one)
    return neighbors


def _settled(
    rows: list[list[Node]], neighbors: Mapping[Node, Sequence[Node]]
) -> dict[Node, float]:
    """Returns places near those of the neighbors, in order and apart."""
    places: dict[Node, float] = {}
    for row in rows:
        _spread(row, {node: 0.0 for node in row}, places)
    for sweep in range(NUM_SWEEPS):
        for row in rows if sweep % 2 else reversed(rows):
            wanted = {
                node: float(
                    np.mean(
                        [places[one] for one in neighbors.get(node, [node])]
                    )
                )
                for node in row
            }
            row.sort(key=wanted.__getitem__)
            _spread(row, wanted, places)
    return places


def _spread(
    row: Sequence[Node],
    wanted: Mapping[Node, float],
    places: dict[Node, float],
) -> None:
    """Gives each of a row the nearest place that leaves room for all."""
    rooms = [1.0 if isinstance(node, str) else JOINT_ROOM for node in row]
    gaps = [(a + b) / 2 for a, b in zip(rooms, rooms[1:], strict=False)]
    offsets = np.concatenate([[0.0], np.cumsum(gaps)])[: len(row)]
    # Places that grow by the gaps at least are offsets plus what only grows.
    free = isotonic_regression([wanted[node] for node in row] - offsets).x
    places.update(zip(row, (free + offsets).tolist(), strict=True))
