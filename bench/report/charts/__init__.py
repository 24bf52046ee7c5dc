"""The report's charts, in the order of the page.

To add one, write a module here with draw(table), which gives Chart objects,
and add its line to CHARTS.
"""

from collections.abc import Callable, Iterable

from table import Table

from . import overview, ratio, throughput
from .chart import Chart

CHARTS: tuple[Callable[[Table], Iterable[Chart]], ...] = (
    overview.draw,
    throughput.draw,
    ratio.draw,
)
