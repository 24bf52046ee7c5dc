"""Allocations a second against n, one line an allocator, one file a workload."""

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

import style
from table import Group, Table

from .chart import Chart

COLUMNS = 3
PANEL = (3.6, 2.8)  # inches
UNITS = ((1e9, " G"), (1e6, " M"), (1e3, " k"))


def draw(table: Table) -> Iterator[Chart]:
    for workload in table.workloads:
        yield Chart(
            f"throughput-{workload}",
            f"{workload}: allocations a second against n",
            "Higher is better. Both axes are logarithmic: equal distances are "
            "equal factors. A bar spans the interval of the median over all "
            "rounds; what disturbed whole rounds is in it, so compare by the "
            "ratios.",
            _grid(table, workload),
        )


def _grid(table: Table, workload: str) -> Figure:
    groups = table.of(workload)
    pens = style.pens(table)
    width = PANEL[0] * max(2, min(COLUMNS, len(groups)))
    top = style.legend_height(len(table.allocators), width)
    chart, panels = style.grid(len(groups), COLUMNS, PANEL, top)
    for axes, group in zip(panels, groups):
        _lines(axes, group, pens)
        _scales(axes, sorted({n for each in groups for n in each.ns}))
    style.legend(chart, panels)
    chart.supxlabel("n, allocations in a region", fontsize=9)
    chart.supylabel(f"{workload}: allocations a second", fontsize=9)
    return chart


def _lines(axes: Axes, group: Group, pens: dict[str, style.Pen]) -> None:
    axes.set_title(group.sizes)
    for name in group.allocators:
        pen = pens[name]
        cells = group.of(name)
        rates = [cell.rate for _, cell in cells]
        axes.errorbar(
            [n for n, _ in cells],
            [rate.median for rate in rates],
            yerr=style.arms(rates),
            label=name,
            linestyle=pen.dash,
            linewidth=pen.width,
            elinewidth=1.0,
            capsize=2,
            zorder=pen.layer,
            **pen.marks(),
        )


def _scales(axes: Axes, ns: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(ns)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: style.short(n)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda rate, _: _rate(rate)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="minor", axis="y", linewidth=0.3)


def _rate(rate: float) -> str:
    for unit, name in UNITS:
        if rate >= unit:
            return f"{rate / unit:g}{name}"
    return f"{rate:g}"
