"""Each row's time over the baseline's: a dot and its interval."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import style
import words
from canvas import Canvas
from interval import Estimate
from load import Run
from style import FAINT, GRID, Look, Pen
from table import Group, Table
from verdicts import spread

from . import panels
from .chart import Chart
from .panels import Frame, Panel, Scale

COLUMNS = 3
WIDTH = 300.0  # pixels of a panel's data
ROW = 12.5  # pixels a dot
FRAME = Frame(left=40.0, below=26.0)
FRAME_NAMES = Frame(left=110.0, below=26.0)  # where names are on the left
MARGIN = 1.15  # factor of free room at either end of the scale
LEAST = 1.25  # factor that the scale shows at least on either side of 1


def draw(table: Table, run: Run) -> Iterator[Chart]:
    pens = style.pens(table)
    for workload in table.workloads:
        groups = [group for group in table.of(workload) if _names(table, group)]
        if not groups:
            continue
        yield Chart(
            f"ratio-{workload}",
            f"{workload}: time of an allocation, {table.baseline} = 1",
            f"Right of 1 is slower than {table.baseline}, left of it faster; "
            "the scale is logarithmic, the numbers on the left are n. A dot is "
            "the median of the layouts' ratios, its line the interval. A grey dot "
            "is no known difference: filled where it is equal, hollow where it is "
            "unknown. A grey star is an unstable cell. The shaded band is the A/A "
            "spread.",
            _panels(table, workload, groups, pens),
        )


class Line(NamedTuple):
    """A line of a panel, at y in the middle: a dot, or without n a name alone."""

    y: float
    name: str
    n: int | None


def _panels(
    table: Table, workload: str, groups: list[Group], pens: dict[str, Pen]
) -> Canvas:
    """Names stand over the dots of their ns, or beside them where no group has
    more than one n."""
    is_flat = all(len(group.ns) == 1 for group in groups)
    lines = [_lines(group, _names(table, group), is_flat) for group in groups]
    canvas, places = panels.lay_out(
        [(WIDTH, ROW * len(of)) for of in lines],
        COLUMNS,
        FRAME_NAMES if is_flat else FRAME,
        panels.HEAD,
    )
    panels.heading(canvas, f"{workload}: time over {table.baseline}'s")
    low, high = _reach(groups)
    for panel, group, of in zip(places, groups, lines):
        head = f"{group.sizes}, n = {group.ns[0]:,}" if is_flat else group.sizes
        panels.title(canvas, panel, head)
        x = panel.across(low, high)
        placed = [line._replace(y=panel.top + line.y) for line in of]
        _bands(canvas, x, group, placed)
        panels.scale_below(canvas, panel, x, x.steps(), "{:g}".format)
        one = x.at(1.0)
        canvas.line((one, panel.top), (one, panel.bottom), FAINT)
        for line in placed:
            _label(canvas, panel, line, is_flat)
            cell = group.cells.get((line.name, line.n)) if line.n else None
            if cell and cell.ratio:
                _dot(canvas, x, line.y, cell.ratio, style.look(cell, pens[line.name]))
    return canvas


def _names(table: Table, group: Group) -> list[str]:
    return [
        name
        for name in group.allocators
        if name != table.baseline and any(cell.ratio for _, cell in group.of(name))
    ]


def _lines(group: Group, names: list[str], is_flat: bool) -> list[Line]:
    """Those of a panel that begins at 0."""
    keys: list[tuple[str, int | None]] = []
    for name in names:
        keys += [] if is_flat else [(name, None)]
        keys += [(name, n) for n in group.ns]
    return [Line(ROW * (index + 0.5), *key) for index, key in enumerate(keys)]


def _bands(canvas: Canvas, x: Scale, group: Group, lines: list[Line]) -> None:
    for y, _, n in lines:
        if n in group.pairs:
            reach = math.exp(spread(group.pairs[n]))
            left, right = x.at(max(1.0 / reach, x.low)), x.at(min(reach, x.high))
            canvas.bar(left, y - ROW / 2.0, right, y + ROW / 2.0, GRID)


def _label(canvas: Canvas, panel: Panel, line: Line, is_flat: bool) -> None:
    if line.n is None:
        canvas.text((panel.left + 2.0, line.y), line.name, 10.0, is_bold=True)
        return
    text, size = (line.name, 10.0) if is_flat else (words.short(line.n), 8.0)
    canvas.text((panel.left - 4.0, line.y), text, size, FAINT, anchor="end")


def _dot(canvas: Canvas, x: Scale, y: float, ratio: Estimate, look: Look) -> None:
    canvas.line((x.at(ratio.low), y), (x.at(ratio.high), y), look.ink, 1.4)
    canvas.marker((x.at(ratio.median), y), look.marker, look.ink, look.is_hollow)


def _reach(groups: list[Group]) -> tuple[float, float]:
    """The scale's ends, one for all panels."""
    ratios = [
        cell.ratio for group in groups for cell in group.cells.values() if cell.ratio
    ]
    low = min([ratio.low for ratio in ratios] + [1.0 / LEAST])
    high = max([ratio.high for ratio in ratios] + [LEAST])
    return low / MARGIN, high * MARGIN
