"""Charts of lines against n, one line an allocator and one panel a distribution."""

from collections.abc import Callable
from typing import NamedTuple

import words
from canvas import Canvas
from style import Pen

from . import panels
from .panels import Frame, Scale

COLUMNS = 3
SIZE = (300.0, 220.0)  # pixels of a panel's data
FRAME = Frame(left=46.0, below=26.0)
MARGIN = 1.2  # factor of free room at either end of a scale
LEAST = 4.0  # factor that the scale shows at least


class Spot(NamedTuple):
    n: int
    value: float
    low: float
    high: float


class Series(NamedTuple):
    """One panel: its title, and the spots of each allocator in order of n."""

    title: str
    spots: dict[str, list[Spot]]


def draw(
    heading: str,
    series: list[Series],
    names: list[str],
    pens: dict[str, Pen],
    label: Callable[[float], str],
) -> Canvas:
    """names are the allocators in the legend's order; label writes a value.
    All panels have the same scales."""
    shown = [name for name in names if any(name in one.spots for one in series)]
    width = min(COLUMNS, len(series)) * (FRAME.left + SIZE[0] + FRAME.gap)
    width = max(width, panels.NARROWEST)
    top = panels.HEAD + panels.legend_height(shown, width)
    canvas, places = panels.lay_out([SIZE] * len(series), COLUMNS, FRAME, top)
    panels.heading(canvas, heading)
    panels.legend(canvas, shown, pens)
    spots = [spot for one in series for some in one.spots.values() for spot in some]
    ns = sorted({spot.n for spot in spots})
    ends = [end for spot in spots for end in (spot.low, spot.high)]
    values = panels.reach(ends, MARGIN, LEAST)
    for panel, one in zip(places, series):
        x = panel.across(ns[0] / MARGIN, ns[-1] * MARGIN)
        y = panel.upward(*values)
        panels.title(canvas, panel, one.title)
        panels.scale_below(canvas, panel, x, ns, words.short)
        panels.scale_left(canvas, panel, y, y.steps(), label)
        for name in shown:
            if name in one.spots:
                _line(canvas, x, y, one.spots[name], pens[name])
    return canvas


def _line(canvas: Canvas, x: Scale, y: Scale, spots: list[Spot], pen: Pen) -> None:
    points = [(x.at(spot.n), y.at(spot.value)) for spot in spots]
    canvas.lines(
        [
            ((at, y.at(spot.low)), (at, y.at(spot.high)))
            for (at, _), spot in zip(points, spots)
            if spot.low < spot.high
        ],
        pen.ink,
    )
    if len(points) > 1:
        canvas.polyline(points, pen.ink, pen.width, pen.dash)
    for point in points:
        canvas.marker(point, pen.marker, pen.ink)
