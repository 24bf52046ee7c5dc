"""The four ways to draw a figure, as SVG that stands in the page.

forms.js draws the same marks in the same places: GEOMETRY goes into the page, and a
test compares the two. Inks and markers are classes and names of style.py and
canvas.py, whose rules and paths the page has once.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html import escape

import words
from canvas import Canvas, text_width
from style import BASELINE as BASE_INK
from style import FAINT, GRID, SERIES, TEXT, Ink
from verdicts import FASTER, SLOWER

from charts.panels import Scale

from .figures import DOTS, HEAT, LINES, SCATTER, Figure, Mark, Panel
from .view import LIMIT_CLASS, View, classes, family

# Pixels, except for margin and room, which are factors.
GEOMETRY = {
    "wide": 1120,  # a figure's width where the page is wide enough
    "first": 640,  # that of the first screen
    "text": 12,
    "small": 11,
    "dots": {
        "left": 166,
        "right": 18,
        "gap": 34,
        "head": 62,
        "foot": 8,
        "row": 20,
        "line": 15,
        "between": 9,
    },
    "lines": {"left": 62, "right": 128, "head": 28, "foot": 44, "height": 460},
    "scatter": {"left": 62, "right": 20, "head": 28, "foot": 44, "height": 460},
    "heat": {"left": 166, "head": 104, "foot": 6, "row": 29, "least": 42, "most": 96},
    "margin": 1.12,
    "room": 1.5,  # a factor more, at the right, where figures stand beside dots
}
MARKERS = ("circle", "square", "diamond", "up", "star")
INKS = {  # of the families
    "pool": BASE_INK,
    "glibc": SERIES[0],
    "nginx": SERIES[1],
    "tcmalloc": SERIES[2],
    "apr": SERIES[3],
    "jemalloc": SERIES[5],
    "mimalloc": SERIES[6],
    "talloc": SERIES[4],
}
SERIES_INKS = (BASE_INK, *SERIES)
STEPS = (1.15, 2.0, 5.0)  # factors that part a heat map's shades


def draw(figure: Figure, view: View) -> str:
    forms = {DOTS: _dots, LINES: _lines, HEAT: _heat, SCATTER: _scatter}
    width = GEOMETRY["first"] if figure.id == "first" else GEOMETRY["wide"]
    canvas = forms[figure.form](figure, view, width)
    size = f'width="{canvas.width:g}" height="{canvas.height:g}"'
    return (
        f'<svg {size} viewBox="0 0 {canvas.width:g} {canvas.height:g}" role="img" '
        f'aria-label="{escape(figure.title)}" fill="none">'
        + "".join(canvas.parts)
        + "</svg>"
    )


def ink(name: str, view: View, figure: Figure) -> Ink:
    stands = figure.id == "first" or name in view.main
    return INKS.get(family(name), FAINT) if stands else FAINT


def label(name: str, view: View) -> str:
    """A limit is no allocator: its name says so."""
    return f"{name} (limit)" if classes(view).get(name) == LIMIT_CLASS else name


def shade(mark: Mark) -> str:
    """The class of a heat map's cell: its distance from 1, where that is known."""
    if mark.verdict not in (FASTER, SLOWER):
        return "h0"
    distance = max(mark.value, 1.0 / mark.value)
    step = 1 + sum(distance >= at for at in STEPS)
    return f"h{'f' if mark.verdict == FASTER else 's'}{step}"


