"""The elements of a picture: boxes, panels and arrows."""

import dataclasses
from collections.abc import Iterable

Point = tuple[float, float]

# Margins, paddings and distances, in pixels.
MARGIN = 28
PANEL_PADDING = 12
PANEL_TITLE = 24
LANE = 14


@dataclasses.dataclass(frozen=True)
class Box:
    """A rectangle with text.

    Args:
        x: Float, the left edge.
        y: Float, the top edge.
        width: Float.
        height: Float.
        kind: String, the kind of block, which decides the color.
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
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclasses.dataclass
class Picture:
    """The elements of a picture, in the order of drawing.

    Args:
        width: Float.
        height: Float.
        title: String.
        panels: List of `Box`es behind all others.
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
        """Returns the picture with all elements moved."""

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
        """Adds the elements of another picture."""
        self.panels += other.panels
        self.arrows += other.arrows
        self.boxes += other.boxes
        self.width = max(self.width, *(b.right for b in other.panels), 0)
        self.height = max(self.height, *(b.bottom for b in other.panels), 0)
