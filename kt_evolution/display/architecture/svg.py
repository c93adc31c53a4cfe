"""Draws the picture of an architecture as SVG."""

from typing import Any

from kt_evolution.display.architecture.layout import LINE
from kt_evolution.display.architecture.layout import PADDING
from kt_evolution.display.architecture.picture import MARGIN
from kt_evolution.display.architecture.picture import Box
from kt_evolution.display.architecture.picture import Picture
from kt_evolution.display.architecture.picture import Point

FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
INK, FAINT, LINES, PAPER = "#1f2933", "#66727f", "#7b8794", "#ffffff"

# Fill and border by the first of these words that a kind contains.
COLORS = {
    "stage": ("#f6f7f9", "#dde1e6"),
    "graph": ("#f6f7f9", "#dde1e6"),
    "node": ("#ffffff", "#52606d"),
    "input": ("#ffffff", "#9aa5b1"),
    "output": ("#ffffff", "#9aa5b1"),
    "training": ("#ffffff", "#cbd2d9"),
    "pool": ("#dff3e4", "#6fbf85"),
    "identity": ("#eef0f2", "#9aa5b1"),
    "skip": ("#eef0f2", "#9aa5b1"),
    "separable": ("#d9e8fb", "#5b93d6"),
    "depthwise": ("#d3eef2", "#4ba9b8"),
    "mbconv": ("#d3eef2", "#4ba9b8"),
    "dilated": ("#e3e0fa", "#8478d6"),
    "conv": ("#fde8cf", "#e09a3e"),
    "inception": ("#fde8cf", "#e09a3e"),
    "cell": ("#fff4c9", "#d9b23c"),
    "attention": ("#fbdcea", "#d7679b"),
    "transformer": ("#fbdcea", "#d7679b"),
    "recurrent": ("#fddcd7", "#dd7766"),
    "gru": ("#fddcd7", "#dd7766"),
    "lstm": ("#fddcd7", "#dd7766"),
    "dense": ("#e8e2f7", "#8f79c9"),
    "mlp": ("#e8e2f7", "#8f79c9"),
    "": ("#eef2f6", "#9aa9b8"),
}


def render(picture: Picture, paper: str = PAPER) -> Any:
    """Returns the `drawsvg.Drawing` of a picture.

    Args:
        picture: The `Picture`.
        paper: String, the color of the background. Defaults to white.
    """
    import drawsvg

    drawing = drawsvg.Drawing(
        picture.width, picture.height, font_family=FONT, fill=INK
    )
    drawing.append(drawsvg.Rectangle(0, 0, "100%", "100%", fill=paper))
    drawing.append(
        _text(drawsvg, picture.title, (MARGIN, 38), 17, font_weight="bold")
    )
    for panel in picture.panels:
        drawing.append(_rectangle(drawsvg, panel, radius=12))
        drawing.append(
            _text(
                drawsvg,
                panel.title.replace("_", " "),
                (panel.x + 12, panel.y + 21),
                13,
                fill=FAINT,
            )
        )
    for arrow in picture.arrows:
        drawing.append(_arrow(drawsvg, arrow))
    for box in picture.boxes:
        drawing.extend(_box(drawsvg, box))
    return drawing


def colors_of(kind: str) -> tuple[str, str]:
    """Returns the fill and border colors of a kind of block or operation."""
    return next(pair for word, pair in COLORS.items() if word in kind)


def _rectangle(drawsvg: Any, box: Box, radius: float) -> Any:
    fill, border = colors_of(box.kind)
    return drawsvg.Rectangle(
        box.x,
        box.y,
        box.width,
        box.height,
        rx=radius,
        fill=fill,
        stroke=border,
        stroke_width=1.2,
    )


def _box(drawsvg: Any, box: Box) -> list[Any]:
    is_round = box.kind == "node"
    shapes = [_rectangle(drawsvg, box, box.width / 2 if is_round else 7)]
    if not box.lines and not box.notes:
        middle = box.x + box.width / 2, box.middle + 4
        shapes.append(
            _text(drawsvg, box.title, middle, 12, text_anchor="middle")
        )
        return shapes
    x, y = box.x + PADDING, box.y + PADDING + 11
    shapes.append(_text(drawsvg, box.title, (x, y), 13, font_weight="bold"))
    for number, line in enumerate(box.lines, 1):
        shapes.append(_text(drawsvg, line, (x, y + number * LINE), 12))
    right = box.x + box.width - PADDING
    if box.notes:
        note = " · ".join(box.notes)
        shapes.append(
            _text(drawsvg, note, (right, y), 12, text_anchor="end", fill=FAINT)
        )
    return shapes


def _text(drawsvg: Any, text: str, at: Point, size: float, **style: Any) -> Any:
    return drawsvg.Text(text, size, *at, **style)


def _arrow(drawsvg: Any, points: list[Point]) -> Any:
    """Returns a line with rounded corners and a head at its end."""
    head = drawsvg.Marker(-0.1, -0.5, 1, 0.5, scale=7, orient="auto")
    head.append(drawsvg.Lines(0, -0.4, 0, 0.4, 0.9, 0, close=True, fill=LINES))
    (x, y), *_ = points
    path = drawsvg.Path(
        stroke=LINES, stroke_width=1.4, fill="none", marker_end=head
    )
    path.M(x, y)
    for corner, after in zip(points[1:-1], points[2:], strict=True):
        x, y = _towards(corner, (x, y))
        path.L(x, y)
        x, y = _towards(corner, after)
        path.Q(*corner, x, y)
    # The arrowhead extends beyond the end of the line.
    path.L(*_towards(points[-1], (x, y), 6.5))
    return path


def _towards(start: Point, end: Point, distance: float = 8.0) -> Point:
    """Returns the point on the way to `end` at a distance from `start`."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = (dx * dx + dy * dy) ** 0.5
    share = min(0.5, distance / length) if length else 0.0
    return start[0] + share * dx, start[1] + share * dy
