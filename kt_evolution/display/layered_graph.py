"""Places the nodes of a layered graph so that its edges can be followed.

Family trees and the cells of architectures are drawn with it.

Reference:
    Sugiyama et al. (1981), "Methods for Visual Understanding of Hierarchical
    System Structures". An edge over several layers has a joint in each layer
    between, so that it passes between nodes. The nodes of a layer are sorted
    by the mean rank of their neighbors in the layer before.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from scipy.optimize import isotonic_regression

# A node, or the joint of an edge in a layer: the edge's number and the layer.
Place: TypeAlias = str | tuple[int, int]

# The sweeps go down and up in turns; more sweeps change nothing visible.
NUM_SWEEPS = 16
# A joint attracts its neighbors more than a node does: edges become straight.
PULL_OF_JOINTS = 3.0
# The width of a joint, where that of a node is 1.
JOINT_WIDTH = 0.5


def place(
    layers: Mapping[str, int],
    edges: Sequence[tuple[str, str]],
    widths: Mapping[str, float] | None = None,
    joint_width: float = JOINT_WIDTH,
) -> tuple[dict[str, float], list[list[tuple[float, int]]]]:
    """Returns the places of nodes in their layers.

    Args:
        layers: Dict that maps nodes to layers, counted from 0.
        edges: Sequence of pairs of nodes. The second node is in a later layer
            than the first.
        widths: Dict that maps nodes to the width that each needs, margins
            included. Defaults to 1 for each.
        joint_width: Float, the width that an edge needs where it passes a
            layer. Defaults to 0.5.

    Returns:
        Tuple of the dict that maps nodes to places, and a list with one line
        for each edge. A line is a list of pairs of a place and a layer.
    """
    rows: list[list[Place]] = [
        [] for _ in range(1 + max(layers.values(), default=-1))
    ]
    for name, layer in layers.items():
        rows[layer].append(name)
    chains: list[list[Place]] = []
    for number, (source, target) in enumerate(edges):
        between = range(layers[source] + 1, layers[target])
        joints: list[Place] = [(number, layer) for layer in between]
        for layer, joint in zip(between, joints, strict=True):
            rows[layer].append(joint)
        chains.append([source, *joints, target])
    sizes = {
        each: joint_width
        if isinstance(each, tuple)
        else (1.0 if widths is None else widths[each])
        for row in rows
        for each in row
    }
    places = _settled(rows, _neighbors(sizes, chains), sizes)
    lines = [
        [
            (places[each], layer)
            for layer, each in enumerate(chain, layers[source])
        ]
        for (source, _), chain in zip(edges, chains, strict=True)
    ]
    return {name: places[name] for name in layers}, lines


def layers_of(edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Returns the earliest layer of each node of a graph without cycles."""
    nodes = dict.fromkeys(node for edge in edges for node in edge)
    layers = dict.fromkeys(nodes, 0)
    # The longest path has fewer edges than there are nodes.
    for _ in nodes:
        for source, target in edges:
            layers[target] = max(layers[target], layers[source] + 1)
    return layers


def _neighbors(
    every: Iterable[Place], chains: Sequence[Sequence[Place]]
) -> dict[Place, dict[Place, float]]:
    """Returns the neighbors of each place, and how strongly each attracts."""
    neighbors: dict[Place, dict[Place, float]] = {each: {} for each in every}
    for chain in chains:
        for one, other in zip(chain, chain[1:], strict=False):
            num_joints = isinstance(one, tuple) + isinstance(other, tuple)
            pull = PULL_OF_JOINTS**num_joints
            neighbors[one][other] = pull
            neighbors[other][one] = pull
    return neighbors


def _settled(
    rows: list[list[Place]],
    neighbors: Mapping[Place, Mapping[Place, float]],
    widths: Mapping[Place, float],
) -> dict[Place, float]:
    """Returns places close to those of the neighbors that do not overlap."""
    rows = _ordered(rows, neighbors)
    # Isotonic regression takes positive weights only.
    pulls = {
        each: sum(near.values()) or 1.0 for each, near in neighbors.items()
    }
    places: dict[Place, float] = {}
    for row in rows:
        _spread(row, dict.fromkeys(row, 0.0), pulls, widths, places)
    for sweep in range(NUM_SWEEPS):
        for row in rows if sweep % 2 else reversed(rows):
            wanted = _wanted(row, neighbors, places)
            _spread(row, wanted, pulls, widths, places)
    return places


def _ordered(
    rows: list[list[Place]],
    neighbors: Mapping[Place, Mapping[Place, float]],
) -> list[list[Place]]:
    """Returns the layers, each sorted so that few edges cross."""
    best, fewest = rows, _num_crossings(rows, neighbors)
    rows = [row.copy() for row in rows]
    for sweep in range(NUM_SWEEPS):
        order = rows if sweep % 2 else rows[::-1]
        for fixed, row in zip(order, order[1:], strict=False):
            ranks, own = _ranks(fixed), _ranks(row)
            means = {}
            for each in row:
                near = [ranks[one] for one in neighbors[each] if one in ranks]
                means[each] = sum(near) / len(near) if near else own[each]
            row.sort(key=means.__getitem__)
        crossings = _num_crossings(rows, neighbors)
        if crossings < fewest:
            best, fewest = [row.copy() for row in rows], crossings
    return best


def _ranks(row: Sequence[Place]) -> dict[Place, float]:
    """Returns the rank of each of a row, scaled to (0, 1)."""
    return {each: (rank + 0.5) / len(row) for rank, each in enumerate(row)}


def _wanted(
    row: Sequence[Place],
    neighbors: Mapping[Place, Mapping[Place, float]],
    places: Mapping[Place, float],
) -> dict[Place, float]:
    """Returns the weighted mean of the neighbors' places for each of a row."""
    means: dict[Place, float] = {}
    for each in row:
        near = neighbors[each] or {each: 1.0}
        total = sum(pull * places[one] for one, pull in near.items())
        means[each] = total / sum(near.values())
    return means


def _num_crossings(
    rows: Sequence[Sequence[Place]],
    neighbors: Mapping[Place, Mapping[Place, float]],
) -> int:
    """Returns how often edges between two layers cross."""
    total = 0
    for upper, lower in zip(rows, rows[1:], strict=False):
        ranks = {each: rank for rank, each in enumerate(lower)}
        ends = [
            sorted(ranks[one] for one in neighbors[each] if one in ranks)
            for each in upper
        ]
        order = np.array([rank for near in ends for rank in near])
        total += int(np.triu(order[:, None] > order, 1).sum())
    return total


def _spread(
    row: Sequence[Place],
    wanted: Mapping[Place, float],
    pulls: Mapping[Place, float],
    widths: Mapping[Place, float],
    places: dict[Place, float],
) -> None:
    """Moves each node of a row as little as leaves space for all of them."""
    sizes = [widths[each] for each in row]
    gaps = [(a + b) / 2 for a, b in zip(sizes, sizes[1:], strict=False)]
    offsets = np.concatenate([[0.0], np.cumsum(gaps)])[: len(row)]
    # Places whose gaps are large enough are offsets plus a growing sequence.
    free = isotonic_regression(
        [wanted[each] for each in row] - offsets,
        weights=[pulls[each] for each in row],
    ).x
    places.update(zip(row, (free + offsets).tolist(), strict=True))
