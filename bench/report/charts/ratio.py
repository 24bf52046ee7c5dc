"""Each row's time over the baseline's: a dot and its interval."""

import math
from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

import style
from interval import Estimate
from table import TIE, UNJUDGED, Group, Table, spread

from .chart import Chart

COLUMNS = 3
WIDTH = 3.6  # inches a panel
ROW = 0.13  # inches a dot
NAME = 1.4  # dots' rows that an allocator's name takes
HEAD = 0.8  # inches a panel's title and scale
MARGIN = 1.15  # factor of free room at either end of the scale
LEAST = 1.25  # factor that the scale shows at least on either side of 1
STEPS = [step * 10.0**power for power in range(-4, 6) for step in (1.0, 2.0, 5.0)]

GREY = {
    "color": style.FAINT.light,
    "markerfacecolor": style.GROUND.light,
    "markeredgecolor": style.FAINT.light,
    "markeredgewidth": 1.0,
}


def draw(table: Table) -> Iterator[Chart]:
    for workload in table.workloads:
        yield Chart(
            f"ratio-{workload}",
            f"{workload}: time of an allocation, {table.baseline} = 1",
            f"Right of 1 is slower than {table.baseline}, left of it faster; "
            "the scale is logarithmic, the numbers at the left are n. A dot is "
            "the median of the ratios of single rounds, its line the interval. "
            "A hollow grey dot is a tie, the shaded band the A/A spread.",
            _grid(table, workload),
        )


def _grid(table: Table, workload: str) -> Figure:
    groups = table.of(workload)
    ns = sorted({n for group in groups for n in group.ns})
    shown = {name for group in groups for name in group.allocators}
    names = [n for n in table.allocators if n in shown and n != table.baseline]
    step = len(ns) + NAME
    places = {
        (name, n): block * step + NAME + index
        for block, name in enumerate(names)
        for index, n in enumerate(ns)
    }
    panel = (WIDTH, HEAD + ROW * step * len(names))
    chart, panels = style.grid(len(groups), COLUMNS, panel)
    low, high = _reach(groups)
    for axes, group in zip(panels, groups):
        _dots(axes, group, places, style.pens(table))
        _names(axes, [(name, block * step) for block, name in enumerate(names)])
        _scale(axes, low, high)
        axes.set_yticks(
            list(places.values()), [style.short(n) for _, n in places], fontsize=6
        )
        axes.set_ylim(step * len(names) + 0.2, -0.8)
        axes.grid(False, axis="y")
        style.bare(axes)
    chart.supxlabel(f"{workload}: time over {table.baseline}'s", fontsize=9)
    return chart


def _dots(
    axes: Axes,
    group: Group,
    places: dict[tuple[str, int], float],
    pens: dict[str, style.Pen],
) -> None:
    axes.set_title(group.sizes)
    axes.axvline(1.0, color=style.FAINT.light, linewidth=1.0, zorder=1)
    for name in group.allocators:
        dots = [
            (places[name, n], cell.ratio, cell.verdict in (TIE, UNJUDGED))
            for n, cell in group.of(name)
            if (name, n) in places and cell.ratio
        ]
        marks = pens[name].marks()
        for drawn, look in ((False, marks), (True, marks | GREY)):
            _intervals(axes, [dot[:2] for dot in dots if dot[2] is drawn], look)
    bands = [
        (place, spread(group.pairs[n]))
        for (_, n), place in places.items()
        if n in group.pairs
    ]
    axes.barh(
        [place for place, _ in bands],
        [math.exp(reach) - math.exp(-reach) for _, reach in bands],
        left=[math.exp(-reach) for _, reach in bands],
        height=1.0,
        color=style.GRID.light,
        zorder=0.5,
    )


def _intervals(
    axes: Axes, dots: list[tuple[float, Estimate]], look: dict[str, Any]
) -> None:
    if dots:
        axes.errorbar(
            [ratio.median for _, ratio in dots],
            [place for place, _ in dots],
            xerr=style.arms([ratio for _, ratio in dots]),
            linestyle="none",
            elinewidth=1.4,
            **look,
        )


def _names(axes: Axes, places: list[tuple[str, float]]) -> None:
    for name, place in places:
        axes.text(
            0.0,
            place,
            name,
            transform=axes.get_yaxis_transform(),
            fontsize=7.5,
            fontweight="bold",
            verticalalignment="center",
            bbox={"color": style.GROUND.light, "pad": 0.5},
        )


def _reach(groups: list[Group]) -> tuple[float, float]:
    """The scale's ends, one for all panels."""
    ratios = [
        cell.ratio for group in groups for cell in group.cells.values() if cell.ratio
    ]
    low = min([ratio.low for ratio in ratios] + [1.0 / LEAST])
    high = max([ratio.high for ratio in ratios] + [LEAST])
    return low / MARGIN, high * MARGIN


def _scale(axes: Axes, low: float, high: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    steps = [step for step in STEPS if low <= step <= high]
    axes.xaxis.set_major_locator(FixedLocator(steps))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
