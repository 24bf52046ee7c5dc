"""Who is how fast on a real request's sizes: the chart for a first look."""

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import style
import words
from table import TIE, Cell, Group, Table, percent, spread

from .chart import Chart

WORKLOAD = "fill"
SIZES = "nginx"  # how the names of recorded nginx requests begin
PANEL = 2.4  # inches wide
ROW = 0.3  # inches a bar
HEAD = 1.2  # inches of titles
ROOM = 1.65  # the scale's end over the longest bar, room for its label


def draw(table: Table) -> Iterator[Chart]:
    """Nothing where the run left out the rows that it shows."""
    for group in table.of(WORKLOAD):
        if group.sizes.startswith(SIZES) and table.baseline in group.allocators:
            yield Chart(
                "overview",
                f"{group.sizes}: time of an allocation, {group.workload}",
                "Shorter is faster; each panel has a scale of its own, from 0. "
                "Beside each bar: median time of an "
                f"allocation, its share of the region's start and end included; "
                f"then its ratio to {table.baseline}'s from paired rounds.",
                _bars(table, group),
            )
            return


def _bars(table: Table, group: Group) -> Figure:
    """One panel for each n, one bar an allocator, the fastest at the top."""
    names = [name for name in table.unique if name in group.allocators]
    names.sort(key=lambda name: _mean_rank(group, name))
    chart = style.figure(1.0 + PANEL * len(group.ns), HEAD + ROW * len(names))
    panels = chart.subplots(1, len(group.ns), squeeze=False, sharey=True)
    pens = style.pens(table)
    for axes, n in zip(panels.flat, group.ns):
        axes.set_title(_head(group, n), fontsize=8.5)
        cells = {name: group.cells.get((name, n)) for name in names}
        for place, (name, cell) in enumerate(cells.items()):
            if cell:
                axes.barh(place, cell.time_ns, 0.62, color=pens[name].ink.light)
                _label(axes, place, cell, name == table.baseline)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(0.0, ROOM * max(c.time_ns for c in cells.values() if c))
        axes.tick_params(axis="y", labelcolor=style.TEXT.light)
        axes.grid(False)
        axes.tick_params(labelbottom=False)
        style.bare(axes)
    chart.suptitle(
        f"{group.sizes}: nanoseconds an allocation, and ratio to "
        f"{table.baseline} (shorter is faster)",
        x=0.01,
        horizontalalignment="left",
        fontsize=10,
        fontweight="bold",
    )
    return chart


def _mean_rank(group: Group, name: str) -> float:
    """Sorts by the place among the bars of each n, on the average."""
    cells = group.of(name)
    return sum(
        sum(
            group.cells[other, n].time_ns < cell.time_ns
            for other in group.allocators
            if (other, n) in group.cells
        )
        for n, cell in cells
    ) / len(cells)


def _head(group: Group, n: int) -> str:
    text = f"{style.short(n)} a region"
    if n in group.pairs:
        text += f", A/A ±{percent(spread(group.pairs[n])):.1f} %"
    return text


def _label(axes: Axes, place: int, cell: Cell, baseline: bool) -> None:
    text = words.digits(cell.time_ns)
    if cell.verdict == TIE:
        text += ", tie"
    elif cell.ratio and not baseline:
        text += f", {words.digits(cell.ratio.median)}×"
    axes.annotate(
        text,
        (cell.time_ns, place),
        (4, 0),
        textcoords="offset points",
        verticalalignment="center",
        fontsize=8.5,
        fontweight="bold" if baseline else "normal",
    )