def _dots(figure: Figure, view: View, width: float) -> Canvas:
    at = GEOMETRY["dots"]
    names = figure.names
    lines = len(figure.series) if figure.is_stacked else 1
    row = at["line"] * lines + at["between"] if figure.is_stacked else at["row"]
    bottom = at["head"] + row * len(names)
    canvas = Canvas(width, bottom + at["foot"])
    spans = list(_spans(figure, width))
    scales = [
        _scale(figure, k, panel, *spans[k]) for k, panel in enumerate(figure.panels)
    ]
    _legend(canvas, figure)
    for panel, scale, (left, _) in zip(figure.panels, scales, spans):
        canvas.text((left, 30.0), panel.title, GEOMETRY["text"], is_bold=True)
        _ticks_above(canvas, scale, at["head"], bottom)
        if panel.at and scale.low <= panel.at <= scale.high:
            x = scale.at(panel.at)
            canvas.line((x, at["head"]), (x, bottom), FAINT)
    for k, name in enumerate(names):
        y = at["head"] + row * (k + 0.5)
        stands = name in view.main or figure.id == "first" or not figure.is_families
        canvas.text(
            (at["left"] - 8.0, y),
            label(name, view),
            GEOMETRY["text"],
            TEXT if stands else FAINT,
            anchor="end",
            is_bold=figure.is_families and name in view.main,
        )
        canvas.line((at["left"], y + row / 2), (width, y + row / 2), GRID, 0.6)
    for index, mark in enumerate(figure.marks):
        place = figure.series.index(mark.series) if mark.series in figure.series else 0
        y = at["head"] + row * (names.index(mark.name) + 0.5)
        if figure.is_stacked:
            y += at["line"] * (place - (lines - 1) / 2)
        used = (
            ink(mark.name, view, figure) if figure.is_families else SERIES_INKS[place]
        )
        with _mark(canvas, figure, index):
            _dot(canvas, scales[mark.panel], y, mark, MARKERS[place], used)
            if figure.is_stacked:
                end = mark.value if mark.most is None else mark.most
                at_x = scales[mark.panel].at(end) + 7.0
                canvas.text((at_x, y), words.digits(mark.value), GEOMETRY["small"])
    return canvas


def _dot(
    canvas: Canvas, x: "Scale | Linear", y: float, mark: Mark, marker: str, used: Ink
) -> None:
    if mark.least is not None and mark.most is not None:
        canvas.line((x.at(mark.least), y), (x.at(mark.most), y), used, 1.0)
    if mark.low is not None and mark.high is not None:
        canvas.line((x.at(mark.low), y), (x.at(mark.high), y), used, 4.0)
    canvas.marker((x.at(mark.value), y), marker, used)


def _spans(figure: Figure, width: float) -> Iterator[tuple[float, float]]:
    """The left and the right of each panel."""
    at = GEOMETRY["dots"]
    free = width - at["left"] - at["right"] - at["gap"] * (len(figure.panels) - 1)
    whole = sum(panel.weight for panel in figure.panels)
    left = float(at["left"])
    for panel in figure.panels:
        right = left + free * panel.weight / whole
        yield left, right
        left = right + at["gap"]


class Linear:
    """A scale from 0, as panels.Scale is a logarithmic one."""

    def __init__(self, high: float, start: float, end: float) -> None:
        self.low = 0.0
        self.high = high
        self.start = start
        self.end = end

    def at(self, value: float) -> float:
        return self.start + (self.end - self.start) * value / self.high

    def steps(self) -> list[float]:
        """Five or fewer, round."""
        ten = 10.0 ** math.floor(math.log10(self.high / 4.0))
        step = next(k * ten for k in (1, 2, 2.5, 5, 10) if self.high / (k * ten) <= 5)
        return [k * step for k in range(int(self.high / step) + 1)]


def _scale(
    figure: Figure, index: int, panel: Panel, start: float, end: float
) -> "Scale | Linear":
    values = list(_ends(mark for mark in figure.marks if mark.panel == index))
    if not panel.is_log:
        return Linear((max(values, default=0.0) or 1.0) * 1.05, start, end)
    values += [panel.at] if panel.at else []
    scale = _log_scale(values or [1.0], start, end)
    if figure.is_stacked:
        scale = Scale(scale.low, scale.high * GEOMETRY["room"], start, end)
    return scale


def _ends(marks: Iterable[Mark]) -> Iterator[float]:
    for mark in marks:
        for value in (mark.value, mark.low, mark.high, mark.least, mark.most):
            if value is not None:
                yield value


def _log_scale(values: list[float], start: float, end: float) -> Scale:
    margin = GEOMETRY["margin"]
    return Scale(min(values) / margin, max(values) * margin, start, end)


