"""Where the nodes and operations of a cell's graph go."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from kt_evolution.nas.picture import LANE
from kt_evolution.nas.picture import MARGIN
from kt_evolution.nas.picture import PANEL_PADDING
from kt_evolution.nas.picture import PANEL_TITLE
from kt_evolution.nas.picture import Box
from kt_evolution.nas.picture import Picture
from kt_evolution.nas.picture import Point
from kt_evolution.nas.picture import right_of
from kt_evolution.nas.structure import Edge

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
    right = max([right_of(box) for box in placed] + [x for x, _ in points])
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
    """Returns boxes without places by name, and which leads to which."""
    boxes: dict[str, Box] = {}
    links: list[tuple[str, str]] = []
    for number, edge in enumerate(edges):
        for name in (edge.source, edge.target):
            boxes.setdefault(name, _node_box(name))
        if not edge.operation:
            links.append((edge.source, edge.target))
            continue
        name = f"operation {number}"
        boxes[name] = Box(
            0,
            0,
            OPERATION_WIDTH,
            OPERATION_HEIGHT,
            edge.operation,
            edge.operation.replace("_", " "),
        )
        links += [(edge.source, name), (name, edge.target)]
    # Twice the same way is drawn once.
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
    from grandalf.graphs import Edge as Link
    from grandalf.graphs import Graph
    from grandalf.graphs import Vertex
    from grandalf.layouts import SugiyamaLayout
    from grandalf.routing import EdgeViewer
    from grandalf.routing import route_with_lines

    vertices = {name: Vertex(name) for name in boxes}
    joined = [Link(vertices[a], vertices[b]) for a, b in links]
    for name, vertex in vertices.items():
        vertex.view = _View(boxes[name].width, boxes[name].height)
    for link in joined:
        link.view = EdgeViewer()
    graph: Any = Graph(list(vertices.values()), joined)
    for component in graph.C:
        layout = SugiyamaLayout(component)
        layout.xspace, layout.yspace = GRAPH_GAP_X, GRAPH_GAP_Y
        # A long way round takes no more room than a line.
        layout.dw, layout.dh = LANE, LANE
        layout.route_edge = route_with_lines
        layout.init_all()
        layout.draw(10)
    placed = [
        dataclasses.replace(
            box,
            x=vertices[name].view.xy[0] - box.width / 2,
            y=vertices[name].view.xy[1] - box.height / 2,
        )
        for name, box in boxes.items()
    ]
    return placed, [list(link.view._pts) for link in joined]


@dataclasses.dataclass
class _View:
    """What the layout wants of a vertex."""

    w: float
    h: float
    xy: Point = (0.0, 0.0)
