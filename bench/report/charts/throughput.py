"""Allocations a second against n, one file a workload."""

from collections.abc import Iterator

import style
from load import Run
from table import Group, Table

from . import lines
from .chart import Chart
from .lines import Series, Spot

UNITS = ((1e9, " G"), (1e6, " M"), (1e3, " k"))


def draw(table: Table, run: Run) -> Iterator[Chart]:
    """A workload of which each distribution has one n alone has no lines, and so
    no chart here; the ratios show it."""
    pens = style.pens(table)
    for workload in table.workloads:
        groups = table.of(workload)
        if all(len(group.ns) < 2 for group in groups):
            continue
        yield Chart(
            f"throughput-{workload}",
            f"{workload}: allocations a second against n",
            "Higher is better. Both scales are logarithmic: equal distances are "
            "equal factors. A bar spans the interval of the median over the "
            "layouts. What disturbed whole rounds is in it, so compare by the "
            "ratios.",
            lines.draw(
                f"{workload}: allocations a second, against the allocations of a "
                "region",
                [_series(group) for group in groups],
                table.allocators,
                pens,
                _rate,
            ),
        )


def _series(group: Group) -> Series:
    return Series(
        group.sizes,
        {
            name: [
                Spot(n, cell.rate.median, cell.rate.low, cell.rate.high)
                for n, cell in group.of(name)
            ]
            for name in group.allocators
        },
    )


def _rate(rate: float) -> str:
    for unit, name in UNITS:
        if rate >= unit:
            return f"{rate / unit:g}{name}"
    return f"{rate:g}"