def _legend(canvas: Canvas, figure: Figure) -> None:
    x = float(GEOMETRY["dots"]["left"])
    if len(figure.series) < 2:
        return
    for k, series in enumerate(figure.series):
        used = TEXT if figure.is_families else SERIES_INKS[k]
        canvas.marker((x + 4.0, 10.0), MARKERS[k], used)
        canvas.text((x + 13.0, 10.0), series, GEOMETRY["small"])
        x += 13.0 + text_width(series, GEOMETRY["small"]) + 16.0


def _ticks_above(
    canvas: Canvas, scale: "Scale | Linear", top: float, bottom: float
) -> None:
    free = -math.inf
    for step in scale.steps():
        x, text = scale.at(step), tick(step)
        half = text_width(text, GEOMETRY["small"]) / 2.0
        canvas.line((x, top), (x, bottom), GRID, 0.8)
        if x - half >= free:
            at = (x, top - 10.0)
            canvas.text(at, text, GEOMETRY["small"], FAINT, anchor="middle")
            free = x + half + 4.0


def tick(value: float) -> str:
    """1, 0.5, 20, 5k, 2M, 1G."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def _heat(figure: Figure, view: View, width: float) -> Canvas:
    at = GEOMETRY["heat"]
    columns = list(dict.fromkeys(mark.series for mark in figure.marks))
    names = figure.names
    wide = (width - at["left"] - 24.0) / len(columns)
    wide = max(at["least"], min(at["most"], wide))
    canvas = Canvas(
        max(width, at["left"] + wide * len(columns) + 24.0),
        at["head"] + at["row"] * len(names) + at["foot"],
    )
    for k, column in enumerate(columns):
        x, y = at["left"] + wide * (k + 0.5), at["head"] - 8.0
        _slanted(canvas, x, y, column)
    for k, name in enumerate(names):
        y = at["head"] + at["row"] * (k + 0.5)
        is_on = name in view.main
        canvas.text(
            (at["left"] - 8.0, y),
            label(name, view),
            GEOMETRY["text"],
            TEXT if is_on else FAINT,
            anchor="end",
            is_bold=is_on,
        )
    for index, mark in enumerate(figure.marks):
        x = at["left"] + wide * columns.index(mark.series)
        y = at["head"] + at["row"] * names.index(mark.name)
        with _mark(canvas, figure, index):
            canvas.parts.append(
                f'<rect class="{shade(mark)}" x="{x + 1:.1f}" y="{y + 1:.1f}" '
                f'width="{wide - 2:.1f}" height="{at["row"] - 2}"/>'
            )
            middle = x + wide / 2
            text = words.digits(mark.value) + "×"
            canvas.text((middle, y + 9.5), text, 11.0, anchor="middle")
            canvas.text((middle, y + 20.5), mark.verdict, 9.0, anchor="middle")
    return canvas


def _slanted(canvas: Canvas, x: float, y: float, text: str) -> None:
    canvas.parts.append(
        f'<text class="ft" x="{x:.1f}" y="{y:.1f}" font-size="{GEOMETRY["small"]}" '
        f'transform="rotate(-45 {x:.1f} {y:.1f})">{escape(text, quote=False)}</text>'
    )


def _lines(figure: Figure, view: View, width: float) -> Canvas:
    at = GEOMETRY["lines"]
    canvas, x, y = _frame(figure, at, width)
    by_name = {
        name: [mark for mark in figure.marks if mark.name == name]
        for name in figure.names
    }
    if figure.floor in by_name:
        _floor(canvas, x, y, by_name[figure.floor])
    for name in sorted(by_name, key=lambda name: name in view.main):
        points = [(x.at(mark.x), y.at(mark.value)) for mark in by_name[name]]
        is_on = name in view.main
        if len(points) > 1:
            dash = "6 3" if is_on and classes(view)[name] == LIMIT_CLASS else ""
            canvas.polyline(
                points, ink(name, view, figure), 2.2 if is_on else 0.7, dash
            )
    for index, mark in enumerate(figure.marks):
        with _mark(canvas, figure, index):
            at_x, used = x.at(mark.x), ink(mark.name, view, figure)
            if mark.name in view.main:
                canvas.line((at_x, y.at(mark.low)), (at_x, y.at(mark.high)), used, 1.4)
                canvas.marker((at_x, y.at(mark.value)), MARKERS[0], used)
            else:
                _speck(canvas, at_x, y.at(mark.value))
    _ends_of_lines(canvas, figure, view, x, y, by_name)
    return canvas


def _speck(canvas: Canvas, x: float, y: float) -> None:
    canvas.parts.append(f'<circle class="fq" cx="{x:.1f}" cy="{y:.1f}" r="1.6"/>')


def _floor(canvas: Canvas, x: Scale, y: Scale, marks: list[Mark]) -> None:
    points = [(x.at(mark.x), y.at(mark.value)) for mark in marks]
    points = [(points[0][0], y.start), *points, (points[-1][0], y.start)]
    path = "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
    canvas.parts.append(f'<path class="floor" d="M{path}Z"/>')


def _ends_of_lines(
    canvas: Canvas,
    figure: Figure,
    view: View,
    x: Scale,
    y: Scale,
    by_name: dict[str, list[Mark]],
) -> None:
    """The names at the ends of the lines that are on, one above the other."""
    ends = sorted(
        (y.at(marks[-1].value), name)
        for name, marks in by_name.items()
        if name in view.main
    )
    free = -math.inf
    for at, name in ends:
        at = max(at, free)
        mark = by_name[name][-1]
        canvas.text(
            (x.at(mark.x) + 9.0, at),
            name,
            GEOMETRY["text"],
            ink(name, view, figure),
            is_bold=True,
        )
        free = at + GEOMETRY["text"] + 2.0


def _scatter(figure: Figure, view: View, width: float) -> Canvas:
    canvas, x, y = _frame(figure, GEOMETRY["scatter"], width)
    for index, mark in enumerate(figure.marks):
        used = ink(mark.name, view, figure)
        at = x.at(mark.x)
        with _mark(canvas, figure, index):
            canvas.line((at, y.at(mark.low)), (at, y.at(mark.high)), used, 1.4)
            canvas.marker((at, y.at(mark.value)), MARKERS[0], used)
    taken: list[tuple[float, float, float]] = []
    size = GEOMETRY["text"]
    for mark in sorted(figure.marks, key=lambda mark: mark.name not in view.main):
        start, y_at = x.at(mark.x), y.at(mark.value)
        end = start + 9.0 + text_width(mark.name, size)
        if end <= width and _is_free(taken, start, end, y_at):
            taken.append((start, end, y_at))
            canvas.text(
                (start + 8.0, y_at),
                mark.name,
                size,
                ink(mark.name, view, figure),
                is_bold=mark.name in view.main,
            )
    return canvas


def _is_free(
    taken: list[tuple[float, float, float]], left: float, right: float, y: float
) -> bool:
    near = GEOMETRY["text"] + 1.0
    return all(
        right < start or left > end or abs(y - at) >= near for start, end, at in taken
    )


def _frame(
    figure: Figure, at: dict[str, float], width: float
) -> tuple[Canvas, Scale, Scale]:
    """Two logarithmic scales with their ticks and titles."""
    bottom = at["height"] - at["foot"]
    canvas = Canvas(width, at["height"])
    x = _log_scale([m.x for m in figure.marks], at["left"], width - at["right"])
    y = _log_scale(list(_ends(figure.marks)), bottom, at["head"])
    steps = x.steps() if figure.form == SCATTER else sorted({m.x for m in figure.marks})
    small = GEOMETRY["small"]
    for step in steps:
        canvas.line((x.at(step), at["head"]), (x.at(step), bottom), GRID, 0.8)
        canvas.text((x.at(step), bottom + 12.0), tick(step), small, FAINT, "middle")
    for step in y.steps():
        canvas.line((x.start, y.at(step)), (x.end, y.at(step)), GRID, 0.8)
        canvas.text((x.start - 6.0, y.at(step)), tick(step), small, FAINT, "end")
    canvas.text(((x.start + x.end) / 2, bottom + 32.0), figure.x_title, anchor="middle")
    canvas.text((4.0, 10.0), figure.y_title)
    return canvas, x, y


@contextmanager
def _mark(canvas: Canvas, figure: Figure, index: int) -> Iterator[None]:
    canvas.parts.append(f'<g class="mark" data-mark="{index}">')
    yield
    canvas.parts.append("</g>")
