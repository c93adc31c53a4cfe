"""Arranges the nodes and operations of a cell as a graph."""

import dataclasses
from collections.abc import Sequence

from kt_evolution.display.architecture.blocks import OPERATION
from kt_evolution.display.architecture.blocks import Edge
from kt_evolution.display.architecture.picture import LANE
from kt_evolution.display.architecture.picture import MARGIN
from kt_evolution.display.architecture.picture import PANEL_PADDING
from kt_evolution.display.architecture.picture import PANEL_TITLE
from kt_evolution.display.architecture.picture import Box
from kt_evolution.display.architecture.picture import Picture
from kt_evolution.display.architecture.picture import Point
from kt_evolution.display.layered_graph import layers_of
from kt_evolution.display.layered_graph import place

OPERATION_WIDTH, OPERATION_HEIGHT = 118, 26
NODE_SIZE = 26
INPUT_WIDTH = 74
GRAPH_GAP_X, GRAPH_GAP_Y = 14, 26


def arrange_cell(edges: Sequence[Edge], title: str) -> Picture:
    """Returns the picture of a cell's graph, in layers from top to bottom."""
    boxes, links = _graph(edges)
    placed, routes = _in_layers(boxes, links)
    points = [point for route in routes for point in route]
    left = min([box.x for box in placed] + [x for x, _ in points])
    top = min(box.y for box in placed)
    right = max([box.right for box in placed] + [x for x, _ in points])
    bottom = max(box.bottom for box in placed)
    width = right - left + 2 * MARGIN
    height = bottom - top + 2 * PANEL_PADDING + PANEL_TITLE + MARGIN / 2
    inside = Picture(0, 0, "", [], routes, placed)
    picture = inside.shifted(MARGIN - left, PANEL_TITLE + PANEL_PADDING - top)
    picture.panels = [Box(0, 0, width, height, "graph", title)]
    picture.width, picture.height = width, height
    return picture


def _graph(
    edges: Sequence[Edge],
) -> tuple[dict[str, Box], list[tuple[str, str]]]:
    """Returns the boxes by name, all at the origin, and the links of boxes."""
    boxes: dict[str, Box] = {}
    links: list[tuple[str, str]] = []
    for number, edge in enumerate(edges):
        for name in (edge.source, edge.target):
            boxes.setdefault(name, _node_box(name))
        if not edge.operation:
            links.append((edge.source, edge.target))
            continue
        name = f"{OPERATION}{number}"
        boxes[name] = Box(
            0,
            0,
            OPERATION_WIDTH,
            OPERATION_HEIGHT,
            edge.operation,
            edge.operation.replace("_", " "),
        )
        links += [(edge.source, name), (name, edge.target)]
    # Two equal links are drawn once.
    return boxes, list(dict.fromkeys(links))


def _node_box(name: str) -> Box:
    kind, _, number = name.partition("_")
    if kind == "node":
        return Box(0, 0, NODE_SIZE, NODE_SIZE, "node", number)
    title = name.replace("_", " ")
    return Box(0, 0, INPUT_WIDTH, OPERATION_HEIGHT, kind, title)


def _in_layers(
    boxes: dict[str, Box], links: Sequence[tuple[str, str]]
) -> tuple[list[Box], list[list[Point]]]:
    layers = layers_of(links)
    widths = {name: box.width + GRAPH_GAP_X for name, box in boxes.items()}
    places, lines = place(layers, links, widths, LANE)
    # All boxes have the same height.
    step = OPERATION_HEIGHT + GRAPH_GAP_Y
    placed = [
        dataclasses.replace(
            box, x=places[name] - box.width / 2, y=layers[name] * step
        )
        for name, box in boxes.items()
    ]
    return placed, [_route(line, step) for line in lines]


def _route(line: Sequence[tuple[float, int]], step: float) -> list[Point]:
    """Returns the points of an arrow that passes straight between boxes."""
    points: list[Point] = []
    for x, layer in line:
        points += [(x, layer * step), (x, layer * step + OPERATION_HEIGHT)]
    # The arrow leaves the first box at its bottom and ends at the last's top.
    return points[1:-1]
