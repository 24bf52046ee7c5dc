"""Who is how fast on a real request's sizes: the chart for a first look."""

from collections.abc import Iterator

import style
import words
from canvas import Canvas, text_width
from load import Run
from style import TEXT
from table import Cell, Group, Table
from verdicts import EQUAL, SAME, UNKNOWN, UNSTABLE, percent, spread

from . import panels
from .chart import Chart
from .panels import Frame, Panel

WORKLOAD = "fill"
SIZES = "nginx"  # how the names of recorded nginx requests begin
COLUMNS = 4
WIDTH = 210.0  # pixels of a panel
ROW = 20.0  # pixels a bar
BAR = 13.0  # of them
LABEL = 96.0  # pixels that a bar's label takes


def draw(table: Table, run: Run) -> Iterator[Chart]:
    """Nothing where the run left out the rows that it shows."""
    for group in table.of(WORKLOAD):
        if group.sizes.startswith(SIZES) and table.baseline in group.allocators:
            yield Chart(
                "overview",
                f"{group.sizes}: time of an allocation, {group.workload}",
                "Shorter is faster; each panel has a scale of its own, from 0. "
                "Beside each bar: median time of an allocation in ns, its share of "
                "the region's start and end included; then its ratio to "
                f"{table.baseline}'s, or why no difference is known.",
                _bars(table, group),
            )
            return


def _bars(table: Table, group: Group) -> Canvas:
    """One panel for each n, one bar an allocator, the fastest at the top."""
    names = [name for name in table.unique if name in group.allocators]
    names.sort(key=lambda name: _mean_rank(group, name))
    frame = Frame(left=10.0 + max(text_width(name) for name in names), below=6.0)
    canvas, places = panels.lay_out(
        [(WIDTH, ROW * len(names))] * len(group.ns), COLUMNS, frame, panels.HEAD
    )
    panels.heading(
        canvas,
        f"{group.sizes}: nanoseconds an allocation, and ratio to {table.baseline} "
        "(shorter is faster)",
    )
    for panel, n in zip(places, group.ns):
        _panel(canvas, panel, table, group, n, names)
    return canvas


def _panel(
    canvas: Canvas, panel: Panel, table: Table, group: Group, n: int, names: list[str]
) -> None:
    panels.title(canvas, panel, _head(group, n))
    pens = style.pens(table)
    cells = {name: group.cells.get((name, n)) for name in names}
    longest = max(cell.time_ns for cell in cells.values() if cell)
    for index, (name, cell) in enumerate(cells.items()):
        y = panel.top + ROW * (index + 0.5)
        is_baseline = name == table.baseline
        at = (panel.left - 5.0, y)
        canvas.text(at, name, anchor="end", ink=TEXT, is_bold=is_baseline)
        if cell:
            end = panel.left + (WIDTH - LABEL) * cell.time_ns / longest
            half = BAR / 2.0
            canvas.bar(panel.left, y - half, end, y + half, pens[name].ink)
            canvas.text((end + 4.0, y), _label(cell), is_bold=is_baseline)


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
    text = f"{words.short(n)} a region"
    if n in group.pairs:
        text += f", A/A ±{percent(spread(group.pairs[n])):.1f} %"
    return text


def _label(cell: Cell) -> str:
    text = words.digits(cell.time_ns)
    if cell.verdict in (EQUAL, UNKNOWN, UNSTABLE):
        return f"{text}, {cell.verdict}"
    if cell.ratio and cell.verdict != SAME:
        return f"{text}, {words.digits(cell.ratio.median)}×"
    return text
