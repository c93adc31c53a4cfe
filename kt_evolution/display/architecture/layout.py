"""Arranges the boxes and arrows of a drawn architecture.

The blocks are a column from top to bottom. Inputs from earlier blocks than the
previous one pass on the left, the skip of a block on its right. Cells are
graphs on the right; equal cells are drawn once.
"""

import textwrap
from collections.abc import Sequence

from kt_evolution.display.architecture.blocks import TRAINING
from kt_evolution.display.architecture.blocks import BlockRecord
from kt_evolution.display.architecture.blocks import Edge
from kt_evolution.display.architecture.cell_graph import arrange_cell
from kt_evolution.display.architecture.picture import LANE
from kt_evolution.display.architecture.picture import MARGIN
from kt_evolution.display.architecture.picture import PANEL_PADDING
from kt_evolution.display.architecture.picture import PANEL_TITLE
from kt_evolution.display.architecture.picture import Box
from kt_evolution.display.architecture.picture import Picture
from kt_evolution.display.architecture.picture import Point

HEADER = 64
BOX_WIDTH = 400
LINE = 16
PADDING = 11
GAP = 18
CHARACTERS = 58
# The circle below a block that has a skip, and the arrow that leads to it.
JOINT_SIZE = 16
JOINT_GAP = 16
# How far the line of a skip is from the block, and from its branch above.
SKIP_LANE = 7
SKIP_RISE = 10
JOINT_TITLES = {"add": "+", "concatenate": "‖"}

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def arrange(blocks: Sequence[BlockRecord]) -> Picture:
    """Returns the picture of an architecture."""
    cells = name_cells(blocks)
    column, lanes = _column(blocks, cells)
    picture = column.shifted(MARGIN + lanes * LANE, HEADER)
    num_params = sum(block.params for block in blocks)
    picture.title = f"{num_params:,} parameters of all blocks"
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
    # Where the output of a block with a skip comes from.
    outlets: dict[str, Box] = {}
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
        if block.skip:
            joint = _joint_box(block, box)
            picture.boxes.append(joint)
            outlets[block.path] = joint
            y = joint.bottom + GAP
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
    arrows, lanes = _flow(blocks, places, {**places, **outlets})
    picture.arrows = [*arrows, *_skips(places, outlets)]
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


def _joint_box(block: BlockRecord, box: Box) -> Box:
    """Returns the circle where a block's input and output are joined."""
    return Box(
        BOX_WIDTH / 2 - JOINT_SIZE / 2,
        box.bottom + JOINT_GAP,
        JOINT_SIZE,
        JOINT_SIZE,
        "node",
        JOINT_TITLES[block.skip],
    )


def _skips(places: dict[str, Box], joints: dict[str, Box]) -> list[list[Point]]:
    """Returns the arrows of skips, and those from blocks to their joints."""
    arrows: list[list[Point]] = []
    middle, lane = BOX_WIDTH / 2, BOX_WIDTH + SKIP_LANE
    for path, joint in joints.items():
        box = places[path]
        above = box.y - SKIP_RISE
        arrows.append([(middle, box.bottom), (middle, joint.y)])
        arrows.append(
            [
                (middle, above),
                (lane, above),
                (lane, joint.middle),
                (joint.right, joint.middle),
            ]
        )
    return arrows


def _flow(
    blocks: Sequence[BlockRecord],
    places: dict[str, Box],
    outlets: dict[str, Box],
) -> tuple[list[list[Point]], int]:
    """Returns the arrows between blocks, and the number of their lanes.

    Args:
        blocks: Sequence of `BlockRecord`s.
        places: Dict of the paths of blocks to their boxes.
        outlets: Dict of the paths of blocks to the boxes that their outputs
            come from.
    """
    arrows: list[list[Point]] = []
    lanes: list[float] = []
    before = None
    for block in blocks:
        if block.kind == TRAINING:
            continue
        box = places[block.path]
        sources = [outlets[path] for path in block.inputs if path in outlets]
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
            start = source.middle + (6 if source.x == 0 else 0)
            end = box.middle - 6
            arrows.append([(source.x, start), (x, start), (x, end), (0, end)])
        before = outlets[block.path]
    return arrows, len(lanes) + 1
