"""A chart of lines against n or over commits, each named at its end.

Both scales are logarithmic, or with a scale below of equal steps for commits. A
vertical bar is the interval. WIDTH pixels wide, as much as a README shows.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from canvas import Canvas, text_width
from charts.panels import Panel, Scale, reach, scale_below, scale_left
from style import FAINT, Ink

WIDTH = 830.0
HEIGHT = 330.0  # of the data
EDGE = 10.0
SIZE = 12.5
SMALL = 11.0  # pixels of a scale's text
FEWEST = 3  # steps of a scale
HEAD = 34.0
NOTE = 22.0
LEFT = 62.0
BELOW = 44.0
LEAST = 1.3  # factor from end to end of a scale
MARGIN = 1.12
LABEL = 15.0  # pixels from one name to the next


class Spot(NamedTuple):
    at: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    name: str
    spots: list[Spot]
    ink: Ink
    marker: str = "circle"
    width: float = 1.6
    dash: str = ""


@dataclass(frozen=True)
class Curves:
    heading: str
    notes: Sequence[str]
    curves: list[Curve]
    label_below: str
    say_below: Callable[[float], str]
    say_left: Callable[[float], str]
    height: float = HEIGHT


def draw(chart: Curves) -> Canvas:
    top = HEAD + NOTE * len(chart.notes)
    named = max(text_width(curve.name, SIZE) for curve in chart.curves)
    panel = Panel(LEFT, top, WIDTH - EDGE - 16.0 - named, top + chart.height)
    canvas = Canvas(WIDTH, panel.bottom + BELOW)
    canvas.text((EDGE, EDGE + 12.0), chart.heading, 15.0, is_bold=True)
    for index, note in enumerate(chart.notes):
        canvas.text((EDGE, HEAD + NOTE * (index + 0.5)), note, SIZE, FAINT)
    x, y = _scales(chart, panel)
    ats = sorted({spot.at for curve in chart.curves for spot in curve.spots})
    scale_below(canvas, panel, x, ats, chart.say_below, SMALL)
    scale_left(canvas, panel, y, steps(y), chart.say_left, SMALL)
    middle = (panel.left + panel.right) / 2.0
    below = (middle, panel.bottom + 30.0)
    canvas.text(below, chart.label_below, SIZE, FAINT, "middle")
    for curve in chart.curves:
        _curve(canvas, curve, x, y)
    _names(canvas, chart.curves, panel.right + 10.0, y)
    return canvas


def _scales(chart: Curves, panel: Panel) -> tuple[Scale, Scale]:
    spots = [spot for curve in chart.curves for spot in curve.spots]
    across = reach([spot.at for spot in spots], 1.06, LEAST)
    ends = [end for spot in spots for end in (spot.low, spot.high)]
    return panel.across(*across), panel.upward(*reach(ends, MARGIN, LEAST))


def steps(scale: Scale) -> list[float]:
    """The steps of a logarithmic scale, or where they are few, equal ones."""
    found = scale.steps()
    if len(found) >= FEWEST:
        return found
    unit = 10.0 ** math.floor(math.log10((scale.high - scale.low) / FEWEST))
    for factor in (5, 2, 1):
        step = factor * unit
        first = math.ceil(scale.low / step)
        found = [step * place for place in range(first, int(scale.high / step) + 1)]
        if len(found) >= FEWEST:
            break
    return found


def _curve(canvas: Canvas, curve: Curve, x: Scale, y: Scale) -> None:
    points = [(x.at(spot.at), y.at(spot.value)) for spot in curve.spots]
    if len(points) > 1:
        canvas.polyline(points, curve.ink, curve.width, curve.dash)
    for spot, point in zip(curve.spots, points):
        if spot.low < spot.high:
            ends = ((point[0], y.at(spot.low)), (point[0], y.at(spot.high)))
            canvas.line(*ends, curve.ink, 2.4)
        canvas.marker(point, curve.marker, curve.ink)


def _names(canvas: Canvas, curves: list[Curve], left: float, y: Scale) -> None:
    """Beside the last spot of each, moved apart where they would overlap."""
    placed = sorted((y.at(curve.spots[-1].value), curve.name) for curve in curves)
    heights = [height for height, _ in placed]
    for index in range(1, len(heights)):
        heights[index] = max(heights[index], heights[index - 1] + LABEL)
    over = heights[-1] - max(y.start, y.end)
    for index in reversed(range(len(heights))):
        most = (
            heights[index + 1] - LABEL
            if index + 1 < len(heights)
            else max(y.start, y.end)
        )
        heights[index] = min(heights[index], most) if over > 0 else heights[index]
    inks = {curve.name: curve.ink for curve in curves}
    for height, (_, name) in zip(heights, placed):
        canvas.text((left, height), name, SIZE, inks[name])


def described(chart: Curves) -> str:
    said = [
        f"{curve.name} "
        + ", ".join(
            f"{chart.say_left(spot.value)} at {chart.say_below(spot.at)}"
            for spot in curve.spots
        )
        for curve in chart.curves
    ]
    return f"{chart.heading}. {'; '.join(said)}."
