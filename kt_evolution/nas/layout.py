"""Where everything of a drawn architecture goes, before it is drawn.

The parts are a column, top to bottom; what comes from further up than the part
before goes round on the left. Cells are graphs on the right, each kind of cell
once.
"""

import textwrap
from collections.abc import Sequence

from kt_evolution.nas.cell_graph import arrange_cell
from kt_evolution.nas.picture import LANE
from kt_evolution.nas.picture import MARGIN
from kt_evolution.nas.picture import PANEL_PADDING
from kt_evolution.nas.picture import PANEL_TITLE
from kt_evolution.nas.picture import Box
from kt_evolution.nas.picture import Picture
from kt_evolution.nas.picture import Point
from kt_evolution.nas.picture import right_of
from kt_evolution.nas.structure import TRAINING
from kt_evolution.nas.structure import Edge
from kt_evolution.nas.structure import Part
from kt_evolution.nas.structure import Structure

HEADER = 64
BOX_WIDTH = 400
LINE = 16
PADDING = 11
GAP = 18
CHARACTERS = 58

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def arrange(structure: Structure) -> Picture:
    """Returns the picture of an architecture."""
    cells = name_cells(structure.parts)
    column, lanes = _column(structure.parts, cells)
    picture = column.shifted(MARGIN + lanes * LANE, HEADER)
    picture.title = f"{structure.params:,} parameters of all blocks"
    right = max(right_of(box) for box in picture.boxes + picture.panels)
    below = float(HEADER)
    for edges, name in cells.items():
        graph = arrange_cell(edges, f"cell {name}")
        picture.add(graph.shifted(right + 2 * MARGIN, below))
        below += graph.height + 2 * GAP
    every = picture.boxes + picture.panels
    picture.width = max(map(right_of, every)) + MARGIN
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
        notes.append(f"{part.params:,} parameters")
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
