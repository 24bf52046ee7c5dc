"""The parts of charts: the area that data are drawn into, and its scales."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from canvas import Canvas, text_width
from style import FAINT, GRID

SMALL = 9.5  # pixels, the size of the scales' text
FEW_STEPS = 8  # a logarithmic scale shows 2 and 5 beside 1 up to as many
MOST_STEPS = 7  # powers of ten that a scale names


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


def scale_below(
    canvas: Canvas,
    panel: Panel,
    scale: Scale,
    steps: Iterable[float],
    label: Callable[[float], str],
    size: float = SMALL,
) -> None:
    """Lines of the grid at steps, and their labels where they fit."""
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


def reach(values: Iterable[float], margin: float, least: float) -> tuple[float, float]:
    """The ends of a scale: of values, all above 0, with a factor as margin, and at
    least a factor of least from end to end."""
    known = list(values)
    low, high = min(known), max(known)
    more = max(1.0, math.sqrt(least * low / high))
    return low / margin / more, high * margin * more
