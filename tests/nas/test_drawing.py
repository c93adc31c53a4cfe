import builtins
import itertools
import xml.etree.ElementTree as ElementTree

import keras
import keras_tuner as kt
import pytest

from kt_evolution import nas
from kt_evolution.display.architecture import cell_graph
from kt_evolution.display.architecture import layout
from kt_evolution.display.architecture import svg
from kt_evolution.display.architecture.blocks import BlockRecord
from kt_evolution.display.architecture.blocks import Edge
from kt_evolution.nas.architecture import architecture_of
from tests.nas.nas_helpers import declared
from tests.nas.nas_helpers import new_space
from tests.nas.nas_helpers import with_values

SVG = "{http://www.w3.org/2000/svg}"

CELL = (
    Edge("input_1", "node_1", "conv 3"),
    Edge("input_2", "node_1", "max_pool"),
    Edge("node_1", "node_2", "identity"),
    Edge("input_1", "node_2", "conv 5"),
    Edge("node_1", "output"),
    Edge("node_2", "output"),
)
OTHER = (Edge("input_1", "node_1", "conv 3"), Edge("node_1", "output"))


def architecture():
    return [
        BlockRecord("stem", "conv", "conv 3x3", (32, 32, 16), 400),
        BlockRecord("stage_1/cell_1", "cell", "a cell", (8,), 70, (), CELL),
        BlockRecord(
            "stage_1/cell_2",
            "cell",
            "a cell",
            (8,),
            30,
            ("stem", "stage_1/cell_1"),
            CELL,
        ),
        BlockRecord("reduction", "cell", "another", (8,), 0, (), OTHER),
        BlockRecord("head", "dense", "a line of words " * 9, (10,), 1000),
        BlockRecord("training", "training", "adam"),
    ]


def box(picture, title):
    (found,) = [b for b in picture.boxes + picture.panels if b.title == title]
    return found


def overlap(a, b):
    return (
        a.x < b.x + b.width
        and b.x < a.x + a.width
        and a.y < b.bottom
        and b.y < a.bottom
    )


# What is arranged.


def test_every_part_is_a_box_in_order():
    picture = layout.arrange(architecture())
    titles = [one.title for one in picture.boxes if one.lines]
    assert titles == [
        "stem",
        "cell 1 · cell A",
        "cell 2 · cell A",
        "reduction · cell B",
        "head",
        "training",
    ]
    tops = [one.y for one in picture.boxes if one.lines]
    assert tops == sorted(tops)
    assert box(picture, "stem").notes == ("32 × 32 × 16", "400 parameters")
    assert box(picture, "training").notes == ()
    assert picture.title == "1,500 parameters of all blocks"
    head = box(picture, "head")
    assert " ".join(head.lines) == ("a line of words " * 9).strip()
    assert max(map(len, head.lines)) <= layout.CHARACTERS


def test_boxes_do_not_overlap_and_are_inside():
    picture = layout.arrange(architecture())
    for a, b in itertools.combinations(picture.boxes, 2):
        assert not overlap(a, b), (a, b)
    for a, b in itertools.combinations(picture.panels, 2):
        assert not overlap(a, b), (a, b)
    corners = [(b.x + b.width, b.bottom) for b in picture.boxes]
    for x, y in [*corners, *itertools.chain(*picture.arrows)]:
        assert 0 <= x <= picture.width
        assert 0 <= y <= picture.height


def test_a_stage_holds_its_parts():
    picture = layout.arrange(architecture())
    stage = box(picture, "stage_1")
    for name in ("cell 1 · cell A", "cell 2 · cell A"):
        inside = box(picture, name)
        assert stage.y < inside.y and inside.bottom < stage.bottom
    assert not overlap(stage, box(picture, "stem"))
    assert not overlap(stage, box(picture, "reduction · cell B"))


def test_a_cell_that_comes_twice_is_drawn_once():
    picture = layout.arrange(architecture())
    graphs = [panel.title for panel in picture.panels if panel.kind == "graph"]
    assert graphs == ["cell A", "cell B"]


def test_a_skip_goes_round_on_the_left():
    picture = layout.arrange(architecture())
    stem, target = box(picture, "stem"), box(picture, "cell 2 · cell A")
    (skip,) = [a for a in picture.arrows if a[1][0] < stem.x - 1]
    assert stem.y < skip[0][1] < stem.bottom
    assert target.y < skip[-1][1] < target.bottom
    # And nothing leads to what isn't part of the network.
    training = box(picture, "training")
    ends = [arrow[-1] for arrow in picture.arrows]
    in_column = [y for x, y in ends if x <= stem.x + stem.width]
    assert len(in_column) == 5
    assert max(in_column) < training.y


def test_skips_that_meet_take_lanes_of_their_own():
    parts = [BlockRecord(f"part_{i}", "conv", "", (8,)) for i in range(3)]
    parts += [
        BlockRecord("part_3", "conv", "", (8,), 0, ("part_0",)),
        BlockRecord("part_4", "conv", "", (8,), 0, ("part_1",)),
        BlockRecord("part_5", "conv", "", (8,), 0, ("part_4",)),
    ]
    picture = layout.arrange(parts)
    left = picture.boxes[0].x
    lanes = [a[1][0] for a in picture.arrows if a[1][0] < left - 1]
    assert len(lanes) == len(set(lanes)) == 2


