"""A chart of dots with intervals: one line a thing, one panel a comparison.

WIDTH pixels wide, as much as a README shows, so that no label shrinks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import style
import words
from canvas import Canvas, text_width
from charts.panels import Panel, Scale, reach, scale_below
from style import BASELINE, FAINT, TEXT, Ink
from verdicts import EQUAL, UNKNOWN, UNSTABLE

from .facts import Speed

WIDTH = 830.0
EDGE = 10.0
SIZE = 12.5  # pixels of a text
SMALL = 11.0  # of a scale's
HEAD = 34.0  # of the heading
NOTE = 22.0  # of a line under it
PANEL_HEAD = 26.0
ROW = 24.0
BELOW = 24.0  # of the scale's labels
GAP = 14.0
NEAR = 12.0  # pixels from a panel's end to a label, which the next one's may meet
SPAN = 4.0  # the least factor from end to end of the scale
MARGIN = 1.12


@dataclass(frozen=True)
class Line:
    """A label, a speed for each panel, and a text for each column at the end."""

    label: str
    speeds: list[Speed | None]
    texts: Sequence[str] = ()
    ink: Ink = BASELINE
    is_bold: bool = False
    is_reference: bool = False  # it is 1 in each panel


@dataclass(frozen=True)
class Dots:
    heading: str
    notes: Sequence[str]
    panels: list[str]  # their heads
    lines: list[Line]
    columns: Sequence[tuple[str, float]] = ()  # heads of texts, and their widths
    slower: str = "slower"  # the word at the left of 1
    faster: str = "faster"


def draw(dots: Dots) -> Canvas:
    top = HEAD + NOTE * len(dots.notes) + PANEL_HEAD
    bottom = top + ROW * len(dots.lines)
    canvas = Canvas(WIDTH, bottom + BELOW + EDGE)
    canvas.text((EDGE, EDGE + 12.0), dots.heading, 15.0, is_bold=True)
    for index, note in enumerate(dots.notes):
        canvas.text((EDGE, HEAD + NOTE * (index + 0.5)), note, SIZE, FAINT)
    places = _places(dots, top, bottom)
    low, high = _reach(dots.lines)
    for index, (head, panel) in enumerate(zip(dots.panels, places)):
        _panel(canvas, panel, head, panel.across(low, high), dots, index)
    for line, y in _rows(dots, top):
        at = (places[0].left - 8.0, y)
        canvas.text(at, line.label, SIZE, TEXT, "end", line.is_bold)
    _columns(canvas, dots, places[-1].right + GAP, top)
    return canvas


def _places(dots: Dots, top: float, bottom: float) -> list[Panel]:
    """The panels share the width that labels and columns leave."""
    left = EDGE + 10.0 + max(text_width(line.label, SIZE) for line in dots.lines)
    right = WIDTH - EDGE - sum(width for _, width in dots.columns)
    count = len(dots.panels)
    width = (right - left - GAP * count) / count
    return [
        Panel(x, top, x + width, bottom)
        for x in (left + index * (width + GAP) for index in range(count))
    ]


def _rows(dots: Dots, top: float) -> Iterable[tuple[Line, float]]:
    return [(line, top + ROW * (index + 0.5)) for index, line in enumerate(dots.lines)]


def _panel(
    canvas: Canvas, panel: Panel, head: str, x: Scale, dots: Dots, index: int
) -> None:
    canvas.text((panel.left, panel.top - 13.0), head, SIZE, is_bold=True)
    ends = (x.start + NEAR, x.end - NEAR)
    steps = [of for of in x.steps() if of == 1.0 or ends[0] <= x.at(of) <= ends[1]]
    scale_below(canvas, panel, x, steps, lambda step: f"{step:g}×", SMALL)
    one = x.at(1.0)
    canvas.line((one, panel.top), (one, panel.bottom), TEXT, 1.2)
    for line, y in _rows(dots, panel.top):
        if line.is_reference:
            canvas.marker((one, y), style.MARKERS[0], line.ink)
            continue
        speed = line.speeds[index]
        if speed:
            _dot(canvas, x, y, speed, line.ink)
        else:
            canvas.text((one + 6.0, y), "not run", SMALL, FAINT)


def _dot(canvas: Canvas, x: Scale, y: float, speed: Speed, ink: Ink) -> None:
    """A thin line for the rounds, a thick one for the interval, a dot."""
    is_known = speed.verdict not in (EQUAL, UNKNOWN, UNSTABLE)
    of = ink if is_known else FAINT
    least, most = (x.at(min(max(end, x.low), x.high)) for end in speed.rounds)
    canvas.line((least, y), (most, y), of, 1.0)
    canvas.line((x.at(speed.times.low), y), (x.at(speed.times.high), y), of, 4.0)
    marker = style.UNSTABLE_MARKER if speed.verdict == UNSTABLE else "circle"
    canvas.marker((x.at(speed.times.median), y), marker, of, not is_known)


def _columns(canvas: Canvas, dots: Dots, left: float, top: float) -> None:
    right = left
    for index, (head, width) in enumerate(dots.columns):
        right += width
        canvas.text((right - GAP, top - 13.0), head, SIZE, TEXT, "end", is_bold=True)
        for line, y in _rows(dots, top):
            if index < len(line.texts):
                canvas.text((right - GAP, y), line.texts[index], SIZE, TEXT, "end")


def _reach(lines: list[Line]) -> tuple[float, float]:
    """One scale for all panels: the intervals in full, rounds as far as it goes."""
    ends = [1.0]
    for line in lines:
        for speed in filter(None, line.speeds):
            ends += [speed.times.low, speed.times.high]
    return reach(ends, MARGIN, SPAN)


def described(dots: Dots) -> str:
    """The chart as a text, for readers who do not see it."""
    said = []
    for index, head in enumerate(dots.panels):
        values = [
            f"{line.label} {_said(line.speeds[index])}"
            for line in dots.lines
            if not line.is_reference and line.speeds[index]
        ]
        if values:
            said.append(f"{head}: {', '.join(values)}")
    return f"{dots.heading}. {'. '.join(said)}."


def _said(speed: Speed | None) -> str:
    if speed is None:
        return "not run"
    if speed.verdict in (UNKNOWN, UNSTABLE, EQUAL):
        return speed.verdict
    return f"{words.digits(speed.times.median)}×"
