"""Arranges the boxes and arrows of a drawn architecture.

The blocks are a column from top to bottom. Inputs from earlier blocks than the
previous one pass on the left. Cells are graphs on the right; equal cells are
drawn once.
"""

import textwrap
from collections.abc import Sequence

from kt_evolution.nas.architecture import TRAINING
from kt_evolution.nas.architecture import Architecture
from kt_evolution.nas.architecture import BlockRecord
from kt_evolution.nas.architecture import Edge
from kt_evolution.nas.cell_graph import arrange_cell
from kt_evolution.nas.picture import LANE
from kt_evolution.nas.picture import MARGIN
from kt_evolution.nas.picture import PANEL_PADDING
from kt_evolution.nas.picture import PANEL_TITLE
from kt_evolution.nas.picture import Box
from kt_evolution.nas.picture import Picture
from kt_evolution.nas.picture import Point

HEADER = 64
BOX_WIDTH = 400
LINE = 16
PADDING = 11
GAP = 18
CHARACTERS = 58

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def arrange(architecture: Architecture) -> Picture:
    """Returns the picture of an architecture."""
    cells = name_cells(architecture.blocks)
    column, lanes = _column(architecture.blocks, cells)
    picture = column.shifted(MARGIN + lanes * LANE, HEADER)
    picture.title = f"{architecture.params:,} parameters of all blocks"
    right = max(box.right for box in picture.boxes + picture.panels)
    below = float(HEADER)
    for edges, name in cells.items():
        graph = arrange_cell(edges, f"cell {name}")
        picture.add(graph.shifted(right + 2 * MARGIN, below))
        below += graph.height + 2 * GAP
    every = picture.boxes + picture.panels
    picture.width = max(box.right for box in every) + MARGIN
    picture.height = max(box.bottom for box in every) + MARGIN
    return picture


def name_cells(blocks: Sequence[BlockRecord]) -> dict[tuple[Edge, ...], str]:
    """Returns the graphs of all cells with a letter for each."""
    graphs = dict.fromkeys(block.edges for block in blocks if block.edges)
    return {
        graph: LETTERS[i] if i < len(LETTERS) else str(i + 1)
        for i, graph in enumerate(graphs)
    }


# The column of blocks.


def _column(
    blocks: Sequence[BlockRecord], cells: dict[tuple[Edge, ...], str]
) -> tuple[Picture, int]:
    picture = Picture()
    places: dict[str, Box] = {}
    y = 0.0
    group, group_top = "", 0.0
    for i, block in enumerate(blocks):
        stage = _stage(block)
        if stage != group:
            group, group_top = stage, y
            y += PANEL_TITLE + PANEL_PADDING if stage else 0
        box = _block_box(block, y, cells)
        places[block.path] = box
        picture.boxes.append(box)
        y = box.bottom + GAP
        is_last = i + 1 == len(blocks) or _stage(blocks[i + 1]) != group
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
    picture.arrows, lanes = _flow(blocks, places)
    return picture, lanes


def _stage(block: BlockRecord) -> str:
    return block.path.split("/")[0] if "/" in block.path else ""


def _block_box(
    block: BlockRecord, y: float, cells: dict[tuple[Edge, ...], str]
) -> Box:
    title = block.path.split("/", 1)[-1].replace("_", " ")
    if block.edges:
        title += f" · cell {cells[block.edges]}"
    notes = []
    if block.shape:
        notes.append(
            " × ".join("?" if n is None else str(n) for n in block.shape)
        )
    if block.params:
        notes.append(f"{block.params:,} parameters")
    lines = tuple(textwrap.wrap(block.text, CHARACTERS, break_on_hyphens=False))
    height = 2 * PADDING + LINE * (1 + len(lines))
    return Box(0, y, BOX_WIDTH, height, block.kind, title, lines, tuple(notes))


def _flow(
    blocks: Sequence[BlockRecord], places: dict[str, Box]
) -> tuple[list[list[Point]], int]:
    """Returns the arrows between blocks, and the number of their lanes."""
    arrows: list[list[Point]] = []
    lanes: list[float] = []
    before = None
    for block in blocks:
        if block.kind == TRAINING:
            continue
        box = places[block.path]
        sources = [places[path] for path in block.inputs if path in places]
        for source in sources or ([before] if before else []):
            if source is before:
                x = BOX_WIDTH / 2
                arrows.append([(x, source.bottom), (x, box.y)])
                continue
            # The first lane that no arrow uses below the source.
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
