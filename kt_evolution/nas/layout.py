"""Where everything of a drawn architecture goes, before it is drawn.

The parts are a column, top to bottom; what comes from further up than the part
before goes round on the left. Cells are graphs on the right, each kind of cell
once.
"""

import dataclasses
import textwrap
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from kt_evolution.nas.structure import TRAINING
from kt_evolution.nas.structure import Edge
from kt_evolution.nas.structure import Part
from kt_evolution.nas.structure import Structure

Point = tuple[float, float]

MARGIN = 28
HEADER = 64
BOX_WIDTH = 400
LINE = 16
PADDING = 11
GAP = 18
PANEL_PADDING = 12
PANEL_TITLE = 24
LANE = 14
CHARACTERS = 58

# Of the graph of a cell.
OPERATION_WIDTH, OPERATION_HEIGHT = 118, 26
NODE_SIZE = 26
INPUT_WIDTH = 74
GRAPH_GAP_X, GRAPH_GAP_Y = 14, 26

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclasses.dataclass(frozen=True)
class Box:
    """A rectangle with text.

    Args:
        x: Float, its left.
        y: Float, its top.
        width: Float.
        height: Float.
        kind: String, what it stands for; decides its colour.
        title: String.
        lines: Tuple of the strings below the title.
        notes: Tuple of the strings on the right.
    """

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclasses.dataclass
class Picture:
    """What is to be drawn, in the order of its lists.

    Args:
        width: Float.
        height: Float.
        title: String.
        panels: List of `Box`es behind the others.
        arrows: List of lists of points.
        boxes: List of `Box`es.
    """

    width: float = 0.0
    height: float = 0.0
    title: str = ""
    panels: list[Box] = dataclasses.field(default_factory=list)
    arrows: list[list[Point]] = dataclasses.field(default_factory=list)
    boxes: list[Box] = dataclasses.field(default_factory=list)

    def shifted(self, dx: float, dy: float) -> "Picture":
        """Returns the picture elsewhere, as large as before."""

        def moved(boxes: Iterable[Box]) -> list[Box]:
            return [
                dataclasses.replace(box, x=box.x + dx, y=box.y + dy)
                for box in boxes
            ]

        return Picture(
            self.width,
            self.height,
            self.title,
            moved(self.panels),
            [[(x + dx, y + dy) for x, y in arrow] for arrow in self.arrows],
            moved(self.boxes),
        )

    def add(self, other: "Picture") -> None:
        self.panels += other.panels
        self.arrows += other.arrows
        self.boxes += other.boxes
        self.width = max(self.width, *(_right(b) for b in other.panels), 0)
        self.height = max(self.height, *(b.bottom for b in other.panels), 0)


def _right(box: Box) -> float:
    return box.x + box.width


def arrange(structure: Structure) -> Picture:
    """Returns the picture of an architecture."""
    cells = name_cells(structure.parts)
    column, lanes = _column(structure.parts, cells)
    picture = column.shifted(MARGIN + lanes * LANE, HEADER)
    picture.title = f"{structure.params:,} parameters"
    right = max(_right(box) for box in picture.boxes + picture.panels)
    below = float(HEADER)
    for edges, name in cells.items():
        graph = arrange_cell(edges, f"cell {name}")
        picture.add(graph.shifted(right + 2 * MARGIN, below))
        below += graph.height + 2 * GAP
    every = picture.boxes + picture.panels
    picture.width = max(map(_right, every)) + MARGIN
    picture.height = max(box.bottom for box in every) + MARGIN
    return picture


def name_cells(parts: Sequence[Part]) -> dict[tuple[Edge, ...], str]:
    """Returns the graphs of all cells with a letter for each."""
    graphs = dict.fromkeys(part.edges for part in parts if part.edges)
    return {
        graph: LETTERS[i] if i < len(LETTERS) else str(i + 1)
        for i, graph in enumerate(graphs)
    }


# The column of parts.


def _column(
    parts: Sequence[Part], cells: dict[tuple[Edge, ...], str]
) -> tuple[Picture, int]:
    picture = Picture()
    places: dict[str, Box] = {}
    y = 0.0
    group, group_top = "", 0.0
    for i, part in enumerate(parts):
        stage = _stage(part)
        if stage != group:
            group, group_top = stage, y
            y += PANEL_TITLE + PANEL_PADDING if stage else 0
        box = _part_box(part, y, cells)
        places[part.path] = box
        picture.boxes.append(box)
        y = box.bottom + GAP
        is_last = i + 1 == len(parts) or _stage(parts[i + 1]) != group
        if group and is_last:
            y += PANEL_PADDING - GAP
            picture.panels.append(
                Box(
                    -PANEL_PADDING,
                    group_top,
                    BOX_WIDTH + 2 * PANEL_PADDING,
                    y - group_top,
                    "stage",
                    group,
                )
            )
            y += GAP
    picture.arrows, lanes = _flow(parts, places)
    return picture, lanes


def _stage(part: Part) -> str:
    return part.path.split("/")[0] if "/" in part.path else ""


def _part_box(part: Part, y: float, cells: dict[tuple[Edge, ...], str]) -> Box:
    title = part.path.split("/", 1)[-1].replace("_", " ")
    if part.edges:
        title += f" · cell {cells[part.edges]}"
    notes = []
    if part.shape:
        notes.append(
            " × ".join("?" if n is None else str(n) for n in part.shape)
        )
    if part.params:
        notes.append(f"{part.params:,}")
    lines = tuple(textwrap.wrap(part.text, CHARACTERS, break_on_hyphens=False))
    height = 2 * PADDING + LINE * (1 + len(lines))
    return Box(0, y, BOX_WIDTH, height, part.kind, title, lines, tuple(notes))


def _flow(
    parts: Sequence[Part], places: dict[str, Box]
) -> tuple[list[list[Point]], int]:
    """Returns the arrows between parts, and how many lanes those need."""
    arrows: list[list[Point]] = []
    lanes: list[float] = []
    before = None
    for part in parts:
        if part.kind == TRAINING:
            continue
        box = places[part.path]
        sources = [places[path] for path in part.inputs if path in places]
        for source in sources or ([before] if before else []):
            if source is before:
                x = BOX_WIDTH / 2
                arrows.append([(x, source.bottom), (x, box.y)])
                continue
            # The first lane that is free from the source on.
            lane = next(
                (i for i, end in enumerate(lanes) if end <= source.y),
                len(lanes),
            )
            lanes[lane : lane + 1] = [box.bottom]
            x = -PANEL_PADDING - LANE * (lane + 1)
            start, end = source.middle + 6, box.middle - 6
            arrows.append([(0, start), (x, start), (x, end), (0, end)])
        before = box
    return arrows, len(lanes) + 1


# The graph of a cell.


def arrange_cell(edges: Sequence[Edge], title: str) -> Picture:
    """Returns the picture of a cell's graph, in layers from top to bottom."""
    boxes, links = _graph(edges)
    placed, routes = _in_layers(boxes, links)
    points = [point for route in routes for point in route]
    left = min([box.x for box in placed] + [x for x, _ in points])
    top = min(box.y for box in placed)
    right = max([_right(box) for box in placed] + [x for x, _ in points])
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
