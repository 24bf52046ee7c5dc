"""A drawing that is written as SVG, as it is drawn.

Lengths are in pixels, from the upper left corner. Every stroke and fill is the
class of an ink of style.py, so the file's style sheet decides how it looks
on a light and on a dark page. The same calls give the same bytes.
"""

import functools
import math
from collections.abc import Iterable
from html import escape

import style
from style import GROUND, Ink

MARKER = 3.3  # pixels from a marker's centre to its corners
CHARACTER = 0.6  # the width of one, over the font's size: about the mean
BASELINE = 0.35  # of the font's size: from a text's middle down to its baseline

Point = tuple[float, float]


class Canvas:
    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.height = height
        self.parts: list[str] = []

    def line(
        self, start: Point, end: Point, ink: Ink, width: float = 1.0, dash: str = ""
    ) -> None:
        (x1, y1), (x2, y2) = start, end
        self.parts.append(
            f'<path class="s{ink.name}" d="M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}"'
            f"{_stroke(width, dash)}/>"
        )

    def lines(
        self,
        lines: Iterable[tuple[Point, Point]],
        ink: Ink,
        width: float = 1.0,
    ) -> None:
        """Many lines that look alike."""
        path = "".join(
            f"M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}" for (x1, y1), (x2, y2) in lines
        )
        if path:
            self.parts.append(
                f'<path class="s{ink.name}" d="{path}"{_stroke(width, "")}/>'
            )

    def polyline(
        self, points: Iterable[Point], ink: Ink, width: float, dash: str = ""
    ) -> None:
        path = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
        self.parts.append(
            f'<path class="s{ink.name}" d="M{path}"{_stroke(width, dash)}/>'
        )

    def bar(
        self, left: float, top: float, right: float, bottom: float, ink: Ink
    ) -> None:
        self.parts.append(
            f'<rect class="f{ink.name}" x="{_n(left)}" y="{_n(top)}" '
            f'width="{_n(right - left)}" height="{_n(bottom - top)}"/>'
        )

    def marker(self, at: Point, marker: str, ink: Ink, is_hollow: bool = False) -> None:
        """A marker of style.MARKERS, or an open one; filled unless is_hollow."""
        if marker in style.OPEN_MARKERS:
            look = f"s{ink.name} o"
        elif is_hollow:
            look = f"f{GROUND.name} s{ink.name} o"
        else:
            look = f"f{ink.name} s{GROUND.name}"
        self.parts.append(
            f'<use href="#{marker}" class="{look}" x="{_n(at[0])}" y="{_n(at[1])}"/>'
        )

    def text(
        self,
        at: Point,
        text: str,
        size: float = 11.0,
        ink: Ink = style.TEXT,
        anchor: str = "start",
        is_bold: bool = False,
        is_upright: bool = False,
    ) -> None:
        """Centred vertically; is_upright: read from below."""
        x, y = _n(at[0]), _n(at[1] + BASELINE * size)
        more = f' text-anchor="{anchor}"' if anchor != "start" else ""
        more += ' font-weight="bold"' if is_bold else ""
        if is_upright:
            more += f' transform="rotate(-90 {_n(at[0])} {_n(at[1])})"'
        self.parts.append(
            f'<text class="f{ink.name}" x="{x}" y="{y}" font-size="{_n(size)}"{more}>'
            f"{escape(text, quote=False)}</text>"
        )

    def svg(self, title: str, mark: str) -> str:
        """The file, whose first line is mark."""
        width, height = _n(self.width), _n(self.height)
        return "\n".join(
            (
                f"<!-- {mark} -->",
                f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" '
                f'height="{height}" viewBox="0 0 {width} {height}" '
                'font-family="DejaVu Sans, Verdana, sans-serif" fill="none">',
                f"<title>{escape(title, quote=False)}</title>",
                f"<style>\n{style.sheet()}</style>",
                f"<defs>{markers()}</defs>",
                f'<rect class="f{GROUND.name}" width="{width}" height="{height}"/>',
                *self.parts,
                "</svg>\n",
            )
        )


def text_width(text: str, size: float = 11.0) -> float:
    return CHARACTER * size * len(text)


def _n(value: float) -> str:
    """A length to a tenth of a pixel, as short as can be."""
    return f"{value:.1f}".removesuffix(".0")


def _stroke(width: float, dash: str) -> str:
    more = f' stroke-dasharray="{dash}"' if dash else ""
    return f' stroke-width="{_n(width)}"{more}'


@functools.cache
def markers() -> str:
    """The paths that marker() refers to."""
    return "".join(
        f'<path id="{name}" d="{path}"/>' for name, path in _marker_paths().items()
    )


def _marker_paths() -> dict[str, str]:
    """Every marker about the origin, as a path."""
    r = MARKER
    arm = 0.4 * r
    plus = [
        (arm, r),
        (arm, arm),
        (r, arm),
        (r, -arm),
        (arm, -arm),
        (arm, -r),
        (-arm, -r),
        (-arm, -arm),
        (-r, -arm),
        (-r, arm),
        (-arm, arm),
        (-arm, r),
    ]
    star = [
        (scale * r * math.cos(angle), scale * r * math.sin(angle))
        for step in range(10)
        for scale, angle in [((1.3, 0.55)[step % 2], math.pi * (step / 5 - 0.5))]
    ]
    return {
        "circle": f"M{_n(r)} 0A{_n(r)} {_n(r)} 0 1 1 {_n(-r)} 0A{_n(r)} {_n(r)} "
        f"0 1 1 {_n(r)} 0Z",
        "square": _polygon(4, 45, 1.3),
        "up": _polygon(3, -90, 1.2),
        "diamond": _polygon(4, 0, 1.25),
        "down": _polygon(3, 90, 1.2),
        "plus": _closed(plus),
        "cross": _closed([_turned(point, 45) for point in plus]),
        "hexagon": _polygon(6, 0, 1.15),
        "left": _polygon(3, 180, 1.2),
        "right": _polygon(3, 0, 1.2),
        "pentagon": _polygon(5, -90, 1.15),
        "thin": _closed([(0, -1.4 * r), (0.7 * r, 0), (0, 1.4 * r), (-0.7 * r, 0)]),
        "star": _closed(star),
        "again": _cross(r),
        "unstable": f"M{_n(-r)} 0L{_n(r)} 0M0 {_n(-r)}L0 {_n(r)}{_cross(0.7 * r)}",
    }


def _polygon(corners: int, degrees: float, scale: float) -> str:
    return _closed(
        _turned((scale * MARKER, 0.0), degrees + 360.0 * corner / corners)
        for corner in range(corners)
    )


def _cross(arm: float) -> str:
    """Two lines, from corner to corner."""
    low, high = _n(-arm), _n(arm)
    return f"M{low} {low}L{high} {high}M{low} {high}L{high} {low}"


def _turned(point: Point, degrees: float) -> Point:
    angle = math.radians(degrees)
    x, y = point
    return (
        x * math.cos(angle) - y * math.sin(angle),
        x * math.sin(angle) + y * math.cos(angle),
    )


def _closed(points: Iterable[Point]) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points) + "Z"
