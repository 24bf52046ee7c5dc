"""The report's charts, in the order of the page.

To add one, write a module here with draw(table, run), which gives Chart
objects, and add its line to CHARTS. table holds allocators of one class alone,
and run has what table has not; panels.py has axes, scales and legends.
"""

from collections.abc import Callable, Iterable

from load import Run
from table import Table

from . import latency, memory, overview, ratio, throughput
from .chart import Chart

CHARTS: tuple[Callable[[Table, Run], Iterable[Chart]], ...] = (
    overview.draw,
    throughput.draw,
    ratio.draw,
    latency.draw,
    memory.draw,
)
