"""How charts look, and how one SVG file suits a light and a dark page.

An ink has a light and a dark twin, and the style sheet of each file takes the
one that the reader prefers. A viewer without media queries shows the light one.
The hues are those of Okabe and Ito, Color Universal Design (2008), made darker
or lighter until each has a contrast of 3 to its ground (WCAG 2.1, 1.4.11).
Markers differ too.
"""

import functools
from typing import NamedTuple


class Ink(NamedTuple):
    name: str  # of its classes: after "f" it fills, after "s" it strokes
    light: str
    dark: str


GROUND = Ink("g", "#ffffff", "#0d1117")
TEXT = Ink("t", "#1f2328", "#e6edf3")
FAINT = Ink("q", "#59636e", "#9198a1")  # second-rank text, and no difference
GRID = Ink("l", "#d8dee4", "#2a313a")

BASELINE = Ink("b", "#0072b2", "#4aa8e0")
SERIES = (
    Ink("1", "#d55e00", "#f0803c"),  # vermillion
    Ink("2", "#00875f", "#1fbf91"),  # bluish green
    Ink("3", "#b0589a", "#d98fbd"),  # reddish purple
    Ink("4", "#a97400", "#e69f01"),  # orange
    Ink("5", "#3d434b", "#f5f7fa"),  # black
    Ink("6", "#2e93cf", "#8ccdf2"),  # sky blue
    Ink("7", "#8a8000", "#f0e442"),  # yellow
)
INKS = (GROUND, TEXT, FAINT, GRID, BASELINE, *SERIES)

# Their paths are in canvas.py.
BASELINE_MARKER = "circle"
MARKERS = (
    "square",
    "up",
    "diamond",
    "down",
    "plus",
    "cross",
    "hexagon",
    "left",
    "right",
    "pentagon",
    "thin",
    "star",
)
AGAIN_MARKER = "again"
UNSTABLE_MARKER = "unstable"
OPEN_MARKERS = (AGAIN_MARKER, UNSTABLE_MARKER)

DASHES = ("", "6 3", "6 3 1 3")  # as SVG has them
AGAIN_DASH = "1 3"


@functools.cache
def sheet() -> str:
    """The style sheet of a chart: both twins of every ink."""
    return (
        ":root{color-scheme:light dark}\n"
        "use{stroke-width:.5}use.o{stroke-width:1.2}\n"
        f"{rules('light')}"
        "@media (prefers-color-scheme: dark){\n"
        f"{rules('dark')}"
        "}\n"
    )


def rules(side: str) -> str:
    """The rules of every ink for a ground, which is light or dark."""
    return "".join(
        f".f{ink.name}{{fill:{getattr(ink, side)}}}"
        f".s{ink.name}{{stroke:{getattr(ink, side)}}}\n"
        for ink in INKS
    )
