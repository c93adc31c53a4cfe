"""What a picture of an architecture is made of."""

import dataclasses
from collections.abc import Iterable

Point = tuple[float, float]

# Around what is drawn, in pixels, and inside of a panel.
MARGIN = 28
PANEL_PADDING = 12
PANEL_TITLE = 24
LANE = 14


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
        self.width = max(self.width, *(right_of(b) for b in other.panels), 0)
        self.height = max(self.height, *(b.bottom for b in other.panels), 0)


def right_of(box: Box) -> float:
    return box.x + box.width