def test_a_skip_goes_round_its_block_on_the_right():
    picture = layout.arrange(
        [
            BlockRecord("stem", "conv", "conv", (8,)),
            BlockRecord("a/block_1", "conv", "conv", (8,), skip="add"),
            BlockRecord("a/block_2", "conv", "conv", (8,), skip="concatenate"),
            BlockRecord("head", "dense", "dense", (8,)),
        ]
    )
    stage, blocks = box(picture, "a"), [f"block {i}" for i in (1, 2)]
    for name, title in zip(blocks, "+‖", strict=True):
        block, joint = box(picture, name), box(picture, title)
        assert block.bottom < joint.y and joint.bottom < stage.bottom
        (skip,) = [
            arrow
            for arrow in picture.arrows
            if arrow[-1] == (joint.right, joint.middle)
        ]
        assert skip[0][1] < block.y
        assert block.right < max(x for x, _ in skip) < stage.right
    # The next block takes what was joined.
    starts = [arrow[0] for arrow in picture.arrows]
    middle = box(picture, "head").x + box(picture, "head").width / 2
    assert (middle, box(picture, "‖").bottom) in starts
    for a, b in itertools.combinations(picture.boxes, 2):
        assert not overlap(a, b), (a, b)


@pytest.mark.parametrize(
    ("stage", "shape", "connection", "skip"),
    [
        (nas.ConvStage(4, depth=1), (8, 8, 3), "residual", "add"),
        (nas.ConvStage(4, depth=1), (8, 8, 3), "dense", "concatenate"),
        (nas.ConvStage(4, depth=1), (8, 8, 3), "plain", ""),
        (nas.ConvStage(4, depth=1), (8, 8, 3), "parallel", ""),
        (nas.ResidualMLP(4, depth=1), (6,), "residual", "add"),
        (nas.ResidualMLP(4, depth=1), (6,), "dense", "concatenate"),
        (nas.RecurrentStage(4), (5, 6), "residual", "add"),
        (nas.TransformerStage(depth=1), (5, 8), "", "add"),
    ],
)
def test_blocks_say_which_skip_they_have(stage, shape, connection, skip):
    hp = with_values({"body/connection": connection} if connection else {})
    stage(hp, keras.Input(shape), "body")
    (block,) = architecture_of(hp).blocks
    assert block.skip == skip


def test_inputs_that_are_taken_are_known():
    hp = with_values({"joined/from_1": True, "joined/from_2": False})
    x, outputs = keras.Input((8, 8, 2)), []
    for name in ("first", "second", "third"):
        x = nas.ConvStage(2, depth=1)(hp, x, name)
        outputs.append(x)
    nas.InputChoice(3)(hp, outputs, "joined")
    joined = architecture_of(hp).blocks[-1]
    assert joined.inputs == ("first/block_1", "third/block_1")


def test_a_cell_takes_the_two_before_it():
    hp = declared(new_space("HyperCellNet")[0])
    parts = {part.path: part for part in architecture_of(hp).blocks}
    assert parts["stage_2/reduction"].inputs == ("stem", "stage_1/cell_1")


def test_the_graph_of_a_cell():
    picture = cell_graph.arrange_cell(CELL, "cell A")
    titles = sorted(one.title for one in picture.boxes)
    assert titles == [
        "1",
        "2",
        "conv 3",
        "conv 5",
        "identity",
        "input 1",
        "input 2",
        "max pool",
        "output",
    ]
    # Into and out of four operations, and twice to the output at once.
    assert len(picture.arrows) == 2 * 4 + 2
    places = {one.title: one.middle for one in picture.boxes}
    assert places["input 1"] < places["conv 3"] < places["1"]
    assert places["1"] < places["identity"] < places["2"] < places["output"]


# What is drawn.


def test_the_picture_says_what_the_parts_say():
    drawn = svg.render(layout.arrange(architecture())).as_svg()
    root = ElementTree.fromstring(drawn)
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    for expected in (
        "1,500 parameters of all blocks",
        "stage 1",
        "conv 3x3",
        "32 × 32 × 16 · 400 parameters",
        "max pool",
        "output",
    ):
        assert expected in texts
    # A background, and one for each box and panel.
    picture = layout.arrange(architecture())
    assert len(list(root.iter(f"{SVG}rect"))) == 1 + len(
        picture.boxes + picture.panels
    )


def test_kinds_have_colors_of_their_own():
    kinds = ("conv 3", "separable 3", "depthwise 5", "max_pool", "identity")
    assert len({svg.colors_of(kind) for kind in kinds}) == len(kinds)
    assert svg.colors_of("average_pool") == svg.colors_of("max_pool")
    assert svg.colors_of("unheard of") == svg.COLORS[""]


def test_a_search_space_is_drawn(tmp_path):
    file = tmp_path / "arch.svg"
    hp = kt.HyperParameters()
    space = nas.HyperNASBench201((8, 8, 3))
    nas.draw(hp, space, file)
    text = file.read_text()
    assert "nor conv 3x3" in text
    assert "skip connect" in text
    assert f"{space.build(hp).count_params():,} parameters" in text


# Errors.


def test_another_format_is_named():
    with pytest.raises(ValueError, match="`path` must end in .svg.*a.png"):
        nas.draw(kt.HyperParameters(), None, "a.png")
    with pytest.raises(TypeError, match="`path` must be.*None"):
        nas.draw(kt.HyperParameters(), None, None)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="folder of `path` must .*none/a.svg"):
        nas.draw(kt.HyperParameters(), None, str(tmp_path / "none" / "a.svg"))


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.startswith("drawsvg"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"kt-evolution\[drawing\]"):
        nas.draw(
            kt.HyperParameters(),
            nas.HyperNASBench201((8, 8, 3)),
            tmp_path / "a.svg",
        )
    assert not list(tmp_path.iterdir())
