"""What charts are made of: panels with scales, and legends.

A chart has a heading at the top, then its legend, then panels in columns. A
panel has a title, and an area that data are drawn into, with room for the labels
of its scales on the left and below.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from canvas import Canvas, Point, text_width
from style import FAINT, GRID, Pen

EDGE = 8.0  # pixels about the drawing
NARROWEST = 720.0  # pixels of a drawing, so that its heading fits
HEAD = 30.0  # pixels of the heading
TITLE = 26.0  # pixels of a panel's title
SMALL = 9.5  # pixels, the size of the scales' text
FEW_STEPS = 8  # a logarithmic scale shows 2 and 5 beside 1 up to as many
MOST_STEPS = 7  # powers of ten that a scale names

LEGEND_LINE = 18.0
LEGEND_SAMPLE = 30.0  # pixels of a line with its marker
LEGEND_GAP = 14.0


@dataclass(frozen=True)
class Scale:
    """A logarithmic one, from low at start to high at end, which are pixels."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        span = math.log(self.high / self.low) or 1.0
        return self.start + (self.end - self.start) * math.log(value / self.low) / span

    def steps(self) -> list[float]:
        """Round numbers within it: 1, 2 and 5 times the powers of ten, or the
        powers alone, and not all of them where they are many."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        powers = range(first, last + 1)
        every = -(-len(powers) // MOST_STEPS)
        for factors, ten in (((1, 2, 5), 1), ((1,), every)):
            steps = [
                factor * 10.0**power
                for power in powers
                if power % ten == 0
                for factor in factors
                if self.low <= factor * 10.0**power <= self.high
            ]
            if len(steps) <= FEW_STEPS:
                break
        return steps


@dataclass(frozen=True)
class Panel:
    left: float
    top: float
    right: float
    bottom: float

    def across(self, low: float, high: float) -> Scale:
        return Scale(low, high, self.left, self.right)

    def upward(self, low: float, high: float) -> Scale:
        return Scale(low, high, self.bottom, self.top)


@dataclass(frozen=True)
class Frame:
    """What surrounds the data of each panel, in pixels."""

    left: float  # of the labels on the left
    below: float  # of the labels below
    gap: float = 16.0  # on the right


def lay_out(
    sizes: Sequence[Point], columns: int, frame: Frame, top: float
) -> tuple[Canvas, list[Panel]]:
    """A drawing with a panel for each of sizes, which are widths and heights of
    the data's area; a row of panels is as high as its highest."""
    columns = min(columns, len(sizes))
    panels = []
    y = top
    right = 0.0
    for first in range(0, len(sizes), columns):
        row = sizes[first : first + columns]
        x = EDGE
        for width, height in row:
            left = x + frame.left
            panels.append(Panel(left, y + TITLE, left + width, y + TITLE + height))
            x = left + width + frame.gap
        right = max(right, x)
        y += TITLE + max(height for _, height in row) + frame.below
    return Canvas(max(right, NARROWEST), y + EDGE), panels


def heading(canvas: Canvas, text: str) -> None:
    canvas.text((EDGE, EDGE + 10.0), text, 13.0, is_bold=True)


def title(canvas: Canvas, panel: Panel, text: str) -> None:
    canvas.text((panel.left, panel.top - 12.0), text, 11.5, is_bold=True)


def scale_below(
    canvas: Canvas,
    panel: Panel,
    scale: Scale,
    steps: Iterable[float],
    label: Callable[[float], str],
    size: float = SMALL,
) -> None:
    """Lines of the grid at steps, and their labels where there is room."""
    places = [(scale.at(step), label(step)) for step in steps]
    canvas.lines([((x, panel.top), (x, panel.bottom)) for x, _ in places], GRID, 0.8)
    free = -math.inf
    for x, text in places:
        half = text_width(text, size) / 2.0
        if x - half >= free:
            at = (x, panel.bottom + 10.0)
            canvas.text(at, text, size, FAINT, anchor="middle")
            free = x + half + 3.0


def scale_left(
    canvas: Canvas,
    panel: Panel,
    scale: Scale,
    steps: Iterable[float],
    label: Callable[[float], str],
    size: float = SMALL,
) -> None:
    places = [(scale.at(step), label(step)) for step in steps]
    canvas.lines([((panel.left, y), (panel.right, y)) for y, _ in places], GRID, 0.8)
    for y, text in places:
        canvas.text((panel.left - 5.0, y), text, size, FAINT, anchor="end")


def legend_height(names: Sequence[str], width: float) -> float:
    return LEGEND_LINE * -(-len(names) // _legend_columns(names, width)) + EDGE


def legend(canvas: Canvas, names: Sequence[str], pens: dict[str, Pen]) -> None:
    """The line, the marker and the name of each, under the heading."""
    columns = _legend_columns(names, canvas.width)
    for index, name in enumerate(names):
        x = EDGE + (index % columns) * _legend_width(names)
        y = HEAD + LEGEND_LINE * (index // columns + 0.5)
        pen = pens[name]
        canvas.line((x, y), (x + LEGEND_SAMPLE, y), pen.ink, pen.width, pen.dash)
        canvas.marker((x + LEGEND_SAMPLE / 2.0, y), pen.marker, pen.ink)
        canvas.text((x + LEGEND_SAMPLE + 5.0, y), name)


def reach(values: Iterable[float], margin: float, least: float) -> tuple[float, float]:
    """The ends of a scale: of values, all above 0, with a factor of free room,
    and at least a factor of least from end to end."""
    known = list(values)
    low, high = min(known), max(known)
    more = max(1.0, math.sqrt(least * low / high))
    return low / margin / more, high * margin * more


def _legend_width(names: Sequence[str]) -> float:
    widest = max(text_width(name) for name in names)
    return LEGEND_SAMPLE + 5.0 + widest + LEGEND_GAP


def _legend_columns(names: Sequence[str], width: float) -> int:
    return max(1, int((width - 2.0 * EDGE) / _legend_width(names)))
