"""What a chart module gives to the report."""

from typing import NamedTuple

from canvas import Canvas


class Chart(NamedTuple):
    name: str  # of its file, without .svg
    title: str
    caption: str  # how to read it
    canvas: Canvas
